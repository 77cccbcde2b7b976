/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a result straight into the reply as JSON, by the route's columns. No tree is built; json
 * columns are copied verbatim.
 */
#ifndef COKO_API_JSON_ROWS_H
#define COKO_API_JSON_ROWS_H

#include "api/route.h"
#include "gateway/lib/jsonw.h"

/* -1 and err when the result lacks a column of the route. at[] gets the column numbers. */
MUST_CHECK int json_rows_columns(const struct route *r, const struct op *op,
                                 int at[ROUTE_COLUMNS_MAX], struct err *e);

/* One row as an object. */
void json_rows_object(const struct route *r, const struct op *op, const int at[ROUTE_COLUMNS_MAX],
                      int row, struct jsonw *j);

#endif

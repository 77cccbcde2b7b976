/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows into JSON. See json_rows.h.
 */
#include "api/json_rows.h"

int json_rows_columns(const struct route *r, const struct op *op, int at[ROUTE_COLUMNS_MAX],
                      struct err *e)
{
    for (unsigned i = 0; i < r->ncolumns; i++) {
        at[i] = pg_col(op, r->columns[i].name);
        if (at[i] < 0)
            return err_set(e, ERR_BAD_CONFIG, "%s: the statement gives no column %s", r->name,
                           r->columns[i].name);
    }
    return 0;
}

/* "2026-07-04 12:34:56.5" of a timestamp in UTC to "2026-07-04T12:34:56.5Z" (RFC 3339). */
static void write_time(struct jsonw *j, struct str text)
{
    char mem[40];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    for (size_t i = 0; i < text.n; i++)
        buf_addc(&b, text.p[i] == ' ' ? 'T' : text.p[i]);
    buf_addc(&b, 'Z');
    jsonw_str(j, buf_str(&b));
}

static void write_value(struct jsonw *j, enum column_type type, struct str text)
{
    switch (type) {
    case COLUMN_INT:
    case COLUMN_JSON: jsonw_raw(j, text); break;
    case COLUMN_BOOL: jsonw_bool(j, str_eq(text, STR("t"))); break;
    case COLUMN_TIME: write_time(j, text); break;
    case COLUMN_STRING:
    case COLUMN_UUID:
    case COLUMN_TYPES: jsonw_str(j, text); break;
    }
}

void json_rows_object(const struct route *r, const struct op *op, const int at[ROUTE_COLUMNS_MAX],
                      int row, struct jsonw *j)
{
    jsonw_object(j);
    for (unsigned i = 0; i < r->ncolumns; i++) {
        jsonw_key(j, r->columns[i].name);
        if (pg_is_null(op, row, at[i]))
            jsonw_null(j);
        else
            write_value(j, r->columns[i].type, pg_str(op, row, at[i]));
    }
    jsonw_end(j);
}

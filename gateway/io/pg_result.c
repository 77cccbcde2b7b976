/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a finished request's result: checked accessors over libpq's. */
#include <stdlib.h>

#include "gateway/io/pg.h"
#include "gateway/lib/basenc.h"

PGresult *pg_result(const struct op *op)
{
    return op->err.code == ERR_OK ? op->result : NULL;
}

int pg_rows(const struct op *op)
{
    PGresult *res = pg_result(op);

    return res != NULL ? PQntuples(res) : 0;
}

int pg_col(const struct op *op, const char *name)
{
    PGresult *res = pg_result(op);

    return res != NULL ? PQfnumber(res, name) : -1;
}

/* The result when it has this field and it is not NULL. */
static PGresult *field_at(const struct op *op, int row, int col)
{
    PGresult *res = pg_result(op);

    if (res == NULL || row < 0 || col < 0 || row >= PQntuples(res) || col >= PQnfields(res) ||
        PQgetisnull(res, row, col))
        return NULL;
    return res;
}

bool pg_is_null(const struct op *op, int row, int col)
{
    return field_at(op, row, col) == NULL;
}

const char *pg_text(const struct op *op, int row, int col)
{
    PGresult *res = field_at(op, row, col);

    return res != NULL ? PQgetvalue(res, row, col) : "";
}

struct str pg_str(const struct op *op, int row, int col)
{
    PGresult *res = field_at(op, row, col);

    if (res == NULL)
        return STR_EMPTY;
    return str_n(PQgetvalue(res, row, col), (size_t)PQgetlength(res, row, col));
}

int64_t pg_i64(const struct op *op, int row, int col)
{
    int64_t n;

    return str_to_i64(pg_str(op, row, col), INT64_MIN, INT64_MAX, &n) ? n : 0;
}

bool pg_bool(const struct op *op, int row, int col)
{
    return pg_text(op, row, col)[0] == 't';
}

ptrdiff_t pg_bytea(const struct op *op, int row, int col, void *out, size_t cap)
{
    struct str hex = pg_str(op, row, col);

    if (hex.n == 0)
        return 0;
    if (hex.n < 2 || hex.p[0] != '\\' || hex.p[1] != 'x')
        return -1;
    return hex_decode(str_skip(hex, 2), out, cap);
}

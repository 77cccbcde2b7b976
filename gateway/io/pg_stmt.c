/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and their parameters: the list of all statements of the process (constant rows put
 * themselves on it before main), parameters gathered on the stack, a request with its own copy.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/pg_conn.h"

static struct pg_stmt *all;
static unsigned next_id;

void pg_stmt_register(struct pg_stmt *s)
{
    assert(next_id < PG_STMT_MAX && s->nparams <= PG_PARAMS_MAX);
    s->id = next_id++;
    s->next = all;
    all = s;
}

const struct pg_stmt *pg_stmt_first(void)
{
    return all;
}

const struct pg_stmt *pg_stmt_find(const char *name)
{
    const struct pg_stmt *s = all;

    while (s != NULL && strcmp(s->name, name) != 0)
        s = s->next;
    return s;
}

static bool name_fits(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");

    return n > 0 && n < 48 && name[n] == '\0';
}

/* A loaded statement and its strings in one block. */
struct loaded {
    struct pg_stmt stmt;
    char text[];
};

#define IS_LOADED (1u << 31)

struct pg_stmt *pg_stmt_new(const char *name, const char *sql, enum pg_lane lane, unsigned nparams,
                            unsigned flags, struct err *e)
{
    size_t name_len = strlen(name) + 1, sql_len = strlen(sql) + 1;
    struct loaded *l;

    if (!name_fits(name) || nparams > PG_PARAMS_MAX || lane >= PG_LANES) {
        err_set(e, ERR_BAD_INPUT, "statement %.40s: bad name, lane or number of parameters", name);
        return NULL;
    }
    if (pg_stmt_find(name) != NULL || next_id == PG_STMT_MAX) {
        err_set(e, ERR_BAD_INPUT, "statement %s: %s", name,
                next_id == PG_STMT_MAX ? "too many statements" : "the name is taken");
        return NULL;
    }
    l = calloc(1, sizeof *l + name_len + sql_len);
    if (l == NULL)
        abort();
    memcpy(l->text, name, name_len);
    memcpy(l->text + name_len, sql, sql_len);
    l->stmt = (struct pg_stmt){.name = l->text,
                               .sql = l->text + name_len,
                               .lane = lane,
                               .nparams = nparams,
                               .flags = flags | IS_LOADED};
    pg_stmt_register(&l->stmt);
    return &l->stmt;
}

void pg_stmt_free_all(void)
{
    struct pg_stmt **at = &all;

    while (*at != NULL) {
        struct pg_stmt *s = *at;

        if (s->flags & IS_LOADED) {
            *at = s->next;
            free(container_of(s, struct loaded, stmt));
        } else {
            at = &s->next;
        }
    }
}

/* ---- lanes by name ---- */

static const char *const lane_names[PG_LANES] = {
    [PG_READ] = "read",   [PG_WRITE] = "write", [PG_SLOW] = "slow",
    [PG_BATCH] = "batch", [PG_WAKE] = "wake",
};

const char *pg_lane_name(enum pg_lane lane)
{
    return lane < PG_LANES ? lane_names[lane] : "?";
}

int pg_lane_parse(const char *word, enum pg_lane *lane)
{
    for (unsigned i = 0; i < PG_LANES; i++) {
        if (strcmp(lane_names[i], word) == 0) {
            *lane = (enum pg_lane)i;
            return 0;
        }
    }
    return -1;
}

/* ---- parameters ---- */

void pg_params_init(struct pg_params *p)
{
    p->n = 0;
    p->bad = false;
}

static void param_add(struct pg_params *p, const void *data, size_t len, bool binary)
{
    if (p->n == PG_PARAMS_MAX) {
        p->bad = true;
        return;
    }
    p->v[p->n].data = data;
    p->v[p->n].len = len;
    p->v[p->n].is_int = false;
    p->v[p->n].binary = binary;
    p->n++;
}

void pg_p_text(struct pg_params *p, const char *text)
{
    param_add(p, text, text != NULL ? strlen(text) : 0, false);
}

void pg_p_str(struct pg_params *p, struct str text)
{
    if (text.p != NULL && text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
        p->bad = true; /* PostgreSQL's text has no NUL: cutting there would change the value */
    param_add(p, text.p, text.n, false);
}

void pg_p_int(struct pg_params *p, int64_t number)
{
    param_add(p, "", 0, false);
    if (p->bad)
        return;
    p->v[p->n - 1].is_int = true;
    p->v[p->n - 1].number = number;
    p->v[p->n - 1].len = 20;
}

void pg_p_bool(struct pg_params *p, bool truth)
{
    pg_p_text(p, truth ? "t" : "f");
}

void pg_p_bytea(struct pg_params *p, const void *data, size_t len)
{
    param_add(p, data != NULL ? data : "", len, true);
}

void pg_p_null(struct pg_params *p)
{
    param_add(p, NULL, 0, false);
}

/* ---- requests ---- */

/* What a parameter takes in the request beside its bytes. */
#define PARAM_HEAD (sizeof(const char *) + 2 * sizeof(int))

static size_t params_size(const struct pg_params *p)
{
    size_t size = 0;

    for (unsigned i = 0; i < p->n; i++)
        size += p->v[i].len + 1;
    return size;
}

static void params_copy(struct pg_req *r, const struct pg_params *p)
{
    char *at = (char *)r->values + p->n * PARAM_HEAD;

    r->lengths = (int *)(r->values + p->n);
    r->formats = r->lengths + p->n;
    for (unsigned i = 0; i < p->n; i++) {
        size_t len = p->v[i].len;

        if (p->v[i].data == NULL)
            continue; /* SQL NULL: the zeroed row says it */
        r->values[i] = at;
        r->formats[i] = p->v[i].binary;
        if (p->v[i].is_int)
            len = (size_t)snprintf(at, len + 1, "%lld", (long long)p->v[i].number);
        else if (len > 0)
            memcpy(at, p->v[i].data, len);
        at[len] = '\0';
        r->lengths[i] = (int)len;
        at += len + 1;
    }
    r->nparams = p->n;
}

struct pg_req *pg_req_new(struct pg_stmt *s, const struct pg_params *p, struct err *e)
{
    static const struct pg_params none;
    size_t size;
    struct pg_req *r;

    if (p == NULL)
        p = &none;
    size = params_size(p);
    if (p->bad || p->n != s->nparams || size > PG_BODY_MAX) {
        err_set(e, ERR_BAD_INPUT, "%s: %u parameters of %u%s", s->name, p->n, s->nparams,
                p->bad ? ", one with a NUL" : "");
        return NULL;
    }
    r = calloc(1, sizeof *r + p->n * PARAM_HEAD + size);
    if (r == NULL)
        abort();
    list_init(&r->node);
    r->stmt = s;
    params_copy(r, p);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko carrier usage`, `trace` and `test-number`: what is told to a carrier from the database, and
 * the numbers that its engineers may dial with. No number comes out of here.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/papers/carrier.h"
#include "gateway/commands/menus.h"
#include "gateway/lib/seal.h"

#define ROW(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Opens both; NULL after a message. */
static PGconn *database(int argc, char **argv, struct config **c, int *code)
{
    const char *path;

    *c = command_config(argc, argv, &path, code);
    return *c ? PQconnectdb((*c)->store.database_url) : NULL;
}

/* ---- usage ---- */

static bool is_month(const char *s)
{
    return strlen(s) == 7 && strspn(s, "0123456789") == 4 && s[4] == '-' &&
           strspn(s + 5, "0123456789") == 2 && strcmp(s + 5, "00") > 0 && strcmp(s + 5, "13") < 0;
}

static void print_usage(const PGresult *r, FILE *out)
{
    fprintf(out, "day,carrier,sessions,ended,dropped,failed,hops,ms_median,ms_most\n");
    for (int i = 0; i < PQntuples(r); i++) {
        for (int k = 0; k < PQnfields(r); k++)
            fprintf(out, "%s%s", k ? "," : "", PQgetvalue(r, i, k));
        fprintf(out, "\n");
    }
}

int carrier_usage(const struct carrier_words *w, int argc, char **argv)
{
    struct config *c = NULL;
    int code = COMMAND_OK;
    char day[16];
    const char *v[] = {day, w->name};

    if (!is_month(w->month))
        return COMMAND_USAGE;
    snprintf(day, sizeof day, "%s-01", w->month);
    PGconn *db = database(argc, argv, &c, &code);

    if (!db)
        return code;
    PGresult *r = command_rows(db,
                               "select u.* from ops.carrier_usage($1::date) u"
                               " where $2 in ('', u.carrier)",
                               2, v);

    if (r)
        print_usage(r, stdout);
    else
        code = COMMAND_FAULT;
    PQclear(r);
    PQfinish(db);
    config_free(c);
    return code;
}

/* ---- trace ---- */

enum trace_column { SESSION, MS, N, KIND, FROM, SCREEN, ENDED, OURS, COUNTRY, LANG, BEGAN };

struct trace {
    const struct carrier_words *w;
    const PGresult *rows;
};

static size_t lang_no(const struct menu *m, const char *lang)
{
    for (size_t i = 0; menu_lang(m, i).n > 0; i++) {
        if (str_eq_c(menu_lang(m, i), lang))
            return i;
    }
    return 0;
}

static enum menu_safety safety(const struct menu *m, const char *screen)
{
    for (size_t i = 0; i < menu_screens(m); i++) {
        if (strcmp(menu_screen_name(m, i), screen) == 0)
            return menu_screen_safety(m, i);
    }
    return MENU_MONEY;
}

/* The screen's text as the menu has it, its variables by their names; none of a sensitive screen. */
static const char *text_of(const struct menu *m, json_t *screens, const char *screen)
{
    json_t *one;
    size_t i;

    if (!*screen)
        return "(no screen)";
    if (safety(m, screen) >= MENU_SENSITIVE)
        return "(not shown)";
    json_array_foreach(screens, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *text = json_string_value(json_object_get(one, "text"));

        if (name && text && strcmp(name, screen) == 0)
            return text;
    }
    return "";
}

static void trace_rows(const struct trace *t, const struct menu *m, json_t *screens,
                       struct document *d)
{
    document_table(d, ROW("no", "ms", "ours ms", "what", "screen", "text"));
    for (int i = 0; i < PQntuples(t->rows); i++) {
        const char *screen = PQgetvalue(t->rows, i, SCREEN);
        bool end = *PQgetvalue(t->rows, i, ENDED) == 't';

        document_row(d, ROW(PQgetvalue(t->rows, i, N), PQgetvalue(t->rows, i, MS),
                            PQgetvalue(t->rows, i, OURS), PQgetvalue(t->rows, i, KIND),
                            end       ? "(the last)"
                            : *screen ? screen
                                      : "-",
                            text_of(m, screens, screen)));
    }
    document_table_end(d);
}

static int write_trace(const struct menu *m, struct menu_report *report, void *arg)
{
    const struct trace *t = arg;
    struct document d;
    struct buf b;
    char title[128], where[32];

    (void)report;
    buf_init(&b, 4 << 20);
    menu_graph_json(m, lang_no(m, PQgetvalue(t->rows, 0, LANG)), NULL, &b);
    json_t *all = json_loadb(b.p, b.len, 0, NULL);

    snprintf(title, sizeof title, "Coko: one dialogue of %s", t->w->name);
    document_open(&d, t->w->html, title);
    document_table(&d, ROW("what", "value"));
    document_row(&d, ROW("began", PQgetvalue(t->rows, 0, BEGAN)));
    document_row(&d, ROW("dialogue, our name of it", PQgetvalue(t->rows, 0, SESSION)));
    document_row(&d, ROW("subscriber", "masked: the log holds no number"));
    snprintf(where, sizeof where, "%s, %s", PQgetvalue(t->rows, 0, COUNTRY),
             PQgetvalue(t->rows, 0, LANG));
    document_row(&d, ROW("country, language", where));
    document_row(&d, ROW("release", COKO_VERSION));
    document_table_end(&d);
    document_text(
        &d, "ms: since the dialogue began; ours: from the callback to our answer. Texts are the "
            "menu's, what was filled in and what was typed is not in the log; of screens that "
            "ask for a code, change something or take money there is none.");
    trace_rows(t, m, json_object_get(all, "screens"), &d);
    document_close(&d);
    json_decref(all);
    buf_fini(&b);
    return carrier_print(t->w, &d);
}

int carrier_trace(const struct carrier_words *w, int argc, char **argv)
{
    struct config *c = NULL;
    char mem[1024];
    int code = COMMAND_OK;
    const char *v[] = {w->name, w->at};
    PGconn *db = database(argc, argv, &c, &code);

    if (!db)
        return code;
    struct trace t = {.w = w,
                      .rows = command_rows(db,
                                           "select * from ops.hop_trace($1, coalesce(nullif($2, "
                                           "'')::timestamptz, ops.now()))",
                                           2, v)};

    if (!t.rows)
        code = COMMAND_FAULT;
    else if (PQntuples(t.rows) == 0)
        code = (fprintf(stderr, "coko carrier: no dialogue of %s then\n", w->name), COMMAND_FAULT);
    else
        code = menus_with(menus_dir(NULL, mem), write_trace, &t);
    PQclear((PGresult *)(uintptr_t)t.rows);
    PQfinish(db);
    config_free(c);
    return code;
}

/* ---- test numbers ---- */

static int lookup_of(const struct config *c, const char *number, char hex[65])
{
    struct seal_ring *ring = NULL;
    struct msisdn m;
    uint8_t lookup[32];
    struct err e = {0};

    if (msisdn_parse(str_c(number), NULL, &m, &e) != 0 ||
        seal_ring_new(str_c(c->core.keys), &ring, &e) != 0) {
        fprintf(stderr, "coko carrier: %s\n", e.msg);
        return -1;
    }
    seal_lookup(ring, STR("phone"), str_c(m.digits), lookup);
    seal_ring_free(ring);
    for (size_t i = 0; i < sizeof lookup; i++)
        snprintf(hex + 2 * i, 3, "%02x", lookup[i]);
    return 0;
}

int carrier_test_rows(const struct config *c, const char *number)
{
    char hex[65];
    const char *v[] = {hex};
    int n = -1;

    if (lookup_of(c, number, hex) != 0)
        return -1;
    PGconn *db = PQconnectdb(c->store.database_url);
    PGresult *r = command_rows(
        db, "select 1 from billing.test_number where lookup = decode($1, 'hex')", 1, v);

    if (r)
        n = PQntuples(r);
    PQclear(r);
    PQfinish(db);
    return n;
}

static int list_numbers(PGconn *db)
{
    PGresult *r =
        command_rows(db,
                     "select left(encode(lookup, 'hex'), 8), added_at::date, added_by, note"
                     " from billing.test_number order by added_at",
                     0, NULL);

    for (int i = 0; r && i < PQntuples(r); i++)
        printf("%s  %s  %-12s %s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
               PQgetvalue(r, i, 3));
    PQclear(r);
    return r ? COMMAND_OK : COMMAND_FAULT;
}

static int set_number(PGconn *db, const struct config *c, const struct carrier_words *w, bool on)
{
    char hex[65];
    const char *v[] = {hex, on ? "true" : "false", w->note, w->by};

    if (lookup_of(c, w->number, hex) != 0)
        return COMMAND_FAULT;
    PGresult *r = command_rows(
        db, "select billing.test_number_set(decode($1, 'hex'), $2::boolean, $3, $4)", 4, v);

    if (r)
        printf("%s\n", PQgetvalue(r, 0, 0));
    PQclear(r);
    return r ? COMMAND_OK : COMMAND_FAULT;
}

int carrier_test_number(const struct carrier_words *w, int argc, char **argv)
{
    bool add = strcmp(w->name, "add") == 0, list = strcmp(w->name, "list") == 0;
    struct config *c = NULL;
    int code = COMMAND_OK;

    if (!list && ((!add && strcmp(w->name, "remove") != 0) || !*w->number))
        return COMMAND_USAGE;
    PGconn *db = database(argc, argv, &c, &code);

    if (!db)
        return code;
    code = list ? list_numbers(db) : set_number(db, c, w, add);
    PQfinish(db);
    config_free(c);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading and checking the format of a rail's statement. See statement.h.
 */
#include <string.h>

#include "gateway/lib/file.h"
#include "gateway/lib/json_file.h"
#include "gateway/money/statement.h"

#define FORMAT_FILE_MAX (64u << 10)

struct loader {
    const char *file;
    struct statement_format *f;
    struct fault_list *faults;
};

#define FAULT(l, ...) ((void)fault_add((l)->faults, (l)->file, 0, __VA_ARGS__))

static const char *const column_names[STATEMENT_COLUMNS] = {
    [COLUMN_ID] = "id",
    [COLUMN_AT] = "at",
    [COLUMN_AMOUNT] = "amount",
    [COLUMN_IN] = "in",
    [COLUMN_OUT] = "out",
    [COLUMN_FEE] = "fee",
    [COLUMN_WITHHELD] = "withheld",
    [COLUMN_REFERENCE] = "reference",
    [COLUMN_CURRENCY] = "currency",
    [COLUMN_KIND] = "kind",
    [COLUMN_STATUS] = "status",
};

static const struct meaning {
    const char *text;
    enum statement_meaning means;
} kind_words[] = {{"payment", MEANS_PAYMENT}, {"refund", MEANS_REFUND}, {"fee", MEANS_FEE},
                  {"other", MEANS_OTHER},     {"skip", MEANS_SKIP},     {NULL, MEANS_SKIP}},
  status_words[] = {{"done", MEANS_DONE}, {"skip", MEANS_SKIP}, {NULL, MEANS_SKIP}};

/* A text that may be absent; "" then. */
static void load_text(struct loader *l, json_t *object, const char *key, char *out, size_t cap)
{
    json_t *v = json_object_get(object, key);

    out[0] = '\0';
    if (v && (!json_is_string(v) || !str_to_c(str_c(json_string_value(v)), out, cap) || !*out))
        FAULT(l, "\"%s\": a text of 1 to %zu bytes", key, cap - 1);
}

/* One of the characters of `of`, or absent: 0. */
static char load_char(struct loader *l, json_t *root, const char *key, const char *of)
{
    char text[8];

    load_text(l, root, key, text, sizeof text);
    if (*text && (text[1] || !strchr(of, *text)))
        FAULT(l, "\"%s\": one of \"%s\"", key, of);
    return *text;
}

static bool load_bool(struct loader *l, json_t *root, const char *key)
{
    json_t *v = json_object_get(root, key);

    if (v && !json_is_boolean(v))
        FAULT(l, "\"%s\": true or false", key);
    return json_is_true(v);
}

static void load_columns(struct loader *l, json_t *root)
{
    json_t *columns = json_object_get(root, "columns"), *value;
    const char *key;
    struct statement_format *f = l->f;

    json_object_foreach(columns, key, value) {
        size_t i = 0;

        while (i < STATEMENT_COLUMNS && strcmp(key, column_names[i]) != 0)
            i++;
        if (i == STATEMENT_COLUMNS)
            FAULT(l, "\"columns\": \"%s\" is none of ours", key);
        else
            load_text(l, columns, key, f->column[i], sizeof f->column[i]);
    }
    if (!*f->column[COLUMN_ID] || !*f->column[COLUMN_AT])
        FAULT(l, "\"columns\": id and at are missing");
    if (*f->column[COLUMN_AMOUNT] ? *f->column[COLUMN_IN] || *f->column[COLUMN_OUT]
                                  : !*f->column[COLUMN_IN] || !*f->column[COLUMN_OUT])
        FAULT(l, "\"columns\": amount, or in and out");
}

static void load_words(struct loader *l, json_t *root, const char *key, const struct meaning *known,
                       struct statement_words *words)
{
    json_t *object = json_object_get(root, key), *value;
    const char *text;

    if (object && !json_is_object(object))
        FAULT(l, "\"%s\": an object", key);
    json_object_foreach(object, text, value) {
        const char *means = json_string_value(value);
        const struct meaning *k = known;

        while (means && k->text && strcmp(k->text, means) != 0)
            k++;
        if (!means || !k->text)
            FAULT(l, "\"%s\": what \"%s\" means is no word for it", key, text);
        else if (words->n == STATEMENT_WORDS_MAX ||
                 !str_to_c(str_c(text), words->word[words->n].text, sizeof words->word[0].text))
            FAULT(l, "\"%s\": at most %d words of at most %zu bytes", key, STATEMENT_WORDS_MAX,
                  sizeof words->word[0].text - 1);
        else
            words->word[words->n++].means = k->means;
    }
}

static void load_time(struct loader *l, json_t *root)
{
    struct statement_format *f = l->f;
    bool day;

    load_text(l, root, "time", f->time, sizeof f->time);
    day = strstr(f->time, "%d") && strstr(f->time, "%Y") &&
          (strstr(f->time, "%m") || strstr(f->time, "%b"));
    for (const char *p = f->time; (p = strchr(p, '%')) != NULL; p += 2) {
        if (!p[1] || !strchr("YmdHIMSbpfz", p[1])) {
            FAULT(l, "\"time\": %%%c is not known", p[1] ? p[1] : ' ');
            return;
        }
    }
    if (!day)
        FAULT(l, "\"time\": a year, a month and a day");
}

static void load_root(struct loader *l, json_t *root)
{
    static const char *const keys[] = {"name", "comment", "separator", "columns", "currency",
                                       "time", "zone",    "grouping",  "decimal", "signed",
                                       "net",  "kinds",   "statuses"};
    struct statement_format *f = l->f;
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value) {
        size_t i = 0;

        while (i < ARRAY_LEN(keys) && strcmp(key, keys[i]) != 0)
            i++;
        if (i == ARRAY_LEN(keys))
            FAULT(l, "\"%s\" is not a key of a statement", key);
    }
    load_text(l, root, "name", f->name, sizeof f->name);
    load_columns(l, root);
    load_text(l, root, "currency", f->currency, sizeof f->currency);
    if (!*f->currency == !*f->column[COLUMN_CURRENCY])
        FAULT(l, "\"currency\": a column has it, or this says it");
    f->separator = load_char(l, root, "separator", ",;\t");
    f->grouping = load_char(l, root, "grouping", ",. '");
    f->decimal = load_char(l, root, "decimal", ",.");
    if (!f->decimal)
        f->decimal = '.';
    if (f->decimal == f->grouping)
        FAULT(l, "\"grouping\" and \"decimal\" are the same");
    load_time(l, root);
    load_text(l, root, "zone", f->zone, sizeof f->zone);
    if (!*f->zone)
        memcpy(f->zone, "UTC", sizeof "UTC");
    f->is_signed = load_bool(l, root, "signed") || *f->column[COLUMN_IN];
    f->net = load_bool(l, root, "net");
    load_words(l, root, "kinds", kind_words, &f->kinds);
    load_words(l, root, "statuses", status_words, &f->statuses);
    if (!*f->column[COLUMN_KIND] != (f->kinds.n == 0) ||
        !*f->column[COLUMN_STATUS] != (f->statuses.n == 0))
        FAULT(l, "\"kinds\" and \"statuses\" go with their columns");
}

int statement_format_read(const char *file, struct str bytes, struct statement_format *f,
                          struct fault_list *faults)
{
    struct loader l = {.file = file, .f = f, .faults = faults};
    size_t before = faults->count;
    json_t *root = json_file_object(file, bytes, faults);

    memset(f, 0, sizeof *f);
    if (root)
        load_root(&l, root);
    json_decref(root);
    return faults->count == before ? 0 : -1;
}

int statement_format_load(const char *path, struct statement_format *f, struct fault_list *faults)
{
    struct buf bytes;
    struct err e = {0};
    int rc;

    buf_init(&bytes, FORMAT_FILE_MAX);
    if (file_read(path, &bytes, &e) != 0)
        rc = fault_add(faults, path, 0, "%s", e.msg);
    else
        rc = statement_format_read(path, buf_str(&bytes), f, faults);
    buf_fini(&bytes);
    return rc;
}

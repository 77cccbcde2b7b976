/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a menu differs from reader to reader, and what screens share: currencies, variations of
 * texts, experiments, subflows. All are small tables of the head of flow.json.
 */
#include "menus/load.h"

#define MONEY_EXPONENT_MAX 3
#define WEIGHT_MAX         1000

/* A table's next slot; false after a fault when it is full. */
static bool room(struct loader *l, const struct node *item, size_t n, size_t max)
{
    if (n == max)
        load_fault(l, item->path, "more than %zu of these", max);
    return n < max;
}

/* An absent table is an empty one. */
static bool is_table(struct loader *l, const struct node *table)
{
    if (table->json && !json_is_object(table->json))
        load_fault(l, table->path, "must be an object");
    return json_is_object(table->json);
}

/* "currencies": {"XOF": 0, "GHS": 2} */
void load_currencies(struct loader *l, const struct node *root)
{
    struct node table = node_key(root, "currencies");
    const char *code;
    json_t *value;

    if (!is_table(l, &table))
        return;
    json_object_foreach(table.json, code, value) {
        struct node item = node_key(&table, code);

        if (!room(l, &item, l->m->ncurrencies, CURRENCIES_MAX))
            return;
        l->m->currencies[l->m->ncurrencies++] = (struct currency){
            load_keep(l, str_c(code)), load_uint(l, &item, 0, 0, MONEY_EXPONENT_MAX)};
    }
}

/* "variations": {"CI": {"var": "country", "is": "CI"}}; the first that holds is taken. */
void load_variations(struct loader *l, const struct node *root)
{
    struct node table = node_key(root, "variations");
    const char *name;
    json_t *value;

    if (!is_table(l, &table))
        return;
    json_object_foreach(table.json, name, value) {
        struct node item = node_key(&table, name);

        if (!room(l, &item, l->m->nvariations, VARIATIONS_MAX))
            return;
        l->m->variations[l->m->nvariations++] =
            (struct variation){load_keep(l, str_c(name)), load_when(l, &table, name),
                               where_line(&l->where, item.path)};
    }
}

static void load_variants(struct loader *l, const struct node *parent, struct experiment *x)
{
    struct node table = node_key(parent, "variants");
    const char *name;
    json_t *value;

    json_object_foreach(table.json, name, value) {
        struct node item = node_key(&table, name);

        if (!room(l, &item, x->nvariants, VARIANTS_MAX))
            return;
        x->variants[x->nvariants++] =
            (struct variant){load_keep(l, str_c(name)), load_uint(l, &item, 1, 0, WEIGHT_MAX)};
    }
}

/* "experiments": {"home": {"var": "home_x", "by": "number_lookup", "variants": {"a": 1, "b": 1}}} */
void load_experiments(struct loader *l, const struct node *root)
{
    struct node table = node_key(root, "experiments");
    const char *name;
    json_t *value;

    if (!is_table(l, &table))
        return;
    json_object_foreach(table.json, name, value) {
        struct node item = node_key(&table, name), var = node_key(&item, "var"),
                    by = node_key(&item, "by");
        struct experiment *x = &l->m->experiments[l->m->nexperiments];

        if (!load_known_keys(l, &item, "var by variants") ||
            !room(l, &item, l->m->nexperiments, EXPERIMENTS_MAX))
            continue;
        *x = (struct experiment){.name = load_keep(l, str_c(name)),
                                 .var = load_settable(l, &var, load_str(l, &var)),
                                 .by = load_var(l, &by, load_str(l, &by)),
                                 .line = where_line(&l->where, item.path)};
        if (x->var != NONE && l->m->vars[x->var].turn)
            load_fault(l, item.path, "its variable lives for one turn only");
        load_variants(l, &item, x);
        l->m->nexperiments++;
    }
}

static void load_params(struct loader *l, const struct node *item, struct subflow *f)
{
    struct node params = node_key(item, "params");

    for (size_t i = 0; i < json_array_size(params.json); i++) {
        struct node param = node_at(&params, i);
        int var = load_settable(l, &param, load_str(l, &param));

        if (!room(l, &param, f->nparams, PARAMS_MAX))
            return;
        if (var != NONE)
            f->params[f->nparams++] = var;
    }
}

/* "subflows": {"ask": {"start": "ask_who", "params": ["ask_title"], "result": "ask_number"}} */
void load_subflows(struct loader *l, const struct node *root)
{
    struct node table = node_key(root, "subflows");
    const char *name;
    json_t *value;

    if (!is_table(l, &table))
        return;
    json_object_foreach(table.json, name, value) {
        struct node item = node_key(&table, name), result = node_key(&item, "result");
        struct subflow *f = &l->m->subflows[l->m->nsubflows];

        if (!load_known_keys(l, &item, "start params result") ||
            !room(l, &item, l->m->nsubflows, SUBFLOWS_MAX))
            continue;
        *f = (struct subflow){.name = load_keep(l, str_c(name)),
                              .start = NONE,
                              .result = NONE,
                              .line = where_line(&l->where, item.path)};
        load_params(l, &item, f);
        if (result.json)
            f->result = load_settable(l, &result, load_str(l, &result));
        l->m->nsubflows++;
    }
}

void load_subflow_starts(struct loader *l, const struct node *root)
{
    struct node table = node_key(root, "subflows");

    for (size_t i = 0; i < l->m->nsubflows; i++) {
        struct subflow *f = &l->m->subflows[i];
        struct node item = node_key(&table, f->name.p), start = node_key(&item, "start");

        f->start = menu_find_screen(l->m, load_str(l, &start));
        if (f->start == NONE)
            load_fault(l, start.json ? start.path : item.path, "\"start\" names no screen");
    }
}

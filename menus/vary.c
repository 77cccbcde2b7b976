/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs from reader to reader: conditions, texts with variations, experiments. A condition on
 * page_chars asks what the screen holds: narrow carriers get shorter texts.
 *
 * A variant is drawn from the hash of the user and the experiment's name, so it stays with the user
 * and two experiments do not fall together. The first variant is the control: a reader without a
 * hash gets it.
 */
#include <stdio.h>

#include "menus/engine.h"
#include "menus/match.h"

bool when_fits(const struct when *w, unsigned limit)
{
    char mem[12];
    struct str v = str_n(mem, (size_t)snprintf(mem, sizeof mem, "%u", limit));

    return w->kind == WHEN_NOT ? !match_holds(&w->match, v)
                               : w->kind != WHEN_IS || match_holds(&w->match, v);
}

bool when_holds(const struct step *st, const struct when *w)
{
    struct str v;

    if (w->var != NONE && w->var == st->m->page_var)
        return when_fits(w, st->limit);
    v = state_var(st, w->var);
    switch (w->kind) {
    case WHEN_ALWAYS: return true;
    case WHEN_SET: return v.n > 0;
    case WHEN_IS: return match_holds(&w->match, v);
    case WHEN_NOT: return !match_holds(&w->match, v);
    }
    return false;
}

int text_pick(const struct step *st, int no)
{
    for (size_t i = 0; no != NONE && i < st->m->nvariations; i++)
        if (st->m->texts[no].vary[i] != NONE && when_holds(st, &st->m->variations[i].when))
            return st->m->texts[no].vary[i];
    return no;
}

/* ---- experiments ----------------------------------------------------------------------------- */

/* FNV-1a over both, then mixed: its low bits alone follow the last character too closely. */
static uint64_t hash_of(struct str name, struct str user)
{
    const struct str parts[] = {name, STR("\0"), user};
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (size_t i = 0; i < parts[p].n; i++)
            h = (h ^ (unsigned char)parts[p].p[i]) * UINT64_C(0x100000001b3);
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

static struct str draw(const struct experiment *x, struct str user)
{
    uint64_t sum = 0, at;

    for (size_t i = 0; i < x->nvariants; i++)
        sum += x->variants[i].weight;
    if (!user.n || !sum)
        return x->variants[0].name;
    at = hash_of(x->name, user) % sum;
    for (size_t i = 0; i < x->nvariants; i++) {
        if (at < x->variants[i].weight)
            return x->variants[i].name;
        at -= x->variants[i].weight;
    }
    return x->variants[0].name;
}

void experiments_draw(const struct step *st)
{
    for (size_t i = 0; i < st->m->nexperiments; i++) {
        const struct experiment *x = &st->m->experiments[i];

        if (x->nvariants)
            state_set(st, x->var, draw(x, state_var(st, x->by)));
    }
}

size_t menu_experiments(const struct menu *m)
{
    return m->nexperiments;
}

const char *menu_experiment_name(const struct menu *m, size_t no)
{
    return no < m->nexperiments ? m->experiments[no].name.p : NULL;
}

struct str menu_variant(const struct menu *m, const struct menu_state *s, size_t no)
{
    struct str v = {NULL, 0};

    if (no < m->nexperiments)
        v = s->vars[m->experiments[no].var];
    return v.p ? v : STR_EMPTY;
}

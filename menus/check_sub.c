/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subflows: every screen belongs to one flow, a subflow is entered by `sub` and left by @return (or
 * by home), from each of its screens a way leads to @return, none calls itself, and the frames that
 * one may take, with those it calls, leave room on the stack for the screen it returns to.
 *
 * Money and ends stay in the main flow: neither comes back.
 */
#include "menus/check.h"

#include "menus/load.h"

#define FRAMES_MAX (STACK_MAX - 2) /* the root and the caller stay */

struct owning {
    const struct menu *m;
    struct menu_report *r;
    int *owner; /* by screen: its subflow, or NONE */
    bool seen[SCREENS_MAX];
    int flow;
    bool returns[SCREENS_MAX];
    bool found;
};

static void fault(struct owning *o, const struct screen *sc, const char *what)
{
    report_add(o->r, "flow.json", sc->line, "screen \"%s\": %s", sc->name, what);
}

/* ---- whose screens --------------------------------------------------------------------------- */

static void own(struct owning *o, int screen);

static void own_jump(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct owning *o = ctx;

    (void)label;
    if (j->kind == JUMP_SCREEN)
        own(o, j->screen);
    else if (j->kind == JUMP_RETURN && o->flow == NONE)
        fault(o, from, "@return, but it belongs to no subflow");
}

static void own(struct owning *o, int screen)
{
    const struct screen *sc = &o->m->screens[screen];

    if (o->seen[screen])
        return;
    o->seen[screen] = true;
    if (o->owner[screen] != NONE && o->owner[screen] != o->flow) {
        fault(o, sc, "is reached from outside its subflow");
        return;
    }
    o->owner[screen] = o->flow;
    if (o->flow != NONE && (sc->type == SCREEN_END || sc->type == SCREEN_PAY))
        fault(o, sc, "never returns: an end or a pay stands in the main flow");
    screen_jumps(sc, own_jump, o);
}

static void own_all(struct owning *o)
{
    for (size_t i = 0; i < o->m->nsubflows; i++) {
        memset(o->seen, 0, sizeof o->seen);
        o->flow = (int)i;
        own(o, o->m->subflows[i].start);
    }
    memset(o->seen, 0, sizeof o->seen);
    o->flow = NONE;
    own(o, o->m->start);
    own(o, o->m->home);
}

/* ---- the way back ---------------------------------------------------------------------------- */

static void find_return(void *ctx, const struct screen *from, struct str label,
                        const struct jump *j)
{
    struct owning *o = ctx;

    (void)from;
    (void)label;
    o->found |= j->kind == JUMP_RETURN || (j->kind == JUMP_SCREEN && o->returns[j->screen]);
}

/* From which screens @return is reached, until nothing more is found. */
static void mark_returns(struct owning *o)
{
    bool more = true;

    memset(o->returns, 0, sizeof o->returns);
    while (more) {
        more = false;
        for (size_t i = 0; i < o->m->nscreens; i++) {
            if (o->owner[i] == NONE || o->returns[i])
                continue;
            o->found = false;
            screen_jumps(&o->m->screens[i], find_return, o);
            o->returns[i] = o->found;
            more |= o->found;
        }
    }
    for (size_t i = 0; i < o->m->nscreens; i++)
        if (o->owner[i] != NONE && !o->returns[i])
            fault(o, &o->m->screens[i], "no way leads from here to @return");
}

/* ---- room on the stack ----------------------------------------------------------------------- */

/* One step towards the frames of each subflow with the deepest it calls; stops above FRAMES_MAX,
 * where one that calls itself gets too. */
static void deepen(const struct owning *o, unsigned frames[SUBFLOWS_MAX])
{
    for (size_t f = 0; f < o->m->nsubflows; f++) {
        unsigned sum = 1, deepest = 0;

        for (size_t i = 0; i < o->m->nscreens; i++) {
            const struct screen *sc = &o->m->screens[i];

            if (o->owner[i] != (int)f)
                continue;
            sum += screen_shows(sc);
            if (sc->type == SCREEN_SUB)
                deepest = MAX(deepest, frames[sc->flow]);
        }
        frames[f] = MIN(sum + deepest, FRAMES_MAX + 1u);
    }
}

static void check_frames(struct owning *o)
{
    unsigned frames[SUBFLOWS_MAX] = {0};

    for (int round = 0; round <= FRAMES_MAX; round++)
        deepen(o, frames);
    for (size_t f = 0; f < o->m->nsubflows; f++)
        if (frames[f] > FRAMES_MAX)
            report_add(o->r, "flow.json", o->m->subflows[f].line,
                       "subflow \"%" STR_FMT "\" calls itself, or may take more than %d frames",
                       STR_ARG(o->m->subflows[f].name), FRAMES_MAX);
}

/* ---- the call -------------------------------------------------------------------------------- */

static bool gives(const struct screen *sc, int var)
{
    for (size_t i = 0; i < sc->nsets; i++)
        if (sc->sets[i].var == var)
            return true;
    return false;
}

static bool takes(const struct subflow *f, int var)
{
    for (size_t i = 0; i < f->nparams; i++)
        if (f->params[i] == var)
            return true;
    return false;
}

static void check_call(struct owning *o, const struct screen *sc)
{
    const struct subflow *f = &o->m->subflows[sc->flow];

    for (size_t i = 0; i < f->nparams; i++)
        if (!gives(sc, f->params[i]))
            fault(o, sc, "does not give every parameter of its subflow");
    for (size_t i = 0; i < sc->nsets; i++)
        if (!takes(f, sc->sets[i].var))
            fault(o, sc, "gives what its subflow does not take");
    if (f->result == NONE && (sc->var != NONE || sc->non))
        fault(o, sc, "wants a result, which its subflow has not");
}

static void check_subflow(struct owning *o, size_t i)
{
    const struct subflow *f = &o->m->subflows[i];

    for (size_t p = 0; p < f->nparams; p++)
        if (o->m->vars[f->params[p]].turn)
            report_add(o->r, "flow.json", f->line,
                       "subflow \"%" STR_FMT "\": a parameter lives longer than one turn",
                       STR_ARG(f->name));
    if (f->result != NONE && o->m->vars[f->result].turn)
        report_add(o->r, "flow.json", f->line,
                   "subflow \"%" STR_FMT "\": a result lives longer than one turn",
                   STR_ARG(f->name));
}

void check_subflows(const struct menu *m, struct menu_report *r, int owner[SCREENS_MAX])
{
    struct owning o = {.m = m, .r = r, .owner = owner};

    for (size_t i = 0; i < SCREENS_MAX; i++)
        owner[i] = NONE;
    own_all(&o);
    mark_returns(&o);
    check_frames(&o);
    for (size_t i = 0; i < m->nsubflows; i++)
        check_subflow(&o, i);
    for (size_t i = 0; i < m->nscreens; i++)
        if (m->screens[i].type == SCREEN_SUB)
            check_call(&o, &m->screens[i]);
}

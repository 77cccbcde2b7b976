/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generations of the menu. See menus.h.
 *
 * The statements of a process are never freed while it runs, so an action whose SQL has not changed
 * keeps its statement over a reload; a changed one gets a name with a number behind it.
 */
#include "gateway/ussd/menus.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "sessions/store.h"

#define NAMES_MAX 100 /* versions of one action's SQL in the life of a process */

static struct counter reloads =
    COUNTER("coko_ussd_menu_reloads_total", "Menus read again, by what became of them");
static struct counter kept =
    GAUGE("coko_ussd_menu_generations", "Versions of the menu that dialogues stand on");

/* ---- one generation -------------------------------------------------------------------------- */

static void log_faults(const struct menu_report *r)
{
    for (size_t i = 0; i < MIN(r->count, MENU_FAULTS_MAX); i++)
        log_error(NULL, "menu fault", "%s:%u: %s", r->faults[i].file, r->faults[i].line,
                  r->faults[i].text);
}

static struct menu *load(const char *dir, struct err *e)
{
    struct menu_report *r = calloc(1, sizeof *r);
    struct menu *m;

    if (!r)
        abort();
    m = menu_load(dir, r, e);
    if (m && menu_check(m, r) != 0) {
        err_set(e, ERR_BAD_CONFIG, "%s: %zu faults; coko menus check lists them", dir, r->count);
        menu_free(m);
        m = NULL;
    }
    log_faults(r);
    free(r);
    return m;
}

/* The statement of an action: one that says the same, else a new one under the first free name. */
static struct pg_stmt *statement(const struct menu_action *a, struct err *e)
{
    static const enum pg_lane lanes[] = {
        [MENU_LANE_READ] = PG_READ, [MENU_LANE_WRITE] = PG_WRITE, [MENU_LANE_SLOW] = PG_SLOW};
    char name[80];

    snprintf(name, sizeof name, "menu.%.60s", a->name);
    for (unsigned no = 2; no < NAMES_MAX; no++) {
        const struct pg_stmt *s = pg_stmt_find(name);

        if (!s)
            return pg_stmt_new(name, a->sql, lanes[a->lane], (unsigned)a->nargs, 0, e);
        if (strcmp(s->sql, a->sql) == 0 && s->lane == lanes[a->lane] && s->nparams == a->nargs)
            return (struct pg_stmt *)s;
        snprintf(name, sizeof name, "menu.%.60s.%u", a->name, no);
    }
    err_set(e, ERR_BAD_CONFIG, "action %s: too many versions, a restart is needed", a->name);
    return NULL;
}

static void generation_free(struct generation *g)
{
    menu_free(g->menu);
    free(g->stmts);
    free(g);
}

/* Takes m over. */
static struct generation *generation_new(struct menu *m, struct err *e)
{
    struct generation *g = calloc(1, sizeof *g);
    size_t n = menu_actions(m);

    if (!g || (g->stmts = calloc(n + 1, sizeof(struct pg_stmt *))) == NULL)
        abort();
    g->menu = m;
    for (size_t i = 0; i < n; i++) {
        g->stmts[i] = statement(menu_action(m, i), e);
        if (!g->stmts[i]) {
            generation_free(g);
            return NULL;
        }
    }
    return g;
}

/* ---- the row of them ------------------------------------------------------------------------- */

static unsigned count(const struct menus *ms)
{
    unsigned n = 0;

    while (n < GENERATIONS_MAX && ms->generations[n])
        n++;
    return n;
}

/* Out of the row at i; freed now, or by the last turn that stands on it. */
static void drop(struct menus *ms, unsigned i)
{
    struct generation *g = ms->generations[i];

    memmove(&ms->generations[i], &ms->generations[i + 1],
            (GENERATIONS_MAX - 1 - i) * sizeof ms->generations[0]);
    ms->generations[GENERATIONS_MAX - 1] = NULL;
    if (g->turns == 0)
        generation_free(g);
}

/* What the longest-lived thing that names it may still need. */
static int64_t lasts_ms(const struct menu *m)
{
    return MAX((int64_t)menu_resume_minutes(m) * 60 * 1000, (int64_t)STORE_LIVE_MS);
}

/* Puts g first: nothing older than its time stays, and at most GENERATIONS_MAX in all. */
static void enthrone(struct menus *ms, struct generation *g, int64_t now_ms)
{
    struct generation *before = ms->generations[0];

    for (unsigned i = count(ms); i-- > 1;)
        if (ms->generations[i]->old_until_ms <= now_ms)
            drop(ms, i);
    if (count(ms) == GENERATIONS_MAX)
        drop(ms, GENERATIONS_MAX - 1);
    if (before)
        before->old_until_ms = now_ms + lasts_ms(before->menu);
    memmove(&ms->generations[1], &ms->generations[0],
            (GENERATIONS_MAX - 1) * sizeof ms->generations[0]);
    ms->generations[0] = g;
    counter_set(&kept, count(ms));
}

/* The files of an older generation are back: it becomes the current one again. */
static bool back_again(struct menus *ms, const struct menu *m, int64_t now_ms)
{
    for (unsigned i = 1; i < count(ms); i++) {
        struct generation *g = ms->generations[i];

        if (strcmp(menu_version(g->menu), menu_version(m)) != 0)
            continue;
        memmove(&ms->generations[i], &ms->generations[i + 1],
                (GENERATIONS_MAX - 1 - i) * sizeof ms->generations[0]);
        ms->generations[GENERATIONS_MAX - 1] = NULL;
        enthrone(ms, g, now_ms);
        return true;
    }
    return false;
}

int menus_open(struct menus *ms, const char *dir, struct err *e)
{
    struct menu *m = load(dir, e);
    struct generation *g = m ? generation_new(m, e) : NULL;

    *ms = (struct menus){.dir = strdup(dir)};
    if (!ms->dir)
        abort();
    if (!g)
        return -1;
    enthrone(ms, g, 0);
    return 0;
}

static int refused(struct menu *m, struct err *e)
{
    menu_free(m);
    counter_inc(counter_with(&reloads, "result=\"refused\""));
    log_err(LOG_LEVEL_ERROR, NULL, "menu not reloaded: the one before goes on", e);
    return -1;
}

int menus_reload(struct menus *ms, menus_proof *proof, void *arg, int64_t now_ms, struct err *e)
{
    struct menu *m = load(ms->dir, e);
    struct generation *g;

    if (!m || proof(arg, m, e) != 0)
        return refused(m, e);
    if (strcmp(menu_version(m), menu_version(ms->generations[0]->menu)) == 0) {
        menu_free(m);
        return 0;
    }
    if (back_again(ms, m, now_ms)) {
        menu_free(m);
    } else {
        g = generation_new(m, e);
        if (!g)
            return refused(NULL, e);
        enthrone(ms, g, now_ms);
    }
    log_info(NULL, "menu reloaded", "version=%s", menu_version(ms->generations[0]->menu));
    counter_inc(counter_with(&reloads, "result=\"taken\""));
    return 1;
}

void menus_close(struct menus *ms)
{
    while (ms->generations[0]) {
        assert(ms->generations[0]->turns == 0);
        drop(ms, 0);
    }
    counter_forget(&reloads);
    free((char *)ms->dir);
    ms->dir = NULL;
}

/* ---- turns ----------------------------------------------------------------------------------- */

struct generation *menus_current(struct menus *ms)
{
    ms->generations[0]->turns++;
    return ms->generations[0];
}

struct generation *menus_of(struct menus *ms, struct str state)
{
    char version[17];
    struct err e;

    if (menu_state_version(state, version, &e) != 0)
        return NULL;
    for (unsigned i = 0; i < count(ms); i++) {
        struct generation *g = ms->generations[i];

        if (strcmp(menu_version(g->menu), version) == 0) {
            g->turns++;
            return g;
        }
    }
    return NULL;
}

void menus_leave(struct menus *ms, struct generation *g)
{
    if (!g)
        return;
    assert(g->turns > 0);
    if (--g->turns > 0)
        return;
    for (unsigned i = 0; i < count(ms); i++)
        if (ms->generations[i] == g)
            return;
    generation_free(g); /* dropped while we stood on it */
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The menus of a worker: the one that new dialogues get, and those before it which dialogues still
 * stand on (hard case 37).
 *
 *   menus_open -> (menus_reload)* -> menus_close
 *   a turn: menus_current or menus_of (by what is stored) -> ... -> menus_leave
 *
 * A generation is a menu with its prepared statements. After a reload the one before stays for the
 * sessions that name it, until nothing stored can name it any more or until GENERATIONS_MAX are
 * kept; a turn in flight holds its own to its end. A menu with any fault, or one that does not prove
 * a carrier's screen, is never taken: the faults are logged and all goes on as before.
 */
#ifndef COKO_USSD_MENUS_H
#define COKO_USSD_MENUS_H

#include "gateway/io/pg.h"
#include "menus/menu.h"

#define GENERATIONS_MAX 4

struct generation {
    struct menu *menu;
    struct pg_stmt **stmts; /* by menu action number */
    unsigned turns;         /* that stand on it */
    int64_t old_until_ms;   /* not the current one: by then nothing stored names it */
};

struct menus {
    const char *dir;                                 /* ours */
    struct generation *generations[GENERATIONS_MAX]; /* [0] is the current one; NULLs at the end */
};

/* Whether this menu serves every carrier; err says which it does not. */
typedef int menus_proof(void *arg, const struct menu *m, struct err *e);

/* Loads and checks dir. -1 and err when anything is wrong; each fault is logged with file:line. */
MUST_CHECK int menus_open(struct menus *ms, const char *dir, struct err *e);

/*
 * Reads the folder again. 1: new dialogues get it from now on; 0: it is the same; -1 and err:
 * refused, logged, nothing has changed. now_ms: of the loop.
 */
MUST_CHECK int menus_reload(struct menus *ms, menus_proof *proof, void *arg, int64_t now_ms,
                            struct err *e);

/* Frees all; no turn may stand on one. */
void menus_close(struct menus *ms);

/* Takes hold of the current generation, or of the one that made this stored menu state (NULL when it
 * is none of ours). */
struct generation *menus_current(struct menus *ms);
struct generation *menus_of(struct menus *ms, struct str state);

/* Lets go of it. NULL is allowed. */
void menus_leave(struct menus *ms, struct generation *g);

#endif

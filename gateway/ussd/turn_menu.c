/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn's dealings with the menu and the database: variables in, rows in, session bytes out.
 */
#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/turn_parts.h"

#define TURN_VARS        14
#define DIAL_MAX         64
#define STEP_KEY_HASH    8    /* bytes of the step's hash in its key */
#define ACTION_MARGIN_MS 1000 /* for the screen: Redis has 300 ms a command */

static struct counter actions_failed =
    COUNTER("coko_ussd_actions_failed_total", "Menu actions that gave no rows");
static struct counter retries =
    COUNTER("coko_ussd_action_retries_total", "Menu actions sent once more within their turn");
static struct counter states_refused =
    COUNTER("coko_ussd_states_refused_total", "Stored menu states that did not fit the menu");
static struct counter variants =
    COUNTER("coko_ussd_experiments_total", "Dialogues that began with a variant of an experiment");

static struct menu_var *add_var(struct turn *t, const char *name, struct str value)
{
    struct menu_var *vars = (struct menu_var *)t->mt.vars;

    vars[t->mt.nvars] = (struct menu_var){.name = str_c(name), .value = value};
    return &vars[t->mt.nvars++];
}

static struct str hex_bytea(struct turn *t, const void *p, size_t n)
{
    char *mem = arena_alloc(&t->arena, 2 * n + 2);
    struct buf b;

    if (!mem)
        return (struct str){NULL, 0};
    buf_init_fixed(&b, mem, 2 * n + 2);
    buf_puts(&b, "\\x");
    hex_encode(&b, p, n);
    return buf_str(&b);
}

static void add_identity(struct turn *t)
{
    struct str number = str_c(t->number.digits);
    char mem[SEAL_OVERHEAD + MSISDN_MAX];
    struct buf sealed;
    uint8_t lookup[32];

    seal_lookup(t->u->d.ring, STR("phone"), number, lookup);
    buf_init_fixed(&sealed, mem, sizeof mem);
    seal_close(t->u->d.ring, STR("auth.identity"), number, &sealed);
    add_var(t, "number_lookup", hex_bytea(t, lookup, sizeof lookup));
    add_var(t, "number_sealed", hex_bytea(t, sealed.p, sealed.len));
    add_var(t, "key_id", str_c(arena_printf(&t->arena, "%u", seal_ring_id(t->u->d.ring, 0))));
}

/*
 * Unique to the step, the same for each of its repetitions (S2). The dialogue's mark keeps a session
 * id that is used again from meeting the effects of last time; it is stored before the first input,
 * so every repetition of a step with an effect has the same one.
 */
static struct str step_key(struct turn *t)
{
    char mem[2 * (SESSION_MARK_LEN + STEP_KEY_HASH)];
    /* a time is no count: two deliveries at once differ in it, but not in the session they found */
    uint32_t count = t->carrier->profile.repeat_ms > 0 ? t->stored.version : t->hop.sequence;
    struct buf hex;

    buf_init_fixed(&hex, mem, sizeof mem);
    hex_encode(&hex, t->stored.mark, SESSION_MARK_LEN);
    hex_encode(&hex, t->hop.step, STEP_KEY_HASH);
    return str_c(arena_printf(&t->arena, "%" STR_FMT ":%u:%.32s", STR_ARG(t->key.id), count, mem));
}

/* The input is an answer to a screen, not what was dialled: this carrier would have said so. */
static bool answers(const struct turn *t)
{
    return t->ev.kind == USSD_CONTINUE && !t->carrier->profile.path;
}

void turn_forget(void)
{
    counter_forget(&variants);
    turn_code_forget();
    turn_late_forget();
}

void turn_vars(struct turn *t, bool with_identity)
{
    const struct carrier *c = t->carrier;
    char *dial = arena_alloc(&t->arena, DIAL_MAX);
    char *network = arena_alloc(&t->arena, MSISDN_NETWORK_MAX + 1);

    t->mt = (struct menu_turn){.arena = &t->arena,
                               .limits = c->profile.limits,
                               .vars = arena_zalloc(&t->arena, TURN_VARS, sizeof(struct menu_var))};
    if (!t->mt.vars || !dial || !network)
        return; /* the arena is far larger than this: the menu answers without variables */
    add_var(t, "carrier", str_c(c->profile.name));
    msisdn_network(t->ev.network, &t->number, network);
    add_var(t, "network", str_c(network));
    add_var(t, "country", str_c(*t->number.country ? t->number.country : c->country));
    add_var(t, "service_code", t->ev.service_code.n ? t->ev.service_code : c->short_code);
    t->step = step_key(t);
    add_var(t, "step", t->step);
    add_var(t, "test", t->ev.test ? STR("1") : STR_EMPTY); /* hard case 43 */
    if (!with_identity)
        return;
    if (t->hop.kind == HOP_BEGIN && !answers(t))
        add_var(t, "dial", hop_dial(&c->profile, c->short_code, t->ev.input, dial, DIAL_MAX));
    add_var(t, "ring", t->ev.ring);
    add_var(t, "said_lang", t->ev.language);
    add_identity(t);
}

/* The menu's state from what is stored, on the version of the menu that made it (hard case 37). */
static bool state_restore(struct turn *t, struct str bytes)
{
    struct err e = {.code = ERR_BAD_STATE, .msg = "of a menu that is not held"};

    t->gen = menus_of(&t->u->menus, bytes);
    if (t->gen && menu_state_decode(t->gen->menu, bytes, &t->arena, &t->menu, &e) == 0)
        return true;
    menus_leave(&t->u->menus, t->gen);
    t->gen = NULL;
    counter_inc(&states_refused);
    log_info(NULL, "menu state refused", "%s", e.msg);
    return false;
}

bool turn_may_resume(struct turn *t)
{
    const struct carrier *c = t->carrier;
    char dial[DIAL_MAX];

    if (t->ev.ring.n > 0)
        return false;
    return answers(t) ||
           hop_dial(&c->profile, c->short_code, t->ev.input, dial, sizeof dial).n == 0;
}

void turn_resume(struct turn *t, struct str pointer)
{
    struct str state = resume_state(pointer);

    if (state.n == 0 || !state_restore(t, state))
        return;
    t->again = menu_resume_policy(t->gen->menu, t->menu) != MENU_RESUME_NEVER;
    if (t->again)
        return;
    menus_leave(&t->u->menus, t->gen);
    t->gen = NULL;
    t->menu = NULL;
}

static void count_variants(const struct turn *t)
{
    const struct menu *m = t->gen->menu;

    for (size_t i = 0; i < menu_experiments(m); i++) {
        char labels[128];

        snprintf(labels, sizeof labels, "experiment=\"%s\",variant=\"%" STR_FMT "\"",
                 menu_experiment_name(m, i), STR_ARG(menu_variant(m, t->menu, i)));
        counter_inc(counter_with(&variants, labels));
    }
}

void turn_menu_enter(struct turn *t)
{
    struct menu_out *out = &t->u->bench.out;
    bool begin = !t->again && (t->hop.kind == HOP_BEGIN || !state_restore(t, t->stored.state));

    if (begin) {
        t->gen = menus_current(&t->u->menus);
        t->menu = menu_state_new(t->gen->menu, &t->arena);
    }
    t->from = begin || t->again ? NULL : menu_at(t->gen->menu, t->menu);
    turn_vars(t, begin || menu_asking(t->menu));
    if (begin) {
        menu_begin(t->gen->menu, t->menu, &t->mt, out);
        count_variants(t);
    } else if (t->again) {
        menu_again(t->gen->menu, t->menu, &t->mt, out);
    } else if (t->hop.kind == HOP_INPUT) {
        menu_input(t->gen->menu, t->menu, &t->mt, t->hop.input, out);
    } else {
        menu_reshow(t->gen->menu, t->menu, &t->mt, out);
    }
}

unsigned turn_action_ms(const struct turn *t)
{
    unsigned all = t->carrier->profile.deadline_ms;

    return all > 2 * ACTION_MARGIN_MS ? all - ACTION_MARGIN_MS : all / 2;
}

bool turn_action_take(struct turn *t)
{
    const struct menu_out *out = &t->u->bench.out;
    struct str *args = arena_zalloc(&t->arena, out->nargs + 1, sizeof *args);

    if (!args)
        return false;
    for (size_t i = 0; i < out->nargs; i++)
        args[i] = turn_argument(t, out->action, i, out->args[i]);
    t->action = out->action;
    t->code = out->code;
    t->args = args;
    t->retried = 0;
    t->may_send = out->again;
    if (out->late)
        t->step = arena_str(&t->arena, out->step);
    return true;
}

void turn_action_send(struct turn *t)
{
    unsigned own_ms = t->action->timeout_ms;
    struct pg_exec_opts o = {.prio = PG_PRIO_HIGH, .deadline_ms = own_ms ? own_ms : TURN_LATE_MS};
    struct pg_params p;

    pg_params_init(&p);
    for (size_t i = 0; i < t->action->nargs; i++)
        pg_p_str(&p, t->args[i]);
    pg_exec_opts(t->u->d.pg, &t->act, t->gen->stmts[t->action->no], &p, &o);
}

bool turn_action_again(struct turn *t)
{
    int64_t gone_ms = (clock_mono_us() - t->started_us) / 1000;

    if (!op_failed(&t->act) || turn_failure(&t->act) == MENU_FAIL_BUG ||
        t->retried == t->action->retries || gone_ms >= turn_action_ms(t))
        return false;
    t->retried++;
    counter_inc(&retries);
    return true;
}

struct menu_rows turn_rows(struct turn *t, const PGresult *r)
{
    size_t nrows = (size_t)PQntuples(r), ncols = (size_t)PQnfields(r);
    struct str *cols = arena_zalloc(&t->arena, ncols + 1, sizeof *cols);
    struct str *cells = arena_zalloc(&t->arena, nrows * ncols + 1, sizeof *cells);

    if (!cols || !cells)
        return (struct menu_rows){.nrows = 0};
    for (size_t c = 0; c < ncols; c++)
        cols[c] = str_c(PQfname(r, (int)c));
    for (size_t i = 0; i < nrows * ncols; i++) {
        int row = (int)(i / ncols), col = (int)(i % ncols);

        cells[i] = PQgetisnull(r, row, col)
                       ? (struct str){NULL, 0}
                       : str_n(PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col));
    }
    return (struct menu_rows){.nrows = nrows, .ncols = ncols, .cols = cols, .cells = cells};
}

enum menu_failure turn_failure(const struct op *op)
{
    switch (op->err.code) {
    case ERR_BUSY:
    case ERR_TIMEOUT:
    case ERR_DB_TIMEOUT:
    case ERR_DB_SERIAL: return MENU_FAIL_BUSY;
    case ERR_DB:
    case ERR_CLOSED: return *op->sqlstate ? MENU_FAIL_BUG : MENU_FAIL_DOWN;
    default: return MENU_FAIL_BUG;
    }
}

void turn_wake(const struct turn *t)
{
    if (t->action->lane != MENU_LANE_WRITE)
        return;
    pg_wake_dirty(t->u->d.pg, "coko_message");
    pg_wake_dirty(t->u->d.pg, "coko_charge");
}

void turn_action_done(struct turn *t)
{
    struct menu_out *out = &t->u->bench.out;

    if (op_failed(&t->act)) {
        counter_inc(&actions_failed);
        log_err(LOG_LEVEL_WARN, NULL, t->action->name, &t->act.err);
        menu_fail(t->gen->menu, t->menu, &t->mt, turn_failure(&t->act), out);
        return;
    }
    struct menu_rows rows = turn_rows(t, pg_result(&t->act));

    turn_wake(t);
    menu_resume(t->gen->menu, t->menu, &t->mt, &rows, out);
}

void turn_action_late(struct turn *t)
{
    counter_inc(&actions_failed);
    log_warn(NULL, t->action->name, "not waited for");
    menu_fail(t->gen->menu, t->menu, &t->mt, MENU_FAIL_BUSY, &t->u->bench.out);
}

static struct str state_bytes(struct turn *t)
{
    struct err e = {0};
    struct buf b;

    if (t->end)
        return STR_EMPTY;
    buf_init_fixed(&b, t->u->bench.state, sizeof t->u->bench.state);
    if (menu_state_encode(t->gen->menu, t->menu, &b, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "menu state not stored", &e);
        return STR_EMPTY;
    }
    return buf_str(&b);
}

/* The pointer that follows: the screen's own word decides (menu.h); what no longer allows to come
 * back takes it away, if it was ours. */
static int pointer_write(struct turn *t, struct str state, struct store_write *w, struct err *e)
{
    bool points = !t->end && menu_resume_policy(t->gen->menu, t->menu) != MENU_RESUME_NEVER;
    struct buf b;

    if (!points && !t->stored.pointed)
        return 0;
    if (t->pointer.id.n == 0)
        store_pointer_key(t->u->d.redis, t->u->d.ring, str_c(t->number.digits), &t->pointer);
    w->pointer = &t->pointer;
    w->mark = str_n((const char *)t->stored.mark, SESSION_MARK_LEN);
    if (!points)
        return 0;
    buf_init_fixed(&b, t->u->bench.pointer, sizeof t->u->bench.pointer);
    if (resume_encode(t->stored.mark, state, &b, e) != 0)
        return -1;
    w->resume = buf_str(&b);
    w->resume_ttl_ms = (int64_t)menu_resume_minutes(t->gen->menu) * 60 * 1000;
    return 0;
}

int turn_write(struct turn *t, struct store_write *w)
{
    uint32_t now = (uint32_t)(clock_wall_us() / 1000000);
    struct ussd_session next = {.version = t->stored.version + 1,
                                .ended = t->end,
                                .sequence = t->hop.sequence,
                                .hops = (uint16_t)MIN(t->stored.hops + 1, UINT16_MAX),
                                .opened = t->end ? 0 : now,
                                .state = state_bytes(t),
                                .reply = t->tombstone.n > 0 ? t->tombstone : t->reply};
    struct err e = {0};
    struct buf b;

    *w = (struct store_write){.expected = t->stored.version,
                              .ttl_ms = t->end ? STORE_TOMBSTONE_MS : STORE_LIVE_MS,
                              .resume = STR_EMPTY};
    t->opened = next.opened;
    next.version = next.version ? next.version : 1; /* 0 means none */
    memcpy(next.mark, t->stored.mark, SESSION_MARK_LEN);
    memcpy(next.run, t->run, SESSION_RUN_LEN);
    memcpy(next.step, t->hop.step, SESSION_STEP_LEN);
    if (t->ev.named && t->stored.version > 0 && t->hop.kind != HOP_BEGIN)
        session_age(&t->stored, &next);
    buf_init_fixed(&b, t->u->bench.session, sizeof t->u->bench.session);
    if ((!t->end && next.state.n == 0) || pointer_write(t, next.state, w, &e) != 0)
        return -1;
    next.pointed = w->resume.n > 0;
    if (session_encode(&next, &b, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "session not stored", &e);
        return -1;
    }
    w->bytes = buf_str(&b);
    return 0;
}

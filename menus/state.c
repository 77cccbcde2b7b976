/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader's state: variables, copies to go back to, and its stored form.
 *
 *   byte 0      format
 *   8 bytes     the menu's version
 *   flags       ended, faulted, has_next, waiting, asking
 *   stack       n, then (screen, part, at) each
 *   trail       n, then (part, at) each; then next
 *   variables   n, then (number, length, bytes) each, numbers rising
 *   rows        n, all that were shown, then n * nkeep of the top screen (length + 1, bytes; 0: as
 *               in the row above)
 *   waiting     with its flag: kind, screen, the step (length, bytes)
 *
 * Format 1, still read, has (n, shown) and (length, bytes) for the rows, those not shown yet too.
 * Numbers are LEB128. Variables of the caller, of the turn and of sensitive inputs are left out
 * (S5). Decoding trusts nothing: every index is checked against the menu, nothing may be left over.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/lib/utf8.h"
#include "menus/engine.h"

#define FORMAT       2
#define FORMAT_OLD   1
#define HEAD         9
#define FLAG_ENDED   1u
#define FLAG_FAULTED 2u
#define FLAG_NEXT    4u
#define FLAG_WAITING 8u
#define FLAG_ASKING  16u
#define FLAGS        (FLAG_ENDED | FLAG_FAULTED | FLAG_NEXT | FLAG_WAITING | FLAG_ASKING)
#define STEP_MAX     200 /* bytes of a step's key */

/* ---- variables ------------------------------------------------------------------------------- */

static struct str caller_var(const struct menu_turn *t, struct str name)
{
    for (size_t i = 0; i < t->nvars; i++)
        if (str_eq(t->vars[i].name, name))
            return t->vars[i].value;
    return (struct str){NULL, 0};
}

struct str state_var(const struct step *st, int var)
{
    const struct var *v;

    if (var == NONE)
        return (struct str){NULL, 0};
    v = &st->m->vars[var];
    if (v->constant)
        return v->value;
    if (!v->caller && st->s && st->s->vars[var].p)
        return st->s->vars[var];
    return caller_var(st->t, v->name);
}

/* Most turns set no variable before they wait for rows: a snapshot shares them until one does. */
static bool vars_own(const struct step *st)
{
    size_t size = st->m->nvars * sizeof *st->s->vars;
    struct str *vars;

    if (!st->s->vars_shared)
        return true;
    vars = arena_alloc(st->t->arena, size);
    if (!vars)
        return false; /* at the arena's ceiling values are lost, as by arena_str */
    memcpy(vars, st->s->vars, size);
    st->s->vars = vars;
    st->s->vars_shared = false;
    return true;
}

void state_set(const struct step *st, int var, struct str value)
{
    size_t bytes;

    if (var == NONE)
        return;
    bytes = text_skip_chars(value, st->m->vars[var].max);
    if (vars_own(st))
        st->s->vars[var] = value.p ? arena_str(st->t->arena, str_head(value, bytes)) : value;
}

struct str menu_var(const struct menu *m, const struct menu_state *s, const char *name)
{
    int var = menu_find_var(m, str_c(name));

    return var == NONE ? (struct str){NULL, 0} : s->vars[var];
}

struct menu_state *menu_state_new(const struct menu *m, struct arena *a)
{
    struct menu_state *s = arena_zalloc(a, 1, sizeof *s);

    if (s)
        s->vars = arena_zalloc(a, m->nvars, sizeof *s->vars);
    if (!s || !s->vars)
        abort(); /* a turn's arena always has room for its state: our bug otherwise */
    s->note = NONE;
    return s;
}

struct menu_state *state_snapshot(const struct step *st)
{
    struct menu_state *copy = arena_alloc(st->t->arena, sizeof *copy);

    if (!copy)
        return NULL;
    st->s->vars_shared = true;
    *copy = *st->s; /* shared on both sides: whoever is written to copies first */
    return copy;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static void put_num(struct buf *b, uint64_t v)
{
    while (v >= 0x80) {
        buf_addc(b, (char)(v | 0x80));
        v >>= 7;
    }
    buf_addc(b, (char)v);
}

static void put_str(struct buf *b, struct str s)
{
    put_num(b, s.n);
    buf_adds(b, s);
}

static void put_place(struct buf *b, struct place p)
{
    put_num(b, p.part);
    put_num(b, p.at);
}

static bool stored(const struct var *v)
{
    return !v->caller && !v->turn && !v->constant;
}

static void put_vars(const struct menu *m, const struct menu_state *s, struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < m->nvars; i++)
        n += stored(&m->vars[i]) && s->vars[i].p;
    put_num(b, n);
    for (size_t i = 0; i < m->nvars; i++)
        if (stored(&m->vars[i]) && s->vars[i].p) {
            put_num(b, i);
            put_str(b, s->vars[i]);
        }
}

static size_t top_keep(const struct menu *m, const struct menu_state *s)
{
    const struct frame *top = state_top(s);

    return top ? m->screens[top->screen].nkeep : 0;
}

static void put_bound(const struct menu *m, const struct menu_state *s, struct buf *b)
{
    size_t keep = top_keep(m, s), n = keep ? s->bound.shown : 0;

    put_num(b, n);
    for (size_t i = 0; i < n * keep; i++) {
        struct str cell = s->bound.cells[i];

        if (i >= keep && str_eq(cell, s->bound.cells[i - keep])) {
            put_num(b, 0);
        } else {
            put_num(b, cell.n + 1);
            buf_adds(b, cell);
        }
    }
}

static unsigned flags_of(const struct menu_state *s)
{
    return (s->ended ? FLAG_ENDED : 0) | (s->faulted ? FLAG_FAULTED : 0) |
           (s->has_next ? FLAG_NEXT : 0) | (s->waiting.kind != PENDING_NONE ? FLAG_WAITING : 0) |
           (s->asking ? FLAG_ASKING : 0);
}

static void put_waiting(const struct menu_state *s, struct buf *b)
{
    if (s->waiting.kind == PENDING_NONE)
        return;
    put_num(b, s->waiting.kind);
    put_num(b, (unsigned)s->waiting.screen);
    put_str(b, s->waiting.step.p ? str_head(s->waiting.step, STEP_MAX) : STR_EMPTY);
}

int menu_state_encode(const struct menu *m, const struct menu_state *s, struct buf *b,
                      struct err *e)
{
    uint64_t version = strtoull(m->version, NULL, 16);
    size_t start = b->len;

    if (s->pending != PENDING_NONE)
        return err_set(e, ERR_BAD_STATE, "an action is pending");
    buf_addc(b, FORMAT);
    for (int i = 0; i < 8; i++)
        buf_addc(b, (char)(version >> (8 * i)));
    put_num(b, flags_of(s));
    put_num(b, s->depth);
    for (size_t i = 0; i < s->depth; i++) {
        put_num(b, s->stack[i].screen);
        put_place(b, s->stack[i].place);
    }
    put_num(b, s->ntrail);
    for (size_t i = 0; i < s->ntrail; i++)
        put_place(b, s->trail[i]);
    put_place(b, s->next);
    put_vars(m, s, b);
    put_bound(m, s, b);
    put_waiting(s, b);
    if (b->len - start > MENU_STATE_MAX)
        return err_set(e, ERR_TOO_BIG, "state of %zu bytes", b->len - start);
    return buf_check(b, e);
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* Sticky: after the first fault everything reads as 0 and empty. */
struct reader {
    struct str rest;
    struct arena *a;
    bool bad, old; /* old: of the format before */
};

static uint64_t get_num(struct reader *r, uint64_t max)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 35 && r->rest.n; shift += 7) {
        unsigned char c = (unsigned char)r->rest.p[0];

        r->rest = str_skip(r->rest, 1);
        v |= (uint64_t)(c & 0x7F) << shift;
        if (c & 0x80)
            continue;
        if (v > max || (c == 0 && shift > 0))
            break;
        return v;
    }
    r->bad = true;
    r->rest = STR_EMPTY;
    return 0;
}

static struct str get_bytes(struct reader *r, size_t n)
{
    struct str s = str_head(r->rest, n);

    if (r->rest.n < n || !utf8_valid(s)) {
        r->bad = true;
        return STR_EMPTY;
    }
    r->rest = str_skip(r->rest, n);
    s = arena_str(r->a, s);
    r->bad |= !s.p;
    return s;
}

static struct str get_str(struct reader *r, size_t max)
{
    return get_bytes(r, get_num(r, max));
}

/* A cell of a list's row; above: the one in the row before, or NULL. */
static struct str get_cell(struct reader *r, const struct str *above)
{
    size_t n;

    if (r->old)
        return get_str(r, VAR_BYTES_MAX);
    n = get_num(r, VAR_BYTES_MAX + 1);
    if (n > 0)
        return get_bytes(r, n - 1);
    r->bad |= !above;
    return above ? *above : STR_EMPTY;
}

static struct place get_place(struct reader *r)
{
    struct place p;

    p.part = (uint32_t)get_num(r, UINT32_MAX);
    p.at = (uint32_t)get_num(r, UINT32_MAX);
    return p;
}

/* May be on the stack. */
static bool stands(const struct screen *sc)
{
    return screen_shows(sc) || sc->type == SCREEN_SUB;
}

static void get_stack(const struct menu *m, struct menu_state *s, struct reader *r)
{
    s->depth = (uint8_t)get_num(r, STACK_MAX);
    for (size_t i = 0; i < s->depth; i++) {
        s->stack[i].screen = (uint16_t)get_num(r, m->nscreens - 1);
        s->stack[i].place = get_place(r);
        r->bad |= !stands(&m->screens[s->stack[i].screen]);
    }
    s->ntrail = (uint8_t)get_num(r, TRAIL_MAX);
    for (size_t i = 0; i < s->ntrail; i++)
        s->trail[i] = get_place(r);
    s->next = get_place(r);
}

static void get_vars(const struct menu *m, struct menu_state *s, struct reader *r)
{
    size_t n = get_num(r, m->nvars), least = 0;

    for (size_t i = 0; i < n && !r->bad; i++) {
        size_t var = get_num(r, m->nvars - 1);
        struct str value = get_str(r, VAR_BYTES_MAX);

        if (r->bad || var < least || !stored(&m->vars[var]) ||
            utf8_count(value) > m->vars[var].max) {
            r->bad = true;
            return;
        }
        s->vars[var] = value;
        least = var + 1;
    }
}

static void get_bound(const struct menu *m, struct menu_state *s, struct reader *r)
{
    size_t keep = top_keep(m, s), cells;

    s->bound.n = (uint8_t)get_num(r, keep ? ITEMS_MAX : 0);
    s->bound.shown = r->old ? (uint8_t)get_num(r, s->bound.n) : s->bound.n;
    cells = s->bound.n * keep;
    s->bound.cells = arena_zalloc(r->a, cells ? cells : 1, sizeof *s->bound.cells);
    if (!s->bound.cells)
        r->bad = true;
    for (size_t i = 0; i < cells && !r->bad; i++)
        s->bound.cells[i] = get_cell(r, i < keep ? NULL : &s->bound.cells[i - keep]);
}

/* A call waits over any screen; a shown screen's own rows are waited for on top of the stack. */
static void get_waiting(const struct menu *m, struct menu_state *s, struct reader *r)
{
    const struct frame *top = state_top(s);
    const struct screen *sc;

    s->waiting.kind = (enum pending)get_num(r, PENDING_CALL);
    s->waiting.screen = (int)get_num(r, m->nscreens - 1);
    s->waiting.step = get_str(r, STEP_MAX);
    sc = &m->screens[s->waiting.screen];
    r->bad |= s->waiting.kind == PENDING_NONE || sc->action == NONE;
    if (s->waiting.kind == PENDING_LOAD)
        r->bad |= !screen_shows(sc) || !top || top->screen != sc->no;
    else
        r->bad |= sc->type != SCREEN_CALL && sc->type != SCREEN_PAY;
}

int menu_state_version(struct str bytes, char version[17], struct err *e)
{
    uint64_t v = 0;

    if (bytes.n < HEAD || (bytes.p[0] != FORMAT && bytes.p[0] != FORMAT_OLD))
        return err_set(e, ERR_BAD_INPUT, "not a menu state");
    for (size_t i = 0; i < 8; i++)
        v |= (uint64_t)(unsigned char)bytes.p[1 + i] << (8 * i);
    snprintf(version, 17, "%016" PRIx64, v);
    return 0;
}

int menu_state_decode(const struct menu *m, struct str bytes, struct arena *a,
                      struct menu_state **out, struct err *e)
{
    struct menu_state *s = menu_state_new(m, a);
    struct reader r = {.rest = str_skip(bytes, HEAD), .a = a};
    char version[17];
    unsigned flags;

    if (menu_state_version(bytes, version, e) != 0)
        return -1;
    if (strcmp(version, m->version) != 0)
        return err_set(e, ERR_BAD_STATE, "state of menu %s, not %s", version, m->version);
    r.old = bytes.p[0] == FORMAT_OLD;
    flags = (unsigned)get_num(&r, FLAGS);
    s->ended = flags & FLAG_ENDED;
    s->faulted = flags & FLAG_FAULTED;
    s->has_next = flags & FLAG_NEXT;
    s->asking = flags & FLAG_ASKING;
    get_stack(m, s, &r);
    get_vars(m, s, &r);
    get_bound(m, s, &r);
    if (flags & FLAG_WAITING)
        get_waiting(m, s, &r);
    else if (s->depth && !screen_shows(&m->screens[state_top(s)->screen]))
        r.bad = true; /* a subflow is waited for, or on its first screen */
    if (!r.bad)       /* only what is whole has a policy */
        r.bad = s->asking && menu_resume_policy(m, s) != MENU_RESUME_ASK;
    if (r.bad || r.rest.n)
        return err_set(e, ERR_BAD_INPUT, "menu state is damaged");
    *out = s;
    return 0;
}

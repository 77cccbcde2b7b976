/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One screen as text: a note, the head, the choices a line each, and the navigation keys on a last
 * line. A draft is measured before it is written; what does not fit goes to the next page. The
 * last guard cuts whatever is still too long and says so: with a checked menu it never does (S6).
 */
#include <assert.h>
#include "gateway/lib/utf8.h"
#include "menus/engine.h"

#define HOME_FROM_DEPTH 3 /* nearer, "back" leads home as fast */

static const struct str nav_gap = STR_INIT("  ");

struct draft {
    struct str note, head;
    size_t n;
    struct menu_option *options; /* the out struct's */
};

/* Which navigation keys a page offers. */
struct nav {
    bool more, previous, back, home;
    struct str more_key;
};

static unsigned cost(const struct step *st, struct str s)
{
    return text_cost(st->t->limits.charset, s);
}

static unsigned option_cost(const struct step *st, const struct menu_option *o)
{
    return cost(st, o->key) + 1 + cost(st, o->label);
}

static unsigned draft_cost(const struct step *st, const struct draft *d)
{
    unsigned sum = 0, lines = 0;
    bool nav = false;

    if (d->note.n)
        sum += cost(st, d->note), lines++;
    if (d->head.n)
        sum += cost(st, d->head), lines++;
    for (size_t i = 0; i < d->n; i++) {
        sum += option_cost(st, &d->options[i]);
        if (d->options[i].kind != MENU_OPT_CHOICE && nav)
            sum += (unsigned)nav_gap.n;
        else
            lines++;
        nav |= d->options[i].kind != MENU_OPT_CHOICE;
    }
    return sum + (lines ? lines - 1 : 0);
}

static void add_option(struct draft *d, struct str key, struct str label,
                       enum menu_option_kind kind)
{
    if (d->n < MENU_OPTIONS_MAX)
        d->options[d->n++] = (struct menu_option){key, label, kind};
}

static void add_nav(const struct step *st, struct draft *d, const struct nav *nav)
{
    const struct menu *m = st->m;

    if (nav->more)
        add_option(d, nav->more_key.n ? nav->more_key : m->keys[KEY_MORE],
                   text_show(st, m->engine[TEXT_MORE]), MENU_OPT_MORE);
    if (nav->previous)
        add_option(d, m->keys[KEY_PREVIOUS], text_show(st, m->engine[TEXT_PREVIOUS]),
                   MENU_OPT_PREVIOUS);
    if (nav->back)
        add_option(d, m->keys[KEY_BACK], text_show(st, m->engine[TEXT_BACK]), MENU_OPT_BACK);
    if (nav->home)
        add_option(d, m->keys[KEY_HOME], text_show(st, m->engine[TEXT_HOME]), MENU_OPT_HOME);
}

static struct nav plain_nav(const struct step *st, const struct screen *sc)
{
    const struct menu_state *s = st->s;
    bool at_home = (int)sc->no == st->m->home;

    return (struct nav){
        .back = !at_home && sc->type != SCREEN_CONFIRM,
        .home = !at_home && sc->type != SCREEN_CONFIRM && s->depth >= HOME_FROM_DEPTH,
        .previous = s->ntrail > 0,
        .more_key = sc->more_key,
    };
}

/* ---- writing --------------------------------------------------------------------------------- */

static void add_line(struct buf *b, struct str s)
{
    if (s.n && b->len)
        buf_addc(b, '\n');
    buf_adds(b, s);
}

static void write_options(const struct draft *d, struct buf *b)
{
    bool nav = false;

    for (size_t i = 0; i < d->n; i++) {
        const struct menu_option *o = &d->options[i];
        bool is_nav = o->kind != MENU_OPT_CHOICE;

        if (nav && is_nav)
            buf_adds(b, nav_gap);
        else if (b->len)
            buf_addc(b, '\n');
        buf_adds(b, o->key);
        buf_addc(b, ' ');
        buf_adds(b, o->label);
        nav |= is_nav;
    }
}

static void drop_option(struct draft *d, enum menu_option_kind kind)
{
    size_t i = 0;

    while (i < d->n && d->options[i].kind != kind)
        i++;
    if (i == d->n)
        return;
    memmove(&d->options[i], &d->options[i + 1], (d->n - i - 1) * sizeof d->options[0]);
    d->n--;
}

/* Makes the draft fit. First the keys that work unseen go; shortening the head is the last guard,
 * which a checked menu never needs (S6). */
static void squeeze(const struct step *st, struct draft *d)
{
    unsigned over, head;

    if (draft_cost(st, d) > st->limit)
        drop_option(d, MENU_OPT_HOME);
    if (draft_cost(st, d) > st->limit)
        drop_option(d, MENU_OPT_PREVIOUS);
    over = draft_cost(st, d);
    if (over <= st->limit)
        return;
    st->out->clipped = true;
    over -= st->limit;
    head = cost(st, d->head);
    if (head > over) {
        d->head = text_clip(st->t->limits.charset, d->head, head - over);
        return;
    }
    d->head = STR_EMPTY;
    d->note = STR_EMPTY;
    while (d->n > 1 && draft_cost(st, d) > st->limit)
        d->n--;
}

static void finish(const struct step *st, struct draft *d)
{
    char mem[MENU_LIMIT_MAX * 6];
    struct menu_out *out = st->out;
    struct buf b;

    squeeze(st, d);
    buf_init_fixed(&b, mem, sizeof mem);
    add_line(&b, d->note);
    add_line(&b, d->head);
    out->head = arena_str(st->t->arena, buf_str(&b));
    write_options(d, &b);
    out->text = arena_str(st->t->arena, text_clip(st->t->limits.charset, buf_str(&b), st->limit));
    if (!out->text.p || !out->head.p)
        out->text = out->head = STR_EMPTY;
    out->noptions = d->n;
    out->units = cost(st, out->text);
}

static struct draft new_draft(const struct step *st, const struct screen *sc)
{
    return (struct draft){
        .note = text_show(st, st->s->note),
        .head = text_show(st, sc->text),
        .options = st->out->options,
    };
}

/* ---- menus and lists ------------------------------------------------------------------------- */

size_t menu_choices(const struct step *st, const struct screen *sc,
                    struct choice_key out[CHOICES_MAX])
{
    static const struct str numbers[CHOICES_MAX + 1] = {
        STR_INIT("0"),  STR_INIT("1"),  STR_INIT("2"),  STR_INIT("3"), STR_INIT("4"),
        STR_INIT("5"),  STR_INIT("6"),  STR_INIT("7"),  STR_INIT("8"), STR_INIT("9"),
        STR_INIT("10"), STR_INIT("11"), STR_INIT("12"),
    };
    size_t n = 0, number = 0;

    for (size_t i = 0; i < sc->nchoices; i++) {
        const struct choice *c = &sc->choices[i];

        if (!when_holds(st, &c->when))
            continue;
        out[n++] = (struct choice_key){c, c->key.n ? c->key : numbers[++number]};
    }
    return n;
}

/* As many of the n items as fit beside the head, and the keys that are then needed. At least one:
 * S6 is proved for one item. Returns how many. */
static size_t fill(const struct step *st, struct draft *d, const struct menu_option *items,
                   size_t n, bool more_after, struct nav nav)
{
    for (size_t count = n;; count--) {
        d->n = 0;
        for (size_t i = 0; i < count; i++)
            add_option(d, items[i].key, items[i].label, items[i].kind);
        nav.more = more_after || count < n;
        add_nav(st, d, &nav);
        if (count <= 1 || draft_cost(st, d) <= st->limit)
            return count;
    }
}

static void set_next(const struct step *st, bool more, size_t at)
{
    st->s->has_next = more;
    st->s->next = (struct place){0, (uint32_t)at};
}

static void render_menu(const struct step *st, const struct screen *sc)
{
    struct choice_key choices[CHOICES_MAX];
    struct menu_option items[CHOICES_MAX];
    size_t n = menu_choices(st, sc, choices), at = state_top(st->s)->place.at, count;
    struct draft d = new_draft(st, sc);
    struct nav nav = plain_nav(st, sc);

    at = at < n ? at : 0;
    for (size_t i = at; i < n; i++)
        items[i - at] = (struct menu_option){choices[i].key, text_show(st, choices[i].choice->text),
                                             MENU_OPT_CHOICE};
    count = fill(st, &d, items, n - at, false, nav);
    set_next(st, at + count < n, at + count);
    finish(st, &d);
}

static void render_list(const struct step *st, const struct screen *sc)
{
    struct menu_option items[10];
    size_t index[10], n, count;
    struct draft d = new_draft(st, sc);
    struct nav nav = plain_nav(st, sc);
    bool more;

    n = list_items(st, sc, state_top(st->s)->place.at, items, index, sc->per_page, &more);
    count = fill(st, &d, items, n, more, nav);
    if (count) {
        set_next(st, more || count < n, index[count - 1] + 1);
        st->s->bound.shown = (uint8_t)MAX(st->s->bound.shown, index[count - 1] + 1);
    }
    finish(st, &d);
}

/* ---- running text ---------------------------------------------------------------------------- */

/* Where the page of a slice stands: the action's row says it. */
static void slice_place(const struct step *st, const struct screen *sc, struct place *at)
{
    int64_t part = 0, chars = 0;

    if (!str_to_i64(state_var(st, sc->slice_part), 0, UINT32_MAX, &part))
        part = 0;
    if (!str_to_i64(state_var(st, sc->slice_at), 0, UINT32_MAX, &chars))
        chars = 0;
    *at = (struct place){(uint32_t)part, (uint32_t)chars};
}

static void join_body(const struct step *st, struct draft *d, struct str body)
{
    if (!d->head.n) {
        d->head = body;
        return;
    }
    d->head = str_c(
        arena_printf(st->t->arena, "%" STR_FMT "\n%" STR_FMT, STR_ARG(d->head), STR_ARG(body)));
}

static void render_text(const struct step *st, const struct screen *sc)
{
    struct menu_state *s = st->s;
    struct place *at = &s->stack[s->depth - 1].place;
    bool slice = sc->slice_at != NONE;
    struct draft d = new_draft(st, sc);
    struct nav nav = plain_nav(st, sc);
    struct str body, page;
    unsigned used;
    size_t bytes;

    body = sc->body_text != NONE
               ? text_fill_raw(st, text_in(st->m, text_pick(st, sc->body_text), step_lang(st)))
               : state_var(st, sc->body_var);
    if (slice)
        slice_place(st, sc, at);
    else
        body = str_skip(body, text_skip_chars(body, at->at));
    nav.more = slice; /* a book's last page leads to its end */
    for (int pass = 0; pass < 2; pass++) {
        d.n = 0;
        add_nav(st, &d, &nav);
        used = draft_cost(st, &d) + (d.head.n || d.note.n);
        bytes = text_page(st, body, used < st->limit ? st->limit - used : 0, &page);
        if (nav.more || bytes >= body.n)
            break;
        nav.more = true;
    }
    s->has_next = nav.more;
    s->next = (struct place){at->part, at->at + (uint32_t)utf8_count(str_head(body, bytes))};
    join_body(st, &d, page);
    finish(st, &d);
}

/* ---- the others ------------------------------------------------------------------------------ */

struct str render_consent(const struct step *st, const struct screen *sc)
{
    struct str head = text_show(st, sc->text), accept = text_show(st, sc->choices[0].text);

    return str_c(arena_printf(st->t->arena, "%" STR_FMT "\n%" STR_FMT " %" STR_FMT, STR_ARG(head),
                              STR_ARG(sc->choices[0].key), STR_ARG(accept)));
}

static void render_plain(const struct step *st, const struct screen *sc)
{
    struct choice_key choices[CHOICES_MAX];
    size_t n = 0;
    struct draft d = new_draft(st, sc);
    struct nav nav = plain_nav(st, sc);

    if (sc->type == SCREEN_CONFIRM || sc->type == SCREEN_INPUT)
        n = menu_choices(st, sc, choices);
    for (size_t i = 0; i < n; i++)
        add_option(&d, choices[i].key, text_show(st, choices[i].choice->text), MENU_OPT_CHOICE);
    if (sc->type != SCREEN_END)
        add_nav(st, &d, &nav);
    st->s->has_next = false;
    finish(st, &d);
}

static void start_out(const struct step *st, const struct screen *sc)
{
    assert(st->s != NULL);
    *st->out = (struct menu_out){
        .kind = MENU_SCREEN,
        .screen = sc ? sc->name : "",
        .screen_no = sc ? sc->no : 0,
        .invalid = st->s->invalid,
    };
}

void render_screen(const struct step *st)
{
    const struct screen *sc = &st->m->screens[state_top(st->s)->screen];

    start_out(st, sc);
    st->out->end = sc->type == SCREEN_END;
    st->out->input = sc->type == SCREEN_INPUT;
    st->out->sensitive = sc->sensitive;
    switch (sc->type) {
    case SCREEN_MENU: render_menu(st, sc); break;
    case SCREEN_LIST: render_list(st, sc); break;
    case SCREEN_TEXT: render_text(st, sc); break;
    default: render_plain(st, sc);
    }
}

void render_failure(const struct step *st, enum engine_text why, bool end)
{
    const struct frame *top = st->s ? state_top(st->s) : NULL;
    struct draft d = {.head = text_show(st, st->m->engine[why]), .options = st->out->options};
    struct nav nav = {.back = true, .home = true};

    start_out(st, top ? &st->m->screens[top->screen] : NULL);
    st->out->end = end;
    if (!end) {
        add_option(&d, STR("1"), text_show(st, st->m->engine[TEXT_RETRY]), MENU_OPT_CHOICE);
        add_nav(st, &d, &nav);
    }
    finish(st, &d);
}

void render_guard(const struct step *st, const struct screen *sc)
{
    struct draft d = {.head = text_show(st, st->m->engine[TEXT_WAIT]), .options = st->out->options};
    struct nav nav = {.back = true, .home = true};

    start_out(st, sc);
    add_option(&d, STR("1"), text_show(st, st->m->engine[TEXT_LOOK]), MENU_OPT_CHOICE);
    add_nav(st, &d, &nav);
    finish(st, &d);
}

void render_ask(const struct step *st)
{
    const struct menu *m = st->m;
    struct draft d = {.head = text_show(st, m->engine[TEXT_RESUME]), .options = st->out->options};

    start_out(st, &m->screens[state_top(st->s)->screen]);
    d.note = st->s->note == NONE ? STR_EMPTY : text_show(st, st->s->note);
    add_option(&d, STR("1"), text_show(st, m->engine[TEXT_RESUME_YES]), MENU_OPT_CHOICE);
    add_option(&d, STR("2"), text_show(st, m->engine[TEXT_RESUME_NEW]), MENU_OPT_CHOICE);
    finish(st, &d);
    st->s->note = NONE;
    st->s->invalid = false;
}

struct str menu_fit(struct arena *a, struct menu_limits limits, struct str text)
{
    return text_clip(limits.charset, text_fold(a, limits.charset, text),
                     MAX(limits.max, MENU_LIMIT_MIN));
}

struct str menu_sorry(const struct menu *m, const struct menu_turn *t, struct str lang,
                      const char *key)
{
    int no = lang.n ? menu_find_lang(m, lang) : NONE;
    struct step st = {.m = m, .t = t, .limit = MAX(t->limits.max, MENU_LIMIT_MIN)};
    enum engine_text why = !strcmp(key, "busy")   ? TEXT_FAIL_BUSY
                           : !strcmp(key, "down") ? TEXT_FAIL_DOWN
                           : !strcmp(key, "gone") ? TEXT_FAIL_GONE
                                                  : TEXT_FAIL_BUG;
    size_t in = no == NONE ? step_lang(&st) : (size_t)no;

    return text_clip(t->limits.charset, text_fill(&st, text_in(m, m->engine[why], in)), st.limit);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: the rows of an action, bound to numbers when they are first shown (hard case 36). The
 * binding keeps, for each number, the columns the flow asked to keep; choosing number 7 means the
 * row that was shown as 7, whatever the catalogue did since. Numbers go on over pages and any
 * number already shown may be chosen. Turning a page runs the action again: rows that were shown and
 * are still there keep their number, rows that are gone leave a gap, what follows them is numbered
 * on; new rows among them wait for a fresh visit.
 */
#include "menus/engine.h"

struct str rows_cell(const struct menu_rows *rows, size_t row, struct str col)
{
    if (rows && row < rows->nrows)
        for (size_t c = 0; c < rows->ncols; c++)
            if (str_eq(rows->cols[c], col))
                return rows->cells[row * rows->ncols + c];
    return (struct str){NULL, 0};
}

/* A kept cell as it is stored: bounded by its variable's width. */
static struct str kept_cell(const struct step *st, const struct screen *sc, size_t row, size_t k)
{
    struct str cell = rows_cell(st->s->rows, row, sc->keep[k].col);

    return cell.p ? str_head(cell, text_skip_chars(cell, st->m->vars[sc->keep[k].var].max))
                  : STR_EMPTY;
}

static bool same_row(const struct step *st, const struct screen *sc, size_t row, size_t i)
{
    for (size_t k = 0; k < sc->nkeep; k++)
        if (!str_eq(kept_cell(st, sc, row, k), st->s->bound.cells[i * sc->nkeep + k]))
            return false;
    return true;
}

/* The row at hand that number i+1 means, or NONE. Usually it stands where it stood. */
static int row_of(const struct step *st, const struct screen *sc, size_t i)
{
    size_t n = st->s->rows ? st->s->rows->nrows : 0;

    if (i < n && same_row(st, sc, i, i))
        return (int)i;
    for (size_t row = 0; row < n; row++)
        if (same_row(st, sc, row, i))
            return (int)row;
    return NONE;
}

static bool has_number(const struct step *st, const struct screen *sc, size_t row)
{
    for (size_t i = 0; i < st->s->bound.n; i++)
        if (same_row(st, sc, row, i))
            return true;
    return false;
}

/* The first row behind all that have a number. */
static size_t first_fresh(const struct step *st, const struct screen *sc)
{
    size_t row = st->s->rows->nrows;

    while (row > 0 && !has_number(st, sc, row - 1))
        row--;
    return row;
}

/* Numbers for the rows that follow those which have one. */
static void bind_rows(const struct step *st, const struct screen *sc)
{
    struct bound *b = &st->s->bound;
    size_t first = first_fresh(st, sc), had = b->n;
    size_t n = MIN(had + st->s->rows->nrows - first, sc->max_items);
    struct str *cells;

    if (n <= had)
        return;
    cells = arena_zalloc(st->t->arena, n * sc->nkeep + 1, sizeof *cells);
    if (!cells)
        return;
    if (had)
        memcpy(cells, b->cells, had * sc->nkeep * sizeof *cells);
    for (size_t i = had; i < n; i++)
        for (size_t k = 0; k < sc->nkeep; k++) {
            struct str cell = arena_str(st->t->arena, kept_cell(st, sc, first + i - had, k));

            cells[i * sc->nkeep + k] = cell.p ? cell : STR_EMPTY;
        }
    b->cells = cells;
    b->n = (uint8_t)n;
}

void list_bind(const struct step *st, const struct screen *sc)
{
    struct menu_state *s = st->s;
    struct place *place = &s->stack[s->depth - 1].place;
    bool any = false;

    bind_rows(st, sc);
    for (size_t i = place->at; i < s->bound.n && !any; i++)
        any = row_of(st, sc, i) != NONE;
    if (any)
        return;
    s->bound = (struct bound){0};
    bind_rows(st, sc);
    s->ntrail = 0;
    if (place->at >= s->bound.n)
        place->at = 0;
}

size_t list_items(const struct step *st, const struct screen *sc, size_t first,
                  struct menu_option *items, size_t *index, size_t max, bool *more)
{
    size_t n = 0;

    *more = false;
    for (size_t i = first; i < st->s->bound.n; i++) {
        int row = row_of(st, sc, i);
        struct str label;

        if (row == NONE)
            continue;
        if (n == max) {
            *more = true;
            break;
        }
        label = text_fold(st->t->arena, st->t->limits.charset,
                          rows_cell(st->s->rows, (size_t)row, STR("label")));
        items[n] = (struct menu_option){
            .key = str_c(arena_printf(st->t->arena, "%zu", i + 1)),
            .label = text_clip(st->t->limits.charset, label, sc->label_max),
            .kind = MENU_OPT_CHOICE,
        };
        index[n++] = i;
    }
    return n;
}

bool list_choose(const struct step *st, const struct screen *sc, unsigned no)
{
    const struct bound *b = &st->s->bound;

    if (no < 1 || no > b->shown || no > b->n)
        return false;
    for (size_t k = 0; k < sc->nkeep; k++)
        state_set(st, sc->keep[k].var, b->cells[(no - 1) * sc->nkeep + k]);
    return true;
}

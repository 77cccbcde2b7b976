/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's own menu with a database that answers at random: long titles, French and letters
 * outside GSM-7, every outcome of every action, failures, empty lists. Seeded, so it repeats.
 */
#ifndef COKO_TESTS_MENU_COKO_H
#define COKO_TESTS_MENU_COKO_H

#include "menus/model.h"
#include "tests/unit/menu_fixture.h"

static const char *const coko_words[] = {
    "Le taxi de Médina",
    "A",
    "",
    "Œuvres complètes de l'été : ça, là-bas « où » l'on rêve… tome premier et second {1}",
    "ẹ̀kọ́ ọ̀sán ɓaɗo ŋ € [brackets] | pipes ^ ~ \\ {braces} and a very long tail that goes on",
    "😀😀 emoji and\nnewlines\tand\x01 controls",
    "12",
};

static const char coko_body[] =
    "Awa posa le panier. « Tu viens ? » dit-elle. Personne ne répondit ; la mer était haute, "
    "et le vent soufflait du large.\n\nElle attendit… longtemps. Œil ouvert, cœur serré, elle "
    "compta les pirogues une à une : sept, huit, neuf. Puis la nuit tomba sur Yoff. "
    "Motsanspointniespacequitientplusdunepageentierepourvoirsilacoupesefaitquandmemeetsionavance"
    "toujoursdaumoinsuncaracteresansjamaisbouclerniperdrelaplacedulecteurquipatiencesoussalampe. "
    "Fin.";

static inline struct str coko_word(struct reader *r)
{
    return str_c(coko_words[reader_random(r) % ARRAY_LEN(coko_words)]);
}

static inline const char *coko_outcome(struct reader *r, const char *action)
{
    static const struct {
        const char *action, *outcomes[8];
    } table[] = {
        {"dial", {"new", "charge", "ok", "invited"}},
        {"welcomed", {"ok", "invited"}},
        {"set_language", {"ok", "unknown"}},
        {"book_by_code", {"ok", "ok", "none"}},
        {"continue", {"ok", "ok", "none"}},
        {"book_card", {"ok", "ok", "ok", "none"}},
        {"book_summary", {"ok", "ok", "none"}},
        {"read_page", {"ok", "ok", "ok", "ok", "ok", "locked", "end", "none"}},
        {"start_charge",
         {"created", "paid", "code", "pending", "active", "price_changed", "wait", "no_rail"}},
        {"my_pass", {"active", "host", "member", "pending", "grace", "none"}},
        {"family_join", {"ok", "none", "full", "elsewhere"}},
        {"family_invite", {"ok", "full", "known", "limited", "self", "abroad", "none"}},
        {"taken_over", {"plain", "better"}},
        {"pending_state", {"waiting", "stuck", "code", "checking"}},
        {"start_trial", {"granted", "none"}},
        {"redeem", {"granted", "yours", "used", "over", "unknown", "limited"}},
        {"gift_to", {"ok", "self", "abroad"}},
        {"gift_charge", {"created", "code", "pending", "price_changed", "wait", "no_rail"}},
        {"buy_book",
         {"created", "paid", "code", "pending", "active", "price_changed", "wait", "no_rail"}},
        {"cancel_renewal", {"cancelled", "already", "none"}},
        {"supersede_charge", {"ok", "too_early", "none"}},
        {"choose_wallet", {"ok", "unknown"}},
        {"type_code", {"paid", "wrong", "locked", "declined", "slow", "away", "waiting", "none"}},
        {"code_cancel", {"ok", "none"}},
        {"code_to_link", {"ok", "none"}},
        {"set_schedule", {"ok", "off", "stopped", "unknown"}},
        {"sms_repeat", {"queued", "stopped", "locked", "allowance", "none", "busy"}},
        {"sms_next", {"queued", "stopped", "locked", "allowance", "end", "none", "busy"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (!strcmp(table[i].action, action)) {
            size_t n = 0;

            while (n < 8 && table[i].outcomes[n])
                n++;
            return table[i].outcomes[reader_random(r) % n];
        }
    return "odd";
}

static inline struct str coko_cell(struct reader *r, struct str col, size_t row)
{
    static const char *const langs[] = {"fr", "en", "wo", "pt", "sw", "ha"};
    static const char *const ids[] = {"7", "1000001", "1000002", "1000003", "1000004", "12"};

    if (str_eq_c(col, "id") || str_eq_c(col, "book"))
        return str_c(arena_printf(&r->arena, "%s%zu", ids[reader_random(r) % 6 * (row == 3)], row));
    if (str_eq_c(col, "lang") || str_eq_c(col, "lang2"))
        return str_c(langs[reader_random(r) % ARRAY_LEN(langs)]);
    if (str_eq_c(col, "part") || str_eq_c(col, "identity") || str_eq_c(col, "user"))
        return str_c("3");
    if (str_eq_c(col, "body"))
        return str_c(coko_body);
    if (str_eq_c(col, "at"))
        return r->nvars && reader_random(r) % 2 ? str_c("17") : str_c("0");
    return coko_word(r);
}

/* Rows of the columns that the action's file declares, as every statement gives them. */
static inline bool coko_answer(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    const struct action *a = &r->m->actions[out->action->no];
    const char *outcome = coko_outcome(r, out->action->name);
    bool list = !strcmp(outcome, "odd");
    size_t n;

    if (reader_random(r) % 23 == 0)
        return false;
    r->cols[0] = STR("outcome");
    rows->ncols = 1;
    for (size_t c = 0; c < a->ncols && rows->ncols < ARRAY_LEN(r->cols); c++)
        if (!str_eq(a->cols[c], STR("outcome")))
            r->cols[rows->ncols++] = a->cols[c];
    rows->nrows = list ? reader_random(r) % 25 : 1;
    if (!list && !strcmp(outcome, "none") && reader_random(r) % 2)
        rows->nrows = 0;
    n = rows->ncols;
    for (size_t i = 0; i < rows->nrows * n; i++)
        r->cells[i] = i % n ? coko_cell(r, r->cols[i % n], i / n) : str_c(list ? "ok" : outcome);
    return true;
}

static inline struct menu *coko_menu(void)
{
    struct menu_report *report = calloc(1, sizeof *report);
    struct err e = {0};
    struct menu *m;

    assert(report);
    m = menu_load(COKO_SOURCE_DIR "/menus/coko", report, &e);
    menu_report_print(report, stderr);
    assert(m);
    free(report);
    return m;
}

static inline void coko_vars(struct reader *r)
{
    reader_var(r, "carrier", "africastalking");
    reader_var(r, "network", "orange");
    reader_var(r, "country", "SN");
    reader_var(r, "service_code", "*384*26#");
    reader_var(r, "session", "s1");
    reader_var(r, "step", "s1:1");
    reader_var(r, "number_lookup", "\\x00");
    reader_var(r, "number_sealed", "\\x00");
    reader_var(r, "key_id", "1");
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The menu language: a folder of JSON, text and SQL files becomes a compiled, read-only `struct
 * menu`; a `struct menu_state` is one reader's place in it; one turn gives either a screen to show
 * or an action to run.
 *
 *   menu_load -> [menu_check] -> (menu_begin | menu_input | menu_reshow) -> screen
 *                                        |                    ^
 *                                        v                    |
 *                                      action -- menu_resume -+-- menu_fail
 *
 * Pure: no socket, no clock, no global. It never runs SQL: it names the statement and its arguments
 * and waits to be resumed with the rows. Nothing here blocks. A menu may be shared by every turn of
 * the process; a state belongs to one turn at a time.
 *
 * Memory: everything a turn makes (state, texts, options, arguments) lives in the turn's arena and
 * dies with it. Values given in are copied where they must outlive the call, except the vars and
 * rows of a call, which need to live only until it returns.
 *
 * Kept here: S6 (no screen above its carrier's limit), S5 (a sensitive input is never encoded), and
 * the menu's half of S2 (an accept key of a money confirm is not valid on the screen before it).
 */
#ifndef COKO_MENUS_MENU_H
#define COKO_MENUS_MENU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/lib/arena.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

struct menu;       /* compiled menu, immutable after menu_load */
struct menu_state; /* one reader's place: stack, variables, list bindings, page */

/* ---- faults ---------------------------------------------------------------------------------- */

/* One fault of a menu's files. `file` is relative to the menu's folder; line 0 = the whole file. */
struct menu_fault {
    char file[64];
    unsigned line;
    char text[200];
};

/* Faults in the order found; the first MENU_FAULTS_MAX are kept, `count` goes on counting. */
#define MENU_FAULTS_MAX 200
struct menu_report {
    struct menu_fault faults[MENU_FAULTS_MAX];
    size_t count;
};

/* Writes the faults as "file:line: text" lines. */
void menu_report_print(const struct menu_report *r, FILE *out);

/* ---- loading and checking -------------------------------------------------------------------- */

/* One source file, for menus that are not in a folder (tests, fuzz). */
struct menu_file {
    const char *name; /* "flow.json", "text/<lang>.json" or "actions/<name>.sql" */
    struct str bytes;
};

/* Reads and compiles a menu folder. NULL when any fault was found: all of them are in `r` (may be
 * large: allocate it), and `e` has the first. `r` is reset first. Free with menu_free. */
struct menu *menu_load(const char *dir, struct menu_report *r, struct err *e) MUST_CHECK;
struct menu *menu_load_files(const struct menu_file *files, size_t n, struct menu_report *r,
                             struct err *e) MUST_CHECK;
void menu_free(struct menu *m);

/* 16 hex digits: a hash of every file's name and bytes. A session pins it (hard case 37). */
const char *menu_version(const struct menu *m);

/* Proves the menu: every screen in every language under every limit of flow.json fits or pages,
 * every screen is reached and has a way out, every text exists and is used, no option takes a
 * reserved key, every pay stands behind a confirm whose accept key means nothing on the screens
 * before it (S2, S6). Adds faults to `r` without resetting it; 0 when there were none. */
int menu_check(const struct menu *m, struct menu_report *r) MUST_CHECK;

/* The languages, in the order of flow.json; "" past the last. How many texts of one its file marks
 * as waiting for a native reader ("review"). */
struct str menu_lang(const struct menu *m, size_t lang);
unsigned menu_reviews(const struct menu *m, size_t lang);

/* The closed set of screen names, for counters. Index 0..menu_screens()-1; out->screen_no is one. */
size_t menu_screens(const struct menu *m);
const char *menu_screen_name(const struct menu *m, size_t no);

/* ---- actions --------------------------------------------------------------------------------- */

enum menu_lane { MENU_LANE_READ, MENU_LANE_WRITE, MENU_LANE_SLOW };

/* What a screen asks of its reader; derived by the loader from its type, its kind of input and its
 * action, and made stricter by the flow where it likes. A dialled path, and a path replayed after a
 * loss, passes MENU_FREE and MENU_INPUT and stops at the others (hard cases 7 and 9); what is typed
 * on MENU_INPUT and MENU_SENSITIVE is never written anywhere in clear. */
enum menu_safety {
    MENU_FREE,      /* choices and reads: nothing changes */
    MENU_INPUT,     /* a typed value */
    MENU_SENSITIVE, /* a secret, an effect, a page of a book turned: the reader stands here himself */
    MENU_MONEY      /* a confirm or a pay */
};

/* By number, as menu_screen_name; MENU_MONEY for a number that is none. */
enum menu_safety menu_screen_safety(const struct menu *m, size_t no);

/* One actions/<name>.sql: one statement with text parameters $1..$nargs. Lives with the menu. */
struct menu_action {
    const char *name; /* closed set: fit for a metric label and a prepared statement's name */
    const char *sql;  /* without its head comments, NUL-terminated */
    size_t sql_len;
    enum menu_lane lane;
    size_t no;    /* 0..menu_actions()-1 */
    size_t nargs; /* parameters */
    /* For the caller of the database: one try may take this long (0: the caller's own limit), and a
     * try that failed as MENU_FAIL_BUSY or MENU_FAIL_DOWN is made again up to `retries` times while
     * the turn has time. Only reads have retries. */
    unsigned timeout_ms;
    unsigned retries;
    /* For the caller too: bit i says that argument i + 1 is given to the database as the keyed hashes of a
     * code (arg:code), or as a number that stands nowhere in clear (arg:number). See the caller for their form. */
    uint32_t codes, numbers;
};

size_t menu_actions(const struct menu *m);
const struct menu_action *menu_action(const struct menu *m, size_t no);

/* An action's result, row by row: cells[row * ncols + col]; a NULL cell has p == NULL. */
struct menu_rows {
    size_t nrows, ncols;
    const struct str *cols;
    const struct str *cells;
};

/* ---- limits ------------------------------------------------------------------------------------ */

enum menu_charset { MENU_GSM7, MENU_UCS2, MENU_LATIN1, MENU_UTF8 };

/* What the carrier can show. `max` counts septets for GSM7 (extension characters cost 2), UTF-16
 * units for UCS2, characters for the others. Below MENU_LIMIT_MIN it is taken as MENU_LIMIT_MIN. */
#define MENU_LIMIT_MIN 40
#define MENU_LIMIT_MAX 1000
struct menu_limits {
    unsigned max;
    enum menu_charset charset;
};

/* ---- the proof, to be looked at ---------------------------------------------------------------- */

/* The screen that comes nearest to one limit, when every variable is at its greatest width: what it
 * may need in the limit's units, and the parts of that. */
struct menu_worst {
    size_t screen, lang;
    struct menu_limits limit;
    unsigned need, note, head, foot;
    int note_text; /* which note, for menu_worst_print */
};

#define MENU_PROVED_MAX 8
struct menu_proof {
    size_t screens, langs, limits; /* that show something; languages; limits of flow.json */
    size_t proved;                 /* screens x languages x limits */
    struct menu_worst worst[MENU_PROVED_MAX]; /* one a limit */
    size_t messages;                          /* texts that go out as an SMS */
    struct str sms_key;                       /* the longest of them */
    size_t sms_lang;
    unsigned sms_need;
};

/* What menu_check measured, for a menu without faults. */
void menu_prove(const struct menu *m, struct menu_proof *p);

/* Draws that screen as the phone shows it: by the engine itself, every variable at its width. */
void menu_worst_print(const struct menu *m, const struct menu_worst *w, FILE *out);

/* "gsm7", "ucs2", "latin1", "utf8". */
const char *menu_charset_name(enum menu_charset cs);

/* ---- the drawing ------------------------------------------------------------------------------- */

/* What happened on a screen, and how often readers went from one to another (ops.screen_stats,
 * ops.screen_steps). Names that the menu has not are left aside. */
struct menu_screen_stat {
    const char *screen;
    uint64_t entered, answered, invalid, back, dropped;
    unsigned ms; /* median of ours */
};
struct menu_step_stat {
    const char *from, *to;
    uint64_t times;
};
struct menu_stats {
    const struct menu_screen_stat *screens;
    size_t nscreens;
    const struct menu_step_stat *steps;
    size_t nsteps;
};

/* Writes the flow as a Graphviz digraph, texts in language number `lang`. stats may be NULL: colours
 * then tell types; else the share of readers who dropped there. */
void menu_graph(const struct menu *m, size_t lang, const struct menu_stats *stats, FILE *out);

/* The same as one JSON object: screens (name, type, part, text, options), edges, and the figures. */
void menu_graph_json(const struct menu *m, size_t lang, const struct menu_stats *stats,
                     struct buf *out);

/* True when an answer is one of the menu's keys for back or home. */
bool menu_goes_back(const struct menu *m, struct str input);

/* ---- a turn ---------------------------------------------------------------------------------- */

/* Whether menu_check's proof holds for a carrier's screen: a limit of flow.json of the same charset
 * is no wider, and shows the same variations and options (S6). */
bool menu_proves(const struct menu *m, struct menu_limits limits);

/* A variable the caller knows. The names are those of flow.json's vars with "caller": true; for
 * the service: carrier network country service_code session step number_lookup number_sealed key_id
 * test lang dial. Others are ignored. `identity`, `user` and (after the first action) `lang` are the
 * menu's own: its dial action finds them, the state keeps them, menu_var reads them. `lang` given
 * here only serves until the state has its own (texts of a failed first action). `dial` is what
 * followed the short code on the first dial ("1234" or "1234*2*1", no trailing '#'): menu_begin
 * opens the book or walks the path, over safe screens only (hard cases 7 and 9). */
struct menu_var {
    struct str name;
    struct str value; /* p == NULL: SQL NULL */
};

/* The surroundings of one call. Give the same vars and limits to each call of one turn. */
struct menu_turn {
    struct arena *arena;
    struct menu_limits limits;
    const struct menu_var *vars;
    size_t nvars;
};

enum menu_option_kind {
    MENU_OPT_CHOICE, /* an answer of the screen itself */
    MENU_OPT_MORE,   /* next page */
    MENU_OPT_PREVIOUS,
    MENU_OPT_BACK,
    MENU_OPT_HOME
};

/* A structured option, for carriers that draw links. `key` is what to send back as the input. */
struct menu_option {
    struct str key;
    struct str label;
    enum menu_option_kind kind;
};

#define MENU_OPTIONS_MAX 24
#define MENU_ARGS_MAX    16

enum menu_out_kind { MENU_SCREEN, MENU_ACTION };

struct menu_out {
    enum menu_out_kind kind;

    /* MENU_SCREEN */
    struct str text;    /* whole screen, UTF-8, folded for the charset, within the limit (S6) */
    struct str head;    /* the same without the option lines, for link-style carriers */
    bool end;           /* the last screen: close the dialogue */
    bool input;         /* wants free input rather than a choice */
    bool sensitive;     /* the next input must be masked everywhere (S5) */
    bool invalid;       /* the input was refused and the screen re-shown with a reason */
    bool clipped;       /* the last guard had to cut: count it and log the screen's name */
    const char *screen; /* name, closed set */
    size_t screen_no;
    unsigned units; /* septets, UTF-16 units or characters of text */
    size_t noptions;
    struct menu_option options[MENU_OPTIONS_MAX];

    /* MENU_ACTION: run it, then menu_resume with its rows or menu_fail. */
    const struct menu_action *action;
    size_t nargs;
    struct str args[MENU_ARGS_MAX]; /* text parameters; p == NULL: SQL NULL */
    /* What the reader typed for the payment rail, to be handed over before the statement is sent; p ==
     * NULL: nothing. It may stand in no argument, log or store (S5). */
    struct str code;
    bool late;       /* it was sent on an earlier hop: see menu_guard */
    bool again;      /* with late: may be sent again, its arguments are those of the first time */
    struct str step; /* with late: the key of the step that sent it first */
};

/* Why an action gave no rows. */
enum menu_failure {
    MENU_FAIL_BUSY, /* out of time or shed: trying again soon makes sense */
    MENU_FAIL_DOWN, /* the database is not there */
    MENU_FAIL_BUG   /* the statement was refused */
};

/* A fresh state in the arena, at no screen yet. Only menu_begin may follow. */
struct menu_state *menu_state_new(const struct menu *m, struct arena *a);

/* Starts a session at the flow's start screen. */
void menu_begin(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct menu_out *out);

/* Applies what the reader sent. Any bytes are safe: what is no valid answer re-shows the screen
 * with a reason (hard cases 12, 17, 30, 31, 35). After an END screen it begins again. */
void menu_input(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct str input, struct menu_out *out);

/* The pending action's rows. May give a further action (at most MENU_ACTIONS_A_TURN in one turn,
 * then it answers as menu_fail does). */
#define MENU_ACTIONS_A_TURN 6
void menu_resume(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                 const struct menu_rows *rows, struct menu_out *out);

/* The pending action failed: a polite screen offering to try again, and the state as it was before
 * this turn's input (nothing advanced); an END when no screen had been shown yet. */
void menu_fail(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
               enum menu_failure why, struct menu_out *out);

/*
 * The pending action is not back when the carrier wants its screen (3.5 s): "we are working on it",
 * with 1 to look again. The state may then be stored; it remembers the action and the step's key.
 * The action runs on: keep its result where the session's next hop finds it, by session and step.
 *
 * The next hop goes through menu_input or menu_reshow as ever. Unless the reader leaves by back or
 * home (the action still completes, its rows are dropped), it gives the same action as MENU_ACTION
 * with out->late set, and the caller answers by what it has:
 *   its rows            -> menu_resume
 *   its failure         -> menu_fail
 *   still running       -> menu_guard again
 *   nothing (the worker died): when out->again, send it: a write's effect is made under the first
 *                          hop's step and so at most once (S2); else menu_fail(MENU_FAIL_BUSY),
 *                          and the reader stands where he stood before
 * Only after MENU_ACTION.
 */
void menu_guard(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct menu_out *out);

/* Shows the present screen again without applying an input (late hop, Redis restarted, resume
 * after a drop: S4). Runs the screen's action again where its text needs one. */
void menu_reshow(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                 struct menu_out *out);

/* What a reader finds who dials again after a drop (S4): each screen says it in flow.json. NEVER
 * before the first screen, on a confirm, a sensitive input and an END. */
enum menu_resume { MENU_RESUME_NEVER, MENU_RESUME_ASK, MENU_RESUME_AUTO };
enum menu_resume menu_resume_policy(const struct menu *m, const struct menu_state *s);

/* How long after the last hop it holds, in minutes: flow.json's "resume_minutes". */
unsigned menu_resume_minutes(const struct menu *m);

/* A reader who dials again, with the state of his last dialogue (its policy is not NEVER): his
 * screen at once, or first the question whether he wants it. */
void menu_again(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct menu_out *out);

/* True while that question stands: "anew" begins the flow, so the next menu_input needs the caller's
 * variables of a beginning. */
bool menu_asking(const struct menu_state *s);

/* A kept variable ("user", "identity", "lang", ...); p == NULL when unset or unknown. */
struct str menu_var(const struct menu *m, const struct menu_state *s, const char *name);

/* ---- experiments ----------------------------------------------------------------------------- */

/* The experiments of flow.json. The variant is drawn at menu_begin from the variable named in "by"
 * (a keyed hash of the user, given by the caller), so a user meets the same one each time; it is
 * kept in a variable that `when`, `switch` and variations read. To count: after menu_begin, one for
 * each experiment. NULL when `no` is none. Variants are a closed set; "" before the first begin. */
size_t menu_experiments(const struct menu *m);
const char *menu_experiment_name(const struct menu *m, size_t no);
struct str menu_variant(const struct menu *m, const struct menu_state *s, size_t no);

/* ---- places ---------------------------------------------------------------------------------- */

/* The name of the screen the state stands on, "" before the first. */
const char *menu_at(const struct menu *m, const struct menu_state *s);

/* A polite last screen in `lang` for when there is no state at all (Redis or everything down).
 * `key` is a text of the "fail" group: "busy", "down", "bug", "gone". Never fails. */
struct str menu_sorry(const struct menu *m, const struct menu_turn *t, struct str lang,
                      const char *key);

/* A text that is no menu's as one screen: folded for the charset, cut to the limit (S6). */
struct str menu_fit(struct arena *a, struct menu_limits limits, struct str text);

/* ---- the stored state ------------------------------------------------------------------------ */

/* Appends the state: versioned, compact (about 100-500 B), no sensitive value (S5). Only between
 * turns (after a screen, not while an action is pending). */
#define MENU_STATE_MAX 4096
int menu_state_encode(const struct menu *m, const struct menu_state *s, struct buf *b,
                      struct err *e) MUST_CHECK;

/* Reads a stored state; anything that does not fit this menu exactly is refused with -1. */
int menu_state_decode(const struct menu *m, struct str bytes, struct arena *a,
                      struct menu_state **s, struct err *e) MUST_CHECK;

/* The menu version a stored state was made with, to find the pinned menu (hard case 37). */
int menu_state_version(struct str bytes, char version[17], struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled menu and the state of one reader, as the files of this folder see them. Everything
 * that flow.json names by text stands here as an index: screens, variables, texts, actions.
 *
 * Compiled once by load.c (strings and tables in the menu's arena), read-only afterwards. The state
 * lives in a turn's arena; what of it is stored is decided by state.c.
 */
#ifndef COKO_MENUS_MODEL_H
#define COKO_MENUS_MODEL_H

#include "menus/menu.h"

#define LANGS_MAX       8
#define VARS_MAX        64
#define SCREENS_MAX     200
#define TEXTS_MAX       600
#define ACTIONS_MAX     64
#define CHOICES_MAX     12 /* options of one screen */
#define ITEMS_MAX       40 /* rows a list binds */
#define KEEP_MAX        6  /* columns kept with each row */
#define MATCH_WORDS_MAX 8  /* values of one case or condition */
#define CURRENCIES_MAX  16
#define VARIATIONS_MAX  8
#define EXPERIMENTS_MAX 8
#define VARIANTS_MAX    6
#define SUBFLOWS_MAX    16
#define PARAMS_MAX      6
#define LIMITS_MAX      8
#define STACK_MAX       12 /* screens one can go back through */
#define TRAIL_MAX       8  /* pages one can turn back */
#define WALK_MAX        8  /* steps of a long dial */
#define VAR_BYTES_MAX   6000
#define INPUT_CHARS_MAX 182 /* hard case 17 */
#define PIN_MIN         4   /* longer than any key */
#define PIN_MAX         12
#define RESUME_MINUTES  30
#define NONE            (-1)

enum screen_type {
    SCREEN_MENU,
    SCREEN_LIST,
    SCREEN_INPUT,
    SCREEN_CONFIRM,
    SCREEN_TEXT,
    SCREEN_END,
    SCREEN_CALL, /* from here on: nothing is shown */
    SCREEN_PAY,
    SCREEN_SWITCH,
    SCREEN_SUB, /* a subflow; stands on the stack while it runs */
    SCREEN_TYPES
};

enum input_kind {
    INPUT_TEXT,
    INPUT_NUMBER,
    INPUT_MSISDN,
    INPUT_CODE,
    INPUT_AMOUNT, /* kept in minor units */
    INPUT_DATE,   /* kept as YYYY-MM-DD */
    INPUT_PIN,    /* always sensitive */
    INPUT_KINDS
};

/* A template: literals and variables in turn. A piece with var == NONE is its literal. */
struct piece {
    struct str literal;
    int var;
};

struct text {
    struct piece *pieces;
    size_t n;
    unsigned line; /* 0: not given in this language */
    bool review;   /* waits for a native reader */
};

/* A text in every language; key is "<group>.<name>". */
struct text_key {
    struct str key;
    struct text by_lang[LANGS_MAX];
    int vary[VARIATIONS_MAX]; /* the text that stands in when a variation holds, or NONE */
    bool used;
};

enum jump_kind { JUMP_NONE, JUMP_SCREEN, JUMP_BACK, JUMP_HOME, JUMP_AGAIN, JUMP_RETURN };

struct jump {
    enum jump_kind kind;
    int screen;
    int say; /* text shown above the next screen, or NONE */
};

/* var := template, in the moment of the choice. */
struct assign {
    int var;
    struct text value;
};

/* Values that a case or a condition means: words ("fr|en"), else a range ("10..20", "5..", "..9")
 * compared as numbers, never as strings. */
struct match {
    struct str words[MATCH_WORDS_MAX];
    size_t nwords; /* 0: the range */
    int64_t min, max;
};

enum when_kind { WHEN_ALWAYS, WHEN_SET, WHEN_IS, WHEN_NOT };

struct when {
    enum when_kind kind;
    int var;
    struct match match;
};

struct choice {
    struct str key; /* fixed key, or empty: numbered among the visible ones */
    int text;
    struct jump jump;
    struct when when;
    struct assign *sets;
    size_t nsets;
    unsigned line;
};

struct branch {
    struct str value; /* as written */
    struct match match;
    struct jump jump;
    unsigned line;
};

struct keep {
    int var;
    struct str col;
};

struct screen {
    const char *name;
    size_t no;
    unsigned line;
    enum screen_type type;
    enum menu_safety safety; /* derived, or a stricter one declared */
    enum menu_resume resume;
    int text;            /* head, or NONE */
    int action;          /* run on entry, or NONE */
    struct assign *sets; /* after the action */
    size_t nsets;
    struct branch *on; /* by outcome (call, pay, loads) or value (switch) */
    size_t non;
    struct jump otherwise;
    struct jump to; /* list, input, confirm's accept */

    struct choice *choices; /* menu, input; confirm: accept, refuse */
    size_t nchoices;

    unsigned label_max, per_page, max_items; /* list */
    struct keep keep[KEEP_MAX];
    size_t nkeep;
    struct jump empty;

    int var; /* input, switch */
    enum input_kind kind;
    unsigned min, max;
    bool sensitive;
    struct text currency;         /* amount: fills to a code of `currencies` */
    struct text earliest, latest; /* date: fill to YYYY-MM-DD */
    int flow;                     /* sub: its subflow, or NONE; var takes the result, or NONE */

    int body_var, body_text;  /* text: one of them */
    int slice_part, slice_at; /* variables of the reading place, or NONE */
    struct str more_key;      /* a shorter key for "more", or empty */

    int evidence[KEEP_MAX]; /* confirm: variables that its text must show */
    size_t nevidence;

    uint64_t live_before; /* bit by variable: may be read from its entry on (live.c) */
    uint64_t live_shown;  /* the same, once it stands there */
};

struct var {
    struct str name;
    unsigned max; /* width in the screen's units */
    bool caller;  /* given with each turn, never stored */
    bool turn;    /* lives within one turn, never stored */
    bool secret;  /* a sensitive input's: turn, and never shown */
    bool constant;
    struct str value; /* of a constant */
    bool used;
    unsigned line;
};

struct action {
    struct menu_action pub;
    const char *file;
    int args[MENU_ARGS_MAX];
    struct str cols[MENU_OPTIONS_MAX];
    size_t ncols;
    struct str outcomes[CHOICES_MAX];
    size_t noutcomes;
    int code;    /* variable that goes to the rail before the statement is sent, or NONE */
    bool repeat; /* a write without an effect: it may run unasked */
    bool used;
};

/* Texts that the engine itself needs; the order of the keys in load.c. */
enum engine_text {
    TEXT_BACK,
    TEXT_HOME,
    TEXT_MORE,
    TEXT_PREVIOUS,
    TEXT_BAD_CHOICE,
    TEXT_BAD_EMPTY,
    TEXT_BAD_LONG,
    TEXT_BAD_NUMBER,
    TEXT_BAD_RANGE,
    TEXT_BAD_TEXT,
    TEXT_BAD_MSISDN,
    TEXT_BAD_CODE,
    TEXT_BAD_AMOUNT, /* only where an amount is asked */
    TEXT_BAD_DATE,   /* only where a date is asked */
    TEXT_FAIL_BUSY,
    TEXT_FAIL_DOWN,
    TEXT_FAIL_BUG,
    TEXT_FAIL_GONE,
    TEXT_RETRY,
    TEXT_WAIT, /* the guard screen and its key */
    TEXT_LOOK,
    TEXT_RESUME, /* from here on: needed where a screen asks before it resumes */
    TEXT_RESUME_YES,
    TEXT_RESUME_NEW,
    ENGINE_TEXTS
};

enum nav_key { KEY_BACK, KEY_HOME, KEY_MORE, KEY_PREVIOUS, KEY_ACCEPT, NAV_KEYS };

struct sms_var {
    struct str name;
    unsigned max;
};

struct currency {
    struct str code;
    unsigned exponent;
};

/* A text "name@CI" stands in for "name" where the variation "CI" holds; a condition on page_chars
 * (menu.page_var) is known from the carrier's screen alone. */
struct variation {
    struct str name;
    struct when when;
    unsigned line;
};

struct variant {
    struct str name;
    unsigned weight;
};

struct experiment {
    struct str name;
    int by, var; /* the user's keyed hash; the variable that holds the variant */
    struct variant variants[VARIANTS_MAX];
    size_t nvariants;
    unsigned line;
};

/* Screens that are entered from a `sub` and left by @return. */
struct subflow {
    struct str name;
    int start;
    int params[PARAMS_MAX]; /* set at the call, unset at the return */
    size_t nparams;
    int result; /* variable, or NONE; unset at the return */
    unsigned line;
};

struct menu {
    struct arena arena;
    char version[17];
    struct str langs[LANGS_MAX];
    size_t nlangs; /* the first is the default */
    struct str keys[NAV_KEYS];
    int start, home;
    unsigned resume_minutes;
    int lang_var;
    int dial_var, code_var; /* what was dialled after the code, and the book code in it, or NONE */
    int page_var, consent_var;
    unsigned code_min, code_max;
    struct menu_limits limits[LIMITS_MAX];
    unsigned limit_lines[LIMITS_MAX];
    size_t nlimits;
    struct var vars[VARS_MAX];
    size_t nvars;
    struct sms_var sms_vars[VARS_MAX];
    size_t nsms_vars;
    struct currency currencies[CURRENCIES_MAX];
    size_t ncurrencies;
    struct variation variations[VARIATIONS_MAX];
    size_t nvariations;
    struct experiment experiments[EXPERIMENTS_MAX];
    size_t nexperiments;
    struct subflow subflows[SUBFLOWS_MAX];
    size_t nsubflows;
    int step_var;         /* the step's key, or NONE */
    uint64_t live_always; /* bit by variable: read wherever the reader stands (live.c) */
    struct text_key *texts;
    size_t ntexts;
    unsigned reviews[LANGS_MAX]; /* texts that wait for a native reader */
    int engine[ENGINE_TEXTS];
    struct action actions[ACTIONS_MAX];
    size_t nactions;
    struct screen *screens;
    size_t nscreens;
};

/* ---- the state ------------------------------------------------------------------------------- */

/* Where a page starts: (row or option number) for lists and menus, (part, character) for texts. */
struct place {
    uint32_t part, at;
};

struct frame {
    uint16_t screen;
    struct place place;
};

/* Rows bound to their numbers when a list was shown (hard case 36). cells is n * nkeep of the
 * list's screen. Numbers 1..shown have been on the screen; they alone are stored. */
struct bound {
    uint8_t n, shown;
    struct str *cells;
};

enum pending { PENDING_NONE, PENDING_LOAD, PENDING_CALL };

/* The action that a guard screen waits for; kind is PENDING_NONE when there is none. */
struct waiting {
    enum pending kind;
    int screen;
    struct str step; /* of the hop that sent it: its effect is made under this key */
};

struct menu_state {
    /* stored */
    struct frame stack[STACK_MAX];
    uint8_t depth;
    struct place trail[TRAIL_MAX];
    uint8_t ntrail;
    struct place next; /* start of the page after this one */
    bool has_next;
    bool ended;
    bool faulted; /* the last answer was menu_fail's screen */
    bool asking;  /* the last answer asked whether to go on where the reader was */
    struct bound bound;
    struct waiting waiting;
    struct str *vars; /* nvars of the menu; p == NULL: unset */
    bool vars_shared; /* with a snapshot: copied before the first write */

    /* this turn only */
    enum pending pending;
    int pending_screen;
    struct waiting late; /* the wait that this turn ends */
    bool beginning;      /* menu_begin's turn: failure means END */
    unsigned actions, hops;
    int note; /* text above the next screen, or NONE */
    bool invalid;
    const struct menu_rows *rows; /* of the load that is being shown */
    struct str walk[WALK_MAX];
    size_t nwalk, walked;
    struct menu_state *before; /* to go back to when an action fails */
};

/* Everything one call needs, so that no function takes five parameters. */
struct step {
    const struct menu *m;
    struct menu_state *s;
    const struct menu_turn *t;
    struct menu_out *out;
    unsigned limit;
};

/* Look-ups by name: the index, or NONE. */
int menu_find_var(const struct menu *m, struct str name);
int menu_find_text(const struct menu *m, struct str key);
int menu_find_screen(const struct menu *m, struct str name);
int menu_find_lang(const struct menu *m, struct str lang);

static inline bool screen_shows(const struct screen *sc)
{
    return sc->type < SCREEN_CALL;
}

/* A write that others can see or that counts, a code on its way: no walk runs it, and it is never run
 * twice. */
static inline bool action_has_effect(const struct action *a)
{
    return a->code != NONE || (a->pub.lane == MENU_LANE_WRITE && !a->repeat);
}

static inline const struct frame *state_top(const struct menu_state *s)
{
    return s->depth ? &s->stack[s->depth - 1] : NULL;
}

#endif

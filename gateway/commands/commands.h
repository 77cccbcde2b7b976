/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands behind gateway/main.c (`coko carrier` and `coko invoice` are in gateway/papers). Each gets its own name as argv[0] and returns an exit code;
 * COMMAND_USAGE makes main.c print the command's usage line.
 */
#ifndef COKO_COMMANDS_COMMANDS_H
#define COKO_COMMANDS_COMMANDS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

enum command_exit { COMMAND_OK = 0, COMMAND_FAULT = 1, COMMAND_USAGE = 2 };

struct config;
struct profile;

/* Configuration by "-c FILE", else coko.ini when it exists, else the environment alone. Faults are
 * printed on stderr; *exit_code is then the code to return. *path is the file used, "" for none. */
struct config *command_config(int argc, char **argv, const char **path, int *exit_code);

/* True when argv has this word. */
int command_flag(int argc, char **argv, const char *word);

/* A word with a value: its flag, and where in a struct of words (const char * each) it belongs. */
struct command_word {
    const char *flag;
    size_t offset;
};

/* Where the value behind `flag` belongs in `words`; NULL for a flag that is none of the n. */
const char **command_word(void *words, const struct command_word *w, size_t n, const char *flag);

/*
 * The arguments of a command: values behind the n flags go to `into` (command_word), others to words,
 * in order; "-c FILE" is command_config's. False: an unknown flag, a flag without a value, or more than
 * max words.
 */
bool command_words_read(void *into, const struct command_word *flags, size_t n, int argc,
                        char **argv, const char **words, size_t max, size_t *nwords);

/* Whether a text is YYYY-MM-DD; NULL, an absent one, is as well. */
bool command_is_day(const char *text);

/* Configuration as command_config, a connection to its database, and fn with both; its exit code. */
typedef int command_db_fn(PGconn *db, const struct config *c, void *arg);
int command_with_database(int argc, char **argv, command_db_fn *fn, void *arg);

/* One statement with text parameters; NULL after a message on stderr, else the caller clears it. */
PGresult *command_rows(PGconn *db, const char *sql, int n, const char *const *v);

/* What an outcome of a function means to the person who asked. */
struct command_outcome {
    const char *outcome, *text;
};

/*
 * Of one row (outcome, detail), which it clears: "ok" is told as `what` and the detail, and wakes the
 * topics (NULL-terminated); any other as its text among `n` known ones, by the command's name, on
 * stderr. COMMAND_OK after "ok", else COMMAND_FAULT; got NULL: a message was printed before.
 */
int command_told(PGconn *db, PGresult *got, const char *command, const char *what,
                 const struct command_outcome *known, size_t n, const char *const *topics);

/* Prints the rows under a head, each column as wide as widths says, the last as it is, and clears them.
 * NULL: COMMAND_FAULT. */
int command_table(PGresult *got, const char *const *heads, const int *widths, int ncols);

/* The folder of the profiles we ship, written to mem. */
const char *command_profiles(char mem[1024]);

/* A profile by its name; NULL after a message on stderr with all names. free() it. */
struct profile *command_profile(const char *command, const char *dir, const char *name);

/* Who decides, for the audit: COKO_OPERATOR, SUDO_USER, USER, LOGNAME or the user's id. */
const char *command_operator(void);

int command_serve(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_check(int argc, char **argv);
int command_import(int argc, char **argv);
int command_menus(int argc, char **argv);
int command_smpp(int argc, char **argv);
int command_status(int argc, char **argv);
int command_link(int argc, char **argv);
int command_outbox(int argc, char **argv);
int command_book(int argc, char **argv);
int command_vouchers(int argc, char **argv);
int command_charges(int argc, char **argv);
int command_staff(int argc, char **argv);
int command_royalties(int argc, char **argv);
int command_reader(int argc, char **argv);
int command_margin(int argc, char **argv);
int command_phone(int argc, char **argv);
int command_statements(int argc, char **argv);
int command_close(int argc, char **argv);
int command_sql(int argc, char **argv);
int command_version(int argc, char **argv);

#endif

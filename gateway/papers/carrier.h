/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko carrier`, the papers and tools for a carrier's engineer, and what its verbs share.
 */
#ifndef COKO_PAPERS_CARRIER_H
#define COKO_PAPERS_CARRIER_H

#include "gateway/commands/commands.h"
#include "gateway/config.h"
#include "gateway/papers/document.h"
#include "gateway/phone/carrier.h"

/* argv[0] is "carrier"; an exit code (gateway/commands/commands.h). */
int command_carrier(int argc, char **argv);

/* The words behind `coko carrier VERB`; "" where not given. */
struct carrier_words {
    const char *name; /* the word that is no flag */
    const char *profiles, *url, *code, *country, *lang, *number, *month, *at, *by, *note, *out,
        *listen;
    bool html;
};

/* The [carrier NAME] section of c, or NULL. */
const struct ussd_carrier_config *carrier_section(const struct config *c, const char *name);

/* The configuration where there is one to read; NULL without a message where there is none. */
struct config *carrier_config(int argc, char **argv);

/* Prints the document to w->out or standard output and frees it: an exit code. */
int carrier_print(const struct carrier_words *w, struct document *d);

/* "GET", "POST", "PUT". */
const char *carrier_method(enum http_method m);

/* A request as it stands on the wire, to `path`: the secret is not shown. */
void carrier_show_request(const struct phone_request *rq, const char *path, struct buf *out);

/* 1: a number of billing.test_number, 0: none, -1 after a message. */
int carrier_test_rows(const struct config *c, const char *number);

int carrier_sheet(const struct carrier_words *w, int argc, char **argv);
int carrier_certify(const struct carrier_words *w, int argc, char **argv);
int carrier_trace(const struct carrier_words *w, int argc, char **argv);
int carrier_usage(const struct carrier_words *w, int argc, char **argv);
int carrier_test_number(const struct carrier_words *w, int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a carrier's papers are written about: one link's facts, and the samples over SMPP.
 */
#ifndef COKO_PAPERS_SAMPLE_H
#define COKO_PAPERS_SAMPLE_H

#include "gateway/papers/carrier.h"
#include "menus/menu.h"

struct carrier_facts {
    char url[512];  /* our callback address; its secret reads SECRET */
    char path[128]; /* of it, for a request line */
    const char *code, *country;
    char number[MSISDN_MAX + 1]; /* an example of the country */
    char lang[8];
    bool html;
};

/* From the words given, else from the section (c, or NULL), else from the profile and the menu. */
void carrier_facts_fill(struct carrier_facts *f, const struct carrier_words *w,
                        const struct ussd_carrier_config *c, const struct profile *p,
                        const struct menu *m);

/* The sections of a carrier over SMPP, with the PDUs of one exchange in hex. */
void sample_smpp(struct document *d, const struct profile *p, const struct menu *m,
                 const struct carrier_facts *f);

#endif

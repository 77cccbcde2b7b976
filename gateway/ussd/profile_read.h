/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a callback's fields stand: query, form, JSON, XML, headers, segments of the address. Between
 * profile.c, which knows what they mean, and the bytes.
 *
 * Order of calls: profile_read_open; profile_read for each field; profile_read_close, also when the
 * open failed.
 */
#ifndef COKO_USSD_PROFILE_READ_H
#define COKO_USSD_PROFILE_READ_H

#include <jansson.h>

#include "gateway/ussd/profile.h"

struct profile_xml;

struct profile_reader {
    const struct profile *p;
    const struct profile_request *rq;
    struct profile_scratch *s;
    struct str form; /* what a plain name stands in, unless one of these is set */
    json_t *json;
    struct profile_xml *xml;
};

/* Parses the body. ERR_BAD_INPUT: it is not of its form. */
MUST_CHECK int profile_read_open(struct profile_reader *r, const struct profile *p,
                                 const struct profile_request *rq, struct profile_scratch *s,
                                 struct err *e);

/*
 * The first of these places that holds something; p NULL where none is there. The value stands in
 * the scratch, at most max bytes. -1: malformed, twice there, too long.
 */
MUST_CHECK int profile_read(struct profile_reader *r, const struct profile_ways *ways, size_t max,
                            struct str *value);

void profile_read_close(struct profile_reader *r);

#endif

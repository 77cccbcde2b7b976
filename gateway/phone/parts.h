/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files that speak from a profile: wire.c fills the places of a request, and
 * body.c makes bytes of them.
 */
#ifndef COKO_PHONE_PARTS_H
#define COKO_PHONE_PARTS_H

#include "gateway/phone/wire.h"

#define PHONE_PLACES_MAX 32

/* One value and where it stands. */
struct phone_value {
    enum profile_place place;
    unsigned segment;
    char name[PROFILE_FIELD_MAX];
    struct str text;
    bool is_bool; /* in JSON */
};

struct phone_values {
    struct phone_value v[PHONE_PLACES_MAX];
    size_t n;
};

/* Makes the body of the values that stand in it, in the profile's form. */
void phone_body(const struct profile *p, const struct phone_values *all, struct phone_request *rq);

/* The same as name=value pairs, percent-encoded; place: whose. */
void phone_pairs(const struct phone_values *all, enum profile_place place, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped profiles, all of them, for tests: profiles_load as the group's setup, then profile_of.
 */
#ifndef COKO_TESTS_USSD_PROFILE_H
#define COKO_TESTS_USSD_PROFILE_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/ussd/profile.h"

#define SHIPPED_MAX 64

static struct profile shipped[SHIPPED_MAX];
static size_t nshipped;

static inline int profiles_load(void **state)
{
    struct fault_list faults;
    glob_t found;
    int rc = 0;

    (void)state;
    fault_init(&faults);
    if (glob(COKO_SOURCE_DIR "/gateway/ussd/profiles/*.json", 0, NULL, &found) != 0)
        abort();
    for (size_t i = 0; i < found.gl_pathc && nshipped < SHIPPED_MAX; i++)
        rc |= profile_load(found.gl_pathv[i], &shipped[nshipped++], &faults);
    if (rc != 0)
        fputs(buf_cstr(&faults.text), stderr);
    globfree(&found);
    fault_fini(&faults);
    return rc;
}

static inline const struct profile *profile_of(const char *name)
{
    for (size_t i = 0; i < nshipped; i++) {
        if (strcmp(shipped[i].name, name) == 0)
            return &shipped[i];
    }
    fprintf(stderr, "no profile %s\n", name);
    abort();
}

#endif

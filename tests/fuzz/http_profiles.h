/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carriers' profiles over HTTP, for fuzz targets that pick one.
 */
#ifndef COKO_FUZZ_HTTP_PROFILES_H
#define COKO_FUZZ_HTTP_PROFILES_H

#include <glob.h>
#include <stdlib.h>

#include "gateway/ussd/profile.h"

#define PROFILES_MAX 40

static struct profile profiles[PROFILES_MAX];
static size_t nprofiles;

/* Those over HTTP, in order of their names. Aborts when one is broken. */
static void profiles_load(void)
{
    struct fault_list faults;
    glob_t found;

    fault_init(&faults);
    if (glob(COKO_SOURCE_DIR "/gateway/ussd/profiles/*.json", 0, NULL, &found) != 0)
        abort();
    for (size_t i = 0; i < found.gl_pathc && nprofiles < PROFILES_MAX; i++) {
        if (profile_load(found.gl_pathv[i], &profiles[nprofiles], &faults) != 0)
            abort();
        nprofiles += profiles[nprofiles].body != PROFILE_SMPP;
    }
    globfree(&found);
    fault_fini(&faults);
}

#endif

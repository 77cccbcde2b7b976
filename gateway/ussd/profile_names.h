/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a profile's fields are called and how long they may be, for papers about them.
 */
#ifndef COKO_USSD_PROFILE_NAMES_H
#define COKO_USSD_PROFILE_NAMES_H

#include "gateway/ussd/profile.h"

/* The file's word for a field ("session"; "echo" for what only comes back). */
const char *profile_field_name(enum profile_field f);

/* Its ceiling in bytes: more is malformed. */
size_t profile_field_max(enum profile_field f);

#endif

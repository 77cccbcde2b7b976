/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rooms a worker lets in, and with what in their hands.
 */
#include "gateway/app_parts.h"

const struct room rooms[] = {
    { .name = NULL },
};

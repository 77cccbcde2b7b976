/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables behind gsm.c, gsm_fold.c; nobody else includes this.
 */
#ifndef COKO_LIB_GSM_TABLES_H
#define COKO_LIB_GSM_TABLES_H

#include <stdint.h>

#include "gateway/lib/base.h"

struct gsm_pair {
    uint16_t cp;
    uint16_t code; /* basic code, GSM_ESC << 8 | code, or the bare code in gsm_extension */
};

struct gsm_compose {
    char base;
    uint16_t mark, cp;
};

struct gsm_fold_row {
    uint16_t cp;
    char to[6]; /* UTF-8 */
};

extern const uint16_t gsm_basic[128];         /* code -> character; ESC stands for itself */
extern const struct gsm_pair gsm_extension[]; /* by code */
extern const size_t gsm_extension_n;
extern const int16_t gsm_of_ascii[128];      /* ASCII -> code or -1 */
extern const struct gsm_pair gsm_of_other[]; /* the rest of the alphabet, by character */
extern const size_t gsm_of_other_n;
extern const struct gsm_compose gsm_composed[]; /* letter + combining mark -> letter */
extern const size_t gsm_composed_n;
extern const struct gsm_fold_row gsm_folds[]; /* by character */
extern const size_t gsm_folds_n;

#endif

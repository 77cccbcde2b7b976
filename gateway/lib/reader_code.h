/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes that a reader has on paper and types: of a voucher, of a lost number. Digits only, so that
 * every phone can type them, in groups as people write them. Beyond the process that reads it, a code
 * is its keyed hash under each key of the ring (S5): one of them is what the table has.
 */
#ifndef COKO_LIB_READER_CODE_H
#define COKO_LIB_READER_CODE_H

#include "gateway/lib/seal.h"

#define READER_CODE_MIN 10
#define READER_CODE_MAX 20
/* A PostgreSQL array literal of the hashes under every key: {"\\x..","\\x.."} and a NUL. */
#define READER_CODE_MAC_TEXT (1 + 3 + 64 + 1)
#define READER_CODE_MACS_MAX (2 + SEAL_KEYS_MAX * (READER_CODE_MAC_TEXT + 1) + 1)

/*
 * The digits of what was typed; blanks and dashes between them are left out. False: it has another
 * form than a code (out is wiped).
 */
MUST_CHECK bool reader_code_read(struct str typed, char out[READER_CODE_MAX + 1]);

/* The keyed hashes of a code as reader_code_read gives it, as text for a parameter cast to bytea[]. */
void reader_code_macs(const struct seal_ring *ring, struct str code,
                      char out[READER_CODE_MACS_MAX]);

/* The same of any secret of another domain ("staff.key"). */
void reader_secret_macs(const struct seal_ring *ring, struct str domain, struct str secret,
                        char out[READER_CODE_MACS_MAX]);

#endif

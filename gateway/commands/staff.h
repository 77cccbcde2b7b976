/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secret by which a person of the house proves who decides. 128 bits of the CSPRNG, shown once
 * to that person alone; the database has its keyed hash (S5). It is typed without echo, or comes from
 * a file or standard input: never from the command line or the environment, where others read it.
 */
#ifndef COKO_COMMANDS_STAFF_H
#define COKO_COMMANDS_STAFF_H

#include "gateway/config.h"
#include "gateway/lib/reader_code.h"

#define STAFF_KEY_DIGITS 32 /* hexadecimal */

/*
 * Reads a secret: the first line of `file`; for NULL what is typed at the terminal, or the first line
 * of standard input when that is none. macs: its keyed hashes for a parameter cast to bytea[]. False
 * after a message on stderr.
 */
MUST_CHECK bool staff_key_read(const struct config *c, const char *file,
                               char macs[READER_CODE_MACS_MAX]);

#endif

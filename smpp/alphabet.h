/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alphabet: what the octets of a message mean. Maps data_coding (v3.4 5.2.19, GSM 03.38 values raw
 * from the network too) to an alphabet, and octets of that alphabet to UTF-8 text with the codecs
 * of lib/gsm.
 *
 * data_coding 0 is "the SMSC's default", not GSM: each carrier's profile says what it is. Decoding
 * never fails: what cannot be read becomes U+FFFD or '?', and is counted. Text going out is
 * encoded by segment.
 */
#ifndef COKO_SMPP_ALPHABET_H
#define COKO_SMPP_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/gsm_shift.h"
#include "gateway/lib/str.h"

enum alphabet {
    ALPHABET_GSM7,  /* one septet an octet, as SMPP carries it */
    ALPHABET_ASCII, /* IA5; octets above 0x7F are unreadable */
    ALPHABET_LATIN1,
    ALPHABET_UTF8,  /* some carriers' default */
    ALPHABET_UCS2,  /* UTF-16, big-endian */
    ALPHABET_BINARY /* not text; printable ASCII is shown all the same */
};

/* Alphabet of a data_coding, where 0 and values of no known meaning are smsc_default. */
enum alphabet alphabet_of(uint8_t data_coding, enum alphabet smsc_default);

/* Appends the octets as UTF-8. Returns how many characters could not be read; a binary message
 * that is not plain ASCII appends nothing and returns its length. */
size_t alphabet_decode(enum alphabet a, struct str octets, struct buf *out);

/* The same where the header names national tables; they matter to GSM-7 alone. */
size_t alphabet_decode_shifted(enum alphabet a, struct gsm_shift shift, struct str octets,
                               struct buf *out);

/* "gsm7", "ascii", "latin1", "utf8", "ucs2", "binary", as in a carrier's profile. */
const char *alphabet_name(enum alphabet a);

/* The other way; false: no such name. */
bool alphabet_from_name(struct str name, enum alphabet *out);

#endif

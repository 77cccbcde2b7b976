/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 3GPP TS 23.038: the GSM 7-bit default alphabet with its extension table, folding of other text
 * into it, and UCS-2. Pure. Text is UTF-8 (NFC or not) in a struct str. Septets stand one an octet
 * until packed; an extension character is the pair 0x1B, code, and costs 2. National shift tables
 * are not used: USSD has no header to announce them.
 *
 * Usual path of a reply: gsm_fold -> (gsm_cut) -> gsm_septets <= limit -> gsm_encode -> gsm_pack.
 */
#ifndef COKO_LIB_GSM_H
#define COKO_LIB_GSM_H

#include <sys/types.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/utf8.h"

#define GSM_ESC 0x1B

/*
 * Code of a character: 0..0x7F basic, GSM_ESC << 8 | code in the extension table, -1 outside the
 * alphabet (ESC too).
 */
int gsm_from_unicode(uint32_t cp);

/*
 * Character of a code as above; a code unknown to the extension table shows as its basic character
 * (23.038 6.2.1.1).
 */
uint32_t gsm_to_unicode(int code);

/* Septets that s takes, -1 if a character is outside the alphabet or the UTF-8 is bad. */
MUST_CHECK ssize_t gsm_septets(struct str s);

enum gsm_fold_flag {
    /* only characters that ASCII and GSM-7 share come out: e-acute to e, euro to EUR */
    GSM_FOLD_ASCII = 1,
    /* no extension table: { to (, euro to EUR */
    GSM_FOLD_BASIC = 2,
    /* c-cedilla to code 0x09 (the capital in 3GPP) instead of c: where the carrier was tested */
    GSM_FOLD_CEDILLA = 4,
    /* signs only: quotes, dashes, spaces and the like are folded; letters, marks and what has no
     * counterpart stay as they are, so the result may be outside the alphabet */
    GSM_FOLD_SIGNS = 8,
};

/*
 * Append s as text of the alphabet only: characters inside stay, others are transliterated
 * (e-circumflex to e, oe, quotes, ..., hooked and dotted letters), combining marks merge or vanish,
 * directional marks, joiners and soft hyphens vanish, line and paragraph separators become \n,
 * other spaces a space, control characters vanish (but \n, \r). What has no counterpart, and bad
 * UTF-8, becomes '?'. Returns the number of these '?'. Folding twice is folding once. Composed and
 * decomposed forms of a letter fold alike.
 */
size_t gsm_fold(struct str s, struct buf *out, unsigned flags);

/*
 * Length in bytes of the longest prefix of s that takes at most max_septets; stops before what is
 * outside the alphabet.
 */
size_t gsm_cut(struct str s, size_t max_septets);

/* Unpacked septets of s in out[cap]: their number, -1 if outside the alphabet or more than cap. */
MUST_CHECK ssize_t gsm_encode(struct str s, uint8_t *out, size_t cap);

/*
 * Append the text of n unpacked septets; returns how many were not clean (bit 7 set: shown as '?';
 * a cut or unknown escape: shown as 23.038 6.2.1.1 says).
 */
size_t gsm_decode(const uint8_t *septets, size_t n, struct buf *out);

/*
 * Octets of n septets after fill_bits (0..6) bits of padding that follow a user data header (23.040
 * 9.2.3.24).
 */
size_t gsm_packed_len(size_t n, unsigned fill_bits);

/* Pack into out[cap]; octets written, -1 if more than cap. Unused bits are 0. */
MUST_CHECK ssize_t gsm_pack(const uint8_t *septets, size_t n, unsigned fill_bits, uint8_t *out,
                            size_t cap);

/* Unpack n septets from len octets into out[n]; 0, or -1 if the octets do not hold that many. */
MUST_CHECK int gsm_unpack(const uint8_t *octets, size_t len, unsigned fill_bits, uint8_t *out,
                          size_t n);

/* UTF-16 code units of s (a bad sequence counts one). */
size_t ucs2_units(struct str s);

/* Append s as UTF-16BE with surrogate pairs; bad UTF-8 as U+FFFD. */
void ucs2_encode(struct str s, struct buf *out);

/*
 * Append the text of UTF-16BE octets; lone surrogates and an odd last octet become U+FFFD. Returns
 * how many did.
 */
size_t ucs2_decode(const uint8_t *octets, size_t len, struct buf *out);

/*
 * Length in bytes of the longest prefix of at most max_units units that cuts no surrogate pair nor
 * combining sequence.
 */
size_t ucs2_cut(struct str s, size_t max_units);

#endif

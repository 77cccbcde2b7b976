/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender: a configured sender as the source address of a PDU. A number stays as it is; a name, which
 * phones show and nobody can answer, is at most 11 characters that ASCII and GSM-7 share (3GPP TS
 * 23.040 9.1.2.5), accents folded. Addresses are ASCII on the wire: '@' is 0x40 there, never GSM's
 * 0x00, which would end the string. Pure.
 */
#ifndef COKO_SMPP_SENDER_H
#define COKO_SMPP_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/str.h"

#define SENDER_MAX      20 /* v3.4 5.2.8 */
#define SENDER_NAME_MAX 11
#define SENDER_TON_NAME 5

struct sender_address {
    char text[SENDER_MAX + 1];
    uint8_t ton, npi;
};

/* Digits, with or without '+', or nothing. */
bool sender_is_number(struct str sender);

/* Writes the address. ton and npi are the configured ones; a name under ton 0 gets 5 and npi 0, a
 * number with '+' under ton 0 becomes international (1, 1) without it. */
void sender_address(struct str sender, uint8_t ton, uint8_t npi, struct sender_address *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries of a USSD bind: the first byte picks the dialect, the rest is a PDU. Whatever is taken
 * has an answer within its ceilings that encodes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/ussd/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROFILES COKO_SOURCE_DIR "/gateway/ussd/profiles/"

static const char *const files[] = {PROFILES "smpp_tata.json", PROFILES "smpp_6d.json",
                                    PROFILES "smpp_mica.json", PROFILES "smpp_huawei.json",
                                    PROFILES "smpp_nowsms.json"};
static struct profile profiles[ARRAY_LEN(files)];

static void load(void)
{
    struct fault_list faults;

    fault_init(&faults);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (profile_load(files[i], &profiles[i], &faults) != 0)
            abort();
    }
    fault_fini(&faults);
}

static void answer(const struct dialect *d, const struct dialect_talk *talk, struct str text)
{
    for (int word = 0; word < DIALECT_WORDS; word++) {
        struct dialect_reply r;
        struct err e = {0};
        struct buf wire;
        struct pdu p;

        dialect_reply(d, &talk->peer, (enum dialect_word)word, text, &r);
        if (r.len > DIALECT_TEXT_MAX || r.to.info_len != talk->peer.info_len)
            abort();
        pdu_start(&p, SMPP_SUBMIT_SM, 0, 1);
        dialect_submit(&r, &p.sm);
        buf_init(&wire, 4096);
        if (pdu_encode(&wire, &p, r.tlvs, r.ntlvs, &e) != 0)
            abort();
        buf_fini(&wire);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialect_talk talk;
    struct err e = {0};
    struct buf text;
    struct pdu p;

    if (!*profiles[0].name)
        load();
    if (size < 1 + PDU_HEADER || pdu_decode(data + 1, size - 1, &p, &e) != 0 ||
        (p.shape != PDU_SHAPE_sm && p.shape != PDU_SHAPE_data))
        return 0;
    const struct dialect *d = &profiles[data[0] % ARRAY_LEN(files)].dialect;

    buf_init(&text, 4 * DIALECT_INPUT_MAX);
    if (dialect_decode(d, &p, ALPHABET_GSM7, &talk, &text, &e) == 0)
        answer(d, &talk, buf_str(&text));
    buf_fini(&text);
    return 0;
}

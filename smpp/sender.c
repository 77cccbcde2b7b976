/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sender.h.
 */
#include "gateway/lib/gsm.h"
#include "smpp/sender.h"

bool sender_is_number(struct str sender)
{
    if (sender.n > 0 && sender.p[0] == '+')
        sender = str_skip(sender, 1);
    for (size_t i = 0; i < sender.n; i++) {
        if (sender.p[i] < '0' || sender.p[i] > '9')
            return false;
    }
    return true;
}

static void copy(struct str s, size_t max, struct sender_address *out)
{
    s = str_head(s, max);
    memcpy(out->text, s.p, s.n);
    out->text[s.n] = '\0';
}

static void name(struct str sender, struct sender_address *out)
{
    char mem[8 * SENDER_MAX];
    struct buf folded;

    buf_init_fixed(&folded, mem, sizeof mem);
    (void)gsm_fold(str_head(sender, SENDER_MAX), &folded, GSM_FOLD_ASCII | GSM_FOLD_BASIC);
    copy(str_trim(buf_str(&folded)), SENDER_NAME_MAX, out);
    if (out->ton == 0) {
        out->ton = SENDER_TON_NAME;
        out->npi = 0;
    }
}

void sender_address(struct str sender, uint8_t ton, uint8_t npi, struct sender_address *out)
{
    *out = (struct sender_address){.ton = ton, .npi = npi};
    if (!sender_is_number(sender)) {
        name(sender, out);
        return;
    }
    if (ton == 0 && sender.n > 0 && sender.p[0] == '+') {
        sender = str_skip(sender, 1);
        out->ton = out->npi = 1;
    }
    copy(sender, SENDER_MAX, out);
}

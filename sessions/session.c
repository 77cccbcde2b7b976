/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of a session. See session.h for the layout.
 */
#include "sessions/session.h"

#include <string.h>

#define SESSION_HEADER_2 48 /* of format 2 */

enum { FLAG_ENDED = 1u << 0, FLAG_POINTED = 1u << 1, FLAGS_KNOWN = FLAG_ENDED | FLAG_POINTED };

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xFFFF);
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

int session_encode(const struct ussd_session *s, struct buf *out, struct err *e)
{
    uint8_t h[SESSION_HEADER] = {s->npast > 0 ? SESSION_FORMAT_4 : SESSION_FORMAT};
    uint8_t n = (uint8_t)s->npast;

    if (s->state.n > SESSION_STATE_MAX || s->reply.n > SESSION_REPLY_MAX)
        return err_set(e, ERR_TOO_BIG, "session of %zu + %zu bytes", s->state.n, s->reply.n);
    put32(h + SESSION_VERSION_AT, s->version);
    h[5] = (uint8_t)((s->ended ? FLAG_ENDED : 0) | (s->pointed ? FLAG_POINTED : 0));
    memcpy(h + 6, s->run, SESSION_RUN_LEN);
    memcpy(h + 14, s->step, SESSION_STEP_LEN);
    put32(h + 30, s->sequence);
    put16(h + 34, s->hops);
    put16(h + 36, s->state.n);
    put16(h + 38, s->reply.n);
    memcpy(h + 40, s->mark, SESSION_MARK_LEN);
    put32(h + 48, s->opened);
    buf_add(out, h, sizeof h);
    if (n > 0) {
        buf_add(out, &n, 1);
        buf_add(out, s->past, n * sizeof s->past[0]);
    }
    buf_adds(out, s->state);
    buf_adds(out, s->reply);
    return buf_check(out, e);
}

/* What stands before the menu state; 0: of no format of ours, or cut short. */
static size_t header_of(struct str bytes, struct ussd_session *out)
{
    const uint8_t *h = (const uint8_t *)bytes.p;
    size_t n = 0;

    out->npast = 0;
    if (bytes.n >= SESSION_HEADER_2 && h[0] == 2)
        return SESSION_HEADER_2;
    if (bytes.n >= SESSION_HEADER && h[0] == SESSION_FORMAT)
        return SESSION_HEADER;
    if (bytes.n <= SESSION_HEADER || h[0] != SESSION_FORMAT_4)
        return 0;
    n = h[SESSION_HEADER];
    if (n == 0 || n > SESSION_PAST || bytes.n < SESSION_HEADER + 1 + n * SESSION_PAST_LEN)
        return 0;
    out->npast = (unsigned)n;
    memcpy(out->past, h + SESSION_HEADER + 1, n * SESSION_PAST_LEN);
    return SESSION_HEADER + 1 + n * SESSION_PAST_LEN;
}

int session_decode(struct str bytes, struct ussd_session *out, struct err *e)
{
    const uint8_t *h = (const uint8_t *)bytes.p;
    size_t header = header_of(bytes, out);

    if (header == 0 || (h[5] & ~FLAGS_KNOWN) != 0)
        return err_set(e, ERR_BAD_INPUT, "not a session of this format");
    size_t state_len = get16(h + 36);
    size_t reply_len = get16(h + 38);

    if (bytes.n != header + state_len + reply_len || state_len > SESSION_STATE_MAX ||
        reply_len > SESSION_REPLY_MAX)
        return err_set(e, ERR_BAD_INPUT, "session lengths do not add up");
    out->version = get32(h + SESSION_VERSION_AT);
    if (out->version == 0)
        return err_set(e, ERR_BAD_INPUT, "session version 0");
    out->ended = (h[5] & FLAG_ENDED) != 0;
    out->pointed = (h[5] & FLAG_POINTED) != 0;
    memcpy(out->run, h + 6, SESSION_RUN_LEN);
    memcpy(out->step, h + 14, SESSION_STEP_LEN);
    out->sequence = get32(h + 30);
    out->hops = get16(h + 34);
    memcpy(out->mark, h + 40, SESSION_MARK_LEN);
    out->opened = header > SESSION_HEADER_2 ? get32(h + 48) : 0;
    out->state = str_n(bytes.p + header, state_len);
    out->reply = str_n(bytes.p + header + state_len, reply_len);
    return 0;
}

void session_age(const struct ussd_session *s, struct ussd_session *next)
{
    next->npast = MIN(s->npast + 1, SESSION_PAST);
    memcpy(next->past[0], s->step, SESSION_PAST_LEN);
    memcpy(next->past[1], s->past[0], (next->npast - 1) * sizeof s->past[0]);
}

bool session_is_past(const struct ussd_session *s, const uint8_t step[SESSION_STEP_LEN])
{
    for (unsigned i = 0; i < s->npast; i++) {
        if (memcmp(s->past[i], step, SESSION_PAST_LEN) == 0)
            return true;
    }
    return false;
}

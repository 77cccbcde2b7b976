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
    uint8_t h[SESSION_HEADER] = {SESSION_FORMAT};

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
    buf_adds(out, s->state);
    buf_adds(out, s->reply);
    return buf_check(out, e);
}

int session_decode(struct str bytes, struct ussd_session *out, struct err *e)
{
    const uint8_t *h = (const uint8_t *)bytes.p;
    bool timed = bytes.n > 0 && h[0] == SESSION_FORMAT;
    size_t header = timed ? SESSION_HEADER : SESSION_HEADER_2;

    if (bytes.n < header || (!timed && h[0] != 2) || (h[5] & ~FLAGS_KNOWN) != 0)
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
    out->opened = timed ? get32(h + 48) : 0;
    out->state = str_n(bytes.p + header, state_len);
    out->reply = str_n(bytes.p + header + state_len, reply_len);
    return 0;
}

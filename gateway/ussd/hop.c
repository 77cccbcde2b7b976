/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision about one callback. See hop.h.
 *
 *   stored session   callback                                  verdict
 *   none             anything but abort, timeout               BEGIN
 *   any              abort, timeout                            SILENT
 *   any              same step                                 REPLAY repeated
 *   live             a link that is not this dialogue's        RESHOW link
 *   any              begins before the stored step, where      REPLAY stale
 *                    no id is used again
 *   live             begins, step not the stored one           BEGIN (the id is reused); REFUSED
 *                                                              where the carrier wants it so
 *   ended            begins                                    BEGIN
 *   ended            anything else                             REPLAY ended
 *   live             step before the stored one, or a message  REPLAY stale
 *                    named as an earlier one of the dialogue
 *   live             path that does not continue ours          RESHOW resync
 *   live             a count that we have not given yet        RESHOW resync
 *   live             next step, written under another Redis    RESHOW redis
 *   live             next step                                 INPUT
 */
#include "gateway/ussd/hop.h"

#include <string.h>

#include "gateway/ussd/link.h"

static void path_hash(const struct seal_ring *ring, struct str path, uint8_t out[SESSION_STEP_LEN])
{
    uint8_t mac[32];

    seal_lookup(ring, STR("ussd path"), path, mac);
    memcpy(out, mac, SESSION_STEP_LEN);
}

/* Where nothing counts the steps, sequence is the time: it wraps, and two clocks may differ. */
static bool same_time(const struct profile *p, const struct ussd_event *ev, uint32_t a, uint32_t b)
{
    uint32_t within_ms = MAX(p->repeat_ms, ev->repeat_ms);

    return p->repeat_ms > 0 && (a - b <= within_ms || b - a <= within_ms);
}

static bool same_step(const struct profile *p, const struct ussd_event *ev,
                      const struct ussd_session *s, const struct hop *h)
{
    return (s->sequence == h->sequence || same_time(p, ev, s->sequence, h->sequence)) &&
           memcmp(s->step, h->step, SESSION_STEP_LEN) == 0;
}

/* The input is what stands behind the path we know; it may hold stars itself (hard case 10). */
static bool path_continues(const struct seal_ring *ring, const struct ussd_session *s,
                           struct str path, struct str *input)
{
    uint8_t known[SESSION_STEP_LEN];

    if (path.n <= s->sequence || (s->sequence > 0 && path.p[s->sequence] != '*'))
        return false;
    path_hash(ring, str_head(path, s->sequence), known);
    if (memcmp(known, s->step, SESSION_STEP_LEN) != 0)
        return false;
    *input = str_skip(path, s->sequence > 0 ? s->sequence + 1 : 0);
    return true;
}

/* Our own count comes back: it cannot be beyond what the last screen was given. */
static bool counts_ahead(const struct profile *p, const struct ussd_session *s, const struct hop *h)
{
    return !p->path && p->step == STEP_ECHO && h->sequence > s->sequence + 1;
}

static bool is_stray(const struct profile *p, const struct seal_ring *ring,
                     const struct ussd_event *ev, const struct ussd_session *s)
{
    return ev->token.n > 0 && !s->ended && !link_genuine(ring, p->name, ev, s->mark);
}

/* The dialogue's own first hop, overtaken by later ones: nobody dialled again. */
static bool late_start(const struct profile *p, const struct ussd_event *ev,
                       const struct ussd_session *s)
{
    return p->fresh_ids && ev->kind == USSD_BEGIN && ev->sequence < s->sequence;
}

/* An earlier hop once more: by its count, or by its name. */
static bool is_stale(const struct profile *p, const struct ussd_event *ev,
                     const struct ussd_session *s, const struct hop *h)
{
    return p->repeat_ms == 0 ? h->sequence < s->sequence : ev->named && session_is_past(s, h->step);
}

static void verdict(struct hop *h, enum hop_kind kind, const char *why)
{
    h->kind = kind;
    h->why = why;
}

static void decide_live(const struct profile *p, const struct seal_ring *ring,
                        const struct ussd_event *ev, const struct ussd_session *s,
                        const uint8_t run[SESSION_RUN_LEN], struct hop *h)
{
    h->input = ev->input;
    if (is_stale(p, ev, s, h)) {
        verdict(h, HOP_REPLAY, "stale");
    } else if (p->path && !path_continues(ring, s, ev->input, &h->input)) {
        verdict(h, HOP_RESHOW, "resync");
    } else if (counts_ahead(p, s, h)) {
        verdict(h, HOP_RESHOW, "resync");
    } else if (memcmp(s->run, run, SESSION_RUN_LEN) != 0) {
        verdict(h, HOP_RESHOW, "redis");
    } else {
        verdict(h, HOP_INPUT, "input");
    }
}

/* Its own count says nothing; ours moves on, so that no older link fits the screen shown now. */
static void reshow_stray(const struct ussd_session *s, struct hop *h)
{
    h->sequence = s->sequence + 1;
    verdict(h, HOP_RESHOW, "link");
}

void hop_decide(const struct profile *p, const struct seal_ring *ring, const struct ussd_event *ev,
                const struct ussd_session *s, const uint8_t run[SESSION_RUN_LEN], struct hop *out)
{
    *out = (struct hop){.input = STR_EMPTY};
    out->sequence = p->path ? (uint32_t)ev->input.n : ev->sequence;
    if (p->path)
        path_hash(ring, ev->input, out->step);
    else if (ev->has_step)
        memcpy(out->step, ev->step, SESSION_STEP_LEN);
    if (ev->kind == USSD_ABORT || ev->kind == USSD_TIMEOUT)
        verdict(out, HOP_SILENT, ev->kind == USSD_ABORT ? "abort" : "timeout");
    else if (s == NULL)
        verdict(out, HOP_BEGIN, ev->kind == USSD_CONTINUE ? "unknown" : "begin");
    else if (is_stray(p, ring, ev, s))
        reshow_stray(s, out);
    else if (same_step(p, ev, s, out))
        verdict(out, HOP_REPLAY, "repeated");
    else if (late_start(p, ev, s))
        verdict(out, HOP_REPLAY, "stale");
    else if (ev->kind == USSD_BEGIN && p->one_start && !s->ended)
        verdict(out, HOP_REFUSED, "second_start");
    else if (ev->kind == USSD_BEGIN)
        verdict(out, HOP_BEGIN, "reused");
    else if (s->ended)
        verdict(out, HOP_REPLAY, "ended");
    else
        decide_live(p, ring, ev, s, run, out);
}

/* ASCII of the stars and hashes that phones really send; other bytes as they are. */
static size_t plain_dial(struct str in, char *out, size_t cap)
{
    static const struct {
        struct str wide;
        char plain;
    } map[] = {{STR_INIT("\xEF\xBC\x83"), '#'}, {STR_INIT("\xEF\xBC\x8A"), '*'}};
    size_t n = 0;

    while (in.n > 0) {
        size_t step = 1;
        char c = in.p[0];

        for (size_t i = 0; i < ARRAY_LEN(map); i++) {
            if (str_starts(in, map[i].wide)) {
                c = map[i].plain;
                step = map[i].wide.n;
            }
        }
        if (n == cap)
            return 0;
        out[n++] = c;
        in = str_skip(in, step);
    }
    return n;
}

struct str hop_dial(const struct profile *p, struct str short_code, struct str input, char *out,
                    size_t cap)
{
    struct str dial = str_n(out, plain_dial(str_trim(input), out, cap));

    if (dial.n > 0 && dial.p[dial.n - 1] == '#')
        dial.n--;
    if (short_code.n > 0 && short_code.p[short_code.n - 1] == '#')
        short_code.n--;
    if (!p->path && dial.n > 0 && dial.p[0] != '*' && str_starts(short_code, STR("*")))
        short_code = str_skip(short_code, 1); /* some networks leave the first star out */
    if (short_code.n > 0 && str_starts(dial, short_code))
        dial = str_skip(dial, short_code.n);
    else if (!p->path)
        return STR_EMPTY; /* some other code of ours: its own digits say nothing about a book */
    return dial.n > 0 && dial.p[0] == '*' ? str_skip(dial, 1) : dial;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner of a link calls. See link.h; link.c has its states and its connection. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/lib/crypto.h"
#include "smpp/link_config.h"
#include "smpp/link_parts.h"

static void print_tag(const void *obj, struct buf *out)
{
    log_field(out, "link", str_c(((const struct link *)obj)->config.name));
}

struct link *link_new(struct loop *l, const struct link_config *config,
                      const struct link_sink *sink, void *ctx, struct err *e)
{
    struct link *k = calloc(1, sizeof *k);

    if (k == NULL)
        abort();
    if (link_config_copy(&k->config, config, k->strings, sizeof k->strings, e) != 0) {
        free(k);
        return NULL;
    }
    k->loop = l;
    k->sink = sink;
    k->ctx = ctx;
    k->next_seq = config->session.first_seq;
    k->tag = (struct log_tag){.print = print_tag, .obj = k};
    buf_init(&k->rx, PDU_MAX + 2 * LINK_READ_CHUNK);
    rate_init(&k->rate, config->session.parts_per_s, config->session.burst, loop_now_ms(l));
    dial_init(&k->dial, l, link_on_addresses, k);
    loop_timer_init(&k->timer, l, link_on_timer, k);
    return k;
}

void link_start(struct link *k)
{
    assert(k->state == LINK_IDLE);
    link_attempt(k);
}

int link_submit(struct link *k, const struct smpp_submit *m, uint64_t tag, struct err *e)
{
    if (k->state != LINK_BOUND)
        return err_set(e, ERR_BAD_STATE, "the link is %s", link_state_name(k->state));
    if (session_submit(&k->session, m, tag, loop_now_ms(k->loop), e) != 0) {
        if (e->code == ERR_BUSY)
            link_after_later(k); /* arms the timer that says ready */
        return -1;
    }
    link_after_later(k);
    return 0;
}

uint32_t link_window_free(struct link *k)
{
    return k->state == LINK_BOUND ? session_room(&k->session, loop_now_ms(k->loop)) : 0;
}

void link_respond(struct link *k, const struct link_delivery *d, uint32_t status)
{
    if (!k->has_session || d->epoch != k->epoch)
        return;
    session_respond(&k->session, d->id, d->seq, status);
    link_after_later(k);
}

int link_reconfigure(struct link *k, const struct link_config *config, struct err *e)
{
    const struct session_config *s = &config->session;
    char mem[LINK_STRINGS];
    struct link_config fresh;
    int rc = link_config_copy(&fresh, config, mem, sizeof mem, e);

    /* it fits: so it does below. A session keeps no view of strings after its bind */
    if (rc == 0) {
        if (k->state == LINK_WAITING && !link_config_alike(&k->config, &fresh))
            loop_timer_set(&k->timer, 0);
        (void)!link_config_copy(&k->config, config, k->strings, sizeof k->strings, e);
        if (k->outbind != NULL)
            outbind_set_tls(k->outbind, k->config.tls);
        if (k->has_session)
            session_set_window(&k->session, s->window);
        rate_set(&k->rate, s->parts_per_s, s->burst, loop_now_ms(k->loop));
        link_after_later(k);
    }
    crypto_wipe(mem, sizeof mem);
    return rc;
}

static void forget_outbind(struct link *k)
{
    if (k->outbind != NULL)
        k->status.outbinds_refused += outbind_refused(k->outbind);
    outbind_free(k->outbind);
    k->outbind = NULL;
}

void link_stop(struct link *k)
{
    if (k->state == LINK_LEAVING || k->state == LINK_STOPPED)
        return;
    if (k->state == LINK_BOUND) {
        forget_outbind(k);
        link_set_state(k, LINK_LEAVING);
        session_unbind(&k->session, loop_now_ms(k->loop));
        link_after_later(k);
        return;
    }
    dial_cancel(&k->dial);
    forget_outbind(k);
    link_drop_session(k);
    stream_close(&k->stream);
    link_set_state(k, LINK_STOPPED);
    loop_timer_set(&k->timer, 0);
}

void link_status_get(struct link *k, struct link_status *out)
{
    int64_t now = loop_now_ms(k->loop);

    *out = k->status;
    out->state = k->state;
    out->state_ms = now - k->state_at;
    out->room = link_window_free(k);
    out->wait_ms = k->state == LINK_WAITING ? MAX(k->wait_until - now, 0) : 0;
    if (k->outbind != NULL)
        out->outbinds_refused += outbind_refused(k->outbind);
    out->bound_ms = k->state == LINK_BOUND ? now - k->bound_at : 0;
    if (!k->has_session)
        return;
    out->in_flight = k->session.window.used;
    out->paused = link_rate_of(k)->paused_until > now;
    out->rate_now = rate_now(link_rate_of(k));
    out->enquire_rtt = k->session.wire.enquire_rtt;
    link_add_stats(&out->stats, &k->session.stats);
}

static void free_link(void *arg)
{
    struct link *k = arg;

    buf_fini(&k->rx);
    crypto_wipe(k->strings, sizeof k->strings);
    free(k);
}

void link_free(struct link *k)
{
    if (k == NULL)
        return;
    k->dead = true;
    dial_cancel(&k->dial);
    forget_outbind(k);
    loop_timer_clear(&k->timer);
    link_drop_session(k);
    stream_close(&k->stream);
    loop_defer(k->loop, free_link, k);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coko_esme_* that are read off the server and the accounts each second.
 */
#include "gateway/esme/esme_parts.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

static struct counter connections = GAUGE("coko_esme_connections", "Connections of ESMEs");
static struct counter unbound = GAUGE("coko_esme_unbound", "Of those, not bound yet");
static struct counter bound = GAUGE("coko_esme_binds", "Binds of an account");
static struct counter waiting = GAUGE("coko_esme_queue", "Submits that wait for their commit");
static struct counter behind = GAUGE("coko_esme_behind", "1 while submits get 0x14: no database");
static struct counter flying = GAUGE("coko_esme_receipts_in_flight", "Receipts without answer");
static struct counter accepted = COUNTER("coko_esme_connections_total", "Connections taken");
static struct counter over = COUNTER("coko_esme_over_total", "Connections closed by a ceiling");
static struct counter paused =
    COUNTER("coko_esme_paused_total", "Times an ESME was not read, because it did not read");
static struct counter ends = COUNTER("coko_esme_ends_total", "Connections by how they ended");
static struct counter too_fast =
    COUNTER("coko_esme_throttled_total", "Submits answered 0x58, over the rate");
static struct counter too_many =
    COUNTER("coko_esme_queue_full_total", "Submits answered 0x14, over the queue");
static struct counter bad =
    COUNTER("coko_esme_bad_requests_total", "PDUs of ESMEs answered with an error, unread");

/* One line a second says how many of each: who is refused fast fills no disk. */
static void tell_ceilings(const struct smpp_server_stats *now, const struct smpp_server_stats *was)
{
    uint64_t all = now->over_connections - was->over_connections,
             strangers = now->over_strangers - was->over_strangers,
             guesses = now->over_failures - was->over_failures;

    if (all + strangers + guesses > 0)
        log_warn(NULL, "connections of esmes refused",
                 "connections=%llu unbound=%llu failures=%llu", (unsigned long long)all,
                 (unsigned long long)strangers, (unsigned long long)guesses);
}

static void server_figures(struct esme *s)
{
    struct smpp_server_stats now, *was = &s->counted;
    char label[40];

    smpp_server_stats_get(s->server, &now);
    counter_set(&connections, now.connections);
    counter_set(&unbound, now.strangers);
    counter_add(&accepted, now.accepted - was->accepted);
    counter_add(&paused, now.paused - was->paused);
    counter_add(counter_with(&over, "ceiling=\"connections\""),
                now.over_connections - was->over_connections);
    counter_add(counter_with(&over, "ceiling=\"unbound\""),
                now.over_strangers - was->over_strangers);
    counter_add(counter_with(&over, "ceiling=\"failures\""),
                now.over_failures - was->over_failures);
    for (int i = 0; i < SMSC_ENDS; i++) {
        struct buf b;

        if (now.ends[i] == was->ends[i])
            continue;
        buf_init_fixed(&b, label, sizeof label);
        buf_addf(&b, "why=\"%s\"", smsc_end_name((enum smsc_end)i));
        counter_add(counter_with(&ends, buf_cstr(&b)), now.ends[i] - was->ends[i]);
    }
    tell_ceilings(&now, was);
    *was = now;
}

static void account_refusals(struct esme_account *a)
{
    uint64_t fast = a->smsc.over_rate - a->counted_rate,
             many = a->smsc.over_queue - a->counted_queue,
             wrong = a->smsc.bad_requests - a->counted_bad;

    counter_add(counter_with(&too_fast, a->label), fast);
    counter_add(counter_with(&too_many, a->label), many);
    counter_add(counter_with(&bad, a->label), wrong);
    if (fast + many + wrong > 0)
        log_warn(NULL, "pdus of an esme refused", "esme=%s too_fast=%llu queue_full=%llu bad=%llu",
                 a->config.name, (unsigned long long)fast, (unsigned long long)many,
                 (unsigned long long)wrong);
    a->counted_rate = a->smsc.over_rate;
    a->counted_queue = a->smsc.over_queue;
    a->counted_bad = a->smsc.bad_requests;
}

static void account_figures(struct esme_account *a)
{
    counter_set(counter_with(&bound, a->label), a->smsc.binds);
    counter_set(counter_with(&waiting, a->label), a->smsc.queued);
    counter_set(counter_with(&behind, a->label), a->smsc.behind);
    account_refusals(a);
}

void esme_figures(struct esme *s)
{
    if (s->server == NULL)
        return;
    server_figures(s);
    counter_set(&flying, s->flying);
    for (size_t i = 0; i < s->naccounts; i++)
        account_figures(s->accounts[i]);
}

void esme_figures_forget(void)
{
    struct counter *const all[] = {&connections, &unbound,  &bound, &waiting, &behind,
                                   &flying,      &accepted, &over,  &paused,  &ends,
                                   &too_fast,    &too_many, &bad};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        counter_forget(all[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in turn. See dial.h. */
#include "smpp/dial.h"

#include <assert.h>
#include <string.h>

/* The first address that was not taken yet, of this family or (AF_UNSPEC) of any; count: none. */
static unsigned find(const struct resolve_address *list, unsigned count, unsigned taken,
                     sa_family_t family)
{
    unsigned i = 0;

    while (i < count &&
           ((taken >> i & 1u) != 0 || (family != AF_UNSPEC && list[i].sa.ss_family != family)))
        i++;
    return i;
}

static sa_family_t other_family(sa_family_t family)
{
    return family == AF_INET6 ? AF_INET : AF_INET6;
}

/* Keeps the order inside a family. */
static void alternate(struct dial *d, const struct resolve_address *list, unsigned count)
{
    sa_family_t wanted = AF_UNSPEC;
    unsigned taken = 0;

    for (d->count = 0; d->count < count; d->count++) {
        unsigned at = find(list, count, taken, wanted);

        if (at == count)
            at = find(list, count, taken, AF_UNSPEC);
        taken |= 1u << at;
        d->addresses[d->count] = list[at];
        wanted = other_family(list[at].sa.ss_family);
    }
}

static void on_resolved(void *arg, const struct resolve_address *list, unsigned count,
                        const char *why)
{
    struct dial *d = arg;

    d->lookup = NULL;
    alternate(d, list, MIN(count, (unsigned)RESOLVE_MAX));
    d->next = 0;
    d->fn(d->arg, d->count, why);
}

void dial_init(struct dial *d, struct loop *l, dial_fn *fn, void *arg)
{
    *d = (struct dial){.loop = l, .fn = fn, .arg = arg};
}

void dial_look_up(struct dial *d, const char *host, uint16_t port)
{
    assert(d->lookup == NULL);
    d->count = d->next = 0;
    d->lookup = resolve_start(d->loop, host, port, on_resolved, d);
}

void dial_cancel(struct dial *d)
{
    resolve_cancel(d->lookup);
    d->lookup = NULL;
}

bool dial_left(const struct dial *d)
{
    return d->next < d->count;
}

int dial_next(struct dial *d, const struct dial_stream *to, struct err *e)
{
    const struct resolve_address *a = &d->addresses[d->next++];
    struct ssl_st *ssl = NULL;

    if (to->tls != NULL) {
        ssl = tls_session(to->tls, to->host, e);
        if (ssl == NULL)
            return -1;
    }
    return stream_connect(to->stream, d->loop, (const struct sockaddr *)&a->sa, a->len, ssl,
                          to->out_max, to->ops, to->arg, e);
}

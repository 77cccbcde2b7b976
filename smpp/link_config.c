/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of link_config.h. */
#include "smpp/link_config.h"

#include <string.h>

#include "gateway/lib/crypto.h"

struct store {
    char *mem;
    size_t size, used;
};

static bool keep(struct store *m, struct str s, const char **copy)
{
    if (s.n + 1 > m->size - m->used)
        return false;
    memcpy(m->mem + m->used, s.p, s.n);
    m->mem[m->used + s.n] = '\0';
    *copy = m->mem + m->used;
    m->used += s.n + 1;
    return true;
}

static bool keep_str(struct store *m, struct str *s)
{
    const char *copy;

    if (!keep(m, str_n(s->p, s->n), &copy))
        return false;
    *s = str_n(copy, s->n);
    return true;
}

static struct str or_empty(const char *s)
{
    return s != NULL ? str_c(s) : STR_EMPTY;
}

static bool keep_all(struct store *m, struct link_config *c)
{
    struct session_config *s = &c->session;

    return keep(m, str_c(c->name), &c->name) && keep(m, str_c(c->host), &c->host) &&
           keep_str(m, &s->system_id) && keep_str(m, &s->password) &&
           keep_str(m, &s->system_type) && keep_str(m, &s->address_range) &&
           keep(m, or_empty(c->listen_host), &c->listen_host) &&
           keep(m, or_empty(c->outbind_system_id), &c->outbind_system_id) &&
           keep(m, or_empty(c->outbind_password), &c->outbind_password);
}

static void fill_defaults(struct link_config *c)
{
#define DEFAULT(field, value) c->field = c->field ? c->field : (value)
    DEFAULT(port, 2775);
    DEFAULT(connect_ms, 10000);
    DEFAULT(retry_min_ms, 1000);
    DEFAULT(retry_max_ms, 60000);
    DEFAULT(refused_ms, 120000);
    DEFAULT(already_bound_ms, 45000);
    DEFAULT(stable_ms, 30000);
#undef DEFAULT
}

int link_config_copy(struct link_config *to, const struct link_config *from, char *mem, size_t size,
                     struct err *e)
{
    struct store m = {.mem = mem, .size = size};

    if (from->host == NULL || *from->host == '\0')
        return err_set(e, ERR_BAD_CONFIG, "a link without a host");
    if (session_check(&from->session, e) != 0)
        return -1;
    *to = *from;
    if (!keep_all(&m, to))
        return err_set(e, ERR_BAD_CONFIG, "names and credentials of the link are too long");
    fill_defaults(to);
    return 0;
}

bool link_config_alike(const struct link_config *a, const struct link_config *b)
{
    const struct session_config *x = &a->session, *y = &b->session;

    return strcmp(a->host, b->host) == 0 && a->port == b->port && a->tls == b->tls &&
           str_eq(x->system_id, y->system_id) && str_eq(x->password, y->password) &&
           str_eq(x->system_type, y->system_type);
}

int64_t link_jitter(int64_t ms)
{
    uint16_t r;

    crypto_random(&r, sizeof r);
    return ms - ms / 4 + ms / 2 * r / UINT16_MAX;
}

int64_t link_backoff(int64_t base, unsigned times, int64_t ceiling)
{
    while (times-- > 0 && base < ceiling)
        base *= 2;
    return MIN(base, ceiling);
}

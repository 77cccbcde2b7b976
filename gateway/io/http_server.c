/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server's outer half: limits, mounts, listeners, connection caps, drain. What happens on a
 * connection is in http_conn.c, what is written in http_reply.c.
 *
 * Out of descriptors: one reserve descriptor is closed to take and refuse what waits, then accepting
 * pauses for ACCEPT_PAUSE_MS, so that a full table never becomes a spinning loop (hard case 52).
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/io/http_conn.h"
#include "gateway/io/openssl.h"

#define ACCEPT_MAX      64 /* connections taken in one wake-up */
#define ACCEPT_PAUSE_MS 200
#define DRAIN_IDLE_MS   1000 /* a request may be on its way on an idle connection */

static struct counter connections = GAUGE("coko_http_connections", "Open HTTP connections");
static struct counter refused = COUNTER("coko_http_refused_total", "HTTP connections not served");
static struct counter took =
    HISTOGRAM("coko_http_request_duration_seconds", "Time from a whole request to its reply");

static void on_accept(evutil_socket_t fd, short what, void *arg);

/* ---- building ---- */

static void limits_fill(struct http_limits *to, const struct http_limits *from)
{
    static const struct http_limits defaults = {
        .header_ms = 10000,
        .body_ms = 30000,
        .idle_ms = 60000,
        .write_ms = 30000,
        .connections = 10000,
        .connections_per_ip = 256,
        .body_max = 128u * 1024u,
        .output_max = 64u << 20,
    };

    *to = from != NULL ? *from : defaults;
    to->header_ms = to->header_ms != 0 ? to->header_ms : defaults.header_ms;
    to->body_ms = to->body_ms != 0 ? to->body_ms : defaults.body_ms;
    to->idle_ms = to->idle_ms != 0 ? to->idle_ms : defaults.idle_ms;
    to->write_ms = to->write_ms != 0 ? to->write_ms : defaults.write_ms;
    to->connections = to->connections != 0 ? to->connections : defaults.connections;
    to->connections_per_ip =
        to->connections_per_ip != 0 ? to->connections_per_ip : defaults.connections_per_ip;
    to->body_max = to->body_max != 0 ? to->body_max : defaults.body_max;
    to->output_max = to->output_max != 0 ? to->output_max : defaults.output_max;
}

static char *copy(const char *s)
{
    char *c = strdup(s);

    if (c == NULL)
        abort();
    return c;
}

static struct http_mount *mount_new(const char *prefix, const char *name)
{
    struct http_mount *m = calloc(1, sizeof *m);
    char labels[80];

    if (m == NULL)
        abort();
    m->prefix = copy(prefix);
    m->len = strlen(prefix);
    m->name = copy(name);
    snprintf(labels, sizeof labels, "mount=\"%.60s\"", name);
    m->took = counter_with(&took, labels);
    return m;
}

static void mount_free(struct http_mount *m)
{
    free(m->prefix);
    free(m->name);
    free(m);
}

static void accept_pause(struct http_server *s, bool paused)
{
    for (unsigned i = 0; i < s->nlisteners; i++) {
        if (paused || s->draining)
            event_del(&s->listeners[i].ev);
        else
            event_add(&s->listeners[i].ev, NULL);
    }
}

static void on_accept_timer(void *arg)
{
    struct http_server *s = arg;

    if (s->reserve_fd < 0)
        s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    accept_pause(s, false);
}

static void on_drain_timer(void *arg)
{
    struct http_server *s = arg;

    list_for_each_safe(node, &s->conns) http_conn_drain(container_of(node, struct http_conn, node));
}

struct http_server *http_server_new(struct loop *l, const struct http_limits *limits, struct err *e)
{
    struct http_server *s = calloc(1, sizeof *s);

    if (s == NULL)
        abort();
    s->loop = l;
    limits_fill(&s->limits, limits);
    if (s->limits.trusted_proxies != NULL && *s->limits.trusted_proxies != '\0' &&
        nets_new(s->limits.trusted_proxies, &s->proxies, e) != 0) {
        err_wrap(e, "trusted_proxies");
        free(s);
        return NULL;
    }
    s->limits.trusted_proxies = NULL; /* parsed; the caller's string may go */
    list_init(&s->conns);
    map_init(&s->sources);
    s->none = mount_new("", "none");
    loop_timer_init(&s->accept_timer, l, on_accept_timer, s);
    loop_timer_init(&s->drain_timer, l, on_drain_timer, s);
    s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return s;
}

/* After the connections' own deferred ends. */
static void server_free(void *arg)
{
    struct http_server *s = arg;

    assert(s->nconns == 0);
    for (unsigned i = 0; i < s->nmounts; i++)
        mount_free(s->mounts[i]);
    mount_free(s->none);
    map_fini(&s->sources);
    nets_free(s->proxies);
    if (s->reserve_fd >= 0)
        close(s->reserve_fd);
    free(s);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    s->draining = true;
    accept_pause(s, true);
    loop_timer_clear(&s->accept_timer);
    loop_timer_clear(&s->drain_timer);
    list_for_each_safe(node, &s->conns)
        http_conn_close(container_of(node, struct http_conn, node), "server ends");
    loop_defer(s->loop, server_free, s);
}

/* ---- mounts ---- */

int http_mount(struct http_server *s, const char *prefix, http_handler *fn, void *arg,
               const struct http_mount_opts *o, struct err *e)
{
    struct http_mount *m;
    size_t len = strlen(prefix);
    unsigned at = 0;

    if (prefix[0] != '/' || s->nmounts == HTTP_MOUNTS_MAX)
        return err_set(e, ERR_BAD_INPUT, "cannot mount \"%s\"", prefix);
    for (unsigned i = 0; i < s->nmounts; i++)
        if (strcmp(s->mounts[i]->prefix, prefix) == 0)
            return err_set(e, ERR_BAD_INPUT, "\"%s\" is mounted already", prefix);
    m = mount_new(prefix, o != NULL && o->name != NULL ? o->name : prefix);
    m->fn = fn;
    m->arg = arg;
    m->body_max = o != NULL && o->body_max != 0 ? o->body_max : s->limits.body_max;
    if (len > 0 && prefix[len - 1] == '/')
        m->len--; /* "/" and "/x/" match like "" and "/x" */
    while (at < s->nmounts && s->mounts[at]->len >= m->len)
        at++;
    memmove(&s->mounts[at + 1], &s->mounts[at], (s->nmounts - at) * sizeof s->mounts[0]);
    s->mounts[at] = m;
    s->nmounts++;
    return 0;
}

struct http_mount *http_mount_find(struct http_server *s, struct str path)
{
    for (unsigned i = 0; i < s->nmounts; i++) {
        struct http_mount *m = s->mounts[i];

        if (path.n >= m->len && memcmp(path.p, m->prefix, m->len) == 0 &&
            (path.n == m->len || path.p[m->len] == '/'))
            return m;
    }
    return NULL;
}

/* ---- connections of one address ---- */

static bool is_loopback(const unsigned char key[16])
{
    static const unsigned char v6[16] = {[15] = 1};
    static const unsigned char none[16];

    return memcmp(key, v6, 16) == 0 || memcmp(key, none, 16) == 0 ||
           (key[10] == 0xff && key[11] == 0xff && key[12] == 127);
}

/* False when the address has its share. *source is NULL for addresses that are not counted. */
static bool source_take(struct http_server *s, const struct sockaddr_storage *peer,
                        struct http_source **source)
{
    unsigned char key[16];
    struct http_source *src;

    *source = NULL;
    nets_socket_key(peer, key);
    if (is_loopback(key) || nets_have(s->proxies, key))
        return true;
    src = map_get(&s->sources, str_n(key, 16));
    if (src == NULL) {
        src = calloc(1, sizeof *src);
        if (src == NULL)
            abort();
        memcpy(src->key, key, 16);
        map_put(&s->sources, str_n(key, 16), src);
    }
    if (src->count >= s->limits.connections_per_ip)
        return false;
    src->count++;
    *source = src;
    return true;
}

void http_source_drop(struct http_server *s, struct http_source *source)
{
    if (--source->count > 0)
        return;
    map_remove(&s->sources, str_n(source->key, 16));
    free(source);
}

void http_conn_gone(struct http_server *s)
{
    s->nconns--;
    counter_move(&connections, -1);
}

/* ---- accepting ---- */

static void refuse_fd(int fd, const char *labels)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Retry-After: 1\r\nConnection: close\r\n\r\n";

    counter_inc(counter_with(&refused, labels));
    if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

static void fds_ran_out(struct http_server *s, int listen_fd)
{
    if (s->reserve_fd >= 0) {
        int fd;

        close(s->reserve_fd);
        fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            refuse_fd(fd, "reason=\"descriptors\"");
        s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    log_warn(NULL, "accept paused", "no descriptors left");
    accept_pause(s, true);
    loop_timer_set(&s->accept_timer, ACCEPT_PAUSE_MS);
}

static void conn_accept(struct http_server *s, int fd, const struct sockaddr_storage *peer)
{
    struct http_source *source = NULL;
    struct ssl_st *ssl = NULL;
    struct err e;
    int one = 1;

    if (s->nconns >= s->limits.connections) {
        refuse_fd(fd, "reason=\"total\"");
        return;
    }
    if (!source_take(s, peer, &source)) {
        refuse_fd(fd, "reason=\"address\"");
        return;
    }
    if (s->limits.tls != NULL && (ssl = tls_session(s->limits.tls, NULL, &e)) == NULL) {
        log_err(LOG_LEVEL_ERROR, NULL, "no TLS session", &e);
        if (source != NULL)
            http_source_drop(s, source);
        close(fd);
        return;
    }
    if (peer->ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    counter_move(&connections, 1);
    http_conn_start(s, fd, peer, ssl, source);
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
    struct http_listener *listener = arg;
    struct http_server *s = listener->server;

    (void)what;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof peer;
        int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            conn_accept(s, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            fds_ran_out(s, listen_fd);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

int http_server_listen_fd(struct http_server *s, int fd, struct err *e)
{
    struct http_listener *l = &s->listeners[s->nlisteners];

    if (s->nlisteners == HTTP_LISTEN_MAX)
        return err_set(e, ERR_BAD_INPUT, "more than %d listeners", HTTP_LISTEN_MAX);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return err_sys(e, ERR_IO, errno, "listening socket");
    l->server = s;
    l->fd = fd;
    event_assign(&l->ev, loop_base(s->loop), fd, EV_READ | EV_PERSIST, on_accept, l);
    event_add(&l->ev, NULL);
    s->nlisteners++;
    return 0;
}

/* ---- the end ---- */

void http_server_drain(struct http_server *s)
{
    if (s->draining)
        return;
    for (unsigned i = 0; i < s->nlisteners; i++)
        on_accept(s->listeners[i].fd, EV_READ, &s->listeners[i]); /* what the kernel took already */
    s->draining = true;
    accept_pause(s, true);
    loop_timer_clear(&s->accept_timer);
    loop_timer_set(&s->drain_timer, DRAIN_IDLE_MS);
}

bool http_server_idle(const struct http_server *s)
{
    return s->nconns == 0;
}

unsigned http_server_connections(const struct http_server *s)
{
    return s->nconns;
}

/* ---- the request's accessors ---- */

struct str http_header(const struct http_exchange *x, const char *name)
{
    return http_head_get(x->head, name);
}

ptrdiff_t http_query_get(const struct http_exchange *x, const char *name, char *out, size_t cap)
{
    return http_form_value(x->query, name, out, cap);
}

ptrdiff_t http_form_get(const struct http_exchange *x, const char *name, char *out, size_t cap)
{
    return http_form_value(x->body, name, out, cap);
}

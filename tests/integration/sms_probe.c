/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binds and the SMS room alone, for tests/integration/test_sms_*.py:
 *
 *   sms_probe INI OWNER      DATABASE_URL and COKO_KEYS from the environment
 *   sms_probe seal AAD TEXT...  prints what seal_close makes of each TEXT, and its look-up; hex
 *
 * INI holds [link NAME] sections. SIGTERM drains and exits 0; the process must then be leak-free.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/file.h"
#include "gateway/lib/log.h"
#include "gateway/sms/sms.h"

#define LINKS_MAX 4
#define POLL_MS   20

static struct probe {
    struct loop *loop;
    struct pg *pg;
    struct binds *binds;
    struct sms *sms;
    struct event *term;
    struct loop_timer poll;
    struct bind_config links[LINKS_MAX];
    size_t nlinks;
} probe;

static void fail(const char *what, const struct err *e)
{
    fprintf(stderr, "%s: %s\n", what, e->msg);
    exit(2);
}

static void load_links(const char *path, struct arena *arena, struct ini *ini)
{
    struct ini_section *section = NULL;
    struct fault_list faults;
    struct buf text;
    struct err e;

    fault_init(&faults);
    buf_init(&text, INI_TEXT_MAX);
    if (file_read(path, &text, &e) != 0)
        fail("configuration", &e);
    struct option_source src = {.ini = ini, .arena = arena, .faults = &faults};

    (void)!ini_parse(ini, path, buf_str(&text), &faults);
    while ((section = ini_next(ini, "link", section)) != NULL && probe.nlinks < LINKS_MAX) {
        struct bind_config *c = &probe.links[probe.nlinks++];

        (void)!option_load_section(&src, section, bind_options, bind_options_count, c);
        if (c->account != NULL && *c->account == '\0')
            c->account = arena_cstr(arena, section->name);
    }
    option_unknown(ini, &faults);
    if (faults.count > 0) {
        fprintf(stderr, "%.*s", (int)faults.text.len, faults.text.p);
        exit(2);
    }
    buf_fini(&text);
    fault_fini(&faults);
}

static void on_poll(void *arg)
{
    (void)arg;
    if (sms_idle(probe.sms) && binds_idle(probe.binds))
        loop_stop(probe.loop);
    else
        loop_timer_set(&probe.poll, POLL_MS);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    log_info(NULL, "draining", "the room and its binds");
    sms_drain(probe.sms);
    binds_drain(probe.binds);
    loop_timer_set(&probe.poll, POLL_MS);
}

static void open_all(const char *owner, const struct seal_ring *ring)
{
    struct pg_config pg;
    struct err e;

    pg_config_defaults(&pg);
    pg.url = getenv("DATABASE_URL");
    pg.application_name = owner;
    pg.lanes[PG_BATCH].connections = 3;
    probe.loop = loop_new(&e);
    probe.pg = pg_open(probe.loop, &pg, &e);
    if (probe.pg == NULL)
        fail("database", &e);
    struct binds_config bc = {.links = probe.links, .nlinks = probe.nlinks, .owner = owner};
    struct binds_deps bd = {.loop = probe.loop, .pg = probe.pg};

    probe.binds = binds_new(&bc, &bd, &e);
    if (probe.binds == NULL)
        fail("binds", &e);
    struct sms_config sc = {.owner = owner};
    struct sms_deps sd = {.loop = probe.loop, .pg = probe.pg, .ring = ring, .binds = probe.binds};

    probe.sms = sms_new(&sc, &sd, &e);
    if (probe.sms == NULL)
        fail("sms", &e);
    binds_start(probe.binds);
}

static void print_hex(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
    putchar('\n');
}

static void print_sealed(const struct seal_ring *ring, const char *aad, const char *text)
{
    uint8_t lookup[32];
    struct buf b;

    buf_init(&b, 8192);
    seal_close(ring, str_c(aad), str_c(text), &b);
    seal_lookup(ring, STR("phone"), str_c(text), lookup);
    print_hex((const uint8_t *)b.p, b.len);
    print_hex(lookup, sizeof lookup);
    buf_fini(&b);
}

static void run(const char *path, const char *owner, const struct seal_ring *ring)
{
    struct arena arena;
    struct ini ini;

    arena_init(&arena, 4096, 1u << 20);
    load_links(path, &arena, &ini);
    open_all(owner, ring);
    loop_timer_init(&probe.poll, probe.loop, on_poll, NULL);
    probe.term = evsignal_new(loop_base(probe.loop), SIGTERM, on_term, NULL);
    evsignal_add(probe.term, NULL);
    loop_run(probe.loop);
    event_free(probe.term);
    loop_turn(probe.loop, false);
    sms_free(probe.sms);
    binds_free(probe.binds);
    pg_close(probe.pg);
    loop_free(probe.loop);
    ini_fini(&ini);
    arena_fini(&arena);
}

int main(int argc, char **argv)
{
    static char slab[1 << 20];
    struct seal_ring *ring;
    struct err e;

    if (argc < 3)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_LEVEL_DEBUG, "probe", argv[2]);
    if (counter_attach(slab, sizeof slab, &e) != 0)
        fail("counters", &e);
    if (seal_ring_new(str_c(getenv("COKO_KEYS")), &ring, &e) != 0)
        fail("keys", &e);
    for (int i = 3; i < argc; i++)
        print_sealed(ring, argv[2], argv[i]);
    if (argc == 3)
        run(argv[1], argv[2], ring);
    seal_ring_free(ring);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link against the lab's SMSC, which has a codec of its own: chapters in GSM-7 and UCS-2 go
 * out in parts, each part is answered with an id, and its receipt names that id in another form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/lib/clock.h"
#include "smpp/link.h"
#include "smpp/receipt.h"
#include "smpp/segment.h"

#define PARTS 32

static struct bench {
    pid_t lab;
    uint16_t port;
    char dir[64]; /* of the certificate; "" without TLS */
    struct loop *loop;
    struct tls *tls;
    struct link *link;
    unsigned ups, stopped, done, receipts, strangers;
    char ids[PARTS][RECEIPT_ID_MAX];
    unsigned delivered[PARTS];
} * b;

static void on_up(void *ctx)
{
    ((struct bench *)ctx)->ups++;
}

static void on_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct bench *t = ctx;

    assert_int_equal(status, 0);
    assert_false(late);
    receipt_normal_id(id, t->ids[tag]);
    t->done++;
}

static void count_receipt(struct bench *t, const struct receipt *r)
{
    for (unsigned i = 0; i < r->id_count; i++) {
        for (unsigned tag = 0; tag < PARTS; tag++) {
            if (strcmp(t->ids[tag], r->ids[i]) == 0) {
                t->delivered[tag] += r->state == RECEIPT_DELIVERED;
                t->receipts++;
                return;
            }
        }
    }
    t->strangers++;
}

static void on_deliver(void *ctx, const struct link_delivery *d, const struct pdu *p)
{
    struct bench *t = ctx;
    struct receipt r;
    struct err e;

    assert_true(receipt_is(p));
    if (receipt_parse(p, &r, &e) != 0)
        fail_msg("%s", e.msg);
    count_receipt(t, &r);
    link_respond(t->link, d, 0);
}

static void on_stopped(void *ctx)
{
    ((struct bench *)ctx)->stopped++;
}

static const struct link_sink sink = {
    .up = on_up, .submit_done = on_done, .deliver = on_deliver, .stopped = on_stopped};

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t give_up = clock_mono_ms() + 20000;                                                 \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > give_up)                                                         \
                fail_msg("never: %s", #condition);                                                 \
            loop_turn(b->loop, true);                                                              \
        }                                                                                          \
    } while (0)

static const char *in_dir(const char *name)
{
    static char paths[2][96];
    static unsigned at;

    at = !at;
    (void)snprintf(paths[at], sizeof paths[at], "%s/%s", b->dir, name);
    return paths[at];
}

/* A certificate for the loopback address, its own authority. */
static void make_certificate(void)
{
    int status = 0;
    pid_t pid;

    (void)snprintf(b->dir, sizeof b->dir, "/tmp/coko-smpp-lab-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=lab",
               "-addext", "subjectAltName=IP:127.0.0.1", "-out", in_dir("cert.pem"), "-keyout",
               in_dir("key.pem"), (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void exec_lab(void)
{
    const char *argv[20] = {"python3",
                            COKO_SOURCE_DIR "/tests/lab/smsc.py",
                            "--port",
                            "0",
                            "--control-port",
                            "0",
                            "--die-with-parent",
                            "--id-form",
                            "hex",
                            "--receipt-delay-ms",
                            "5"};

    if (b->dir[0] != '\0') {
        argv[11] = "--tls-cert";
        argv[12] = in_dir("cert.pem");
        argv[13] = "--tls-key";
        argv[14] = in_dir("key.pem");
    }
    execv("/usr/bin/python3", (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Starts the SMSC and reads its port from the line that says it is ready. */
static void start_lab(void)
{
    char line[512];
    const char *port;
    FILE *out;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    b->lab = fork();
    if (b->lab == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        exec_lab();
    }
    close(ends[1]);
    out = fdopen(ends[0], "r");
    assert_non_null(fgets(line, sizeof line, out));
    fclose(out);
    port = strstr(line, "\"port\":");
    assert_non_null(port);
    b->port = (uint16_t)strtoul(port + 7, NULL, 10);
    assert_int_not_equal(b->port, 0);
}

static int setup(void **state)
{
    struct err e;

    (void)state;
    b = calloc(1, sizeof *b);
    b->loop = loop_new(&e);
    return 0;
}

static int teardown(void **state)
{
    int status = 0;

    (void)state;
    link_free(b->link);
    loop_free(b->loop);
    tls_free(b->tls);
    if (b->dir[0] != '\0') {
        unlink(in_dir("cert.pem"));
        unlink(in_dir("key.pem"));
        rmdir(b->dir);
    }
    kill(b->lab, SIGTERM);
    waitpid(b->lab, &status, 0);
    free(b);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* All parts of one text, in order; returns the tag behind the last. */
static uint64_t send_text(struct str text, uint16_t ref, uint64_t tag)
{
    struct segment_opts opts = {.ref = ref};
    struct segment s;
    struct err e;

    assert_int_equal(segment_plan(text, &opts, &s, &e), 0);
    for (unsigned no = 1; no <= s.parts; no++) {
        uint8_t octets[SEGMENT_OCTETS];
        struct smpp_submit m = {.sm = {.source = STR("Coko"),
                                       .source_ton = 5,
                                       .dest = STR("221770000001"),
                                       .dest_ton = 1,
                                       .dest_npi = 1,
                                       .registered_delivery = 1,
                                       .esm_class = s.header ? SMPP_ESM_UDHI : 0,
                                       .data_coding = s.data_coding}};

        m.sm.message = str_n(octets, segment_part(&s, no, octets));
        UNTIL(link_window_free(b->link) > 0);
        assert_int_equal(link_submit(b->link, &m, tag++, &e), 0);
    }
    segment_fini(&s);
    return tag;
}

static void two_chapters(void)
{
    struct link_config c = {
        .name = "lab",
        .host = "127.0.0.1",
        .port = b->port,
        .tls = b->tls,
        .session = {.system_id = STR("coko"), .password = STR("secret"), .window = 4}};
    char gsm[1000], ucs2[603];
    struct err e;
    uint64_t tags;

    memset(gsm, 'a', sizeof gsm);
    for (size_t i = 0; i < sizeof ucs2; i += 3)
        memcpy(ucs2 + i, "\u1e63", 3);
    b->link = link_new(b->loop, &c, &sink, b, &e);
    link_start(b->link);
    UNTIL(b->ups == 1);
    tags = send_text(str_n(gsm, sizeof gsm), 1, 0);
    tags = send_text(str_n(ucs2, sizeof ucs2), 2, tags);
    assert_int_equal(tags, 7 + 3);
    UNTIL(b->done == tags && b->receipts == tags);
    for (unsigned i = 0; i < tags; i++)
        assert_int_equal(b->delivered[i], 1);
    assert_int_equal(b->strangers, 0);
    link_stop(b->link);
    UNTIL(b->stopped == 1);
}

static void chapters_arrive_and_each_part_has_its_receipt(void **state)
{
    (void)state;
    start_lab();
    two_chapters();
}

static void the_same_over_tls(void **state)
{
    struct tls_config c = {0};
    struct err e;

    (void)state;
    make_certificate();
    start_lab();
    c.ca_file = in_dir("cert.pem");
    b->tls = tls_client_new(&c, &e);
    assert_non_null(b->tls);
    two_chapters();
}

static void hard_23_a_certificate_of_nobody_is_refused(void **state)
{
    struct tls_config tls = {0};
    struct link_config c = {.name = "lab", .host = "127.0.0.1", .retry_min_ms = 60000};
    struct link_status st;
    struct err e;

    (void)state;
    make_certificate();
    start_lab();
    b->tls = tls_client_new(&tls, &e);
    assert_non_null(b->tls);
    c.port = b->port;
    c.tls = b->tls;
    b->link = link_new(b->loop, &c, &sink, b, &e);
    link_start(b->link);
    UNTIL((link_status_get(b->link, &st), st.state == LINK_WAITING));
    assert_int_equal(st.connects, 0);
    assert_non_null(strstr(st.last_error, "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chapters_arrive_and_each_part_has_its_receipt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_same_over_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(hard_23_a_certificate_of_nobody_is_refused, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

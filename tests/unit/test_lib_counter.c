/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: slabs, restarts, sums, the text format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/lib/counter.h"

static struct counter hops = COUNTER("coko_hops_total", "USSD hops answered");
static struct counter open_links = GAUGE("coko_links", "Links \\ now");
static struct counter took = HISTOGRAM("coko_hop_seconds", "Callback to reply");
static struct counter waited = DELAYS("coko_receipt_seconds", "Response to receipt");

static void *slab_new(size_t entries)
{
    void *mem = mmap(NULL, counter_slab_size(entries), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(mem != MAP_FAILED);
    return mem;
}

static void attach(void *mem, size_t entries)
{
    struct err e;

    assert_int_equal(counter_attach(mem, counter_slab_size(entries), &e), 0);
}

static int setup(void **state)
{
    (void)state;
    counter_detach();
    return 0;
}

static void count_in_a_child(void *slab)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        attach(slab, 16);
        counter_add(&hops, 5);
        counter_inc(counter_with(&hops, "carrier=\"hubtel\""));
        counter_set(&open_links, 3);
        counter_observe_us(&took, 700);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Two workers, one restarted: counts go on, gauges begin again. */
static void slabs_add_up_over_processes_and_restarts(void **state)
{
    void *slabs[3] = {slab_new(16), slab_new(16), slab_new(16)};
    struct buf out;

    (void)state;
    count_in_a_child(slabs[0]);
    count_in_a_child(slabs[1]);
    count_in_a_child(slabs[1]); /* its slot restarted */
    buf_init(&out, 100000);
    counter_render(&out, (const void *const *)slabs, 3); /* the third was never attached */
    assert_string_equal(buf_cstr(&out), "# HELP coko_hop_seconds Callback to reply\n"
                                        "# TYPE coko_hop_seconds histogram\n"
                                        "coko_hop_seconds_bucket{le=\"0.0005\"} 0\n"
                                        "coko_hop_seconds_bucket{le=\"0.001\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.0025\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.005\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.01\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.025\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.05\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.1\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.25\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"0.5\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"1\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"2.5\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"5\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"10\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"30\"} 3\n"
                                        "coko_hop_seconds_bucket{le=\"+Inf\"} 3\n"
                                        "coko_hop_seconds_sum 0.002100\n"
                                        "coko_hop_seconds_count 3\n"
                                        "# HELP coko_hops_total USSD hops answered\n"
                                        "# TYPE coko_hops_total counter\n"
                                        "coko_hops_total 15\n"
                                        "coko_hops_total{carrier=\"hubtel\"} 3\n"
                                        "# HELP coko_links Links \\\\ now\n"
                                        "# TYPE coko_links gauge\n"
                                        "coko_links 6\n");
    buf_fini(&out);
    attach(slabs[0], 16);
    assert_int_equal(counter_value(&open_links), 0);
    assert_int_equal(counter_value(&hops), 5);
    counter_detach();
    for (int i = 0; i < 3; i++)
        munmap(slabs[i], counter_slab_size(16));
}

static void counts_before_attach_go_nowhere(void **state)
{
    void *slab = slab_new(4);

    (void)state;
    counter_inc(&hops);
    assert_int_equal(counter_value(&hops), 0);
    attach(slab, 4);
    assert_int_equal(counter_value(&hops), 0);
    counter_inc(&hops);
    assert_int_equal(counter_value(&hops), 1);
    counter_set(&open_links, 5);
    counter_move(&open_links, -7);
    assert_int_equal(counter_value(&open_links), -2);
    counter_detach();
    munmap(slab, counter_slab_size(4));
}

static void a_full_slab_says_so(void **state)
{
    void *slab = slab_new(2);

    (void)state;
    attach(slab, 2);
    counter_inc(&hops);
    counter_inc(&open_links);
    counter_observe_us(&took, 1);
    counter_inc(counter_with(&hops, "carrier=\"x\""));
    assert_int_equal(counter_overflow(), 2);
    assert_int_equal(counter_value(&hops), 1);
    counter_detach();
    munmap(slab, counter_slab_size(2));
}

static void strange_slabs_are_refused(void **state)
{
    uint32_t *slab = slab_new(4);
    struct err e;

    (void)state;
    assert_int_equal(counter_attach(slab, 100, &e), -1);
    attach(slab, 4);
    assert_int_equal(counter_attach(slab, counter_slab_size(3), &e), -1); /* says it holds 4 */
    slab[0]++;
    assert_int_equal(counter_attach(slab, counter_slab_size(4), &e), -1);
    assert_int_equal(e.code, ERR_BAD_INPUT);
    counter_detach();
    munmap(slab, counter_slab_size(4));
}

static void histogram_bounds(void **state)
{
    static const struct {
        struct counter *family;
        int64_t us;
        const char *line;
    } rows[] = {
        {&took, -5, "le=\"0.0005\"} 1\n"},
        {&took, 500, "le=\"0.0005\"} 1\n"},
        {&took, 501, "le=\"0.0005\"} 0\n"},
        {&took, 501, "le=\"0.001\"} 1\n"},
        {&took, 30000000, "le=\"30\"} 1\n"},
        {&took, 30000001, "le=\"30\"} 0\n"},
        {&took, INT64_MAX, "le=\"+Inf\"} 1\n"},
        {&waited, 1000000, "le=\"1\"} 1\n"},
        {&waited, 1000001, "le=\"1\"} 0\n"},
        {&waited, 86400000000, "le=\"86400\"} 1\n"},
        {&waited, 86400000001, "le=\"86400\"} 0\n"},
        {&waited, 86400000001, "le=\"+Inf\"} 1\n"},
        {&waited, 1, "# TYPE coko_receipt_seconds histogram\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        void *slab = slab_new(2);
        struct buf out;

        attach(slab, 2);
        counter_observe_us(counter_with(rows[i].family, "carrier=\"a\""), rows[i].us);
        buf_init(&out, 10000);
        counter_render(&out, (const void *const[]){slab}, 1);
        assert_true(str_find(buf_str(&out), str_c(rows[i].line)) > 0);
        buf_fini(&out);
        counter_detach();
        munmap(slab, counter_slab_size(2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(slabs_add_up_over_processes_and_restarts, setup),
        cmocka_unit_test_setup(counts_before_attach_go_nowhere, setup),
        cmocka_unit_test_setup(a_full_slab_says_so, setup),
        cmocka_unit_test_setup(strange_slabs_are_refused, setup),
        cmocka_unit_test_setup(histogram_bounds, setup),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    counter_forget(&hops);
    counter_forget(&took);
    counter_forget(&waited);
    return failed;
}

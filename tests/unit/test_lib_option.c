/* SPDX-License-Identifier: Apache-2.0 */
/* ini and option: every fault at once with its file:line, secrets never shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/option.h"
#include "tests/unit/guard.h"

struct conf {
    bool gzip;
    int64_t workers, idle_ms, max_body;
    const char *listen, *key;
    int env;
    struct option_list hosts;
};

static const char *const envs[] = {"dev", "prod", NULL};
#define AT(field) .offset = offsetof(struct conf, field)
static const struct option_row rows[] = {
    {"http", "gzip", OPTION_BOOL, AT(gzip), .def = "yes", .help = "Compress"},
    {"http", "workers", OPTION_INT, AT(workers), .def = "2", .min = 1, .max = 64,
     .help = "Processes"},
    {"http", "idle", OPTION_DURATION_MS, AT(idle_ms), .def = "15s", .min = 100, .max = 3600000},
    {"http", "max_body", OPTION_SIZE, AT(max_body), .def = "1M"},
    {"http", "listen", OPTION_STRING, AT(listen), .def = "127.0.0.1:8080", .min = 3, .max = 40},
    {"http", "env", OPTION_ENUM, AT(env), .def = "dev", .words = envs},
    {"http", "hosts", OPTION_LIST, AT(hosts), .def = "", .min = 0, .max = 3},
    {"keys", "master", OPTION_SECRET, AT(key), .def = "",
     .flags = OPTION_REQUIRED | OPTION_NO_RELOAD},
};

static const struct option_env env_rows[] = {
    {"COKO_HOSTS", "http", "hosts"},
    {"ALLOWED_HOSTS", "http", "hosts"},
};

static const char *env_get(void *ctx, const char *variable)
{
    (void)ctx;
    if (strcmp(variable, "COKO_HOSTS") == 0)
        return "";
    return strcmp(variable, "ALLOWED_HOSTS") == 0 ? "a.example, b.example" : NULL;
}

static int one_file(const char *path, struct buf *out, struct err *e)
{
    if (strcmp(path, "/run/key") != 0)
        return err_set(e, ERR_NOT_FOUND, "no such file");
    buf_puts(out, "s3cret\n");
    return 0;
}

struct loaded {
    struct ini ini;
    struct arena arena;
    struct fault_list faults;
    struct option_source src;
    struct conf conf;
};

static void load(struct loaded *l, const char *text, bool env)
{
    *l = (struct loaded){.conf = {0}};
    fault_init(&l->faults);
    arena_init(&l->arena, 1024, 100000);
    (void)!ini_parse(&l->ini, "coko.ini", str_c(text), &l->faults);
    l->src = (struct option_source){.ini = &l->ini,
                                    .arena = &l->arena,
                                    .faults = &l->faults,
                                    .env = env_rows,
                                    .env_count = env ? ARRAY_LEN(env_rows) : 0,
                                    .env_get = env_get,
                                    .file_read = one_file};
    (void)!option_load(&l->src, rows, ARRAY_LEN(rows), &l->conf);
    option_unknown(&l->ini, &l->faults);
}

static void unload(struct loaded *l)
{
    ini_fini(&l->ini);
    arena_fini(&l->arena);
    fault_fini(&l->faults);
}

static void a_good_file(void **state)
{
    struct loaded l;
    struct buf out;

    (void)state;
    load(&l,
         "\xEF\xBB\xBF; comment\r\n# another\n\n[http]\r\n gzip = off \nworkers=8\nidle = 250ms\n"
         "max_body = 64k\nlisten = \" a \\\"b\\\" ;#\"\nenv = prod\nhosts = x, y z\n"
         "[keys]\nmaster_file = /run/key",
         false);
    assert_string_equal(buf_cstr(&l.faults.text), "");
    assert_int_equal(l.faults.count, 0);
    assert_false(l.conf.gzip);
    assert_int_equal(l.conf.workers, 8);
    assert_int_equal(l.conf.idle_ms, 250);
    assert_int_equal(l.conf.max_body, 65536);
    assert_string_equal(l.conf.listen, " a \"b\" ;#");
    assert_int_equal(l.conf.env, 1);
    assert_int_equal(l.conf.hosts.n, 3);
    assert_string_equal(l.conf.hosts.v[2], "z");
    assert_string_equal(l.conf.key, "s3cret");
    buf_init(&out, 10000);
    option_print(&out, rows, ARRAY_LEN(rows), NULL, &l.conf);
    assert_string_equal(
        buf_cstr(&out),
        "[http]\n# Compress\ngzip = no\n# Processes\nworkers = 8\nidle = 250ms\n"
        "max_body = 64k\nlisten = \" a \\\"b\\\" ;#\"\nenv = prod\nhosts = x, y, z\n"
        "\n[keys]\nmaster = ********\n");
    buf_fini(&out);
    unload(&l);
}

static void defaults_and_environment(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, "[http]\nhosts = ignored\n[keys]\nmaster = k\n", true);
    assert_string_equal(buf_cstr(&l.faults.text), "");
    assert_true(l.conf.gzip);
    assert_int_equal(l.conf.idle_ms, 15000);
    assert_int_equal(l.conf.max_body, 1 << 20);
    assert_int_equal(l.conf.hosts.n, 2); /* an empty variable counts as unset */
    assert_string_equal(l.conf.hosts.v[0], "a.example");
    unload(&l);
}

static void all_faults_at_once(void **state)
{
    struct loaded l;

    (void)state;
    load(&l,
         "early = 1\n"                                  /* 1 */
         "[http]\n"                                     /* 2 */
         "gzip = maybe\n"                               /* 3 */
         "workers = 65\n"                               /* 4 */
         "idle = 10x\n"                                 /* 5 */
         "max_body = 9999999999G\n"                     /* 6 */
         "listen = ab\n"                                /* 7 */
         "env = test\n"                                 /* 8 */
         "hosts = 1 2 3 4\n"                            /* 9 */
         "workers = 3\n"                                /* 10 */
         "wrokers = 3\n"                                /* 11 */
         "no equals sign \x1B\n"                        /* 12 */
         "no equals sign\n"                             /* 13 */
         "bad\xFFutf = 1\n"                             /* 14 */
         "b c = 1\n"                                    /* 15 */
         "q = \"open\n"                                 /* 16 */
         "[keys]\n"                                     /* 17 */
         "master = hunter2\n"                           /* 18 */
         "master_file = /run/none\n"                    /* 19 */
         "[htpp]\n[http\n[http]\nx = 1\n[]\n[a b c]\n", /* 20-25 */
         false);
    assert_string_equal(
        buf_cstr(&l.faults.text),
        "coko.ini:1: a key before any [section]\n"
        "coko.ini:10: \"workers\" stands already at line 4\n"
        "coko.ini:12: control character\n"
        "coko.ini:13: neither [section] nor key = value\n"
        "coko.ini:14: not UTF-8\n"
        "coko.ini:15: a key is 1-64 letters, digits, _-.:\n"
        "coko.ini:16: quote of \"q\" does not end the line\n"
        "coko.ini:21: section header without its ]\n"
        "coko.ini:22: section [http] stands already at line 2\n"
        "coko.ini:24: section header is not [kind] or [kind name] of letters, digits, _-.:\n"
        "coko.ini:25: section header is not [kind] or [kind name] of letters, digits, _-.:\n"
        "coko.ini:3: gzip: \"maybe\" is neither yes nor no\n"
        "coko.ini:4: workers: \"65\" is out of range 1 to 64\n"
        "coko.ini:5: idle: \"10x\" is not a duration like 250ms, 10s, 5m, 2h, 7d\n"
        "coko.ini:6: max_body: \"9999999999G\" is not a size like 512, 64k, 1M, 2G\n"
        "coko.ini:7: listen: 2 bytes, want 3 to 40\n"
        "coko.ini:8: env: \"test\" is none of dev, prod\n"
        "coko.ini:9: hosts: 4 items, want 0 to 3\n"
        "coko.ini:19: master_file stands already at line 18: give the value or the file\n"
        "coko.ini:11: unknown key wrokers in [http]\n"
        "coko.ini:20: unknown section [htpp]\n");
    assert_int_equal(l.faults.count, 21);
    assert_int_equal(l.conf.workers, 2); /* a refused value leaves the default */
    assert_null(strstr(buf_cstr(&l.faults.text), "hunter2"));
    unload(&l);
}

static void missing_and_unreadable_secrets(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, "[keys]\n", false);
    assert_string_equal(buf_cstr(&l.faults.text), "coko.ini:1: [keys] master is required\n");
    unload(&l);
    load(&l, "[keys]\nmaster_file = /run/none\n", false);
    assert_string_equal(buf_cstr(&l.faults.text),
                        "coko.ini:2: master_file: /run/none: no such file\n");
    unload(&l);
    load(&l, "", false);
    assert_string_equal(buf_cstr(&l.faults.text), "coko.ini: [keys] master is required\n");
    unload(&l);
}

struct link {
    const char *host;
    int64_t window;
};

static void repeated_sections(void **state)
{
    static const struct option_row link_rows[] = {
        {"link", "host", OPTION_STRING, offsetof(struct link, host), .flags = OPTION_REQUIRED},
        {"link", "window", OPTION_INT, offsetof(struct link, window), .def = "10"},
    };
    struct loaded l;
    struct ini_section *s = NULL;
    struct link links[2];
    struct buf out;
    int n = 0;

    (void)state;
    load(&l, "[keys]\nmaster=k\n[link mtn-1]\nhost=a\n[link orange]\nwindow = 3\n", false);
    assert_int_equal(l.faults.count, 2); /* unknown sections as long as nobody loaded them */
    fault_fini(&l.faults);
    while ((s = ini_next(&l.ini, "link", s)))
        (void)!option_load_section(&l.src, s, link_rows, ARRAY_LEN(link_rows), &links[n++]);
    assert_int_equal(n, 2);
    assert_string_equal(links[0].host, "a");
    assert_int_equal(links[0].window, 10);
    assert_int_equal(links[1].window, 3);
    option_unknown(&l.ini, &l.faults);
    assert_string_equal(buf_cstr(&l.faults.text), "coko.ini:5: [link] host is required\n");
    assert_non_null(ini_section(&l.ini, "link", "orange"));
    assert_true(option_differs(&link_rows[0], &links[0], &links[1]));
    assert_false(option_differs(&link_rows[0], &links[0], &links[0]));
    buf_init(&out, 1000);
    option_print(&out, link_rows, ARRAY_LEN(link_rows), "mtn-1", &links[0]);
    assert_string_equal(buf_cstr(&out), "[link mtn-1]\nhost = a\nwindow = 10\n");
    buf_fini(&out);
    unload(&l);
}

static void parse(const char *p, size_t n, void *ctx)
{
    struct fault_list faults;
    struct ini ini;
    int r;

    (void)ctx;
    fault_init(&faults);
    r = ini_parse(&ini, "x", str_n(p, n), &faults);
    assert_int_equal(r, faults.count ? -1 : 0);
    ini_fini(&ini);
    fault_fini(&faults);
}

static void cut_at_every_byte(void **state)
{
    static const char text[] = "[a b]\nk = \"v\\\"\"\n\xC3\xA9=1\r\n[a";

    (void)state;
    guard_each_cut(text, sizeof(text) - 1, parse, NULL);
}

static void limits(void **state)
{
    struct fault_list faults;
    struct buf text;
    struct ini ini;

    (void)state;
    fault_init(&faults);
    buf_init(&text, (size_t)4 * INI_TEXT_MAX);
    buf_puts(&text, "[a]\n");
    for (int i = 0; i < INI_ENTRIES_MAX + 1; i++)
        buf_addf(&text, "k%d=1\n", i);
    assert_int_equal(ini_parse(&ini, "x", buf_str(&text), &faults), -1);
    assert_string_equal(buf_cstr(&faults.text), "x:8194: more than 8192 keys\n");
    ini_fini(&ini);
    fault_fini(&faults);
    while (text.len <= INI_TEXT_MAX)
        buf_puts(&text, "[x\n");
    assert_int_equal(ini_parse(&ini, "x", buf_str(&text), &faults), -1);
    assert_int_equal(faults.count, 1);
    ini_fini(&ini);
    assert_int_equal(ini_parse(&ini, "x", str_skip(buf_str(&text), 100000), &faults), -1);
    assert_true(faults.count > FAULT_MAX); /* counted, not kept */
    assert_true(faults.text.len < 20000);
    ini_fini(&ini);
    fault_fini(&faults);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file),
        cmocka_unit_test(defaults_and_environment),
        cmocka_unit_test(all_faults_at_once),
        cmocka_unit_test(missing_and_unreadable_secrets),
        cmocka_unit_test(repeated_sections),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

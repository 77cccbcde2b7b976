/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a process: every fault at once, the names of the deployment guide, secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/lib/log.h"
#include "gateway/money/airtime.h"
#include "gateway/money/orange_web.h"
#include "gateway/money/sonatel.h"

#define KEY  "1:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
#define BASE "[coko]\nkeys = " KEY "\n[postgres]\nurl = postgresql://u:hunter2@h/db\n"

static char path[] = "/tmp/coko-config-XXXXXX";
static struct fault_list faults;

static const char *const guide[] = {"DATABASE_URL",
                                    "REDIS_URL",
                                    "ENVIRONMENT",
                                    "REGION",
                                    "COKO_KEYS",
                                    "COKO_DATA_DIR",
                                    "CORS_ALLOWED_ORIGINS",
                                    "ALLOWED_HOSTS",
                                    "MTN_MOMO_API_KEY",
                                    "MTN_MOMO_SECRET",
                                    "MTN_MOMO_USER_ID",
                                    "MTN_MOMO_TARGET_ENV",
                                    "MTN_MOMO_URL",
                                    "MTN_MOMO_DISBURSEMENT_USER_ID",
                                    "MTN_MOMO_DISBURSEMENT_API_KEY",
                                    "MTN_MOMO_DISBURSEMENT_KEY",
                                    "ORANGE_MONEY_FLAVOUR",
                                    "ORANGE_MONEY_API_URL",
                                    "ORANGE_MONEY_API_KEY",
                                    "ORANGE_MONEY_SECRET",
                                    "ORANGE_MONEY_MERCHANT_CODE",
                                    "ORANGE_MONEY_CALLBACK_SECRET",
                                    "ORANGE_MONEY_CALLBACK_API_KEY",
                                    "ORANGE_MONEY_MERCHANT_KEY",
                                    "AIRTIME_API_URL",
                                    "AIRTIME_REFUND_URL",
                                    "AIRTIME_TOKEN_URL",
                                    "AIRTIME_CLIENT_ID",
                                    "AIRTIME_CLIENT_SECRET",
                                    "AIRTIME_CALLBACK_SECRET",
                                    "AIRTIME_CALLBACK_TOKEN",
                                    "AUTH_DATABASE_URL",
                                    "CATALOG_DATABASE_URL",
                                    "READING_DATABASE_URL",
                                    "RECOMMENDATION_DATABASE_URL"};

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(guide); i++)
        unsetenv(guide[i]);
    fault_init(&faults);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_fini(&faults);
    return 0;
}

static struct config *load(const char *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    fault_fini(&faults);
    fault_init(&faults);
    return config_load(path, &faults);
}

static void check_fault(const char *text, int line, const char *word)
{
    char at[64];

    snprintf(at, sizeof at, line ? "%s:%d: " : "%s: ", path, line);
    if (!strstr(buf_cstr(&faults.text), at) || !strstr(buf_cstr(&faults.text), word))
        fail_msg("\"%s...%s\" is not in:\n%s(%s)", at, word, buf_cstr(&faults.text), text);
}

static void defaults(void **state)
{
    struct config *c = load(BASE);

    (void)state;
    assert_non_null(c);
    assert_int_equal(faults.count, 0);
    assert_int_equal(c->roles, ROLE_ALL);
    assert_true(*c->core.instance);
    assert_int_equal(c->core.drain_limit_ms, 20000);
    assert_int_equal(c->core.log_level, LOG_LEVEL_INFO);
    assert_string_equal(c->store.redis_prefix, "coko");
    assert_int_equal(c->ncarriers, 0);
    config_free(c);
    config_free(NULL);
}

static void roles(void **state)
{
    struct config *c = load(BASE "[http]\n[coko]\n");

    (void)state;
    config_free(c);
    c = load("[coko]\nroles = api, scheduler\nkeys = " KEY "\n[postgres]\nurl = x\n");
    assert_non_null(c);
    assert_int_equal(c->roles, ROLE_API | ROLE_SCHEDULER);
    config_free(c);
}

/* bug: roles, keys and the old variables were looked at only when nothing else was wrong */
static void every_fault_at_once(void **state)
{
    static const char text[] = "[coko]\nworkers = many\nroles = api cook\nkeys = 1:zz\n"
                               "log_level = loud\ndrain_limit = 9h\nno_such_key = 1\n"
                               "[http]\nmax_body = 1\n[nonsense]\na = b\n"
                               "[postgres]\nurl = postgresql://h/db\n[link a]\nno_such = 1\n";

    (void)state;
    setenv("AUTH_DATABASE_URL", "postgresql://other/db", 1);
    assert_null(load(text));
    check_fault(text, 2, "workers");
    check_fault(text, 3, "\"cook\" is not one of");
    check_fault(text, 4, "keys: ");
    check_fault(text, 5, "log_level");
    check_fault(text, 6, "drain_limit");
    check_fault(text, 7, "no_such_key");
    check_fault(text, 9, "max_body");
    check_fault(text, 10, "nonsense");
    check_fault(text, 15, "no_such");
    assert_non_null(strstr(buf_cstr(&faults.text), "AUTH_DATABASE_URL differs from DATABASE_URL"));
    assert_true(faults.count >= 10);
    assert_null(strstr(buf_cstr(&faults.text), "zz")); /* a secret, however broken */
}

static void what_is_required(void **state)
{
    (void)state;
    assert_null(load(""));
    assert_non_null(strstr(buf_cstr(&faults.text), "keys"));
    assert_non_null(strstr(buf_cstr(&faults.text), "url"));
    setenv("AUTH_DATABASE_URL", "postgresql://other/db", 1);
    assert_null(load("[coko]\nkeys_file = /nonexistent/keys\n"));
    assert_non_null(strstr(buf_cstr(&faults.text), "/nonexistent/keys"));
    fault_fini(&faults);
    fault_init(&faults);
    assert_null(config_load("/nonexistent/coko.ini", &faults));
    assert_non_null(strstr(buf_cstr(&faults.text), "/nonexistent/coko.ini"));
}

static void names_of_the_guide(void **state)
{
    (void)state;
    setenv("DATABASE_URL", "postgresql://env/db", 1);
    setenv("REDIS_URL", "redis://env:1", 1);
    setenv("ENVIRONMENT", "staging", 1);
    setenv("REGION", "af-west", 1);
    setenv("COKO_KEYS", KEY, 1);
    setenv("MTN_MOMO_URL", "http://127.0.0.1:9", 1);
    setenv("MTN_MOMO_API_KEY", "apikey", 1);
    setenv("MTN_MOMO_SECRET", "subscription", 1);
    setenv("MTN_MOMO_USER_ID", "user", 1);
    setenv("MTN_MOMO_TARGET_ENV", "sandbox", 1);
    fault_fini(&faults);
    fault_init(&faults);
    struct config *c = config_load("", &faults); /* no file at all */

    if (!c)
        fail_msg("%s", buf_cstr(&faults.text));
    assert_string_equal(c->store.database_url, "postgresql://env/db");
    assert_string_equal(c->store.redis_url, "redis://env:1");
    assert_string_equal(c->core.environment, "staging");
    assert_string_equal(c->core.region, "af-west");
    config_free(c);
    c = load(BASE); /* they win over the file */
    assert_non_null(c);
    assert_string_equal(c->store.database_url, "postgresql://env/db");
    config_free(c);
}

/* Refunds by MTN are another product: its subscription key alone gives nobody's money back. */
static void half_of_mtns_refunds_is_a_fault(void **state)
{
    const char *rest = BASE "[mtn_momo]\nbase_url = https://rail.test\n"
                            "target_environment = mtnivorycoast\nuser_id = u\napi_key = k\n"
                            "subscription_key = s\n";
    struct config *c;

    (void)state;
    c = load(rest);
    assert_non_null(c);
    config_free(c);
    setenv("MTN_MOMO_DISBURSEMENT_KEY", "hunter9", 1);
    assert_null(load(rest));
    assert_non_null(strstr(buf_cstr(&faults.text), "[mtn_momo] disbursement_user_id is missing"));
    assert_null(strstr(buf_cstr(&faults.text), "hunter9"));
    setenv("MTN_MOMO_DISBURSEMENT_USER_ID", "u2", 1);
    setenv("MTN_MOMO_DISBURSEMENT_API_KEY", "k2", 1);
    c = load(rest);
    assert_non_null(c);
    config_free(c);
}

/* The two names that the guide has for Wave are not enough: what else it needs is said at once. */
static void half_a_rail_is_a_fault(void **state)
{
    (void)state;
    setenv("WAVE_API_KEY", "wave_sn_prod_hunter9", 1);
    setenv("WAVE_SECRET", "wave_sn_WHS_hunter9", 1);
    assert_null(load(BASE));
    assert_non_null(strstr(buf_cstr(&faults.text), "[wave] base_url is missing"));
    assert_null(load(BASE
                     "[wave]\nbase_url = https://api.wave.com\ncallback_secret = 0123456789abcdef\n"
                     "success_url = https://us.test/\n"));
    assert_non_null(strstr(buf_cstr(&faults.text), "[wave] error_url is missing"));
    assert_null(strstr(buf_cstr(&faults.text), "hunter9"));
    setenv("WAVE_API_URL", "https://api.wave.com", 1);
    struct config *c = load(BASE "[wave]\ncallback_secret = 0123456789abcdef\n"
                                 "success_url = https://us.test/\nerror_url = https://us.test/\n");

    assert_non_null(c);
    config_free(c);
    unsetenv("WAVE_API_KEY");
    unsetenv("WAVE_SECRET");
    unsetenv("WAVE_API_URL");
}

/* One set of names for two rails: the flavour says which. */
static void names_of_orange_by_flavour(void **state)
{
    const struct sonatel_config *o = NULL;
    struct config *c;

    (void)state;
    setenv("ORANGE_MONEY_API_URL", "https://api.orange-sonatel.com", 1);
    setenv("ORANGE_MONEY_API_KEY", "client", 1);
    setenv("ORANGE_MONEY_SECRET", "hunter9", 1);
    setenv("ORANGE_MONEY_MERCHANT_CODE", "123456", 1);
    setenv("ORANGE_MONEY_CALLBACK_SECRET", "signing", 1);
    setenv("ORANGE_MONEY_CALLBACK_API_KEY", "key", 1);
    c = load(BASE "[orange_sonatel]\nmerchant_name = Us\n");
    assert_non_null(c);
    for (size_t i = 0; i < rail_modules_count; i++) {
        if (rail_modules[i] == &orange_sonatel_module)
            o = c->rails[i];
        if (rail_modules[i] == &orange_qr_module)
            assert_ptr_equal(c->rails[i], o); /* one section, two rails */
    }
    assert_non_null(o);
    assert_string_equal(o->base_url, "https://api.orange-sonatel.com");
    assert_string_equal(o->client_id, "client");
    assert_string_equal(o->client_secret, "hunter9");
    assert_string_equal(o->merchant_code, "123456");
    assert_string_equal(o->signing_secret, "signing");
    assert_string_equal(o->callback_api_key, "key");
    assert_string_equal(o->merchant_name, "Us");
    config_free(c);
    setenv("ORANGE_MONEY_FLAVOUR", "tangerine", 1);
    assert_null(load(BASE));
    assert_non_null(strstr(buf_cstr(&faults.text), "ORANGE_MONEY_FLAVOUR"));
    setenv("ORANGE_MONEY_FLAVOUR", "sonatel", 1);
    c = load(BASE);
    assert_non_null(c);
    config_free(c);
}

static void names_of_orange_web_payment(void **state)
{
    const struct orange_web_config *w = NULL;
    struct config *c;

    (void)state;
    setenv("ORANGE_MONEY_FLAVOUR", "webpay", 1);
    setenv("ORANGE_MONEY_API_URL", "https://api.orange.com/orange-money-webpay/ci/v1", 1);
    setenv("ORANGE_MONEY_API_KEY", "client", 1);
    setenv("ORANGE_MONEY_SECRET", "hunter9", 1);
    setenv("ORANGE_MONEY_CALLBACK_SECRET", "0123456789abcdef", 1);
    unsetenv("ORANGE_MONEY_MERCHANT_KEY");
    assert_null(load(BASE));
    assert_non_null(strstr(buf_cstr(&faults.text), "[orange_web] merchant_key is missing"));
    assert_null(strstr(buf_cstr(&faults.text), "orange_sonatel"));
    assert_null(strstr(buf_cstr(&faults.text), "hunter9"));
    setenv("ORANGE_MONEY_MERCHANT_KEY", "merchant", 1);
    c = load(BASE "[orange_web]\ncallback_url = https://us.test/pay/orange_web\n"
                  "return_url = https://us.test/back\n");
    assert_non_null(c);
    for (size_t i = 0; i < rail_modules_count; i++) {
        if (rail_modules[i] == &orange_web_module)
            w = c->rails[i];
    }
    assert_non_null(w);
    assert_string_equal(w->base_url, "https://api.orange.com/orange-money-webpay/ci/v1");
    assert_string_equal(w->client_id, "client");
    assert_string_equal(w->client_secret, "hunter9");
    assert_string_equal(w->merchant_key, "merchant");
    assert_string_equal(w->callback_secret, "0123456789abcdef");
    config_free(c);
}

/* An operator's billing: half of it is refused by name, and no secret is told. */
static void names_of_airtime(void **state)
{
    const struct airtime_config *a = NULL;
    struct config *c;

    (void)state;
    setenv("AIRTIME_API_URL", "https://op.test/carrier-billing/v0.5", 1);
    setenv("AIRTIME_REFUND_URL", "https://op.test/carrier-billing-refund/v0.3", 1);
    setenv("AIRTIME_CLIENT_ID", "client", 1);
    setenv("AIRTIME_CLIENT_SECRET", "hunter9", 1);
    setenv("AIRTIME_CALLBACK_SECRET", "0123456789abcdef", 1);
    setenv("AIRTIME_CALLBACK_TOKEN", "bearer", 1);
    assert_null(load(BASE));
    assert_non_null(strstr(buf_cstr(&faults.text), "[airtime] token_url is missing"));
    setenv("AIRTIME_TOKEN_URL", "https://op.test/oauth2/token", 1);
    assert_null(load(BASE));
    assert_non_null(strstr(buf_cstr(&faults.text), "[airtime] callback_url is missing"));
    assert_null(strstr(buf_cstr(&faults.text), "hunter9"));
    c = load(BASE "[airtime]\ncallback_url = https://us.test/pay/airtime\n");
    assert_non_null(c);
    for (size_t i = 0; i < rail_modules_count; i++) {
        if (rail_modules[i] == &airtime_module)
            a = c->rails[i];
    }
    assert_non_null(a);
    assert_string_equal(a->base_url, "https://op.test/carrier-billing/v0.5");
    assert_string_equal(a->refund_url, "https://op.test/carrier-billing-refund/v0.3");
    assert_string_equal(a->token_url, "https://op.test/oauth2/token");
    assert_string_equal(a->client_id, "client");
    assert_string_equal(a->client_secret, "hunter9");
    assert_string_equal(a->callback_secret, "0123456789abcdef");
    assert_string_equal(a->callback_token, "bearer");
    config_free(c);
}

static void one_database(void **state)
{
    static const char *const names[] = {"AUTH_DATABASE_URL", "CATALOG_DATABASE_URL",
                                        "READING_DATABASE_URL", "RECOMMENDATION_DATABASE_URL"};

    (void)state;
    setenv("DATABASE_URL", "postgresql://h/db", 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        setenv(names[i], "postgresql://h/db", 1);
        struct config *c = load(BASE);

        assert_non_null(c);
        config_free(c);
        setenv(names[i], "postgresql://u:hunter2@other/db", 1);
        assert_null(load(BASE));
        assert_int_equal(faults.count, 1);
        assert_non_null(strstr(buf_cstr(&faults.text), names[i]));
        assert_non_null(strstr(buf_cstr(&faults.text), "share one database, unset it"));
        assert_null(strstr(buf_cstr(&faults.text), "hunter2"));
        setenv(names[i], "", 1); /* empty is as unset */
        c = load(BASE);
        assert_non_null(c);
        config_free(c);
        unsetenv(names[i]);
    }
}

static void secrets_are_masked(void **state)
{
    struct config *c =
        load(BASE "[redis]\nurl = redis://:hunter3@h:1\n[mtn_momo]\n"
                  "base_url = http://127.0.0.1:9\napi_key = hunter4\n"
                  "subscription_key = hunter5\nuser_id = u\n"
                  "target_environment = sandbox\n"
                  "[carrier africastalking]\nsecret = hunter6\nclient_secret = hunter8\n"
                  "[link lab]\npassword = hunter7\nhost = h\nport = 1\n"
                  "system_id = coko\n");
    struct buf out;

    (void)state;
    if (!c)
        fail_msg("%s", buf_cstr(&faults.text));
    buf_init(&out, 1 << 20);
    config_print(c, &out);
    assert_non_null(strstr(buf_cstr(&out), "drain_limit"));
    assert_null(strstr(buf_cstr(&out), "hunter"));
    assert_null(strstr(buf_cstr(&out), "5a5a5a"));
    buf_fini(&out);
    config_free(c);
}

/* STOP to a number that readers know as ours reaches us (M3). */
static void an_esme_has_no_number_of_ours(void **state)
{
    static const char link[] = BASE "[link lab]\npassword = p\nhost = h\nport = 1\n"
                                    "system_id = coko\nsender = +2250707\n";
    struct config *c = load(BASE "[esme shop]\npassword = p\nnumbers = 2250707\n");
    char text[4096];

    (void)state;
    if (!c)
        fail_msg("%s", buf_cstr(&faults.text));
    config_free(c);
    (void)snprintf(text, sizeof text, "%s[esme shop]\npassword = p\nnumbers = 26 2250707\n", link);
    assert_null(load(text));
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(buf_cstr(&faults.text), "the sender of a [link]"));
}

static void options_are_listed(void **state)
{
    static const char *const words[] = {"drain_limit",    "20s",        "metrics_listen",
                                        "127.0.0.1:9180", "[postgres]", "prefix",
                                        "carrier",        "link",       "max_body"};
    struct buf out;

    (void)state;
    setenv("REGION", "secret-region", 1); /* the defaults, not this machine's values */
    buf_init(&out, 1 << 20);
    config_options(&out);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!strstr(buf_cstr(&out), words[i]))
            fail_msg("no %s in the options", words[i]);
    }
    assert_null(strstr(buf_cstr(&out), "secret-region"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(roles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_fault_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_required, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_the_guide, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_rail_is_a_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_of_mtns_refunds_is_a_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_orange_by_flavour, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_orange_web_payment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_airtime, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets_are_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_esme_has_no_number_of_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_are_listed, set_up, tear_down),
    };
    int fd = mkstemp(path);

    close(fd);
    int rc = cmocka_run_group_tests_name("config", tests, NULL, NULL);

    unlink(path);
    return rc;
}

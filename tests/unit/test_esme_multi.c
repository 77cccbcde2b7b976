/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destinations of a submit_multi, judged and told: lists and bad numbers, a number named twice,
 * which status the whole has; and what of its request is judged once for all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/esme/multi.h"
#include "gateway/esme/request.h"
#include "smpp/alphabet.h"

static const char *const prefixes[] = {"22507"};

static struct esme_config config_of(void)
{
    return (struct esme_config){.name = "shop",
                                .country = "CI",
                                .validity_ms = 86400000,
                                .alphabet = ALPHABET_GSM7,
                                .prefixes = {1, prefixes},
                                .receipts = true};
}

static struct multi *multi_of(struct buf *store, const char *const *dests, unsigned n)
{
    struct esme_config c = config_of();
    struct pdu_list list = {0};
    struct err e;

    buf_init(store, 8192);
    for (unsigned i = 0; i < n; i++) {
        struct pdu_dest d = {.ton = 1, .npi = 1, .address = str_c(dests[i])};

        d.is_list = dests[i][0] == 'L';
        assert_int_equal(pdu_dest_add(&list, store, &d, &e), 0);
    }
    return multi_new(&c, &list);
}

static void those_that_failed_are_listed_as_they_came(void **state)
{
    static const char *const dests[] = {"+2250701020304", "List",      "0701020304", "123",
                                        "0501020304",     "0701020399"};
    static const uint32_t want[] = {SMPP_RCNTSUBDL, SMPP_RINVDSTADR, SMPP_RINVDSTADR,
                                    SMPP_RX_R_APPN};
    static const unsigned which[] = {1, 3, 4, 5};
    struct buf store, failed_store;
    struct multi *m = multi_of(&store, dests, ARRAY_LEN(dests));
    struct pdu_list failed;
    struct pdu_failed f;
    struct str rest;

    (void)state;
    assert_int_equal(multi_count(m), 6);
    assert_int_equal(multi_numbers(m), 2);
    assert_string_equal(multi_number(m, 0)->digits, "2250701020304");
    assert_null(multi_number(m, 2)); /* the first again, written in another way */
    multi_told(m, 0, 0, STR("9223372036854775807"));
    multi_told(m, 5, SMPP_RX_R_APPN, STR_EMPTY);
    assert_int_equal(multi_status(m), 0);
    assert_true(str_eq(multi_id(m), STR("9223372036854775807")));
    buf_init(&failed_store, MULTI_FAILED_MAX);
    multi_failed(m, &failed_store, &failed);
    assert_int_equal(failed.count, ARRAY_LEN(want));
    rest = failed.entries;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(pdu_failed_next(&rest, &f));
        assert_int_equal(f.status, want[i]);
        assert_true(str_eq_c(f.address, dests[which[i]]));
    }
    multi_free(m);
    buf_fini(&failed_store);
    buf_fini(&store);
}

static void one_that_shares_a_number_shares_its_end(void **state)
{
    static const char *const dests[] = {"0701020304", "+2250701020304"};
    struct buf store;
    struct multi *m = multi_of(&store, dests, 2);

    (void)state;
    assert_int_equal(multi_numbers(m), 1);
    multi_told(m, 0, SMPP_RX_R_APPN, STR_EMPTY);
    assert_int_equal(multi_status(m), SMPP_RX_R_APPN);
    assert_int_equal(multi_id(m).n, 0);
    multi_free(m);
    buf_fini(&store);
}

static void nothing_taken_has_the_status_of_all_or_0x45(void **state)
{
    static const char *const lists[] = {"L1", "L2"}, *const mixed[] = {"L1", "123"};
    struct buf store;
    struct multi *m = multi_of(&store, lists, 2);

    (void)state;
    assert_int_equal(multi_status(m), SMPP_RCNTSUBDL);
    multi_free(m);
    buf_fini(&store);
    m = multi_of(&store, mixed, 2);
    assert_int_equal(multi_status(m), SMPP_RSUBMITFAIL);
    multi_free(m);
    buf_fini(&store);
}

static void a_full_list_of_the_longest_addresses_fits(void **state)
{
    struct buf store, failed_store;
    struct pdu_list failed;
    const char *dests[PDU_LIST_MAX];
    struct multi *m;

    (void)state;
    for (unsigned i = 0; i < PDU_LIST_MAX; i++)
        dests[i] = "12345678901234567890";
    m = multi_of(&store, dests, PDU_LIST_MAX);
    multi_failed(m, (buf_init(&failed_store, MULTI_FAILED_MAX), &failed_store), &failed);
    assert_int_equal(failed.count, PDU_LIST_MAX);
    assert_int_equal(failed_store.failed, ERR_OK);
    multi_free(m);
    buf_fini(&failed_store);
    buf_fini(&store);
}

static void the_request_is_judged_without_its_destinations(void **state)
{
    struct esme_config c = config_of();
    static struct esme_request r;
    struct pdu p;

    (void)state;
    pdu_start(&p, SMPP_SUBMIT_MULTI, 0, 1);
    p.multi.source = STR("SHOP");
    p.multi.message = STR("bonjour");
    p.multi.registered_delivery = 1;
    p.multi.priority = 1;
    assert_int_equal(esme_request_read(&c, &p, 1767225600, &r), 0);
    assert_string_equal(r.source, "SHOP");
    assert_true(str_eq(str_n(r.body, r.len), STR("bonjour")));
    assert_int_equal(r.registered, 1);
    assert_int_equal(r.priority, 2);
    p.multi.priority = 9;
    assert_int_equal(esme_request_read(&c, &p, 1767225600, &r), SMPP_RINVPRTFLG);
    p.multi.priority = 0;
    p.multi.esm_class = SMPP_ESM_UDHI; /* hard case 27: its header runs past the end */
    p.multi.message = STR("\x7F\x01");
    assert_int_equal(esme_request_read(&c, &p, 1767225600, &r), SMPP_RINVESMCLASS);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
    static const struct CMUnitTest tests[] = {
        T(those_that_failed_are_listed_as_they_came),
        T(one_that_shares_a_number_shares_its_end),
        T(nothing_taken_has_the_status_of_all_or_0x45),
        T(a_full_list_of_the_longest_addresses_fits),
        T(the_request_is_judged_without_its_destinations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our codec against libsmpp34, both ways, over generated PDUs that both are made for: what we
 * encode the library reads with the same fields, and what the library packs we decode to the same
 * fields. The library runs in a child process for each question. Seeded: COKO_SEED changes it,
 * COKO_ROUNDS the number of PDUs a type (10).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "smpp/decode_cli.h"
#include "smpp/oracle.h"
#include "tests/unit/smpp_bytes.h"

static uint64_t seed = 20260704;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % sides;
}

static char pool[65536];
static size_t pooled;

static struct str random_octets(size_t n, bool text)
{
    char *at = pool + pooled;

    assert_true(pooled + n <= sizeof pool);
    for (size_t i = 0; i < n; i++)
        at[i] = (char)(text ? 0x21 + (int)dice(0x5E) : (int)dice(256));
    pooled += n;
    return str_n(at, n);
}

/* Room of a string in the library where it has less than we. */
static size_t narrower(const struct pdu *p, const struct pdu_field *f)
{
    if (strcmp(f->name, "password") == 0)
        return 9;
    if (p->id == SMPP_DELIVER_SM &&
        (strcmp(f->name, "schedule") == 0 || strcmp(f->name, "validity") == 0))
        return 1;
    if (p->id == SMPP_DELIVER_SM_RESP)
        return 1;
    if (p->id == SMPP_DATA_SM && strcmp(f->name, "source") == 0)
        return 21;
    return f->room;
}

/* Values that the library refuses are left out: it checks TON, NPI and the version. */
static uint8_t number_for(const char *name)
{
    static const uint8_t npis[] = {0, 1, 3, 4, 6, 8, 9, 10, 14, 18};

    if (strcmp(name, "interface_version") == 0)
        return 0x34;
    if (strstr(name, "_ton") != NULL)
        return (uint8_t)dice(7);
    if (strstr(name, "_npi") != NULL)
        return npis[dice(ARRAY_LEN(npis))];
    return (uint8_t)dice(256);
}

/* Entries of the kinds in turn; they stay in a buffer that lives until the next PDU. */
static void fill_list(const struct pdu_field *f, struct pdu_list *list)
{
    static struct buf store;
    struct err e;
    int rc = 0;

    buf_fini(&store);
    buf_init(&store, 1u << 16);
    for (uint32_t n = 1 + dice(20); n > 0 && rc == 0; n--) {
        struct pdu_dest d = {.is_list = dice(3) == 0, .ton = number_for("_ton")};
        struct pdu_failed failed = {.ton = number_for("_ton"), .npi = number_for("_npi")};

        d.npi = d.is_list ? 0 : number_for("_npi");
        d.ton = d.is_list ? 0 : d.ton;
        d.address = failed.address = random_octets(dice(21), true);
        failed.status = dice(0x100);
        rc = f->entry == PDU_DEST ? pdu_dest_add(list, &store, &d, &e)
                                  : pdu_failed_add(list, &store, &failed, &e);
    }
    assert_int_equal(rc, 0);
}

static void fill_fields(struct pdu *p)
{
    size_t count;
    const struct pdu_field *f = pdu_fields(p->shape, &count);

    for (size_t i = 0; i < count; i++, f++) {
        void *at = (char *)p + f->offset;

        if (f->kind == PDU_U8)
            *(uint8_t *)at = number_for(f->name);
        else if (f->kind == PDU_MSG)
            *(struct str *)at = random_octets(dice(200), false);
        else if (f->kind == PDU_LIST)
            fill_list(f, at);
        else
            *(struct str *)at = random_octets(dice((uint32_t)narrower(p, f)), true);
    }
}

static size_t fill_tlvs(const struct pdu *p, struct smpp_tlv *tlvs)
{
    size_t count = 0;

    if (p->shape == PDU_SHAPE_bind_resp) {
        tlvs[count++] = (struct smpp_tlv){SMPP_TAG_SC_INTERFACE_VERSION, STR("\x34")};
    } else if (p->shape == PDU_SHAPE_sm || p->shape == PDU_SHAPE_data ||
               p->shape == PDU_SHAPE_multi) {
        if (dice(2))
            tlvs[count++] =
                (struct smpp_tlv){SMPP_TAG_USER_MESSAGE_REFERENCE, random_octets(2, false)};
        if (dice(2))
            tlvs[count++] = (struct smpp_tlv){SMPP_TAG_SAR_TOTAL_SEGMENTS, random_octets(1, false)};
        if (dice(2))
            tlvs[count++] =
                (struct smpp_tlv){SMPP_TAG_MESSAGE_PAYLOAD, random_octets(dice(600) + 1, false)};
        for (size_t more = dice(16); more > 0; more--)
            tlvs[count++] = (struct smpp_tlv){(uint16_t)(0x1400 + dice(0x2BFF)),
                                              random_octets(dice(40) + 1, false)};
    }
    return count;
}

static void our_list(const struct pdu_field *f, const struct pdu_list *list, struct buf *out)
{
    struct str rest = list->entries;
    struct pdu_failed failed;
    struct pdu_dest d;

    buf_addf(out, "%u\n", list->count);
    for (unsigned i = 0; i < list->count; i++) {
        if (f->entry == PDU_DEST) {
            assert_true(pdu_dest_next(&rest, &d));
            oracle_show_dest(out, d.is_list, d.ton, d.npi, d.address.p, d.address.n);
        } else {
            assert_true(pdu_failed_next(&rest, &failed));
            oracle_show_failed(out, failed.ton, failed.npi, failed.address.p, failed.address.n,
                               failed.status);
        }
        buf_addc(out, '\n');
    }
    assert_int_equal(rest.n, 0);
}

/* Our view, in the words of the oracle's: values only, the names are each side's own. */
static void our_view(const struct pdu *p, struct buf *out)
{
    size_t count;
    const struct pdu_field *f = pdu_fields(p->shape, &count);
    struct smpp_tlv tlvs[64];
    struct str rest = p->tlvs;
    size_t n = 0;

    for (size_t i = 0; i < count; i++, f++) {
        const char *at = (const char *)p + f->offset;

        if (f->kind == PDU_U8) {
            buf_addf(out, "%u\n", *(const uint8_t *)at);
            continue;
        }
        if (f->kind == PDU_LIST) {
            our_list(f, (const struct pdu_list *)(const void *)at, out);
            continue;
        }
        if (f->kind == PDU_MSG)
            buf_addf(out, "%zu\n", ((const struct str *)(const void *)at)->n);
        oracle_show(out, ((const struct str *)(const void *)at)->p,
                    ((const struct str *)(const void *)at)->n);
        buf_addc(out, '\n');
    }
    while (pdu_tlv_next(&rest, &tlvs[n]))
        n++;
    while (n-- > 0) {
        oracle_show(out, tlvs[n].value.p, tlvs[n].value.n);
        buf_addc(out, '\n');
    }
}

static void values_only(struct str answer, struct buf *out)
{
    while (answer.n > 0) {
        struct str line, rest, name, value;

        (void)str_cut(answer, '\n', &line, &rest);
        (void)str_cut(line, '\t', &name, &value);
        buf_adds(out, value);
        buf_addc(out, '\n');
        answer = rest;
    }
}

static void same(struct str a, struct str b, const char *what, uint32_t id)
{
    if (!str_eq(a, b))
        fail_msg("%s %s:\n%" STR_FMT "\n--\n%" STR_FMT, smpp_command_name(id), what, STR_ARG(a),
                 STR_ARG(b));
}

static void reset(struct buf *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_reset(all[i]);
}

/* The library packs its lists last entry first; ours turned round to compare. */
static void turn_lists(struct pdu *p)
{
    static struct buf store;
    struct pdu_list turned = {.entries = STR_EMPTY};
    struct pdu_failed failed[PDU_LIST_MAX];
    struct pdu_dest dests[PDU_LIST_MAX];
    struct str rest;
    struct err e;
    unsigned n = 0;

    buf_fini(&store);
    buf_init(&store, 1u << 16);
    if (p->shape == PDU_SHAPE_multi) {
        for (rest = p->multi.dests.entries; pdu_dest_next(&rest, &dests[n]);)
            n++;
        while (n-- > 0)
            assert_int_equal(pdu_dest_add(&turned, &store, &dests[n], &e), 0);
        p->multi.dests = turned;
    } else if (p->shape == PDU_SHAPE_multi_resp) {
        for (rest = p->multi_resp.failed.entries; pdu_failed_next(&rest, &failed[n]);)
            n++;
        while (n-- > 0)
            assert_int_equal(pdu_failed_add(&turned, &store, &failed[n], &e), 0);
        p->multi_resp.failed = turned;
    }
}

static void compare(uint32_t id)
{
    static struct buf wire, answer, ours, theirs;
    struct buf *const all[] = {&wire, &answer, &ours, &theirs};
    struct smpp_tlv tlvs[32];
    struct pdu p, read;
    struct err e;
    size_t count;

    if (wire.max == 0)
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            buf_init(all[i], 1u << 20);
    reset(all, ARRAY_LEN(all));
    pooled = 0;
    pdu_start(&p, id, 0, 1 + dice(SMPP_RINVOPTPARAMVAL));
    fill_fields(&p);
    count = fill_tlvs(&p, tlvs);
    assert_int_equal(pdu_encode(&wire, &p, tlvs, count, &e), 0);
    assert_int_equal(pdu_decode((uint8_t *)wire.p, wire.len, &read, &e), 0);

    if (oracle_ask(ORACLE_VIEW, (uint8_t *)wire.p, wire.len, &answer, &e) != 0)
        fail_msg("%s: %s", smpp_command_name(id), e.msg);
    our_view(&read, &ours);
    values_only(buf_str(&answer), &theirs);
    same(buf_str(&ours), buf_str(&theirs), "as the library reads it", id);

    reset(&(struct buf *){&answer}, 1);
    reset(&(struct buf *){&theirs}, 1);
    reset(&(struct buf *){&ours}, 1);
    if (oracle_ask(ORACLE_REPACK, (uint8_t *)wire.p, wire.len, &answer, &e) != 0)
        fail_msg("%s: %s", smpp_command_name(id), e.msg);
    assert_int_equal(answer.len, wire.len);
    assert_int_equal(pdu_decode((uint8_t *)answer.p, answer.len, &read, &e), 0);
    assert_int_equal(read.seq, p.seq);
    for (size_t i = 0; i < count / 2; i++) { /* the library turned the TLVs round */
        struct smpp_tlv t = tlvs[i];

        tlvs[i] = tlvs[count - 1 - i];
        tlvs[count - 1 - i] = t;
    }
    buf_reset(&wire);
    turn_lists(&p);
    assert_int_equal(pdu_encode(&wire, &p, tlvs, count, &e), 0);
    same(buf_str(&answer), buf_str(&wire), "as the library packs it", id);
}

static void both_codecs_agree(void **state)
{
    static const uint32_t ids[] = {
        SMPP_BIND_RECEIVER,
        SMPP_BIND_TRANSMITTER,
        SMPP_BIND_TRANSCEIVER,
        SMPP_BIND_RECEIVER_RESP,
        SMPP_BIND_TRANSMITTER_RESP,
        SMPP_BIND_TRANSCEIVER_RESP,
        SMPP_OUTBIND,
        SMPP_UNBIND,
        SMPP_UNBIND_RESP,
        SMPP_SUBMIT_SM,
        SMPP_SUBMIT_SM_RESP,
        SMPP_DELIVER_SM,
        SMPP_DELIVER_SM_RESP,
        SMPP_DATA_SM,
        SMPP_DATA_SM_RESP,
        SMPP_QUERY_SM,
        SMPP_QUERY_SM_RESP,
        SMPP_CANCEL_SM,
        SMPP_CANCEL_SM_RESP,
        SMPP_REPLACE_SM,
        SMPP_REPLACE_SM_RESP,
        SMPP_ENQUIRE_LINK,
        SMPP_ENQUIRE_LINK_RESP,
        SMPP_ALERT_NOTIFICATION,
        SMPP_SUBMIT_MULTI,
        SMPP_SUBMIT_MULTI_RESP,
    };
    const char *rounds = getenv("COKO_ROUNDS"), *seeded = getenv("COKO_SEED");
    long n = rounds ? strtol(rounds, NULL, 10) : 10;

    (void)state;
    if (seeded != NULL)
        seed = strtoull(seeded, NULL, 10);
    for (long i = 0; i < n; i++)
        for (size_t k = 0; k < ARRAY_LEN(ids); k++)
            compare(ids[k]);
}

static void what_breaks_the_library_is_not_asked(void **state)
{
    static uint8_t bytes[512];
    struct buf out;
    struct err e;
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_SUBMIT_SM, 0, 1,
                        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");

    (void)state;
    buf_init(&out, ORACLE_OUT);
    for (unsigned i = 0; i < 21; i++)
        n += from_hex("1400 0001 00", bytes + n, sizeof bytes - n);
    bytes[3] = (uint8_t)n;
    assert_int_equal(oracle_ask(ORACLE_VIEW, bytes, n, &out, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(oracle_ask(ORACLE_VIEW, bytes, 8, &out, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
}

/* Runs the command with its standard output in a file; returns its exit code. */
static int run_cli(int argc, char **argv, char *out, size_t cap)
{
    FILE *file = tmpfile();
    int saved = dup(1), rc;
    ssize_t n;

    fflush(stdout);
    dup2(fileno(file), 1);
    rc = smpp_decode_main(argc, argv);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    n = pread(fileno(file), out, cap - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    fclose(file);
    return rc;
}

static void the_command_shows_both_views(void **state)
{
    char *good[] = {"decode", "0000001B 80000004 00000000 00000007",
                    "30 30 32 42 39 00 0428 0001 50"};
    char *plain[] = {"decode", "000000158000000400000000000000073242394100"};
    char *odd[] = {"decode", "0000001"};
    char *unknown[] = {"decode", "00000010 00000777 00000000 00000007"};
    char *cut[] = {"decode", "00000010 00000015"};
    char out[4096];

    (void)state;
    assert_int_equal(run_cli(2, plain, out, sizeof out), 0);
    assert_non_null(strstr(out, "submit_sm_resp 0x80000004"));
    assert_non_null(strstr(strstr(out, "'2B9A'") + 1, "'2B9A'")); /* in both columns */
    assert_null(strstr(out, "\n!"));
    assert_int_equal(run_cli(3, good, out, sizeof out), 0);
    assert_non_null(strstr(out, "congestion_state"));
    assert_non_null(strstr(out, "libsmpp34: ")); /* it refuses TLVs here */
    assert_int_equal(run_cli(2, unknown, out, sizeof out), 1);
    assert_non_null(strstr(out, "RINVCMDID"));
    assert_int_equal(run_cli(2, cut, out, sizeof out), 1);
    assert_int_equal(run_cli(2, odd, out, sizeof out), 2);
    assert_int_equal(run_cli(1, odd, out, sizeof out), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_codecs_agree),
        cmocka_unit_test(what_breaks_the_library_is_not_asked),
        cmocka_unit_test(the_command_shows_both_views),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

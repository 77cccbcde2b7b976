/* SPDX-License-Identifier: Apache-2.0 */
/* Two columns: ours walks the field table of the PDU's shape, theirs is the oracle's answer by
 * line. */
#include "smpp/decode_cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "smpp/oracle.h"
#include "smpp/pdu.h"
#include "gateway/lib/basenc.h"

static const char usage[] =
    "usage: coko smpp decode HEX...\n"
    "Shows one SMPP PDU, given as hex digits (spaces are ignored), as Coko's decoder and as\n"
    "libsmpp34 read it. Rows that differ are marked with '!'.\n";

/* Joins the arguments' digits; -1: something else is among them, or a half octet. */
static int read_hex(int argc, char **argv, struct buf *out)
{
    int high = -1;

    for (int i = 1; i < argc; i++) {
        for (const char *c = argv[i]; *c != '\0'; c++) {
            int v = hex_value(*c);

            if (isspace((unsigned char)*c))
                continue;
            if (v < 0)
                return -1;
            if (high >= 0)
                buf_addc(out, (char)(uint8_t)(high << 4 | v));
            high = high >= 0 ? -1 : v;
        }
    }
    return high >= 0 || out->failed ? -1 : 0;
}

static void our_row(struct buf *out, const char *name, struct str value)
{
    buf_addf(out, "%s\t", name);
    oracle_show(out, value.p, value.n);
    buf_addc(out, '\n');
}

static void our_list(const struct pdu_field *f, const struct pdu_list *list, struct buf *out)
{
    struct str rest = list->entries;
    struct pdu_failed failed;
    struct pdu_dest dest;

    buf_addf(out, "%s\t%u\n", f->count_name, list->count);
    for (unsigned i = 0; i < list->count; i++) {
        buf_addf(out, "%s\t", f->name);
        if (f->entry == PDU_DEST && pdu_dest_next(&rest, &dest))
            oracle_show_dest(out, dest.is_list, dest.ton, dest.npi, dest.address.p, dest.address.n);
        if (f->entry == PDU_FAILED && pdu_failed_next(&rest, &failed))
            oracle_show_failed(out, failed.ton, failed.npi, failed.address.p, failed.address.n,
                               failed.status);
        buf_addc(out, '\n');
    }
}

static void our_fields(const struct pdu *p, struct buf *out)
{
    size_t count;
    const struct pdu_field *f = pdu_fields(p->shape, &count);

    for (size_t i = 0; i < count; i++, f++) {
        const char *at = (const char *)p + f->offset;

        if (f->kind == PDU_U8)
            buf_addf(out, "%s\t%u\n", f->name, *(const uint8_t *)at);
        if (f->kind == PDU_MSG)
            buf_addf(out, "sm_length\t%zu\n", ((const struct str *)(const void *)at)->n);
        if (f->kind == PDU_LIST)
            our_list(f, (const struct pdu_list *)(const void *)at, out);
        else if (f->kind != PDU_U8)
            our_row(out, f->name, *(const struct str *)(const void *)at);
    }
}

static void our_tlvs(const struct pdu *p, struct buf *out)
{
    struct str rest = p->tlvs;
    struct smpp_tlv tlv;

    while (pdu_tlv_next(&rest, &tlv)) {
        char name[64];

        (void)snprintf(name, sizeof name, "tlv %04X %s", tlv.tag, smpp_tag_name(tlv.tag));
        our_row(out, name, tlv.value);
    }
}

static void print_pair(struct str ours, struct str theirs, bool compare)
{
    struct str name, value, their_name, their_value;

    (void)str_cut(ours.n > 0 ? ours : theirs, '\t', &name, &value);
    (void)str_cut(theirs, '\t', &their_name, &their_value);
    if (ours.n == 0)
        value = STR("-");
    if (theirs.n == 0)
        their_value = STR("-");
    printf("%c %-30" STR_FMT " %-36" STR_FMT " %" STR_FMT "\n",
           compare && !str_eq(value, their_value) ? '!' : ' ', STR_ARG(name), STR_ARG(value),
           STR_ARG(their_value));
}

/* Field by field in wire order; the library's order of TLVs is the wire's turned round. */
static void print_columns(struct str ours, struct str theirs, bool compare)
{
    while (ours.n > 0 || theirs.n > 0) {
        struct str a, b, rest;

        (void)str_cut(ours, '\n', &a, &rest);
        ours = rest;
        (void)str_cut(theirs, '\n', &b, &rest);
        theirs = rest;
        print_pair(a, b, compare);
    }
}

/* The lines of answer from the first TLV on, the last first. */
static void turn_tlvs(struct str answer, struct buf *fields, struct buf *tlvs)
{
    struct str lines[ORACLE_TLVS], line, rest;
    size_t count = 0;

    for (; answer.n > 0; answer = rest) {
        (void)str_cut(answer, '\n', &line, &rest);
        if (!str_starts(line, STR("tlv "))) {
            buf_adds(fields, line);
            buf_addc(fields, '\n');
        } else if (count < ORACLE_TLVS) {
            lines[count++] = line;
        }
    }
    while (count-- > 0) {
        buf_adds(tlvs, lines[count]);
        buf_addc(tlvs, '\n');
    }
}

static void print_body(const struct pdu *p, struct str bytes)
{
    struct buf ours, our_options, answer, theirs, their_options;
    struct buf *all[] = {&ours, &our_options, &answer, &theirs, &their_options};
    struct err e;
    bool asked;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_init(all[i], 4 * ORACLE_OUT);
    our_fields(p, &ours);
    our_tlvs(p, &our_options);
    asked = oracle_ask(ORACLE_VIEW, (const uint8_t *)bytes.p, bytes.n, &answer, &e) == 0;
    turn_tlvs(buf_str(&answer), &theirs, &their_options);
    printf("  %-30s %-36s %s\n", "field", "coko", "libsmpp34");
    print_columns(buf_str(&ours), buf_str(&theirs), asked);
    print_columns(buf_str(&our_options), buf_str(&their_options), asked);
    if (!asked)
        printf("libsmpp34: %s\n", e.msg);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_fini(all[i]);
}

static void print_notes(const struct pdu *p)
{
    if (p->flags & PDU_BODY_NONE)
        printf("note: a response without a body\n");
    if (p->flags & PDU_BODY_BAD)
        printf("note: the body could only be read in part\n");
    if (p->flags & PDU_TRAILING)
        printf("note: octets behind the last field were ignored\n");
    if (p->duplicate_tlvs > 0)
        printf("note: %u TLVs repeat an earlier one\n", p->duplicate_tlvs);
}

static int decode(struct str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.p;
    struct pdu p;
    struct err e;
    size_t length;
    int rc;

    switch (pdu_frame(at, bytes.n, PDU_MAX, &length)) {
    case PDU_MORE: printf("cut: command_length %zu, %zu octets given\n", length, bytes.n); return 1;
    case PDU_BAD_LENGTH: printf("command_length %zu is impossible\n", length); return 1;
    case PDU_READY: break;
    }
    rc = pdu_decode(at, length, &p, &e);
    printf("%s 0x%08X, status 0x%08X %s (%s), sequence %u, %zu octets\n", smpp_command_name(p.id),
           (unsigned)p.id, (unsigned)p.status, smpp_status_name(p.status),
           smpp_status_text(p.status), (unsigned)p.seq, length);
    if (rc != 0)
        printf("coko: %s, answered 0x%02X %s\n", e.msg, (unsigned)p.fault,
               smpp_status_name(p.fault));
    print_body(&p, str_head(bytes, length));
    print_notes(&p);
    if (length < bytes.n)
        printf("note: %zu octets follow this PDU\n", bytes.n - length);
    return rc == 0 ? 0 : 1;
}

int smpp_decode_main(int argc, char **argv)
{
    struct buf bytes;
    int rc;

    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    buf_init(&bytes, PDU_MAX * 2);
    if (argc < 2 || read_hex(argc, argv, &bytes) != 0 || bytes.len == 0) {
        fputs(usage, stderr);
        buf_fini(&bytes);
        return 2;
    }
    rc = decode(buf_str(&bytes));
    buf_fini(&bytes);
    return rc;
}

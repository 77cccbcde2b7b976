/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's side: the only file that calls libsmpp34. Its structs are walked with its own frame
 * files, never with its dump functions, which overrun the stack.
 */
#include "smpp/oracle.h"

#include <stdio.h>

#include "smpp/pdu.h"

/* clang-format off: the library's headers need this order */
#include <smpp34.h>
#include <smpp34_structs.h>
#include <smpp34_params.h>
/* clang-format on */

static void row(struct buf *out, const char *name, const void *value, size_t n)
{
    buf_addf(out, "%s\t", name);
    oracle_show(out, value, n);
    buf_addc(out, '\n');
}

static void row_number(struct buf *out, const char *name, unsigned value)
{
    buf_addf(out, "%s\t%u\n", name, value);
}

/* Two-octet TLVs that the library keeps as a number of this machine. */
static bool is_number(uint16_t tag)
{
    return tag == TLVID_user_message_reference || tag == TLVID_source_port ||
           tag == TLVID_destination_port || tag == TLVID_sar_msg_ref_num ||
           tag == TLVID_its_session_info || tag == TLVID_sms_signal;
}

static void rows_tlv(struct buf *out, const tlv_t *t)
{
    for (; t != NULL; t = t->next) {
        uint8_t two[2] = {(uint8_t)(t->value.val16 >> 8), (uint8_t)t->value.val16};
        bool number = t->length == 2 && is_number(t->tag);
        char name[16];

        (void)snprintf(name, sizeof name, "tlv %04X", t->tag);
        row(out, name, number ? two : t->value.octet, MIN(t->length, (uint16_t)MAX_TLV_SIZE));
    }
}

static size_t length_of(const uint8_t *text)
{
    return strnlen((const char *)text, 21);
}

/* The library keeps its lists last entry first, as it does its TLVs. */
static void rows_dests(struct buf *out, const dad_t *d)
{
    bool list;

    if (d == NULL)
        return;
    rows_dests(out, d->next); /* 255 deep at the most: the count is an octet */
    list = d->dest_flag == DFID_Distribution_List_Name;
    const uint8_t *text = list ? d->value.dl_name : d->value.sme.destination_addr;

    buf_puts(out, "dests\t");
    oracle_show_dest(out, list, d->value.sme.dest_addr_ton, d->value.sme.dest_addr_npi, text,
                     length_of(text));
    buf_addc(out, '\n');
}

static void rows_failed(struct buf *out, const udad_t *d)
{
    if (d == NULL)
        return;
    rows_failed(out, d->next);
    buf_puts(out, "failed\t");
    oracle_show_failed(out, d->dest_addr_ton, d->dest_addr_npi, d->destination_addr,
                       length_of(d->destination_addr), d->error_status_code);
    buf_addc(out, '\n');
}

#define U08(inst, par, show)         row_number(out, #par, s->par)
#define C_OCTET(inst, par, size)     row(out, #par, s->par, strnlen((const char *)s->par, size))
#define O_C_OCTET(inst, par, size)   C_OCTET(inst, par, size)
#define OCTET8(inst, par, size, len) row(out, #par, s->par, s->sm_length)
#define TLV(inst, par, make)         rows_tlv(out, s->par)
#define DAD(inst, par, make)         rows_dests(out, s->par)
#define UDAD(inst, par, make)        rows_failed(out, s->par)

/* A viewer for a struct of the library; its frame is included as the body. */
#define VIEWER(type) static void view_##type(const type##_t *s, struct buf *out)

VIEWER(bind_transceiver){
#include <def_frame/bind_transceiver.frame>
}

VIEWER(bind_transceiver_resp){
#include <def_frame/bind_transceiver_resp.frame>
}

VIEWER(outbind){
#include <def_frame/outbind.frame>
}

VIEWER(submit_sm){
#include <def_frame/submit_sm.frame>
}

VIEWER(submit_sm_resp){
#include <def_frame/submit_sm_resp.frame>
}

VIEWER(deliver_sm){
#include <def_frame/deliver_sm.frame>
}

VIEWER(deliver_sm_resp){
#include <def_frame/deliver_sm_resp.frame>
}

VIEWER(data_sm){
#include <def_frame/data_sm.frame>
}

VIEWER(data_sm_resp){
#include <def_frame/data_sm_resp.frame>
}

VIEWER(query_sm){
#include <def_frame/query_sm.frame>
}

VIEWER(query_sm_resp){
#include <def_frame/query_sm_resp.frame>
}

VIEWER(cancel_sm){
#include <def_frame/cancel_sm.frame>
}

VIEWER(replace_sm){
#include <def_frame/replace_sm.frame>
}

VIEWER(submit_multi){
#include <def_frame/submit_multi.frame>
}

VIEWER(submit_multi_resp){
#include <def_frame/submit_multi_resp.frame>
}

VIEWER(alert_notification)
{
#include <def_frame/alert_notification.frame>
}

union any {
    bind_transceiver_t bind;
    bind_transceiver_resp_t bind_resp;
    outbind_t outbind;
    submit_sm_t submit_sm;
    submit_sm_resp_t submit_sm_resp;
    deliver_sm_t deliver_sm;
    deliver_sm_resp_t deliver_sm_resp;
    data_sm_t data_sm;
    data_sm_resp_t data_sm_resp;
    query_sm_t query_sm;
    query_sm_resp_t query_sm_resp;
    cancel_sm_t cancel_sm;
    replace_sm_t replace_sm;
    alert_notification_t alert;
    submit_multi_t submit_multi;
    submit_multi_resp_t submit_multi_resp;
    uint8_t room[8192];
};

/* The three binds have one layout, and so have their responses. */
static void view(const union any *u, uint32_t id, struct buf *out)
{
    switch (id) {
    case SMPP_BIND_RECEIVER:
    case SMPP_BIND_TRANSMITTER:
    case SMPP_BIND_TRANSCEIVER: view_bind_transceiver(&u->bind, out); break;
    case SMPP_BIND_RECEIVER_RESP:
    case SMPP_BIND_TRANSMITTER_RESP:
    case SMPP_BIND_TRANSCEIVER_RESP: view_bind_transceiver_resp(&u->bind_resp, out); break;
    case SMPP_OUTBIND: view_outbind(&u->outbind, out); break;
    case SMPP_SUBMIT_SM: view_submit_sm(&u->submit_sm, out); break;
    case SMPP_SUBMIT_SM_RESP: view_submit_sm_resp(&u->submit_sm_resp, out); break;
    case SMPP_DELIVER_SM: view_deliver_sm(&u->deliver_sm, out); break;
    case SMPP_DELIVER_SM_RESP: view_deliver_sm_resp(&u->deliver_sm_resp, out); break;
    case SMPP_DATA_SM: view_data_sm(&u->data_sm, out); break;
    case SMPP_DATA_SM_RESP: view_data_sm_resp(&u->data_sm_resp, out); break;
    case SMPP_QUERY_SM: view_query_sm(&u->query_sm, out); break;
    case SMPP_QUERY_SM_RESP: view_query_sm_resp(&u->query_sm_resp, out); break;
    case SMPP_CANCEL_SM: view_cancel_sm(&u->cancel_sm, out); break;
    case SMPP_REPLACE_SM: view_replace_sm(&u->replace_sm, out); break;
    case SMPP_ALERT_NOTIFICATION: view_alert_notification(&u->alert, out); break;
    case SMPP_SUBMIT_MULTI: view_submit_multi(&u->submit_multi, out); break;
    case SMPP_SUBMIT_MULTI_RESP: view_submit_multi_resp(&u->submit_multi_resp, out); break;
    default: break;
    }
}

static int refused(struct buf *out)
{
    buf_add(out, smpp34_strerror, strnlen(smpp34_strerror, sizeof smpp34_strerror));
    return -1;
}

int oracle_child(enum oracle_question q, const uint8_t *p, size_t n, struct buf *out)
{
    static union any u;
    static uint8_t packed[8192];
    int length = 0;
    uint32_t id = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];

    memset(&u, 0, sizeof u);
    if (smpp34_unpack2(&u, p, (int)n) != 0)
        return refused(out);
    if (q == ORACLE_VIEW) {
        view(&u, id, out);
        return 0;
    }
    if (smpp34_pack2(packed, (int)sizeof packed, &length, &u) != 0 || length < 0)
        return refused(out);
    buf_add(out, packed, (size_t)length);
    return 0;
}

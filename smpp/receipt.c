/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text scanner walks words from left to right; a word that is a key and a colon takes the next
 * word as its value unless that is a key itself. The first value of a key wins, and "text:" ends
 * the walk once id and state are known, because what follows is the message's own text.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "smpp/receipt.h"

#define NUMBER_DIGITS 20 /* longest id that is read as a number */

static const struct {
    enum receipt_state state;
    const char *name;
} state_names[] = {
    /* the first name of a state is the one we write */
    {RECEIPT_SCHEDULED, "SCHEDULED"},
    {RECEIPT_ENROUTE, "ENROUTE"},
    {RECEIPT_ENROUTE, "BUFFRED"},
    {RECEIPT_ENROUTE, "BUFFERD"},
    {RECEIPT_ENROUTE, "BUFFERED"},
    {RECEIPT_DELIVERED, "DELIVRD"},
    {RECEIPT_DELIVERED, "DELIVERED"},
    {RECEIPT_DELIVERED, "0"},
    {RECEIPT_EXPIRED, "EXPIRED"},
    {RECEIPT_DELETED, "DELETED"},
    {RECEIPT_UNDELIVERABLE, "UNDELIV"},
    {RECEIPT_UNDELIVERABLE, "UNDELIVERABLE"},
    {RECEIPT_UNDELIVERABLE, "UNDELIVERED"},
    {RECEIPT_UNDELIVERABLE, "FAILED"},
    {RECEIPT_ACCEPTED, "ACCEPTD"},
    {RECEIPT_ACCEPTED, "ACCEPTED"},
    {RECEIPT_ACCEPTED, "ACKED"},
    {RECEIPT_UNKNOWN, "UNKNOWN"},
    {RECEIPT_REJECTED, "REJECTD"},
    {RECEIPT_REJECTED, "REJECTED"},
    {RECEIPT_SKIPPED, "SKIPPED"},
};

const char *receipt_state_name(enum receipt_state s)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
        if (state_names[i].state == s)
            return state_names[i].name;
    return "UNREADABLE";
}

static enum receipt_state state_of_number(uint32_t v)
{
    return v <= RECEIPT_SKIPPED ? (enum receipt_state)v : RECEIPT_UNREADABLE;
}

/* A word, or the number of a state: "0" is listed as a word, one carrier means delivered by it. */
static enum receipt_state state_of_word(struct str word)
{
    int64_t number;

    for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
        if (str_case_eq(word, str_c(state_names[i].name)))
            return state_names[i].state;
    return str_to_i64(word, 0, RECEIPT_SKIPPED, &number) ? state_of_number((uint32_t)number)
                                                         : RECEIPT_UNREADABLE;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static bool all_digits(const char *s, unsigned base)
{
    size_t n = strspn(s, base == 10 ? "0123456789" : "0123456789abcdef");

    return n > 0 && s[n] == '\0' && n <= NUMBER_DIGITS;
}

void receipt_normal_id(struct str raw, char out[RECEIPT_ID_MAX])
{
    size_t zeros;

    raw = str_trim(str_head(str_trim(raw), RECEIPT_ID_MAX - 1));
    for (size_t i = 0; i < raw.n; i++)
        out[i] = raw.p[i] >= 'A' && raw.p[i] <= 'Z' ? (char)(raw.p[i] | 0x20) : raw.p[i];
    out[raw.n] = '\0';
    if (!all_digits(out, 16))
        return;
    zeros = strspn(out, "0");
    if (zeros == strlen(out))
        zeros--;
    memmove(out, out + zeros, strlen(out) - zeros + 1);
}

static void add_id(struct receipt *r, const char *id)
{
    if (*id == '\0' || r->id_count == RECEIPT_IDS)
        return;
    for (unsigned i = 0; i < r->id_count; i++)
        if (strcmp(r->ids[i], id) == 0)
            return;
    memcpy(r->ids[r->id_count++], id, strlen(id) + 1);
}

/* False: not a number of this base that fits 64 bits. */
static bool number_of(const char *id, unsigned base, uint64_t *v)
{
    *v = 0;
    if (!all_digits(id, base))
        return false;
    for (; *id != '\0'; id++) {
        unsigned digit = (unsigned)(*id <= '9' ? *id - '0' : *id - 'a' + 10);

        if (__builtin_mul_overflow(*v, (uint64_t)base, v) ||
            __builtin_add_overflow(*v, (uint64_t)digit, v))
            return false;
    }
    return true;
}

/* The id itself, its decimal reading as hexadecimal, its hexadecimal reading as decimal. */
static void add_readings(struct receipt *r, struct str raw)
{
    char id[RECEIPT_ID_MAX], other[RECEIPT_ID_MAX];
    uint64_t v;

    receipt_normal_id(raw, id);
    add_id(r, id);
    if (number_of(id, 10, &v)) {
        (void)snprintf(other, sizeof other, "%llx", (unsigned long long)v);
        add_id(r, other);
    }
    if (number_of(id, 16, &v)) {
        (void)snprintf(other, sizeof other, "%llu", (unsigned long long)v);
        add_id(r, other);
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

enum key {
    KEY_NONE,
    KEY_ID,
    KEY_STAT,
    KEY_ERR,
    KEY_DONE,
    KEY_SUBMIT,
    KEY_SUB,
    KEY_DLVRD,
    KEY_TEXT,
    KEYS
};

static const struct {
    enum key key;
    const char *name;
} keys[] = {
    {KEY_ID, "id"},          {KEY_STAT, "stat"},          {KEY_STAT, "status"},
    {KEY_ERR, "err"},        {KEY_ERR, "error"},          {KEY_DONE, "done date"},
    {KEY_DONE, "done_date"}, {KEY_SUBMIT, "submit date"}, {KEY_SUBMIT, "submit_date"},
    {KEY_SUB, "sub"},        {KEY_DLVRD, "dlvrd"},        {KEY_TEXT, "text"},
};

/* Control characters too: a user data header may be glued in front. */
static bool is_space(char c)
{
    return (uint8_t)c <= ' ' || c == ',' || c == ';';
}

static struct str skip_spaces(struct str s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = str_skip(s, 1);
    return s;
}

static struct str word_of(struct str s)
{
    size_t n = 0;

    while (n < s.n && !is_space(s.p[n]))
        n++;
    return str_head(s, n);
}

/* The key s begins with, and what stands behind its colon. */
static enum key key_of(struct str s, struct str *behind)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct str name = str_c(keys[i].name), rest;

        if (!str_case_eq(str_head(s, name.n), name))
            continue;
        rest = str_skip(s, name.n);
        while (rest.n > 0 && rest.p[0] == ' ')
            rest = str_skip(rest, 1);
        if (rest.n > 0 && rest.p[0] == ':') {
            *behind = str_skip(rest, 1);
            return keys[i].key;
        }
    }
    return KEY_NONE;
}

/* The values in order of keys; the first of each stays. */
static void scan(struct str text, struct str values[KEYS])
{
    struct str rest = skip_spaces(text), behind, value, unused;

    while (rest.n > 0) {
        enum key key = key_of(rest, &behind);

        if (key == KEY_NONE) {
            rest = skip_spaces(str_skip(rest, word_of(rest).n));
            continue;
        }
        if (key == KEY_TEXT && values[KEY_ID].n > 0 && values[KEY_STAT].n > 0)
            return;
        rest = skip_spaces(behind);
        if (key_of(rest, &unused) != KEY_NONE)
            continue;
        value = word_of(rest);
        if (values[key].n == 0)
            values[key] = value;
        rest = skip_spaces(str_skip(rest, value.n));
    }
}

static void copy_word(struct str word, char *out, size_t size)
{
    word = str_head(word, size - 1);
    memcpy(out, word.p, word.n);
    out[word.n] = '\0';
}

static void read_text(struct str text, struct receipt *r)
{
    struct str values[KEYS];

    for (size_t i = 0; i < KEYS; i++)
        values[i] = STR_EMPTY;
    scan(text, values);
    add_readings(r, values[KEY_ID]);
    if (!r->state_by_tlv && values[KEY_STAT].n > 0)
        r->state = state_of_word(values[KEY_STAT]);
    copy_word(values[KEY_ERR], r->err, sizeof r->err);
    copy_word(values[KEY_DONE], r->done_date, sizeof r->done_date);
}

static int judge(const struct receipt *r, struct err *e)
{
    if (r->id_count == 0 && !r->has_reference)
        return err_set(e, ERR_PROTOCOL, "a receipt that names no message");
    if (r->state == RECEIPT_UNREADABLE)
        return err_set(e, ERR_PROTOCOL, "a receipt without a state that we know");
    return 0;
}

int receipt_parse_text(struct str text, struct receipt *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    out->state = RECEIPT_UNREADABLE;
    read_text(str_head(text, RECEIPT_TEXT), out);
    return judge(out, e);
}

/* ---- PDU ------------------------------------------------------------------------------------- */

static uint8_t esm_class(const struct pdu *p)
{
    return p->shape == PDU_SHAPE_sm ? p->sm.esm_class : p->data.esm_class;
}

bool receipt_is(const struct pdu *p)
{
    struct str id;
    uint32_t state;

    assert(p->shape == PDU_SHAPE_sm || p->shape == PDU_SHAPE_data);
    if (esm_class(p) & (SMPP_ESM_RECEIPT | SMPP_ESM_ACK | SMPP_ESM_INTERMEDIATE))
        return true;
    return pdu_tlv(p, SMPP_TAG_RECEIPTED_MESSAGE_ID, &id) &&
           pdu_tlv_number(p, SMPP_TAG_MESSAGE_STATE, &state);
}

static void read_tlvs(const struct pdu *p, struct receipt *r)
{
    struct str v;
    uint32_t number;

    if (pdu_tlv(p, SMPP_TAG_RECEIPTED_MESSAGE_ID, &v)) {
        ptrdiff_t nul = str_find_char(v, '\0');

        add_readings(r, nul < 0 ? v : str_head(v, (size_t)nul));
        r->id_by_tlv = r->id_count > 0;
    }
    if (pdu_tlv_number(p, SMPP_TAG_MESSAGE_STATE, &number)) {
        r->state = state_of_number(number);
        r->state_by_tlv = r->state != RECEIPT_UNREADABLE;
    }
    if (pdu_tlv(p, SMPP_TAG_NETWORK_ERROR_CODE, &v) && v.n == 3) {
        r->has_network_error = true;
        r->network_type = (uint8_t)v.p[0];
        r->network_code = (uint16_t)((uint8_t)v.p[1] << 8 | (uint8_t)v.p[2]);
    }
    if (pdu_tlv_number(p, SMPP_TAG_USER_MESSAGE_REFERENCE, &number) && number <= UINT16_MAX) {
        r->has_reference = true;
        r->reference = (uint16_t)number;
    }
}

/* Carriers write receipts in ASCII whatever data_coding 0 means to them (an id may hold '_', '@',
 * '$'). */
int receipt_parse(const struct pdu *p, struct receipt *out, struct err *e)
{
    uint8_t dcs = p->shape == PDU_SHAPE_sm ? p->sm.data_coding : p->data.data_coding;
    struct str octets = str_head(pdu_text(p, NULL), RECEIPT_TEXT);
    char mem[RECEIPT_TEXT];
    struct buf text;

    memset(out, 0, sizeof *out);
    out->state = RECEIPT_UNREADABLE;
    read_tlvs(p, out);
    buf_init_fixed(&text, mem, sizeof mem);
    if (alphabet_of(dcs, ALPHABET_ASCII) == ALPHABET_UCS2)
        (void)alphabet_decode(ALPHABET_UCS2, octets, &text);
    else
        buf_adds(&text, octets);
    read_text(buf_str(&text), out);
    return judge(out, e);
}

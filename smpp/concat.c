/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of parts hangs in the map under its key and in the list by age. The map copies keys; the
 * set keeps its own copy to leave the map by.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "smpp/concat.h"

#define KEY_MAX   256
#define SAR_WIDTH 17

/* information element identifiers, 3GPP TS 23.040 9.2.3.24 */
enum {
    IE_CONCAT8 = 0x00,
    IE_PORT8 = 0x04,
    IE_PORT16 = 0x05,
    IE_CONCAT16 = 0x08,
    IE_SINGLE = 0x24,
    IE_LOCKING = 0x25
};

/* ---- one PDU --------------------------------------------------------------------------------- */

static void set_numbers(struct concat *c, uint8_t width, uint32_t ref, uint8_t total, uint8_t no)
{
    if (total == 0 || no == 0 || no > total)
        return;
    c->width = width;
    c->ref = (uint16_t)ref;
    c->total = total;
    c->no = no;
}

static void read_element(struct concat *c, uint8_t id, const uint8_t *v, size_t n)
{
    if (id == IE_CONCAT8 && n == 3)
        set_numbers(c, 8, v[0], v[1], v[2]);
    else if (id == IE_CONCAT16 && n == 4)
        set_numbers(c, 16, (uint32_t)v[0] << 8 | v[1], v[2], v[3]);
    else if (id == IE_SINGLE && n == 1)
        c->shift.single = v[0];
    else if (id == IE_LOCKING && n == 1)
        c->shift.locking = v[0];
    else if (id == IE_PORT8 && n == 2) {
        c->ported = true;
        c->port = v[0];
    } else if (id == IE_PORT16 && n == 4) {
        c->ported = true;
        c->port = (uint16_t)(v[0] << 8 | v[1]);
    }
}

/* False: the elements do not fill the header exactly. */
static bool read_elements(struct concat *c, const uint8_t *at, size_t n)
{
    while (n > 0) {
        if (n < 2 || (size_t)at[1] + 2 > n)
            return false;
        read_element(c, at[0], at + 2, at[1]);
        n -= (size_t)at[1] + 2;
        at += at[1] + 2;
    }
    return true;
}

static void read_header(struct concat *c, struct str octets)
{
    const uint8_t *at = (const uint8_t *)octets.p;
    struct concat read = {.text = octets};
    size_t length;

    if (octets.n == 0)
        return;
    length = at[0];
    if (length + 1 > octets.n || !read_elements(&read, at + 1, length)) {
        c->bad_header = true;
        return;
    }
    read.text = str_skip(octets, length + 1);
    *c = read;
}

static void read_sar(struct concat *c, const struct pdu *p)
{
    uint32_t ref, total, no;

    if (!pdu_tlv_number(p, SMPP_TAG_SAR_MSG_REF_NUM, &ref) ||
        !pdu_tlv_number(p, SMPP_TAG_SAR_TOTAL_SEGMENTS, &total) ||
        !pdu_tlv_number(p, SMPP_TAG_SAR_SEGMENT_SEQNUM, &no))
        return;
    if (c->width == 0 && ref <= UINT16_MAX && total <= UINT8_MAX && no <= UINT8_MAX)
        set_numbers(c, SAR_WIDTH, ref, (uint8_t)total, (uint8_t)no);
    if (c->width != SAR_WIDTH)
        c->sar_ignored = true;
}

static uint8_t esm_class(const struct pdu *p)
{
    if (p->shape == PDU_SHAPE_multi)
        return p->multi.esm_class;
    return p->shape == PDU_SHAPE_sm ? p->sm.esm_class : p->data.esm_class;
}

void concat_parse(const struct pdu *p, struct concat *out)
{
    struct str octets = pdu_text(p, NULL);

    assert(p->shape == PDU_SHAPE_sm || p->shape == PDU_SHAPE_multi || p->shape == PDU_SHAPE_data);
    *out = (struct concat){.text = octets};
    if (esm_class(p) & SMPP_ESM_UDHI)
        read_header(out, octets);
    read_sar(out, p);
}

/* ---- many PDUs ------------------------------------------------------------------------------- */

struct part {
    char *octets; /* NULL: missing */
    size_t n;
    enum alphabet alphabet;
    struct gsm_shift shift;
};

struct set {
    struct list by_age;
    int64_t born;
    size_t bytes;
    unsigned present, total;
    size_t key_length;
    char key[KEY_MAX];
    struct part parts[];
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

void reassembly_init(struct reassembly *r, const struct reassembly_config *config)
{
    memset(r, 0, sizeof *r);
    r->config = *config;
    map_init(&r->sets);
    list_init(&r->by_age);
}

static struct str key_of(const struct set *s)
{
    return str_n(s->key, s->key_length);
}

static void drop_parts(struct reassembly *r, struct set *s)
{
    for (unsigned i = 0; i < s->total; i++) {
        free(s->parts[i].octets);
        s->parts[i].octets = NULL;
    }
    r->bytes -= s->bytes;
    s->bytes = 0;
    s->present = 0;
}

static void drop_set(struct reassembly *r, struct set *s)
{
    struct set *was = map_remove(&r->sets, key_of(s));

    assert(was == s);
    (void)was;
    list_remove(&s->by_age);
    drop_parts(r, s);
    free(s);
}

static struct set *oldest(struct reassembly *r)
{
    return list_empty(&r->by_age) ? NULL : container_of(r->by_age.next, struct set, by_age);
}

void reassembly_fini(struct reassembly *r)
{
    struct set *s;

    while ((s = oldest(r)) != NULL)
        drop_set(r, s);
    map_fini(&r->sets);
}

size_t reassembly_expire(struct reassembly *r, int64_t now)
{
    size_t dropped = 0;
    struct set *s;

    while ((s = oldest(r)) != NULL && now - s->born >= r->config.ttl_ms) {
        drop_set(r, s);
        dropped++;
    }
    r->expired += dropped;
    return dropped;
}

static void add_piece(struct buf *key, struct str s)
{
    buf_adds(key, str_head(s, 72));
    buf_addc(key, '\0');
}

static void make_key(struct buf *key, struct str account, const struct pdu *p,
                     const struct concat *c)
{
    bool sm = p->shape == PDU_SHAPE_sm;
    char numbers[] = {(char)c->width, (char)c->total, (char)(c->ref >> 8), (char)c->ref};

    buf_add(key, numbers, sizeof numbers);
    add_piece(key, account);
    add_piece(key, sm ? p->sm.source : p->data.source);
    add_piece(key, sm ? p->sm.dest : p->data.dest);
    assert(key->failed == ERR_OK);
}

static struct set *new_set(struct reassembly *r, struct str key, unsigned total, int64_t now)
{
    struct set *s = must(calloc(1, sizeof *s + total * sizeof s->parts[0]));

    s->born = now;
    s->total = total;
    s->key_length = key.n;
    memcpy(s->key, key.p, key.n);
    list_push_back(&r->by_age, &s->by_age);
    (void)map_put(&r->sets, key, s);
    return s;
}

/* The oldest sets make room; the one that is being added to stays. */
static void make_room(struct reassembly *r, const struct set *keep, size_t bytes)
{
    struct set *s;

    while ((s = oldest(r)) != NULL &&
           (r->sets.count > r->config.max_sets || r->bytes + bytes > r->config.max_bytes)) {
        if (s == keep) {
            if (s->by_age.next == &r->by_age)
                return;
            s = container_of(s->by_age.next, struct set, by_age);
        }
        drop_set(r, s);
        r->evicted++;
    }
}

static void keep_part(struct reassembly *r, struct set *s, const struct concat *c, enum alphabet a)
{
    struct part *part = &s->parts[c->no - 1];

    part->octets = must(malloc(c->text.n + 1));
    if (c->text.n > 0)
        memcpy(part->octets, c->text.p, c->text.n);
    part->n = c->text.n;
    part->alphabet = a;
    part->shift = c->shift;
    s->present++;
    s->bytes += part->n;
    r->bytes += part->n;
}

static bool same_coding(const struct part *a, const struct part *b)
{
    return a->alphabet == b->alphabet && a->shift.single == b->shift.single &&
           a->shift.locking == b->shift.locking;
}

/* Decodes runs of parts of one coding as one piece. */
static void give_text(const struct set *s, struct buf *text)
{
    struct buf run;

    buf_init(&run, s->bytes + 1);
    for (unsigned i = 0; i < s->total; i++) {
        const struct part *part = &s->parts[i];

        buf_add(&run, part->octets, part->n);
        if (i + 1 < s->total && same_coding(part, part + 1))
            continue;
        (void)alphabet_decode_shifted(part->alphabet, part->shift, buf_str(&run), text);
        buf_reset(&run);
    }
    buf_fini(&run);
}

static bool same_part(const struct part *part, const struct concat *c, enum alphabet a)
{
    return part->alphabet == a && str_eq(str_n(part->octets, part->n), c->text);
}

enum reassembly_result reassembly_add(struct reassembly *r, struct str account, const struct pdu *p,
                                      const struct concat *c, enum alphabet a, int64_t now,
                                      struct buf *text)
{
    char mem[KEY_MAX];
    struct buf key;
    struct set *s;

    assert(c->width != 0);
    if (c->text.n > r->config.max_bytes)
        return REASSEMBLY_REFUSED;
    (void)reassembly_expire(r, now);
    buf_init_fixed(&key, mem, sizeof mem);
    make_key(&key, account, p, c);
    s = map_get(&r->sets, buf_str(&key));
    if (s == NULL)
        s = new_set(r, buf_str(&key), c->total, now);
    if (s->parts[c->no - 1].octets != NULL) {
        if (same_part(&s->parts[c->no - 1], c, a)) {
            r->duplicates++;
            return REASSEMBLY_DUPLICATE;
        }
        drop_parts(r, s);
        r->restarted++;
    }
    make_room(r, s, c->text.n);
    if (r->bytes + c->text.n > r->config.max_bytes) {
        drop_set(r, s);
        r->evicted++;
        return REASSEMBLY_REFUSED;
    }
    keep_part(r, s, c, a);
    if (s->present < s->total)
        return REASSEMBLY_WAIT;
    give_text(s, text);
    drop_set(r, s);
    r->completed++;
    return REASSEMBLY_COMPLETE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character sets: whatever the bytes, folding gives text of the alphabet, is idempotent, and what
 * was encoded decodes to the same. The first byte chooses flags, fill bits and cuts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/gsm.h"
#include "gateway/lib/msisdn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
    if (!ok)
        abort();
}

/* Text -> fold -> encode -> pack -> unpack -> decode gives the folded text. */
static void check_fold(struct str text, unsigned flags, unsigned fill)
{
    size_t room = 4 * text.n + 16, packed;
    uint8_t *septets = malloc(room), *octets = malloc(room), *back = malloc(room);
    struct buf once, again;
    ssize_t n;

    buf_init(&once, room * 4);
    buf_init(&again, room * 4);
    (void)gsm_fold(text, &once, flags);
    need(gsm_fold(buf_str(&once), &again, flags) == 0 && str_eq(buf_str(&once), buf_str(&again)));
    n = gsm_encode(buf_str(&once), septets, room);
    need(n >= 0 && n == gsm_septets(buf_str(&once)));
    packed = gsm_packed_len((size_t)n, fill);
    need(gsm_pack(septets, (size_t)n, fill, octets, room) == (ssize_t)packed);
    need(gsm_unpack(octets, packed, fill, back, (size_t)n) == 0);
    buf_reset(&again);
    need(gsm_decode(back, (size_t)n, &again) == 0 && str_eq(buf_str(&once), buf_str(&again)));
    for (size_t max = 0; max <= (size_t)n && max < 200; max++) {
        struct str head = str_head(buf_str(&once), gsm_cut(buf_str(&once), max));
        ssize_t took = gsm_septets(head);

        need(took >= 0 && (size_t)took <= max && (size_t)took + 1 >= max);
    }
    buf_fini(&once);
    buf_fini(&again);
    free(septets);
    free(octets);
    free(back);
}

/* Octets -> text -> octets, equal where the octets were clean. */
static void check_octets(struct str octets)
{
    const uint8_t *p = (const uint8_t *)octets.p;
    size_t room = 4 * octets.n + 16;
    uint8_t *back = malloc(room);
    struct buf text, again;
    ssize_t n;

    buf_init(&text, room);
    buf_init(&again, room);
    if (ucs2_decode(p, octets.n, &text) == 0) {
        ucs2_encode(buf_str(&text), &again);
        need(str_eq(octets, buf_str(&again)));
    }
    need(utf8_valid(buf_str(&text)));
    buf_reset(&text);
    if (gsm_decode(p, octets.n, &text) == 0) {
        n = gsm_encode(buf_str(&text), back, room);
        need(n >= 0 && str_eq(str_n(back, (size_t)n), octets));
    }
    buf_fini(&text);
    buf_fini(&again);
    free(back);
}

static void check_text(struct str text, size_t max)
{
    size_t cut = utf8_cut(text, max), units;

    need(cut <= max && cut <= text.n);
    cut = ucs2_cut(text, max);
    units = ucs2_units(str_head(text, cut));
    need(units <= max);
    if (utf8_valid(text))
        need(utf8_valid(str_head(text, cut)));
}

static void check_base(struct str bytes)
{
    size_t room = 2 * bytes.n + 16;
    char *back = malloc(room);
    struct buf text;

    buf_init(&text, room);
    for (int kind = BASE64_STD; kind <= BASE64_URL; kind++) {
        ssize_t n;

        buf_reset(&text);
        base64_encode(&text, (enum base64_kind)kind, bytes.p, bytes.n);
        n = base64_decode(buf_str(&text), (enum base64_kind)kind, back, room);
        need(n >= 0 && str_eq(str_n(back, (size_t)n), bytes));
        n = base64_decode(bytes, (enum base64_kind)kind, back, room);
        if (n < 0)
            continue;
        buf_reset(&text);
        base64_encode(&text, (enum base64_kind)kind, back, (size_t)n);
        need(str_eq(buf_str(&text), bytes)); /* strict: one spelling a value */
    }
    (void)!hex_decode(bytes, back, room);
    buf_fini(&text);
    free(back);
}

/* A number that was understood is understood the same in E.164 (hard case 18). */
static void check_msisdn(struct str text, const char *country)
{
    struct msisdn first, again;
    char plus[MSISDN_MAX + 2];
    struct err e;

    if (msisdn_parse(text, country, &first, &e) < 0)
        return;
    snprintf(plus, sizeof(plus), "+%s", first.digits);
    need(msisdn_parse(str_c(plus), NULL, &again, &e) == 0);
    need(strcmp(first.digits, again.digits) == 0 && strcmp(first.country, again.country) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const countries[] = {"SN", "CI", "BJ", "GH", "CG", NULL};
    struct str text;

    if (size == 0 || size > 4096)
        return 0;
    text = str_n(data + 1, size - 1);
    check_fold(text, data[0] & 7, (data[0] >> 3) % 7);
    check_octets(text);
    check_text(text, data[0]);
    check_base(text);
    check_msisdn(text, countries[data[0] % ARRAY_LEN(countries)]);
    return 0;
}

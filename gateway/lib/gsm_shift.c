/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables are short, so they are walked: only texts that leave the default alphabet come here.
 */
#include "gateway/lib/gsm_shift.h"
#include "gateway/lib/gsm_tables.h"

/* 3GPP TS 23.038 A.3.3. ESC stands for itself. */
static const uint16_t portuguese_locking[128] = {
    0x0040, 0x00A3, 0x0024, 0x00A5, 0x00EA, 0x00E9, 0x00FA, 0x00ED, 0x00F3, 0x00E7, 0x000A, 0x00D4,
    0x00F4, 0x000D, 0x00C1, 0x00E1, 0x0394, 0x005F, 0x00AA, 0x00C7, 0x00C0, 0x221E, 0x005E, 0x005C,
    0x20AC, 0x00D3, 0x007C, 0x001B, 0x00C2, 0x00E2, 0x00CA, 0x00C9, 0x0020, 0x0021, 0x0022, 0x0023,
    0x00BA, 0x0025, 0x0026, 0x0027, 0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D, 0x002E, 0x002F,
    0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x0035, 0x0036, 0x0037, 0x0038, 0x0039, 0x003A, 0x003B,
    0x003C, 0x003D, 0x003E, 0x003F, 0x00CD, 0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046, 0x0047,
    0x0048, 0x0049, 0x004A, 0x004B, 0x004C, 0x004D, 0x004E, 0x004F, 0x0050, 0x0051, 0x0052, 0x0053,
    0x0054, 0x0055, 0x0056, 0x0057, 0x0058, 0x0059, 0x005A, 0x00C3, 0x00D5, 0x00DA, 0x00DC, 0x00A7,
    0x007E, 0x0061, 0x0062, 0x0063, 0x0064, 0x0065, 0x0066, 0x0067, 0x0068, 0x0069, 0x006A, 0x006B,
    0x006C, 0x006D, 0x006E, 0x006F, 0x0070, 0x0071, 0x0072, 0x0073, 0x0074, 0x0075, 0x0076, 0x0077,
    0x0078, 0x0079, 0x007A, 0x00E3, 0x00F5, 0x0060, 0x00FC, 0x00E0,
};

/* 3GPP TS 23.038 A.2.2 */
static const struct gsm_pair spanish_single[] = {
    {0x00E7, 0x09}, {0x000C, 0x0A}, {0x005E, 0x14}, {0x007B, 0x28}, {0x007D, 0x29},
    {0x005C, 0x2F}, {0x005B, 0x3C}, {0x007E, 0x3D}, {0x005D, 0x3E}, {0x007C, 0x40},
    {0x00C1, 0x41}, {0x00CD, 0x49}, {0x00D3, 0x4F}, {0x00DA, 0x55}, {0x00E1, 0x61},
    {0x20AC, 0x65}, {0x00ED, 0x69}, {0x00F3, 0x6F}, {0x00FA, 0x75},
};

/* 3GPP TS 23.038 A.2.3 */
static const struct gsm_pair portuguese_single[] = {
    {0x00EA, 0x05}, {0x00E7, 0x09}, {0x000C, 0x0A}, {0x00D4, 0x0B}, {0x00F4, 0x0C}, {0x00C1, 0x0E},
    {0x00E1, 0x0F}, {0x03A6, 0x12}, {0x0393, 0x13}, {0x005E, 0x14}, {0x03A9, 0x15}, {0x03A0, 0x16},
    {0x03A8, 0x17}, {0x03A3, 0x18}, {0x0398, 0x19}, {0x00CA, 0x1F}, {0x007B, 0x28}, {0x007D, 0x29},
    {0x005C, 0x2F}, {0x005B, 0x3C}, {0x007E, 0x3D}, {0x005D, 0x3E}, {0x007C, 0x40}, {0x00C0, 0x41},
    {0x00CD, 0x49}, {0x00D3, 0x4F}, {0x00DA, 0x55}, {0x00C3, 0x5B}, {0x00D5, 0x5C}, {0x00C2, 0x61},
    {0x20AC, 0x65}, {0x00ED, 0x69}, {0x00F3, 0x6F}, {0x00FA, 0x75}, {0x00E3, 0x7B}, {0x00F5, 0x7C},
    {0x00E2, 0x7F},
};

struct single_table {
    const struct gsm_pair *pairs;
    size_t n;
};

bool gsm_shift_known(struct gsm_shift t)
{
    return (t.single == GSM_DEFAULT || t.single == GSM_SPANISH || t.single == GSM_PORTUGUESE) &&
           (t.locking == GSM_DEFAULT || t.locking == GSM_PORTUGUESE);
}

static struct single_table single_of(struct gsm_shift t)
{
    switch (t.single) {
    case GSM_SPANISH: return (struct single_table){spanish_single, ARRAY_LEN(spanish_single)};
    case GSM_PORTUGUESE:
        return (struct single_table){portuguese_single, ARRAY_LEN(portuguese_single)};
    default: return (struct single_table){gsm_extension, gsm_extension_n};
    }
}

static const uint16_t *locking_of(struct gsm_shift t)
{
    return t.locking == GSM_PORTUGUESE ? portuguese_locking : gsm_basic;
}

/* Letters and digits stand at their ASCII code in every table; -1: not in this one. */
static int basic_code(const uint16_t *table, uint32_t cp)
{
    if (cp == GSM_ESC)
        return -1;
    if (cp < 0x80 && table[cp] == cp)
        return (int)cp;
    for (int code = 0; code < 128; code++) {
        if (table[code] == cp)
            return code;
    }
    return -1;
}

int gsm_shift_code(struct gsm_shift t, uint32_t cp)
{
    struct single_table single = single_of(t);
    int code = basic_code(locking_of(t), cp);

    for (size_t i = 0; code < 0 && i < single.n; i++) {
        if (single.pairs[i].cp == cp)
            code = GSM_ESC << 8 | single.pairs[i].code;
    }
    return code;
}

/* Code of the next character, -1 if it has none; *s moves on. */
static int next_code(struct gsm_shift t, struct str *s)
{
    int32_t cp = utf8_next(s);

    return cp == UTF8_BAD ? -1 : gsm_shift_code(t, (uint32_t)cp);
}

static size_t cost(int code)
{
    return code > 0x7F ? 2 : 1;
}

ssize_t gsm_shift_septets(struct gsm_shift t, struct str s)
{
    size_t n = 0;

    if (t.single == GSM_DEFAULT && t.locking == GSM_DEFAULT)
        return gsm_septets(s);
    while (s.n) {
        int code = next_code(t, &s);

        if (code < 0)
            return -1;
        n += cost(code);
    }
    return (ssize_t)n;
}

size_t gsm_shift_cut(struct gsm_shift t, struct str s, size_t max_septets)
{
    struct str rest = s;
    size_t fits = 0, septets = 0;

    if (t.single == GSM_DEFAULT && t.locking == GSM_DEFAULT)
        return gsm_cut(s, max_septets);
    while (rest.n) {
        int code = next_code(t, &rest);

        if (code < 0 || (septets += cost(code)) > max_septets)
            break;
        fits = s.n - rest.n;
    }
    return fits;
}

bool gsm_shift_encode(struct gsm_shift t, struct str s, struct buf *out)
{
    size_t mark = out->len;

    while (s.n) {
        int code = next_code(t, &s);

        if (code < 0) {
            buf_truncate(out, mark);
            return false;
        }
        if (code > 0x7F)
            buf_addc(out, GSM_ESC);
        buf_addc(out, (char)(code & 0x7F));
    }
    return out->failed == ERR_OK;
}

/* The character behind an escape; *clean turns false when the table lacks it: the basic character
 * shows then. */
static uint32_t shifted(struct gsm_shift t, uint8_t code, bool *clean)
{
    struct single_table single = single_of(t);

    for (size_t i = 0; i < single.n; i++) {
        if (single.pairs[i].code == code)
            return single.pairs[i].cp;
    }
    *clean = false;
    return code == GSM_ESC ? ' ' : locking_of(t)[code];
}

size_t gsm_shift_decode(struct gsm_shift t, const uint8_t *septets, size_t n, struct buf *out)
{
    size_t unclean = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t code = septets[i];
        bool clean = code < 0x80 && code != GSM_ESC;
        uint32_t cp = code < 0x80 ? locking_of(t)[code] : '?';

        if (code == GSM_ESC) {
            cp = ' ';
            if (i + 1 < n && septets[i + 1] < 0x80) {
                clean = true;
                cp = shifted(t, septets[++i], &clean);
            }
        }
        unclean += !clean;
        utf8_put(out, cp);
    }
    return unclean;
}

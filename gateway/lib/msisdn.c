/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two steps: clean (any writing to "international?" + ASCII digits), then match (national or
 * international by the country table). The table knows lengths, not operators: it refuses what
 * cannot be a number, it does not promise that one exists.
 */
#include "gateway/lib/msisdn.h"

#include <stdio.h>

#include "gateway/lib/utf8.h"

#define PREFIX_DIGITS 7 /* the longest of ops.network_prefix */

struct country {
    char iso[3];
    char dial[4];
    unsigned char min, max; /* digits of the national number after the dialling code */
    bool trunk;             /* a leading 0 is written at home and dropped abroad */
};

/*
 * Africa, and nothing else: other countries' numbers pass by the general rule. Sorted by ISO code.
 */
static const struct country countries[] = {
    {"AO", "244", 9, 9, false},   {"BF", "226", 8, 8, false}, {"BI", "257", 8, 8, false},
    {"BJ", "229", 10, 10, false}, {"BW", "267", 7, 8, false}, {"CD", "243", 9, 9, true},
    {"CF", "236", 8, 8, false},   {"CG", "242", 9, 9, false}, {"CI", "225", 10, 10, false},
    {"CM", "237", 9, 9, false},   {"CV", "238", 7, 7, false}, {"DJ", "253", 8, 8, false},
    {"DZ", "213", 8, 9, true},    {"EG", "20", 8, 10, true},  {"ER", "291", 7, 7, true},
    {"ET", "251", 9, 9, true},    {"GA", "241", 7, 8, true},  {"GH", "233", 9, 9, true},
    {"GM", "220", 7, 7, false},   {"GN", "224", 8, 9, false}, {"GQ", "240", 9, 9, false},
    {"GW", "245", 7, 9, false},   {"KE", "254", 9, 9, true},  {"KM", "269", 7, 7, false},
    {"LR", "231", 7, 9, true},    {"LS", "266", 8, 8, false}, {"LY", "218", 8, 9, true},
    {"MA", "212", 9, 9, true},    {"MG", "261", 9, 9, true},  {"ML", "223", 8, 8, false},
    {"MR", "222", 8, 8, false},   {"MU", "230", 7, 8, false}, {"MW", "265", 7, 9, true},
    {"MZ", "258", 8, 9, false},   {"NA", "264", 8, 9, true},  {"NE", "227", 8, 8, false},
    {"NG", "234", 8, 10, true},   {"RE", "262", 9, 9, true},  {"RW", "250", 9, 9, true},
    {"SC", "248", 7, 7, false},   {"SD", "249", 9, 9, true},  {"SL", "232", 8, 8, true},
    {"SN", "221", 9, 9, false},   {"SO", "252", 7, 9, true},  {"SS", "211", 9, 9, true},
    {"ST", "239", 7, 7, false},   {"SZ", "268", 8, 8, false}, {"TD", "235", 8, 8, false},
    {"TG", "228", 8, 8, false},   {"TN", "216", 8, 8, false}, {"TZ", "255", 9, 9, true},
    {"UG", "256", 9, 9, true},    {"ZA", "27", 9, 9, true},   {"ZM", "260", 9, 9, true},
    {"ZW", "263", 8, 9, true},
};

/* Long enough for the longest spelling: "00" + 15 digits + an old prefix. */
#define DIGITS_MAX 20

struct cleaned {
    char d[DIGITS_MAX];
    size_t n;
    bool international; /* '+' or "00" was there */
};

static const struct country *country_of(const char *iso)
{
    for (size_t i = 0; iso && i < ARRAY_LEN(countries); i++) {
        if (str_case_eq(str_c(iso), str_c(countries[i].iso)))
            return &countries[i];
    }
    return NULL;
}

/* The row whose dialling code begins these digits: codes of the table are prefix-free. */
static const struct country *country_by_dial(struct str digits)
{
    for (size_t i = 0; i < ARRAY_LEN(countries); i++) {
        if (str_starts(digits, str_c(countries[i].dial)))
            return &countries[i];
    }
    return NULL;
}

/* Value of a decimal digit of the scripts that keyboards of the region type, or -1. */
static int digit_value(int32_t cp)
{
    static const int32_t zeros[] = {'0', 0xFF10, 0x0660, 0x06F0, 0x07C0};

    for (size_t i = 0; i < ARRAY_LEN(zeros); i++) {
        if (cp >= zeros[i] && cp <= zeros[i] + 9)
            return (int)(cp - zeros[i]);
    }
    return -1;
}

static bool is_punctuation(int32_t cp)
{
    switch (cp) {
    case ' ':
    case '-':
    case '.':
    case '(':
    case ')':
    case '/':
    case 0xA0:   /* no-break space */
    case 0x202F: /* narrow no-break space */
    case 0x2010: /* hyphens */
    case 0x2011: return true;
    default: return false;
    }
}

/* Without "tel:", and with a percent-encoded plus opened. Only the front can carry them. */
static struct str strip_front(struct str s, bool *plus)
{
    s = str_trim(s);
    if (s.n >= 4 && str_case_eq(str_head(s, 4), STR("tel:")))
        s = str_trim(str_skip(s, 4));
    if (s.n >= 3 && str_case_eq(str_head(s, 3), STR("%2B"))) {
        *plus = true;
        return str_skip(s, 3);
    }
    if (str_starts(s, STR("+")) || str_starts(s, STR("\xEF\xBC\x8B"))) { /* full-width plus */
        *plus = true;
        return str_skip(s, s.p[0] == '+' ? 1 : 3);
    }
    return s;
}

static int clean(struct str in, struct cleaned *c, struct err *e)
{
    struct str s = strip_front(in, &c->international);

    while (s.n) {
        int32_t cp = utf8_next(&s);
        int value = digit_value(cp);

        if (value < 0 && is_punctuation(cp))
            continue;
        if (value < 0)
            return err_set(e, ERR_BAD_INPUT, "phone number with a foreign character");
        if (c->n == DIGITS_MAX)
            return err_set(e, ERR_BAD_INPUT, "phone number too long");
        c->d[c->n++] = (char)('0' + value);
    }
    return 0;
}

/* "00" is the plus of the telephone keypad. */
static void strip_international(struct cleaned *c)
{
    if (!c->international && c->n > 2 && c->d[0] == '0' && c->d[1] == '0') {
        c->international = true;
        c->n -= 2;
        memmove(c->d, c->d + 2, c->n);
    }
}

static int finish(struct msisdn *out, const struct country *c, struct str prefix,
                  struct str national, struct err *e)
{
    size_t dial = strlen(c->dial), n = dial + prefix.n + national.n;

    if (n > MSISDN_MAX)
        return err_set(e, ERR_BAD_INPUT, "phone number too long");
    memcpy(out->digits, c->dial, dial);
    memcpy(out->digits + dial, prefix.p, prefix.n);
    memcpy(out->digits + dial + prefix.n, national.p, national.n);
    out->digits[n] = '\0';
    memcpy(out->country, c->iso, sizeof(out->country));
    return 0;
}

/*
 * What a number from before the 10-digit plans gets in front. Ivory Coast, 31 January 2021: mobile
 * numbers by their second digit, 0-3 Moov 01, 4-6 MTN 05, 7-9 Orange 07 (first digit 0 or 4-9;
 * fixed lines, 2 and 3, have no rule and no SMS). Benin, 30 November 2024: 01 for all.
 */
static struct str old_plan_prefix(const struct country *c, struct str national)
{
    char first = national.n == 8 ? national.p[0] : '1', second;

    if (first == '1')
        return STR_EMPTY;
    if (strcmp(c->iso, "BJ") == 0)
        return STR("01");
    if (strcmp(c->iso, "CI") != 0 || first == '2' || first == '3')
        return STR_EMPTY;
    second = national.p[1];
    return second <= '3' ? STR("01") : second <= '6' ? STR("05") : STR("07");
}

/* The 10-digit plans begin 0 in both countries; without that the digits are something else. */
static bool new_plan_ok(const struct country *c, struct str national)
{
    return c->min != 10 || national.p[0] == '0' || national.p[0] == '2';
}

/* A national number, its trunk 0 perhaps still there. */
static int match_national(const struct country *c, struct str national, struct msisdn *out,
                          struct err *e)
{
    struct str prefix = old_plan_prefix(c, national);

    if (prefix.n)
        return finish(out, c, prefix, national, e);
    if (c->trunk && national.n > 1 && national.p[0] == '0')
        national = str_skip(national, 1);
    if (national.n < c->min || national.n > c->max || !new_plan_ok(c, national) ||
        (c->trunk && national.p[0] == '0')) /* one trunk 0 is dropped, once: E.164 has none */
        return err_set(e, ERR_BAD_INPUT, "%zu digits are no phone number of %s", national.n,
                       c->iso);
    return finish(out, c, STR_EMPTY, national, e);
}

static int match_international(struct str digits, struct msisdn *out, struct err *e)
{
    const struct country *c = country_by_dial(digits);

    if (c)
        return match_national(c, str_skip(digits, strlen(c->dial)), out, e);
    if (digits.n < 8 || digits.n > MSISDN_MAX || digits.p[0] == '0')
        return err_set(e, ERR_BAD_INPUT, "%zu digits are no international phone number", digits.n);
    memcpy(out->digits, digits.p, digits.n);
    out->digits[digits.n] = '\0';
    out->country[0] = '\0';
    return 0;
}

int msisdn_parse(struct str in, const char *country, struct msisdn *out, struct err *e)
{
    const struct country *home = country_of(country);
    struct cleaned c = {.n = 0};
    struct err quiet;

    *out = (struct msisdn){.digits = ""};
    if (clean(in, &c, e) < 0)
        return -1;
    strip_international(&c);
    if (c.n == 0)
        return err_set(e, ERR_BAD_INPUT, "no phone number");
    if (c.international || !home)
        return match_international(str_n(c.d, c.n), out, e);
    /*
     * The carrier's own country code without '+' before the national reading: lengths tell them
     * apart.
     */
    if (str_starts(str_n(c.d, c.n), str_c(home->dial)) &&
        match_national(home, str_skip(str_n(c.d, c.n), strlen(home->dial)), out, &quiet) == 0)
        return 0;
    if (match_national(home, str_n(c.d, c.n), out, e) == 0)
        return 0;
    return c.d[0] == '0' ? -1 : match_international(str_n(c.d, c.n), out, e);
}

void msisdn_network(struct str said, const struct msisdn *number, char out[MSISDN_NETWORK_MAX + 1])
{
    size_t n = said.n <= MSISDN_NETWORK_MAX - PREFIX_DIGITS - 1 ? said.n : 0;

    (void)snprintf(out, MSISDN_NETWORK_MAX + 1, "%.*s+%.*s", (int)n, n > 0 ? said.p : "",
                   PREFIX_DIGITS, number->digits);
}

const char *msisdn_mask(struct str digits, char out[MSISDN_MASK_LEN])
{
    size_t shown = digits.n >= 8 ? 2 : 0; /* two of a short code would be half of it */

    memcpy(out, "***", 3);
    memcpy(out + 3, digits.p + digits.n - shown, shown);
    out[3 + shown] = '\0';
    return out;
}

const char *msisdn_dial_code(const char *country)
{
    const struct country *c = country_of(country);

    return c ? c->dial : NULL;
}

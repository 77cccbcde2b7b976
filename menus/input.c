/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader types: choices become digits whatever the keyboard sent (hard case 35), values are
 * checked by kind. Never a string comparison of numbers, never more than 182 characters looked at
 * (hard case 17).
 */
#include "gateway/lib/msisdn.h"
#include "gateway/lib/utf8.h"
#include "menus/engine.h"
#include "menus/input_value.h"

/* The digit a character stands for, -1 for none. The letter O is a zero on many keypads. */
static int digit_of(int32_t cp)
{
    static const int32_t zeros[] = {'0', 0x0660, 0x06F0, 0x07C0, 0x0966, 0xFF10};

    if (cp == 'O' || cp == 'o')
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        if (cp >= zeros[i] && cp <= zeros[i] + 9)
            return cp - zeros[i];
    return -1;
}

/* Characters that people and handsets put around a choice. */
static bool decorates(int32_t cp, bool first)
{
    return cp == ' ' || cp == '\t' || cp == '\r' || cp == '\n' || cp == 0xA0 || cp == '.' ||
           cp == ')' || cp == 0x200E || cp == 0x200F || (first && (cp == '+' || cp == '('));
}

struct str input_digits(char *mem, size_t cap, struct str input)
{
    struct str rest = input;
    size_t n = 0;
    bool over = false;

    while (rest.n) {
        int32_t cp = utf8_next(&rest);
        int digit = digit_of(cp);

        if (digit < 0) {
            if (!decorates(cp, n == 0))
                return STR_EMPTY;
            over = n > 0;
            continue;
        }
        if (over || n == cap) /* "1 2" is no choice, nor is 99999999999 */
            return STR_EMPTY;
        mem[n++] = (char)('0' + digit);
    }
    return str_n(mem, n);
}

unsigned input_number(struct str digits)
{
    int64_t v = 0;

    return str_to_i64(digits, 1, 999, &v) ? (unsigned)v : 0;
}

/* Words as typed, without controls, blanks in a row as one. */
static struct str clean_words(const struct step *st, struct str input)
{
    char mem[INPUT_CHARS_MAX * 4 + 4];
    struct str rest = input;
    bool blank = true;
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    while (rest.n) {
        int32_t cp = utf8_next(&rest);
        bool space = cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r' || cp == 0xA0;

        if (space && !blank)
            buf_addc(&b, ' ');
        else if (!space && cp >= 0x20 && cp != 0x7F && !(cp >= 0x80 && cp < 0xA0))
            utf8_put(&b, (uint32_t)cp);
        else
            continue;
        blank = space;
    }
    return arena_str(st->t->arena, str_trim(buf_str(&b)));
}

static bool within(const struct screen *sc, size_t chars)
{
    return chars >= sc->min && chars <= sc->max;
}

static bool has_letter_or_digit(struct str s)
{
    while (s.n) {
        int32_t cp = utf8_next(&s);

        if (cp >= 0x80 || (cp >= '0' && cp <= '9') || ((cp | 32) >= 'a' && (cp | 32) <= 'z'))
            return true;
    }
    return false;
}

static int take_text(const struct step *st, const struct screen *sc, struct str input,
                     struct str *value, enum engine_text *reason)
{
    *value = clean_words(st, input);
    *reason = utf8_count(*value) > sc->max ? TEXT_BAD_LONG : TEXT_BAD_TEXT;
    return value->p && within(sc, utf8_count(*value)) && has_letter_or_digit(*value) ? 0 : -1;
}

static int take_number(const struct step *st, const struct screen *sc, struct str input,
                       struct str *value, enum engine_text *reason)
{
    char mem[12];
    struct str digits = input_digits(mem, sizeof mem, input);
    int64_t v = 0;

    *reason = TEXT_BAD_NUMBER;
    if (!digits.n)
        return -1;
    *reason = TEXT_BAD_RANGE;
    if (!str_to_i64(digits, sc->min, sc->max, &v))
        return -1;
    *value = str_c(arena_printf(st->t->arena, "%lld", (long long)v));
    return 0;
}

static int take_msisdn(const struct step *st, struct str input, struct str *value,
                       enum engine_text *reason)
{
    struct str country = state_var(st, menu_find_var(st->m, STR("country")));
    char iso[3] = "";
    struct msisdn number;
    struct err e;

    *reason = TEXT_BAD_MSISDN;
    if (country.n == 2)
        memcpy(iso, country.p, 2);
    if (msisdn_parse(input, iso, &number, &e) != 0)
        return -1;
    *value = arena_str(st->t->arena, str_c(number.digits));
    return value->p ? 0 : -1;
}

/* A code is digits and letters, typed with or without blanks and dashes. */
static int take_code(const struct step *st, const struct screen *sc, struct str input,
                     struct str *value, enum engine_text *reason)
{
    char mem[INPUT_CHARS_MAX];
    size_t n = 0;

    *reason = TEXT_BAD_CODE;
    while (input.n && n < sizeof mem) {
        int32_t cp = utf8_next(&input);
        int digit = cp == 'O' || cp == 'o' ? -1 : digit_of(cp);

        if (digit >= 0)
            mem[n++] = (char)('0' + digit);
        else if ((cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z'))
            mem[n++] = (char)cp;
        else if (cp != ' ' && cp != '-')
            return -1;
    }
    *value = arena_str(st->t->arena, str_n(mem, n));
    return value->p && within(sc, n) ? 0 : -1;
}

/* Digits of every script made ASCII, blanks of every kind one ' '; the rest as it stands. Empty when
 * longer than an amount or a date can be. */
static struct str plain_digits(char *mem, size_t cap, struct str input)
{
    struct str rest = str_trim(input);
    struct buf b;

    buf_init_fixed(&b, mem, cap);
    while (rest.n) {
        int32_t cp = utf8_next(&rest);
        int digit = digit_of(cp);

        if (digit >= 0)
            buf_addc(&b, (char)('0' + digit));
        else if (cp == 0xA0 || cp == 0x202F)
            buf_addc(&b, ' ');
        else if (cp == 0x2019)
            buf_addc(&b, '\'');
        else if (cp > 0x20 && cp < 0x7F)
            buf_addc(&b, (char)cp);
        else if (cp == ' ')
            buf_addc(&b, ' ');
        else
            return STR_EMPTY;
    }
    return b.failed ? STR_EMPTY : str_trim(buf_str(&b));
}

static const struct currency *find_currency(const struct menu *m, struct str code)
{
    for (size_t i = 0; i < m->ncurrencies; i++)
        if (str_eq(m->currencies[i].code, code))
            return &m->currencies[i];
    return NULL;
}

/* Kept in minor units. A currency that the menu does not know takes no amount. */
static int take_amount(const struct step *st, const struct screen *sc, struct str input,
                       struct str *value, enum engine_text *reason)
{
    const struct currency *c = find_currency(st->m, text_fill_raw(st, &sc->currency));
    char mem[40];
    int64_t minor = 0;

    *reason = TEXT_BAD_AMOUNT;
    if (!c || !amount_read(plain_digits(mem, sizeof mem, input), c->exponent, &minor))
        return -1;
    *reason = TEXT_BAD_RANGE;
    if (minor < (int64_t)sc->min || minor > (int64_t)sc->max)
        return -1;
    *value = str_c(arena_printf(st->t->arena, "%lld", (long long)minor));
    return value->n ? 0 : -1;
}

/* Kept as YYYY-MM-DD. A bound that is no date (its variable is unset) lets nothing pass. */
static int take_date(const struct step *st, const struct screen *sc, struct str input,
                     struct str *value, enum engine_text *reason)
{
    int64_t day = 0, earliest, latest;
    char mem[24];

    *reason = TEXT_BAD_DATE;
    if (!date_read(plain_digits(mem, sizeof mem, input), &day))
        return -1;
    *reason = TEXT_BAD_RANGE;
    if (!date_iso(text_fill_raw(st, &sc->earliest), &earliest) ||
        !date_iso(text_fill_raw(st, &sc->latest), &latest) || day < earliest || day > latest)
        return -1;
    *value = str_c(arena_printf(st->t->arena, "%04d-%02d-%02d", (int)(day / 10000),
                                (int)(day / 100 % 100), (int)(day % 100)));
    return value->n ? 0 : -1;
}

/* So many digits as its screen says and nothing between them: a PIN is not guessed at. */
static int take_pin(const struct step *st, const struct screen *sc, struct str input,
                    struct str *value, enum engine_text *reason)
{
    char mem[PIN_MAX];
    struct str rest = str_trim(input);
    size_t n = 0;

    *reason = TEXT_BAD_CODE;
    while (rest.n) {
        int32_t cp = utf8_next(&rest);
        int digit = cp == 'O' || cp == 'o' ? -1 : digit_of(cp);

        if (digit < 0 || n == sizeof mem)
            return -1;
        mem[n++] = (char)('0' + digit);
    }
    *value = arena_str(st->t->arena, str_n(mem, n));
    return value->p && within(sc, n) ? 0 : -1;
}

int input_value(const struct step *st, const struct screen *sc, struct str input, struct str *value,
                enum engine_text *reason)
{
    if (!str_trim(input).n) {
        *reason = TEXT_BAD_EMPTY;
        return -1;
    }
    if (utf8_count(input) > INPUT_CHARS_MAX) {
        *reason = TEXT_BAD_LONG;
        return -1;
    }
    if (!utf8_valid(input)) { /* hard case 30 */
        *reason = TEXT_BAD_CHOICE;
        return -1;
    }
    switch (sc->kind) {
    case INPUT_NUMBER: return take_number(st, sc, input, value, reason);
    case INPUT_MSISDN: return take_msisdn(st, input, value, reason);
    case INPUT_CODE: return take_code(st, sc, input, value, reason);
    case INPUT_AMOUNT: return take_amount(st, sc, input, value, reason);
    case INPUT_DATE: return take_date(st, sc, input, value, reason);
    case INPUT_PIN: return take_pin(st, sc, input, value, reason);
    case INPUT_TEXT:
    case INPUT_KINDS: break;
    }
    return take_text(st, sc, input, value, reason);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader walks the service's menu: byte 0 seeds the database's answers, byte 1 picks the carrier
 * and, by its high bit, a slow database; the rest are inputs, a line each. Always a screen, always
 * within its limit (S6).
 */
#include "tests/unit/menu_coko.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct menu_limits limits[] = {
        {160, MENU_GSM7}, {182, MENU_GSM7}, {160, MENU_LATIN1},
        {160, MENU_UTF8}, {80, MENU_UCS2},  {40, MENU_GSM7},
    };
    static struct menu *m;
    static struct reader r;
    struct str rest, line;
    unsigned carrier;

    if (size < 2)
        return 0;
    if (!m)
        m = coko_menu();
    carrier = data[1] % ARRAY_LEN(limits);
    reader_init(&r, m, coko_answer, limits[carrier].max, limits[carrier].charset);
    r.seed += data[0] * 7919u;
    r.hang = data[1] & 0x80 ? 3 : 0;
    coko_vars(&r);
    rest = str_n(data + 2, size - 2);
    if (str_split(&rest, '\n', &line))
        r.vars[r.nvars++] = (struct menu_var){STR("dial"), line};
    reader_dial(&r);
    for (int hop = 0; hop < 40 && str_split(&rest, '\n', &line); hop++) {
        reader_send(&r, line);
        assert(carrier >= 4 || !r.out.clipped);
    }
    reader_fini(&r);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Menu files are an operator's, yet a half-written one must be told, not crash the daemon: input is
 * flow.json, a NUL, text/fr.json, a NUL, one action's SQL. What loads is also checked and dialled.
 */
#include "tests/unit/menu_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool nothing(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    (void)r;
    (void)out;
    (void)rows;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct menu_report report;
    static struct reader reader;
    struct str rest = str_n(data, size), piece[3] = {STR_EMPTY, STR_EMPTY, STR_EMPTY};
    struct err e = {0};
    struct menu *m;

    for (size_t i = 0; i < 3 && str_split(&rest, '\0', &piece[i]); i++)
        continue;
    const struct menu_file files[] = {
        {"flow.json", piece[0]},
        {"text/fr.json", piece[1]},
        {"actions/act.sql", piece[2]},
    };
    m = menu_load_files(files, ARRAY_LEN(files), &report, &e);
    if (!m)
        return 0;
    if (menu_check(m, &report) == 0) {
        reader_init(&reader, m, nothing, 160, MENU_GSM7);
        reader_dial(&reader);
        reader_say(&reader, "1");
        reader_fini(&reader);
    }
    menu_free(m);
    return 0;
}

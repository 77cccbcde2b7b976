/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored state is read back from Redis: any bytes are refused or make a state that behaves. The
 * menu's version is put in front, so that the fuzzer spends its time behind it. What was read is
 * written again and must read the same.
 */
#include "tests/unit/menu_coko.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct reader *r, struct menu_state *s)
{
    struct menu_turn t = reader_turn(r);

    if (menu_resume_policy(r->m, s) != MENU_RESUME_NEVER)
        menu_again(r->m, s, &t, &r->out);
    else
        menu_reshow(r->m, s, &t, &r->out);
    reader_settle(r, s, &t);
    reader_say(r, "1");
    reader_say(r, "98");
    reader_say(r, "2");
    reader_say(r, "0");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct menu *m;
    static struct reader r;
    static char bytes[MENU_STATE_MAX * 2], again[MENU_STATE_MAX * 2];
    uint64_t version;
    struct menu_state *s;
    struct err e;
    struct buf b;

    if (!m)
        m = coko_menu();
    reader_init(&r, m, coko_answer, 160, MENU_GSM7);
    coko_vars(&r);
    version = strtoull(menu_version(m), NULL, 16);
    size = MIN(size, MENU_STATE_MAX);
    bytes[0] = 1;
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (char)(version >> (8 * i));
    if (size)
        memcpy(bytes + 9, data, size);
    if (menu_state_decode(m, str_n(bytes, size + 9), &r.arena, &s, &e) == 0) {
        buf_init_fixed(&b, again, sizeof again);
        if (menu_state_encode(m, s, &b, &e) == 0)
            assert(b.len <= size + 9);
        use(&r, s);
    }
    reader_fini(&r);
    return 0;
}

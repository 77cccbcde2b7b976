/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See recovery.h.
 */
#include "gateway/jobs/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/jsonw.h"
#include "gateway/lib/log.h"
#include "gateway/lib/reader_code.h"

#define POLL_MS      2000
#define BATCH_MAX    20
#define CODE_DIGITS  15 /* of a million codes a guess hits none in 10^9: tries are five an hour */
#define GROUP_DIGITS 5
#define SHOWN_MAX    (CODE_DIGITS + CODE_DIGITS / GROUP_DIGITS)
#define BODY_MAX     1024
#define PLACE        STR("{recovery}")
#define SMS_TOPIC    "coko_message"

static struct counter given =
    COUNTER("coko_recovery_codes_total", "Codes for lost numbers that were made and queued");

PG_STMT(wanted_stmt, "recovery.wanted", PG_BATCH, 1,
        "select identity_id, body from auth.recovery_wanted($1::int)");
PG_STMT(give_stmt, "recovery.give", PG_BATCH, 1, "select auth.recovery_give($1::jsonb)");

enum phase { PHASE_REST, PHASE_ASK, PHASE_GIVE };

struct recovery {
    struct loop *loop;
    struct pg *pg;
    const struct seal_ring *ring;
    enum phase phase;
    bool draining, full;
    struct loop_timer timer;
    struct op op;
};

/* ---- one code ---- */

static void add_hex(struct jsonw *j, const char *key, const void *bytes, size_t n)
{
    char mem[2 * (BODY_MAX + SEAL_OVERHEAD) + 1];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    hex_encode(&b, bytes, n);
    jsonw_kv_str(j, key, buf_str(&b));
}

/* "12345 67890 12345", as it is written on paper; reader_code_read leaves the blanks out again. */
static void show(const char *code, struct buf *out)
{
    for (size_t i = 0; i < CODE_DIGITS; i += GROUP_DIGITS) {
        buf_puts(out, i ? " " : "");
        buf_adds(out, str_n(code + i, GROUP_DIGITS));
    }
}

static bool body_write(struct str text, const char *code, struct buf *out)
{
    ptrdiff_t at = str_find(text, PLACE);

    if (at < 0)
        return false;
    buf_adds(out, str_head(text, (size_t)at));
    show(code, out);
    buf_adds(out, str_skip(text, (size_t)at + PLACE.n));
    return !out->failed;
}

/* Under the current key: auth.recovery_give keeps that one. */
static void mac_of(const struct seal_ring *ring, const char *code, uint8_t mac[32])
{
    seal_mac(ring, SEAL_TOKEN, STR("reader.code"), str_c(code), mac);
}

bool recovery_draw(const struct seal_ring *ring, int64_t identity, struct str text, struct jsonw *j)
{
    char code[CODE_DIGITS + 1], clear_mem[BODY_MAX], sealed_mem[BODY_MAX + SEAL_OVERHEAD];
    struct buf clear, sealed;
    uint8_t mac[32];

    crypto_random_digits(code, CODE_DIGITS);
    buf_init_fixed(&clear, clear_mem, sizeof clear_mem);
    buf_init_fixed(&sealed, sealed_mem, sizeof sealed_mem);
    bool ok = body_write(text, code, &clear);

    if (ok) {
        seal_close(ring, STR("otp.body"), buf_str(&clear), &sealed);
        mac_of(ring, code, mac);
        jsonw_object(j);
        jsonw_kv_i64(j, "identity", identity);
        add_hex(j, "mac", mac, sizeof mac);
        add_hex(j, "body", sealed.p, sealed.len);
        jsonw_end(j);
    }
    crypto_wipe(code, sizeof code);
    crypto_wipe(clear_mem, sizeof clear_mem);
    return ok;
}

/* ---- a batch ---- */

static void ask(void *arg)
{
    struct recovery *r = arg;
    struct pg_params p;

    loop_timer_set(&r->timer, POLL_MS);
    if (r->draining || r->phase != PHASE_REST)
        return;
    r->phase = PHASE_ASK;
    pg_params_init(&p);
    pg_p_int(&p, BATCH_MAX);
    pg_exec(r->pg, &r->op, &wanted_stmt, &p);
}

static void rest(struct recovery *r, bool again)
{
    r->phase = PHASE_REST;
    if (again && !r->draining)
        loop_timer_set(&r->timer, 0);
}

/* The rows are read before the op carries the next statement. */
static void give(struct recovery *r)
{
    int rows = pg_rows(&r->op), drawn = 0;
    struct pg_params p;
    struct jsonw j;
    struct buf codes;

    buf_init(&codes, 1 << 20);
    jsonw_init(&j, &codes);
    jsonw_array(&j);
    for (int i = 0; i < rows; i++) {
        if (!pg_is_null(&r->op, i, 1) &&
            recovery_draw(r->ring, pg_i64(&r->op, i, 0), pg_str(&r->op, i, 1), &j))
            drawn++;
        else
            log_error(NULL, "no usable template", "key=recovery_code");
    }
    jsonw_end(&j);
    op_release(&r->op);
    r->full = rows == BATCH_MAX;
    if (drawn == 0) {
        rest(r, false);
    } else {
        r->phase = PHASE_GIVE;
        pg_params_init(&p);
        pg_p_text(&p, buf_cstr(&codes));
        pg_exec(r->pg, &r->op, &give_stmt, &p);
    }
    buf_fini(&codes);
}

static void on_op(struct op *op)
{
    struct recovery *r = container_of(op, struct recovery, op);
    bool failed = op_failed(op);

    if (failed)
        log_err(LOG_LEVEL_WARN, NULL, "codes for lost numbers not made", &op->err);
    if (!failed && r->phase == PHASE_ASK && pg_rows(op) > 0) {
        give(r);
        return;
    }
    if (!failed && r->phase == PHASE_GIVE) {
        counter_add(&given, (uint64_t)pg_i64(op, 0, 0));
        pg_wake_dirty(r->pg, SMS_TOPIC);
    }
    bool again = !failed && r->phase == PHASE_GIVE && r->full;

    op_release(op);
    rest(r, again);
}

/* ---- life ---- */

struct recovery *recovery_new(struct loop *loop, struct pg *pg, const struct seal_ring *ring)
{
    struct recovery *r = calloc(1, sizeof *r);

    if (!r)
        abort();
    r->loop = loop;
    r->pg = pg;
    r->ring = ring;
    op_init(&r->op, loop, on_op);
    loop_timer_init(&r->timer, loop, ask, r);
    return r;
}

void recovery_start(struct recovery *r)
{
    loop_timer_set(&r->timer, 0);
}

void recovery_drain(struct recovery *r)
{
    r->draining = true;
    loop_timer_clear(&r->timer);
}

bool recovery_idle(const struct recovery *r)
{
    return r->phase == PHASE_REST;
}

void recovery_free(struct recovery *r)
{
    if (!r)
        return;
    loop_timer_clear(&r->timer);
    op_cancel(&r->op);
    op_release(&r->op);
    free(r);
}

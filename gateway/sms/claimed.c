/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claim, and what its rows say: whose phone, which text in how many parts, under which sender, until
 * when. A number and a sealed text are open here only, and wiped once read.
 */
#include "gateway/lib/crypto.h"
#include "gateway/lib/map.h"
#include "gateway/sms/sms_parts.h"

/* v3.4 5.2.5, 5.2.6 */
enum { TON_INTERNATIONAL = 1, TON_NETWORK = 3, TON_LETTERS = 5, NPI_ISDN = 1 };

PG_STMT(
    claim_stmt, "sms.claim", PG_BATCH, 4,
    "select c.message_id, c.kind, c.priority, c.number_sealed, c.body, c.body_sealed, c.validity_s,"
    " coalesce(s.sender, '') as sender, coalesce(s.kind, '') as sender_kind, s.coding, s.udhi, s.fold"
    " from messaging.claim($1, $2, $3::bigint, $4::int) with ordinality as c"
    " left join lateral messaging.wire_of($1, c.message_id, c.kind) s on true order by c.ordinality");

void claimed_ask(struct sms_account *a, unsigned max)
{
    struct pg_params p;

    a->claim_epoch = bind_epoch(a->bind);
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_text(&p, a->s->owner);
    pg_p_int(&p, a->claim_epoch);
    pg_p_int(&p, max);
    sms_exec(a, &a->claim_op, &claim_stmt, &p);
}

/*
 * A counter a number, so that two texts on their way to one phone never share a reference: not in 256
 * where the link writes eight bits of it, in 65,536 where it writes sixteen. They begin anywhere.
 */
static uint16_t next_ref(struct sms_account *a, struct str number)
{
    return ++a->refs[map_hash(number) % COMPOSE_REFS];
}

static int open_column(struct sms_account *a, struct op *op, int row, const char *col,
                       const char *aad, struct buf *out, struct err *e)
{
    uint8_t blob[4096];
    ptrdiff_t n = pg_bytea(op, row, pg_col(op, col), blob, sizeof blob);

    if (n < 0)
        return err_set(e, ERR_TOO_BIG, "sealed column %s", col);
    return seal_open(a->s->ring, str_c(aad), str_n(blob, (size_t)n), out, e);
}

static int read_number(struct sms_account *a, struct op *op, int row, struct outgoing *o,
                       struct err *e)
{
    char clear[64];
    struct buf b;
    int rc;

    buf_init_fixed(&b, clear, sizeof clear);
    rc = open_column(a, op, row, "number_sealed", "auth.identity", &b, e);
    if (rc == 0 && !str_to_c(buf_str(&b), o->number, sizeof o->number))
        rc = err_set(e, ERR_BAD_INPUT, "stored number");
    crypto_wipe(clear, sizeof clear);
    return rc;
}

static int read_text(struct sms_account *a, struct op *op, int row, struct outgoing *o,
                     struct err *e)
{
    int sealed = pg_col(op, "body_sealed"), coding = pg_col(op, "coding");
    struct compose_text t = {.text = pg_str(op, row, pg_col(op, "body")),
                             .ref = next_ref(a, str_c(o->number)),
                             .fold = compose_fold_word(pg_str(op, row, pg_col(op, "fold")))};
    struct buf clear;
    int rc = 0;

    if (pg_is_null(op, row, sealed))
        return compose_plan(a->link, &t, &o->seg, e);
    o->secret = true;
    buf_init(&clear, 4096);
    rc = open_column(a, op, row, "body_sealed", "otp.body", &clear, e);
    t.text = buf_str(&clear);
    o->header = pg_bool(op, row, pg_col(op, "udhi"));
    if (rc == 0 && !pg_is_null(op, row, coding))
        rc = compose_octets(t.text, (uint8_t)pg_i64(op, row, coding), &o->seg, e);
    else if (rc == 0)
        rc = compose_plan(a->link, &t, &o->seg, e);
    buf_wipe(&clear);
    return rc;
}

static int class_of(int64_t priority)
{
    return (int)MIN(MAX(priority, 0), 3) + BIND_OTP;
}

/* The sender of the account's contract for this country; none: the link's own. */
static void read_sender(struct op *op, int row, struct outgoing *o)
{
    struct str kind = pg_str(op, row, pg_col(op, "sender_kind"));

    if (!str_to_c(pg_str(op, row, pg_col(op, "sender")), o->sender, sizeof o->sender))
        *o->sender = '\0'; /* the table allows none that long */
    if (str_eq(kind, STR("alphanumeric"))) {
        o->sender_ton = TON_LETTERS;
    } else if (str_eq(kind, STR("numeric"))) {
        o->sender_ton = TON_INTERNATIONAL;
        o->sender_npi = NPI_ISDN;
    } else {
        o->sender_ton = TON_NETWORK;
    }
}

uint64_t claimed_id(const struct op *op, int row)
{
    return (uint64_t)pg_i64(op, row, pg_col(op, "message_id"));
}

int claimed_read(struct sms_account *a, struct op *op, int row, struct outgoing *o, struct err *e)
{
    if (read_number(a, op, row, o, e) != 0 || read_text(a, op, row, o, e) != 0)
        return -1;
    read_sender(op, row, o);
    o->ends_at = loop_now_ms(a->s->loop) + 1000 * pg_i64(op, row, pg_col(op, "validity_s"));
    o->job.class = (uint8_t)class_of(pg_i64(op, row, pg_col(op, "priority")));
    return 0;
}

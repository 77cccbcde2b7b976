/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions in Redis: read, and compare-and-set on the version.
 *
 * No lock: two workers may work on one step; the first write wins, and the loser is handed the
 * winner's session to send the winner's reply (S1). A lock would outlive a killed worker.
 *
 * Order of calls: store_key; store_load; session_decode of store_loaded; work; store_save;
 * store_saved. The op is the caller's; bytes live until op_release.
 *
 * Beside the session stands one pointer a reader (resume.h): where he was in his last dialogue, on
 * whatever carrier. It is written with the session, in the same script, so that who loses the
 * compare-and-set moves no pointer; of two dialogues of one reader the last to write has it (hard
 * case 21). An end takes it away, if it is still its own.
 *
 * An action that outlives its hop leaves what became of it under a key of its own, made from the step
 * that sent it: store_promise puts "running" there before the reader is told to wait, the first to
 * promise keeps the promise with store_keep, and the next hop finds either by store_load.
 *
 * How long: a live session 4 minutes from its last hop (carriers close at 2-3), a closed one 60 s
 * (late and repeated callbacks find its END), the pointer as long as the menu says.
 */
#ifndef COKO_SESSIONS_STORE_H
#define COKO_SESSIONS_STORE_H

#include <stdint.h>

#include "gateway/io/redis.h"
#include "gateway/lib/seal.h"
#include "sessions/session.h"

#define STORE_KEY_MAX      96
#define STORE_LIVE_MS      (4 * 60 * 1000)
#define STORE_TOMBSTONE_MS (60 * 1000)

struct store_key {
    char text[STORE_KEY_MAX]; /* "<prefix>:s:<32 hex digits>" */
    struct str id;            /* the hex digits: names the session in step keys and logs */
};

/*
 * Key of a dialogue: carriers reuse session ids, so the carrier and the number are part of it, and
 * a keyed hash keeps the number out of Redis (S5). number in E.164 digits.
 */
void store_key(const struct redis *r, const struct seal_ring *ring, struct str carrier,
               struct str session, struct str number, struct store_key *out);

/* Key of a reader's pointer: his number alone, whatever carrier and session brought him. */
void store_pointer_key(const struct redis *r, const struct seal_ring *ring, struct str number,
                       struct store_key *out);

/* Key of what becomes of an action: the key of the step that sent it. */
void store_late_key(const struct redis *r, const struct seal_ring *ring, struct str step,
                    struct store_key *out);

/* The mark of the connected Redis that is kept in a session (zero while Redis is down). */
void store_run(const struct redis *r, uint8_t run[SESSION_RUN_LEN]);

/* Reads; the op completes with the bytes or with none. */
void store_load(struct redis *r, struct op *op, const struct store_key *k);

/* The stored bytes after store_load; .n == 0 when there is no session. */
struct str store_loaded(const struct op *op);

/*
 * The version to expect in place of loaded bytes, ours or not: what store_save compares with, so
 * that bytes nobody can read are replaced and do not stand in a reader's way. 0 for none.
 */
uint32_t store_version(struct str bytes);

struct store_write {
    uint32_t expected; /* the version that must be stored; 0: none */
    struct str bytes;  /* an encoded session of the version after it */
    int64_t ttl_ms;
    const struct store_key *pointer; /* NULL: stays as it is */
    struct str resume;               /* its new bytes; empty: taken away if it is this dialogue's */
    int64_t resume_ttl_ms;
    struct str mark; /* of this dialogue: SESSION_MARK_LEN bytes */
};

/* Writes the session, and the pointer with it, if the stored version is the expected one. */
void store_save(struct redis *r, struct op *op, const struct store_key *k,
                const struct store_write *w);

/* Writes bytes where nothing is yet; store_promised tells after it whether that was so. */
void store_promise(struct redis *r, struct op *op, const struct store_key *k, struct str bytes,
                   int64_t ttl_ms);
MUST_CHECK bool store_promised(const struct op *op);

/* Writes bytes whatever is there; none: takes away what is. */
void store_keep(struct redis *r, struct op *op, const struct store_key *k, struct str bytes,
                int64_t ttl_ms);

/* After store_save: true when it was written; else *winner is what is stored instead. */
MUST_CHECK bool store_saved(const struct op *op, struct str *winner);

#endif

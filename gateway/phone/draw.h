/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `coko phone` shows, appended to a buffer: a handset in box-drawing characters for a
 * terminal, plain lines for a pipe. Pure. Words are wrapped to the handset's width; what a handset
 * could not show (control characters) comes out as '?', so that no text from outside moves the
 * terminal's cursor.
 *
 *     ╭────────────────────────────────────╮        a pipe:
 *     │ ▂▄▆ Africa's Talking           ✉ 1 │          Coko
 *     │ ┌────────────────────────────────┐ │          1 Lire
 *     │ │ Coko                           │ │          [97/160, answer]
 *     │ │ 1 Lire                         │ │
 *     │ └────────────────────────────────┘ │
 *     │ 97/160                      answer │
 *     ╰────────────────────────────────────╯
 */
#ifndef COKO_PHONE_DRAW_H
#define COKO_PHONE_DRAW_H

#include "gateway/lib/buf.h"

struct phone_view {
    const char *title; /* the carrier */
    struct str screen;
    const char *count; /* "97/160" */
    const char *state; /* "answer", "session ended", ... */
    size_t sms;        /* received */
};

/* The handset with this screen. */
void phone_draw_handset(struct buf *out, const struct phone_view *v);

/* The same as plain lines. */
void phone_draw_plain(struct buf *out, const struct phone_view *v);

/* One SMS: a bubble when framed, else "[SMS from NAME, N parts]" and its text. */
void phone_draw_sms(struct buf *out, struct str from, struct str text, int64_t parts, bool framed);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of a reader's pointer. See resume.h for the layout.
 */
#include "sessions/resume.h"

int resume_encode(const uint8_t mark[SESSION_MARK_LEN], struct str state, struct buf *out,
                  struct err *e)
{
    if (state.n == 0 || state.n > SESSION_STATE_MAX)
        return err_set(e, ERR_TOO_BIG, "pointer to a state of %zu bytes", state.n);
    buf_addc(out, RESUME_FORMAT);
    buf_add(out, mark, SESSION_MARK_LEN);
    buf_adds(out, state);
    return buf_check(out, e);
}

struct str resume_state(struct str bytes)
{
    if (bytes.n <= RESUME_HEADER || bytes.n > RESUME_MAX || bytes.p[0] != RESUME_FORMAT)
        return STR_EMPTY;
    return str_skip(bytes, RESUME_HEADER);
}

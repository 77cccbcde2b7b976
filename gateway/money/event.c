/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of charge events. See rail.h for what they mean.
 */
#include "gateway/money/rail.h"

static const char *const names[CHARGE_EVENTS] = {
    [CHARGE_ACCEPTED] = "accepted",         [CHARGE_DUPLICATE] = "duplicate",
    [CHARGE_PENDING] = "pending",           [CHARGE_SYNC_SUCCESS] = "sync_success",
    [CHARGE_SUCCESS] = "success",           [CHARGE_DECLINED] = "declined",
    [CHARGE_EXPIRED] = "expired",           [CHARGE_NOT_SENT] = "not_sent",
    [CHARGE_UNKNOWN] = "unknown",           [CHARGE_REJECTED] = "rejected",
    [CHARGE_NOT_FOUND] = "not_found",       [CHARGE_NOT_ISSUED] = "not_issued",
    [CHARGE_CODE_REFUSED] = "code_refused", [CHARGE_MISMATCH] = "mismatch",
};

const char *charge_event_name(enum charge_event ev)
{
    return ev < CHARGE_EVENTS ? names[ev] : "unknown";
}

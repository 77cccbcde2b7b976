/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time: the times of schedule_delivery_time and validity_period (v3.4 7.1.1), sixteen characters
 * YYMMDDhhmmsstnnp: absolute with a distance to UTC in quarters of an hour, or relative (p = 'R').
 * Pure.
 */
#ifndef COKO_SMPP_TIME_H
#define COKO_SMPP_TIME_H

#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/str.h"

/* Seconds from now (Unix time) to the time that text names, negative when it is over. A year is 365
 * days and a month 30 in a relative one. -1: no such time; "" is none either. */
MUST_CHECK int smpp_time_parse(struct str text, int64_t now, int64_t *seconds);

#endif

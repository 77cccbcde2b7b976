/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging in by a code sent over SMS: what SQL cannot do. The number is normalised, looked up by
 * its keyed hash and sealed; the code is drawn, hashed under a key, and stands in clear only in the
 * sealed body of its message (S5). Limits and tries are counted in SQL.
 */
#ifndef COKO_API_OTP_H
#define COKO_API_OTP_H

#include "api/call.h"

extern const struct call_handler otp_request_handler;
extern const struct call_handler otp_verify_handler;

#endif

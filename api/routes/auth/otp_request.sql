-- SPDX-License-Identifier: Apache-2.0
select outcome, retry_after_s, request_id from auth.request_otp($1, $2, $3::int, $4, $5, $6, $7, $8)

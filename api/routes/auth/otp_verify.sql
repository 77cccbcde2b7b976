-- SPDX-License-Identifier: Apache-2.0
select outcome, public_id, session_id, tries_left from auth.verify_otp($1::uuid, $2, $3, $4, $5)

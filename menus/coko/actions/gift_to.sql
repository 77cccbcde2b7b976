-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: identity friend:number
-- cols: outcome friend_user friend_mark
-- outcomes: ok self abroad
select g.outcome, g.user_id as friend_user, g.mark as friend_mark from billing.gift_to($1::bigint, $2::jsonb) g

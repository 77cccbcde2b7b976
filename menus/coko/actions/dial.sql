-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: number_lookup number_sealed key_id country network carrier said_lang
-- cols: outcome identity user lang lang2 lang2_name continue_title pass_until hint place plan_label
-- outcomes: new charge moving invited paused ok
-- Finds or makes the reader, new until she went on from the welcome screen; a live charge is shown before anything else, then that somebody wants to
-- take what is hers to another number, then who asks her into a family, then that SMS are paused because none arrived.
select case when d.pending <> '' then d.pending when d.is_new then 'new'
            when auth.move_waits(d.identity_id) then 'moving'
            when f.member_id is not null then 'invited'
            when (select i.paused_for from auth.identity i where i.id = d.identity_id) = 'failures' then 'paused'
            else 'ok' end as outcome,
       d.identity_id as identity, d.user_id as "user", d.lang,
       coalesce(o.code, '') as lang2, coalesce(o.name, '') as lang2_name, d.continue_title,
       coalesce(d.pass_until::text, '') as pass_until,
       case when d.pending = '' then '' else billing.live_hint(d.user_id, d.lang) end as hint,
       coalesce(f.member_id::text, '') as place, coalesce(f.label, '') as plan_label
from auth.dial_in($1::bytea, $2::bytea, $3::int, $4, $5, $6, $7) d
left join lateral ops.other_language($4, d.lang) o on true
left join lateral billing.family_asked(d.user_id, d.lang) f on true

# SPDX-License-Identifier: Apache-2.0
"""Each rule taken out of the schema is missed by a test: the tests can fail.

A mutant is a statement, or (function, text, other text); beside it the test that must catch it.
"""
import pytest

import test_charges_desk as desk
import test_sql_billing as billing
import test_sql_carrier as carrier
import test_sql_codes as codes
import test_sql_deliveries as deliveries
import test_sql_family as family
import test_sql_fold as fold
import test_sql_invoices as invoices
import test_sql_esme as esme
import test_sql_mandate as mandate
import test_sql_messaging as messaging
import test_sql_number as number
import test_sql_rail_gate as rail_gate
import test_sql_readers as readers
import test_sql_renewals as renewals
import test_sql_rings as rings
import test_sql_routing as routing
import test_sql_royalties as royalties
import test_sql_schema as schema
import test_sql_selling as selling
import test_sql_statements as statements
from sqlfixtures import *  # noqa: F401,F403

MUTANTS = {
    "I1: no lock of the reader, no unique index": (
        [("billing.start_charge_once", "for no key update", ""), "drop index billing.charge_one_open; drop index billing.charge_one_a_period"],
        lambda w: billing.test_one_charge_from_many_connections_at_once(w, False)),
    "hard case 43: a test number is charged for real": (
        [("billing.rail_for", "ra.lab or not exists", "true or not exists")],
        carrier.test_a_test_number_meets_no_rail_but_the_labs),
    "hard case 43: one that became a test number is": (
        [("billing.take_charges", "c.state = 'READY' and not r.lab", "false")],
        carrier.test_a_number_that_becomes_one_before_the_submit_is_not_charged),
    "S5: a code that did not leave is sent later": (
        [("billing.charge_next", "p_event = 'not_sent' and (select r.flow = 'code'", "p_event = 'not_sent' and (select false"),
         "delete from billing.charge_transition where event = 'not_sent' and to_state = 'CREATED'"],
        lambda w: codes.test_what_did_not_leave_is_never_sent_later_S5(codes.code_shop(w))),
    "the breaker: half-open is open to all": (
        [("billing.rail_admits", "elsif g.until > p_now then", "elsif false then"), ("billing.rail_admits", "x.until <= p_now", "true")],
        rail_gate.test_half_open_sends_one_over_all_workers),
    "the breaker: a typed code passes it": (
        [("billing.claim_code", "not billing.rail_admits(c, r.submit_lease_s, v_now)", "false")],
        rail_gate.test_a_typed_code_does_not_leave_while_it_is_open_and_is_the_probe_after_the_pause),
    "the breaker: a refund passes it": (
        [("billing.claim_refunds", "if v_away is not null then", "if false then")],
        rail_gate.test_approved_refunds_wait_for_the_end_of_the_pause_and_questions_go_on),
    "the breaker: a mandate passes it": (
        [("billing.claim_mandates", "if v_away is not null then", "if false then")],
        rail_gate.test_a_mandate_is_asked_for_after_the_pause_and_after_an_hour_in_any_case),
    "S2: a step claims twice": (
        [("billing.claim_code", "ops.step_begin(p_step_key, 'type_code') is not null", "false"),
         ("billing.claim_code", "ch.state = 'CREATED'", "ch.state in ('CREATED', 'SUBMITTING')")],
        lambda w: codes.test_one_step_claims_once_S2(codes.code_shop(w))),
    "case 26: the promised SMS does not come": (
        [("billing.code_again", "a.promised", "false")],
        lambda w: codes.test_a_promised_sms_comes_and_an_unpromised_one_does_not(codes.code_shop(w))),
    "case 28: no wait for the same amount": (
        [("billing.start_charge_once", "r.repeat_wait_s > 0", "false")],
        lambda w: codes.test_the_same_amount_again_is_announced_case_28(codes.code_shop(w))),
    "an invoice's number that a rolled-back numbering keeps": (
        ["create sequence public.numbers", ("billing.take_numbers", "c.last + excluded.last", "excluded.last"),
         ("billing.take_numbers", "p_kind, p_n, v_now", "p_kind, setval('public.numbers', nextval('public.numbers') + p_n - 1), v_now")],
        lambda w: invoices.test_many_settle_and_two_number_at_once_some_taken_back_and_no_gap_rest_case_37(w, 0)),
    "two that number the same papers": (
        [("billing.number_papers", "perform pg_advisory_xact_lock(hashtextextended('number_papers', 26));", "")],
        invoices.test_who_numbers_second_waits_for_the_first),
    "a paper that fails holds up the others": (
        [("billing.make_papers", "exception when others then", "exception when sqlstate 'ZZ000' then")],
        invoices.test_a_paper_that_cannot_be_made_is_an_alert_and_the_others_do_not_wait),
    "a paper that fails holds up those of its batch": (
        [("billing.make_papers", "cardinality(p_due) > 1", "false")],
        invoices.test_of_a_batch_one_fails_and_the_others_have_their_numbers_in_the_order_in_which_they_were_due),
    "each paper steps the counter by itself": (
        [("billing.number_papers", "perform billing.make_papers(v_due);", "perform billing.make_papers(array[d]) from unnest(v_due) d;")],
        invoices.test_a_batch_takes_one_step_of_each_countrys_counter_in_its_own_year),
    "a batch's numbers in another order": (
        [("billing.invoice_charges", "partition by u.country order by u.id", "partition by u.country order by u.charge_id")],
        invoices.test_a_batch_numbers_invoices_and_credit_notes_each_in_the_order_in_which_they_were_due),
    "a credit note that is left out because its invoice waits": (
        [("billing.invoice_refund", "if exists (", "if false and exists (")],
        invoices.test_a_credit_note_waits_for_an_invoice_that_cannot_be_made),
    "a refund that each run takes back again": (
        [("billing.royalty_refunds", "where x.refund_id = f.id", "where false"), "alter table billing.royalty_refund drop constraint royalty_refund_pkey"],
        lambda w: royalties.test_a_refund_of_a_later_month_takes_back_of_the_month_that_was_sold(royalties.shop_of(w))),
    "a month of royalties that is not divided to the last franc": (
        [("billing.largest_remainder", "f.place <= p_total - f.given", "false")],
        lambda w: royalties.test_a_month_is_divided_once_by_what_was_read(royalties.shop_of(w))),
    "I2: no attempt row": (
        [("billing.take_charges", "from unnest(v_taken) t where t.state = 'SUBMITTING'", "from unnest(v_taken) t where false")],
        billing.test_submit_writes_the_attempt_first_and_end_comes_before_the_push),
    "I3: a new reference for a resubmit": (
        [("billing.take_steps", "set state = n.state,", "set our_ref = case when n.state = 'READY' then gen_random_uuid() else ch.our_ref end, state = n.state,")],
        billing.test_killed_after_claim_is_asked_about_and_resubmitted_with_the_same_ref),
    "I3: resubmit on the first not-found": (
        [("billing.charge_next", "p_charge.not_found >= 2", "true"), ("billing.charge_next", "interval '60 seconds'", "interval '-1 day'")],
        billing.test_not_found_never_resubmits_before_sixty_seconds),
    "M4: a lapsed submit is sent again": (
        [("billing.take_charges", "if c.state = 'READY' then\n            c.state", "if c.state in ('READY', 'SUBMITTING') then\n            c.state")],
        billing.test_killed_after_claim_is_asked_about_and_resubmitted_with_the_same_ref),
    "I8: a missing amount is good enough": (
        [("billing.same_money", "p_amount_minor is not distinct from p_charge.amount_minor", "coalesce(p_amount_minor, p_charge.amount_minor) = p_charge.amount_minor")],
        lambda w: billing.test_other_money_is_held_for_a_person(w, None, "XOF", "t")),
    "I8: the currency is not compared": (
        [("billing.same_money", "p_currency is not distinct from p_charge.currency::text", "true")],
        lambda w: billing.test_other_money_is_held_for_a_person(w, 100, "XAF", "t")),
    "I10: a late decline undoes success": (
        ["insert into billing.charge_transition values ('SUCCEEDED', 'declined', 'FAILED')"],
        billing.test_nothing_undoes_success),
    "I5: both charges of a period are granted": (
        [("billing.is_granted", "o.settlement = 'granted'", "false")],
        billing.test_superseded_charge_both_succeed_one_grant_one_credit),
    "I4: no version check": (
        [("billing.rail_answers", "c.version <> (v.said).version", "false"), ("billing.charge_event", "v_to is null", "false")],
        billing.test_sixty_four_equal_answers_settle_once),
    "I5: what a statement has of nobody's is in no books": (
        [("billing.statement_line_match", "-v_sign * l.gross_minor", "0")],
        lambda w: statements.test_every_success_of_a_rail_ends_as_exactly_one_thing_I5(statements.shop_of(w))),
    "I7: a line settles its charge": (
        [("billing.statement_payment", "elsif c.attempts = 0 then",
          "elsif c.state = 'EXPIRED' then perform billing.rail_answers(jsonb_build_array(jsonb_build_object('charge', c.id, 'version', c.version, 'event',"
          " 'success', 'txn', p_line.rail_txn_id, 'amount', p_line.gross_minor, 'currency', p_line.currency)), true); state := 'waiting'; elsif c.attempts = 0 then")],
        lambda w: statements.test_case_9_a_line_of_an_expired_charge_asks_the_rail_and_settles_nothing_I7(statements.shop_of(w))),
    "case 41: what no statement has is not missed": (
        [("billing.statement_missing_find", "t.times @> tstzrange(o.since, o.at, '[]')", "false")],
        lambda w: statements.test_case_41_the_reverse_a_success_without_a_line_is_missing_and_an_alert(statements.shop_of(w))),
    "a day is closed over an open difference": (
        [("billing.close_state", "v_open > 0", "false")],
        lambda w: statements.test_a_difference_keeps_the_day_open_until_a_person_explains_it(statements.shop_of(w))),
    "I9: no trigger on the entries": (
        ["drop trigger ledger_entry_zero on billing.ledger_entry; drop trigger ledger_txn_zero on billing.ledger_txn"],
        lambda w: billing.test_ledger_refuses_what_does_not_sum_to_zero(w, "(%(t)s, 'clearing', 5, 'XOF')")),
    "36: every reader pays today's price": (
        [("billing.price_of", "v_kept.amount_minor < v_today.amount_minor", "false")],
        selling.test_an_old_subscriber_keeps_her_price_and_a_cheaper_one_is_everybodys),
    "a kept price is kept for ever": (
        [("billing.price_of", "e.ends_at + pl.grace > v_now", "true")],
        selling.test_an_old_subscriber_keeps_her_price_and_a_cheaper_one_is_everybodys),
    "credit is used twice": (
        [("billing.credit_left", "c.credit_minor > 0 and not c.superseded", "false")],
        selling.test_credit_pays_its_part_and_is_reserved_once),
    "I5: a charge counts on credit that was spent": (
        [("billing.settle", "c.credit_minor > billing.credit_left(c.user_id, c.currency, c.id)", "false")],
        selling.test_a_late_success_whose_credit_was_spent_is_credit),
    "a refund keeps the part that credit had paid": (
        [("billing.refund_end", "v_credit := billing.refund_credit(f.charge_id);", "")],
        selling.test_a_whole_refund_gives_the_credits_part_back_as_credit),
    "33: a gift is pending at the friend's": (
        [("auth.dial_in", "coalesce(ch.gift_by, ch.user_id)", "ch.user_id")], selling.test_a_gift_is_told_to_both_and_is_the_friends),
    "33: the friend hears nothing": (
        [("billing.charge_notice", "('receipt', 'gift')", "('receipt')")], selling.test_a_gift_is_told_to_both_and_is_the_friends),
    "I1: a gift takes the period of her own purchase": (
        [("billing.start_charge_once", "or g.state in ('CREATED', 'READY',", "or g.state in ('none',")],
        selling.test_a_gift_and_her_own_purchase_do_not_meet),
    "10: a gift paid twice is the friend's credit": (
        [("billing.credit_from", "coalesce(p_charge.gift_by, p_charge.user_id)", "p_charge.user_id")],
        selling.test_a_gift_paid_twice_is_the_givers_credit),
    "a code of a lost number is guessed": (
        [("auth.number_redeem_once", "insert into billing.voucher_try (identity_id, at) values (p_identity_id, ops.now());", "null;")],
        lambda w: number.test_wrong_codes_are_locked_after_five_in_an_hour_and_twenty_in_a_day(w, number.reader_of(w))),
    "S2: a repeated step types the code twice": (
        [("auth.number_redeem", "ops.step_begin(p_step_key, 'number_redeem')", "null"), ("auth.number_redeem", "perform ops.step_end", "-- ")],
        lambda w: number.test_a_step_repeated_moves_once_and_says_the_same_S2(w, number.reader_of(w))),
    "I5: a number moves under an open payment": (
        [("auth.number_shift", "auth.user_pays(array[n.user_id], true)", "false")],
        lambda w: number.test_an_open_payment_of_either_side_comes_first(w, number.reader_of(w), "new")),
    "a purchase that waited pays for a reader who is gone": (
        [("billing.start_charge_once", "i.gone_at is not null or exists", "false and exists")],
        lambda w: number.test_a_purchase_that_waited_for_a_move_pays_nothing_for_nobody(w, number.reader_of(w))),
    "two passes are made one": (
        [("auth.number_shift", "auth.user_holds(n.user_id)", "false")],
        lambda w: number.test_a_number_with_a_pass_of_its_own_is_not_merged(w, number.reader_of(w))),
    "who asked for a move approves it": (
        [("auth.desk_answer", "m.asked_by = v_who", "false"), "alter table auth.number_move drop constraint number_move_check"],
        lambda w: number.test_two_persons_and_three_days_move_a_reader_and_the_old_number_is_told(number.desk_of(w), number.reader_of(w))),
    "the next holder of a number reads what was meant for the last": (
        [("messaging.enqueue_body", "i.gone_at is not null", "false")],
        lambda w: number.test_nothing_leaves_for_the_old_number_any_more_but_the_word_that_it_moved(w, number.reader_of(w))),
    "S5: a code that was never sent stays in its message": (
        [("auth.identity_retire", "update messaging.message set body_sealed = null", "update messaging.message set body_sealed = body_sealed")],
        lambda w: number.test_nothing_leaves_for_the_old_number_any_more_but_the_word_that_it_moved(w, number.reader_of(w))),
    "one secret is two persons": (
        [("billing.refund_approve", "v_who = f.requested_by", "false"), "alter table billing.refund drop constraint refund_check2"],
        lambda w: desk.test_a_refund_takes_two_secrets_of_two_persons(desk.desk_of(w))),
    "one person lets another in": (
        [("auth.staff_vouch_for", ">= 2", ">= 1")], lambda w: desk.test_the_first_two_are_active_and_a_third_needs_both(desk.desk_of(w))),
    "who was closed decides": (
        [("auth.staff_who", "and s.closed_at is null", ""), ("auth.staff_close", "and r.role = 'treasurer'", "and false")],
        lambda w: desk.test_who_is_closed_decides_nothing_and_his_word_for_another_is_void(desk.desk_of(w))),
    "a refund by hand leaves for the rail too": (
        [("billing.refund_approve", "case when not f.by_hand then v_now end", "v_now"),
         "alter table billing.refund drop constraint refund_hand_sends_nothing"],
        lambda w: desk.test_a_refund_by_hand_is_booked_when_a_person_tells_the_rails_id(desk.desk_of(w), "mpesa")),
    "one act at the back office ends two refunds": (
        [("billing.refund_made", "o.rail_txn = v_txn", "false"), "drop index billing.refund_rail_txn"],
        lambda w: desk.test_one_act_at_the_back_office_pays_for_one_refund(desk.desk_of(w))),
    "I8: a person grants what is not the price": (
        [("billing.review_decide", "h.held_minor <> c.amount_minor", "false")],
        lambda w: desk.test_what_is_not_the_price_becomes_credit_or_goes_back(desk.desk_of(w), 90)),
    "rest 36: two have the last place of a family": (
        [("billing.family_invite_once", "for no key update", ""), "drop index billing.family_seat"],
        family.test_two_at_once_on_the_last_place_one_has_it),
    "rest 36: a family reads under a pass for one": (
        [("billing.family_pass", "p.members >= p_seat", "true")],
        family.test_the_end_of_the_pass_ends_the_right_and_the_next_one_brings_it_back),
    "an invitation is a right": (
        [("billing.pass_of", "and f.state = 'member'", "and f.state <> 'ended'")], family.test_who_is_asked_and_says_yes_reads_as_its_host_does),
    "an invitation is for ever": (
        [("billing.family_join_once", "not billing.family_fresh(m)", "false")], family.test_a_week_without_an_answer_frees_the_place),
    "anybody ends a place of a family": (
        [("billing.family_end", "when m.host_id = p_user_id then", "else")], family.test_a_host_takes_somebody_out_and_nobody_else_can),
    "a recycled number keeps its place in a family": (
        [("auth.identity_retire", "perform billing.family_recycle(p_identity_id);", "")],
        lambda w: family.test_the_next_holder_of_a_recycled_number_has_no_place(number.desk_of(w))),
    "one book opens every book": (
        [("billing.may_send", "and r.book_id = p_book_id", "")], selling.test_one_book_is_hers_for_ever_and_no_other),
    "a trial a reader, not a number": (
        [("billing.start_trial", "select i.lookup, p_user_id", "select sha256(p_user_id::text::bytea), p_user_id"),
         ("billing.trial_offer", "t.lookup = i.lookup", "false")],
        selling.test_a_number_that_comes_to_another_reader_has_no_second_trial),
    "38: no lock of the voucher": (
        [("billing.redeem_once", "where code_mac = any (p_macs) for update", "where code_mac = any (p_macs)"),
         "alter table billing.entitlement drop constraint entitlement_voucher_key"],
        selling.test_one_voucher_from_two_callers_at_once),
    "guesses are not counted": (
        [("billing.redeem_once", "insert into billing.voucher_try (identity_id, at) values (p_identity_id, v_now);", "")],
        selling.test_guessing_is_limited_by_phone),
    "the limit is looked at after the code": (
        [("billing.redeem_once", "return '{\"outcome\": \"limited\"}'", "if not exists (select 1 from billing.voucher where code_mac = any (p_macs))"
          " then return '{\"outcome\": \"limited\"}'; end if")],
        selling.test_guessing_is_limited_by_phone),
    "a closed batch still works": (
        [("billing.redeem_once", "b.closed_at is not null or", "")], selling.test_codes_that_do_not_work_say_why),
    "unused days round up": (
        [("billing.taken_over", "floor(sum(x.worth) * billing.plan_days(pl, v_now, v_zone) / nullif(v_price, 0))",
          "ceil(sum(x.worth) * billing.plan_days(pl, v_now, v_zone) / nullif(v_price, 0) + 0.001)")],
        selling.test_a_better_pass_begins_now_and_takes_the_unused_days_over),
    "grace after a refund": (
        [("billing.grace_of", "and not e.given_back", "")], selling.test_no_grace_after_a_day_nor_after_a_refund),
    "grace sends instalments": (
        [("billing.may_send", "or exists (select 1 from billing.book_right", "or exists (select 1 from billing.in_grace(p_user_id, ops.now()))"
          " or exists (select 1 from billing.book_right")],
        selling.test_grace_is_for_the_screen_alone_and_three_days),
    "who cancelled is reminded": (
        [("billing.not_reminded", "p_pass.cancelled_at is not null or", ""), ("billing.cancel_renewal", "remind_at = null", "remind_at = remind_at")],
        lambda w: selling.test_who_said_no_is_not_reminded(w, "cancel")),
    "dunning after a refusal": (
        [("billing.not_reminded", "c.state = 'FAILED'", "false")], lambda w: selling.test_who_said_no_is_not_reminded(w, "refusal")),
    "reminders at night": (
        [("billing.remind_due", "elsif v_decent > p_now then", "elsif false then"),
         ("billing.reminder_slot", "if billing.decent_hour(p_identity.country, v_slot) > v_slot then", "if false then"),
         # a pass that is bought at three in the morning
         "update ops.clock set shift = date_trunc('day', clock_timestamp()) + interval '27 hours' - clock_timestamp()"],
        lambda w: selling.test_the_end_is_spoken_of_before_and_after_it(w, "month", 1500, [-3, -1, 0, 1, 3, 7])),
    "35: two schedulers share a pass": (
        [("billing.run_reminders", "perform 1 from billing.reminder_pace where lane = '*' for update;", ""),
         ("billing.run_reminders", "for update skip locked", ""), ("billing.remind", "'remind:' || p_pass.id || ':' || p_days", "null")],
        selling.test_reminders_of_two_schedulers_are_said_once),
    "35: a crowd is said at once": (
        [("billing.remind_due", "elsif not billing.remind_later(p_pass, i, p_now) then", "else")],
        lambda w: renewals.test_a_crowd_is_said_at_its_pace_and_each_once(renewals.at_noon(w))),
    "35: one rail's crowd stands before another's": (
        [("billing.reminder_slot", "where p.lane = any (v_lanes)", "where true")],
        lambda w: renewals.test_a_slow_lane_makes_its_own_readers_wait_and_nobody_elses(renewals.at_noon(w), {"rail_wave": 6})),
    "35: a place is no reason to be first": (
        [("billing.run_reminders", "x.remind_place <= v_now", "false")],
        lambda w: renewals.test_who_has_a_place_is_not_late_for_a_new_crowd(renewals.at_noon(w))),
    "35: missed places are said in one burst": (
        [("billing.remind_later", "p_now - interval '1 minute'", "p_now - interval '1 day'")],
        lambda w: renewals.test_places_that_nobody_came_to_are_asked_for_again(renewals.at_noon(w))),
    "37: a debit leaves after STOP": (
        [("billing.take_charges", "m.id = c.mandate_id and m.state = 'ACTIVE'", "m.id = c.mandate_id")],
        lambda w: mandate.test_a_debit_that_has_not_left_does_not_any_more_and_one_that_did_is_honoured(mandate.allow(w), "stop")),
    "36: a new price is debited without a yes": (
        [("billing.renew_hindrance", "p.amount_minor <> p_mandate.amount_minor", "false")],
        lambda w: mandate.test_a_new_price_is_never_debited_without_a_new_yes(mandate.allow(w))),
    "36: another period under an old yes": (
        [("billing.renew_hindrance", "pl.period_unit <> p_mandate.period_unit", "false")],
        lambda w: mandate.test_another_period_at_the_same_price_is_not_debited_without_a_new_yes(mandate.allow(w), "after it")),
    "a debit without its notice": (
        [("billing.renew_step", "elsif m.noticed_for is distinct from e.ends_at then", "elsif false then")],
        lambda w: mandate.test_nobody_is_debited_without_the_notice(mandate.allow(w))),
    "renewal is on where nobody turned it on": (
        [("billing.auto_offer", "and a.enabled", "")], mandate.test_it_is_off_until_an_operator_turns_it_on),
    "30 days are a month": (
        [("billing.add_period", "if p_unit in ('day', 'week') then", "if p_unit = 'month' then return p_from + interval '30 days'; end if; if p_unit in ('day', 'week') then")],
        lambda w: billing.test_period_arithmetic(w, (2026, 1, 31), "month", 31, [(2026, 2, 28)])),
    "S2: the step is not recorded": (
        [("ops.step_end", "coalesce(p_step_key, '') <> ''", "false")],
        messaging.test_instalment_moves_the_position_and_counts_the_allowance),
    "the first of many first dials alone is welcomed": (
        [("auth.dial_in", "i.welcomed_at is null", "f.is_new")],
        schema.test_first_dials_at_once_make_one_reader_and_all_are_welcomed),
    "M3: STOP leaves the queue": (
        [("messaging.cancel_unsent", "state = 'queued' and kind", "state = 'partial' and kind")],
        messaging.test_stop_cancels_what_is_queued_and_confirms_once),
    "M3: the confirmation does not wait": (
        [("auth.stop_by", "v_flagged > 0", "false")],
        lambda w: messaging.test_stop_confirmation_waits_until_nothing_is_being_sent(w, "accepted")),
    "M3: the answer to PAUSE does not wait": (
        [("auth.pause_by", "v_flagged > 0", "false")], readers.test_pause_waits_for_what_is_being_sent),
    "M4: a ring that nobody answered is pushed again": (
        [("messaging.ring_sweep", "'unknown', 'nobody answered'", "'queued', ''")],
        lambda w: rings.test_m4_a_ring_is_pushed_once_and_without_an_answer_it_is_unknown(w, rings.claim(w) or rings.dial(w))),
    "M3: the confirmation does not wait for a ring": (
        [("messaging.cancel_unsent", "v_flagged + messaging.ring_stop(p_identity_id)", "v_flagged")],
        lambda w: rings.test_m3_the_confirmation_of_stop_waits_for_a_ring_that_is_being_pushed(w, rings.claim(w) or rings.dial(w), "accepted")),
    "M3: who said stop is rung": (
        [("messaging.ring_put", "i.stopped_at is not null or i.paused_at is not null", "false")],
        lambda w: rings.test_m3_who_said_stop_is_not_rung(w, rings.claim(w) or rings.dial(w), "stop_by")),
    "a repeated instalment gives its text back": (
        [("messaging.rewind", "and repeats is null", "")], readers.test_repeat_that_fails_moves_nothing),
    "the schedule does not move on": (
        [("messaging.run_schedule", "set next_at = messaging.next_slot(s.user_id, s.slots, v_now)", "set next_at = next_at")],
        readers.test_a_slot_runs_once_and_the_next_in_its_time),
    "the schedule writes to who said PAUSE": (
        [("messaging.run_schedule", "i.paused_at is not null", "false")], lambda w: readers.test_nothing_comes_by_itself(w, "pause")),
    "a letter that stays is counted in septets": (
        [("messaging.next_slice", "if v_wide is not null and t.units is not null then", "if false then")],
        lambda w: fold.test_one_letter_costs_what_its_rule_says(w, "keep", 3)),
    "the language's rule before the book's": (
        [("messaging.fold_of", "coalesce(b.fold_rule, (", "coalesce((")],
        fold.test_rule_of_the_book_before_its_language_before_any),
    "a throttled route pauses the reader": (
        [("messaging.failed_for_good", "p.receipt_at is not null or p.code = 11", "true")],
        lambda w: deliveries.test_what_the_route_refused_is_not_the_phone(w, 0x58)),
    "a success does not reset the count": (
        [("messaging.failures", "s.state in ('delivered', 'partial')", "false")], deliveries.test_a_success_resets_the_count),
    "receipts wait for the row of a reader": (
        [("messaging.pause_failing", "skip locked", "nowait")], deliveries.test_a_pause_missed_under_a_lock_comes_with_the_next_slot),
    "another reader's deliveries": (
        [("messaging.deliveries", "where i.user_id = p_user_id", "where true"),
         ("messaging.deliveries", "and g.user_id = p_user_id", "")],
        deliveries.test_deliveries_are_the_readers_own_on_every_phone_and_page_by_key),
    "quiet hours do not end the validity": (
        [("messaging.quiet_fit", "messaging.quiet_begin(m.country, v_due)", "null")],
        readers.test_hard_case_32_quiet_hours_overtake_a_queue),
    "what quiet hours overtook is lost": (
        [("messaging.claim", "perform messaging.quiet_defer(v_ids, v_now);", "")],
        readers.test_hard_case_32_quiet_hours_overtake_a_queue),
    "REPETER is free": (
        [("messaging.repeat_once", "m.segments > a.left_month", "false")], readers.test_repeat_beyond_the_allowance),
    "PAUSE leaves no evidence": (
        [("auth.pause_by", "perform auth.consent_put", "-- ")], readers.test_pause_and_its_end),
    "M4: recovery queues again": (
        [("messaging.recover", "y.kind = m.kind and y.action = 'resend'", "y.kind = 'otp'")],
        messaging.test_lost_link_is_unknown_and_never_sent_again),
    "claims share rows": (
        [("messaging.claim", "for update skip locked", ""), ("messaging.claim", "m.state = 'queued' and i.id", "i.id")],
        messaging.test_two_claimers_never_share_a_row),
    "final states move": (
        [("messaging.receipts_take", "p.state in ('accepted', 'unknown')", "true")],
        messaging.test_final_states_are_sticky),
    "an orphan receipt is dropped": (
        [("messaging.receipt_one", "if p.message_id is null then", "if p.message_id is null then return null; end if; if p.message_id is null then")],
        messaging.test_receipt_before_the_response),
    "an instalment with a receipt is repeated": (
        [("messaging.rewind", "p.state in ('delivered', 'accepted')", "false")],
        messaging.test_instalment_with_a_receipt_is_never_repeated),
    "receipts of a dead sender are not adopted": (
        [("messaging.instalment_once", "messaging.adopt_orphans(m.id) > 0", "false")],
        messaging.test_receipts_of_an_instalment_whose_sender_died_before_the_record),
    "an old epoch claims": (
        [("messaging.claim", "a.epoch > p_epoch", "false")],
        messaging.test_an_older_epoch_claims_nothing),
    "a dead account is not passed over": (
        [("messaging.account_state", "else 'down' end", "else 'up' end")],
        routing.test_an_account_that_is_down_paused_or_disabled_is_passed_over),
    "a dear route before a cheap one": (
        [("messaging.route_of", "c.eur nulls last, c.currency, c.cost,", "c.eur desc,")],
        routing.test_named_before_any_then_priority_then_price),
    "a prefix corrects what a carrier said": (
        [("auth.identity_find", "coalesce(i.network, '') = ''", "true")],
        routing.test_a_prefix_corrects_nobody),
    "M4: a code of unknown outcome leaves by another route": (
        [("messaging.reroute", "m.done_at is null", "true")],
        routing.test_a_code_that_may_have_left_stays),
    "33: a refused number is sent although a part was taken": (
        [("messaging.reroute_refused", "bool_and(p.state = 'failed')", "true")],
        routing.test_33_a_part_was_taken_so_nothing_is_rerouted),
    "33: a batch repeated disturbs the other route": (
        [("messaging.record", "if v_left and not v_plain then", "if false then")],
        routing.test_33_number_ported_goes_to_the_next_route_once),
    "a foot that nobody can follow": (
        [("messaging.render_for", "messaging.two_way(p_account, p_country)", "true")],
        routing.test_a_foot_offers_only_what_works_on_its_route),
    "M3: an ESME writes to who said STOP": (
        [("messaging.submit", "i.stopped_at is not null", "false")], esme.test_stop_refuses_and_ends_what_is_queued),
    "M3: STOP leaves an ESME's messages": (
        [("auth.stop_by", "{instalment,notice,esme}", "{instalment,notice}")], esme.test_stop_refuses_and_ends_what_is_queued),
    "an ESME asks about another's message": (
        [("messaging.esme_named", "and e.esme = p_esme", "")], esme.test_an_esme_reads_nothing_of_another_s),
    "an ESME changes another's submit_multi": (
        [("messaging.esme_named", "and e.esme = p_esme", "")], esme.test_a_submit_multi_is_asked_about_and_changed_as_one),
    "a receipt that was refused is gone": (
        [("messaging.esme_answered", "x.answer = 'done'", "x.answer <> 'lost'")], esme.test_a_receipt_is_owed_until_it_is_answered),
    "a batch sent again is made again": (
        [("messaging.submit", "r.dedupe, v_now)", "null, v_now)")], esme.test_every_submit_is_a_message_and_a_repeated_batch_is_not),
    "M4: an unknown end is told as one": (
        ["create or replace trigger message_esme_ended after update of state on messaging.message for each row"
         " when (new.kind = 'esme' and old.state <> new.state and new.state in ('unknown', 'delivered', 'partial', 'failed', 'cancelled',"
         " 'expired')) execute function messaging.esme_ended()",
         ("messaging.esme_ended", "else new.state end", "when new.state = 'unknown' then 'failed' else new.state end")],
        esme.test_what_ends_without_a_carrier_is_told_too),
    "two dials make two readers": (
         [("auth.identity_find", "perform pg_advisory_xact_lock", "perform pg_sleep(1); perform abs")], schema.test_first_dials_at_once_make_one_reader_and_all_are_welcomed),
    "OTP tries are not counted": (
        [("auth.verify_otp", "set tries = o.tries + 1", "set tries = 0")],
        schema.test_otp_five_wrong_tries_at_once_lock),
    "a lease is taken from its holder": (
        [("ops.lease_take", "l.owner = excluded.owner or", "true or")],
        schema.test_one_of_many_takes_the_lease),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(world, name):
    changes, test = MUTANTS[name]
    for change in changes:
        if isinstance(change, str):
            world.rows(change)
            continue
        function, old, new = change
        body = world.value("select pg_get_functiondef(p.oid) from pg_proc p where p.oid = %s::regproc", function)
        assert old in body, f"{function} no longer has: {old}"
        world.rows(body.replace(old, new))
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        test(world)
    assert not isinstance(caught.value, (NameError, TypeError, AttributeError)), caught.value

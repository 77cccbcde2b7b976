# SPDX-License-Identifier: Apache-2.0
"""Message ids and delivery receipts in the shapes that carriers give them (v3.4 appendix B)."""

import time

import smpp_codec as codec

STATE_ERROR = {"DELIVRD": "000", "UNDELIV": "001", "EXPIRED": "002", "REJECTD": "003"}


def form_id(number, form):
    """The message id as this carrier writes it."""
    if form == "constant":
        return b"msg_id_not_implemented"
    style = {"dec": "{}", "dec0": "{:020}", "hex": "{:x}", "HEX": "{:X}", "hex0": "{:016x}",
             "HEX0": "{:016X}"}[form]
    return style.format(number).encode()


def receipt_text(number, part, word, form):
    stamp = "%y%m%d%H%M"
    submitted = time.strftime(stamp, time.gmtime(part.submitted))
    done = time.strftime(stamp, time.gmtime(part.done or time.time()))
    sample = codec.text_of(part.sm.data_coding, part.rest)[0][:20].encode("ascii", "replace")
    error = STATE_ERROR.get(word, "099").encode()
    state = word.encode()
    if form == "short":
        return b"id:" + number + b" stat:" + state + b" err: 0"
    if form == "reordered":
        return (b"stat:" + state + b" err:0" + error + b" id:" + number + b" done date:"
                + done.encode() + b" text:")
    text = (b"id:" + number + b" sub:001 dlvrd:" + (b"001" if word == "DELIVRD" else b"000")
            + b" submit date:" + submitted.encode() + b" done date:" + done.encode()
            + b" stat:" + state + b" err:" + error + b" text:" + sample)
    return text[:text.index(b" err:")] if form == "truncated" else text


def receipt_pdu(seq, part, word, number, form):
    """A delivery receipt as a deliver_sm, in the shape that receipt_form names."""
    sm = part.sm
    text = receipt_text(number, part, word, form)
    tlvs = []
    if form in ("tlv", "both", "no_class"):
        tlvs = [(codec.T_RECEIPTED_ID, number + b"\0"),
                (codec.T_STATE, bytes((codec.STATES.get(word, 7),)))]
    if form == "tlv":
        text = b""
    own = sm.tlvs.get(codec.T_USER_REF)
    if own and form not in ("short", "truncated"):
        tlvs.append((codec.T_USER_REF, own))
    if form == "payload":
        tlvs, text = tlvs + [(codec.T_PAYLOAD, text)], b""
    return codec.build_sm(
        codec.DELIVER_SM, seq, src=sm.dst, dst=sm.src, message=text, src_ton=sm.dst_ton,
        src_npi=sm.dst_npi, dst_ton=sm.src_ton, dst_npi=sm.src_npi,
        service_type=sm.service_type, esm_class=0 if form == "no_class" else 4, tlvs=tlvs)

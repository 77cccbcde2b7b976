# SPDX-License-Identifier: Apache-2.0
"""What each carrier's reply is, octet for octet, written down once more: no profile is read here.

    octets(phone)           of the screen that stands on the phone
    notice(phone, kind)     of the answer to the notice of an end
    CONTENT_TYPE[name]

What only the daemon can draw (a link's token, the sealed state of a dialogue, the second of a digest) is
taken from the reply itself, its form checked.
"""
import base64
import hashlib
import json
import re

from carriers.asynchronous import HuaweiPhone

XML = '<?xml version="1.0" encoding="UTF-8"?>'
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\n": "&#10;"}
SOAP = 'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
CSAPI = 'xmlns:loc="http://www.csapi.org/schema/parlayx/ussd'


def xml(text):
    return "".join(ESCAPES.get(c, c) for c in text)


def html(text):
    return xml(text).replace("&#10;", "<br/>")


def pack(**members):
    """JSON without a space, as it was always sent."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


# --- texts -----------------------------------------------------------------------------------------

def con_end(phone, text, ended):
    return f"{'END' if ended else 'CON'} {text}"


def airtel_comviva(phone, text, ended):
    return text


def cellulant(phone, text, ended):
    return f"1|{text}|null|null|{'end' if ended else 'null'}|null"


# --- JSON ------------------------------------------------------------------------------------------

def hubtel(phone, text, ended):
    return pack(SessionId=phone.session, Type="release" if ended else "response", Message=text, Label="Coko",
                ClientState="", DataType="display" if ended else "input", FieldType="text")


def arkesel(phone, text, ended):
    return pack(sessionID=phone.session, userID=phone.user_id, msisdn=phone.digits, message=text,
                continueSession=not ended)


def nalo(phone, text, ended):
    return pack(USERID=phone.user_id, MSISDN=phone.digits, MSG=text, MSGTYPE=not ended)


def korba(phone, text, ended):
    return pack(message=text, ussdServiceOp=17 if ended else 2)


def nsano(phone, text, ended):
    return pack(USSDResp={"action": "prompt" if ended else "input", "menus": "", "title": text})


def beem(phone, text, ended):
    return pack(msisdn=phone.digits, operator="vodacom", session_id=phone.session,
                command="terminate" if ended else "continue", payload={"request_id": phone.hops, "request": text})


def infobip(phone, text, ended):
    return pack(ussdMenu=text, shouldClose=ended, responseExitCode=200, responseMessage="")


def mtn_madapi(phone, text, ended):
    return pack(statusCode="0000", statusMessage="Success", transactionId=phone.session,
                data={"inboundResponse": text, "userInputRequired": not ended, "messageType": 2 if ended else 1,
                      "serviceCode": phone.service_code, "msisdn": phone.digits, "sessionId": phone.session},
                _link={"self": {"href": "/ussd/mtn_madapi/demo"}})


def dmark(phone, text, ended):
    return pack(responseString=text, action="end" if ended else "request")


def hollatags(phone, text, ended, kind=None):
    return pack(session_operation="end" if ended else "continue", session_type=kind or ("1" if phone.hops == 1 else "2"),
                session_id=phone.session, session_msg=text, session_from=phone.service_code,
                session_msisdn=phone.digits, session_mno="MTN")


# --- XML -------------------------------------------------------------------------------------------

def mtn_comviva(phone, text, ended):
    return (f"{XML}<response><msisdn>{phone.digits}</msisdn><sessionid>{phone.session}</sessionid><transactionid>"
            f"{phone.session}{phone.hops - 1:04d}</transactionid><freeflow><freeflowState>{'FB' if ended else 'FC'}"
            "</freeflowState><freeflowCharging>N</freeflowCharging><freeflowChargingAmount>0</freeflowChargingAmount>"
            f"</freeflow><applicationResponse>{xml(text)}</applicationResponse></response>")


def without(text, options):
    """The screen's text above its options."""
    return text[:-sum(len(f"\n{option}") for option in options)] if options else text


def moov(phone, text, ended):
    rows = [(o.get("choice"), o.text) for o in phone.options]
    drawn = "".join(f'<option choice="{key}">{xml(label)}</option>' for key, label in rows)
    return (f"{XML}<response><screen_type>{'menu' if rows else 'form'}</screen_type><text>"
            f"{xml(without(text, [f'{key} {label}' for key, label in rows]))}</text>"
            f"{f'<options>{drawn}</options>' if rows else ''}<back_link>0</back_link><home_link>0</home_link>"
            f"<session_op>{'end' if ended else 'continue'}</session_op><screen_id>{phone.hops + (not ended)}</screen_id></response>")


def aat(phone, text, ended):
    if ended:
        return f"{XML}<request><headertext>{xml(text)}</headertext></request>"
    link = phone.options[0].get("callback")
    assert re.fullmatch(re.escape(phone.url) + "/[A-Za-z0-9_-]{16}", link), link
    return (f'{XML}<request><headertext>{xml(text)}</headertext><options><option command="1" order="1" '
            f'callback="{link}" display="false"></option></options></request>')


def answer_of(phone, key):
    """CellCube numbers the links itself: our key stands in the address alone."""
    return re.search(r"=(\d{1,2})$", phone.links[key]).group(1) if phone.carrier == "cellcube" else key


def links_of(phone, text):
    """The text above the links, and (key, href, label) of each; all under one token of the step."""
    at = f"/ussd/{phone.carrier}/demo/"
    hrefs = list(phone.links.values()) or [phone.field[0]]
    token = hrefs[0][len(at):].partition("?")[0]
    assert re.fullmatch("[A-Za-z0-9_-]{16}", token), token
    assert phone.field in (None, (at + token, "response"))
    lines = text.split("\n")
    n = len(lines) - len(phone.links)
    rows = [(key, f"{at}{token}?response={answer_of(phone, key)}", line[len(key) + 1:])
            for key, line in zip(phone.links, lines[n:])]
    assert [(key, href) for key, href, _ in rows] == list(phone.links.items())
    return "\n".join(lines[:n]), rows, at + token


def orange_xhtml(phone, text, ended):
    meta = '<meta name="nav" content="end"/>' if ended else ""
    page = f'{XML}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Coko</title>{meta}</head><body>'
    if ended:
        return f"{page}{html(text)}</body></html>"
    head, rows, action = links_of(phone, text)
    if phone.field:
        return (f'{page}{html(head)}<br/><form action="{action}" method="get"><input type="text" name="response"/>'
                "</form></body></html>")
    return f"{page}{html(head)}<br/>" + "".join(
        f'<a href="{href}" accesskey="{key}">{html(label)}</a><br/>' for key, href, label in rows) + "</body></html>"


def cellcube(phone, text, ended):
    page = f'{XML}<!DOCTYPE pages SYSTEM "cellflash-1.3.dtd"><pages>'
    if ended:
        return f'{page}<page nav="end">{html(text)}</page></pages>'
    head, rows, action = links_of(phone, text)
    if phone.field:
        return (f'{page}<page><form action="{action}"><entry kind="text" var="response"><prompt>{html(head)}</prompt>'
                "</entry></form></page></pages>")
    return f"{page}<page>{html(head)}<br/>" + "".join(
        f'<a href="{href}">{html(label)}</a><br/>' for _, href, label in rows) + "</page></pages>"


def restcomm(phone, text, ended):
    if ended:
        return (f'{XML}<dialog type="End" localId="{phone.session}" mapMessagesSize="1" prearrangedEnd="false">'
                '<processUnstructuredSSRequest_Response invokeId="7" dataCodingScheme="15" '
                f'string="{xml(text)}"/></dialog>')
    state = phone.user_object
    assert len(base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))) > 28
    return (f'{XML}<dialog type="Continue" localId="{phone.session}" mapMessagesSize="1" userObject="{state}">'
            f'<unstructuredSSRequest_Request dataCodingScheme="15" string="{xml(text)}"/></dialog>')


def integrat(phone, text, ended):
    return (f'{XML}<Message><Version Version="1.0"/><Request Type="USSReply" SessionID="{phone.session}" '
            f'Flags="{int(ended)}"><UserID Orientation="TR">coko</UserID><Password>integrat-password</Password>'
            f'<USSText Type="TEXT">{xml(text)}</USSText></Request></Message>')


def huawei(phone, text, ended):
    stamp = re.search(r"<tns:timeStamp>(\d{14})<", phone.last_call.body.decode()).group(1)
    digest = hashlib.md5((HuaweiPhone.sp_id + HuaweiPhone.sp_password + stamp).encode()).hexdigest()
    assert re.fullmatch("[0-9a-f]{8}", phone.ours)
    return (f'{XML}<soapenv:Envelope {SOAP}><soapenv:Header><tns:RequestSOAPHeader '
            f'xmlns:tns="http://www.huawei.com.cn/schema/common/v2_1"><tns:spId>{HuaweiPhone.sp_id}</tns:spId>'
            f"<tns:spPassword>{digest}</tns:spPassword><tns:serviceId>{HuaweiPhone.service_id}</tns:serviceId>"
            f"<tns:timeStamp>{stamp}</tns:timeStamp><tns:OA>{phone.digits}</tns:OA><tns:FA>{phone.digits}</tns:FA>"
            f"<tns:linkid>{phone.session}01</tns:linkid></tns:RequestSOAPHeader></soapenv:Header><soapenv:Body>"
            f'<loc:sendUssd {CSAPI}/send/v1_0/local"><loc:msgType>{2 if ended else 1}</loc:msgType><loc:senderCB>'
            f"{phone.ours}</loc:senderCB><loc:receiveCB>{phone.session}</loc:receiveCB><loc:ussdOpType>"
            f"{3 if ended else 1}</loc:ussdOpType><loc:msIsdn>{phone.digits}</loc:msIsdn><loc:serviceCode>"
            f"{phone.service_code.strip('*#')}</loc:serviceCode><loc:codeScheme>15</loc:codeScheme><loc:ussdString>"
            f"{xml(text)}</loc:ussdString></loc:sendUssd></soapenv:Body></soapenv:Envelope>")


# --- what stands beside a screen -------------------------------------------------------------------

def soap_result(what):
    return (f'{XML}<soapenv:Envelope {SOAP}><soapenv:Body><loc:{what}Response {CSAPI}/notification/v1_0/local">'
            f"<loc:result>0</loc:result></loc:{what}Response></soapenv:Body></soapenv:Envelope>")


ACKNOWLEDGEMENT = {"huawei": soap_result("notifyUssdReception"), "integrat": ""}
NOTICES = {  # what nobody reads: only the carrier's own success
    "africastalking": lambda phone, kind: "END ",
    "hubtel": lambda phone, kind: pack(Type="release", Message=""),
    "korba": lambda phone, kind: korba(phone, "", True),
    "beem": lambda phone, kind: beem(phone, "", True),
    "infobip": lambda phone, kind: pack(responseExitCode=200, responseMessage=""),
    "mtn_madapi": lambda phone, kind: mtn_madapi(phone, "", True),
    "mtn_comviva": lambda phone, kind: mtn_comviva(phone, "", True),
    "hollatags": lambda phone, kind: hollatags(phone, "", True, "3"),
    "restcomm": lambda phone, kind: f'{XML}<dialog mapMessagesSize="0" prearrangedEnd="false"></dialog>',
    "huawei": lambda phone, kind: soap_result("notifyUssdAbort" if kind == "abort" else "notifyUssdReception")}
WRITTEN = {f.__name__: f for f in (
    airtel_comviva, cellulant, hubtel, arkesel, nalo, korba, nsano, beem, infobip, mtn_madapi, dmark, hollatags,
    mtn_comviva, moov, aat, orange_xhtml, cellcube, restcomm, integrat, huawei)}
KINDS = {"text/html": ("orange_xhtml",),
         "text/xml": ("mtn_comviva", "moov", "aat", "cellcube", "restcomm", "integrat", "huawei"),
         "application/json": ("hubtel", "arkesel", "nalo", "korba", "nsano", "beem", "infobip", "mtn_madapi", "dmark",
                              "hollatags")}
CONTENT_TYPE = {name: f"{kind}; charset=utf-8" for kind, names in KINDS.items() for name in names}


def octets(phone):
    return WRITTEN.get(phone.carrier, con_end)(phone, phone.last, phone.ended)


def notice(phone, kind):
    return NOTICES.get(phone.carrier, lambda *_: "")(phone, kind)

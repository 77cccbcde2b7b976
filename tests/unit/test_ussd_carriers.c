/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every carrier over HTTP in its own octets: what its callback means, and what goes back. The rows
 * are the carriers' documents, not our profiles: a profile that reads a field elsewhere fails here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/profile.h"
#include "tests/unit/guard.h"
#include "tests/unit/ussd_profile.h"

struct callback {
    const char *carrier;
    enum http_method method;
    const char *tail, *query, *body;
    /* what it means */
    enum ussd_kind kind;
    const char *session, *number, *input;
    int64_t sequence; /* -1: none */
};

#define HUAWEI_HEAD                                                                                \
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>"                 \
    "<h:NotifySOAPHeader xmlns:h=\"urn:h\"><h:spRevId>sdp</h:spRevId><h:spRevpassword>secret"      \
    "</h:spRevpassword><h:spId>35</h:spId><h:serviceId>3500</h:serviceId><h:timeStamp>2026"        \
    "</h:timeStamp><h:linkid>L1</h:linkid><h:traceUniqueID>T1</h:traceUniqueID><h:OperatorID>"     \
    "op</h:OperatorID></h:NotifySOAPHeader></s:Header><s:Body xmlns:n=\"urn:n\">"
#define HUAWEI_TAIL "</s:Body></s:Envelope>"
#define HIGATE(type, text)                                                                         \
    "<Message><Version Version=\"1.0\"/><Response Type=\"OnUSSEvent\"><OnUSSEvent Type=\"" type    \
    "\"><USSContext SessionID=\"sid\" NetworkSID=\"n\" MSISDN=\"27721000111\" ConnStr=\"*1#\"/>"   \
    "<USSText Type=\"TEXT\">" text "</USSText></OnUSSEvent></Response></Message>"

static const struct callback callbacks[] = {
    {"africastalking", HTTP_POST, "", "",
     "sessionId=ATUid_1&serviceCode=%2A384%2A26%23&phoneNumber=%2B254711000111&networkCode=63902&"
     "text=1%2A2",
     USSD_UNSAID, "ATUid_1", "+254711000111", "1*2", -1},
    {"advanta", HTTP_GET, "", "SESSIONID=9&USSDCODE=*384%23&MSISDN=254711000111&INPUT=26*2*Dan", "",
     USSD_UNSAID, "9", "254711000111", "2*Dan", -1},
    {"advanta", HTTP_GET, "", "SESSIONID=9&USSDCODE=*384%23&MSISDN=254711000111&INPUT=26", "",
     USSD_UNSAID, "9", "254711000111", "", -1},
    {"jazaafrica", HTTP_GET, "",
     "SESSIONID=9&USSDCODE=*384%23&MSISDN=254711000111&INPUT=*384*26*1%23", "", USSD_UNSAID, "9",
     "254711000111", "1", -1},
    {"speedocom", HTTP_GET, "", "SESSIONID=9&USSDCODE=*384%23&MSISDN=254711000111&INPUT=*384*26%23",
     "", USSD_UNSAID, "9", "254711000111", "", -1},
    {"safaricom", HTTP_GET, "", "ORIG=254711000111&DEST=%2A384&SESSION_ID=s1&USSD_PARAMS=26*a*b",
     "", USSD_UNSAID, "s1", "254711000111", "a*b", -1},
    {"crossgate", HTTP_GET, "",
     "session_id=c1&msisdn=254711000111&network_code=63902&ussd_string=1*2&service_code=*384%23",
     "", USSD_UNSAID, "c1", "254711000111", "1*2", -1},
    {"crossgate", HTTP_POST, "", "",
     "session_id=c1&msisdn=254711000111&network_code=63902&ussd_string=1*2&service_code=*384%23",
     USSD_UNSAID, "c1", "254711000111", "1*2", -1},
    {"bonga", HTTP_GET, "",
     "mobile_number=254711000111&session_id=b1&message=1&service_code=*384%23&network=safaricom",
     "", USSD_UNSAID, "b1", "254711000111", "1", -1},
    {"hellio", HTTP_GET, "", "sessionId=h1&phoneNumber=233241000111&text=1*2&serviceCode=*384%23",
     "", USSD_UNSAID, "h1", "233241000111", "1*2", -1},
    {"mobilesasa", HTTP_POST, "", "",
     "sessionId=m1&phoneNumber=254711000111&text=&serviceCode=*1%23", USSD_UNSAID, "m1",
     "254711000111", "", -1},
    {"hubtel", HTTP_POST, "", "",
     "{\"Type\":\"Initiation\",\"Message\":\"*384*26#\",\"ServiceCode\":\"384\",\"Operator\":"
     "\"mtn\",\"ClientState\":null,\"Mobile\":\"233246912184\",\"SessionId\":\"0f1e\",\"Sequence\":"
     "\"1\",\"Platform\":\"USSD\"}",
     USSD_BEGIN, "0f1e", "233246912184", "*384*26#", 1},
    {"arkesel", HTTP_POST, "", "",
     "{\"sessionID\":\"2005506191900168\",\"userID\":\"APP\",\"newSession\":true,\"msisdn\":"
     "\"233271231234\",\"userData\":\"*928*1#\",\"network\":\"MTN\"}",
     USSD_BEGIN, "2005506191900168", "233271231234", "*928*1#", -1},
    {"arkesel", HTTP_POST, "", "",
     "{\"sessionID\":\"20\",\"userID\":\"APP\",\"newSession\":false,\"msisdn\":\"233271231234\","
     "\"userData\":2,\"network\":\"MTN\"}",
     USSD_CONTINUE, "20", "233271231234", "2", -1},
    {"arkesel", HTTP_GET, "",
     "sessionID=20&userID=APP&newSession=true&msisdn=0271231234&userData=1", "", USSD_BEGIN, "20",
     "0271231234", "1", -1},
    {"nalo", HTTP_POST, "", "",
     "{\"USERID\":\"NALOTEST\",\"MSISDN\":\"233241000111\",\"USERDATA\":\"*920*1#\",\"MSGTYPE\":"
     "true,\"NETWORK\":\"MTN\",\"SESSIONID\":\"77\"}",
     USSD_BEGIN, "77", "233241000111", "*920*1#", -1},
    {"nalo", HTTP_POST, "", "",
     "{\"USERID\":\"NALOTEST\",\"MSISDN\":\"233241000111\",\"USERDATA\":\"1\",\"MSGTYPE\":\"false\"}",
     USSD_CONTINUE, "233241000111", "233241000111", "1", -1},
    {"korba", HTTP_POST, "", "",
     "{\"sessionID\":\"k\",\"msisdn\":\"+233241000111\",\"network\":\"06\",\"ussdString\":\"*1#\","
     "\"ussdServiceOp\":1}",
     USSD_BEGIN, "k", "+233241000111", "*1#", -1},
    {"korba", HTTP_POST, "", "",
     "sessionID=k&msisdn=%2B233241000111&network=06&ussdString=3&ussdServiceOp=18", USSD_CONTINUE,
     "k", "+233241000111", "3", -1},
    {"korba", HTTP_POST, "", "", "sessionID=k&msisdn=233241000111&ussdString=&ussdServiceOp=30",
     USSD_ABORT, "k", "233241000111", "", -1},
    {"nsano", HTTP_POST, "", "",
     "{\"UserSessionID\":\"n\",\"msisdn\":\"233241000111\",\"network\":\"MTN\",\"msg\":\"1\"}",
     USSD_UNSAID, "n", "233241000111", "1", -1},
    {"beem", HTTP_POST, "", "",
     "{\"command\":\"initiate\",\"msisdn\":\"255701000111\",\"session_id\":\"4574\",\"operator\":"
     "\"vodacom\",\"payload\":{\"request_id\":0,\"response\":0}}",
     USSD_BEGIN, "4574", "255701000111", "0", 0},
    {"beem", HTTP_POST, "", "",
     "{\"command\":\"continue\",\"msisdn\":\"255701000111\",\"session_id\":4574,\"operator\":"
     "\"vodacom\",\"payload\":{\"request_id\":\"1\",\"response\":\"2\"}}",
     USSD_CONTINUE, "4574", "255701000111", "2", 1},
    {"infobip", HTTP_POST, "session/ab-1/start", "",
     "{\"msisdn\":\"254711000111\",\"imsi\":\"6390\",\"shortCode\":\"*123#1#\",\"text\":\"*123#\","
     "\"language\":null,\"optional\":\"\",\"ussdGwId\":\"live2\"}",
     USSD_BEGIN, "ab-1", "254711000111", "*123#", -1},
    {"infobip", HTTP_POST, "session/ab-1/response", "",
     "{\"msisdn\":\"254711000111\",\"text\":\"1\",\"ussdGwId\":\"live2\"}", USSD_CONTINUE, "ab-1",
     "254711000111", "1", -1},
    {"infobip", HTTP_PUT, "session/ab-1/end", "", "{\"exitCode\":200,\"reason\":\"\"}", USSD_ABORT,
     "ab-1", "", "", -1},
    {"infobip", HTTP_POST, "session/ab-1/status", "", "{}", USSD_STATUS, "ab-1", "", "", -1},
    {"mtn_madapi", HTTP_POST, "", "",
     "{\"sessionId\":\"m\",\"messageType\":\"0\",\"msisdn\":\"2250501000111\",\"serviceCode\":"
     "\"*384*26#\",\"ussdString\":\"*384*26#\",\"cellId\":\"x\"}",
     USSD_BEGIN, "m", "2250501000111", "*384*26#", -1},
    {"mtn_madapi", HTTP_POST, "", "",
     "{\"sessionId\":\"m\",\"messageType\":\"5\",\"msisdn\":\"2250501000111\"}", USSD_TIMEOUT, "m",
     "2250501000111", "", -1},
    {"mtn_comviva", HTTP_POST, "", "",
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?><request type=\"pull\"><transactionId>7</"
     "transactionId><subscriberInput>939</subscriberInput><sessionId>12</sessionId><msisdn>"
     "250781000111</msisdn><newRequest>1</newRequest><parameters/><freeflow><mode>FD</mode></"
     "freeflow><dateFormat>20260101</dateFormat></request>",
     USSD_BEGIN, "12", "250781000111", "939", -1},
    {"mtn_comviva", HTTP_POST, "", "",
     "<request type=\"cleanup\"><sessionId>12</sessionId><msisdn>250781000111</msisdn></request>",
     USSD_ABORT, "12", "250781000111", "", -1},
    {"airtel_comviva", HTTP_GET, "",
     "userid=u&password=p&MSISDN=250731000111&MSC=1&input=121&SessionID=9", "", USSD_UNSAID, "9",
     "250731000111", "121", -1},
    /* hard case 8: the number for want of an id; the code begins, an input is one of first sight */
    {"airtel_comviva", HTTP_GET, "", "userid=u&password=p&MSISDN=250731000111&MSC=1&input=38426",
     "", USSD_BEGIN, "250731000111", "250731000111", "38426", -1},
    {"airtel_comviva", HTTP_GET, "",
     "userid=u&password=p&MSISDN=250731000111&MSC=1&input=*384*26*101%23", "", USSD_BEGIN,
     "250731000111", "250731000111", "*384*26*101#", -1},
    {"airtel_comviva", HTTP_GET, "", "userid=u&password=p&MSISDN=250731000111&MSC=1&input=3842", "",
     USSD_UNSAID, "250731000111", "250731000111", "3842", -1},
    {"airtel_comviva", HTTP_GET, "",
     "userid=u&password=p&MSISDN=250731000111&MSC=1&input=38426&SessionID=9", "", USSD_UNSAID, "9",
     "250731000111", "38426", -1},
    {"airtel_comviva", HTTP_GET, "",
     "userid=u&password=p&clean=clean-session&error=522&msisdn=250731000111&SessionID=9", "",
     USSD_ABORT, "9", "250731000111", "", -1},
    {"moov", HTTP_GET, "",
     "lang=eng&msisdn=22994558779&req_no=1&sc=551&screen_id=&session_id=677906224&user_input=", "",
     USSD_BEGIN, "677906224", "22994558779", "", 1},
    {"moov", HTTP_GET, "",
     "lang=eng&msisdn=22994558779&req_no=2&sc=551&screen_id=2&session_id=677906224&user_input=3",
     "", USSD_CONTINUE, "677906224", "22994558779", "3", 2},
    {"orange_xhtml", HTTP_GET, "", "", "", USSD_BEGIN, "o1", "tel:+2250700000041", "", -1},
    {"orange_xhtml", HTTP_GET, "AAAAAQECAwQFBgcI", "response=2", "", USSD_CONTINUE, "o1",
     "tel:+2250700000041", "2", -1},
    {"cellcube", HTTP_GET, "AAAAAQECAwQFBgcI", "response=2", "", USSD_CONTINUE, "o1",
     "tel:+2250700000041", "2", -1},
    {"cellulant", HTTP_GET, "", "MSISDN=254711000111&INPUT=*1%23&opCode=BEG&ABORT=0&sessionID=1",
     "", USSD_BEGIN, "1", "254711000111", "*1#", -1},
    {"cellulant", HTTP_GET, "", "MSISDN=254711000111&INPUT=2&opCode=&ABORT=null&sessionID=1", "",
     USSD_CONTINUE, "1", "254711000111", "2", -1},
    {"cellulant", HTTP_GET, "", "MSISDN=254711000111&INPUT=2&opCode=&ABORT=1&sessionID=1", "",
     USSD_ABORT, "1", "254711000111", "2", -1},
    {"cellulant", HTTP_GET, "", "MSISDN=254711000111&INPUT=2&opCode=ABO&ABORT=0&sessionID=1", "",
     USSD_ABORT, "1", "254711000111", "2", -1},
    {"aat", HTTP_GET, "", "msisdn=27721000111&provider=vodacom&request=*120*1%23&ussdSessionId=a",
     "", USSD_BEGIN, "a", "27721000111", "*120*1#", -1},
    {"restcomm", HTTP_POST, "", "",
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?><dialog type=\"Begin\" localId=\"12\" remoteId=\"13\""
     " networkId=\"0\" mapMessagesSize=\"1\"><originationReference number=\"254711000111\"/>"
     "<processUnstructuredSSRequest_Request invokeId=\"0\" dataCodingScheme=\"15\" string=\"*1#\">"
     "</processUnstructuredSSRequest_Request></dialog>",
     USSD_BEGIN, "12", "254711000111", "*1#", -1},
    {"restcomm", HTTP_POST, "", "",
     "<dialog type=\"Unknown\" localId=\"12\" dialogTimedOut=\"true\"><errComponents/></dialog>",
     USSD_TIMEOUT, "12", "", "", -1},
    {"restcomm", HTTP_POST, "", "",
     "<dialog type=\"Abort\" localId=\"12\" mapUserAbortChoice=\"isUserSpecificReason\"/>",
     USSD_ABORT, "12", "", "", -1},
    {"huawei", HTTP_POST, "", "",
     HUAWEI_HEAD
     "<n:notifyUssdReception><n:msgType>0</n:msgType><n:senderCB>320207133</n:senderCB>"
     "<n:receiveCB>FFFFFFFF</n:receiveCB><n:ussdOpType>1</n:ussdOpType><n:msIsdn>"
     "242061000111</n:msIsdn><n:serviceCode>384</n:serviceCode><n:codeScheme>15"
     "</n:codeScheme><n:ussdString>*384#</n:ussdString></n:notifyUssdReception>" HUAWEI_TAIL,
     USSD_BEGIN, "320207133", "242061000111", "*384#", -1},
    {"huawei", HTTP_POST, "", "",
     HUAWEI_HEAD "<n:notifyUssdReception><n:msgType>2</n:msgType><n:senderCB>320207133</n:senderCB>"
                 "<n:msIsdn>242061000111</n:msIsdn></n:notifyUssdReception>" HUAWEI_TAIL,
     USSD_ABORT, "320207133", "242061000111", "", -1},
    {"huawei", HTTP_POST, "", "",
     HUAWEI_HEAD "<n:notifyUssdAbort><n:senderCB>320207133</n:senderCB><n:receiveCB>1</n:receiveCB>"
                 "<n:abortReason>r</n:abortReason></n:notifyUssdAbort>" HUAWEI_TAIL,
     USSD_ABORT, "320207133", "", "", -1},
    {"integrat", HTTP_POST, "", "", HIGATE("Open", ""), USSD_BEGIN, "sid", "27721000111", "", -1},
    {"integrat", HTTP_POST, "", "", HIGATE("New", ""), USSD_IGNORE, "sid", "27721000111", "", -1},
    {"integrat", HTTP_POST, "", "", HIGATE("Request", "REQ"), USSD_IGNORE, "sid", "27721000111",
     "REQ", -1},
    {"integrat", HTTP_POST, "", "", HIGATE("Request", "2"), USSD_CONTINUE, "sid", "27721000111",
     "2", -1},
    {"integrat", HTTP_POST, "", "", HIGATE("Close", ""), USSD_ABORT, "sid", "27721000111", "", -1},
    {"dmark", HTTP_GET, "",
     "transactionId=t&msisdn=256781000111&ussdServiceCode=*284%23&transactionTime=1&"
     "ussdRequestString=2&creationTime=1&response=true",
     "", USSD_CONTINUE, "t", "256781000111", "2", -1},
    {"hollatags", HTTP_GET, "",
     "session_msisdn=2348031000111&session_operation=begin&session_msg=*1%23&session_id=h&"
     "session_from=*1%23&session_type=1&session_mno=MTN",
     "", USSD_BEGIN, "h", "2348031000111", "*1#", -1},
};

static struct http_head orange_head(void)
{
    struct http_head h = {.nheaders = 3};

    h.headers[0] = (struct http_header){STR("USER-msisdn"), STR("tel:+2250700000041")};
    h.headers[1] = (struct http_header){STR("User-SessionId"), STR(" o1 ")};
    h.headers[2] = (struct http_header){STR("User-Language"), STR("fr")};
    return h;
}

static struct profile_request request_of(const struct callback *c, const struct http_head *head)
{
    return (struct profile_request){.method = c->method,
                                    .tail = str_c(c->tail),
                                    .query = str_c(c->query),
                                    .body = str_c(c->body),
                                    .head = head,
                                    .short_code = STR("*384*26#")};
}

static void check(const struct callback *c, const struct ussd_event *ev)
{
    bool right = ev->kind == c->kind && str_eq_c(ev->session, c->session) &&
                 str_eq_c(ev->number, c->number) && str_eq_c(ev->input, c->input) &&
                 (c->sequence < 0 ? !ev->has_sequence : ev->sequence == (uint32_t)c->sequence);

    if (!right)
        fail_msg("%s %s%s: kind %d session %.40s number %.40s input %.40s", c->carrier, c->query,
                 c->body, (int)ev->kind, ev->session.p, ev->number.p, ev->input.p);
}

static void test_each_callback(void **state)
{
    static struct profile_scratch s;
    struct http_head head = orange_head();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callbacks); i++) {
        const struct callback *c = &callbacks[i];
        const struct profile *p = profile_of(c->carrier);
        struct profile_request rq = request_of(c, &head);
        struct ussd_event ev;
        struct err e = {0};

        if (profile_route(p, &rq) != 0 || profile_parse(p, &rq, &s, &ev, &e) != 0)
            fail_msg("%s: %s%s: %s", c->carrier, c->query, c->body, e.msg);
        check(c, &ev);
    }
}

static void cut(const char *bytes, size_t n, void *ctx)
{
    static struct profile_scratch s;
    const struct callback *c = ctx;
    struct profile_request rq = request_of(c, NULL);
    struct ussd_event ev;
    struct err e = {0};

    if (*c->body)
        rq.body = str_n(bytes, n);
    else
        rq.query = str_n(bytes, n);
    (void)!profile_parse(profile_of(c->carrier), &rq, &s, &ev, &e);
}

static void test_every_cut_stays_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callbacks); i++) {
        const char *bytes = *callbacks[i].body ? callbacks[i].body : callbacks[i].query;

        guard_each_cut(bytes, strlen(bytes), cut, (void *)&callbacks[i]);
    }
}

/* ---- the address ---- */

static unsigned route(const char *carrier, enum http_method method, const char *tail)
{
    struct profile_request rq = {.method = method, .tail = str_c(tail)};

    return profile_route(profile_of(carrier), &rq);
}

static void test_only_what_the_carrier_uses_is_an_address(void **state)
{
    (void)state;
    assert_int_equal(route("hubtel", HTTP_POST, ""), 0);
    assert_int_equal(route("hubtel", HTTP_GET, ""), 405);
    assert_int_equal(route("hubtel", HTTP_POST, "x"), 404);
    assert_int_equal(route("moov", HTTP_POST, ""), 405);
    assert_int_equal(route("crossgate", HTTP_PUT, ""), 405);
    assert_int_equal(route("orange_xhtml", HTTP_GET, "token"), 0);
    assert_int_equal(route("orange_xhtml", HTTP_GET, "token/more"), 404);
    assert_int_equal(route("infobip", HTTP_POST, ""), 404);
    assert_int_equal(route("infobip", HTTP_POST, "session/1/end"), 405);
    assert_int_equal(route("infobip", HTTP_PUT, "session/1/end"), 0);
    assert_int_equal(route("infobip", HTTP_POST, "session/1/2/start"), 404);
}

/* ---- what goes back ---- */

struct reply {
    const char *carrier;
    enum profile_reply kind;
    const char *bytes;
};

/* To the text "1 <a> & \"b\"|\n0 Fin" of session s'1, number 233241000111, code *1#. */
#define TEXT     "1 <a> & \"b\"|\n0 Fin"
#define AS_JSON  "1 <a> & \\\"b\\\"|\\n0 Fin"
#define AS_XML   "1 &lt;a&gt; &amp; &quot;b&quot;|&#10;0 Fin"
#define AS_HTML  "1 &lt;a&gt; &amp; &quot;b&quot;|<br/>0 Fin"
#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define HTML     XML_HEAD "<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>Coko</title>"
#define SOAP     "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">"
#define PAGES    XML_HEAD "<!DOCTYPE pages SYSTEM \"cellflash-1.3.dtd\"><pages>"

static const struct reply replies[] = {
    {"advanta", REPLY_CONTINUE, "CON " TEXT},
    {"safaricom", REPLY_END, "END " TEXT},
    {"arkesel", REPLY_CONTINUE,
     "{\"sessionID\":\"s'1\",\"userID\":\"APP\",\"msisdn\":\"\6\",\"message\":\"" AS_JSON
     "\",\"continueSession\":true}"},
    {"nalo", REPLY_END,
     "{\"USERID\":\"APP\",\"MSISDN\":\"\6\",\"MSG\":\"" AS_JSON "\",\"MSGTYPE\":false}"},
    {"korba", REPLY_CONTINUE, "{\"message\":\"" AS_JSON "\",\"ussdServiceOp\":2}"},
    {"korba", REPLY_END, "{\"message\":\"" AS_JSON "\",\"ussdServiceOp\":17}"},
    {"nsano", REPLY_END,
     "{\"USSDResp\":{\"action\":\"prompt\",\"menus\":\"\",\"title\":\"" AS_JSON "\"}}"},
    {"beem", REPLY_CONTINUE,
     "{\"msisdn\":\"\6\",\"operator\":\"mtn\",\"session_id\":\"s'1\",\"command\":"
     "\"continue\",\"payload\":{\"request_id\":4,\"request\":\"" AS_JSON "\"}}"},
    {"infobip", REPLY_END,
     "{\"ussdMenu\":\"" AS_JSON "\",\"shouldClose\":true,\"responseExitCode\":200,"
     "\"responseMessage\":\"\"}"},
    {"infobip", REPLY_SILENT, "{\"responseExitCode\":200,\"responseMessage\":\"\"}"},
    {"infobip", REPLY_REFUSED,
     "{\"responseExitCode\":400,\"responseMessage\":\"session s'1 is open\"}"},
    {"infobip", REPLY_STATUS,
     "{\"sessionActive\":true,\"responseExitCode\":200,\"responseMessage\":\"\"}"},
    {"mtn_madapi", REPLY_CONTINUE,
     "{\"statusCode\":\"0000\",\"statusMessage\":\"Success\",\"transactionId\":\"s'1\",\"data\":{"
     "\"inboundResponse\":\"" AS_JSON "\",\"userInputRequired\":true,\"messageType\":1,"
     "\"serviceCode\":\"*1#\",\"msisdn\":\"\6\",\"sessionId\":\"s'1\"},\"_link\":{"
     "\"self\":{\"href\":\"\1\"}}}"},
    {"mtn_madapi", REPLY_PUSH_ASK,
     "{\"sessionId\":\"s'1\",\"messageType\":\"0\",\"msisdn\":\"\6\",\"serviceCode\":\"*1#\","
     "\"ussdString\":\"" AS_JSON "\"}"},
    {"mtn_madapi", REPLY_PUSH_TELL,
     "{\"sessionId\":\"s'1\",\"messageType\":\"3\",\"msisdn\":\"\6\",\"serviceCode\":\"*1#\","
     "\"ussdString\":\"" AS_JSON "\"}"},
    {"mtn_comviva", REPLY_CONTINUE,
     XML_HEAD "<response><msisdn>\6</msisdn><sessionid>s&#39;1</sessionid>"
              "<transactionid>APP</transactionid><freeflow><freeflowState>FC</freeflowState>"
              "<freeflowCharging>N</freeflowCharging><freeflowChargingAmount>0"
              "</freeflowChargingAmount></freeflow><applicationResponse>" AS_XML
              "</applicationResponse></response>"},
    {"airtel_comviva", REPLY_CONTINUE, "C" TEXT},
    {"airtel_comviva", REPLY_END, "E" TEXT},
    {"airtel_comviva", REPLY_SILENT, "S"},
    {"moov", REPLY_CONTINUE,
     XML_HEAD "<response><screen_type>menu</screen_type><text>Tete</text><options><option "
              "choice=\"1\">Lire &amp; &#39;x&#39;</option><option choice=\"0\">Retour</option>"
              "</options><back_link>0</back_link><home_link>0</home_link><session_op>continue"
              "</session_op><screen_id>4</screen_id></response>"},
    {"moov", REPLY_END,
     XML_HEAD "<response><screen_type>form</screen_type><text>" AS_XML
              "</text><back_link>0</back_link><home_link>0</home_link><session_op>end</session_op>"
              "<screen_id>4</screen_id></response>"},
    {"orange_xhtml", REPLY_CONTINUE,
     HTML "</head><body>Tete<br/><a href=\"\1/TOKEN?response=1\" accesskey=\"1\">Lire &amp; "
          "&#39;x&#39;</a><br/><a href=\"\1/TOKEN?response=0\" accesskey=\"0\">Retour</a><br/>"
          "</body></html>"},
    {"orange_xhtml", REPLY_INPUT,
     HTML "</head><body>" AS_HTML "<br/><form action=\"\1/TOKEN\" method=\"get\"><input "
          "type=\"text\" name=\"response\"/></form></body></html>"},
    {"orange_xhtml", REPLY_END,
     HTML "<meta name=\"nav\" content=\"end\"/></head><body>" AS_HTML "</body></html>"},
    {"cellcube", REPLY_CONTINUE,
     PAGES "<page>Tete<br/><a href=\"\1/TOKEN?response=1\">Lire &amp; &#39;x&#39;</a><br/><a "
           "href=\"\1/TOKEN?response=0\">Retour</a><br/></page></pages>"},
    {"cellcube", REPLY_INPUT,
     PAGES "<page><form action=\"\1/TOKEN\"><entry kind=\"text\" var=\"response\"><prompt>" AS_HTML
           "</prompt></entry></form></page></pages>"},
    {"cellcube", REPLY_END, PAGES "<page nav=\"end\">" AS_HTML "</page></pages>"},
    {"cellulant", REPLY_CONTINUE, "1|1 <a> & \"b\"/\n0 Fin|null|null|null|null"},
    {"cellulant", REPLY_END, "1|1 <a> & \"b\"/\n0 Fin|null|null|end|null"},
    {"aat", REPLY_CONTINUE,
     XML_HEAD "<request><headertext>" AS_XML "</headertext><options><option command=\"1\" "
              "order=\"1\" callback=\"\1/TOKEN\" display=\"false\"></option></options></request>"},
    {"aat", REPLY_END, XML_HEAD "<request><headertext>" AS_XML "</headertext></request>"},
    {"restcomm", REPLY_CONTINUE,
     XML_HEAD "<dialog type=\"Continue\" localId=\"s&#39;1\" mapMessagesSize=\"1\" "
              "userObject=\"STATE\"><unstructuredSSRequest_Request dataCodingScheme=\"15\" "
              "string=\"" AS_XML "\"/></dialog>"},
    {"restcomm", REPLY_END,
     XML_HEAD "<dialog type=\"End\" localId=\"s&#39;1\" mapMessagesSize=\"1\" "
              "prearrangedEnd=\"false\"><processUnstructuredSSRequest_Response invokeId=\"APP\" "
              "dataCodingScheme=\"15\" string=\"" AS_XML "\"/></dialog>"},
    {"integrat", REPLY_CONTINUE,
     "C" XML_HEAD
     "<Message><Version Version=\"1.0\"/><Request Type=\"USSReply\" SessionID=\"s&#39;1\""
     " Flags=\"0\"><UserID Orientation=\"TR\">\2</UserID><Password>\3</Password>"
     "<USSText Type=\"TEXT\">" AS_XML "</USSText></Request></Message>"},
    {"integrat", REPLY_ACK, "S"},
    {"huawei", REPLY_ACK,
     "S" XML_HEAD SOAP
     "<soapenv:Body><loc:notifyUssdReceptionResponse xmlns:loc=\"http://www.csapi."
     "org/schema/parlayx/ussd/notification/v1_0/local\"><loc:result>0</loc:result>"
     "</loc:notifyUssdReceptionResponse></soapenv:Body></soapenv:Envelope>"},
    {"huawei", REPLY_END,
     "E" XML_HEAD SOAP
     "<soapenv:Header><tns:RequestSOAPHeader xmlns:tns=\"http://www.huawei.com.cn/schema/common/"
     "v2_1\"><tns:spId>\2</tns:spId><tns:spPassword>\5</tns:spPassword><tns:serviceId></tns:"
     "serviceId><tns:timeStamp>\4</tns:timeStamp><tns:OA>\6</tns:OA><tns:FA>\6"
     "</tns:FA><tns:linkid>APP</tns:linkid></tns:RequestSOAPHeader></soapenv:Header><soapenv:Body>"
     "<loc:sendUssd xmlns:loc=\"http://www.csapi.org/schema/parlayx/ussd/send/v1_0/local\"><loc:"
     "msgType>2</loc:msgType><loc:senderCB>OWN</loc:senderCB><loc:receiveCB>s&#39;1</loc:receiveCB>"
     "<loc:ussdOpType>3</loc:ussdOpType><loc:msIsdn>\6</loc:msIsdn><loc:serviceCode>*1#"
     "</loc:serviceCode><loc:codeScheme>15</loc:codeScheme><loc:ussdString>" AS_XML
     "</loc:ussdString></loc:sendUssd></soapenv:Body></soapenv:Envelope>"},
    {"dmark", REPLY_CONTINUE, "{\"responseString\":\"" AS_JSON "\",\"action\":\"request\"}"},
    {"hollatags", REPLY_END,
     "{\"session_operation\":\"end\",\"session_type\":\"APP\",\"session_id\":\"s'1\","
     "\"session_msg\":\"" AS_JSON "\",\"session_from\":\"*1#\",\"session_msisdn\":"
     "\"\6\",\"session_mno\":\"mtn\"}"},
};

static void test_each_reply(void **state)
{
    static const struct menu_option options[] = {
        {STR_INIT("1"), STR_INIT("Lire & 'x'"), MENU_OPT_CHOICE},
        {STR_INIT("0"), STR_INIT("Retour"), MENU_OPT_BACK}};
    const struct ussd_event ev = {.session = STR("s'1"),
                                  .number = STR("233241000111"),
                                  .service_code = STR("*1#"),
                                  .network = STR("mtn"),
                                  .echo = {STR_INIT("APP")}};
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        const struct profile_say say = {.kind = replies[i].kind,
                                        .text = STR(TEXT),
                                        .head = STR("Tete"),
                                        .options = options,
                                        .noptions = ARRAY_LEN(options),
                                        .ev = &ev,
                                        .step = 4,
                                        .token = STR("TOKEN"),
                                        .state = STR("STATE"),
                                        .own = STR("OWN"),
                                        .active = true};

        buf_reset(&b);
        profile_render(profile_of(replies[i].carrier), &say, &b);
        if (!str_eq_c(buf_str(&b), replies[i].bytes))
            fail_msg("%s:\n%s\n%s", replies[i].carrier, buf_cstr(&b), replies[i].bytes);
    }
    buf_fini(&b);
}

static void test_airtel_says_it_in_headers(void **state)
{
    const struct profile *p = profile_of("airtel_comviva");
    struct str body = STR("E1 CON\r\nFreeflow: FC");

    (void)state; /* hard case 32: the text is a body, never a header */
    assert_int_equal(profile_said(p, &body), REPLY_END);
    assert_true(str_eq_c(body, "1 CON\r\nFreeflow: FC"));
    assert_string_equal(p->headers[0].name, "Freeflow");
    assert_string_equal(p->headers[0].value[REPLY_CONTINUE], "FC");
    assert_string_equal(p->headers[0].value[REPLY_END], "FB");
    assert_string_equal(p->headers[0].value[REPLY_SILENT], "");
}

/* Where the number is the session's id, neither name of it is stored. */
static void test_s5_a_number_stands_in_no_stored_reply(void **state)
{
    const struct profile *arkesel = profile_of("arkesel");
    struct ussd_event ev = {.session = STR("233241000111"), .number = STR("233241000111")};
    struct profile_say say = {.kind = REPLY_END, .text = STR("T"), .head = STR("T"), .ev = &ev};
    struct buf stored, sent;

    (void)state;
    buf_init(&stored, 1024);
    buf_init(&sent, 1024);
    profile_render(arkesel, &say, &stored);
    assert_true(str_find(buf_str(&stored), ev.number) < 0);
    assert_true(profile_marked(buf_str(&stored)));
    profile_fill(arkesel, buf_str(&stored), &(struct profile_fill){.number = ev.number}, &sent);
    assert_true(str_eq_c(buf_str(&sent),
                         "{\"sessionID\":\"233241000111\",\"userID\":\"\",\"msisdn\":"
                         "\"233241000111\",\"message\":\"T\",\"continueSession\":false}"));
    assert_false(profile_marked(buf_str(&sent)));
    buf_fini(&stored);
    buf_fini(&sent);
}

static void test_a_push_brings_its_key_and_reads_one_word(void **state)
{
    const struct profile *p = profile_of("mtn_madapi");
    static const struct {
        const char *answer;
        bool taken;
    } rows[] = {{"{\"statusCode\":\"0000\",\"data\":{}}", true},
                {"{\"statusCode\":\"0001\"}", false},
                {"{\"statusCode\":0}", false},
                {"{\"statusCode\":[\"0000\"]}", false},
                {"{\"statusCode\":\"0000\",\"statusCode\":\"0000\"}", false},
                {"{}", false},
                {"[\"0000\"]", false},
                {"", false},
                {"<html>", false}};
    struct buf b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(profile_push_taken(p, str_c(rows[i].answer)), rows[i].taken);
    buf_init(&b, 256);
    assert_string_equal(p->push.headers[0].name, "x-api-key");
    profile_fill_header(p->push.headers[0].value,
                        &(struct profile_fill){.password = STR("k\r\nX-More: 1")}, &b);
    assert_true(
        str_eq_c(buf_str(&b), "kX-More: 1")); /* hard case 32: one line, whatever the key is */
    buf_fini(&b);
}

/* Both, or what the section has: an empty one would be a key of its own. */
static void test_a_push_brings_what_the_section_has(void **state)
{
    const struct profile *p = profile_of("mtn_madapi");
    const struct profile_fill key = {.password = STR("k")}, token = {.token = STR("t\r\n1")};
    const char *api_key = p->push.headers[0].value, *bearer = p->push.headers[1].value;
    struct buf b;

    (void)state;
    assert_true(profile_push_has(api_key, &key) && !profile_push_has(bearer, &key));
    assert_true(profile_push_has(bearer, &token) && !profile_push_has(api_key, &token));
    buf_init(&b, 256);
    profile_fill_header(bearer, &token, &b);
    assert_true(str_eq_c(buf_str(&b), "Bearer t1"));
    buf_fini(&b);
    assert_true(profile_push_bears(p) && !profile_push_bears(profile_of("hubtel")));
}

static void test_the_address_stands_in_no_stored_reply(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    profile_fill(profile_of("huawei"), STR("<a href=\"\1/T\">\1</a>\2\3\4\5\6."),
                 &(struct profile_fill){STR("/ussd/x/secret"), STR("u&"), STR("<p"), STR("s"),
                                        STR("d"), STR("+n"), STR("t")},
                 &b);
    assert_true(
        str_eq_c(buf_str(&b), "<a href=\"/ussd/x/secret/T\">/ussd/x/secret</a>u&amp;&lt;psd+n."));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_callback),
        cmocka_unit_test(test_every_cut_stays_inside),
        cmocka_unit_test(test_only_what_the_carrier_uses_is_an_address),
        cmocka_unit_test(test_each_reply),
        cmocka_unit_test(test_airtel_says_it_in_headers),
        cmocka_unit_test(test_s5_a_number_stands_in_no_stored_reply),
        cmocka_unit_test(test_a_push_brings_its_key_and_reads_one_word),
        cmocka_unit_test(test_a_push_brings_what_the_section_has),
        cmocka_unit_test(test_the_address_stands_in_no_stored_reply),
    };

    return cmocka_run_group_tests(tests, profiles_load, NULL);
}

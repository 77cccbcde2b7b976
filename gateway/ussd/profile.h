/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's wire format as data: profiles/<name>.json, one file a carrier. profile.schema.json
 * says the same for editors.
 *
 *   {
 *     "name": "hubtel",
 *     "method": "POST",                 GET, POST or ANY of the two; with "urls", which says it
 *     "body": "json",                   query | form | json | xml | any: what a plain field stands
 *                                       in. A GET has its query, whatever this says; any is JSON
 *                                       when it begins with '{', else a form
 *     "fields": {"session": "SessionId", "number": ["Mobile", "header:User-MSISDN"], ...},
 *                                       where each of ours stands; several ways: the first that is
 *                                       there. Ours: session number service_code network input kind
 *                                       sequence message token state user password language (of
 *                                       the subscriber, where the carrier knows it of each; counts
 *                                       at the first contact alone). The number may stand in for a
 *                                       session that is absent: then the kind, or else the dialled
 *                                       code, tells a beginning
 *     "echo": {"app": "userID"},        at most 4 fields that only come back in replies
 *     "kinds": {"initiation": "begin"}, values of the kind field, any case. Or a list, in order, the
 *                                       first value found decides:
 *                                       [{"field": "@type", "values": {"cleanup": "abort"}}, ...]
 *                                       kinds: begin continue abort timeout unsaid (a session's
 *                                       first sight begins it), ignore (answered, nothing done).
 *                                       Values "": absent or empty; "*": any other that is there
 *     "urls": [{"method": "PUT", "path": "session/?/end", "kind": "abort"}],
 *                                       what may stand behind the secret, '?' being any segment, and
 *                                       the kind it tells; status is answered with reply.status
 *     "input": "last",                  last: only the new input; path: all so far, '*' between
 *     "code_in_path": true,             the path begins with the code, or with its last part (a
 *                                       shared code): taken off
 *     "step": "message",                of last: sequence (the field counts, the default), echo (the
 *                                       field brings our $step or $link back), message (the field of
 *                                       that name; else the same once more within repeat_ms)
 *     "repeat_ms": 1500,
 *     "fresh_ids": true,                no session id is used again: a beginning whose sequence is
 *                                       before the last hop's came late and begins nothing
 *     "one_start": true,                a second, other beginning of a live session: reply.refused
 *     "bare_notices": true,             an abort, and status, name the session alone: its number is
 *                                       kept for them (whose.h)
 *     "country": "GH",                  of numbers in national form; the config may override it
 *     "limit": 160, "charset": "gsm7",  of one screen; gsm7 | ucs2 | latin1 | utf8
 *     "deadline_ms": 3500,              our whole time for a hop, at most 4500
 *     "test": {"networks": ["99999"], "numbers": ["233000"]},  traffic that no rail may see
 *     "reply": {"type": "application/json", ...}
 *   }
 *
 * A place is "NAME" in the body, "query:NAME", "header:NAME" or "path:N", the N-th segment behind
 * the secret. In JSON a NAME has dots between its levels, in XML it is elements from below the root
 * with '/' between, '?' for any element, and at last perhaps "@attribute"; prefixes of namespaces
 * are left out.
 *
 * The reply: "continue", "end", "silent" (to an abort, and what is ignored); "input" (in place of
 * continue where a free answer is wanted), "refused", "status"; "ack" of a carrier that is answered
 * by a call of our own: it goes back at once, and what follows is posted to the carrier's send_url,
 * with the headers. Each is a text, a list of texts to
 * be joined, or an object, sent as JSON. In them stand
 *
 *     $text $head (without the options) $options $session $number $code $network $input $token
 *     $state (the number and the first echo, sealed) $step (a number even as an object's value),
 *     $active (of status: true or false, without quotes too), $url (the callback address),
 *     $link ($url with the signed token of the next step), $echo.NAME, $$, and in what
 *     we post $own (our name of the dialogue), $user and $password (our credentials there), $stamp
 *     (yyyyMMddHHmmss UTC), $digest (MD5 of user, password and stamp, in hex)
 *
 * escaped as "escape" says: none json xml html (xml, and <br/> for a line) url pipe (no '|');
 * default by the type. "options": the row of one option, with $key $label $link, and "options" may
 * be an object {"choice": .., "nav": .., "between": ..}, rows of the navigation keys apart.
 * "headers": {"Freeflow": {"continue": "FC", "end": "FB"}, "Expires": "-1"}.
 *
 * "push": how we begin ourselves, where the carrier lets us, by a POST to the section's send_url:
 *
 *     "push": {
 *       "headers": {"x-api-key": "$password",   $user and $password: send_user and send_password;
 *                   "Authorization": "Bearer $token"},  of token_url. One that the section has not
 *                                         leaves its header out
 *       "ask": .., "tell": ..,            forms as in reply: a screen that waits for an answer, which
 *                                         comes as a callback of the session that we named; or a text
 *       "taken": {"statusCode": "0000"}   what its answer must hold besides a 2xx; may be left out
 *     }
 *
 * Over SMPP "body" is smpp; all about callbacks and replies gives way to the dialect (smpp/ussd.h):
 *
 *     "smpp": {
 *       "session": "its_session_info",  the name of a dialogue; or its_session_number (only its
 *                                       first octet), user_message_reference, short_code
 *       "says": "ussd_service_op",      or service_type: what tells the kind of a message
 *       "service_type": "USSD",         of all we send, where an op says the rest
 *       "end_bit": true,                bit 0 of its_session_info ends a dialogue, both ways
 *       "begin": [1], "answer": [18], "told": [19], "abort": [129],
 *                                       what comes: ops as numbers, or the letters a service_type
 *                                       begins with; told confirms a push_tell
 *       "ask": 2, "close": 17, "push_ask": 2, "push_tell": 3,
 *       "data_coding": 0                of our texts
 *     }
 *
 * Everything is checked at load, all faults at once. Pure after the load.
 */
#ifndef COKO_USSD_PROFILE_H
#define COKO_USSD_PROFILE_H

#include "gateway/io/http_parse.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/fault.h"
#include "gateway/ussd/event.h"
#include "menus/menu.h"
#include "smpp/ussd.h"

#define PROFILE_NAME_MAX         32
#define PROFILE_FIELD_MAX        64 /* of a place's name, and of a kind's value */
#define PROFILE_WAYS_MAX         4
#define PROFILE_KINDS_MAX        12
#define PROFILE_ASKED_MAX        4 /* fields that tell the kind */
#define PROFILE_URLS_MAX         6
#define PROFILE_HEADERS_MAX      8
#define PROFILE_TESTS_MAX        4
#define PROFILE_REPLY_MAX        2048 /* of a template */
#define PROFILE_ROW_MAX          256
#define PROFILE_DEADLINE_MS      3500
#define PROFILE_REPEAT_MS        1500
#define PROFILE_TOKEN_MAX        32
#define PROFILE_STATE_MAX        144
#define PROFILE_PUSH_HEADERS_MAX 4
/* First byte of a stored reply over SMPP, or of one with headers, before its text */
#define PROFILE_SAYS_ASK     'C'
#define PROFILE_SAYS_END     'E'
#define PROFILE_SAYS_NOTHING 'S'
/* In a stored reply, what is secret (S5) or of the hour, filled in when it is sent */
#define PROFILE_URL_MARK        '\1'
#define PROFILE_USER_MARK       '\2'
#define PROFILE_PASSWORD_MARK   '\3'
#define PROFILE_STAMP_MARK      '\4'
#define PROFILE_DIGEST_MARK     '\5'
#define PROFILE_NUMBER_MARK     '\6'
#define PROFILE_TOKEN_MARK      '\7' /* in a push's headers alone */
#define PROFILE_DEADLINE_CAP_MS 4500

enum profile_body {
    PROFILE_QUERY,
    PROFILE_FORM,
    PROFILE_JSON,
    PROFILE_XML,
    PROFILE_ANY,
    PROFILE_SMPP,
};

enum profile_method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_ANY };

enum profile_field {
    FIELD_SESSION,
    FIELD_NUMBER,
    FIELD_SERVICE_CODE,
    FIELD_NETWORK,
    FIELD_LANGUAGE,
    FIELD_INPUT,
    FIELD_SEQUENCE,
    FIELD_MESSAGE, /* the hop's own name */
    FIELD_TOKEN,   /* of $link */
    FIELD_STATE,   /* of $state */
    FIELD_USER,
    FIELD_PASSWORD,
    FIELD_ECHO, /* the first of USSD_ECHOES */
    FIELDS = FIELD_ECHO + USSD_ECHOES,
};

/* What a hop is answered with; the first three are its outcomes. */
enum profile_reply {
    REPLY_CONTINUE,
    REPLY_END,
    REPLY_SILENT,
    REPLIES,
    REPLY_INPUT = REPLIES,
    REPLY_REFUSED,
    REPLY_STATUS,
    REPLY_ACK,
    REPLY_PUSH_ASK, /* what we begin ourselves */
    REPLY_PUSH_TELL,
    TEMPLATES,
};

enum profile_place { PLACE_BODY, PLACE_QUERY, PLACE_HEADER, PLACE_PATH };

enum profile_escape { ESCAPE_NONE, ESCAPE_JSON, ESCAPE_XML, ESCAPE_HTML, ESCAPE_URL, ESCAPE_PIPE };

enum profile_step {
    STEP_SEQUENCE, /* the carrier counts */
    STEP_ECHO,     /* the carrier brings our count back */
    STEP_MESSAGE,  /* nothing counts: the message itself */
};

struct profile_source {
    enum profile_place place;
    unsigned segment;
    char name[PROFILE_FIELD_MAX];
};

struct profile_ways {
    struct profile_source way[PROFILE_WAYS_MAX];
    unsigned n; /* 0: the carrier has no such field */
};

struct profile {
    char name[PROFILE_NAME_MAX];
    enum profile_method method;
    enum profile_body body;
    struct profile_ways fields[FIELDS];
    char echo[USSD_ECHOES][24]; /* our names of them */
    struct profile_ways asked[PROFILE_ASKED_MAX];
    unsigned nasked;
    struct {
        unsigned asked;
        char word[PROFILE_FIELD_MAX];
        enum ussd_kind kind;
    } kinds[PROFILE_KINDS_MAX];
    unsigned nkinds;
    struct {
        enum profile_method method;
        char path[PROFILE_FIELD_MAX];
        enum ussd_kind kind;
    } urls[PROFILE_URLS_MAX];
    unsigned nurls;
    unsigned segments; /* without urls: how many may stand behind the secret */
    bool path;         /* input is the whole path */
    bool code_in_path;
    enum profile_step step; /* of the last input */
    bool one_start;
    bool fresh_ids;
    bool bare_notices;
    /* not 0: nothing numbers the steps; the same message again within this time is the same step */
    unsigned repeat_ms;
    char country[3];
    struct menu_limits limits;
    unsigned deadline_ms;
    char test_networks[PROFILE_TESTS_MAX][USSD_NETWORK_MAX + 1];
    char test_numbers[PROFILE_TESTS_MAX][16];
    char content_type[64];
    enum profile_escape escape;
    char reply[TEMPLATES][PROFILE_REPLY_MAX];
    char row[2][PROFILE_ROW_MAX]; /* of a choice, of a navigation key */
    char between[8];
    struct {
        char name[32];
        char value[REPLIES][48];
    } headers[PROFILE_HEADERS_MAX];
    unsigned nheaders;
    bool asynchronous; /* there is an ack: replies are posted */
    bool pushes;       /* dialogues may begin with us */
    struct {
        struct {
            char name[32];
            char value[96]; /* with marks */
        } headers[PROFILE_PUSH_HEADERS_MAX];
        unsigned nheaders;
        struct profile_ways taken; /* of the answer; n 0: a 2xx is enough */
        char word[32];
    } push;
    struct dialect dialect; /* PROFILE_SMPP */
};

/* Reads one file; -1 when any fault was added. */
MUST_CHECK int profile_load(const char *path, struct profile *p, struct fault_list *faults);

/* The same from bytes; file is the name for faults. */
MUST_CHECK int profile_load_bytes(const char *file, struct str bytes, struct profile *p,
                                  struct fault_list *faults);

/* ---- a callback ---- */

struct profile_request {
    enum http_method method;
    struct str query, body;       /* as they came */
    struct str tail;              /* behind the secret, without slashes at its ends */
    const struct http_head *head; /* NULL: no headers */
    struct str short_code;        /* ours: for code_in_path */
};

/* Memory of one parsed callback: the event's strings stand in it. */
#define PROFILE_SCRATCH (USSD_INPUT_MAX + 2048)
struct profile_scratch {
    char text[PROFILE_SCRATCH];
    size_t used;
    struct str value[FIELDS]; /* those that no event has: message state user password */
};

/* 0 for a request that the profile knows; else the status: 404, 405. */
MUST_CHECK unsigned profile_route(const struct profile *p, const struct profile_request *rq);

/*
 * Reads a callback that profile_route let in. ERR_BAD_INPUT for a body that is not of the form, a
 * missing required field, a field over its ceiling or with control characters in it. Whatever comes
 * of it, *s and *ev hold what could be read: the credentials and the kind first. The state is for the
 * caller to open.
 */
MUST_CHECK int profile_parse(const struct profile *p, const struct profile_request *rq,
                             struct profile_scratch *s, struct ussd_event *ev, struct err *e);

/* ---- a reply ---- */

/* What a reply says; every string may be empty. */
struct profile_say {
    enum profile_reply kind;
    struct str text, head; /* UTF-8, already within the limits */
    const struct menu_option *options;
    size_t noptions;
    const struct ussd_event *ev;
    uint32_t step;    /* of the answer that this screen waits for */
    struct str token; /* of $link */
    struct str state;
    struct str own;
    bool active; /* REPLY_STATUS */
};

/* Appends the carrier's reply, with its first byte where headers or a post need it. */
void profile_render(const struct profile *p, const struct profile_say *say, struct buf *out);

/* The outcome that a rendered reply tells by its first byte, which *body then has no more. */
enum profile_reply profile_said(const struct profile *p, struct str *body);

/* What stands in place of the marks. */
struct profile_fill {
    struct str url, user, password, stamp, digest, number, token;
};

/* Appends a header's value with its marks filled, unescaped; controls in it are left out. */
void profile_fill_header(const char *value, const struct profile_fill *f, struct buf *out);

/* Whether a push brings this header: we have every secret that it holds. */
bool profile_push_has(const char *value, const struct profile_fill *f);

/* Whether a push of this carrier may bring a token. */
bool profile_push_bears(const struct profile *p);

/* Whether the body of a 2xx to a push says that it was taken. */
bool profile_push_taken(const struct profile *p, struct str answer);

/* Whether there is a mark in it. */
bool profile_marked(struct str body);

/* Appends body with its marks filled, escaped as the rest of it. */
void profile_fill(const struct profile *p, struct str body, const struct profile_fill *f,
                  struct buf *out);

#endif

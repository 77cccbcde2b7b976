/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's wire format as data: profiles/<name>.json, one file a carrier.
 *
 *   {
 *     "name": "hubtel",
 *     "method": "POST",                 GET or POST
 *     "body": "json",                   json | form | query: where the fields stand
 *     "fields": {"session": "SessionId", "number": "Mobile", "input": "Message", ...},
 *                                       ours: session number service_code network input kind
 *                                       sequence; session, number and input are required
 *     "kinds": {"initiation": "begin"}, values of the kind field, any case: begin continue abort
 *                                       timeout
 *     "input": "last",                  last: only the new input, and then a sequence; path:
 *                                       everything so far, '*' between the hops
 *     "country": "GH",                  of numbers in national form; the config may override it
 *     "limit": 160, "charset": "gsm7",  of one screen; gsm7 | ucs2 | latin1 | utf8
 *     "deadline_ms": 3500,              our whole time for a hop, at most 4500
 *     "reply": {"type": "application/json",
 *               "continue": {...}, "end": {...}, "silent": ""}
 *                                       text, or an object whose string values may be "$text" or
 *                                       "$session"; silent answers an abort
 *   }
 *
 * Over SMPP "body" is smpp; method, fields, kinds, input and reply give way to the dialect
 * (smpp/ussd.h):
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

#include "gateway/lib/buf.h"
#include "gateway/lib/fault.h"
#include "gateway/ussd/event.h"
#include "menus/menu.h"
#include "smpp/ussd.h"

#define PROFILE_NAME_MAX    32
#define PROFILE_FIELD_MAX   48
#define PROFILE_KINDS_MAX   8
#define PROFILE_REPLY_MAX   1024 /* of a template */
#define PROFILE_DEADLINE_MS 3500
#define PROFILE_REPEAT_MS   1500
/* First byte of a stored reply over SMPP, before its text */
#define PROFILE_SAYS_ASK        'C'
#define PROFILE_SAYS_END        'E'
#define PROFILE_DEADLINE_CAP_MS 4500

enum profile_body { PROFILE_QUERY, PROFILE_FORM, PROFILE_JSON, PROFILE_SMPP };

enum profile_field {
    FIELD_SESSION,
    FIELD_NUMBER,
    FIELD_SERVICE_CODE,
    FIELD_NETWORK,
    FIELD_INPUT,
    FIELD_KIND,
    FIELD_SEQUENCE,
    FIELDS,
};

enum profile_reply { REPLY_CONTINUE, REPLY_END, REPLY_SILENT, REPLIES };

struct profile {
    char name[PROFILE_NAME_MAX];
    bool is_post;
    enum profile_body body;
    char fields[FIELDS][PROFILE_FIELD_MAX]; /* "" where the carrier has none */
    struct {
        char word[PROFILE_FIELD_MAX];
        enum ussd_kind kind;
    } kinds[PROFILE_KINDS_MAX];
    unsigned nkinds;
    bool path; /* input is the whole path */
    /* not 0: nothing numbers the steps; the same message again within this time is the same step */
    unsigned repeat_ms;
    char country[3];
    struct menu_limits limits;
    unsigned deadline_ms;
    char content_type[64];
    bool json_reply; /* values are escaped as JSON */
    char reply[REPLIES][PROFILE_REPLY_MAX];
    struct dialect dialect; /* PROFILE_SMPP */
};

/* Reads one file; -1 when any fault was added. */
MUST_CHECK int profile_load(const char *path, struct profile *p, struct fault_list *faults);

/* The same from bytes; file is the name for faults. */
MUST_CHECK int profile_load_bytes(const char *file, struct str bytes, struct profile *p,
                                  struct fault_list *faults);

/* Memory of one parsed callback: the event's strings stand in it. */
struct profile_scratch {
    char text[FIELDS][USSD_INPUT_MAX + 1];
};

/*
 * Reads a callback: query and body as they came. ERR_BAD_INPUT for a body that is not of the form,
 * a missing required field, a field over its ceiling or with control characters in it.
 */
MUST_CHECK int profile_parse(const struct profile *p, struct str query, struct str body,
                             struct profile_scratch *s, struct ussd_event *ev, struct err *e);

/* Appends the carrier's reply with this text (UTF-8, already within the limits). */
void profile_render(const struct profile *p, enum profile_reply kind, struct str text,
                    struct str session, struct buf *out);

#endif

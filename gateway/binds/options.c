/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a [link NAME] section.
 */
#include "gateway/binds/binds.h"

#define LINK(field) offsetof(struct bind_config, field)

static const char *const mode_words[] = {"transceiver", "transmitter", "receiver", NULL};
static const char *const concat_words[] = {"udh8", "udh16", "sar", "payload", "none", NULL};
static const char *const marks_words[] = {"before", "behind", NULL};
static const char *const tables_words[] = {"none", "spanish", "portuguese", "both", NULL};
static const char *const astral_words[] = {"send", "replace", "refuse", NULL};
static const char *const encoding_words[] = {"gsm7", "auto", NULL};
static const char *const id_words[] = {"auto", "same", "receipt_dec", "receipt_hex", NULL};
/* in the order of enum alphabet */
static const char *const alphabet_words[] = {"gsm7", "ascii", "latin1", "utf8", "ucs2", NULL};
static const char *const plain_words[] = {"gsm7", "ascii", "latin1", NULL};

const struct option_row bind_options[] = {
    {"link", "account", OPTION_STRING, LINK(account), .def = "", .min = 0, .max = 60,
     .help = "Account of the outbox (messaging.account); empty: the section's name"},
    {"link", "host", OPTION_STRING, LINK(host), .def = "", .flags = OPTION_REQUIRED,
     .help = "Name or address of the message centre"},
    {"link", "port", OPTION_INT, LINK(port), .def = "2775", .min = 1, .max = 65535,
     .help = "Its port"},
    {"link", "tls", OPTION_BOOL, LINK(tls), .def = "no", .help = "Speak TLS"},
    {"link", "ca_file", OPTION_STRING, LINK(ca_file), .def = "",
     .help = "CA of the message centre; empty: the system's, and with outbind no certificate"},
    {"link", "cert_file", OPTION_STRING, LINK(cert_file), .def = "",
     .help = "Our certificate chain, for a message centre that asks for one; outbind needs it"},
    {"link", "key_file", OPTION_STRING, LINK(key_file), .def = "", .help = "And its private key"},
    {"link", "system_id", OPTION_STRING, LINK(system_id), .def = "", .min = 0, .max = 15,
     .help = "Our name there"},
    {"link", "password", OPTION_SECRET, LINK(password), .def = "", .help = "And our password"},
    {"link", "system_type", OPTION_STRING, LINK(system_type), .def = "", .min = 0, .max = 12,
     .help = "As the carrier says, often empty"},
    {"link", "outbind_port", OPTION_INT, LINK(outbind_port), .def = "0", .min = 0, .max = 65535,
     .help =
         "The message centre connects to us here and sends outbind, then we bind; 0: we connect"},
    {"link", "outbind_host", OPTION_STRING, LINK(outbind_host), .def = "0.0.0.0",
     .help = "Our address for that, in digits"},
    {"link", "outbind_system_id", OPTION_STRING, LINK(outbind_system_id), .def = "", .min = 0,
     .max = 15, .help = "The name that its outbind must say"},
    {"link", "outbind_password", OPTION_SECRET, LINK(outbind_password), .def = "",
     .help = "And the password; anybody else is closed"},
    {"link", "mode", OPTION_ENUM, LINK(mode), .def = "transceiver", .words = mode_words,
     .help = "transceiver; or transmitter and receiver, two links of one account"},
    {"link", "sender", OPTION_STRING, LINK(sender), .def = "", .min = 0, .max = 20,
     .help = "Source address: short code or name that readers see; empty: the carrier's choice"},
    {"link", "sender_ton", OPTION_INT, LINK(sender_ton), .def = "0", .min = 0, .max = 255,
     .help = "Type of number of the sender: 0 unknown, 1 international, 3 network, 5 name"},
    {"link", "sender_npi", OPTION_INT, LINK(sender_npi), .def = "0", .min = 0, .max = 255,
     .help = "Numbering plan of the sender: 0 unknown, 1 telephone"},
    {"link", "dest_ton", OPTION_INT, LINK(dest_ton), .def = "1", .min = 0, .max = 255,
     .help = "Type of number of readers"},
    {"link", "dest_npi", OPTION_INT, LINK(dest_npi), .def = "1", .min = 0, .max = 255,
     .help = "Numbering plan of readers"},
    {"link", "service_type", OPTION_STRING, LINK(service_type), .def = "", .min = 0, .max = 5,
     .help = "service_type of what we send"},
    {"link", "statuses", OPTION_STRING, LINK(statuses), .def = "", .min = 0, .max = 1000,
     .help =
         "What the carrier's own statuses mean, the first that fits: \"0x5A permanent, 0x400-0x4FF "
         "retry\"; classes: retry, once, throttle, defer, permanent, route, vendor"},
    {"link", "binds", OPTION_INT, LINK(binds), .def = "1", .min = 1, .max = BIND_LINES_MAX,
     .help = "Connections bound at the same time, as far as the contract allows"},
    {"link", "window", OPTION_INT, LINK(window), .def = "10", .min = 1, .max = WINDOW_MAX,
     .help = "Parts that may wait for their response on each connection"},
    {"link", "rate", OPTION_INT, LINK(rate), .def = "10", .min = 0, .max = 100000,
     .help = "Parts a second by contract; 0: no limit"},
    {"link", "burst", OPTION_INT, LINK(burst), .def = "0", .min = 0, .max = 100000,
     .help = "Parts that may leave at once; 0: one second's"},
    {"link", "bind_timeout", OPTION_DURATION_MS, LINK(bind_ms), .def = "15s", .min = 100,
     .max = 120000, .help = "Wait for the answer to our bind"},
    {"link", "response_timeout", OPTION_DURATION_MS, LINK(response_ms), .def = "60s", .min = 100,
     .max = 600000, .help = "Wait for the response to a part; then its outcome is unknown"},
    {"link", "enquire_link", OPTION_DURATION_MS, LINK(enquire_ms), .def = "30s", .min = 100,
     .max = 600000, .help = "Silence after which the link is probed"},
    {"link", "enquire_timeout", OPTION_DURATION_MS, LINK(enquire_timeout_ms), .def = "10s",
     .min = 100, .max = 120000, .help = "Wait for the answer to the probe"},
    {"link", "connect_timeout", OPTION_DURATION_MS, LINK(connect_ms), .def = "10s", .min = 100,
     .max = 120000, .help = "Wait for one address to accept"},
    {"link", "retry", OPTION_DURATION_MS, LINK(retry_min_ms), .def = "1s", .min = 10, .max = 60000,
     .help = "First pause before connecting again; doubles up to a minute"},
    {"link", "stable", OPTION_DURATION_MS, LINK(stable_ms), .def = "30s", .min = 10, .max = 3600000,
     .help = "A bind that held so long was a good one: the next pause is the first again"},
    {"link", "lease", OPTION_DURATION_MS, LINK(lease_ms), .def = "10s", .min = 1000, .max = 300000,
     .help = "After the owner's death another process binds this much later"},
    {"link", "alphabet", OPTION_ENUM, LINK(alphabet), .def = "gsm7", .words = alphabet_words,
     .help = "What data_coding 0 means in texts from readers"},
    {"link", "encoding", OPTION_ENUM, LINK(encoding), .def = "gsm7", .words = encoding_words,
     .help =
         "What the alphabet of phones lacks: gsm7 folds it, auto sends UCS-2; instalments go by "
         "their book's rule"},
    {"link", "concat", OPTION_ENUM, LINK(concat), .def = "udh8", .words = concat_words,
     .help =
         "Long texts: header with an 8 or 16-bit reference, sar parameters, one payload, or none: "
         "plain messages with (2/5), cut at words"},
    {"link", "marks", OPTION_ENUM, LINK(marks), .def = "before", .words = marks_words,
     .help = "With concat none: (2/5) before or behind the text"},
    {"link", "tables", OPTION_ENUM, LINK(tables), .def = "none", .words = tables_words,
     .help = "National shift tables that the route takes, where they make a text shorter"},
    {"link", "latin1", OPTION_BOOL, LINK(latin1), .def = "no",
     .help = "The route takes data_coding 3, where that makes a text shorter"},
    {"link", "plain", OPTION_ENUM, LINK(plain), .def = "gsm7", .words = plain_words,
     .help = "What the route reads in our data_coding 0; the phone gets GSM-7 all the same"},
    {"link", "emoji", OPTION_ENUM, LINK(astral), .def = "send", .words = astral_words,
     .help = "Characters beyond UCS-2: send as UTF-16, replace by ?, or refuse the text"},
    {"link", "id_form", OPTION_ENUM, LINK(id_form), .def = "auto", .words = id_words,
     .help = "Message ids in receipts: same as in responses, decimal of hexadecimal, or back"},
    {"link", "receipts", OPTION_BOOL, LINK(receipts), .def = "yes",
     .help = "Ask for a delivery receipt on each part"},
    {"link", "reference", OPTION_BOOL, LINK(reference), .def = "yes",
     .help =
         "Name each part (user_message_reference), so that a receipt finds it without a response"},
    {"link", "validity", OPTION_BOOL, LINK(validity), .def = "yes",
     .help = "Send a validity_period, so that a late text is not delivered"},
    {"link", "country", OPTION_STRING, LINK(country), .def = "", .min = 0, .max = 2,
     .help = "ISO country of readers' numbers in national form"},
};
const size_t bind_options_count = ARRAY_LEN(bind_options);

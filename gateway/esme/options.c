/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of [smpp_server] and of an [esme NAME] section, and what is checked beyond their rows.
 */
#include <stdio.h>

#include "gateway/esme/esme_parts.h"
#include "smpp/window.h"

#define SERVER(field) offsetof(struct esme_server_config, field)
#define ESME(field)   offsetof(struct esme_config, field)

/* in the order of enum alphabet */
static const char *const alphabet_words[] = {"gsm7", "ascii", "latin1", "utf8", "ucs2", NULL};

const struct option_row esme_server_options[] = {
    {"smpp_server", "listen", OPTION_STRING, SERVER(listen), .def = "", .flags = OPTION_NO_RELOAD,
     .help = "Address and port where other systems bind to us; empty: nowhere"},
    {"smpp_server", "system_id", OPTION_STRING, SERVER(system_id), .def = "coko", .min = 1,
     .max = 15, .flags = OPTION_NO_RELOAD, .help = "Our name in bind responses"},
    {"smpp_server", "tls_cert", OPTION_STRING, SERVER(tls_cert), .def = "",
     .flags = OPTION_NO_RELOAD, .help = "PEM certificate chain; empty: no TLS"},
    {"smpp_server", "tls_key", OPTION_STRING, SERVER(tls_key), .def = "", .flags = OPTION_NO_RELOAD,
     .help = "PEM key of tls_cert"},
    {"smpp_server", "client_ca", OPTION_STRING, SERVER(client_ca), .def = "",
     .flags = OPTION_NO_RELOAD, .help = "CA of the certificates that clients must show"},
    {"smpp_server", "max_connections", OPTION_INT, SERVER(max_connections), .def = "1000", .min = 1,
     .max = 20000, .flags = OPTION_NO_RELOAD, .help = "Connections of all accounts"},
    {"smpp_server", "max_unbound", OPTION_INT, SERVER(max_strangers), .def = "100", .min = 1,
     .max = 20000, .flags = OPTION_NO_RELOAD, .help = "Connections that are not bound yet"},
    {"smpp_server", "max_unbound_per_address", OPTION_INT, SERVER(max_strangers_address),
     .def = "10", .min = 1, .max = 20000, .flags = OPTION_NO_RELOAD,
     .help = "Of those, from one address"},
    {"smpp_server", "max_failures", OPTION_INT, SERVER(max_failures), .def = "5", .min = 1,
     .max = 1000, .flags = OPTION_NO_RELOAD,
     .help = "Wrong passwords of one address in a minute before it is not heard"},
    {"smpp_server", "bind_timeout", OPTION_DURATION_MS, SERVER(bind_ms), .def = "10s", .min = 100,
     .max = 120000, .flags = OPTION_NO_RELOAD, .help = "Wait for the bind of a new connection"},
    {"smpp_server", "enquire_link", OPTION_DURATION_MS, SERVER(enquire_ms), .def = "60s",
     .min = 100, .max = 600000, .flags = OPTION_NO_RELOAD,
     .help = "Silence after which a bind is probed"},
    {"smpp_server", "enquire_timeout", OPTION_DURATION_MS, SERVER(enquire_timeout_ms), .def = "10s",
     .min = 100, .max = 120000, .flags = OPTION_NO_RELOAD,
     .help = "Wait for the answer to the probe; then the bind is cut"},
    {"smpp_server", "response_timeout", OPTION_DURATION_MS, SERVER(response_ms), .def = "60s",
     .min = 100, .max = 120000, .flags = OPTION_NO_RELOAD,
     .help = "Wait for the answer to a receipt; then it is due again, later each time"},
    {"smpp_server", "max_unanswered", OPTION_INT, SERVER(unanswered_max), .def = "20", .min = 1,
     .max = 100000, .flags = OPTION_NO_RELOAD,
     .help = "Receipts in a row without an answer (two windows at least) that end a bind"},
    {"smpp_server", "lease", OPTION_DURATION_MS, SERVER(lease_ms), .def = "10s", .min = 1000,
     .max = 300000, .flags = OPTION_NO_RELOAD,
     .help = "After the death of the worker that listens another listens this much later"},
};
const size_t esme_server_options_count = ARRAY_LEN(esme_server_options);

const struct option_row esme_options[] = {
    {"esme", "system_id", OPTION_STRING, ESME(system_id), .def = "", .min = 0, .max = 15,
     .help = "Its name in binds; empty: the section's name"},
    {"esme", "password", OPTION_SECRET, ESME(password), .def = "", .flags = OPTION_REQUIRED,
     .help = "Its password, at most 64 octets; better as password_file"},
    {"esme", "binds", OPTION_LIST, ESME(binds), .def = "transmitter receiver transceiver", .min = 1,
     .max = 3, .help = "How it may bind: transmitter, receiver, transceiver"},
    {"esme", "addresses", OPTION_LIST, ESME(addresses), .def = "",
     .help = "Networks it may come from: 192.0.2.0/24, 2001:db8::1; empty: any"},
    {"esme", "senders", OPTION_LIST, ESME(senders), .def = "",
     .help = "Senders it may use, the first where it names none; empty: any"},
    {"esme", "prefixes", OPTION_LIST, ESME(prefixes), .def = "",
     .help = "First digits of the numbers it may send to, as 225; empty: any"},
    {"esme", "networks", OPTION_LIST, ESME(networks), .def = "",
     .help = "Countries or networks it may send to: CI, SN/orange; empty: any"},
    {"esme", "numbers", OPTION_LIST, ESME(numbers), .def = "",
     .help = "Its own short codes and numbers: readers' texts to them are given to it"},
    {"esme", "max_binds", OPTION_INT, ESME(max_binds), .def = "4", .min = 1, .max = 1000,
     .help = "Binds at once, on all machines"},
    {"esme", "window", OPTION_INT, ESME(window), .def = "10", .min = 1, .max = WINDOW_MAX,
     .help = "Receipts that may wait for their response on one bind"},
    {"esme", "rate", OPTION_INT, ESME(rate), .def = "10", .min = 0, .max = 100000,
     .help =
         "Parts a second over all its binds on all machines; more is answered 0x58; 0: no limit"},
    {"esme", "burst", OPTION_INT, ESME(burst), .def = "0", .min = 0, .max = 100000,
     .help = "Parts that may come at once; 0: one second's"},
    {"esme", "queue", OPTION_INT, ESME(queue), .def = "100", .min = 1, .max = 1000,
     .help = "Numbers submitted to that may wait for their commit; more is answered 0x14"},
    {"esme", "outbox", OPTION_INT, ESME(outbox), .def = "100000", .min = 254, .max = 1000000,
     .help = "Its messages that may wait to be sent, also those scheduled; more is answered 0x14"},
    {"esme", "validity", OPTION_DURATION_MS, ESME(validity_ms), .def = "24h", .min = 60000,
     .max = 28 * 86400000LL, .help = "Life of a message without a validity_period"},
    {"esme", "country", OPTION_STRING, ESME(country), .def = "", .min = 0, .max = 2,
     .help = "ISO country of numbers in national form; empty: international ones only"},
    {"esme", "alphabet", OPTION_ENUM, ESME(alphabet), .def = "gsm7", .words = alphabet_words,
     .help = "What its data_coding 0 means"},
    {"esme", "receipts", OPTION_BOOL, ESME(receipts), .def = "yes",
     .help = "Give the receipts that it asks for"},
};
const size_t esme_options_count = ARRAY_LEN(esme_options);

void esme_server_check(const struct esme_server_config *c, esme_fault_fn *fault, void *arg)
{
    const char *colon = strrchr(c->listen, ':');

    if (*c->listen && (colon == NULL || colon == c->listen || colon[1] == '\0'))
        fault(arg, "listen", "an address is \"ip:port\"");
    if ((*c->tls_cert != '\0') != (*c->tls_key != '\0'))
        fault(arg, *c->tls_cert ? "tls_cert" : "tls_key",
              "tls_cert and tls_key come together, or not at all");
    if (*c->client_ca && !*c->tls_cert)
        fault(arg, "client_ca", "it needs tls_cert");
}

static bool is_bind_word(const char *word)
{
    return esme_bind_bit(word) != 0;
}

static bool is_prefix(const char *word)
{
    size_t n = strspn(word, "0123456789");

    return n > 0 && word[n] == '\0';
}

/* "CI" or "CI/mtn". */
static bool is_network(const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    size_t name =
        word[n] == '/' ? strspn(word + n + 1, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

    return n == 2 && (word[2] == '\0' || (name > 0 && word[3 + name] == '\0'));
}

static bool is_sender(const char *word)
{
    char address[ESME_SOURCE_MAX + 1];
    const char *kind;

    return esme_source_read(str_c(word), 0, address, &kind) == 0;
}

static bool is_number(const char *word)
{
    char address[ESME_SOURCE_MAX + 1];
    const char *kind;

    return esme_source_read(str_c(word), 0, address, &kind) == 0 &&
           strcmp(kind, "alphanumeric") != 0;
}

static void check_list(const struct option_list *list, const char *key,
                       bool (*good)(const char *word), esme_fault_fn *fault, void *arg)
{
    for (size_t i = 0; i < list->n; i++) {
        char what[96];

        if (good(list->v[i]))
            continue;
        (void)snprintf(what, sizeof what, "\"%.40s\" cannot be understood", list->v[i]);
        fault(arg, key, what);
    }
}

void esme_check(const struct esme_config *c, esme_fault_fn *fault, void *arg)
{
    check_list(&c->binds, "binds", is_bind_word, fault, arg);
    check_list(&c->addresses, "addresses", esme_network_good, fault, arg);
    check_list(&c->senders, "senders", is_sender, fault, arg);
    check_list(&c->numbers, "numbers", is_number, fault, arg);
    check_list(&c->prefixes, "prefixes", is_prefix, fault, arg);
    check_list(&c->networks, "networks", is_network, fault, arg);
    if (strlen(c->system_id) > 15)
        fault(arg, "system_id", "at most 15 octets; the section's name is longer");
    if (strlen(c->password) > 64)
        fault(arg, "password", "at most 64 octets");
}

bool esme_claims(const struct esme_config *c, const char *address)
{
    char number[ESME_SOURCE_MAX + 1];
    const char *kind;

    return esme_source_read(str_c(address), 0, number, &kind) == 0 && esme_has_number(c, number);
}

bool esme_shares_number(const struct esme_config *a, const struct esme_config *b)
{
    for (size_t i = 0; i < a->numbers.n; i++) {
        if (esme_claims(b, a->numbers.v[i]))
            return true;
    }
    return false;
}

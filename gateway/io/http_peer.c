/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sent a request. X-Forwarded-For is read from the right, and only as long as the address that
 * appended the entry is a trusted proxy; anything malformed ends the walk at the last address known.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

#include "gateway/io/http_conn.h"
#include "gateway/io/nets.h"

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool addr_parse(struct str text, unsigned char key[16], bool *is_v4)
{
    char word[INET6_ADDRSTRLEN];

    if (!str_to_c(text, word, sizeof word))
        return false;
    memcpy(key, mapped, sizeof mapped);
    *is_v4 = inet_pton(AF_INET, word, key + 12) == 1;
    return *is_v4 || inet_pton(AF_INET6, word, key) == 1;
}

static bool net_parse(struct str word, struct http_net *net)
{
    struct str addr = word, bits = STR_EMPTY;
    bool has_bits = str_cut(word, '/', &addr, &bits), is_v4;
    int64_t n;

    if (!addr_parse(addr, net->addr, &is_v4))
        return false;
    n = is_v4 ? 32 : 128;
    if (has_bits && !str_to_i64(bits, 0, n, &n))
        return false;
    net->bits = (unsigned)(n + (is_v4 ? 96 : 0));
    return true;
}

int http_nets_parse(const char *list, struct http_net **nets, size_t *n, struct err *e)
{
    struct str rest = str_c(list), word;

    *nets = NULL;
    *n = 0;
    while (str_split(&rest, ',', &word)) {
        struct http_net net, *grown;

        word = str_trim(word);
        if (word.n == 0)
            continue;
        if (!net_parse(word, &net)) {
            free(*nets);
            *nets = NULL;
            return err_set(e, ERR_BAD_CONFIG, "%" STR_FMT " is no network", STR_ARG(word));
        }
        grown = realloc(*nets, (*n + 1) * sizeof **nets);
        if (grown == NULL)
            abort();
        *nets = grown;
        (*nets)[(*n)++] = net;
    }
    return 0;
}

void http_peer_key(const struct sockaddr_storage *sa, unsigned char key[16])
{
    memset(key, 0, 16);
    if (sa->ss_family == AF_INET) {
        memcpy(key, mapped, sizeof mapped);
        memcpy(key + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa->ss_family == AF_INET6) {
        memcpy(key, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    }
}

static bool net_matches(const struct http_net *net, const unsigned char key[16])
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;

    if (memcmp(net->addr, key, whole) != 0)
        return false;
    return rest == 0 || ((net->addr[whole] ^ key[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

bool http_net_has(const struct http_net *nets, size_t n, const unsigned char key[16])
{
    for (size_t i = 0; i < n; i++)
        if (net_matches(&nets[i], key))
            return true;
    return false;
}

static void key_print(const unsigned char key[16], char out[46])
{
    if (memcmp(key, mapped, sizeof mapped) == 0)
        inet_ntop(AF_INET, key + 12, out, 46);
    else
        inet_ntop(AF_INET6, key, out, 46);
}

/* The last entry of the list, cut off *rest; false when the list is at its end. */
static bool last_entry(struct str *rest, struct str *entry)
{
    size_t at = rest->n;

    if (rest->n == 0)
        return false;
    while (at > 0 && rest->p[at - 1] != ',')
        at--;
    *entry = str_trim(str_skip(*rest, at));
    *rest = str_head(*rest, at > 0 ? at - 1 : 0);
    return true;
}

/* key: the socket's peer at first; the client's at the end. */
static void forwarded_walk(const struct http_server *s, struct str list, unsigned char key[16])
{
    struct str entry;

    while (http_net_has(s->nets, s->nnets, key) && last_entry(&list, &entry)) {
        unsigned char next[16];
        bool is_v4;

        if (!addr_parse(entry, next, &is_v4))
            return;
        memcpy(key, next, 16);
    }
}

void http_peer_name(struct http_conn *c)
{
    unsigned char key[16];

    if (c->server->nnets == 0 && c->x.peer[0] != '\0')
        return;
    http_peer_key(&c->peer, key);
    c->x.via_proxy = http_net_has(c->server->nets, c->server->nnets, key);
    /* A list over several fields is one list (RFC 9110 5.3); we walk the fields from the last. */
    for (unsigned i = c->server->nnets != 0 ? c->head.nheaders : 0; i-- > 0;)
        if (str_case_eq(c->head.headers[i].name, STR("x-forwarded-for")))
            forwarded_walk(c->server, c->head.headers[i].value, key);
    key_print(key, c->x.peer);
}

/* ---- lists of others (nets.h) ---- */

struct nets {
    struct http_net *v;
    size_t n;
};

int nets_new(const char *list, struct nets **out, struct err *e)
{
    struct nets *s = calloc(1, sizeof *s);

    if (s == NULL)
        abort();
    *out = s;
    if (http_nets_parse(list, &s->v, &s->n, e) == 0)
        return 0;
    nets_free(s);
    *out = NULL;
    return -1;
}

void nets_free(struct nets *s)
{
    if (s == NULL)
        return;
    free(s->v);
    free(s);
}

bool nets_have(const struct nets *s, const char *address)
{
    unsigned char key[16];
    bool is_v4;

    return addr_parse(str_c(address), key, &is_v4) && http_net_has(s->v, s->n, key);
}

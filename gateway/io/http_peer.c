/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sent a request. X-Forwarded-For is read from the right, and only as long as the address that
 * appended the entry is a trusted proxy; anything malformed ends the walk at the last address known.
 */
#include "gateway/io/http_conn.h"

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
static void forwarded_walk(const struct http_server *s, struct str list,
                           unsigned char key[NETS_KEY_LEN])
{
    struct str entry;

    while (nets_have(s->proxies, key) && last_entry(&list, &entry)) {
        unsigned char next[NETS_KEY_LEN];

        if (!nets_key(entry, next))
            return;
        memcpy(key, next, sizeof next);
    }
}

void http_peer_name(struct http_conn *c)
{
    unsigned char key[NETS_KEY_LEN];

    if (!c->server->proxies && c->x.peer[0] != '\0')
        return;
    nets_socket_key(&c->peer, key);
    c->x.via_proxy = nets_have(c->server->proxies, key);
    /* A list over several fields is one list (RFC 9110 5.3); we walk the fields from the last. */
    for (unsigned i = c->server->proxies ? c->head.nheaders : 0; i-- > 0;)
        if (str_case_eq(c->head.headers[i].name, STR("x-forwarded-for")))
            forwarded_walk(c->server, c->head.headers[i].value, key);
    nets_print(key, c->x.peer);
}

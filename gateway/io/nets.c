/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See nets.h.
 */
#include "gateway/io/nets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct net {
    unsigned char addr[NETS_KEY_LEN];
    unsigned bits;
};

struct nets {
    struct net *v;
    size_t n;
};

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---- addresses ---- */

static bool addr_parse(struct str text, unsigned char key[NETS_KEY_LEN], bool *is_v4)
{
    char word[INET6_ADDRSTRLEN];

    if (!str_to_c(text, word, sizeof word))
        return false;
    memcpy(key, mapped, sizeof mapped);
    *is_v4 = inet_pton(AF_INET, word, key + 12) == 1;
    return *is_v4 || inet_pton(AF_INET6, word, key) == 1;
}

bool nets_key(struct str address, unsigned char key[NETS_KEY_LEN])
{
    bool is_v4;

    return addr_parse(address, key, &is_v4);
}

void nets_socket_key(const struct sockaddr_storage *sa, unsigned char key[NETS_KEY_LEN])
{
    memset(key, 0, NETS_KEY_LEN);
    if (sa->ss_family == AF_INET) {
        memcpy(key, mapped, sizeof mapped);
        memcpy(key + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa->ss_family == AF_INET6) {
        memcpy(key, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, NETS_KEY_LEN);
    }
}

void nets_print(const unsigned char key[NETS_KEY_LEN], char out[INET6_ADDRSTRLEN])
{
    if (memcmp(key, mapped, sizeof mapped) == 0)
        inet_ntop(AF_INET, key + 12, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, key, out, INET6_ADDRSTRLEN);
}

/* ---- lists ---- */

static bool net_parse(struct str word, struct net *net)
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

static void nets_add(struct nets *s, const struct net *net)
{
    s->v = realloc(s->v, (s->n + 1) * sizeof *s->v);
    if (!s->v)
        abort();
    s->v[s->n++] = *net;
}

int nets_new(const char *list, struct nets **out, struct err *e)
{
    struct nets *s = calloc(1, sizeof *s);
    struct str rest = str_c(list), word;

    if (!s)
        abort();
    *out = NULL;
    while (str_split(&rest, ',', &word)) {
        struct net net;

        word = str_trim(word);
        if (word.n == 0)
            continue;
        if (!net_parse(word, &net)) {
            nets_free(s);
            return err_set(e, ERR_BAD_CONFIG, "%" STR_FMT " is no network", STR_ARG(word));
        }
        nets_add(s, &net);
    }
    *out = s;
    return 0;
}

void nets_free(struct nets *s)
{
    if (!s)
        return;
    free(s->v);
    free(s);
}

static bool net_matches(const struct net *net, const unsigned char key[NETS_KEY_LEN])
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;

    if (memcmp(net->addr, key, whole) != 0)
        return false;
    return rest == 0 || ((net->addr[whole] ^ key[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

bool nets_have(const struct nets *s, const unsigned char key[NETS_KEY_LEN])
{
    for (size_t i = 0; s && i < s->n; i++)
        if (net_matches(&s->v[i], key))
            return true;
    return false;
}

bool nets_have_address(const struct nets *s, const char *address)
{
    unsigned char key[NETS_KEY_LEN];

    return nets_key(str_c(address), key) && nets_have(s, key);
}

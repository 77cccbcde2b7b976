/* SPDX-License-Identifier: Apache-2.0 */
/* The urls of redis.h: redis://, rediss://, redis+sentinel://. */
#include "gateway/lib/basenc.h"

#include "gateway/io/redis_conn.h"

static int fault(struct err *e, const char *what)
{
    return err_set(e, ERR_BAD_CONFIG, "redis url: %s", what); /* never the url: it has a password */
}

static bool cut_prefix(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = str_skip(*s, prefix.n);
    return true;
}

/* %XX decoded once, no NUL inside. */
static bool unescape(struct str s, char *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '%') {
            if (s.n - i < 3 || hex_decode(str_n(s.p + i + 1, 2), &c, 1) != 1)
                return false;
            i += 2;
        }
        if (c == 0 || len + 1 >= cap)
            return false;
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return true;
}

static int host_parse(struct str text, const char *default_port, struct redis_host *h)
{
    struct str name = text, port = STR_EMPTY;
    int64_t n;

    if (text.n > 0 && text.p[0] == '[') { /* an IPv6 address */
        struct str rest;

        if (!str_cut(str_skip(text, 1), ']', &name, &rest) ||
            (rest.n > 0 && (rest.p[0] != ':' || rest.n == 1)))
            return -1;
        port = str_skip(rest, 1);
    } else {
        str_cut(text, ':', &name, &port);
    }
    if (port.n == 0)
        port = str_c(default_port);
    if (name.n == 0)
        name = STR("127.0.0.1");
    if (!str_to_i64(port, 1, 65535, &n) || !str_to_c(port, h->port, sizeof h->port) ||
        !str_to_c(name, h->name, sizeof h->name))
        return -1;
    return 0;
}

static int hosts_parse(struct str list, struct redis_url *u, struct err *e)
{
    struct str word;

    while (str_split(&list, ',', &word)) {
        if (u->nhosts == REDIS_HOSTS_MAX || (u->nhosts == 1 && !u->sentinel))
            return fault(e, "too many hosts");
        if (host_parse(word, u->sentinel ? "26379" : "6379", &u->hosts[u->nhosts]) != 0)
            return fault(e, "host or port");
        u->nhosts++;
    }
    return 0;
}

static int path_parse(struct str path, struct redis_url *u, struct err *e)
{
    struct str db = path;
    int64_t n = 0;

    if (u->sentinel) {
        struct str master = path;

        db = STR_EMPTY;
        str_cut(path, '/', &master, &db);
        if (master.n == 0 || !str_to_c(master, u->master, sizeof u->master))
            return fault(e, "name of the master");
    }
    if (db.n > 0 && !str_to_i64(db, 0, 1023, &n))
        return fault(e, "database number");
    u->db = (unsigned)n;
    return 0;
}

int redis_url_parse(const char *url, struct redis_url *u, struct err *e)
{
    struct str rest = str_c(url), where, path = STR_EMPTY;
    ptrdiff_t at = -1;

    memset(u, 0, sizeof *u);
    if (cut_prefix(&rest, STR("redis+sentinel://")))
        u->sentinel = true;
    else if (cut_prefix(&rest, STR("rediss://")))
        u->tls = true;
    else if (!cut_prefix(&rest, STR("redis://")))
        return fault(e, "not redis://, rediss:// or redis+sentinel://");
    str_cut(rest, '/', &where, &path);
    for (size_t i = 0; i < where.n; i++)
        if (where.p[i] == '@')
            at = (ptrdiff_t)i;
    if (at >= 0) {
        struct str cred = str_head(where, (size_t)at), user = STR_EMPTY, password = cred;

        if (!str_cut(cred, ':', &user, &password)) {
            user = STR_EMPTY;
            password = cred;
        }
        if (!unescape(user, u->user, sizeof u->user) ||
            !unescape(password, u->password, sizeof u->password))
            return fault(e, "user or password");
        where = str_skip(where, (size_t)at + 1);
    }
    if (hosts_parse(where, u, e) != 0)
        return -1;
    return path_parse(path, u, e);
}

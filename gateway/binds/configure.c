/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From [link] sections to links: what a link is told at its start, and what a reload may change under
 * a live bind. Window, rate, burst, statuses and the number of lines hold at once; address, TLS and credentials
 * at a link's next connection; the rest (who we are to readers, how texts are cut, the lease) wants a restart, since
 * messages in hand were made under it (M2).
 *
 * The strings of a reload are copied: the configuration that brought them goes.
 */
#include <stdlib.h>

#include "gateway/binds/binds_parts.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

static enum session_bind session_mode(int mode)
{
    return mode == BIND_MODE_TX ? SESSION_TX : mode == BIND_MODE_RX ? SESSION_RX : SESSION_TRX;
}

struct link_config bind_link_config(const struct bind_line *line, const struct bind_config *c,
                                    struct tls *tls)
{
    return (struct link_config){.name = line->name,
                                .host = c->host,
                                .port = (uint16_t)c->port,
                                .tls = tls,
                                .listen_host = c->outbind_host,
                                .listen_port = (uint16_t)c->outbind_port,
                                .outbind_system_id = c->outbind_system_id,
                                .outbind_password = c->outbind_password,
                                .connect_ms = c->connect_ms,
                                .retry_min_ms = c->retry_min_ms,
                                .stable_ms = c->stable_ms,
                                .session = {.bind = session_mode(c->mode),
                                            .system_id = str_c(c->system_id),
                                            .password = str_c(c->password),
                                            .system_type = str_c(c->system_type),
                                            .address_range = STR_EMPTY,
                                            .window = (uint32_t)c->window,
                                            .rate = &line->bind->rate,
                                            .statuses = &line->bind->statuses,
                                            .parts_per_s = (uint32_t)c->rate,
                                            .burst = (uint32_t)c->burst,
                                            .bind_ms = c->bind_ms,
                                            .response_ms = c->response_ms,
                                            .enquire_ms = c->enquire_ms,
                                            .enquire_timeout_ms = c->enquire_timeout_ms}};
}

struct tls *bind_tls_new(const struct bind_config *c, int *rc, struct err *e)
{
    struct tls_config files = {.ca_file = *c->ca_file ? c->ca_file : NULL,
                               .cert_file = *c->cert_file ? c->cert_file : NULL,
                               .key_file = *c->key_file ? c->key_file : NULL};
    struct tls *t = !c->tls                ? NULL
                    : c->outbind_port != 0 ? tls_server_new(&files, e)
                                           : tls_client_new(&files, e);

    *rc = c->tls && t == NULL ? -1 : 0;
    return t;
}

static const struct link_sink deaf; /* of a link that never starts */

int bind_try(struct bind *b, const struct bind_config *c, struct tls *tls, struct err *e)
{
    struct link_config config = bind_link_config(&b->lines[0], c, tls);
    struct statuses statuses;

    if (statuses_parse(str_c(c->statuses), &statuses, e) != 0)
        return err_wrap(e, "statuses");
    if (c->outbind_port != 0 && (c->binds > 1 || *c->outbind_password == '\0'))
        return err_set(e, ERR_BAD_CONFIG, "outbind: one bind, and a password");
    struct link *trial = link_new(b->set->loop, &config, &deaf, b, e);

    link_free(trial);
    if (trial == NULL)
        return -1;
    b->statuses = statuses;
    return 0;
}

/* ---- reload ---- */

static const char *const live[] = {"host",
                                   "port",
                                   "tls",
                                   "ca_file",
                                   "cert_file",
                                   "key_file",
                                   "system_id",
                                   "password",
                                   "system_type",
                                   "binds",
                                   "window",
                                   "rate",
                                   "burst",
                                   "bind_timeout",
                                   "enquire_link",
                                   "enquire_timeout",
                                   "connect_timeout",
                                   "retry",
                                   "response_timeout",
                                   "statuses"};
_Static_assert(ARRAY_LEN(live) <= BIND_TEXTS, "a place for the string of each");

/* Its place in live, or -1. */
static int live_place(const struct option_row *row)
{
    for (size_t i = 0; i < ARRAY_LEN(live); i++) {
        if (strcmp(row->key, live[i]) == 0)
            return (int)i;
    }
    return -1;
}

static void free_text(char *text)
{
    if (text != NULL)
        crypto_wipe(text, strlen(text));
    free(text);
}

void bind_forget_texts(struct bind *b)
{
    for (size_t i = 0; i < BIND_TEXTS; i++) {
        free_text(b->texts[i]);
        b->texts[i] = NULL;
    }
}

static void take_text(struct bind *b, int place, const char *from, const char **to)
{
    char *copy = strdup(from);

    if (copy == NULL)
        abort();
    *to = copy;
    free_text(b->texts[place]);
    b->texts[place] = copy;
}

static void take(struct bind *b, const struct option_row *row, const struct bind_config *fresh)
{
    const char *from = (const char *)fresh + row->offset;
    char *to = (char *)&b->config + row->offset;

    if (row->type == OPTION_STRING || row->type == OPTION_SECRET)
        take_text(b, live_place(row), *(const char *const *)from, (const char **)to);
    else if (row->type == OPTION_BOOL)
        memcpy(to, from, sizeof(bool));
    else
        memcpy(to, from, sizeof(int64_t)); /* numbers and durations; no enum is live */
}

static void tell_difference(const struct bind *b, const struct bind_config *fresh)
{
    for (size_t i = 0; i < bind_options_count; i++) {
        const struct option_row *row = &bind_options[i];

        if (!option_differs(row, b->c, fresh))
            continue;
        if (live_place(row) < 0)
            log_warn(NULL, "option wants a restart", "link=%s key=%s", b->c->account, row->key);
        else
            log_info(NULL, "link reloaded", "link=%s key=%s", b->c->account, row->key);
    }
}

static int reload_one(struct bind *b, const struct bind_config *fresh, struct err *e)
{
    int rc;
    struct tls *tls = bind_tls_new(fresh, &rc, e), *old = b->tls;

    if (rc != 0 || bind_try(b, fresh, tls, e) != 0) {
        tls_free(tls);
        return -1;
    }
    tell_difference(b, fresh);
    for (size_t i = 0; i < bind_options_count; i++) {
        if (live_place(&bind_options[i]) >= 0)
            take(b, &bind_options[i], fresh);
    }
    b->tls = tls; /* always a new one: its files may have changed under their names */
    rate_set(&b->rate, (uint32_t)b->c->rate, (uint32_t)b->c->burst, loop_now_ms(b->set->loop));
    for
        EACH_LINE(b, line)
        {
            struct link_config config = bind_link_config(line, b->c, tls);

            if (line->link != NULL && link_reconfigure(line->link, &config, e) != 0)
                rc = -1;
        }
    tls_free(old);
    bind_lines_fit(b);
    return rc;
}

static const struct bind_config *find_fresh(const struct bind *b, const struct bind_config *fresh,
                                            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fresh[i].account, b->c->account) == 0 && fresh[i].mode == b->c->mode)
            return &fresh[i];
    }
    return NULL;
}

static bool is_ours(const struct binds *bs, const struct bind_config *fresh)
{
    for (size_t i = 0; i < bs->n; i++) {
        if (find_fresh(&bs->all[i], fresh, 1) != NULL)
            return true;
    }
    return false;
}

void binds_reload(struct binds *bs, const struct bind_config *fresh, size_t n)
{
    struct err e;

    for (size_t i = 0; i < bs->n; i++) {
        struct bind *b = &bs->all[i];
        const struct bind_config *to = find_fresh(b, fresh, n);

        if (to == NULL)
            log_warn(NULL, "link gone: wants a restart", "link=%s", b->c->account);
        else if (reload_one(b, to, &e) != 0)
            log_err(LOG_LEVEL_ERROR, NULL, "link not reloaded", &e);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_ours(bs, &fresh[i]))
            log_warn(NULL, "link added: wants a restart", "link=%s", fresh[i].account);
    }
}

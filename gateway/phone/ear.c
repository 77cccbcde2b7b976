/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See ear.h.
 */
#include "gateway/phone/ear.h"

#include <unistd.h>

#include "gateway/io/listener.h"

static void on_post(struct http_exchange *x, void *arg)
{
    struct phone_ear *ear = arg;

    ear->heard(ear->arg, x->body);
    http_reply(x, 200, "text/xml; charset=utf-8", STR_EMPTY);
}

int phone_ear_open(struct phone_ear *ear, struct loop *l, const char *address,
                   void (*heard)(void *arg, struct str body), void *arg, struct err *e)
{
    const struct http_mount_opts opts = {.name = "gateway"};

    *ear = (struct phone_ear){.fd = -1, .heard = heard, .arg = arg};
    if (!*address)
        return 0;
    ear->fd = listener_open(address, false, e);
    ear->server = ear->fd >= 0 ? http_server_new(l, NULL, e) : NULL;
    if (ear->server && http_mount(ear->server, "/", on_post, ear, &opts, e) == 0 &&
        http_server_listen_fd(ear->server, ear->fd, e) == 0)
        return 0;
    phone_ear_close(ear);
    return -1;
}

void phone_ear_close(struct phone_ear *ear)
{
    if (!ear->heard)
        return;
    http_server_free(ear->server);
    if (ear->fd >= 0)
        close(ear->fd);
    *ear = (struct phone_ear){.fd = -1};
}

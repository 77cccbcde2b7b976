/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See file.h.
 */
#include "gateway/lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCK 16384u

static int sys(struct err *e)
{
    int saved = errno;

    err_set(e, ERR_IO, "%s", strerror(saved));
    e->sys = saved;
    return -1;
}

/* Bytes read into out: 0 at the end, or when out fails; -1, and errno. */
static ssize_t read_some(int fd, struct buf *out)
{
    size_t room = out->max - out->len < BLOCK ? out->max - out->len : BLOCK;
    char over; /* a full buffer: whether there is one byte more */
    char *at = room > 0 ? buf_reserve(out, room) : &over;
    ssize_t n;

    if (!at)
        return 0;
    do
        n = read(fd, at, room > 0 ? room : 1);
    while (n < 0 && errno == EINTR);
    if (n > 0 && room > 0)
        buf_advance(out, (size_t)n);
    else if (n > 0)
        buf_addc(out, over);
    return n;
}

int file_read(const char *path, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    int rc;

    if (fd < 0)
        return sys(e);
    while ((n = read_some(fd, out)) > 0 && !out->failed)
        continue;
    rc = n < 0 ? sys(e) : buf_check(out, e);
    close(fd);
    return rc;
}

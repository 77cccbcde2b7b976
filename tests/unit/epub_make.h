/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EPUB files made in memory: entries in order, then a descriptor to read them from.
 *
 *     struct epub_make m;
 *     epub_make_init(&m); epub_make_add(&m, "a.xhtml", text); ... int fd = epub_make_fd(&m);
 *     close(fd);
 */
#ifndef COKO_TESTS_EPUB_MAKE_H
#define COKO_TESTS_EPUB_MAKE_H

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/lib/buf.h"

struct epub_make {
    int fd;
    struct archive *a;
};

static inline void epub_make_init(struct epub_make *m)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* so that names are written as UTF-8 */
    m->fd = memfd_create("epub", 0);
    m->a = archive_write_new();
    archive_write_set_format_zip(m->a);
    archive_write_set_bytes_in_last_block(m->a, 1);
    if (archive_write_open_fd(m->a, m->fd) != ARCHIVE_OK)
        abort();
}

static inline void epub_make_type(struct epub_make *m, const char *name, struct str bytes,
                                  unsigned type)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_size(e, (la_int64_t)bytes.n);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    if (type == AE_IFLNK) {
        archive_entry_set_symlink(e, bytes.p);
        archive_entry_set_size(e, 0);
    }
    if (archive_write_header(m->a, e) < ARCHIVE_WARN)
        abort();
    if (type == AE_IFREG && archive_write_data(m->a, bytes.p, bytes.n) != (la_ssize_t)bytes.n)
        abort();
    archive_entry_free(e);
}

static inline void epub_make_add(struct epub_make *m, const char *name, const char *text)
{
    epub_make_type(m, name, str_c(text), AE_IFREG);
}

/* Ends the archive; the descriptor stands at its beginning and is the caller's. */
static inline int epub_make_fd(struct epub_make *m)
{
    archive_write_close(m->a);
    archive_write_free(m->a);
    lseek(m->fd, 0, SEEK_SET);
    setlocale(LC_CTYPE, "C"); /* as the daemon runs */
    return m->fd;
}

/* All bytes of a descriptor, which is closed. */
static inline void epub_make_bytes(int fd, struct buf *out)
{
    char block[65536];
    ssize_t n;

    buf_init(out, 64u << 20);
    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, block, sizeof block)) > 0)
        buf_add(out, block, (size_t)n);
    close(fd);
}

static inline int epub_make_from(const void *p, size_t n)
{
    int fd = memfd_create("epub", 0);

    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    lseek(fd, 0, SEEK_SET);
    return fd;
}

#define EPUB_CONTAINER                                                                             \
    "<?xml version='1.0'?><container xmlns='urn:oasis:names:tc:opendocument:xmlns:container'>"     \
    "<rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></container>"
#define EPUB_META                                                                                  \
    "<metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>Le livre</dc:title>"          \
    "<dc:language>fr</dc:language><dc:creator>Awa Sy</dc:creator></metadata>"
#define EPUB_ITEM(id, href) "<item id='" id "' href='" href "' media-type='application/xhtml+xml'/>"
#define EPUB_OPF(meta, manifest, spine)                                                            \
    "<?xml version='1.0'?><package xmlns='http://www.idpf.org/2007/opf'>" meta                     \
    "<manifest>" manifest "</manifest><spine>" spine "</spine></package>"
#define EPUB_PAGE(body)                                                                            \
    "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>no</title>"      \
    "</head><body>" body "</body></html>"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an archive through libarchive. See zip.h.
 */
#include "gateway/books/zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include "gateway/lib/buf.h"

#define ZIP_BLOCK (64u << 10)

struct reader {
    struct zip *z;
    struct archive *a;
    struct err *e;
    int64_t packed; /* size of the whole file */
    int64_t total;
    unsigned entries;
};

static bool wanted(struct str name)
{
    static const struct str kinds[] = {STR_INIT(".xml"),   STR_INIT(".opf"),  STR_INIT(".ncx"),
                                       STR_INIT(".xhtml"), STR_INIT(".html"), STR_INIT(".htm"),
                                       STR_INIT(".xht")};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (name.n > kinds[i].n && str_case_eq(str_skip(name, name.n - kinds[i].n), kinds[i]))
            return true;
    }
    return str_eq(name, STR("mimetype"));
}

static bool name_ok(struct str name)
{
    struct str rest = name, piece;

    if (name.n == 0 || name.n > 1024 || name.p[0] == '/')
        return false;
    while (str_split(&rest, '/', &piece)) {
        if (str_eq(piece, STR("..")))
            return false;
    }
    return true;
}

static int read_entry(struct reader *r, struct str name)
{
    struct buf b;
    char block[ZIP_BLOCK];
    la_ssize_t n;
    int rc = 0;

    buf_init(&b, ZIP_ENTRY_MAX);
    while (rc == 0 && (n = archive_read_data(r->a, block, sizeof block)) > 0) {
        buf_add(&b, block, (size_t)n);
        r->total += n;
        if (b.failed || r->total > ZIP_TOTAL_MAX)
            rc = err_set(r->e, ERR_TOO_BIG, "unpacks to more than a book's text may have");
        else if (r->total > (1 << 20) && r->total / ZIP_RATIO_MAX > r->packed)
            rc = err_set(r->e, ERR_TOO_BIG, "packed beyond reason: not a book");
    }
    if (rc == 0 && n < 0)
        rc = err_set(r->e, ERR_BAD_INPUT, "damaged archive: %.100s", archive_error_string(r->a));
    if (rc == 0) {
        struct str *kept = arena_alloc(&r->z->arena, sizeof *kept);

        if (kept)
            *kept = arena_str(&r->z->arena, buf_str(&b));
        if (!kept || !kept->p)
            rc = err_set(r->e, ERR_TOO_BIG, "unpacks to more than a book's text may have");
        else
            map_put(&r->z->entries, name, kept);
    }
    buf_fini(&b);
    return rc;
}

static int read_all(struct reader *r)
{
    struct archive_entry *entry;
    int rc;

    while ((rc = archive_read_next_header(r->a, &entry)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
        struct str name = str_c(archive_entry_pathname(entry));

        if (++r->entries > ZIP_ENTRIES_MAX)
            return err_set(r->e, ERR_TOO_BIG, "more than %d files inside", ZIP_ENTRIES_MAX);
        if (archive_entry_is_data_encrypted(entry))
            return err_set(r->e, ERR_UNSUPPORTED, "encrypted: a book with DRM cannot be read");
        if (archive_entry_filetype(entry) != AE_IFREG || !wanted(name))
            continue;
        if (!name_ok(name))
            return err_set(r->e, ERR_BAD_INPUT, "a file inside has an impossible name");
        if (read_entry(r, name) != 0)
            return -1;
    }
    if (rc != ARCHIVE_EOF)
        return err_set(r->e, ERR_BAD_INPUT, "not a zip archive, or damaged: %.80s",
                       archive_error_string(r->a) ? archive_error_string(r->a) : "");
    return 0;
}

static int read_archive(struct reader *r, int fd)
{
    int rc = -1;

    r->a = archive_read_new();
    archive_read_support_format_zip_seekable(r->a);
    if (archive_read_open_fd(r->a, fd, ZIP_BLOCK) != ARCHIVE_OK)
        err_set(r->e, ERR_BAD_INPUT, "not a zip archive: %.100s", archive_error_string(r->a));
    else
        rc = read_all(r);
    archive_read_free(r->a);
    return rc;
}

int zip_read(struct zip *z, int fd, struct err *e)
{
    struct reader r = {.z = z, .e = e};
    struct stat st = {0};

    arena_init(&z->arena, 1u << 20, 2 * (size_t)ZIP_TOTAL_MAX);
    map_init(&z->entries);
    if (fstat(fd, &st) != 0 || st.st_size > (64 << 20))
        return err_set(e, ERR_TOO_BIG, "the file is larger than 64 MiB");
    r.packed = st.st_size;

    /* libarchive gives names in the locale's charset: in "C" an accent makes a name vanish */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t was = uselocale(utf8);
    int rc = read_archive(&r, fd);

    uselocale(was);
    if (utf8)
        freelocale(utf8);
    return rc;
}

struct str zip_entry(const struct zip *z, struct str name)
{
    const struct str *s = map_get(&z->entries, name);

    return s ? *s : (struct str){NULL, 0};
}

void zip_fini(struct zip *z)
{
    map_fini(&z->entries);
    arena_fini(&z->arena);
}

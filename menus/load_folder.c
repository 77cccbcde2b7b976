/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A menu's folder as files in memory: flow.json, text/ and actions/. The only part of the menu that
 * reads a disk; what the bytes mean is load.c's.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "gateway/lib/file.h"
#include "menus/load.h"

#define FILE_MAX (512 * 1024)

struct folder {
    struct arena arena;
    struct menu_file files[FILES_MAX];
    size_t n;
};

static int read_file(struct folder *d, const char *dir, const char *name, struct err *e)
{
    char path[4096];
    struct buf bytes;
    int rc;

    if (d->n == FILES_MAX)
        return err_set(e, ERR_TOO_BIG, "%s: more than %d files", dir, FILES_MAX);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    buf_init(&bytes, FILE_MAX);
    rc = file_read(path, &bytes, e);
    if (rc == 0)
        d->files[d->n++] = (struct menu_file){arena_cstr(&d->arena, str_c(name)),
                                              arena_str(&d->arena, buf_str(&bytes))};
    else
        (void)err_wrap(e, "%s", path);
    buf_fini(&bytes);
    return rc;
}

/* Every `*suffix` of dir/sub. */
static int read_sub(struct folder *d, const char *dir, const char *sub, struct str suffix,
                    struct err *e)
{
    char path[4096], name[300];
    struct dirent *entry;
    DIR *h;
    int rc = 0;

    snprintf(path, sizeof path, "%s/%s", dir, sub);
    h = opendir(path);
    if (!h)
        return err_sys(e, ERR_IO, errno, "%s", path);
    while (rc == 0 && (entry = readdir(h)) != NULL) {
        if (entry->d_name[0] == '.' || !str_ends(str_c(entry->d_name), suffix))
            continue;
        snprintf(name, sizeof name, "%s/%s", sub, entry->d_name);
        rc = read_file(d, dir, name, e);
    }
    closedir(h);
    return rc;
}

struct menu *menu_load(const char *dir, struct menu_report *r, struct err *e)
{
    struct folder *d = calloc(1, sizeof *d);
    struct menu *m = NULL;

    if (!d)
        abort();
    r->count = 0;
    arena_init(&d->arena, 65536, (size_t)FILES_MAX * (FILE_MAX + 8192));
    if (read_file(d, dir, "flow.json", e) == 0 && read_sub(d, dir, "text", STR(".json"), e) == 0 &&
        read_sub(d, dir, "actions", STR(".sql"), e) == 0)
        m = menu_load_files(d->files, d->n, r, e);
    else
        report_add(r, "flow.json", 0, "%s", e->msg);
    arena_fini(&d->arena);
    free(d);
    return m;
}

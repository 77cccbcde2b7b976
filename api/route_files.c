/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folders of api/routes: which services there are, and their files. Reading only; the language
 * is route_load.c's.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/route.h"
#include "gateway/lib/file.h"

#define FILE_BYTES_MAX (256u << 10)

struct folder {
    struct arena *arena;
    const char *path;
};

static const char *file_text(struct arena *a, const char *path, struct err *e)
{
    struct buf bytes;
    const char *text;

    buf_init(&bytes, FILE_BYTES_MAX);
    text = file_read(path, &bytes, e) == 0 ? arena_cstr(a, buf_str(&bytes)) : NULL;
    buf_fini(&bytes);
    return text;
}

static const char *folder_sql(void *arg, const char *name)
{
    const struct folder *f = arg;
    char path[1024];
    struct err ignored; /* the loader names the file */

    if (strchr(name, '/'))
        return NULL;
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return file_text(f->arena, path, &ignored);
}

static void load_service(struct route_table *t, const char *dir, const char *service,
                         const struct call_handler *const *handlers, struct fault_list *faults)
{
    char folder[900], file[1024];
    struct arena texts; /* statements are copied when they are made */
    struct folder f = {&texts, folder};
    struct route_source src = {
        .file = file, .sql = folder_sql, .arg = &f, .handlers = handlers, .make_statements = true};

    snprintf(folder, sizeof folder, "%s/%s", dir, service);
    snprintf(file, sizeof file, "%s/routes.json", folder);
    arena_init(&texts, FILE_BYTES_MAX, 64u << 20);
    struct err e = {0};
    const char *text = file_text(&texts, file, &e);

    if (!text)
        (void)fault_add(faults, file, 0, "%s", e.msg);
    else
        (void)!route_load_bytes(t, &src, str_c(text), faults);
    arena_fini(&texts);
}

static int is_service(const struct dirent *d)
{
    return d->d_name[0] != '.' && d->d_type == DT_DIR;
}

int route_load(struct route_table *t, const char *dir, const struct call_handler *const *handlers,
               struct fault_list *faults)
{
    size_t before = faults->count;
    struct dirent **names;
    int n = scandir(dir, &names, is_service, alphasort);

    if (n < 0)
        return fault_add(faults, dir, 0, "%s", strerror(errno));
    for (int i = 0; i < n; i++) {
        load_service(t, dir, names[i]->d_name, handlers, faults);
        free(names[i]);
    }
    free(names);
    return faults->count == before ? 0 : -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for libFuzzer in ordinary builds: gives every file of the folders or files named on the
 * command line to LLVMFuzzerTestOneInput once, in name order, plus the empty input. A folder that
 * does not exist holds no inputs. Each input is laid in a heap block of exactly its size, so that
 * ASan sees one byte read too far. Exits 0 unless an input cannot be read; a fault in the target
 * ends the process by itself, after its file's name was printed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path, off_t size)
{
    size_t len = (size_t)size;
    uint8_t *data = malloc(len ? len : 1);
    FILE *f = fopen(path, "rb");
    int rc = -1;

    if (f != NULL && data != NULL && fread(data, 1, len, f) == len) {
        printf("%s (%zu bytes)\n", path, len);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, len);
        replayed++;
        rc = 0;
    } else {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
    }
    if (f != NULL)
        fclose(f);
    free(data);
    return rc;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_path(const char *path)
{
    struct stat st;
    struct dirent **names;
    int n, rc = 0;

    if (stat(path, &st) != 0)
        return errno == ENOENT ? 0 : -1;
    if (S_ISREG(st.st_mode))
        return replay_file(path, st.st_size);
    n = scandir(path, &names, visible, alphasort);
    for (int i = 0; i < n; i++) {
        char child[4096];

        if (snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name) >= (int)sizeof child ||
            replay_path(child) != 0)
            rc = -1;
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return n < 0 ? -1 : rc;
}

int main(int argc, char **argv)
{
    uint8_t *one = calloc(1, 1);
    int rc = 0;

    if (one == NULL)
        return 1;
    LLVMFuzzerTestOneInput(one + 1, 0);
    free(one);
    for (int i = 1; i < argc; i++)
        if (replay_path(argv[i]) != 0)
            rc = 1;
    printf("%zu inputs replayed\n", replayed);
    return rc;
}

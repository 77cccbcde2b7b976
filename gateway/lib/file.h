/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files, read into a buffer whose ceiling bounds them.
 */
#ifndef COKO_LIB_FILE_H
#define COKO_LIB_FILE_H

#include "gateway/lib/buf.h"

/*
 * Appends the bytes of path to out. 0, or -1: ERR_IO with its errno (a folder is EISDIR, a disk that
 * fails half way EIO), or ERR_TOO_BIG or ERR_NOMEM, also sticky in out. The message does not name
 * the path: err_wrap or fault_add does. out then holds what was read before: take nothing from it.
 */
MUST_CHECK int file_read(const char *path, struct buf *out, struct err *e);

#endif

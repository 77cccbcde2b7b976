/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a book file in a confined child process.
 *
 * An untrusted archive must not share memory with keys: the child is this program started anew
 * (`coko read-book`, for nobody else) with one open descriptor and an empty environment. It takes
 * resource limits, no new privileges, a Landlock rule set that allows nothing and a seccomp filter
 * against sockets, programs and processes (each best effort by kernel). It answers on a pipe with
 * one JSON object; the parent treats that as untrusted bytes again.
 *
 *   {"title","language","summary","slug","code","authors":[],"categories":[],
 *    "parts":[{"title","body"}]}         or   {"error":"why not"}
 */
#ifndef COKO_BOOKS_CHILD_H
#define COKO_BOOKS_CHILD_H

#include <jansson.h>

#include "gateway/lib/err.h"

#define CHILD_SECONDS 60
#define CHILD_COMMAND "read-book"

enum book_format { BOOK_EPUB, BOOK_TEXT };

/*
 * Reads the file. The object (json_decref it) has been checked: texts are texts, there is a title
 * and a part, sizes are inside the ceilings. NULL with the reason; a child that crashed, was killed
 * by a limit or talked nonsense is a reason like any other.
 */
json_t *child_read_book(const char *path, enum book_format format, struct err *e);

/*
 * The child's own life: what main does with the command CHILD_COMMAND. argv[1] is "e" or "t"; the
 * file is descriptor 0, the answer goes to 1. Does not return, but for a wrong argv (-1).
 */
int child_run(int argc, char **argv);

#endif

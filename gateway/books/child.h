/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a book file in a confined child process.
 *
 * An untrusted archive must not share memory with keys: the child gets one open descriptor, resource
 * limits, no new privileges, and a Landlock rule set that allows nothing (best effort by kernel).
 * It answers on a pipe with one JSON object; the parent treats that as untrusted bytes again.
 *
 *   {"title","language","summary","slug","code","authors":[],"categories":[],
 *    "parts":[{"title","body"}]}         or   {"error":"why not"}
 */
#ifndef COKO_BOOKS_CHILD_H
#define COKO_BOOKS_CHILD_H

#include <jansson.h>

#include "gateway/lib/err.h"

#define CHILD_SECONDS 60

enum book_format { BOOK_EPUB, BOOK_TEXT };

/*
 * Reads the file. The object (json_decref it) has been checked: texts are texts, there is a title
 * and a part, sizes are inside the ceilings. NULL with the reason; a child that crashed, was killed
 * by a limit or talked nonsense is a reason like any other.
 */
json_t *child_read_book(const char *path, enum book_format format, struct err *e);

#endif

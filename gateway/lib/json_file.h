/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON files of ours: what a profile, a statement's format or a list of routes is read from.
 */
#ifndef COKO_LIB_JSON_FILE_H
#define COKO_LIB_JSON_FILE_H

#include <jansson.h>

#include "gateway/lib/fault.h"

/*
 * The one object that these bytes are, for the caller to json_decref; a key that stands twice is a
 * fault. NULL after a fault at its line of file.
 */
MUST_CHECK json_t *json_file_object(const char *file, struct str bytes, struct fault_list *faults);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See json_file.h.
 */
#include "gateway/lib/json_file.h"

json_t *json_file_object(const char *file, struct str bytes, struct fault_list *faults)
{
    json_error_t at;
    json_t *root = json_loadb(bytes.n ? bytes.p : "", bytes.n, JSON_REJECT_DUPLICATES, &at);

    if (json_is_object(root))
        return root;
    (void)fault_add(faults, file, root ? 1 : at.line, "%s", root ? "not an object" : at.text);
    json_decref(root);
    return NULL;
}

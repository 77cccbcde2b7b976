/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rail's statement: any bytes, under any shipped format (the first byte says which), end in lines or
 * in faults. Lines are JSON whose amounts are whole and have the sign of their kind.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/money/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const rails[] = {"mtn_momo", "wave", "orange_sonatel", "orange_web", "mpesa"};
static struct statement_format formats[ARRAY_LEN(rails)];

static void need(bool ok)
{
    if (!ok)
        abort();
}

static void load_formats(void)
{
    struct fault_list faults;

    fault_init(&faults);
    for (size_t i = 0; i < ARRAY_LEN(rails) && !*formats[i].name; i++) {
        char path[512];

        (void)snprintf(path, sizeof path, COKO_SOURCE_DIR "/gateway/money/statements/%s.json",
                       rails[i]);
        need(statement_format_load(path, &formats[i], &faults) == 0);
    }
    fault_fini(&faults);
}

static void check_line(json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));
    json_int_t gross = json_integer_value(json_object_get(line, "gross"));
    json_int_t fee = json_integer_value(json_object_get(line, "fee"));

    need(kind && fee >= 0 && json_integer_value(json_object_get(line, "withheld")) >= 0);
    need(strcmp(kind, "other") == 0 ||
         (strcmp(kind, "fee") == 0 ? gross == 0 && fee > 0 : gross > 0));
    need(json_string_length(json_object_get(line, "id")) > 0);
    need(json_string_length(json_object_get(line, "currency")) == 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault_list faults;
    struct buf out;
    size_t lines, i;
    json_t *line;

    if (size == 0 || size > 65536)
        return 0;
    load_formats();
    fault_init(&faults);
    buf_init(&out, 1 << 20);
    if (statement_read(&formats[data[0] % ARRAY_LEN(rails)], "f", str_n(data + 1, size - 1), &out,
                       &lines, &faults) == 0) {
        json_t *all = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);

        need(json_is_array(all) && json_array_size(all) == lines && faults.count == 0);
        json_array_foreach(all, i, line) {
            check_line(line);
        }
        json_decref(all);
    } else {
        need(faults.count > 0);
    }
    buf_fini(&out);
    fault_fini(&faults);
    return 0;
}

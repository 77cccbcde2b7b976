/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow of menu_language.h broken a line at a time: each row names the fault that must be told,
 * with its file and line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/menu_changes.h"
#include "tests/unit/menu_language.h"

#define X160                                                                                       \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789"             \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct change changes[] = {
    /* inputs */
    {"flow.json", "\"money\":{\"max\":3},\"sum\":{\"max\":10}",
     "\"money\":{\"max\":3},\"sum\":{\"max\":5}", "narrower than what it takes", "flow.json", 23},
    {"flow.json", "\"min\":100,", "\"min\":0,", "0 is the key for back", "flow.json", 23},
    {"flow.json", "\"{money}\"", "\"EUR\"", "not among \"currencies\"", "flow.json", 23},
    {"flow.json", "\"min\":100,\"max\":500000", "\"min\":100,\"max\":50", "\"min\" is above",
     "flow.json", 23},
    {"flow.json", "1920-01-01", "1920-02-30", "are days: YYYY-MM-DD", "flow.json", 30},
    {"flow.json", "1920-01-01", "2021-01-01", "is after \"latest\"", "flow.json", 30},
    {"flow.json", "\"digits\":4", "\"digits\":3", "whole number from 4", "flow.json", 32},
    {"flow.json", "\"digits\":4", "\"digits\":4,\"sensitive\":false", "a pin is sensitive",
     "flow.json", 32},
    {"flow.json", "\"to\":\"check\"", "\"to\":\"home\"", "straight to a call", "flow.json", 32},
    {"text/fr.json", ",\n\"amount\":\"Montant.\"", "", "unknown text \"reason.amount\"",
     "flow.json", 0},
    /* cases */
    {"flow.json", "\"1000..9999\"", "\"999..9999\"", "two cases take one value", "flow.json", 26},
    {"flow.json", "\"1000..9999\"", "\"9999..1000\"", "a case is up to", "flow.json", 26},
    /* safety */
    {"flow.json", "\"digits\":4", "\"digits\":4,\"safety\":\"free\"", "only makes it stricter",
     "flow.json", 32},
    {"flow.json", "\"digits\":4", "\"digits\":4,\"safety\":\"odd\"", "safety is free, input",
     "flow.json", 32},
    /* actions */
    {"actions/slow.sql", "1500", "15", "whole number from 100", "actions/slow.sql", 2},
    {"actions/slow.sql", "retries: 1", "retries: 9", "whole number from 0", "actions/slow.sql", 3},
    {"actions/slow.sql", "lane: read", "lane: write", "only reads have retries", "actions/slow.sql",
     3},
    {"actions/dial.sql", "lane: write", "lane: read", "is for writes", "actions/dial.sql", 2},
    /* subflows */
    {"flow.json", "\"flow\":\"ask\"", "\"flow\":\"aks\"", "unknown subflow \"aks\"", "flow.json",
     36},
    {"flow.json", "\"start\":\"who\"", "\"start\":\"whom\"", "\"start\" names no screen",
     "flow.json", 8},
    {"flow.json", "\"to\":\"sum\"", "\"to\":\"@return\"", "belongs to no subflow", "flow.json", 17},
    {"flow.json", "\"to\":\"born\"", "\"to\":\"number\"", "reached from outside its subflow",
     "flow.json", 42},
    {"flow.json", "\"max\":120,\"to\":\"@return\"", "\"max\":120,\"to\":\"@again\"",
     "no way leads from here to @return", "flow.json", 46},
    {"flow.json", "\"flow\":\"age\"", "\"flow\":\"ask\",\"with\":{\"q\":\"\"}", "calls itself",
     "flow.json", 8},
    {"flow.json", "\"with\":{\"q\":\"Pour {money}\"},", "", "does not give every parameter",
     "flow.json", 36},
    {"flow.json", "\"with\":{\"q\"", "\"with\":{\"state\":\"\",\"q\"",
     "what its subflow does not take", "flow.json", 36},
    {"flow.json", "\"start\":\"how_old\",\"result\":\"years\"", "\"start\":\"how_old\"",
     "wants a result", "flow.json", 44},
    {"flow.json", "\"q\":{\"max\":20}", "\"q\":{\"max\":20,\"turn\":true}",
     "a parameter lives longer", "flow.json", 8},
    {"flow.json",
     "\"number\":{\"type\":\"input\",\"text\":\"number\",\"var\":\"found\",\"kind\":\"msisdn\"",
     "\"number\":{\"type\":\"end\",\"text\":\"number\"},\"zz\":{\"type\":\"input\",\"text\":\"number\","
     "\"var\":\"found\",\"kind\":\"msisdn\"",
     "never returns: an end", "flow.json", 42},
    /* experiments and variations */
    {"flow.json", "\"variants\":{\"a\":1,\"b\":1}", "\"variants\":{\"a\":1}", "two variants",
     "flow.json", 7},
    {"flow.json", "\"variants\":{\"a\":1,\"b\":1}", "\"variants\":{\"a\":0,\"b\":0}",
     "and a weight", "flow.json", 7},
    {"flow.json", "\"variants\":{\"a\":1,\"b\":1}", "\"variants\":{\"a\":1,\"c\":1}",
     "names a variant that it has not", "flow.json", 21},
    {"flow.json", "\"variants\":{\"a\":1,\"b\":1}", "\"variants\":{\"a\":1,\"b\":1,\"long\":1}",
     "narrower than a variant", "flow.json", 7},
    {"flow.json", "\"by\":\"hash\"", "\"by\":\"state\"", "a hash that the caller gives",
     "flow.json", 7},
    {"flow.json", "\"set\":{\"state\":\"\"}", "\"set\":{\"x\":\"\"}", "set by something else",
     "flow.json", 7},
    {"flow.json", "{\"text\":\"home\",\"to\":\"@back\"}",
     "{\"text\":\"home\",\"to\":\"@back\",\"when\":{\"var\":\"x\",\"is\":\"b\"}}",
     "no option in variant \"a\"", "flow.json", 22},
    {"flow.json", "\"x\":{\"max\":2}", "\"x\":{\"max\":2,\"turn\":true}", "one turn only",
     "flow.json", 7},
    {"text/fr.json", "\"gift@CI\":\"Cadeau de Cocody\",", "", "no text varies by it", "flow.json",
     5},
    {"text/fr.json", "gift@CI", "gift@ML", "names a variation that is not there", "text/fr.json",
     8},
    {"text/fr.json", "gift@CI", "gifts@CI", "varies one that is not there", "text/fr.json", 8},
    {"text/fr.json", "Cadeau de Cocody", X160, "may need", "flow.json", 35},
    {"text/fr.json", "Attente.", X160, "\"fail.wait\" in fr is too long", "flow.json", 3},
};

static void each_fault_is_told_with_its_line(void **state)
{
    struct menu_report *r = calloc(1, sizeof *r);

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        try_change(files, ARRAY_LEN(files), &changes[i], r);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_told_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

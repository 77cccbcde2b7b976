/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko smpp decode`. See commands.h.
 */
#include <string.h>

#include "gateway/commands/commands.h"
#include "smpp/decode_cli.h"

int command_smpp(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "decode") != 0)
        return COMMAND_USAGE;
    return smpp_decode_main(argc - 1, argv + 1);
}

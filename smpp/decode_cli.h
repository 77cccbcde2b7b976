/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko smpp decode HEX...`: one PDU as our decoder and as libsmpp34 read it, side by side; fields
 * that differ are marked. For people with a trace in their hands: prints what the PDU holds,
 * passwords too.
 */
#ifndef COKO_SMPP_DECODE_CLI_H
#define COKO_SMPP_DECODE_CLI_H

/* argv[0] is the command's name, the rest are hex digits (spaces allowed, joined). Prints to
 * standard output. 0: our decoder reads it; 1: it does not; 2: usage. */
int smpp_decode_main(int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's headers for io files: its typedef ERR_STATE must not meet a code of lib/err of that name.
 */
#ifndef COKO_IO_OPENSSL_H
#define COKO_IO_OPENSSL_H

#define ERR_STATE openssl_err_state
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif

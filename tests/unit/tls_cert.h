/* SPDX-License-Identifier: Apache-2.0 */
/* A self-signed certificate for localhost, made on the spot: for tests that speak TLS. */
#ifndef COKO_TESTS_TLS_CERT_H
#define COKO_TESTS_TLS_CERT_H

#include <stdio.h>

#include "gateway/io/openssl.h"

/* 0, or -1: no key, or a file that cannot be written. */
static inline int make_cert(const char *cert_file, const char *key_file)
{
    EVP_PKEY *pk = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    FILE *c = fopen(cert_file, "w"), *k = fopen(key_file, "w");

    if (pk == NULL || san == NULL || c == NULL || k == NULL)
        return -1;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, pk);
    X509_add_ext(x, san, -1);
    X509_sign(x, pk, EVP_sha256());
    PEM_write_X509(c, x);
    PEM_write_PrivateKey(k, pk, NULL, NULL, 0, NULL, NULL);
    fclose(c);
    fclose(k);
    X509_EXTENSION_free(san);
    X509_free(x);
    EVP_PKEY_free(pk);
    return 0;
}

#endif

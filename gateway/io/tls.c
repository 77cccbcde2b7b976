/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS contexts of tls.h. */
#include "gateway/io/tls.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/io/openssl.h"

struct tls {
    SSL_CTX *ctx;
    bool server;
    char *ca_file, *cert_file, *key_file;
};

static int tls_fault(struct err *e, const char *what, const char *file)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    err_set(e, ERR_TLS, "%s %s: %s", what, file != NULL ? file : "",
            reason != NULL ? reason : "failed");
    ERR_clear_error();
    return -1;
}

static int ca_load(struct tls *t, SSL_CTX *ctx, struct err *e)
{
    if (t->ca_file == NULL) {
        if (!t->server && SSL_CTX_set_default_verify_paths(ctx) != 1)
            return tls_fault(e, "the system's certificates", NULL);
        return 0;
    }
    if (SSL_CTX_load_verify_locations(ctx, t->ca_file, NULL) != 1)
        return tls_fault(e, "CA file", t->ca_file);
    if (t->server)
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(t->ca_file));
    return 0;
}

static int cert_load(struct tls *t, SSL_CTX *ctx, struct err *e)
{
    if (t->cert_file == NULL)
        return t->server ? err_set(e, ERR_BAD_CONFIG, "a TLS server needs a certificate") : 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, t->cert_file) != 1)
        return tls_fault(e, "certificate", t->cert_file);
    if (t->key_file == NULL || SSL_CTX_use_PrivateKey_file(ctx, t->key_file, SSL_FILETYPE_PEM) != 1)
        return tls_fault(e, "private key", t->key_file);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return tls_fault(e, "certificate and key do not match", t->cert_file);
    return 0;
}

static SSL_CTX *context_build(struct tls *t, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(t->server ? TLS_server_method() : TLS_client_method());

    if (ctx == NULL)
        abort();
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (ca_load(t, ctx, e) != 0 || cert_load(t, ctx, e) != 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (!t->server)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    else if (t->ca_file != NULL)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ctx;
}

static char *copy(const char *s)
{
    char *c = s != NULL ? strdup(s) : NULL;

    if (s != NULL && c == NULL)
        abort();
    return c;
}

static struct tls *tls_new(const struct tls_config *c, bool server, struct err *e)
{
    struct tls *t = calloc(1, sizeof *t);

    if (t == NULL)
        abort();
    t->server = server;
    t->ca_file = copy(c->ca_file);
    t->cert_file = copy(c->cert_file);
    t->key_file = copy(c->key_file);
    t->ctx = context_build(t, e);
    if (t->ctx == NULL) {
        tls_free(t);
        return NULL;
    }
    return t;
}

struct tls *tls_client_new(const struct tls_config *c, struct err *e)
{
    return tls_new(c, false, e);
}

struct tls *tls_server_new(const struct tls_config *c, struct err *e)
{
    return tls_new(c, true, e);
}

int tls_reload(struct tls *t, struct err *e)
{
    SSL_CTX *fresh = context_build(t, e);

    if (fresh == NULL)
        return -1;
    SSL_CTX_free(t->ctx);
    t->ctx = fresh;
    return 0;
}

/* The name that the peer's certificate must carry. */
static int host_expect(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    unsigned char addr[16];

    if (inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 &&
           X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

struct ssl_st *tls_session(struct tls *t, const char *host, struct err *e)
{
    SSL *ssl = SSL_new(t->ctx);

    if (ssl == NULL)
        abort();
    if (!t->server && (host == NULL || host_expect(ssl, host) != 1)) {
        SSL_free(ssl);
        tls_fault(e, "peer name", host);
        return NULL;
    }
    return ssl;
}

int64_t tls_cert_expiry(const struct tls *t)
{
    X509 *cert = SSL_CTX_get0_certificate(t->ctx);
    struct tm tm;

    if (cert == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm);
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->ctx);
    free(t->ca_file);
    free(t->cert_file);
    free(t->key_file);
    free(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko invoice NUMBER`: the paper of billing.invoice_paper, as lines or as a PDF. The number that
 * paid is opened here, to show its country and its last two digits. See invoice.h.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/seal.h"
#include "gateway/papers/invoice.h"

struct request {
    const char *number, *pdf;
};

/* -1: not the words of the command. */
static int request_read(int argc, char **argv, struct request *r)
{
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "-c") == 0)
            i++; /* command_config reads it */
        else if (i + 1 < argc && strcmp(argv[i], "--pdf") == 0)
            r->pdf = argv[++i];
        else if (r->number || *argv[i] == '-')
            return -1;
        else
            r->number = argv[i];
    }
    return r->number ? 0 : -1;
}

/* Rows whose key is gone, or that were sealed elsewhere, show no number at all. */
static void payer_open(const struct config *c, const char *sealed_hex, const char *prefix,
                       char out[32])
{
    char mem[256], blob[256];
    struct seal_ring *ring = NULL;
    struct buf number;
    struct err e;
    ssize_t n = hex_decode(str_c(sealed_hex), blob, sizeof blob);

    out[0] = '\0';
    buf_init_fixed(&number, mem, sizeof mem);
    if (n > 0 && seal_ring_new(str_c(c->core.keys), &ring, &e) == 0 &&
        seal_open(ring, STR("auth.identity"), str_n(blob, (size_t)n), &number, &e) == 0)
        invoice_mask(buf_str(&number), prefix, out);
    buf_wipe(&number);
    seal_ring_free(ring);
}

static struct invoice_paper paper_of(const struct config *c, const PGresult *got)
{
#define COL(n) PQgetvalue(got, 0, n)
    struct invoice_paper p = {.number = COL(0),
                              .kind = COL(1),
                              .of_number = COL(2),
                              .lang = COL(3),
                              .issued = COL(4),
                              .issued_at = COL(5),
                              .seller_name = COL(6),
                              .seller_particulars = COL(7),
                              .label = COL(8),
                              .ht = COL(9),
                              .tva = COL(10),
                              .ttc = COL(11),
                              .rate = COL(12),
                              .credit = COL(13),
                              .rail = COL(14),
                              .rail_txn = COL(15),
                              .reference = COL(16)};

    payer_open(c, COL(17), COL(18), p.payer);
#undef COL
    return p;
}

static int print_lines(const struct invoice_paper *p)
{
    printf("%s %s %s%s%s\n", p->kind, p->number, p->issued, *p->of_number ? ", of " : "",
           p->of_number);
    printf("%s\n%s%s%s\n", p->seller_name, p->seller_particulars,
           *p->seller_particulars ? "\n" : "", p->label);
    printf("HT %s, TVA %s%% %s, TTC %s\n", p->ht, p->rate, p->tva, p->ttc);
    printf("%s %s %s %s\n", p->payer, p->rail, p->rail_txn, p->reference);
    return COMMAND_OK;
}

static int write_pdf(const struct invoice_paper *p, const char *path)
{
    struct buf pdf;
    struct err e = {0};
    int code = COMMAND_FAULT;

    buf_init(&pdf, INVOICE_PDF_MAX);
    if (invoice_pdf(p, &pdf, &e) != 0) {
        fprintf(stderr, "coko invoice: %s\n", e.msg);
        buf_fini(&pdf);
        return code;
    }
    FILE *out = fopen(path, "we");
    bool written = out && fwrite(pdf.p, 1, pdf.len, out) == pdf.len;

    if (out && fclose(out) == 0 && written)
        code = COMMAND_OK;
    else
        fprintf(stderr, "coko invoice: %s: %s\n", path, strerror(errno));
    buf_fini(&pdf);
    return code;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;
    const char *v[] = {r->number};
    PGresult *got = command_rows(db, "select * from billing.invoice_paper($1)", 1, v);
    int code = COMMAND_FAULT;

    if (got && PQntuples(got) == 1) {
        struct invoice_paper p = paper_of(c, got);

        code = r->pdf ? write_pdf(&p, r->pdf) : print_lines(&p);
    } else if (got) {
        fprintf(stderr, "coko invoice: no invoice %s\n", r->number);
    }
    PQclear(got);
    return code;
}

int command_invoice(int argc, char **argv)
{
    struct request r = {0};

    if (request_read(argc, argv, &r) != 0)
        return COMMAND_USAGE;
    return command_with_database(argc, argv, request_run, &r);
}

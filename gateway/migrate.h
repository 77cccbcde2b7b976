/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko migrate`: brings a database to the schema of this release.
 *
 * Order: numbered migrations not yet applied, then the function files whose checksum changed, then
 * the reference data whose checksum changed, then the SMS templates of the menu texts. Each file is
 * one transaction. One migrator at a time, by a lease row. Running it again changes nothing.
 */
#ifndef COKO_MIGRATE_H
#define COKO_MIGRATE_H

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

struct migrate_source {
    const char *database_url;
    const char *schema_dir; /* with NNNN_name.sql, functions/, data/ */
    const char *text_dir;   /* with <lang>.json, each with an "sms" object */
};

/*
 * Applies what is missing and prints a line for each file applied on stdout. Fails with the file's
 * name and PostgreSQL's words; ERR_BAD_STATE when the database is newer than this release, when an
 * applied migration was edited afterwards, or when another migrator keeps the lease for 60 s.
 */
MUST_CHECK int migrate_run(const struct migrate_source *src, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option rows of the core, the environment names of the deployment guide, and the load that puts
 * the rooms' options together. See config.h.
 */
#include "gateway/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/lib/file.h"
#include "gateway/lib/log.h"
#include "gateway/lib/seal.h"
#include "gateway/phone/page.h"

#ifndef COKO_DATA_DIR
#define COKO_DATA_DIR "."
#endif

#define CORE(field)  offsetof(struct config_core, field)
#define HTTP(field)  offsetof(struct config_http, field)
#define STORE(field) offsetof(struct config_store, field)

static const char *const level_words[] = {"debug", "info", "warn", "error", NULL};

static const struct option_row core_rows[] = {
    {"coko", "environment", OPTION_STRING, CORE(environment), .def = "production",
     .help = "Name of the environment, printed in logs"},
    {"coko", "region", OPTION_STRING, CORE(region), .def = "", .help = "Region, printed in logs"},
    {"coko", "instance", OPTION_STRING, CORE(instance), .def = "", .flags = OPTION_NO_RELOAD,
     .help = "Name of this machine in leases and logs; empty: the host name"},
    {"coko", "profiles_dir", OPTION_STRING, CORE(profiles_dir), .def = "",
     .flags = OPTION_NO_RELOAD,
     .help = "A folder of carriers' profiles, looked at before gateway/ussd/profiles"},
    {"coko", "data_dir", OPTION_STRING, CORE(data_dir), .def = COKO_DATA_DIR,
     .flags = OPTION_NO_RELOAD, .help = "Folder that holds menus/, api/ and deploy/schema/"},
    {"coko", "roles", OPTION_LIST, CORE(role_words), .def = "all", .flags = OPTION_NO_RELOAD,
     .help = "What this process does: all, or some of api gateway worker scheduler"},
    {"coko", "log_level", OPTION_ENUM, CORE(log_level), .def = "info", .words = level_words,
     .help = "debug, info, warn or error"},
    {"coko", "workers", OPTION_INT, CORE(workers), .def = "0", .min = 0, .max = 64,
     .flags = OPTION_NO_RELOAD, .help = "Worker processes; 0: one a core"},
    {"coko", "job_concurrency", OPTION_INT, CORE(job_concurrency), .def = "4", .min = 1, .max = 32,
     .flags = OPTION_NO_RELOAD, .help = "Background jobs at once in a worker process"},
    {"coko", "accept_wait", OPTION_DURATION_MS, CORE(accept_wait_ms), .def = "2s", .min = 0,
     .max = 120000, .flags = OPTION_NO_RELOAD,
     .help = "A new worker accepts when its stores answer, at the latest after this"},
    {"coko", "drain_wait", OPTION_DURATION_MS, CORE(drain_wait_ms), .def = "0", .max = 120000,
     .help = "After SIGTERM: time for a load balancer to see that we are not ready"},
    {"coko", "drain_limit", OPTION_DURATION_MS, CORE(drain_limit_ms), .def = "20s", .min = 100,
     .max = 120000, .help = "After SIGTERM: longest wait for requests and links to finish"},
    {"coko", "sandbox", OPTION_BOOL, CORE(sandbox), .def = "no", .flags = OPTION_NO_RELOAD,
     .help = "Serve the phone simulator at /phone/; never on a public address"},
    {"coko", "sandbox_sms_url", OPTION_STRING, CORE(sandbox_sms_url), .def = "",
     .flags = OPTION_NO_RELOAD,
     .help = "Where /phone/ reads its SMS: http://host:port of the lab's SMSC; empty: nowhere"},
    {"coko", "keys", OPTION_SECRET, CORE(keys), .def = "", .flags = OPTION_REQUIRED,
     .help = "Master keys \"id:64 hex digits\", the current one first; better as keys_file"},
};

static const struct option_row http_rows[] = {
    {"http", "listen", OPTION_STRING, HTTP(listen), .def = "127.0.0.1:8080",
     .flags = OPTION_NO_RELOAD | OPTION_REQUIRED, .help = "Address and port of the public server"},
    {"http", "metrics_listen", OPTION_STRING, HTTP(metrics_listen), .def = "127.0.0.1:9180",
     .flags = OPTION_NO_RELOAD | OPTION_REQUIRED, .help = "Address and port of /metrics"},
    {"http", "trusted_proxies", OPTION_STRING, HTTP(trusted_proxies), .def = "",
     .flags = OPTION_NO_RELOAD,
     .help = "Networks whose X-Forwarded-For is believed: 10.0.0.0/8, ::1"},
    {"http", "max_body", OPTION_SIZE, HTTP(max_body), .def = "128k", .min = 1024, .max = 16 << 20,
     .flags = OPTION_NO_RELOAD, .help = "Largest request body"},
    {"http", "tls_cert", OPTION_STRING, HTTP(tls_cert), .def = "", .flags = OPTION_NO_RELOAD,
     .help = "PEM certificate chain; empty: plain HTTP behind a proxy"},
    {"http", "tls_key", OPTION_STRING, HTTP(tls_key), .def = "", .flags = OPTION_NO_RELOAD,
     .help = "PEM key of tls_cert"},
};

static const struct option_row store_rows[] = {
    {"postgres", "url", OPTION_SECRET, STORE(database_url), .def = "",
     .flags = OPTION_NO_RELOAD | OPTION_REQUIRED, .help = "postgresql://user:password@host/db"},
    {"redis", "url", OPTION_SECRET, STORE(redis_url), .def = "redis://127.0.0.1:6379",
     .flags = OPTION_NO_RELOAD, .help = "redis://, rediss:// or redis+sentinel://"},
    {"redis", "prefix", OPTION_STRING, STORE(redis_prefix), .def = "coko",
     .flags = OPTION_NO_RELOAD, .min = 1, .max = 32, .help = "First part of every key"},
    {"redis", "ca_file", OPTION_STRING, STORE(redis_ca), .def = "", .flags = OPTION_NO_RELOAD,
     .help = "CA of a TLS Redis; empty: the system's"},
};

/* The names of the deployment guide; they win over the file. */
static const struct option_env env_rows[] = {
    {"DATABASE_URL", "postgres", "url"},
    {"REDIS_URL", "redis", "url"},
    {"ENVIRONMENT", "coko", "environment"},
    {"REGION", "coko", "region"},
    {"COKO_KEYS", "coko", "keys"},
    {"COKO_DATA_DIR", "coko", "data_dir"},
    {"CORS_ALLOWED_ORIGINS", "api", "cors_allowed_origins"},
    {"ALLOWED_HOSTS", "api", "allowed_hosts"},
    {"MTN_MOMO_API_KEY", "mtn_momo", "api_key"},
    {"MTN_MOMO_SECRET", "mtn_momo", "subscription_key"},
    {"MTN_MOMO_USER_ID", "mtn_momo", "user_id"},
    {"MTN_MOMO_TARGET_ENV", "mtn_momo", "target_environment"},
    {"MTN_MOMO_URL", "mtn_momo", "base_url"},
    {"MTN_MOMO_DISBURSEMENT_USER_ID", "mtn_momo", "disbursement_user_id"},
    {"MTN_MOMO_DISBURSEMENT_API_KEY", "mtn_momo", "disbursement_api_key"},
    {"MTN_MOMO_DISBURSEMENT_KEY", "mtn_momo", "disbursement_key"},
    {"WAVE_API_URL", "wave", "base_url"},
    {"WAVE_API_KEY", "wave", "api_key"},
    {"WAVE_SECRET", "wave", "webhook_secret"},
    {"WAVE_SECRET_PREVIOUS", "wave", "webhook_secret_previous"},
    {"WAVE_SIGNING_SECRET", "wave", "signing_secret"},
    {"AIRTIME_API_URL", "airtime", "base_url"},
    {"AIRTIME_REFUND_URL", "airtime", "refund_url"},
    {"AIRTIME_TOKEN_URL", "airtime", "token_url"},
    {"AIRTIME_CLIENT_ID", "airtime", "client_id"},
    {"AIRTIME_CLIENT_SECRET", "airtime", "client_secret"},
    {"AIRTIME_CALLBACK_SECRET", "airtime", "callback_secret"},
    {"AIRTIME_CALLBACK_TOKEN", "airtime", "callback_token"},
};

/* The guide has one set of names for Orange; which of the two rails they mean is its flavour. */
static const struct {
    const char *flavour;
    struct option_env env;
} orange_rows[] = {
    {"sonatel", {"ORANGE_MONEY_API_URL", "orange_sonatel", "base_url"}},
    {"sonatel", {"ORANGE_MONEY_API_KEY", "orange_sonatel", "client_id"}},
    {"sonatel", {"ORANGE_MONEY_SECRET", "orange_sonatel", "client_secret"}},
    {"sonatel", {"ORANGE_MONEY_MERCHANT_CODE", "orange_sonatel", "merchant_code"}},
    {"sonatel", {"ORANGE_MONEY_CALLBACK_API_KEY", "orange_sonatel", "callback_api_key"}},
    {"sonatel", {"ORANGE_MONEY_CALLBACK_SECRET", "orange_sonatel", "signing_secret"}},
    {"sonatel",
     {"ORANGE_MONEY_CALLBACK_SECRET_PREVIOUS", "orange_sonatel", "signing_secret_previous"}},
    {"sonatel", {"ORANGE_MONEY_RETAILER", "orange_sonatel", "retailer"}},
    {"sonatel", {"ORANGE_MONEY_RETAILER_PIN", "orange_sonatel", "retailer_pin"}},
    {"webpay", {"ORANGE_MONEY_API_URL", "orange_web", "base_url"}},
    {"webpay", {"ORANGE_MONEY_API_KEY", "orange_web", "client_id"}},
    {"webpay", {"ORANGE_MONEY_SECRET", "orange_web", "client_secret"}},
    {"webpay", {"ORANGE_MONEY_MERCHANT_KEY", "orange_web", "merchant_key"}},
    {"webpay", {"ORANGE_MONEY_CALLBACK_SECRET", "orange_web", "callback_secret"}},
};

/* Variables of the four-database layout: legal only when they name the one database. */
static const char *const old_database_env[] = {"AUTH_DATABASE_URL", "CATALOG_DATABASE_URL",
                                               "READING_DATABASE_URL",
                                               "RECOMMENDATION_DATABASE_URL"};

static const struct {
    const char *word;
    unsigned bits;
} role_names[] = {{"all", ROLE_ALL},
                  {"api", ROLE_API},
                  {"gateway", ROLE_GATEWAY},
                  {"worker", ROLE_WORKER},
                  {"scheduler", ROLE_SCHEDULER}};

static const char *env_get(void *ctx, const char *variable)
{
    (void)ctx;
    return getenv(variable);
}

/* Where the file says it, 0 when it does not. */
static int line_of(const struct config *c, const char *section, const char *key)
{
    const struct ini_section *s = ini_section(&c->ini, section, "");
    const struct ini_entry *entry = s ? ini_get(s, key) : NULL;

    return entry ? entry->line : 0;
}

static void check_roles(struct config *c, const char *path, struct fault_list *faults)
{
    for (size_t i = 0; i < c->core.role_words.n; i++) {
        unsigned bits = 0;

        for (size_t k = 0; k < ARRAY_LEN(role_names); k++) {
            if (strcmp(c->core.role_words.v[i], role_names[k].word) == 0)
                bits = role_names[k].bits;
        }
        if (bits == 0)
            fault_add(faults, path, line_of(c, "coko", "roles"),
                      "[coko] roles: \"%s\" is not one of all api gateway worker scheduler",
                      c->core.role_words.v[i]);
        c->roles |= bits;
    }
}

static void check_old_databases(const struct config *c, struct fault_list *faults)
{
    for (size_t i = 0; i < ARRAY_LEN(old_database_env); i++) {
        const char *v = getenv(old_database_env[i]);

        if (v && *v && c->store.database_url && strcmp(v, c->store.database_url) != 0)
            fault_add(faults, "environment", 0,
                      "%s differs from DATABASE_URL: the services share one database, unset it",
                      old_database_env[i]);
    }
}

static void check_sandbox(const struct config *c, const char *path, struct fault_list *faults)
{
    if (c->core.sandbox_sms_url && *c->core.sandbox_sms_url &&
        !phone_page_is_origin(str_c(c->core.sandbox_sms_url)))
        fault_add(faults, path, line_of(c, "coko", "sandbox_sms_url"),
                  "[coko] sandbox_sms_url: http://host:port is needed");
}

/* Here and not in the worker, which would only start again and again. An empty one is told already. */
static void check_keys(const struct config *c, const char *path, struct fault_list *faults)
{
    struct seal_ring *ring = NULL;
    struct err e = {0};

    if (!c->core.keys || !*c->core.keys)
        return;
    if (seal_ring_new(str_c(c->core.keys), &ring, &e) != 0)
        fault_add(faults, path, line_of(c, "coko", "keys"), "[coko] keys: %s", e.msg);
    seal_ring_free(ring);
}

/* Half a rail, before a worker finds it: each starts, refuses, and starts again. */
static void check_rails(const struct config *c, const char *path, struct fault_list *faults)
{
    for (size_t i = 0; i < rail_modules_count; i++) {
        const struct rail_module *mod = rail_modules[i];

        if (mod->config_of)
            continue; /* the other told */
        struct rail *r = calloc(1, mod->size);
        struct err e = {0};
        bool on;

        if (!r)
            abort();
        if (mod->init(r, c->rails[i], &on, &e) != 0)
            fault_add(faults, path, line_of(c, mod->options[0].section, mod->options[0].key), "%s",
                      e.msg);
        free(r);
    }
}

static void default_instance(struct config *c)
{
    char host[64] = "coko";

    if (*c->core.instance)
        return;
    gethostname(host, sizeof host - 1);
    c->core.instance = arena_cstr(&c->arena, str_c(host));
}

static size_t section_count(const struct ini *ini, const char *kind)
{
    size_t n = 0;

    for (const struct ini_section *s = NULL; (s = ini_next(ini, kind, s)) != NULL;)
        n++;
    return n;
}

static void load_carriers(struct option_source *src, struct config *c)
{
    struct ini_section *s = NULL;

    c->carriers =
        arena_zalloc(&c->arena, section_count(&c->ini, "carrier") + 1, sizeof *c->carriers);
    while (c->carriers && (s = ini_next(&c->ini, "carrier", s)) != NULL) {
        struct ussd_carrier_config *cc = &c->carriers[c->ncarriers++];

        (void)!option_load_section(src, s, ussd_carrier_options, ussd_carrier_options_count, cc);
        if (cc->profile && !*cc->profile)
            cc->profile = arena_cstr(&c->arena, s->name);
        if (cc->secret && cc->link && !*cc->secret && !*cc->link)
            fault_add(src->faults, c->ini.file, s->line,
                      "[carrier %" STR_FMT "] secret, or link, is needed", STR_ARG(s->name));
    }
}

/* Where a section's fault goes. */
struct section_faults {
    struct option_source *src;
    const struct ini_section *s;
};

static void section_fault(void *arg, const char *key, const char *what)
{
    struct section_faults *f = arg;
    const struct ini_entry *entry = f->s ? ini_get(f->s, key) : NULL;
    int line = entry ? entry->line : f->s ? f->s->line : 0;

    if (f->s && f->s->name.n > 0)
        fault_add(f->src->faults, f->src->ini->file, line, "[%s %" STR_FMT "] %s: %s", f->s->kind.p,
                  STR_ARG(f->s->name), key, what);
    else
        fault_add(f->src->faults, f->src->ini->file, line, "[%s] %s: %s", f->s ? f->s->kind.p : "",
                  key, what);
}

static void load_link(struct option_source *src, struct ini_section *s, struct config *c)
{
    struct bind_config *l = &c->links[c->nlinks++];
    struct section_faults f = {src, s};
    int bad = option_load_section(src, s, bind_options, bind_options_count, l);
    struct statuses statuses;
    struct err e;

    if (l->account && !*l->account)
        l->account = arena_cstr(&c->arena, s->name);
    if (bad == 0 && statuses_parse(str_c(l->statuses), &statuses, &e) != 0)
        section_fault(&f, "statuses", e.msg);
}

static void load_links(struct option_source *src, struct config *c)
{
    struct ini_section *s = NULL;

    c->links = arena_zalloc(&c->arena, section_count(&c->ini, "link") + 1, sizeof *c->links);
    while (c->links && (s = ini_next(&c->ini, "link", s)) != NULL)
        load_link(src, s, c);
}

/* STOP to a number that readers know as ours must reach us (M3): no ESME has it. */
static bool esme_has_our_number(const struct config *c, const struct esme_config *e)
{
    for (size_t i = 0; i < c->nlinks; i++) {
        const char *sender = c->links[i].sender;

        if (sender && *sender && esme_claims(e, sender))
            return true;
    }
    return false;
}

static void load_esme(struct option_source *src, struct ini_section *s, struct config *c)
{
    struct esme_config *e = &c->esmes[c->nesmes++];
    struct section_faults f = {src, s};
    int bad = option_load_section(src, s, esme_options, esme_options_count, e);

    e->name = arena_cstr(&c->arena, s->name);
    if (bad != 0 || e->name == NULL)
        return;
    if (!*e->name || s->name.n > ESME_NAME_MAX)
        section_fault(&f, "name", "1 to 40 octets are needed: [esme NAME]");
    if (!*e->system_id)
        e->system_id = e->name;
    esme_check(e, section_fault, &f);
    if (esme_has_our_number(c, e))
        section_fault(&f, "numbers", "the sender of a [link] is one of them: its texts are ours");
    for (const struct esme_config *other = c->esmes; other < e; other++) {
        if (other->system_id && strcmp(other->system_id, e->system_id) == 0)
            section_fault(&f, "system_id", "another section has it");
        if (esme_shares_number(e, other))
            section_fault(&f, "numbers", "another section has one of them");
    }
}

static void load_esmes(struct option_source *src, struct config *c)
{
    struct section_faults f = {src, ini_section(&c->ini, "smpp_server", "")};
    struct ini_section *s = NULL;

    if (option_load(src, esme_server_options, esme_server_options_count, &c->smpp_server) == 0)
        esme_server_check(&c->smpp_server, section_fault, &f);
    c->esmes = arena_zalloc(&c->arena, section_count(&c->ini, "esme") + 1, sizeof *c->esmes);
    while (c->esmes && (s = ini_next(&c->ini, "esme", s)) != NULL)
        load_esme(src, s, c);
    if (c->nesmes > ESME_ACCOUNTS_MAX)
        fault_add(src->faults, c->ini.file, 0, "[esme] %d sections are the most",
                  ESME_ACCOUNTS_MAX);
}

static void load_rows(struct option_source *src, struct config *c)
{
    /* the faults are counted in the list: the results add nothing */
    int bad = option_load(src, core_rows, ARRAY_LEN(core_rows), &c->core);

    bad |= option_load(src, http_rows, ARRAY_LEN(http_rows), &c->http);
    bad |= option_load(src, store_rows, ARRAY_LEN(store_rows), &c->store);
    bad |= option_load(src, api_options, api_options_count, &c->api);
    bad |= rail_modules_load(src, c->rails);
    (void)bad;
    load_carriers(src, c);
    load_links(src, c);
    load_esmes(src, c);
}

static const char *env_none(void *ctx, const char *variable)
{
    (void)ctx;
    (void)variable;
    return NULL;
}

/* The names that count: ours, and Orange's of this flavour. */
static void choose_env(struct config *c, struct option_source *src, struct fault_list *faults)
{
    const char *flavour = src->env_get(src->ctx, "ORANGE_MONEY_FLAVOUR");
    struct option_env *env =
        arena_zalloc(&c->arena, ARRAY_LEN(env_rows) + ARRAY_LEN(orange_rows), sizeof *env);
    size_t n = ARRAY_LEN(env_rows);

    if (!env)
        abort();
    flavour = flavour && *flavour ? flavour : orange_rows[0].flavour;
    memcpy(env, env_rows, sizeof env_rows);
    for (size_t i = 0; i < ARRAY_LEN(orange_rows); i++) {
        if (strcmp(orange_rows[i].flavour, flavour) == 0)
            env[n++] = orange_rows[i].env;
    }
    if (n == ARRAY_LEN(env_rows))
        fault_add(faults, "environment", 0, "ORANGE_MONEY_FLAVOUR: sonatel or webpay");
    src->env = env;
    src->env_count = n;
}

/* The rows of every room from this text; faults go to the list. Never NULL. */
static struct config *config_parse(const char *path, struct str text, struct fault_list *faults,
                                   const char *(*env)(void *, const char *))
{
    struct config *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    arena_init(&c->arena, 8192, 4u << 20);
    struct option_source src = {.ini = &c->ini,
                                .arena = &c->arena,
                                .faults = faults,
                                .env_get = env,
                                .file_read = file_read};

    choose_env(c, &src, faults);
    (void)!ini_parse(&c->ini, path, text, faults);
    load_rows(&src, c);
    option_unknown(&c->ini, faults);
    return c;
}

int config_read(const char *path, struct buf *out, struct err *e)
{
    return *path ? file_read(path, out, e) : 0;
}

struct config *config_load(const char *path, struct fault_list *faults)
{
    struct buf text;
    struct err e = {0};

    buf_init(&text, INI_TEXT_MAX);
    if (config_read(path, &text, &e) != 0)
        fault_add(faults, path, 0, "%s", e.msg);
    struct config *c = config_load_text(path, buf_str(&text), faults);

    buf_wipe(&text);
    return c;
}

struct config *config_load_text(const char *path, struct str text, struct fault_list *faults)
{
    struct config *c = config_parse(path, text, faults, env_get);

    check_roles(c, path, faults);
    check_old_databases(c, faults);
    check_sandbox(c, path, faults);
    check_keys(c, path, faults);
    if (faults->count == 0)
        check_rails(c, path, faults);
    if (faults->count == 0) {
        default_instance(c);
        return c;
    }
    config_free(c);
    return NULL;
}

void config_options(struct buf *out)
{
    struct fault_list faults; /* the required ones that have no default */

    fault_init(&faults);
    struct config *c =
        config_parse("", STR("[carrier NAME]\n[link NAME]\n[esme NAME]\n"), &faults, env_none);

    config_print(c, out);
    config_free(c);
    fault_fini(&faults);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    ini_fini(&c->ini);
    arena_fini(&c->arena);
    free(c);
}

void config_print(const struct config *c, struct buf *out)
{
    option_print(out, core_rows, ARRAY_LEN(core_rows), NULL, &c->core);
    option_print(out, http_rows, ARRAY_LEN(http_rows), NULL, &c->http);
    option_print(out, store_rows, ARRAY_LEN(store_rows), NULL, &c->store);
    for (size_t i = 0; i < rail_modules_count; i++)
        if (!rail_modules[i]->config_of)
            option_print(out, rail_modules[i]->options, rail_modules[i]->noptions, NULL,
                         c->rails[i]);
    option_print(out, api_options, api_options_count, NULL, &c->api);
    for (size_t i = 0; i < c->ncarriers; i++)
        option_print(out, ussd_carrier_options, ussd_carrier_options_count, c->carriers[i].profile,
                     &c->carriers[i]);
    option_print(out, esme_server_options, esme_server_options_count, NULL, &c->smpp_server);
    for (size_t i = 0; i < c->nesmes; i++)
        option_print(out, esme_options, esme_options_count, c->esmes[i].name, &c->esmes[i]);
}

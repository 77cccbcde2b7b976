/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the REST room. See api.h.
 */
#include "api/api.h"

#include <stdlib.h>

#include "api/call.h"
#include "api/billing.h"
#include "api/otp.h"
#include "gateway/lib/log.h"
#include "gateway/lib/msisdn.h"

#define FIELD(field) offsetof(struct api_config, field)

const struct option_row api_options[] = {
    {"api", "issuer", OPTION_STRING, FIELD(issuer), .def = "coko", .flags = OPTION_REQUIRED,
     .help = "iss of access tokens"},
    {"api", "audience", OPTION_STRING, FIELD(audience), .def = "coko-api", .flags = OPTION_REQUIRED,
     .help = "aud of access tokens"},
    {"api", "access_ttl", OPTION_DURATION_MS, FIELD(access_ttl_ms), .def = "15m", .min = 60000,
     .max = 15 * 60000, .help = "Life of an access token"},
    {"api", "cors_allowed_origins", OPTION_LIST, FIELD(cors_allowed_origins), .def = "",
     .help = "Origins whose pages may call: https://app.example.org, or *"},
    {"api", "allowed_hosts", OPTION_LIST, FIELD(allowed_hosts), .def = "",
     .help = "Host names that are served: api.example.org, .example.org; empty: all"},
    {"api", "otp_country_default", OPTION_STRING, FIELD(otp_country_default), .def = "CI", .min = 2,
     .max = 2, .help = "Country of a number in national form when a login names none"},
};
const size_t api_options_count = ARRAY_LEN(api_options);

static const struct call_handler *const handlers[] = {&otp_request_handler, &otp_verify_handler,
                                                      &redeem_handler, &gift_handler, NULL};

static void on_request(struct http_exchange *x, void *arg)
{
    call_start(arg, x);
}

static int routes_open(struct api *a, struct err *e)
{
    struct fault_list faults;
    int rc = 0;

    fault_init(&faults);
    if (route_load(&a->table, a->c.routes_dir, handlers, &faults) == 0)
        a->router = router_new(&a->table, &faults);
    if (faults.count > 0) {
        log_error(NULL, "route fault", "%s", buf_cstr(&faults.text));
        rc = err_set(e, ERR_BAD_CONFIG, "%zu faults in the routes of %s", faults.count,
                     a->c.routes_dir);
    }
    fault_fini(&faults);
    return rc;
}

static int tokens_open(struct api *a, struct err *e)
{
    if (!jwt_init(&a->jwt, a->d.ring, a->c.issuer, a->c.audience, a->c.access_ttl_ms / 1000))
        return err_set(e, ERR_BAD_CONFIG, "[api] issuer and audience: plain text without quotes");
    if (!msisdn_dial_code(a->c.otp_country_default))
        return err_set(e, ERR_BAD_CONFIG, "[api] otp_country_default: not a country that is known");
    return 0;
}

struct api *api_new(const struct api_config *c, const struct api_deps *d, struct err *e)
{
    /* a byte over the limit is still ours to refuse, with a problem of our own */
    static const struct http_mount_opts mount = {.name = "api", .body_max = API_BODY_MAX + 1};
    struct api *a = calloc(1, sizeof *a);

    if (!a)
        abort();
    a->c = *c;
    a->d = *d;
    list_init(&a->calls);
    list_init(&a->spare);
    route_table_init(&a->table);
    a->buckets = calloc(1, sizeof *a->buckets);
    if (!a->buckets)
        abort();
    if (tokens_open(a, e) == 0 && routes_open(a, e) == 0 &&
        http_mount(d->http, "/api", on_request, a, &mount, e) == 0)
        return a;
    api_free(a);
    return NULL;
}

bool api_idle(const struct api *a)
{
    return a->inflight == 0;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    call_free_all(a);
    router_free(a->router);
    route_table_fini(&a->table);
    jwt_wipe(&a->jwt);
    free(a->buckets);
    free(a);
}

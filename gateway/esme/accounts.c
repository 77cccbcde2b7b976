/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts from sections, at the start and at each reload. An account is never freed before the room:
 * what is on its way for it comes back to it. One whose section went keeps its place, deaf, and takes
 * it again when the section returns.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define ARENA_MAX (1u << 20)

static const struct {
    const char *word;
    unsigned bit;
} bind_words[] = {{"transmitter", ESME_TRANSMITTER},
                  {"receiver", ESME_RECEIVER},
                  {"transceiver", ESME_TRANSCEIVER}};

unsigned esme_bind_bit(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(bind_words); i++) {
        if (strcmp(bind_words[i].word, word) == 0)
            return bind_words[i].bit;
    }
    return 0;
}

struct esme_account *account_find(struct esme *s, struct str system_id)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        struct esme_account *a = s->accounts[i];

        if (!a->gone && str_eq_c(system_id, a->config.system_id))
            return a;
    }
    return NULL;
}

/* ---- copies ---- */

static const char *copy_text(struct arena *arena, const char *text)
{
    const char *copy = arena_cstr(arena, str_c(text));

    if (copy == NULL)
        abort(); /* the configuration it comes from is smaller than ARENA_MAX */
    return copy;
}

static void copy_list(struct arena *arena, struct option_list *list)
{
    const char **v = arena_zalloc(arena, list->n + 1, sizeof *v);

    if (v == NULL)
        abort();
    for (size_t i = 0; i < list->n; i++)
        v[i] = copy_text(arena, list->v[i]);
    list->v = v;
}

static void forget_config(struct esme_account *a)
{
    if (a->config.password != NULL)
        crypto_wipe((char *)(uintptr_t)a->config.password, strlen(a->config.password));
    arena_fini(&a->arena);
}

/* fresh may go afterwards. */
static void set_config(struct esme_account *a, const struct esme_config *fresh)
{
    struct arena arena;
    struct esme_config c = *fresh;

    arena_init(&arena, 1024, ARENA_MAX);
    c.name = copy_text(&arena, c.name);
    c.system_id = copy_text(&arena, c.system_id);
    c.password = copy_text(&arena, c.password);
    c.country = copy_text(&arena, c.country);
    copy_list(&arena, &c.binds);
    copy_list(&arena, &c.addresses);
    copy_list(&arena, &c.senders);
    copy_list(&arena, &c.numbers);
    copy_list(&arena, &c.prefixes);
    copy_list(&arena, &c.networks);
    forget_config(a);
    a->arena = arena;
    a->config = c;
    a->smsc.queue_max = (uint32_t)c.queue;
    a->smsc.window = (uint32_t)c.window;
}

/* ---- the set ---- */

struct esme_account *account_named(struct esme *s, const char *name)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        if (strcmp(s->accounts[i]->config.name, name) == 0)
            return s->accounts[i];
    }
    return NULL;
}

static struct esme_account *account_new(struct esme *s, const struct esme_config *c)
{
    struct esme_account *a = calloc(1, sizeof *a);

    if (a == NULL)
        abort();
    a->room = s;
    arena_init(&a->arena, 1024, ARENA_MAX);
    set_config(a, c);
    (void)snprintf(a->label, sizeof a->label, "esme=\"%.60s\"", c->name);
    rate_init(&a->smsc.rate, (uint32_t)c->rate, (uint32_t)c->burst, loop_now_ms(s->loop));
    a->elsewhere = -1;
    submit_init(a);
    ceiling_init(a);
    deliver_init(a);
    texts_account_init(a);
    s->accounts[s->naccounts++] = a;
    return a;
}

static bool is_among(const struct esme_account *a, const struct esme_config *fresh, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fresh[i].name, a->config.name) == 0)
            return true;
    }
    return false;
}

void accounts_set(struct esme *s, const struct esme_config *fresh, size_t n)
{
    for (size_t i = 0; i < s->naccounts; i++)
        s->accounts[i]->gone = !is_among(s->accounts[i], fresh, n);
    for (size_t i = 0; i < n; i++) {
        struct esme_account *a = account_named(s, fresh[i].name);

        if (a != NULL) {
            set_config(a, &fresh[i]);
            rate_set(&a->smsc.rate, (uint32_t)fresh[i].rate, (uint32_t)fresh[i].burst,
                     loop_now_ms(s->loop));
        } else if (s->naccounts < ESME_ACCOUNTS_MAX) {
            (void)account_new(s, &fresh[i]);
        } else {
            log_error(NULL, "esme not taken", "esme=%s: %u accounts are the most", fresh[i].name,
                      ESME_ACCOUNTS_MAX);
        }
    }
}

void accounts_fini(struct esme *s)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        submit_fini(s->accounts[i]);
        ceiling_fini(s->accounts[i]);
        deliver_fini(s->accounts[i]);
        texts_account_fini(s->accounts[i]);
        forget_config(s->accounts[i]);
        free(s->accounts[i]);
    }
    s->naccounts = 0;
}

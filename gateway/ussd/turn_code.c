/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A code that the reader typed for a payment rail (S5). See turn.h for the picture.
 *
 * It goes through a port, in memory: no statement, key, log or stored reply has it. Once it is given
 * away the turn's own copies are wiped, the carrier's words with them. What the rail answers comes
 * back as rows, so the reader who cannot be kept waiting and the worker that dies lose a screen, never
 * money: the charge is asked about by its reference.
 */
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/ussd/turn_parts.h"

#define CODE_MAX_MS 6000 /* a rail is not waited for longer, whatever the carrier allows */
#define OUTCOME_MS  500  /* for the statement that reads what became of it */

static struct counter handed =
    COUNTER("coko_ussd_codes_total", "Codes typed for a payment rail, by whether it could be told");

static void wipe(struct str *s)
{
    if (s->n > 0)
        crypto_wipe((char *)s->p, s->n);
    *s = STR_EMPTY;
}

/* The input is a view into the event, the code its cleaned copy: after this neither is anywhere. */
static void forget(struct turn *t)
{
    wipe(&t->code);
    wipe(&t->ev.input);
    t->hop.input = STR_EMPTY;
}

unsigned turn_code_ms(const struct turn *t)
{
    unsigned all = turn_action_ms(t);

    return MIN(all > 2 * OUTCOME_MS ? all - OUTCOME_MS : all / 2, CODE_MAX_MS);
}

bool turn_code_hand(struct turn *t)
{
    const struct ussd_code_port *port = &t->u->d.code;
    const struct ussd_code c = {
        .user = menu_var(t->gen->menu, t->menu, "user"), .step = t->step, .code = t->code};

    counter_inc(counter_with(&handed, port->take ? "told=\"yes\"" : "told=\"no\""));
    if (port->take)
        port->take(port->arg, &t->op, &c);
    forget(t);
    return port->take != NULL;
}

void turn_code_forget(void)
{
    counter_forget(&handed);
}

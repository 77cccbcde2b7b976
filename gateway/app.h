/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker: makes the loop and the resources, lets each room of its roles in, and runs until it
 * is told to drain. Wiring only: no rule of the service stands here.
 */
#ifndef COKO_APP_H
#define COKO_APP_H

#include <stddef.h>

#include "gateway/config.h"

/* One generation of the configuration's text, in memory that supervisor and workers share. */
struct app_text {
    size_t len;
    char text[INI_TEXT_MAX];
};

/* What the supervisor hands to a worker; it outlives the worker's run. */
struct app_env {
    struct config *cfg; /* owned by the worker after the fork */
    const char *config_path;
    unsigned slot;
    const int *listeners; /* one a slot; ours is listeners[slot] */
    unsigned slots;
    int control; /* the supervisor writes app_command bytes, closes it at its own end */
    const struct app_text *texts; /* two: the one that APP_RELOAD names is whole */
    void *slab;
    size_t slab_size;
};

/* A control message is two bytes: the command and a slot's number, or a text's. */
enum app_command {
    APP_ADOPT = 'a',  /* accept from the listener of this slot too */
    APP_DRAIN = 'd',  /* stop accepting, finish, exit */
    APP_RELOAD = 'r', /* take over the configuration of texts[n] */
};

/* Runs the worker to its end; returns the exit code. */
int app_run(const struct app_env *env);

#endif

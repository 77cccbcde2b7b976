/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: opens the listeners, forks the workers, restarts the dead, serves /metrics.
 *
 *   slot:  EMPTY --fork--> RUNNING --died--> WAITING --back-off over, fork--> RUNNING
 *                            |                  |
 *                            +--- SIGTERM ------+--> STOPPED (all stopped: exit)
 *
 * One SO_REUSEPORT listener and one shared slab of counters a slot, both older than any worker of
 * the slot, so that neither a waiting connection nor a count is lost with a worker. While a slot
 * waits, a neighbour accepts from its listener too.
 *
 * Signals: TERM and INT drain and exit 0; HUP reloads the configuration (a broken one is reported
 * and the old one stays).
 */
#ifndef COKO_SUPERVISOR_H
#define COKO_SUPERVISOR_H

#include "gateway/config.h"

/*
 * Runs until SIGTERM and every worker has ended; returns the exit code: 0, or 1 when a listener
 * could not be opened or a worker had to be killed. Takes the configuration over and frees it.
 */
int supervisor_run(struct config *c, const char *config_path);

#endif

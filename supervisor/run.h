/*
 * Run: the host waits, or does what is due: ward_run, ward_settle, ward_system_dispatch and the
 * waits for one actor. Without a thread of ward's own waiting turns the loop; with one it sleeps
 * (turn.h).
 *
 * Used by: root.c. Uses: system.h, turn.h.
 */
#ifndef WARD_SUPERVISOR_RUN_H
#define WARD_SUPERVISOR_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct ward_system;

/* Waits until `is_over` says so, or the system has stopped or is being freed: 0; or until the
 * deadline (negative: none): -ETIMEDOUT. No callback of the host's runs here. */
int ward__run_until(struct ward_system *sys, bool (*is_over)(void *user), void *user,
                    int64_t deadline);

#endif

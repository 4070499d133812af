/*
 * Burial: what a dead process had (its socket, its page, its pidfd) is given back a moment later,
 * when the next one is at work: a kernel that wakes that one on the host's own processor lets it
 * wait until the host sleeps. Few of the dead lie so; in a storm each makes room for the next.
 *
 * Used by: incarnation.c, server.c, system.c, run.c, turn.c. Uses: incarnation.h, loop.h.
 */
#ifndef WARD_SUPERVISOR_BURIAL_H
#define WARD_SUPERVISOR_BURIAL_H

#include <stdbool.h>
#include <stddef.h>

#include <bsd/sys/queue.h>

#include "supervisor/loop.h"

struct ward__incarnation;
struct ward_system;

struct ward__burial {
    TAILQ_HEAD(ward__burial_queue, ward__incarnation) queue; /* owned: the oldest first */
    size_t count;
    struct ward__timer due;
};

void ward__burial_init(struct ward__burial *burial);

/* It is dead, and nothing refers to it. */
void ward__burial_add(struct ward__incarnation *inc);

/* When all else is done that is due: the oldest make room. */
void ward__burial_bound(struct ward_system *sys);
/* All of them, now: true if there were any. */
bool ward__burial_finish(struct ward_system *sys);

#endif

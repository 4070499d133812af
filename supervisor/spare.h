/*
 * Spare: processes that are made ahead, each an incarnation that has no actor yet. It has its
 * socket and its page, has gone through all steps of a spawn and waits for GO, as every worker
 * does; so the next actor that starts takes it by being written GO, and nobody else is asked.
 * Whom it becomes is decided then. A spare belongs to nobody: its death is nobody's failure.
 *
 * Another one is made when nothing else waits for the fork server. Spares that keep dying are
 * not replaced for ever: after some there is none until a process was made on demand.
 *
 * Used by: system.c, server.c, incarnation.c. Uses: incarnation.h, server.h.
 */
#ifndef WARD_SUPERVISOR_SPARE_H
#define WARD_SUPERVISOR_SPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/loop.h"

struct ward__actor;
struct ward__incarnation;
struct ward_system;

enum { WARD__SPARES_MOST = 2 };

struct ward__spares {
    struct ward__incarnation *waiting[WARD__SPARES_MOST]; /* owned: the oldest first */
    size_t count;
    bool are_wanted; /* this system makes processes */
    unsigned losses; /* in a row, without one that was made on demand */
    struct ward__timer due;
};

/* One fewer than are wanted, or a process was made: the next one, in a moment. */
void ward__spares_refill(struct ward_system *sys);

/* One that fits this actor, and is the caller's; or NULL. */
struct ward__incarnation *ward__spares_take(struct ward_system *sys,
                                            const struct ward__actor *actor);

/* A process was made for an actor. */
void ward__spares_proved(struct ward_system *sys);

/* It is of no use any more: dead, or never made. It is not freed. */
void ward__spares_lost(struct ward__incarnation *inc);

#endif

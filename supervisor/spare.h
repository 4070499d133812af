/*
 * Spare: processes that are made ahead, each an incarnation that has no actor yet. It has its
 * socket and its page, has gone through all steps of a spawn and waits for GO, as every worker
 * does; so an actor that starts takes one by writing GO into its socket, and asks nobody. A
 * spare is nobody's: its death is no failure, and it is replaced.
 *
 * The next one is made a moment after a process was needed, when that one has what it needs of
 * the machine; or at once when there is none left, for then more are wanted. Spares that keep
 * dying are replaced a few times, and then not before a process was made on demand.
 *
 * Used by: incarnation.c, life.c, server.c. Uses: incarnation.h, server.h.
 */
#ifndef WARD_SUPERVISOR_SPARE_H
#define WARD_SUPERVISOR_SPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/loop.h"

struct ward__actor;
struct ward__incarnation;
struct ward_system;

/* One is on its way while the other is taken. */
enum { WARD__SPARES_MOST = 2 };

/* Zeroed is none. */
struct ward__spares {
    struct ward__incarnation *waiting[WARD__SPARES_MOST]; /* owned: the oldest first */
    size_t count;
    bool are_wanted; /* this system makes processes */
    unsigned losses; /* in a row */
    struct ward__timer due;
};

/* One that fits this actor, and is the caller's; or NULL. */
struct ward__incarnation *ward__spares_take(struct ward_system *sys,
                                            const struct ward__actor *actor);
/* It was told to go. */
void ward__spares_taken(struct ward_system *sys);

/* A process was made on demand: spares are wanted, and may be possible. */
void ward__spares_want(struct ward_system *sys);

/* A process is up, or a spare was made: see to the next one. */
void ward__spares_refill(struct ward_system *sys);

/* One of them, the latest, is given up for its descriptors: true if there was any. */
bool ward__spares_give_up(struct ward_system *sys);

/* This one is dead, or was never made: it can be taken no more. It is not freed. */
void ward__spares_lose(struct ward__incarnation *inc);

#endif

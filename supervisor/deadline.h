/*
 * Deadlines: the time an actor has to start, to handle a message, to stop. What passes one is
 * killed; whether that is a failure is for death.c and the engine.
 *
 * Used by: life.c, death.c, system.c, incarnation.c. Uses: loop.h, incarnation.h.
 */
#ifndef WARD_SUPERVISOR_DEADLINE_H
#define WARD_SUPERVISOR_DEADLINE_H

#include <stddef.h>

#include "supervisor/actor.h"

/* Sets one of an actor's timers; INT64_MAX: it never fires. */
void ward__actor_set_deadline(struct ward__actor *actor, struct ward__timer *timer,
                              int64_t after_ms, void (*fire)(struct ward__timer *timer));
/* The actor whose timer this is; `offset` is the timer's in the struct. */
struct ward__actor *ward__actor_at(struct ward__timer *timer, size_t offset);

/* What `actor->deadline` fires: not ready, not stopped in time. */
void ward__actor_start_is_late(struct ward__timer *timer);
void ward__actor_stop_is_late(struct ward__timer *timer);

/* It has a process: the deadline of its start is set. */
void ward__actor_is_born(struct ward__actor *actor);

/* A deadline of the stop has passed: the process is killed. */
void ward__actor_force(struct ward__actor *actor);

/* Arms the deadline of the message in hand, where there is one. */
void ward__actor_watch_progress(struct ward__actor *actor);

#endif

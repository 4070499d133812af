/*
 * Life: the engine's states carried out for one actor, and what comes of it reported back: the
 * shell around the engine. Here stand the order of events of one actor and who is to blame for
 * the message in hand.
 *
 * Used by: system.c, root.c, frames.c, incarnation.c. Uses: engine.h, incarnation.h, post.h,
 * ask.h, watch.h, blame.h.
 */
#ifndef WARD_SUPERVISOR_LIFE_H
#define WARD_SUPERVISOR_LIFE_H

#include "supervisor/actor.h"

struct ward__blame;

/* Does what the engine's state says. An actor that has ended is freed. */
void ward__actor_effect(struct ward__actor *actor);

/* Stop, drain, kill, restart (enum ward__end_how). 0; -ENOMEM. */
int ward__actor_end(struct ward__actor *actor, int how);

/* What its process says of itself. */
void ward__actor_ready(struct ward__actor *actor);
void ward__actor_ignored(struct ward__actor *actor);
void ward__actor_quiet(struct ward__actor *actor, int why, const char *reason);
void ward__actor_raised(struct ward__actor *actor, struct ward__blame *blame);

/* Its process is over: dead, and everything known that will be. */
void ward__actor_over(struct ward__actor *actor);
/* No process could be made for it. */
void ward__actor_spawn_failed(struct ward__actor *actor, int error, const char *step);
/* A deadline of the stop has passed: the process is killed. */
void ward__actor_force(struct ward__actor *actor);

/* Its parent, a worker, waits for it to be up: the answer is owed. */
void ward__actor_owe_answer(struct ward__actor *actor, uint64_t request);

/* Writes what waits in mailbox and lane, as far as the socket takes it. */
void ward__actor_write(struct ward__actor *actor);
/* Says one thing on the lane, if there is a process to hear it. */
void ward__actor_say(struct ward__actor *actor,
                     void (*pack)(struct ward__sink *sink, const void *what),
                     const void *what);
/* Arms the deadline of the message in hand, where there is one. */
void ward__actor_watch_progress(struct ward__actor *actor);

#endif

/*
 * Life: the engine's states carried out for one actor, what its process says of itself, and the
 * order of the events that are told of it.
 *
 * Used by: system.c, root.c, frames.c, death.c, deadline.c. Uses: engine.h, incarnation.h,
 * post.h, ask.h, watch.h.
 */
#ifndef WARD_SUPERVISOR_LIFE_H
#define WARD_SUPERVISOR_LIFE_H

#include "supervisor/actor.h"

/* Does what the engine's state says. An actor that has ended is freed. */
void ward__actor_effect(struct ward__actor *actor);

/* Stop, drain, kill, restart (enum ward__end_how). 0; -ENOMEM. */
int ward__actor_end(struct ward__actor *actor, int how);

/* What its process says of itself. */
void ward__actor_ready(struct ward__actor *actor);
/* The same for one that has no process. */
void ward__actor_is_up(struct ward__actor *actor);
void ward__actor_ignored(struct ward__actor *actor);
void ward__actor_quiet(struct ward__actor *actor, int why, const char *reason);

/* Writes what waits in mailbox and lane, as far as the socket takes it. */
void ward__actor_write(struct ward__actor *actor);
/* Says one thing on the lane, if there is a process to hear it. */
void ward__actor_say(struct ward__actor *actor,
                     void (*pack)(struct ward__sink *sink, const void *what),
                     const void *what);
/* Tells one that raised whether to exit now or to wait for FINISH. */
void ward__actor_say_verdict(struct ward__actor *actor, bool is_exit);

/* An event about it; and the one about its failure, with the message that it died of. */
void ward__actor_tell(struct ward__actor *actor, ward_event_kind kind,
                      const ward_failure *failure);
void ward__actor_tell_failed(struct ward__actor *actor);

#endif

/*
 * Death: a failure that was raised, or a process that is over. Here it is found out whether the
 * end was expected, what becomes of the message in hand, and what the engine is told. Who is to
 * blame is read by blame.h.
 *
 * Used by: frames.c, incarnation.c, life.c, server.c. Uses: blame.h, post.h, ask.h, engine.h.
 */
#ifndef WARD_SUPERVISOR_DEATH_H
#define WARD_SUPERVISOR_DEATH_H

#include "supervisor/actor.h"

struct ward__blame;

/* It has failed and lives, waiting for the verdict. */
void ward__actor_raised(struct ward__actor *actor, struct ward__blame *blame);
/* Its process is over: dead, and everything known that will be. */
void ward__actor_over(struct ward__actor *actor);
/* No process could be made for it. */
void ward__actor_spawn_failed(struct ward__actor *actor, int error, const char *step);

#endif

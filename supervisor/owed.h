/*
 * Owed: answers to workers that wait until an actor is up, or has ended.
 *
 * Used by: life.c, frames.c, actor.c. Uses: ask.h.
 */
#ifndef WARD_SUPERVISOR_OWED_H
#define WARD_SUPERVISOR_OWED_H

#include "supervisor/actor.h"

/* `asker` waits until the actor is up (and no longer than its start may take), or ended. 0;
 * -ENOMEM. */
int ward__owed_add(struct ward__actor *actor, struct ward__actor *asker, uint64_t request,
                   bool until_up);

/* It is up: with its reference. */
void ward__owed_up(struct ward__actor *actor);
/* It has ended; `status` for those that waited until it is up. */
void ward__owed_ended(struct ward__actor *actor, int status);
/* Without a word. */
void ward__owed_forget(struct ward__actor *actor);

#endif

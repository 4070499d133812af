/*
 * Ending: the end of one life of an actor, told in its order: the letters of its queue, the asks
 * that it owed, the event, the name, the watchers; and what of it its parent gets.
 *
 * Used by: life.c. Uses: post.h, ask.h, watch.h, report.h.
 */
#ifndef WARD_SUPERVISOR_ENDING_H
#define WARD_SUPERVISOR_ENDING_H

#include "supervisor/actor.h"

/* Why it ends, in a word or two. */
const char *ward__actor_reason(const struct ward__actor *actor);

/* Its life is over for good; the record stays. */
void ward__actor_conclude(struct ward__actor *actor);

/* The root has ended, and the system with it. */
void ward__actor_end_root(struct ward__actor *root);

#endif

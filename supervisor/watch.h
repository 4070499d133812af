/*
 * Watches: who is told of whose end. WARD_TERMINATED is a message like others, but for the
 * mailbox's limits, which do not hold for it.
 *
 * Used by: root.c, frames.c, actor.c, notice.c. Uses: post.h.
 */
#ifndef WARD_SUPERVISOR_WATCH_H
#define WARD_SUPERVISOR_WATCH_H

#include "supervisor/actor.h"

/* `watcher` wants to know of the end of `ref`, or no more. 0; -ENOMEM. */
int ward__watch_set(struct ward__actor *watcher, ward_ref ref, bool on);

/* Tells those who watch it, and forgets them. Its name is free already. */
void ward__watch_tell(struct ward__actor *actor, ward_end end, const char *reason);

/* May this message go to the host? A WARD_TERMINATED of what it does not watch (any more)
 * may not. */
bool ward__watch_admits(struct ward_system *sys, const ward_message *message);

#endif

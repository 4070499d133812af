/*
 * Intake: what a worker says, read from its socket or its page as far as a turn has room for, held
 * against the conduct table, and handled frame by frame. What breaks the rules ends it.
 *
 * Used by: incarnation.c, poll.c, death.c, deadline.c, ask.c, stall.c. Uses: incarnation.h, frames.h.
 */
#ifndef WARD_SUPERVISOR_INTAKE_H
#define WARD_SUPERVISOR_INTAKE_H

#include "supervisor/incarnation.h"

/* Its socket is ready. */
void ward__intake_ready(struct ward__io *watcher, int events);

/* Takes what is committed without waiting for the socket, and handles it: true if there was any. */
bool ward__intake_look(struct ward__incarnation *inc);
/* Reads from the socket what is known already. */
void ward__intake_read_known(struct ward__incarnation *inc);

/* Reads and handles what waits in the socket now: before a deadline is held against it. */
void ward__intake_catch_up(struct ward__incarnation *inc);

/* Reads what the worker has committed and not sent, when it is over. Its frames are handled. */
void ward__intake_last_words(struct ward__incarnation *inc);

#endif

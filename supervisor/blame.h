/*
 * Blame: what a death or a report says, as a failure record. It reads what is known (exit
 * status, what ward itself did, the notes in the page) and decides cause, phase and by
 * whom; it changes nothing.
 *
 * Used by: actor.c, frames.c. Uses: incarnation.h.
 */
#ifndef WARD_SUPERVISOR_BLAME_H
#define WARD_SUPERVISOR_BLAME_H

#include <ward/failure.h>

#include "ipc/wire.h"
#include "supervisor/actor.h"
#include "supervisor/incarnation.h"

/* Room for the texts that a record points to. */
struct ward__blame {
    ward_failure failure;
    char text[256];
    char breadcrumb[WARD__BREADCRUMB_SIZE];
};

/* An incarnation that is over, by itself or by ward. */
void ward__blame_death(struct ward__blame *blame, const struct ward__incarnation *inc,
                       int64_t now);
/* One that has raised and lives. */
void ward__blame_raise(struct ward__blame *blame, const struct ward__incarnation *inc,
                       const struct ward__raised *raised, int64_t now);
/* None could be made. */
void ward__blame_spawn(struct ward__blame *blame, const struct ward__actor *actor,
                       int error, const char *step);
/* Notes the message in hand: a MESSAGE frame, prefix included, which the record borrows. */
void ward__blame_message(struct ward__blame *blame, const uint8_t *frame, size_t size);

#endif

/*
 * Change: other rules and specs for a supervisor that is running, applied child by child: what
 * is gone is ended and forgotten, last one first; then, in the new order, what is new is started and
 * what has changed is restarted with its mailbox, each when the one before is up.
 *
 * Used by: root.c, system.c. Uses: manage.h, engine.h.
 */
#ifndef WARD_SUPERVISOR_CHANGE_H
#define WARD_SUPERVISOR_CHANGE_H

#include "supervisor/actor.h"

struct ward__change {
    struct ward__actor *supervisor; /* borrowed */
    const ward_spec *next;          /* the next to be looked at */
    char waiting[WARD_MAX_ID + 1];  /* id of the child that is to come up; "": none */
    TAILQ_ENTRY(ward__change) all;
};

/* Begins. 0; -EINVAL, -ENOENT: as ward_check_specs; -WARD_ERESTARTING; -ENOMEM. */
int ward__change_begin(struct ward__actor *supervisor, const ward_supervisor *rules);

/* Takes every change of the system as far as it goes now. */
void ward__changes_go_on(struct ward_system *sys);

/* It is dropped without a word. */
void ward__change_forget(struct ward__actor *supervisor);

#endif

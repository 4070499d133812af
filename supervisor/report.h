/*
 * Report: events about one actor, with all that a supervisor's report in OTP has: which report it
 * is, which attempt, how much of the budgets is used up, and when the next start comes.
 *
 * Used by: life.c, manage.c. Uses: notice.h.
 */
#ifndef WARD_SUPERVISOR_REPORT_H
#define WARD_SUPERVISOR_REPORT_H

#include "supervisor/actor.h"

/* Tells the event, of which kind and what belongs to the kind are filled in. */
void ward__report(struct ward__actor *actor, const ward_event *event);

/* A budget that has just got low is told of, once. */
void ward__report_low(struct ward__actor *actor);

/* It ended normally, and comes back. */
void ward__report_exited(struct ward__actor *actor);

/* How much is left of its own windows and its supervisor's. */
void ward__report_budget(const struct ward__actor *actor, ward_budget *budget);

#endif

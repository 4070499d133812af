/*
 * Engine model, inside: what its files share. engine_model.c says what follows from the facts,
 * engine_model_group.c what siblings have to do with one another and how many restarts are
 * granted, engine_model_event.c what each event changes.
 *
 * Used by: engine_model*.c. Uses: engine_model.h.
 */
#ifndef WARD_TESTS_UNIT_ENGINE_MODEL_PARTS_H
#define WARD_TESTS_UNIT_ENGINE_MODEL_PARTS_H

#include "tests/unit/engine_model.h"

/* No child, no process, on its way: never seen from outside. */
enum { MODEL_DOWN = WARD__NODE_ENDED + 1 };

bool model_is(const struct model *m, int n, enum ward__node_state state);
/* UP or STARTING: it looks after its children. */
bool model_lives(const struct model *m, int n);
bool model_is_supervisor(const struct model *m, int n);
int model_youngest_child(const struct model *m, int n);
int64_t model_wait_after(int failures_beyond);

/* Until nothing changes any more. */
void model_follow(struct model *m);
void model_begin_life(struct model *m, int n);
void model_be_over(struct model *m, int n);
/* If it has no child and no process: what was it for? */
bool model_resolve(struct model *m, int n);
void model_stop_alone(struct model *m, int n);
void model_leave(struct model *m, int n);
/* A child escalated, or could not be started. */
void model_fail_from_below(struct model *m, int n);
void model_end_normally(struct model *m, int n);

/* ---- groups and grants ---- */

bool model_is_covered(const struct model *m, int n);
void model_take_along(struct model *m, int n);
/* It is to be restarted, if that is granted. */
void model_want_counted_restart(struct model *m, int n);
/* One thing that follows for the group of a supervisor; true if there was one. */
bool model_group_step(struct model *m, int n);
void model_group_start(struct model *m, int n);
/* What the end of a child means for its group and its supervisor. */
void model_child_is_over(struct model *m, int n, bool was_covered);

#endif

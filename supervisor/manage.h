/*
 * Manage: the calls of OTP on the children of a supervisor: which are allowed in which state, and
 * what they tell. The engine does them.
 *
 * Used by: root.c, frames.c. Uses: actor.h, engine.h.
 */
#ifndef WARD_SUPERVISOR_MANAGE_H
#define WARD_SUPERVISOR_MANAGE_H

#include <ward/manage.h>

#include "ipc/managed.h"
#include "supervisor/actor.h"

/* The child of that id, absent or not, or NULL. */
struct ward__actor *ward__manage_find(struct ward__actor *supervisor, const char *id);

/* Results as in ward/manage.h; `child` and `ref` are written on success, and `ref` with
 * -WARD_EALREADY_STARTED. A terminated child is not down yet (NULL: it was). */
int ward__manage_start(struct ward__actor *supervisor, const ward_spec *spec,
                       struct ward__actor **child, ward_ref *ref);
int ward__manage_restart(struct ward__actor *supervisor, const char *id,
                         struct ward__actor **child);
int ward__manage_terminate(struct ward__actor *supervisor, const char *id,
                           struct ward__actor **child);
int ward__manage_delete(struct ward__actor *supervisor, const char *id);

void ward__manage_describe(const struct ward__actor *child, ward_child *description);
void ward__manage_count(const struct ward__actor *supervisor, ward_child_count *count);

/* One call of the host's; and one of a worker's, which is answered, some of them later. */
int ward__manage_call(struct ward__actor *of, enum ward__manage_op op, const char *id,
                      struct ward__managed *managed);
void ward__manage_request(struct ward__actor *asker, const struct ward__manage *manage);

/* The spec in force; id, args and fds are the record's. */
void ward__manage_spec(const struct ward__actor *child, ward_spec *spec);

#endif

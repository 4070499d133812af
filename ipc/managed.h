/*
 * Managed: what a management call gives back, on either side, and how it crosses from the host
 * to a worker: one array of values for each operation.
 *
 * Used by: verbs of both sides, frames.c. Uses: wire.h.
 */
#ifndef WARD_IPC_MANAGED_H
#define WARD_IPC_MANAGED_H

#include <ward/manage.h>

#include "ipc/failure.h"
#include "ipc/wire.h"

/* Where a call wants its result; what it does not want is NULL. */
struct ward__managed {
    ward_ref *ref;        /* RESTART */
    ward_child *children; /* WHICH, WHICH_ALL */
    size_t capacity;
    size_t count; /* of children that there are */
    ward_child_count *counts;
    ward_spec **spec;
    ward_budget *budget;
};

void ward__pack_child(struct ward__sink *sink, const ward_child *child);
void ward__pack_counts(struct ward__sink *sink, const ward_child_count *counts);
void ward__pack_budget(struct ward__sink *sink, const ward_budget *budget);

/* Takes the result of `op` out of the answer's values. 0; -WARD_EPROTOCOL; -ENOMEM. */
int ward__managed_take(struct ward__managed *managed, enum ward__manage_op op,
                       ward_raw values, struct ward_arena *arena);

/* A copy in one piece, for ward_childspec_free; NULL without memory. */
ward_spec *ward__spec_copy(const ward_spec *spec);

#endif

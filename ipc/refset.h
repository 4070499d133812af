/*
 * A small set of references: what an actor watches. A list, for it is short.
 *
 * Used by: worker, watch.c. Uses: nothing.
 */
#ifndef WARD_IPC_REFSET_H
#define WARD_IPC_REFSET_H

#include <stdbool.h>
#include <stddef.h>

#include <ward/value.h>

/* Zeroed is empty. */
struct ward__refset {
    ward_ref *refs; /* owned */
    size_t count, capacity;
};

/* 0, also if it is in already; -ENOMEM. */
int ward__refset_add(struct ward__refset *set, ward_ref ref);
/* True if it was in. */
bool ward__refset_remove(struct ward__refset *set, ward_ref ref);
void ward__refset_done(struct ward__refset *set);

#endif

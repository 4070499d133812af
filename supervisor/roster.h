/*
 * Roster: records of a fork server's children, in memory that no child gets. A fork copies no page
 * table for it, and what is written after a fork copies no page: among thousands both would take
 * longer than the rest of a fork.
 *
 * Used by: forkserver.c. Uses: nothing.
 */
#ifndef WARD_SUPERVISOR_ROSTER_H
#define WARD_SUPERVISOR_ROSTER_H

#include <stddef.h>

/* Memory is taken by the piece and kept: as much as the most records at a time need. */
struct ward__roster {
    size_t record_size;
    void *
        first_unused; /* owned, as all records are: each begins with a pointer to the next */
};

/* Of at least the size of a pointer. */
void ward__roster_init(struct ward__roster *roster, size_t record_size);

/* A zeroed record; NULL: no memory. */
void *ward__roster_take(struct ward__roster *roster);
/* Gives it back; NULL is fine. */
void ward__roster_give(struct ward__roster *roster, void *record);

#endif

/*
 * Ancestry: the line of processes that have had a piece of private memory. The kernel keeps it for each
 * mapping (anon_vma), longer by one with every fork, and whoever forks or ends goes through all of it.
 *
 * Used by: forkserver.c. Uses: nothing.
 */
#ifndef WARD_SUPERVISOR_ANCESTRY_H
#define WARD_SUPERVISOR_ANCESTRY_H

/* [one thread] Moves the plain, small, private memory of this process to mappings of its own, at the same
 * addresses and with the same contents, so that its children have it from nobody further up. What cannot be
 * moved, or is not plain, stays as it was. */
void ward__ancestry_leave(void);

#endif

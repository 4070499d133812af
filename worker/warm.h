/*
 * Warm: what a process that waits for its actor does meanwhile: it touches the memory that it will
 * need, of which a fork maps nothing that is in a file, and copies what it will write.
 *
 * Used by: loop.c. Uses: nothing.
 */
#ifndef WARD_WORKER_WARM_H
#define WARD_WORKER_WARM_H

void ward__warm_up(void);

#endif

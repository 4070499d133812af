/*
 * Setup: what the steps of a spawn say of a failure, in memory that is shared by a fork server
 * and the processes it has just forked, and that a worker no longer has when the actor's code
 * runs: what stands here was not said by a worker.
 *
 * Used by: spawn.c (child side), forkserver.c. Uses: nothing.
 */
#ifndef WARD_SUPERVISOR_SETUP_H
#define WARD_SUPERVISOR_SETUP_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* More cannot have failed between two turns of the fork server and be told apart. */
enum { WARD__SETUP_NOTES = 4096 };

struct ward__setup_note {
    _Atomic int32_t pid; /* whose; 0: free */
    int32_t step;        /* counted from 1 */
    int32_t error;       /* a negative code */
};

struct ward__setup {
    _Atomic uint32_t count; /* of notes that were begun: while it is 0, nobody looks */
    struct ward__setup_note notes[WARD__SETUP_NOTES];
};

/* [fork server] NULL and errno if there is no memory. */
struct ward__setup *ward__setup_new(void);

/* [child] Notes the failure; where no note is free, none. */
void ward__setup_failed(struct ward__setup *setup, int step, int error);

/* [child] From here on it has none. 0, or a negative code. */
int ward__setup_leave(struct ward__setup *setup);

/* [fork server] The note of a process that has ended, which is free then: the step, and the
 * error; or 0. */
int ward__setup_take(struct ward__setup *setup, pid_t pid, int *error);

#endif

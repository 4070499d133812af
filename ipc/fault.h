/*
 * Fault injection: one point at which a test makes the n-th system call or allocation of one
 * kind of process fail. Every call on the paths that must survive failure goes through
 * WARD__SYS or WARD__NEW. Without a plan that costs one test of a pointer. It decides
 * nothing by itself and is no public interface.
 *
 * The plan lies in shared memory, made before the zygote is forked, so that host, zygote,
 * fork server and workers count in one place.
 *
 * Used by: all rooms. Uses: nothing.
 */
#ifndef WARD_IPC_FAULT_H
#define WARD_IPC_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum ward__role {
    WARD__ROLE_HOST,
    WARD__ROLE_ZYGOTE,
    WARD__ROLE_FORKSERVER,
    WARD__ROLE_WORKER
};

struct ward__fault_plan {
    _Atomic int role;    /* whose calls are counted */
    _Atomic long due;    /* which one fails, counted from 1; 0: none */
    _Atomic int error;   /* errno of the failure */
    _Atomic long seen;   /* calls so far */
    _Atomic long failed; /* calls that were made to fail */
};

extern struct ward__fault_plan *ward__faults; /* NULL outside of tests */
extern enum ward__role ward__role;            /* what this process is */

/* Counts one call; true, with errno set, if it is the one to fail. */
bool ward__fault_hit(void);

/* [tests] Makes a plan in shared memory; the processes forked later have it too. */
struct ward__fault_plan *ward__fault_plan_share(void);

/* [tests] The n-th call from now of that kind of process fails with `error`. */
void ward__fault_arm(enum ward__role role, long n, int error);
void ward__fault_disarm(void);

static inline bool
ward__fault_due(void)
{
    return ward__faults != NULL && ward__fault_hit();
}

#define WARD__SYS(call) (ward__fault_due() ? -1 : (call))
#define WARD__NEW(call) (ward__fault_due() ? NULL : (call))

#endif

/*
 * Fork server: the parent of one system's workers. It forks them on request, reaps them,
 * tells the host how each ended, and adopts and ends what they leave behind. One thread, no
 * user code, no descriptor of a worker after the fork. It ends, with all below it, when its
 * host or its zygote does, or when the host closes the control channel.
 *
 * Used by: zygote.c. Uses: spawn.h, reap.h, roster.h, control.h.
 */
#ifndef WARD_SUPERVISOR_FORKSERVER_H
#define WARD_SUPERVISOR_FORKSERVER_H

#include <sys/types.h>

/* Becomes a fork server in a process that was just cloned by the zygote, `zygote`. The
 * descriptors become its own; every other one above 2 is closed. Never returns. */
_Noreturn void ward__forkserver_main(int control, int host_pidfd, pid_t zygote);

#endif

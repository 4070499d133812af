/*
 * Process: the system calls for processes that libc does not wrap in Debian 12, or wraps in a
 * way that does not fit.
 *
 * Used by: zygote.c, forkserver.c, server.c. Uses: nothing.
 */
#ifndef WARD_SUPERVISOR_PROCESS_H
#define WARD_SUPERVISOR_PROCESS_H

#include <sys/types.h>

/* A descriptor, CLOEXEC, that is readable when the process has ended; or -1 and errno. */
int ward__pidfd_open(pid_t pid);

/* 0, or a negative code; -ESRCH: it has ended. Never reaches another process. */
int ward__pidfd_kill(int pidfd, int signal);

/*
 * A copy of this process, as fork makes one, whose end sends its parent no signal and which no
 * waitpid(-1) meets. The caller must have one thread. The pid, with a pidfd, in the parent;
 * 0 in the child; or a negative code.
 */
pid_t ward__clone_silent(int *pidfd);

/* Reaps such a child. 1: done; 0: it still runs; negative: it is nobody's to reap. */
int ward__reap_silent(int pidfd);

#endif

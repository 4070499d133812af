/*
 * Zygote: a small, idle copy of the host, made before it had threads and memory, from which
 * fork servers are forked: for a first system, for a second, for one whose fork server was
 * killed. It sits between host and fork servers as subreaper and ends what a dead fork server
 * leaves. There is one for each host process; it ends when the host does.
 *
 * Used by: system.c. Uses: forkserver.h, reap.h, control.h.
 */
#ifndef WARD_SUPERVISOR_ZYGOTE_H
#define WARD_SUPERVISOR_ZYGOTE_H

#include <stdint.h>
#include <sys/types.h>

/* [host] What the host holds of a fork server. */
struct ward__server {
    int control; /* owned: packets of control.h; -1: none */
    int pidfd;   /* owned */
    pid_t pid;
};

/*
 * [host] Has a fork server forked, waiting at most `timeout_ms` for the answer. 0; -EPIPE: the
 * zygote is gone; -ETIMEDOUT; what socketpair and clone say.
 */
int ward__zygote_serve(struct ward__server *server, int timeout_ms);

/* [host] The pidfd of the zygote, borrowed; -1: there is none. */
int ward__zygote_pidfd(void);

/* [host] Collects a zygote that has ended. Any process that is ours may call it, often. */
void ward__zygote_bury(void);

/* [tests] The pid of the zygote. */
pid_t ward__zygote_pid(void);

#endif

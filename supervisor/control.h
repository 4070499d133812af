/*
 * Control: the packets between host, zygote and fork server. All three come from one image,
 * so a packet is a plain struct. A packet that asks bears a number that comes back in
 * the answer; every question has a deadline on the host's side.
 *
 * Used by: zygote.c, forkserver.c and their client. Uses: nothing.
 */
#ifndef WARD_SUPERVISOR_CONTROL_H
#define WARD_SUPERVISOR_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

enum ward__control_kind {
    WARD__CONTROL_SERVER = 1, /* host to zygote: fork a fork server; with its socket */
    WARD__CONTROL_SERVED,     /* back: its pid, with its pidfd; or an error */
    WARD__CONTROL_SPAWN,   /* host to fork server, with channel, page and descriptors */
    WARD__CONTROL_SPAWNED, /* back: the pid, with the pidfd */
    WARD__CONTROL_FAILED,  /* back: no process; the error */
    WARD__CONTROL_REAP,    /* host to fork server: the pidfd says it is dead */
    WARD__CONTROL_CLOSE,   /* host to fork server: the system ends, the host goes on */
    WARD__CONTROL_EXIT,    /* fork server to host, once for each worker: how it ended */
};

struct ward__control {
    int32_t kind;
    int32_t error; /* SERVED, FAILED, of the step in EXIT: a negative code, or 0 */
    uint64_t id;   /* of the request, and from then on of the worker */
    int64_t pid;
    /* EXIT */
    int32_t status; /* as wait4 gives it */
    int32_t step;   /* of the spawn, that failed (spawn.h); 0: it became a worker */
    int64_t user_us;
    int64_t system_us;
    int64_t max_rss_kb;
};

#endif

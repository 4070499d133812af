/*
 * Spawn: how a freshly forked process becomes a worker: a list of steps over one record. The
 * record is plain data and descriptors, so it can be filled in before the fork, or be sent
 * to a process that was forked ahead. A step that fails is noted in the page, where the
 * supervisor finds number and errno, and the process ends.
 *
 * Used by: forkserver.c (child side), channel.c (names of steps). Uses: worker/entry.h.
 */
#ifndef WARD_SUPERVISOR_SPAWN_H
#define WARD_SUPERVISOR_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "ipc/fds.h"
#include "ipc/page.h"

struct ward__spawn_record {
    int channel;            /* owned */
    int page_fd;            /* owned */
    int fds[WARD__FDS_MAX]; /* owned: become 3, 4, ... */
    size_t fd_count;
    char name[16];
    pid_t parent;            /* the fork server: the worker dies with it */
    struct ward__page *page; /* mapped by the first step */
};

/* Goes through the steps and runs the worker. Never returns. */
_Noreturn void ward__spawn_become(struct ward__spawn_record *record);

/* The name of a step by the number in the page, counted from 1; "" for none. */
const char *ward__spawn_step_name(int step);

#endif

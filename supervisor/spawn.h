/*
 * Spawn: how a freshly forked process becomes a worker: a list of steps over one record. The
 * record is plain data and descriptors, so it can be filled in before the fork, or be sent
 * to a process that was forked ahead. A step that fails is noted (setup.h), with its
 * number and error, and the process ends.
 *
 * Used by: forkserver.c (child side), blame.c (names of steps). Uses: setup.h, worker/entry.h.
 */
#ifndef WARD_SUPERVISOR_SPAWN_H
#define WARD_SUPERVISOR_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "ipc/fds.h"
#include "ipc/page.h"
#include "supervisor/setup.h"

struct ward__spawn_record {
    int channel;            /* owned */
    int page_fd;            /* owned */
    int fds[WARD__FDS_MAX]; /* owned: become 3, 4, ... */
    size_t fd_count;
    struct ward__setup *setup; /* borrowed, until the last step */
    pid_t parent;              /* the fork server: the worker dies with it */
    struct ward__page *page;   /* mapped by the first step */
};

/* Goes through the steps and runs the worker. Never returns. */
_Noreturn void ward__spawn_become(struct ward__spawn_record *record);

/* The name of a step by its number, counted from 1; "" for none. */
const char *ward__spawn_step_name(int step);

#endif

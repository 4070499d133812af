/*
 * Oom: whether the kernel has ended somebody for want of memory. The kernel counts that for each
 * memory cgroup and names nobody; a process that died of a SIGKILL which nobody owns up to
 * is taken for it. Workers are in the host's cgroup, as they inherit it.
 *
 * Used by: system.c, blame.c. Uses: /proc, /sys/fs/cgroup (version 1 and 2).
 */
#ifndef WARD_SUPERVISOR_OOM_H
#define WARD_SUPERVISOR_OOM_H

#include <stdbool.h>
#include <stdint.h>

struct ward__oom {
    int fd;       /* owned: the file with the kernel's count; -1: there is none */
    int64_t seen; /* kills that have their death */
};

/* Finds the count. Without one, nothing ever happened. */
void ward__oom_begin(struct ward__oom *oom);

void ward__oom_end(struct ward__oom *oom);

/* True once for each kill. */
bool ward__oom_has_killed(struct ward__oom *oom);

#endif

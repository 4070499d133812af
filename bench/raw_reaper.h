/*
 * Raw reaper: the loop of a process that forks as it is asked to, and reaps: requests come by socket, deaths
 * by signalfd, and each child has its number in the order of the forks, from 0.
 *
 * Used by: raw_server.c, raw_guard.c. Uses: nothing.
 */
#ifndef WARD_BENCH_RAW_REAPER_H
#define WARD_BENCH_RAW_REAPER_H

#include <stdbool.h>
#include <sys/types.h>

struct raw_reaper {
    int control, signals;
    pid_t *pids; /* by number; 0: reaped */
    long count, capacity;
    long oldest; /* that is not reaped */
    /* Takes one request and forks. 1; 0: there is none now; -1: there will be none. */
    int (*take_request)(struct raw_reaper *reaper);
    /* Reaps it if it is dead, and says so. */
    bool (*bury)(struct raw_reaper *reaper, long number);
};

/* In a child: this process stands between the host and its server, as ward's zygote does, until there are no
 * more requests, and no children. */
void raw_reaper_serve_below(struct raw_reaper *reaper);

/* The number of the next child, whose pid is this. */
long raw_reaper_add(struct raw_reaper *reaper, pid_t pid);

#endif

/*
 * Raw guard: a process that forks for another one, as raw_server.h's does, children that are guarded as
 * ward guards its workers, by no more calls than that takes. A child has a page that outlives it, with a
 * note of how a fault looked from inside, a process group of its own, its parent's death for its own, and no
 * descriptor but its channel. The host gets a descriptor of the process; and of a death it hears what the
 * child used, after the child's group was killed and before its number can be anybody else's.
 *
 * Used by: raw_guarded.c. Uses: raw_child.h, raw_packet.h, raw_reaper.h.
 */
#ifndef WARD_BENCH_RAW_GUARD_H
#define WARD_BENCH_RAW_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/raw_child.h"

/* As large as a worker's, and what a worker is told at first. */
enum { RAW_PAGE_BYTES = (4 << 20) + (64 << 10) + 4096, RAW_TOLD_BYTES = 178 };

struct raw_page {
    _Atomic uint32_t phase, done;
    _Atomic int32_t signal; /* 0: no fault */
    _Atomic uintptr_t address;
};

/* As the kernel fills it in. */
struct raw_usage {
    long user_s, user_us, system_s, system_us;
    long others[14];
};

/* Of one of those it forked, by its number in their order, from 0. */
struct raw_news {
    long number;
    pid_t pid;
    bool is_death; /* else it is born */
    int status;    /* CLD_EXITED and such */
    struct raw_usage usage;
};

/* 0, or -1; `*control` is for the calls below. */
int raw_guard_start(struct raw_child *server, int *control);
/* Its children end when their channels are closed, which comes first. */
void raw_guard_end(struct raw_child *server, int control);

/* Asks for a child at that end of a channel and with that page; both stay the caller's. 0, or -1. */
int raw_guard_fork(int control, int channel, int page);
/* What there is to hear; of a birth with a descriptor, the caller's, else -1. 1; 0: nothing now; -1. */
int raw_guard_hear(int control, struct raw_news *news, int *pidfd);

#endif

/*
 * Raw guarded: restarts by system calls alone, as in raw_served.c, of children that are guarded as ward
 * guards its workers, by no more calls than that takes. A child has a page that outlives it and that nobody
 * can make shorter, a note in it of how a fault looked from inside, a process group of its own, its parent's
 * death for its own, and no descriptor but its channel. It runs nobody's code before it was told whose it is.
 * The host has a descriptor of the process; it is told of a death with what the child used, while the
 * number is nobody else's and after the group was killed; and it listens to all channels at once.
 *
 * No message is kept for the next one, nothing is decided, named or logged, and no deadline runs.
 *
 * Used by: crowds.c, spawns.c. Uses: bench.h.
 */
#ifndef WARD_BENCH_RAW_GUARDED_H
#define WARD_BENCH_RAW_GUARDED_H

#include "bench/bench.h"

/* The figures restart, each next child made ahead, and storm. */
int raw_guarded_restart(const struct bench_size *size, double *values);
int raw_guarded_storm(const struct bench_size *size, double *values);

#endif

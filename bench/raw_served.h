/*
 * Raw, served: hosts that do not fork by themselves, but have processes as ward has them, by system calls
 * alone and with nothing around: the limit of that order.
 *
 * Used by: crowds.c, spawns.c. Uses: bench.h.
 */
#ifndef WARD_BENCH_RAW_SERVED_H
#define WARD_BENCH_RAW_SERVED_H

#include "bench/bench.h"

/* The same as raw_restart: the next child waits already. */
int raw_served_restart(const struct bench_size *size, double *values);

/* Until one that waits already has answered for the first time; in a small host, and in one of 4 GB. */
int raw_served_spawn(const struct bench_size *size, double *values);
int raw_served_spawn_4gb(const struct bench_size *size, double *values);

/* The same as raw_crowd_start. */
int raw_served_start(const struct bench_size *size, double *values);
/* One of so many dies of SIGSEGV and another one is forked: to its first answer, so many times, at once
 * again after each; microseconds, the median. */
int raw_served_restarts(long crowd_count, long times_count, double *values);
/* The same as raw_storm. */
int raw_served_storm(const struct bench_size *size, double *values);

#endif

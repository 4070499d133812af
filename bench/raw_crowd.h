/*
 * Raw crowds: many children at once, by fork and socketpair alone.
 *
 * Used by: crowds.c, quiet.c. Uses: bench.h.
 */
#ifndef WARD_BENCH_RAW_CROWD_H
#define WARD_BENCH_RAW_CROWD_H

#include "bench/bench.h"

/* Forks them all, each with a socketpair, then reads a byte from each; milliseconds. */
int raw_crowd_start(const struct bench_size *size, double *values);

/* KiB for each child: of all, of the child itself, of the parent. */
int raw_crowd_memory(const struct bench_size *size, double *values);

/* All children are killed, reaped by pid, forked again and asked once; milliseconds. As many
 * parents at once as there are cores, which share the children; and one parent. */
int raw_storm(const struct bench_size *size, double *values);
int raw_storm_one(const struct bench_size *size, double *values);

/* Starts so many children that wait for a byte, says by a byte that they are there, and waits for
 * one with them. 0, or -1. */
int raw_crowd_sit(long count, int channel);

#endif

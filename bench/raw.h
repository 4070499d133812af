/*
 * Raw: the same work by system calls alone, in C, with nothing around: the limit.
 *
 * Used by: asks.c, quiet.c, spawns.c, tells.c. Uses: bench.h.
 */
#ifndef WARD_BENCH_RAW_H
#define WARD_BENCH_RAW_H

#include "bench/bench.h"

/* Ping-pong of 64 bytes over a socketpair; microseconds, the median. */
int raw_rtt_blocking(const struct bench_size *size, double *values);
/* The same; the asker waits in epoll, as who waits for many must, and the asked one in poll, where
 * it is not woken for nothing. */
int raw_rtt_epoll(const struct bench_size *size, double *values);
/* The same; both ends try again and again without blocking. */
int raw_rtt_polling(const struct bench_size *size, double *values);
/* The same while one child floods another one through the asker; 99th percentile and median. */
int raw_rtt_beside_flood(const struct bench_size *size, double *values);
/* Ping-pong with 1,000 outstanding; answers per second. */
int raw_pipelined(const struct bench_size *size, double *values);

/* One way, 64 bytes, messages per second: one a write, and 64 a write. */
int raw_tell(const struct bench_size *size, double *values);
int raw_tell_batches(const struct bench_size *size, double *values);
/* One way, messages of 1,000,000 bytes; bytes per second. */
int raw_tell_1m(const struct bench_size *size, double *values);
/* The same, each copied first to where it could wait for a reader, as in a mailbox. */
int raw_tell_1m_copied(const struct bench_size *size, double *values);

/* A child dies of SIGSEGV and another one is forked: from the death to its first answer;
 * microseconds, median and 99th percentile. */
int raw_restart(const struct bench_size *size, double *values);
/* The same as raw_restart, at once again after each answer. */
int raw_restart_in_a_row(const struct bench_size *size, double *values);
/* Of these two the death alone, until it is reaped. */
int raw_death(const struct bench_size *size, double *values);
int raw_death_in_a_row(const struct bench_size *size, double *values);
/* The same as raw_restart in a process of 4 GB. */
int raw_restart_4gb(const struct bench_size *size, double *values);
/* fork to first byte; microseconds, the median. */
int raw_spawn(const struct bench_size *size, double *values);
/* Forks in a row, each to its first byte; microseconds each. */
int raw_spawn_sustained(const struct bench_size *size, double *values);

#endif

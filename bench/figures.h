/*
 * Figures: all there are.
 *
 * Used by: bench.c. Uses: bench.h.
 */
#ifndef WARD_BENCH_FIGURES_H
#define WARD_BENCH_FIGURES_H

#include "bench/bench.h"

extern const struct bench_figure *const bench_figures[]; /* ends with NULL */

extern const struct bench_figure bench_ask_rtt, bench_ask_rtt_blocking,
    bench_ask_pipelined; /* asks.c */
extern const struct bench_figure bench_tell_64, bench_tell_worker_to_worker,
    bench_tell_1m; /* tells.c */
extern const struct bench_figure bench_restart, bench_restart_in_a_row, bench_restart_4gb,
    bench_spawn_spare, bench_spawn_sustained, bench_spawn_rss; /* spawns.c */
extern const struct bench_figure bench_crowd_start, bench_crowd_memory, bench_crowd_rtt,
    bench_crowd_restart, bench_storm;                        /* crowds.c */
extern const struct bench_figure bench_fairness, bench_idle; /* quiet.c */

#endif

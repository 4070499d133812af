#include "bench/figures.h"

/* In the order of the table. */
const struct bench_figure *const bench_figures[] = {
    &bench_ask_rtt,
    &bench_ask_rtt_blocking,
    &bench_ask_pipelined,
    &bench_tell_64,
    &bench_tell_worker_to_worker,
    &bench_tell_1m,
    &bench_restart,
    &bench_restart_in_a_row,
    &bench_restart_4gb,
    &bench_spawn_spare,
    &bench_spawn_sustained,
    &bench_spawn_rss,
    &bench_crowd_start,
    &bench_crowd_memory,
    &bench_crowd_rtt,
    &bench_crowd_restart,
    &bench_storm,
    &bench_fairness,
    &bench_idle,
    NULL,
};

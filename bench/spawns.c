#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/figures.h"
#include "bench/ours.h"
#include "bench/peers.h"
#include "bench/raw.h"
#include "bench/raw_guarded.h"
#include "bench/raw_served.h"

/* ---- from a real SIGSEGV to the first answer of the next incarnation ---- */

static int
pause_between(ward_system *sys, int pause_ms)
{
    if (pause_ms > 0 && ward_run_for(sys, pause_ms) != -ETIMEDOUT)
        return bench_fail("the system ended", 0);
    return 0;
}

static int
restarts(const struct bench_size *size, int pause_ms, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    ward_system *sys;
    ward_ref ref;

    if (times == NULL || ours_open(&sys, NULL) < 0 ||
        ours_worker_up(sys, "victim", &ref) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun;
        if (pause_between(sys, pause_ms) < 0)
            return -1;
        begun = bench_now_us();
        if (ward_tell(ward_system_ctx(sys), ref, OURS_CRASH) < 0 ||
            ours_echo(ward_system_ctx(sys), ref) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
    }
    ward_system_free(sys);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    values[1] = bench_quantile(times, (size_t)size->count, 0.99);
    free(times);
    return 0;
}

static int
restart(const struct bench_size *size, double *values)
{
    return restarts(size, BENCH_PAUSE_MS, values);
}

const struct bench_figure bench_restart = {
    .lines = {{"restart", "us", 0.95, false}, {"restart_p99", "us", 0, false}},
    .count = 500,
    .tiny_count = 5,
    .contenders = {{"ward", restart},
                   {"bare re-fork", raw_restart},
                   {"raw, made ahead", raw_served_restart},
                   {"raw, ahead, guarded", raw_guarded_restart},
                   {"the death alone", raw_death},
                   {"Erlang port", peer_erlang},
                   {"Python", peer_python}},
};

static int
restart_in_a_row(const struct bench_size *size, double *values)
{
    return restarts(size, 0, values);
}

const struct bench_figure bench_restart_in_a_row = {
    .lines = {{"restart_in_a_row", "us", 0, false},
              {"restart_in_a_row_p99", "us", 0, false}},
    .count = 500,
    .tiny_count = 5,
    .contenders = {{"ward", restart_in_a_row},
                   {"bare re-fork", raw_restart_in_a_row},
                   {"the death alone", raw_death_in_a_row}},
};

/* What a service that does much holds, from before it makes its system. */
static int
restarts_4gb(const struct bench_size *size, double *values)
{
    return ward_early() < 0 || bench_grow(size) < 0
               ? -1
               : restarts(size, BENCH_PAUSE_MS, values);
}

const struct bench_figure bench_restart_4gb = {
    .lines = {{"restart_4gb", "us", 0.05, false}, {"restart_4gb_p99", "us", 0, false}},
    .count = 20,
    .tiny_count = 2,
    .contenders = {{"ward", restarts_4gb}, {"bare re-fork", raw_restart_4gb}},
};

/* ---- from the call to ready ---- */

static int
spawn(ward_system *sys, long number, double *took_us)
{
    char id[32];
    double begun = bench_now_us();
    ward_ref ref;

    snprintf(id, sizeof id, "w%ld", number);
    if (ours_worker_up(sys, id, &ref) < 0)
        return -1;
    *took_us = bench_now_us() - begun;
    return 0;
}

static int
spawns(long count, int pause_ms, double *times)
{
    ward_system *sys;

    if (ours_open(&sys, NULL) < 0)
        return -1;
    for (long i = 0; i < count; i++) {
        if (pause_between(sys, pause_ms) < 0)
            return -1;
        if (spawn(sys, i, &times[i]) < 0)
            return -1;
    }
    ward_system_free(sys);
    return 0;
}

static int
median_spawn(const struct bench_size *size, int pause_ms, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);

    if (times == NULL || spawns(size->count, pause_ms, times) < 0)
        return -1;
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

static int
spawn_spare(const struct bench_size *size, double *values)
{
    return median_spawn(size, BENCH_PAUSE_MS, values);
}

const struct bench_figure bench_spawn_spare = {
    .lines = {{"spawn_spare", "us", 0.7, false}},
    .count = 100,
    .tiny_count = 3,
    .contenders = {{"ward", spawn_spare}, {"bare fork", raw_spawn}},
};

static int
spawn_sustained(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    double sum = 0;

    if (times == NULL || spawns(size->count, 0, times) < 0)
        return -1;
    for (long i = 0; i < size->count; i++)
        sum += times[i];
    values[0] = sum / (double)size->count;
    free(times);
    return 0;
}

const struct bench_figure bench_spawn_sustained = {
    .lines = {{"spawn_sustained", "us", 2, false}},
    .count = 500,
    .tiny_count = 5,
    .contenders = {{"ward", spawn_sustained}, {"bare fork", raw_spawn_sustained}},
};

static int
spawn_4gb(const struct bench_size *size, double *values)
{
    return ward_early() < 0 || bench_grow(size) < 0
               ? -1
               : median_spawn(size, BENCH_PAUSE_MS, values);
}

const struct bench_figure bench_spawn_rss = {
    .lines = {{"spawn_rss", "us", 1.2, false}},
    .count = 50,
    .tiny_count = 3,
    .contenders = {{"ward", spawn_4gb},
                   {"ward in 0 GB", spawn_spare},
                   {"raw in 4 GB", raw_served_spawn_4gb},
                   {"raw in 0 GB", raw_served_spawn}},
};

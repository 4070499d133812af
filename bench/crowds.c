#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/figures.h"
#include "bench/ours.h"
#include "bench/raw_crowd.h"
#include "bench/raw_guarded.h"
#include "bench/raw_served.h"
#include "bench/tree.h"

/* ---- many at once ---- */

static int
crowd_start(const struct bench_size *size, double *values)
{
    struct ours_crowd crowd;
    double begun;

    if (ours_crowd_open(&crowd, size->count) < 0)
        return -1;
    begun = bench_now_us();
    if (ours_crowd_up(&crowd) < 0)
        return -1;
    values[0] = (bench_now_us() - begun) / 1e3;
    ours_crowd_close(&crowd);
    return 0;
}

const struct bench_figure bench_crowd_start = {
    .lines = {{"crowd_start", "ms", 0.8, false}},
    .count = 8000,
    .tiny_count = 20,
    .contenders = {{"ward", crowd_start},
                   {"bare forks", raw_crowd_start},
                   {"raw, forked elsewhere", raw_served_start}},
};

/* All but the workers are above them; zygote and fork server are counted with the host. */
static double
above(const double sums[TREE_GENERATIONS])
{
    return sums[0] + sums[1] + sums[2];
}

static int
crowd_memory(const struct bench_size *size, double *values)
{
    double before[TREE_GENERATIONS], after[TREE_GENERATIONS];
    struct ours_crowd crowd;

    if (ours_crowd_open(&crowd, size->count) < 0 ||
        tree_add_up(getpid(), tree_memory, before) < 0 || ours_crowd_up(&crowd) < 0 ||
        tree_add_up(getpid(), tree_memory, after) < 0)
        return -1;
    values[1] = after[3] / (double)size->count;
    values[2] = (above(after) - above(before)) / (double)size->count;
    values[0] = values[1] + values[2];
    ours_crowd_close(&crowd);
    return 0;
}

const struct bench_figure bench_crowd_memory = {
    .lines = {{"crowd_memory", "KiB", 1.3, false},
              {"crowd_memory_worker", "KiB", 0, false},
              {"crowd_memory_host", "KiB", 0, false}},
    .count = 1000,
    .tiny_count = 20,
    .contenders = {{"ward", crowd_memory}, {"bare child", raw_crowd_memory}},
};

/* ---- one among many ---- */

/* The first of so many is asked, or crashes and is asked. */
static int
among(long crowd_count, long times_count, bool is_crashing, double *values)
{
    double *times = calloc((size_t)times_count, sizeof *times);
    struct ours_crowd crowd;
    ward_ctx *ctx;

    if (times == NULL || ours_crowd_open(&crowd, crowd_count) < 0 ||
        ours_crowd_up(&crowd) < 0)
        return -1;
    ctx = ward_system_ctx(crowd.sys);
    for (long i = 0; i < times_count; i++) {
        double begun = bench_now_us();
        if (is_crashing && ward_tell(ctx, crowd.refs[0], OURS_CRASH) < 0)
            return bench_fail("tell", 0);
        if (ours_echo(ctx, crowd.refs[0]) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
    }
    ours_crowd_close(&crowd);
    values[0] = bench_quantile(times, (size_t)times_count, 0.5);
    free(times);
    return 0;
}

static long
asks_of(const struct bench_size *size)
{
    return size->is_tiny ? 50 : 20000;
}

static int
rtt_in_crowd(const struct bench_size *size, double *values)
{
    return among(size->count, asks_of(size), false, values);
}

static int
rtt_alone(const struct bench_size *size, double *values)
{
    return among(1, asks_of(size), false, values);
}

const struct bench_figure bench_crowd_rtt = {
    .lines = {{"crowd_rtt", "us", 1.2, false}},
    .count = 8001,
    .tiny_count = 20,
    .contenders = {{"ward", rtt_in_crowd}, {"ward, one worker", rtt_alone}},
};

static long
crashes_of(const struct bench_size *size)
{
    return size->is_tiny ? 5 : 500;
}

static int
restart_in_crowd(const struct bench_size *size, double *values)
{
    return among(size->count, crashes_of(size), true, values);
}

static int
restart_alone(const struct bench_size *size, double *values)
{
    return among(1, crashes_of(size), true, values);
}

static int
raw_restart_in_crowd(const struct bench_size *size, double *values)
{
    return raw_served_restarts(size->count, crashes_of(size), values);
}

static int
raw_restart_alone(const struct bench_size *size, double *values)
{
    return raw_served_restarts(1, crashes_of(size), values);
}

const struct bench_figure bench_crowd_restart = {
    .lines = {{"crowd_restart", "us", 1.2, false}},
    .count = 8001,
    .tiny_count = 20,
    .contenders = {{"ward", restart_in_crowd},
                   {"ward, one worker", restart_alone},
                   {"raw, as many", raw_restart_in_crowd},
                   {"raw, one child", raw_restart_alone}},
};

/* ---- all dead at once ---- */

struct roll_call {
    long unheard;
    double over_us; /* when the last was heard */
    bool has_failed;
};

static ward_next
on_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct roll_call *call = user;

    (void)ctx;
    (void)reply;
    call->has_failed |= status < 0;
    if (--call->unheard == 0)
        call->over_us = bench_now_us();
    return WARD_SAME;
}

static int
ask_all(const struct ours_crowd *crowd, struct roll_call *call)
{
    ward_ctx *ctx = ward_system_ctx(crowd->sys);

    call->unheard = crowd->count;
    for (long i = 0; i < crowd->count; i++)
        if (ward_ask_then(ctx, crowd->refs[i], OURS_ANSWER_MS, on_answer, call,
                          OURS_COUNT) < 0)
            return bench_fail("ask", 0);
    while (call->unheard > 0)
        ward_run_for(crowd->sys, 100);
    return call->has_failed ? bench_fail("an ask failed", 0) : 0;
}

/* By an outsider's hand: ward is not told. */
static int
kill_all(const struct ours_crowd *crowd)
{
    for (long i = 0; i < crowd->count; i++)
        if (kill((pid_t)ward_process_id(crowd->sys, crowd->refs[i]), SIGKILL) < 0)
            return bench_fail("kill", errno);
    return 0;
}

static int
storm(const struct bench_size *size, double *values)
{
    struct roll_call call = {0};
    struct ours_crowd crowd;
    double begun;

    if (ours_crowd_open(&crowd, size->count) < 0 || ours_crowd_up(&crowd) < 0)
        return -1;
    begun = bench_now_us();
    if (kill_all(&crowd) < 0 || ask_all(&crowd, &call) < 0)
        return -1;
    values[0] = (call.over_us - begun) / 1e3;
    ours_crowd_close(&crowd);
    return 0;
}

const struct bench_figure bench_storm = {
    .lines = {{"storm", "ms", 1.5, false}},
    .count = 1000,
    .tiny_count = 20,
    .contenders = {{"ward", storm},
                   {"bare re-forks, a parent a core", raw_storm},
                   {"bare re-forks, one parent", raw_storm_one},
                   {"raw, forked elsewhere", raw_served_storm},
                   {"raw, guarded", raw_guarded_storm}},
};

#include <stdlib.h>

#include "bench/figures.h"
#include "bench/ours.h"
#include "bench/peers.h"
#include "bench/raw.h"

static int
rtt(const struct bench_size *size, double *values, const ward_system_options *options)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    ward_system *sys;
    ward_ref ref;

    if (times == NULL || ours_open(&sys, options) < 0 ||
        ours_worker_up(sys, "echo", &ref) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun = bench_now_us();
        if (ours_echo(ward_system_ctx(sys), ref) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
    }
    ward_system_free(sys);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

static int
ask(const struct bench_size *size, double *values)
{
    return rtt(size, values, NULL);
}

const struct bench_figure bench_ask_rtt = {
    .lines = {{"ask_rtt", "us", 0.4, false}},
    .count = 20000,
    .tiny_count = 50,
    .contenders = {{"ward", ask},
                   {"raw blocking", raw_rtt_blocking},
                   {"raw polling", raw_rtt_polling},
                   {"ZeroMQ", peer_zeromq},
                   {"nng", peer_nng},
                   {"Erlang port", peer_erlang},
                   {"Python", peer_python}},
};

/* A system for whom processor time counts more than the microseconds. */
static int
ask_blocking(const struct bench_size *size, double *values)
{
    return rtt(size, values, &(ward_system_options){.poll_us = WARD_ZERO});
}

const struct bench_figure bench_ask_rtt_blocking = {
    .lines = {{"ask_rtt_blocking", "us", 1.2, false}},
    .count = 20000,
    .tiny_count = 50,
    .contenders = {{"ward", ask_blocking},
                   {"raw blocking", raw_rtt_blocking},
                   {"raw epoll, poll", raw_rtt_epoll}},
};

/* ---- many at once ---- */

struct pipe_line {
    ward_ref to;
    long left, under_way;
    bool has_failed;
    double ended_us;
};

static ward_next on_answer(ward_ctx *ctx, int status, const ward_message *reply,
                           void *user);

static void
ask_next(ward_ctx *ctx, struct pipe_line *line)
{
    if (line->left == 0 || line->has_failed)
        return;
    if (ward_ask_then(ctx, line->to, OURS_ANSWER_MS, on_answer, line, OURS_ECHO,
                      ward_bytes_of(ours_payload, sizeof ours_payload)) < 0) {
        line->has_failed = true;
        return;
    }
    line->left--;
    line->under_way++;
}

static ward_next
on_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct pipe_line *line = user;
    ward_bytes bytes;

    line->under_way--;
    if (status < 0 || ward_get(reply, &bytes) < 0)
        line->has_failed = true;
    ask_next(ctx, line);
    if (line->under_way == 0)
        line->ended_us = bench_now_us();
    return WARD_SAME;
}

static int
pipelined(const struct bench_size *size, double *values)
{
    enum { OUTSTANDING = 1000 };
    struct pipe_line line = {.left = size->count};
    ward_system *sys;
    double begun;

    if (ours_open(&sys, NULL) < 0 || ours_worker_up(sys, "echo", &line.to) < 0)
        return -1;
    begun = bench_now_us();
    for (int i = 0; i < OUTSTANDING; i++)
        ask_next(ward_system_ctx(sys), &line);
    while (line.under_way > 0)
        ward_run_for(sys, 100);
    values[0] = (double)size->count / (line.ended_us - begun) * 1e6;
    ward_system_free(sys);
    return line.has_failed ? bench_fail("an ask failed", 0) : 0;
}

const struct bench_figure bench_ask_pipelined = {
    .lines = {{"ask_pipelined", "/s", 10, true}},
    .count = 200000,
    .tiny_count = 2000,
    .contenders = {{"ward", pipelined},
                   {"Erlang port", peer_erlang},
                   {"ZeroMQ", peer_zeromq},
                   {"nng", peer_nng},
                   {"raw", raw_pipelined}},
};

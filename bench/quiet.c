#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/figures.h"
#include "bench/ours.h"
#include "bench/raw.h"
#include "bench/raw_crowd.h"
#include "bench/tree.h"

/* ---- beside one that never stops talking ---- */

enum { FLOOD = 1, COMPUTE, NOISE };

/* A hundred messages, and itself once more. */
static ward_next
flood(ward_ctx *ctx, const ward_message *msg)
{
    enum { BURST = 100 };
    ward_ref to;

    if (ward_get(msg, &to) < 0)
        return WARD_UNHANDLED;
    for (int i = 0; i < BURST; i++)
        if (ward_tell(ctx, to, NOISE, ward_bytes_of(ours_payload, sizeof ours_payload)) <
            0)
            break; /* it is full: more next time */
    return ward_tell(ctx, ward_self(ctx), FLOOD, to) < 0 ? WARD_STOP : WARD_SAME;
}

static ward_next
flooder_receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case FLOOD:
        return flood(ctx, msg);
    case COMPUTE:
        for (volatile long i = 0;; i++)
            ;
    case NOISE:
        return WARD_SAME;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior flooder = {.name = "bench-flooder",
                                      .receive = flooder_receive};
WARD_REGISTER(flooder);

enum beside { NOBODY, A_FLOOD, TWO_THAT_COMPUTE };

static int
start_noise(ward_system *sys, enum beside beside)
{
    ward_ctx *ctx = ward_system_ctx(sys);
    ward_ref one, two;
    int result = 0;

    if (beside == NOBODY)
        return 0;
    if (ours_spawn(sys, "one", &flooder, &one) < 0 ||
        ours_spawn(sys, "two", &flooder, &two) < 0)
        return -1;
    if (beside == A_FLOOD)
        result = ward_tell(ctx, one, FLOOD, two);
    else if ((result = ward_tell(ctx, one, COMPUTE)) == 0)
        result = ward_tell(ctx, two, COMPUTE);
    if (result < 0)
        return bench_fail(ward_error_name(result), 0);
    ward_run_for(sys, 20);
    return 0;
}

static int
ask_beside(const struct bench_size *size, enum beside beside, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    ward_system *sys;
    ward_ref ref;

    if (times == NULL || ours_open(&sys, NULL) < 0 ||
        ours_worker_up(sys, "echo", &ref) < 0 || start_noise(sys, beside) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun = bench_now_us();
        if (ours_echo(ward_system_ctx(sys), ref) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
        ward_run_for(sys, 0);
    }
    ward_system_free(sys);
    values[0] = bench_quantile(times, (size_t)size->count, 0.99);
    values[1] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

static int
ask_beside_flood(const struct bench_size *size, double *values)
{
    return ask_beside(size, A_FLOOD, values);
}

static int
ask_beside_nobody(const struct bench_size *size, double *values)
{
    return ask_beside(size, NOBODY, values);
}

static int
ask_beside_computing(const struct bench_size *size, double *values)
{
    return ask_beside(size, TWO_THAT_COMPUTE, values);
}

const struct bench_figure bench_fairness = {
    .lines = {{"fairness", "us", 3, false}, {"fairness_p50", "us", 0, false}},
    .count = 5000,
    .tiny_count = 20,
    .contenders = {{"ward", ask_beside_flood},
                   {"ward, idle", ask_beside_nobody},
                   {"ward, two compute", ask_beside_computing},
                   {"raw beside a flood", raw_rtt_beside_flood}},
};

/* ---- nothing to do ---- */

/* Runs in a process of its own: starts a crowd, says by a byte that it is there, and ends it all
 * when it is sent one. */
typedef int (*sitter)(long count, int channel);

static int
wait_for(int channel, int at_most_ms)
{
    struct pollfd polled = {.fd = channel, .events = POLLIN};

    return poll(&polled, 1, at_most_ms);
}

/* How often any process of that tree goes to sleep in so long, from a while after it is there. */
static int
watch(pid_t pid, int channel, const struct bench_size *size, double *sleeps)
{
    double before[TREE_GENERATIONS], after[TREE_GENERATIONS];
    int span_ms = size->is_tiny ? 1000 : 10000;
    char byte;

    if (recv(channel, &byte, 1, 0) != 1)
        return bench_fail("a crowd that is there", errno);
    wait_for(channel, span_ms / 10);
    if (tree_add_up(pid, tree_sleeps, before) < 0)
        return -1;
    wait_for(channel, span_ms);
    if (tree_add_up(pid, tree_sleeps, after) < 0)
        return -1;
    *sleeps = 0;
    for (int i = 0; i < TREE_GENERATIONS; i++)
        *sleeps += after[i] - before[i];
    return 0;
}

static int
count_sleeps(const struct bench_size *size, sitter sit, double *values)
{
    int ends[2], result;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    pid = fork();
    if (pid < 0)
        return bench_fail("fork", errno);
    if (pid == 0) {
        close(ends[0]);
        _exit(sit(size->count, ends[1]) < 0);
    }
    close(ends[1]);
    result = watch(pid, ends[0], size, &values[0]);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return result;
}

static int
sit(long count, int channel)
{
    struct pollfd polled[2] = {{.events = POLLIN}, {.fd = channel, .events = POLLIN}};
    struct ours_crowd crowd;

    if (ours_crowd_open(&crowd, count) < 0 || ours_crowd_up(&crowd) < 0 ||
        send(channel, "", 1, MSG_NOSIGNAL) != 1)
        return -1;
    polled[0].fd = ward_system_fd(crowd.sys);
    while (polled[1].revents == 0) {
        ward_system_dispatch(crowd.sys);
        poll(polled, 2, -1);
    }
    ours_crowd_close(&crowd);
    return 0;
}

static int
idle(const struct bench_size *size, double *values)
{
    return count_sleeps(size, sit, values);
}

static int
raw_idle(const struct bench_size *size, double *values)
{
    return count_sleeps(size, raw_crowd_sit, values);
}

const struct bench_figure bench_idle = {
    .lines = {{"idle", "sleeps", 1, false}},
    .count = 1000,
    .tiny_count = 20,
    .contenders = {{"ward", idle}, {"bare children", raw_idle}},
};

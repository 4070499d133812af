#include "bench/pair.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

enum { MESSAGE_1M = 1000000, OUTSTANDING = 1000, MANY_WAITING = 8192, FEW_WAITING = 8 };

struct task {
    const char *figure;
    size_t size; /* of a message */
    int most_waiting;
    void (*body)(const struct task *task,
                 long count); /* of the other process; for ever */
    int (*measure)(const struct task *task, long count, double *value);
};

/* ---- the other process ---- */

static int
say_ready(void)
{
    char byte = 0;

    return pair_send(&byte, 1);
}

static void
echo(const struct task *task, long count)
{
    void *data;
    long size;

    (void)task;
    (void)count;
    while ((size = pair_receive(&data)) > 0)
        if (pair_send(data, (size_t)size) < 0)
            return;
}

/* Says so when it has so many, each whole. */
static void
swallow(const struct task *task, long count)
{
    void *data;

    for (long i = 0; i < count; i++)
        if (pair_receive(&data) != (long)task->size)
            return;
    if (say_ready() == 0)
        pair_receive(&data);
}

/* It ends by being killed: then nothing that it has sent can be lost on the way. */
static _Noreturn void
other(const struct task *task, long count, const char *name, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || pair_open(name, false, task->most_waiting) < 0 ||
        say_ready() < 0)
        _exit(1);
    task->body(task, count);
    _exit(1);
}

/* ---- here ---- */

static int
expect(size_t size)
{
    void *data;

    return pair_receive(&data) == (long)size ? 0 : bench_fail("a strange message", 0);
}

static int
measure_rtt(const struct task *task, long count, double *value)
{
    double *times = calloc((size_t)count, sizeof *times);
    char message[BENCH_PAYLOAD] = {0};

    if (times == NULL)
        return bench_fail("memory", errno);
    for (long i = 0; i < count; i++) {
        double begun = bench_now_us();
        if (pair_send(message, task->size) < 0 || expect(task->size) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
    }
    *value = bench_quantile(times, (size_t)count, 0.5);
    free(times);
    return 0;
}

static int
measure_pipelined(const struct task *task, long count, double *value)
{
    char message[BENCH_PAYLOAD] = {0};
    double begun = bench_now_us();

    for (long asked = 0, heard = 0; heard < count; heard++) {
        while (asked < count && asked - heard < OUTSTANDING) {
            if (pair_send(message, task->size) < 0)
                return -1;
            asked++;
        }
        if (expect(task->size) < 0)
            return -1;
    }
    *value = (double)count / (bench_now_us() - begun) * 1e6;
    return 0;
}

static int
measure_tell(const struct task *task, long count, double *value)
{
    void *message = calloc(1, task->size);
    double begun = bench_now_us();

    if (message == NULL)
        return bench_fail("memory", errno);
    for (long i = 0; i < count; i++)
        if (pair_send(message, task->size) < 0)
            return -1;
    if (expect(1) < 0)
        return -1;
    *value = (double)count / (bench_now_us() - begun) * 1e6;
    if (task->size == MESSAGE_1M)
        *value *= MESSAGE_1M; /* bytes, not messages */
    free(message);
    return 0;
}

static const struct task tasks[] = {
    {"ask_rtt", BENCH_PAYLOAD, MANY_WAITING, echo, measure_rtt},
    {"ask_pipelined", BENCH_PAYLOAD, MANY_WAITING, echo, measure_pipelined},
    {"tell_64", BENCH_PAYLOAD, MANY_WAITING, swallow, measure_tell},
    {"tell_worker_to_worker", BENCH_PAYLOAD, MANY_WAITING, swallow, measure_tell},
    {"tell_1m", MESSAGE_1M, FEW_WAITING, swallow, measure_tell},
    {0},
};

static int
run(const struct task *task, long count)
{
    char name[64];
    double value;
    pid_t parent = getpid(), child;
    int result;

    snprintf(name, sizeof name, "ward-bench-%ld", (long)parent);
    child = fork(); /* before the library has threads */
    if (child < 0)
        return bench_fail("fork", errno);
    if (child == 0)
        other(task, count, name, parent);
    result = pair_open(name, true, task->most_waiting);
    if (result == 0)
        result = expect(1);
    if (result == 0)
        result = task->measure(task, count, &value);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (result == 0)
        printf("%.9g\n", value);
    return result;
}

int
main(int argc, char **argv)
{
    if (argc != 3 || atol(argv[2]) <= 0)
        return 2;
    for (const struct task *task = tasks; task->figure != NULL; task++)
        if (strcmp(task->figure, argv[1]) == 0)
            return run(task, atol(argv[2])) < 0;
    return 2;
}

#include "bench/raw_served.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/raw_server.h"

/* ---- one, and one made ahead ---- */

struct ahead {
    struct raw_child server;
    int now, next; /* sockets of the child and of the one made ahead */
};

static int
make_next(struct ahead *ahead)
{
    ahead->next = raw_server_fork(&ahead->server);
    return ahead->next < 0 ? -1 : 0;
}

static int
open_ahead(struct ahead *ahead)
{
    if (raw_server_start(&ahead->server, raw_answer_or_crash) < 0 || make_next(ahead) < 0)
        return -1;
    ahead->now = ahead->next;
    return raw_first_answer(ahead->now) < 0 ? -1 : make_next(ahead);
}

static void
close_ahead(struct ahead *ahead)
{
    close(ahead->now);
    close(ahead->next);
    raw_server_end(&ahead->server);
}

/* Until the host has heard how it ended. */
static int
crash(const struct raw_child *server, int fd)
{
    struct raw_death death;

    if (!raw_write_all(fd, "!", 1))
        return bench_fail("write", errno);
    if (raw_server_death(server, &death) < 0)
        return -1;
    return WIFSIGNALED(death.status) ? 0
                                     : bench_fail("another end than that", death.status);
}

int
raw_served_restart(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    struct ahead ahead;

    if (times == NULL || open_ahead(&ahead) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun;
        poll(NULL, 0, BENCH_PAUSE_MS);
        begun = bench_now_us();
        if (crash(&ahead.server, ahead.now) < 0 || raw_first_answer(ahead.next) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
        close(ahead.now);
        ahead.now = ahead.next;
        if (make_next(&ahead) < 0)
            return -1;
    }
    close_ahead(&ahead);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    values[1] = bench_quantile(times, (size_t)size->count, 0.99);
    free(times);
    return 0;
}

/* ---- many ---- */

struct crowd {
    struct raw_child server;
    long count;
    struct raw_child *children;
};

/* Says its number, and again for each byte. */
static void
say_pid(int fd)
{
    pid_t pid = getpid();
    char byte;

    do
        if (send(fd, &pid, sizeof pid, MSG_NOSIGNAL) != sizeof pid)
            break;
    while (recv(fd, &byte, 1, 0) == 1);
}

static int
hear(struct raw_child *child)
{
    return raw_read_all(child->fd, (char *)&child->pid, sizeof child->pid, 0)
               ? 0
               : bench_fail("a child's pid", errno);
}

static int
hear_all(const struct crowd *crowd)
{
    for (long i = 0; i < crowd->count; i++)
        if (hear(&crowd->children[i]) < 0)
            return -1;
    return 0;
}

static int
open_crowd(struct crowd *crowd, long count, void (*body)(int fd))
{
    crowd->count = count;
    crowd->children = calloc((size_t)count, sizeof *crowd->children);
    if (crowd->children == NULL || bench_descriptors(count + 64) < 0)
        return -1;
    return raw_server_start(&crowd->server, body);
}

static int
start(struct crowd *crowd, long number)
{
    crowd->children[number].fd = raw_server_fork(&crowd->server);
    return crowd->children[number].fd < 0 ? -1 : 0;
}

static int
start_all(struct crowd *crowd)
{
    for (long i = 0; i < crowd->count; i++)
        if (start(crowd, i) < 0)
            return -1;
    return 0;
}

static void
close_crowd(struct crowd *crowd)
{
    for (long i = 0; i < crowd->count; i++)
        close(crowd->children[i].fd);
    raw_server_end(&crowd->server);
    free(crowd->children);
}

int
raw_served_start(const struct bench_size *size, double *values)
{
    struct crowd crowd;
    double begun;

    if (open_crowd(&crowd, size->count, say_pid) < 0)
        return -1;
    begun = bench_now_us();
    if (start_all(&crowd) < 0 || hear_all(&crowd) < 0)
        return -1;
    values[0] = (bench_now_us() - begun) / 1e3;
    close_crowd(&crowd);
    return 0;
}

/* ---- one after the other, each made ahead; all stay ---- */

static int
spawns(const struct bench_size *size, bool is_in_4gb, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    struct crowd crowd;

    if (times == NULL || open_crowd(&crowd, size->count + 1, raw_answer_or_crash) < 0 ||
        start(&crowd, 0) < 0 || (is_in_4gb && bench_grow(size) < 0))
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun;
        poll(NULL, 0, BENCH_PAUSE_MS);
        begun = bench_now_us();
        if (raw_first_answer(crowd.children[i].fd) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
        if (start(&crowd, i + 1) < 0)
            return -1;
    }
    close_crowd(&crowd);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

int
raw_served_spawn(const struct bench_size *size, double *values)
{
    return spawns(size, false, values);
}

int
raw_served_spawn_4gb(const struct bench_size *size, double *values)
{
    return spawns(size, true, values);
}

/* ---- one of many ---- */

static int
restart(struct crowd *crowd, long number)
{
    if (crash(&crowd->server, crowd->children[number].fd) < 0)
        return -1;
    close(crowd->children[number].fd);
    return start(crowd, number) < 0 ? -1 : raw_first_answer(crowd->children[number].fd);
}

int
raw_served_restarts(long crowd_count, long times_count, double *values)
{
    double *times = calloc((size_t)times_count, sizeof *times);
    struct crowd crowd;

    if (times == NULL || open_crowd(&crowd, crowd_count, raw_answer_or_crash) < 0 ||
        start_all(&crowd) < 0)
        return -1;
    for (long i = 0; i < crowd_count; i++)
        if (raw_first_answer(crowd.children[i].fd) < 0)
            return -1;
    for (long i = 0; i < times_count; i++) {
        double begun = bench_now_us();
        if (restart(&crowd, 0) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
    }
    close_crowd(&crowd);
    values[0] = bench_quantile(times, (size_t)times_count, 0.5);
    free(times);
    return 0;
}

/* ---- all dead at once ---- */

/* Each is asked as soon as it is asked for. */
static int
revive(struct crowd *crowd)
{
    struct raw_death death;

    if (raw_server_death(&crowd->server, &death) < 0)
        return -1;
    if (death.number < 0 || death.number >= crowd->count)
        return bench_fail("one died that nobody killed", 0);
    close(crowd->children[death.number].fd);
    if (start(crowd, death.number) < 0)
        return -1;
    return raw_write_all(crowd->children[death.number].fd, "?", 1)
               ? 0
               : bench_fail("write", errno);
}

int
raw_served_storm(const struct bench_size *size, double *values)
{
    struct crowd crowd;
    double begun;

    if (open_crowd(&crowd, size->count, say_pid) < 0 || start_all(&crowd) < 0 ||
        hear_all(&crowd) < 0)
        return -1;
    begun = bench_now_us();
    for (long i = 0; i < crowd.count; i++)
        kill(crowd.children[i].pid, SIGKILL);
    for (long i = 0; i < crowd.count; i++)
        if (revive(&crowd) < 0)
            return -1;
    if (hear_all(&crowd) < 0 || hear_all(&crowd) < 0)
        return -1;
    values[0] = (bench_now_us() - begun) / 1e3;
    close_crowd(&crowd);
    return 0;
}

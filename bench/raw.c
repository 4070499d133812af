#include "bench/raw.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/raw_child.h"

/* ---- ping-pong ---- */

static void
echo(int fd, int flags)
{
    char message[BENCH_PAYLOAD];

    while (raw_read_all(fd, message, sizeof message, flags))
        if (!raw_write_all(fd, message, sizeof message))
            return;
}

static void
echo_blocking(int fd)
{
    echo(fd, 0);
}

static void
echo_polling(int fd)
{
    echo(fd, MSG_DONTWAIT);
}

/* Who sleeps in recv is woken when the other end reads, too, as that makes room. */
static void
echo_after_poll(int fd)
{
    char message[BENCH_PAYLOAD];
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    while (poll(&polled, 1, -1) == 1 && raw_read_all(fd, message, sizeof message, 0))
        if (!raw_write_all(fd, message, sizeof message))
            return;
}

/* What is read is waited for by `waiter` first, if that is a descriptor. */
static int
ping_pong_with(struct raw_child *child, const struct bench_size *size, double *values,
               int flags, int waiter)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    char message[BENCH_PAYLOAD] = {0};
    struct epoll_event event;

    if (times == NULL)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun = bench_now_us();
        if (!raw_write_all(child->fd, message, sizeof message) ||
            (waiter >= 0 && epoll_wait(waiter, &event, 1, -1) != 1) ||
            !raw_read_all(child->fd, message, sizeof message, flags))
            return bench_fail("ping-pong", errno);
        times[i] = bench_now_us() - begun;
    }
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

static int
ping_pong(const struct bench_size *size, double *values, void (*body)(int fd), int flags)
{
    struct raw_child child;
    int result = raw_child_start(&child, body);

    if (result < 0)
        return result;
    result = ping_pong_with(&child, size, values, flags, -1);
    raw_child_end(&child);
    return result;
}

int
raw_rtt_blocking(const struct bench_size *size, double *values)
{
    return ping_pong(size, values, echo_blocking, 0);
}

int
raw_rtt_epoll(const struct bench_size *size, double *values)
{
    struct epoll_event event = {.events = EPOLLIN};
    int waiter = epoll_create1(EPOLL_CLOEXEC), result;
    struct raw_child child;

    if (waiter < 0 || raw_child_start(&child, echo_after_poll) < 0)
        return bench_fail("epoll", errno);
    if (epoll_ctl(waiter, EPOLL_CTL_ADD, child.fd, &event) < 0)
        return bench_fail("epoll_ctl", errno);
    result = ping_pong_with(&child, size, values, 0, waiter);
    raw_child_end(&child);
    close(waiter);
    return result;
}

int
raw_rtt_polling(const struct bench_size *size, double *values)
{
    return ping_pong(size, values, echo_polling, MSG_DONTWAIT);
}

/* What many questions at once need: no write waits while answers do. */
struct pipe_line {
    struct raw_child child;
    long to_ask, to_hear; /* bytes */
    long most_unheard;
};

static int
ask_or_hear(struct pipe_line *line, char *buffer, size_t size)
{
    long unheard = line->to_hear - line->to_ask;
    long room = line->most_unheard - unheard;
    struct pollfd polled = {.fd = line->child.fd, .events = POLLIN};
    ssize_t done;

    if (room > line->to_ask)
        room = line->to_ask;
    if (room > 0)
        polled.events |= POLLOUT;
    if (poll(&polled, 1, -1) < 0)
        return -1;
    if (polled.revents & POLLIN) {
        done = recv(line->child.fd, buffer, size, MSG_DONTWAIT);
        line->to_hear -= done > 0 ? done : 0;
    }
    if (polled.revents & POLLOUT) {
        done = send(line->child.fd, buffer, (size_t)room, MSG_DONTWAIT | MSG_NOSIGNAL);
        line->to_ask -= done > 0 ? done : 0;
    }
    return polled.revents & (POLLIN | POLLOUT) ? 0 : -1;
}

static void
echo_batches(int fd)
{
    static char buffer[64 * 1024];
    ssize_t got;

    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        if (!raw_write_all(fd, buffer, (size_t)got))
            return;
}

int
raw_pipelined(const struct bench_size *size, double *values)
{
    enum { OUTSTANDING = 1000 };
    static char buffer[OUTSTANDING * BENCH_PAYLOAD];
    struct pipe_line line = {.to_ask = size->count * BENCH_PAYLOAD,
                             .to_hear = size->count * BENCH_PAYLOAD,
                             .most_unheard = sizeof buffer};
    double begun;

    if (raw_child_start(&line.child, echo_batches) < 0)
        return -1;
    begun = bench_now_us();
    while (line.to_hear > 0)
        if (ask_or_hear(&line, buffer, sizeof buffer) < 0)
            return bench_fail("questions and answers", errno);
    values[0] = (double)size->count / (bench_now_us() - begun) * 1e6;
    raw_child_end(&line.child);
    return 0;
}

/* ---- one way ---- */

/* Says so at the end of the stream. */
static void
swallow(int fd)
{
    static char buffer[64 * 1024];

    while (recv(fd, buffer, sizeof buffer, 0) > 0)
        ;
    raw_write_all(fd, "", 1);
}

/* What is written is copied first, if `keep` is not 0: into memory of so many bytes, from its
 * beginning again when that is full. */
static const char *
copied(char *kept, size_t keep, size_t sent, const char *data, size_t size)
{
    char *to = keep > 0 ? kept + sent % (keep / size * size) : NULL;

    return to != NULL ? memcpy(to, data, size) : data;
}

static int
one_way_kept(size_t bytes, size_t at_once, size_t keep, double *took_us)
{
    char *data = calloc(1, at_once), *kept = calloc(1, keep + 1);
    struct raw_child child;
    double begun;
    char over;

    if (data == NULL || kept == NULL || raw_child_start(&child, swallow) < 0)
        return -1;
    begun = bench_now_us();
    for (size_t sent = 0; sent < bytes; sent += at_once)
        if (!raw_write_all(child.fd, copied(kept, keep, sent, data, at_once), at_once))
            return bench_fail("write", errno);
    shutdown(child.fd, SHUT_WR);
    if (!raw_read_all(child.fd, &over, 1, 0))
        return bench_fail("read", errno);
    *took_us = bench_now_us() - begun;
    raw_child_end(&child);
    free(data);
    free(kept);
    return 0;
}

static int
one_way(size_t bytes, size_t at_once, double *took_us)
{
    return one_way_kept(bytes, at_once, 0, took_us);
}

static int
tell(const struct bench_size *size, double *values, size_t batch)
{
    double took_us;

    if (one_way((size_t)size->count * BENCH_PAYLOAD, batch * BENCH_PAYLOAD, &took_us) < 0)
        return -1;
    values[0] = (double)size->count / took_us * 1e6;
    return 0;
}

int
raw_tell(const struct bench_size *size, double *values)
{
    return tell(size, values, 1);
}

int
raw_tell_batches(const struct bench_size *size, double *values)
{
    return tell(size, values, 64);
}

static int
tell_1m(const struct bench_size *size, size_t keep, double *values)
{
    enum { MESSAGE = 1000000 };
    double took_us;

    if (one_way_kept((size_t)size->count * MESSAGE, MESSAGE, keep, &took_us) < 0)
        return -1;
    values[0] = (double)size->count * MESSAGE / took_us * 1e6;
    return 0;
}

int
raw_tell_1m(const struct bench_size *size, double *values)
{
    return tell_1m(size, 0, values);
}

int
raw_tell_1m_copied(const struct bench_size *size, double *values)
{
    enum { MAILBOX = 16 << 20 };

    return tell_1m(size, MAILBOX, values);
}

/* ---- processes ---- */

static void
say_and_wait(int fd)
{
    char byte;

    raw_write_all(fd, "", 1);
    raw_read_all(fd, &byte, 1, 0);
}

static int
crash(struct raw_child *child)
{
    if (!raw_write_all(child->fd, "!", 1))
        return bench_fail("write", errno);
    if (waitpid(child->pid, NULL, 0) < 0)
        return bench_fail("waitpid", errno);
    close(child->fd);
    return 0;
}

static int
revive(struct raw_child *child)
{
    if (raw_child_start(child, raw_answer_or_crash) < 0)
        return -1;
    return raw_first_answer(child->fd);
}

/* How long it takes to die, or until there is another one. */
static int
deaths(const struct bench_size *size, int pause_ms, bool is_death_alone, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    struct raw_child child;

    if (times == NULL || raw_child_start(&child, raw_answer_or_crash) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun, died;
        poll(NULL, 0, pause_ms);
        begun = bench_now_us();
        if (crash(&child) < 0)
            return -1;
        died = bench_now_us();
        if (revive(&child) < 0)
            return -1;
        times[i] = (is_death_alone ? died : bench_now_us()) - begun;
    }
    raw_child_end(&child);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    values[1] = bench_quantile(times, (size_t)size->count, 0.99);
    free(times);
    return 0;
}

int
raw_restart(const struct bench_size *size, double *values)
{
    return deaths(size, BENCH_PAUSE_MS, false, values);
}

int
raw_restart_in_a_row(const struct bench_size *size, double *values)
{
    return deaths(size, 0, false, values);
}

int
raw_death(const struct bench_size *size, double *values)
{
    return deaths(size, BENCH_PAUSE_MS, true, values);
}

int
raw_death_in_a_row(const struct bench_size *size, double *values)
{
    return deaths(size, 0, true, values);
}

int
raw_restart_4gb(const struct bench_size *size, double *values)
{
    return bench_grow(size) < 0 ? -1 : raw_restart(size, values);
}

static int
spawns(const struct bench_size *size, int pause_ms, double *times)
{
    struct raw_child *children = calloc((size_t)size->count, sizeof *children);
    char byte;

    if (children == NULL)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun;
        poll(NULL, 0, pause_ms);
        begun = bench_now_us();
        if (raw_child_start(&children[i], say_and_wait) < 0)
            return -1;
        if (!raw_read_all(children[i].fd, &byte, 1, 0))
            return bench_fail("the first byte", errno);
        times[i] = bench_now_us() - begun;
    }
    for (long i = 0; i < size->count; i++)
        close(children[i].fd);
    for (long i = 0; i < size->count; i++)
        waitpid(children[i].pid, NULL, 0);
    free(children);
    return 0;
}

int
raw_spawn(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);

    if (times == NULL || spawns(size, BENCH_PAUSE_MS, times) < 0)
        return -1;
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

int
raw_spawn_sustained(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    double sum = 0;

    if (times == NULL || spawns(size, 0, times) < 0)
        return -1;
    for (long i = 0; i < size->count; i++)
        sum += times[i];
    values[0] = sum / (double)size->count;
    free(times);
    return 0;
}

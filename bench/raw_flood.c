/* What a host does for a worker that never stops talking to another one, and for the one that it asks
 * meanwhile, by system calls alone. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/raw.h"
#include "bench/raw_child.h"

enum { BATCH = 100 * BENCH_PAYLOAD, TURN = 1024 };

struct flood {
    struct raw_child echo, one, two;
    int waiter;
};

static void
echo(int fd)
{
    char message[BENCH_PAYLOAD];

    while (raw_read_all(fd, message, sizeof message, 0))
        if (!raw_write_all(fd, message, sizeof message))
            return;
}

static void
talk(int fd)
{
    static const char batch[BATCH];

    while (raw_write_all(fd, batch, sizeof batch))
        continue;
}

static void
listen_to(int fd)
{
    static char batch[64 * 1024];

    while (recv(fd, batch, sizeof batch, 0) > 0)
        continue;
}

static int
watch(const struct flood *flood, const struct raw_child *child)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = child->fd};

    return epoll_ctl(flood->waiter, EPOLL_CTL_ADD, child->fd, &event);
}

static int
open_flood(struct flood *flood)
{
    flood->waiter = epoll_create1(EPOLL_CLOEXEC);
    if (flood->waiter < 0 || raw_child_start(&flood->echo, echo) < 0 ||
        raw_child_start(&flood->one, talk) < 0 ||
        raw_child_start(&flood->two, listen_to) < 0)
        return bench_fail("flood", errno);
    if (watch(flood, &flood->echo) < 0 || watch(flood, &flood->one) < 0)
        return bench_fail("epoll_ctl", errno);
    return 0;
}

/* A piece of what the one says goes to the other. */
static int
hand_on(const struct flood *flood)
{
    char piece[TURN];
    ssize_t got = recv(flood->one.fd, piece, sizeof piece, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    return got > 0 && raw_write_all(flood->two.fd, piece, (size_t)got)
               ? 0
               : bench_fail("hand on", errno);
}

/* The answer comes first, where both are there. */
static int
await_answer(const struct flood *flood, char *message)
{
    for (;;) {
        struct epoll_event events[2];
        int count = epoll_wait(flood->waiter, events, 2, -1);

        for (int i = 0; i < count; i++)
            if (events[i].data.fd == flood->echo.fd)
                return raw_read_all(flood->echo.fd, message, BENCH_PAYLOAD, 0) ? 0 : -1;
        if (count < 0 || hand_on(flood) < 0)
            return bench_fail("flood", errno);
    }
}

int
raw_rtt_beside_flood(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    char message[BENCH_PAYLOAD] = {0};
    struct flood flood;

    if (times == NULL || open_flood(&flood) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun = bench_now_us();
        if (!raw_write_all(flood.echo.fd, message, sizeof message) ||
            await_answer(&flood, message) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
        if (hand_on(&flood) < 0)
            return -1;
    }
    raw_child_end(&flood.two); /* each holds the sockets of those before it */
    raw_child_end(&flood.one);
    raw_child_end(&flood.echo);
    close(flood.waiter);
    values[0] = bench_quantile(times, (size_t)size->count, 0.99);
    values[1] = bench_quantile(times, (size_t)size->count, 0.5);
    free(times);
    return 0;
}

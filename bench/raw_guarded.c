#include "bench/raw_guarded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/raw_guard.h"

struct kid {
    int channel, pidfd; /* -1: there is none */
    pid_t pid;
    struct raw_page *page;
    bool is_wanted; /* told whose it is as soon as it is born, else when it is taken */
    bool is_dead;
};

struct host {
    struct raw_child server;
    int control, loop;
    struct kid *kids;
    long count;
    long *whose; /* by the server's number of a fork: the kid that it was for */
    long asked, asked_most, unborn;
    long *waiting; /* a ring of kids to be asked for, first come first served */
    long waiting_count, waiting_begun;
    long answers;
    /* With one child the host stays awake, as ward does: who waits for a core gets it sooner. */
    bool is_alone;
    double awake_until; /* us */
};

/* Requests that may be on their way: more would not fit the socket. */
enum { UNBORN_MOST = 100, EVENTS = 64, CONTROL = UINT32_MAX, AWAKE_US = 100 };

/* ---- a page ---- */

static int
make_page(struct raw_page **page)
{
    int fd = memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *memory;

    if (fd < 0 || ftruncate(fd, RAW_PAGE_BYTES) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return bench_fail("a page", errno);
    memory = mmap(NULL, RAW_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return bench_fail("mmap", errno);
    *page = memory;
    atomic_store(&(*page)->done, 0);
    return fd;
}

/* ---- births ---- */

static void
stay_awake(struct host *host)
{
    if (host->is_alone)
        host->awake_until = bench_now_us() + AWAKE_US;
}

static int
ask_for(struct host *host, long number)
{
    struct kid *kid = &host->kids[number];
    int ends[2], page, result;

    *kid = (struct kid){.pidfd = -1, .is_wanted = kid->is_wanted};
    page = make_page(&kid->page);
    if (page < 0 || host->asked == host->asked_most ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return bench_fail("a channel", errno);
    host->whose[host->asked++] = number;
    host->unborn++;
    kid->channel = ends[0];
    result = raw_guard_fork(host->control, ends[1], page);
    close(ends[1]);
    close(page);
    return result;
}

/* From now on it is listened to. */
static int
take(struct host *host, long number)
{
    char told[RAW_TOLD_BYTES + 1] = "raw-kid";
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)number};
    struct kid *kid = &host->kids[number];

    told[RAW_TOLD_BYTES] = '?';
    if (!raw_write_all(kid->channel, told, sizeof told) ||
        epoll_ctl(host->loop, EPOLL_CTL_ADD, kid->channel, &event) < 0)
        return bench_fail("to tell a child", errno);
    stay_awake(host);
    return 0;
}

static int
ask_for_waiting(struct host *host)
{
    while (host->waiting_count > 0 && host->unborn < UNBORN_MOST) {
        long number = host->waiting[host->waiting_begun];
        host->waiting_begun = (host->waiting_begun + 1) % host->count;
        host->waiting_count--;
        if (ask_for(host, number) < 0)
            return -1;
    }
    return 0;
}

static void
let_wait(struct host *host, long number)
{
    host->waiting[(host->waiting_begun + host->waiting_count++) % host->count] = number;
}

/* ---- deaths ---- */

static void
bury(struct kid *kid)
{
    close(kid->channel);
    close(kid->pidfd);
    munmap(kid->page, RAW_PAGE_BYTES);
}

/* Who is wanted is made again. */
static int
hear_death(struct host *host, long number)
{
    struct kid *kid = &host->kids[number];

    kid->is_dead = true;
    if (!kid->is_wanted)
        return 0;
    bury(kid);
    let_wait(host, number);
    return ask_for_waiting(host);
}

static int
hear_birth(struct host *host, long number, pid_t pid, int pidfd)
{
    struct kid *kid = &host->kids[number];

    kid->pid = pid;
    kid->pidfd = pidfd;
    host->unborn--;
    if (kid->is_wanted && take(host, number) < 0)
        return -1;
    return ask_for_waiting(host);
}

/* ---- listening ---- */

static int
await_events(const struct host *host, struct epoll_event *events)
{
    while (bench_now_us() < host->awake_until) {
        int count = epoll_wait(host->loop, events, EVENTS, 0);
        if (count != 0)
            return count;
        sched_yield();
    }
    return epoll_wait(host->loop, events, EVENTS, -1);
}

static int
hear_server(struct host *host)
{
    struct raw_news news;
    int pidfd, result;

    while ((result = raw_guard_hear(host->control, &news, &pidfd)) > 0) {
        long number = host->whose[news.number];
        result = news.is_death ? hear_death(host, number)
                               : hear_birth(host, number, news.pid, pidfd);
        if (result < 0)
            return -1;
    }
    return result;
}

static void
hear_child(struct host *host, const struct kid *kid)
{
    char byte;

    if (recv(kid->channel, &byte, 1, MSG_DONTWAIT) == 1) {
        host->answers++;
        host->awake_until = 0;
        return;
    }
    epoll_ctl(host->loop, EPOLL_CTL_DEL, kid->channel, NULL);
    stay_awake(host);
}

static int
listen_once(struct host *host)
{
    struct epoll_event events[EVENTS];
    int count = await_events(host, events);
    bool is_server = false;

    for (int i = 0; i < count; i++) {
        uint32_t number = events[i].data.u32;
        if (number == CONTROL)
            is_server = true;
        else
            hear_child(host, &host->kids[number]);
    }
    return is_server ? hear_server(host) : 0;
}

static int
await_answers(struct host *host, long count)
{
    while (host->answers < count)
        if (listen_once(host) < 0)
            return -1;
    host->answers = 0;
    return 0;
}

static int
await_births(struct host *host)
{
    while (host->unborn > 0)
        if (listen_once(host) < 0)
            return -1;
    return 0;
}

/* ---- the whole ---- */

static int
open_host(struct host *host, long count, long forks)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = CONTROL};

    *host = (struct host){.count = count, .asked_most = forks};
    host->kids = calloc((size_t)count, sizeof *host->kids);
    host->waiting = calloc((size_t)count, sizeof *host->waiting);
    host->whose = calloc((size_t)forks, sizeof *host->whose);
    if (host->kids == NULL || host->waiting == NULL || host->whose == NULL ||
        bench_descriptors(3 * count + 64) < 0 ||
        raw_guard_start(&host->server, &host->control) < 0)
        return -1;
    host->loop = epoll_create1(EPOLL_CLOEXEC);
    return epoll_ctl(host->loop, EPOLL_CTL_ADD, host->control, &event) == 0
               ? 0
               : bench_fail("epoll_ctl", errno);
}

static void
close_host(struct host *host)
{
    for (long i = 0; i < host->count; i++)
        bury(&host->kids[i]);
    raw_guard_end(&host->server, host->control);
    close(host->loop);
    free(host->kids);
    free(host->waiting);
    free(host->whose);
}

/* ---- one, and one made ahead ---- */

static int
make_ahead(struct host *host, long number)
{
    host->kids[number].is_wanted = false;
    return ask_for(host, number) < 0 ? -1 : await_births(host);
}

/* Until the host knows how it ended, from within and from without. */
static int
crash(struct host *host, long number)
{
    struct kid *kid = &host->kids[number];

    if (!raw_write_all(kid->channel, "!", 1))
        return bench_fail("write", errno);
    while (!kid->is_dead)
        if (listen_once(host) < 0)
            return -1;
    return atomic_load(&kid->page->signal) == SIGSEGV
               ? 0
               : bench_fail("another end than that", 0);
}

static int
restart(struct host *host, long now, double *took_us)
{
    double begun = bench_now_us();

    if (crash(host, now) < 0 || take(host, 1 - now) < 0 || await_answers(host, 1) < 0)
        return -1;
    *took_us = bench_now_us() - begun;
    bury(&host->kids[now]);
    return make_ahead(host, now);
}

int
raw_guarded_restart(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    struct host host;

    if (times == NULL || open_host(&host, 2, size->count + 2) < 0 ||
        make_ahead(&host, 0) < 0 || make_ahead(&host, 1) < 0 || take(&host, 0) < 0 ||
        await_answers(&host, 1) < 0)
        return -1;
    host.is_alone = true;
    for (long i = 0; i < size->count; i++) {
        poll(NULL, 0, BENCH_PAUSE_MS);
        if (restart(&host, i % 2, &times[i]) < 0)
            return -1;
    }
    close_host(&host);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    values[1] = bench_quantile(times, (size_t)size->count, 0.99);
    free(times);
    return 0;
}

/* ---- all dead at once ---- */

static int
start_all(struct host *host)
{
    for (long i = 0; i < host->count; i++) {
        host->kids[i].is_wanted = true;
        let_wait(host, i);
    }
    return ask_for_waiting(host) < 0 ? -1 : await_answers(host, host->count);
}

int
raw_guarded_storm(const struct bench_size *size, double *values)
{
    struct host host;
    double begun;

    if (open_host(&host, size->count, 2 * size->count) < 0 || start_all(&host) < 0)
        return -1;
    begun = bench_now_us();
    for (long i = 0; i < host.count; i++)
        kill(host.kids[i].pid, SIGKILL);
    if (await_answers(&host, host.count) < 0)
        return -1;
    values[0] = (bench_now_us() - begun) / 1e3;
    close_host(&host);
    return 0;
}

#include "supervisor/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/fds.h"

/* ---- deadlines ---- */

static int
compare(const struct ward__timer *a, const struct ward__timer *b)
{
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

RB_GENERATE_INTERNAL(ward__timers, ward__timer, by_deadline, compare,
                     static __attribute__((unused)))

static struct ward__timer *
first_deadline(struct ward__loop *loop)
{
    struct ward__timer *in_line = TAILQ_FIRST(&loop->line);
    struct ward__timer *other = RB_MIN(ward__timers, &loop->timers);

    if (in_line == NULL || other == NULL)
        return in_line != NULL ? in_line : other;
    return compare(in_line, other) < 0 ? in_line : other;
}

static void
insert(struct ward__loop *loop, struct ward__timer *timer)
{
    struct ward__timer *last = TAILQ_LAST(&loop->line, ward__timer_line);

    timer->is_in_line = last == NULL || last->at <= timer->at;
    if (timer->is_in_line)
        TAILQ_INSERT_TAIL(&loop->line, timer, in_line);
    else
        RB_INSERT(ward__timers, &loop->timers, timer);
}

/* The timerfd fires for the first deadline. It is set only when that one comes nearer, or
 * has passed; a wake-up too early is put right then. */
static void
set_timerfd(struct ward__loop *loop)
{
    struct ward__timer *first = first_deadline(loop);
    int64_t at = first != NULL ? (first->at > 0 ? first->at : 1) : 0;
    struct itimerspec spec = {
        .it_value = {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000}};

    if (at == loop->set_to || (loop->set_to > 0 && (at == 0 || at > loop->set_to)))
        return;
    timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &spec, NULL);
    loop->set_to = at;
    loop->may_be_in_vain = false;
}

static void
fire_due(struct ward__loop *loop)
{
    int64_t now = ward__clock_ms();
    struct ward__timer *first;

    while ((first = first_deadline(loop)) != NULL && first->at <= now) {
        ward__timer_cancel(loop, first);
        first->fire(first);
    }
}

/* One that is set so may wait a moment longer, but never less: what is over of this
 * millisecond does not count. */
static void
date_all(struct ward__loop *loop)
{
    int64_t now = ward__clock_ms() + 1;

    for (int i = 0; i < loop->undated_count; i++) {
        struct ward__timer *timer = loop->undated[i];
        timer->is_undated = false;
        timer->order = ++loop->last_order;
        timer->at += now;
        insert(loop, timer);
    }
    loop->undated_count = 0;
    set_timerfd(loop);
}

void
ward__loop_date(struct ward__loop *loop)
{
    if (loop->undated_count > 0)
        date_all(loop);
}

static void
set_anew(struct ward__loop *loop)
{
    loop->set_to = -1;
    set_timerfd(loop);
}

/* A deadline that was cancelled may have left the timerfd readable for nothing. */
void
ward__loop_quieten(struct ward__loop *loop)
{
    struct ward__timer *first;
    int64_t now;

    if (!loop->may_be_in_vain || loop->set_to == 0)
        return;
    now = ward__clock_roughly_ms();
    if (loop->set_to > now)
        return;
    first = first_deadline(loop);
    if (first != NULL && first->at <= now)
        return;
    set_anew(loop);
}

void
ward__loop_rest(struct ward__loop *loop)
{
    if (loop->set_to != 0 && first_deadline(loop) == NULL)
        set_anew(loop);
}

static void
timer_ready(struct ward__loop *loop)
{
    uint64_t expirations;

    if (read(loop->timerfd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        return;
    loop->set_to = 0;
    fire_due(loop);
    set_timerfd(loop);
}

void
ward__timer_set(struct ward__loop *loop, struct ward__timer *timer, int64_t at,
                void (*fire)(struct ward__timer *timer))
{
    ward__timer_cancel(loop, timer);
    timer->at = at;
    timer->order = ++loop->last_order;
    timer->fire = fire;
    timer->is_armed = true;
    timer->is_undated = false;
    insert(loop, timer);
    if (loop->set_to <= 0 || at < loop->set_to)
        set_timerfd(loop);
}

void
ward__timer_set_later(struct ward__loop *loop, struct ward__timer *timer,
                      int64_t after_ms, void (*fire)(struct ward__timer *timer))
{
    ward__timer_cancel(loop, timer);
    timer->at = after_ms;
    timer->fire = fire;
    timer->is_armed = timer->is_undated = true;
    loop->undated[loop->undated_count++] = timer;
    if (loop->undated_count == WARD__LOOP_UNDATED)
        date_all(loop);
}

static void
forget_undated(struct ward__loop *loop, struct ward__timer *timer)
{
    int i = 0;

    while (loop->undated[i] != timer)
        i++;
    for (loop->undated_count--; i < loop->undated_count; i++)
        loop->undated[i] = loop->undated[i + 1];
    timer->is_armed = timer->is_undated = false;
}

void
ward__timer_cancel(struct ward__loop *loop, struct ward__timer *timer)
{
    if (!timer->is_armed)
        return;
    if (timer->is_undated) {
        forget_undated(loop, timer);
        return;
    }
    if (timer->is_in_line)
        TAILQ_REMOVE(&loop->line, timer, in_line);
    else
        RB_REMOVE(ward__timers, &loop->timers, timer);
    timer->is_armed = false;
    loop->may_be_in_vain |= timer->at <= loop->set_to;
}

/* ---- watchers ---- */

enum { LATE_RETRY_MS = 10 };

static int
control(struct ward__loop *loop, int operation, struct ward__io *watcher)
{
    struct epoll_event event = {.data.ptr = watcher};

    if (watcher->events & WARD__READABLE)
        event.events |= EPOLLIN;
    if (watcher->events & WARD__WRITABLE)
        event.events |= EPOLLOUT;
    return WARD__SYS(epoll_ctl(loop->fd, operation, watcher->fd, &event));
}

static void
forget_late(struct ward__loop *loop, struct ward__io *watcher)
{
    if (watcher->is_late)
        TAILQ_REMOVE(&loop->late, watcher, late);
    watcher->is_late = false;
}

static void
try_late(struct ward__timer *timer)
{
    struct ward__loop *loop =
        (struct ward__loop *)(void *)((char *)timer -
                                      offsetof(struct ward__loop, late_retry));
    struct ward__io *watcher;

    while ((watcher = TAILQ_FIRST(&loop->late)) != NULL) {
        if (control(loop, EPOLL_CTL_ADD, watcher) < 0) {
            ward__timer_set(loop, timer, ward__clock_ms() + LATE_RETRY_MS, try_late);
            return;
        }
        forget_late(loop, watcher);
    }
}

/* The kernel may have no memory for one more, or the user be at their limit. */
static void
add(struct ward__loop *loop, struct ward__io *watcher)
{
    if (control(loop, EPOLL_CTL_ADD, watcher) == 0)
        return;
    TAILQ_INSERT_TAIL(&loop->late, watcher, late);
    watcher->is_late = true;
    if (!loop->late_retry.is_armed)
        ward__timer_set(loop, &loop->late_retry, ward__clock_ms() + LATE_RETRY_MS,
                        try_late);
}

static void
stop(struct ward__loop *loop, struct ward__io *watcher)
{
    if (watcher->events == 0)
        return;
    if (!watcher->is_late) /* cannot fail: what was added is there until it is closed */
        epoll_ctl(loop->fd, EPOLL_CTL_DEL, watcher->fd, NULL);
    forget_late(loop, watcher);
    watcher->events = 0;
    for (int i = 0; i < loop->batch_count; i++)
        if (loop->batch[i].data.ptr == watcher)
            loop->batch[i].data.ptr = NULL;
}

void
ward__loop_watch(struct ward__loop *loop, struct ward__io *watcher, int fd, int events,
                 ward__ready ready)
{
    bool is_new = watcher->events == 0 || watcher->fd != fd;

    if (events == 0 || is_new)
        stop(loop, watcher);
    if (events == 0 || events == watcher->events)
        return;
    watcher->fd = fd;
    watcher->events = events;
    watcher->ready = ready;
    if (is_new) {
        add(loop, watcher);
    } else if (!watcher->is_late && control(loop, EPOLL_CTL_MOD, watcher) < 0) {
        epoll_ctl(loop->fd, EPOLL_CTL_DEL, fd, NULL);
        add(loop, watcher);
    }
}

/* ---- turns ---- */

/* The end of a socket and its failure show as whatever it is watched for. */
static int
events_of(const struct epoll_event *event, const struct ward__io *watcher)
{
    int events = 0;

    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        events |= WARD__READABLE;
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        events |= WARD__WRITABLE;
    return events & watcher->events;
}

/* Deadlines last: an answer that waits beside its deadline is an answer in time. */
void
ward__loop_turn(struct ward__loop *loop, bool wait)
{
    bool is_time = false;

    ward__loop_date(loop);
    if (wait)
        ward__loop_rest(loop);
    loop->batch_count =
        WARD__SYS(epoll_wait(loop->fd, loop->batch, WARD__LOOP_BATCH, wait ? -1 : 0));
    for (int i = 0; i < loop->batch_count; i++) {
        struct ward__io *watcher = loop->batch[i].data.ptr;
        int events;
        if (watcher == NULL)
            continue; /* stopped meanwhile */
        if (loop->batch[i].data.ptr == loop) {
            is_time = true;
            continue;
        }
        events = events_of(&loop->batch[i], watcher);
        if (events != 0)
            watcher->ready(watcher, events);
    }
    loop->batch_count = 0;
    if (is_time)
        timer_ready(loop);
}

/* ---- the whole ---- */

static int
open_loop(struct ward__loop *loop)
{
    struct epoll_event time = {.events = EPOLLIN, .data.ptr = loop};

    loop->fd = WARD__SYS(epoll_create1(EPOLL_CLOEXEC));
    if (loop->fd < 0)
        return -errno;
    loop->timerfd =
        WARD__SYS(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (loop->timerfd < 0)
        return -errno;
    if (WARD__SYS(epoll_ctl(loop->fd, EPOLL_CTL_ADD, loop->timerfd, &time)) < 0)
        return -errno;
    return 0;
}

int
ward__loop_init(struct ward__loop *loop)
{
    int result;

    *loop = (struct ward__loop){.timerfd = -1, .fd = -1};
    TAILQ_INIT(&loop->line);
    RB_INIT(&loop->timers);
    TAILQ_INIT(&loop->late);
    result = open_loop(loop);
    if (result < 0)
        ward__loop_done(loop);
    return result;
}

void
ward__loop_done(struct ward__loop *loop)
{
    ward__fd_close(&loop->timerfd);
    ward__fd_close(&loop->fd);
}

int
ward__loop_fd(const struct ward__loop *loop)
{
    return loop->fd;
}

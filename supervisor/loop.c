#include "supervisor/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/fds.h"

static int
compare(const struct ward__timer *a, const struct ward__timer *b)
{
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

RB_GENERATE_INTERNAL(ward__timers, ward__timer, by_deadline, compare,
                     static __attribute__((unused)))

/* The timerfd fires for the first deadline. It is set only when that one comes nearer, or
 * has passed; a wake-up too early is put right then. */
static void
set_timerfd(struct ward__loop *loop)
{
    struct ward__timer *first = RB_MIN(ward__timers, &loop->timers);
    int64_t at = first != NULL ? (first->at > 0 ? first->at : 1) : 0;
    struct itimerspec spec = {
        .it_value = {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000}};

    if (at == loop->set_to || (loop->set_to > 0 && (at == 0 || at > loop->set_to)))
        return;
    timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &spec, NULL);
    loop->set_to = at;
}

static void
fire_due(struct ward__loop *loop)
{
    int64_t now = ward__clock_ms();
    struct ward__timer *first;

    while ((first = RB_MIN(ward__timers, &loop->timers)) != NULL && first->at <= now) {
        ward__timer_cancel(loop, first);
        first->fire(first);
    }
}

static void
timer_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct ward__loop *loop = watcher->data;
    uint64_t expirations;

    (void)ev;
    (void)events;
    if (read(loop->timerfd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        return;
    loop->set_to = 0;
    fire_due(loop);
    set_timerfd(loop);
}

static void
ignore_embedded(struct ev_loop *ev, ev_embed *watcher, int events)
{
    (void)ev;
    (void)watcher;
    (void)events;
}

/* libev has no call that tells the descriptor below a loop; but a watcher that embeds the
 * loop in another one watches just that. */
static int
backend_fd(struct ev_loop *ev)
{
    struct ev_loop *outer = WARD__NEW(ev_loop_new(EVBACKEND_SELECT | EVFLAG_NOENV));
    ev_embed embed;
    int fd;

    if (outer == NULL)
        return -ENOMEM;
    ev_embed_init(&embed, ignore_embedded, ev);
    ev_embed_start(outer, &embed);
    fd = embed.io.fd;
    ev_embed_stop(outer, &embed);
    ev_loop_destroy(outer);
    return fd;
}

/* The loop and what it stands on; the caller releases what a failure leaves. */
static int
make_loop(struct ward__loop *loop)
{
    loop->timerfd =
        WARD__SYS(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (loop->timerfd < 0)
        return -errno;
    errno = ENOMEM;
    loop->ev = WARD__NEW(ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV));
    if (loop->ev == NULL)
        return -errno;
    loop->fd = backend_fd(loop->ev);
    return loop->fd < 0 ? loop->fd : 0;
}

int
ward__loop_init(struct ward__loop *loop)
{
    int result;

    *loop = (struct ward__loop){.timerfd = -1, .fd = -1};
    RB_INIT(&loop->timers);
    result = make_loop(loop);
    if (result < 0) {
        ward__loop_done(loop);
        return result;
    }
    /* Last in its turn: an answer that waits beside its deadline is an answer in time. */
    ev_io_init(&loop->timer_watcher, timer_ready, loop->timerfd, EV_READ);
    ev_set_priority(&loop->timer_watcher, EV_MINPRI);
    loop->timer_watcher.data = loop;
    ev_io_start(loop->ev, &loop->timer_watcher);
    loop->is_dirty = true;
    ward__loop_sync(loop);
    return 0;
}

void
ward__loop_done(struct ward__loop *loop)
{
    if (loop->ev != NULL)
        ev_loop_destroy(loop->ev);
    loop->ev = NULL;
    ward__fd_close(&loop->timerfd);
}

int
ward__loop_fd(const struct ward__loop *loop)
{
    return loop->fd;
}

void
ward__loop_turn(struct ward__loop *loop, bool wait)
{
    ev_run(loop->ev, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

static void
invoke_nothing(struct ev_loop *ev)
{
    (void)ev;
}

/* A deadline that was cancelled may have left the timerfd readable for nothing. */
static void
quieten_timerfd(struct ward__loop *loop)
{
    struct ward__timer *first = RB_MIN(ward__timers, &loop->timers);
    int64_t now = ward__clock_ms();

    if (loop->set_to == 0 || loop->set_to > now || (first != NULL && first->at <= now))
        return;
    loop->set_to = -1;
    set_timerfd(loop);
}

/* A turn in which nothing is called: what became ready stays ready, for the kernel and for the
 * next turn, and so no call can change a watcher behind the last look. */
void
ward__loop_sync(struct ward__loop *loop)
{
    quieten_timerfd(loop);
    if (!loop->is_dirty)
        return;
    loop->is_dirty = false;
    ev_set_invoke_pending_cb(loop->ev, invoke_nothing);
    ev_run(loop->ev, EVRUN_NOWAIT);
    ev_set_invoke_pending_cb(loop->ev, ev_invoke_pending);
}

void
ward__loop_watch(struct ward__loop *loop, ev_io *watcher, int fd, int events,
                 void (*ready)(struct ev_loop *ev, ev_io *watcher, int events))
{
    void *data = watcher->data;

    if (ev_is_active(watcher)) {
        if ((watcher->events & (EV_READ | EV_WRITE)) == events && watcher->fd == fd)
            return;
        ev_io_stop(loop->ev, watcher);
    }
    loop->is_dirty = true;
    if (events == 0)
        return;
    ev_io_init(watcher, ready, fd, events);
    watcher->data = data;
    ev_io_start(loop->ev, watcher);
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
    RB_INSERT(ward__timers, &loop->timers, timer);
    set_timerfd(loop);
}

void
ward__timer_cancel(struct ward__loop *loop, struct ward__timer *timer)
{
    if (!timer->is_armed)
        return;
    RB_REMOVE(ward__timers, &loop->timers, timer);
    timer->is_armed = false;
}

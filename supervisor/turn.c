#include "supervisor/turn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ipc/fault.h"
#include "ipc/fds.h"
#include "supervisor/incarnation.h"
#include "supervisor/system.h"

struct ward__sleeper {
    bool (*is_over)(void *user);
    void *user;
    pthread_cond_t woken;
    TAILQ_ENTRY(ward__sleeper) next;
};

void
ward__turn_init(struct ward__turn *turn)
{
    *turn = (struct ward__turn){.bell = -1};
    TAILQ_INIT(&turn->sleepers);
    TAILQ_INIT(&turn->due);
}

/* ---- one after the other ---- */

void
ward__turn_begin(struct ward_system *sys)
{
    sys->turn.depth++;
}

void
ward__turn_end(struct ward_system *sys)
{
    if (--sys->turn.depth > 0)
        return;
    sys->turn.is_ending = true;
    ward__incarnations_write_due(sys);
    sys->turn.is_ending = false;
    ward__loop_date(&sys->loop);
}

void
ward__turn_set_timer(struct ward_system *sys, struct ward__timer *timer, int64_t after_ms,
                     void (*fire)(struct ward__timer *timer))
{
    ward__timer_set_later(&sys->loop, timer, after_ms, fire);
    if (sys->turn.depth == 0)
        ward__loop_date(&sys->loop);
}

/* ---- the lock ---- */

static void
lock(struct ward__turn *turn)
{
    pthread_mutex_lock(&turn->entrance);
    pthread_mutex_lock(&turn->inside);
    pthread_mutex_unlock(&turn->entrance);
}

static void
wake_sleepers(struct ward__turn *turn)
{
    struct ward__sleeper *sleeper;

    TAILQ_FOREACH (sleeper, &turn->sleepers, next)
        if (turn->is_closed || sleeper->is_over(sleeper->user))
            pthread_cond_signal(&sleeper->woken);
}

/* While a callback runs, whoever called it looks again when it has returned. */
static void
ring(struct ward_system *sys)
{
    const uint64_t one = 1;
    bool is_due = ward__notices_are_due(&sys->notices) || sys->has_stopped;

    if (!is_due || sys->turn.has_rung || sys->is_in_callback)
        return;
    sys->turn.has_rung = write(sys->turn.bell, &one, sizeof one) == sizeof one;
}

static void
let_go(struct ward_system *sys)
{
    wake_sleepers(&sys->turn);
    ring(sys);
    pthread_mutex_unlock(&sys->turn.inside);
}

void
ward__turn_hear(struct ward__turn *turn)
{
    uint64_t rung;

    if (turn->has_rung && read(turn->bell, &rung, sizeof rung) == sizeof rung)
        turn->has_rung = false;
}

void
ward__turn_enter(struct ward_system *sys)
{
    if (!sys->turn.is_threaded)
        return;
    atomic_fetch_add(&sys->turn.guests, 1); /* who waits to enter is waited for, too */
    lock(&sys->turn);
}

void
ward__turn_leave(struct ward_system *sys)
{
    if (!sys->turn.is_threaded)
        return;
    atomic_fetch_sub(&sys->turn.guests, 1);
    if (sys->turn.is_closed)
        pthread_cond_signal(&sys->turn.left);
    let_go(sys);
}

void
ward__turn_pause(struct ward_system *sys)
{
    if (sys->turn.is_threaded)
        let_go(sys);
}

void
ward__turn_resume(struct ward_system *sys)
{
    if (sys->turn.is_threaded)
        lock(&sys->turn);
}

/* ---- waiting ---- */

static int
sleep_until(struct ward__turn *turn, struct ward__sleeper *sleeper, int64_t deadline)
{
    struct timespec at = {.tv_sec = deadline / 1000,
                          .tv_nsec = deadline % 1000 * 1000000};

    if (deadline < 0)
        return pthread_cond_wait(&sleeper->woken, &turn->inside);
    return pthread_cond_timedwait(&sleeper->woken, &turn->inside, &at);
}

int
ward__turn_wait(struct ward_system *sys, bool (*is_over)(void *user), void *user,
                int64_t deadline)
{
    struct ward__turn *turn = &sys->turn;
    struct ward__sleeper sleeper = {.is_over = is_over, .user = user};
    pthread_condattr_t monotonic;
    int result = 0;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sleeper.woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    wake_sleepers(turn);
    ring(sys);
    TAILQ_INSERT_TAIL(&turn->sleepers, &sleeper, next);
    while (result == 0 && !is_over(user) && !turn->is_closed)
        result = sleep_until(turn, &sleeper, deadline);
    TAILQ_REMOVE(&turn->sleepers, &sleeper, next);
    pthread_cond_destroy(&sleeper.woken);
    return is_over(user) || result == 0 ? 0 : -ETIMEDOUT;
}

/* ---- the thread ---- */

/* It waits outside, where others may change what is watched, and looks again inside. */
static void *
run_thread(void *user)
{
    struct ward_system *sys = user;
    struct pollfd polled = {.fd = ward__loop_fd(&sys->loop), .events = POLLIN};
    bool is_over = false;

    while (!is_over) {
        poll(&polled, 1, -1);
        lock(&sys->turn);
        ward__turn_begin(sys);
        ward__loop_turn(&sys->loop, false);
        ward__system_pump(sys);
        ward__turn_end(sys);
        ward__system_decide(sys);
        ward__loop_rest(&sys->loop);
        is_over = sys->turn.is_closed && atomic_load(&sys->turn.guests) == 1;
        let_go(sys);
    }
    return NULL;
}

/* Signals are for the host's own threads. */
static int
create(struct ward_system *sys)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = ward__fault_due() ? EAGAIN
                              : pthread_create(&sys->turn.thread, NULL, run_thread, sys);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static void
destroy(struct ward__turn *turn)
{
    pthread_mutex_destroy(&turn->entrance);
    pthread_mutex_destroy(&turn->inside);
    pthread_cond_destroy(&turn->left);
    ward__fd_close(&turn->bell);
    turn->is_threaded = false;
}

int
ward__turn_start(struct ward_system *sys)
{
    struct ward__turn *turn = &sys->turn;
    int result;

    turn->bell = WARD__SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (turn->bell < 0)
        return -errno;
    pthread_mutex_init(&turn->entrance, NULL);
    pthread_mutex_init(&turn->inside, NULL);
    pthread_cond_init(&turn->left, NULL);
    turn->is_threaded = true;
    result = create(sys);
    if (result < 0)
        destroy(turn);
    return result;
}

void
ward__turn_stop(struct ward_system *sys)
{
    struct ward__turn *turn = &sys->turn;

    if (!turn->is_threaded)
        return;
    turn->is_closed = true;
    wake_sleepers(turn);
    while (atomic_load(&turn->guests) > 1)
        pthread_cond_wait(&turn->left, &turn->inside);
    ward__system_wake(sys);
    pthread_mutex_unlock(&turn->inside);
    pthread_join(turn->thread, NULL);
    destroy(turn);
}

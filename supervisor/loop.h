/*
 * Loop: one private libev loop for all of a system's descriptors, and its deadlines. The host
 * watches the one descriptor below the loop, so everything that is due must show there:
 * deadlines are a timerfd, and changes of watchers are pushed into the kernel before the host
 * gets control back (libev would do that at its next turn only).
 *
 * Used by: system.c, server.c, actor.c. Uses: libev.
 */
#ifndef WARD_SUPERVISOR_LOOP_H
#define WARD_SUPERVISOR_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include <bsd/sys/tree.h>

struct ward__timer {
    int64_t at;     /* monotonic milliseconds; meaningful while armed */
    uint64_t order; /* equal deadlines fire in the order they were set */
    bool is_armed;
    void (*fire)(struct ward__timer *timer);
    RB_ENTRY(ward__timer) by_deadline;
};

RB_HEAD(ward__timers, ward__timer);

struct ward__loop {
    struct ev_loop *ev; /* owned */
    int fd;             /* borrowed: the descriptor below `ev` */
    int timerfd;        /* owned */
    ev_io timer_watcher;
    struct ward__timers timers;
    uint64_t last_order;
    int64_t set_to; /* what the timerfd is set to; 0: off */
    bool is_dirty;  /* watchers have changed since the kernel was told */
};

/* 0; -ENOMEM, -EMFILE. `done` accepts a loop that init refused or never saw, if zeroed. */
int ward__loop_init(struct ward__loop *loop);
void ward__loop_done(struct ward__loop *loop);

/* The descriptor below. */
int ward__loop_fd(const struct ward__loop *loop);

/* One turn: what is due is done. `wait`: if nothing is due, until something is. */
void ward__loop_turn(struct ward__loop *loop, bool wait);

/* Tells the kernel of changed watchers. */
void ward__loop_sync(struct ward__loop *loop);

/* Watches `fd` for `events` (EV_READ, EV_WRITE); again to change them; 0 stops. */
void ward__loop_watch(struct ward__loop *loop, ev_io *watcher, int fd, int events,
                      void (*ready)(struct ev_loop *ev, ev_io *watcher, int events));

/* Sets or moves a deadline; `fire` may set it again. */
void ward__timer_set(struct ward__loop *loop, struct ward__timer *timer, int64_t at,
                     void (*fire)(struct ward__timer *timer));
void ward__timer_cancel(struct ward__loop *loop, struct ward__timer *timer);

#endif

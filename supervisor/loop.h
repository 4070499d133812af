/*
 * Loop: one private epoll descriptor for all of a system's descriptors, and its deadlines.
 * The host watches that one descriptor, so everything that is due must show there: deadlines
 * are a timerfd in it.
 *
 * Used by: system.c, server.c, incarnation.c. Uses: epoll, timerfd.
 */
#ifndef WARD_SUPERVISOR_LOOP_H
#define WARD_SUPERVISOR_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

/* What a descriptor is watched for, and what is so; the end of a socket is both. */
enum { WARD__READABLE = 1, WARD__WRITABLE = 2 };

struct ward__io;
typedef void (*ward__ready)(struct ward__io *watcher, int events);

/* All zero: it watches nothing. */
struct ward__io {
    void *owner; /* for `ready` */
    int fd;      /* borrowed; meaningful while events != 0 */
    int events;
    bool is_late; /* the kernel had no memory for it: it is tried again */
    ward__ready ready;
    TAILQ_ENTRY(ward__io) late;
};

struct ward__timer {
    int64_t at;     /* monotonic milliseconds; undated: so many later; only while armed */
    uint64_t order; /* equal deadlines fire in the order they were set */
    bool is_armed, is_undated, is_in_line;
    void (*fire)(struct ward__timer *timer);
    union {
        TAILQ_ENTRY(ward__timer) in_line;
        RB_ENTRY(ward__timer) by_deadline;
    };
};

TAILQ_HEAD(ward__timer_line, ward__timer);
RB_HEAD(ward__timers, ward__timer);

enum { WARD__LOOP_BATCH = 64, WARD__LOOP_UNDATED = 16 };

struct ward__loop {
    int fd;                       /* owned: epoll */
    int timerfd;                  /* owned */
    struct ward__timer_line line; /* deadlines mostly come in their order: those */
    struct ward__timers timers;   /* and the others */
    uint64_t last_order;
    /* Get their dates with one look at the clock. */
    struct ward__timer *undated[WARD__LOOP_UNDATED];
    int undated_count;
    int64_t set_to;      /* what the timerfd is set to; 0: off */
    bool may_be_in_vain; /* what it was set for may have been cancelled */
    struct epoll_event batch[WARD__LOOP_BATCH]; /* what is due in this turn */
    int batch_count;
    TAILQ_HEAD(ward__late, ward__io) late;
    struct ward__timer late_retry;
};

/* 0; -ENOMEM, -EMFILE. `done` accepts a loop that init refused. */
int ward__loop_init(struct ward__loop *loop);
void ward__loop_done(struct ward__loop *loop);

/* The descriptor below. */
int ward__loop_fd(const struct ward__loop *loop);

/* One turn: what is due is done. `wait`: if nothing is due, until something is. */
void ward__loop_turn(struct ward__loop *loop, bool wait);

/* Before the host gets control: a deadline that was cancelled is to wake nobody. */
void ward__loop_quieten(struct ward__loop *loop);

/* Before somebody sleeps: where all deadlines were cancelled, none of them wakes anybody. */
void ward__loop_rest(struct ward__loop *loop);

/* Watches `fd` for `events`; again to change them; 0 stops, which comes before the descriptor is
 * closed. From then on `ready` is not called, in this turn neither. */
void ward__loop_watch(struct ward__loop *loop, struct ward__io *watcher, int fd,
                      int events, ward__ready ready);

/* Sets or moves a deadline; `fire` may set it again. */
void ward__timer_set(struct ward__loop *loop, struct ward__timer *timer, int64_t at,
                     void (*fire)(struct ward__timer *timer));
void ward__timer_cancel(struct ward__loop *loop, struct ward__timer *timer);

/* The same, counted from the next look at the clock: when ward__loop_date is called, a turn of
 * the loop begins, or WARD__LOOP_UNDATED wait for it. For deadlines of which there are many;
 * never early. */
void ward__timer_set_later(struct ward__loop *loop, struct ward__timer *timer,
                           int64_t after_ms, void (*fire)(struct ward__timer *timer));
/* That look. */
void ward__loop_date(struct ward__loop *loop);

#endif

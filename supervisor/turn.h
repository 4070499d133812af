/*
 * Turn: who may touch a system just now, and how one waits for what another does. Without a
 * thread of ward's own nothing is locked, and who waits turns the loop. With one, each entry
 * point takes the lock for its time, ward's thread turns the loop, and who waits sleeps until
 * somebody finds that it is so. What is done meanwhile is not its business.
 *
 * Two mutexes make it fair: who waits for the second holds the first, so a thread that leaves
 * and comes back at once queues behind.
 *
 * Used by: system.c, run.c, root.c, notice.c, ask.c, credit.c. Uses: loop.h, incarnation.h,
 * threads of libc.
 */
#ifndef WARD_SUPERVISOR_TURN_H
#define WARD_SUPERVISOR_TURN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

struct ward__incarnation;
struct ward__timer;
struct ward_system;

struct ward__turn {
    unsigned depth; /* how often it has begun; a callback may wait in turns of its own */
    bool is_ending; /* what is due is being written */
    TAILQ_HEAD(ward__due_list, ward__incarnation) due; /* what is written when it ends */
    bool is_threaded;
    pthread_mutex_t entrance, inside;
    pthread_t thread;
    int bell;       /* owned: eventfd, what the host watches; -1: there is no thread */
    bool has_rung;  /* and was not heard yet */
    bool is_closed; /* whoever waits is to leave */
    atomic_uint guests;  /* calls of the host's that have begun and not returned */
    pthread_cond_t left; /* one has, of a closed one */
    TAILQ_HEAD(ward__sleepers, ward__sleeper) sleepers;
};

/* Nothing is locked and nobody else turns the loop. */
void ward__turn_init(struct ward__turn *turn);
/* From now on a thread of its own turns the loop. 0; -EMFILE, -ENFILE, -ENOMEM, -EAGAIN. */
int ward__turn_start(struct ward_system *sys);
/* Sends away who waits, waits until all have left but the caller, who has entered, and ends the
 * thread. Nothing is locked afterwards. */
void ward__turn_stop(struct ward_system *sys);

/* A turn of the loop, or of callbacks: what is told in it is written when it ends, all to one worker
 * at once. With threads never around a callback. */
void ward__turn_begin(struct ward_system *sys);
void ward__turn_end(struct ward_system *sys);

/* A deadline, counted from the end of the turn at the latest; outside of one from now on. Never
 * early. */
void ward__turn_set_timer(struct ward_system *sys, struct ward__timer *timer,
                          int64_t after_ms, void (*fire)(struct ward__timer *timer));

/* A call of the host's begins and ends. Whoever lets go of the lock shows what is due to those
 * who wait. */
void ward__turn_enter(struct ward_system *sys);
void ward__turn_leave(struct ward_system *sys);

/* Around a callback or a decider of the host's. */
void ward__turn_pause(struct ward_system *sys);
void ward__turn_resume(struct ward_system *sys);

/*
 * With a thread only: waits until `is_over` says so or the system is closed: 0; or until the
 * deadline (negative: none): -ETIMEDOUT. `is_over` is called on any thread, in its turn.
 */
int ward__turn_wait(struct ward_system *sys, bool (*is_over)(void *user), void *user,
                    int64_t deadline);

/* The host has come to hear what is due. */
void ward__turn_hear(struct ward__turn *turn);

#endif

/*
 * Crew: what the tests of many threads share: an actor to be asked, threads that are joined
 * within the deadline, and ways to know that one of them waits. It asserts in the main thread
 * only; other threads note what they found.
 *
 * Used by: test_thread*.c. Uses: harness.h, threads, /proc.
 */
#ifndef WARD_TESTS_PROCESS_CREW_H
#define WARD_TESTS_PROCESS_CREW_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "harness.h"

enum { CREW = 8 };

/* ---- the actor that they ask ---- */

enum {
    COUNT = 1, /* answers how many of these it has had in this life */
    WHO_AM_I,  /* answers its incarnation */
    CRASH,
    TELL_HOST, /* tells the host TOLD with the number it was told */
    ASK_HOST,  /* asks the host TOLD and answers with its answer */
    HANG,      /* never returns */
    READ       /* tells the host TOLD at once, and reads one byte of descriptor 3 */
};
enum { TOLD = 100 };

extern const ward_behavior crew_counter;
extern const ward_strategy crew_restart;
extern const ward_spec counter_spec; /* "counter", restarted as often as it takes */

/* The first number of an answer to an ask of that type, or the negative result. On any thread. */
int64_t crew_ask(struct harness *h, ward_ref ref, int64_t type);

/* ---- the system ---- */

/* The harness with a threaded system in place of the one it has. */
struct harness *threaded(void **state);

bool is_readable(const struct harness *h);

/* ---- threads ---- */

pthread_t begin(void *(*run)(void *), void *user);
/* Fails the test if it has not ended by the deadline. */
void finish(pthread_t thread);

/* Until somebody posts; false at the deadline. On any thread. */
bool await_post(sem_t *sem);

/* A thread that makes one call which is to wait: what it answered is in `result`. */
struct caller {
    struct harness *h;
    int64_t (*call)(struct caller *caller);
    ward_ref ref;
    int64_t result;
    _Atomic pid_t tid; /* set right before the call */
    pthread_t thread;
};

void caller_begin(struct caller *caller);
/* Until it sleeps in its call. */
void caller_await_asleep(struct caller *caller);
void caller_finish(struct caller *caller, int expected);

/* Calls for it. */
int64_t call_ask(struct caller *caller); /* COUNT */
int64_t call_run(struct caller *caller);
int64_t call_settle(struct caller *caller);
int64_t call_wait_down(struct caller *caller);
int64_t call_wait_up(struct caller *caller);

#endif

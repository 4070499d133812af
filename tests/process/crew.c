#include "crew.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the actor ---- */

/* Whoever merely tells gets none. */
static ward_next
answer(ward_ctx *ctx, int64_t number)
{
    (void)ward_reply(ctx, number);
    return WARD_SAME;
}

static ward_next
ask_host(ward_ctx *ctx)
{
    ward_message *reply = NULL;
    int64_t number = 0;
    int result = ward_ask(ctx, host_of(ctx), &reply, DEADLINE_MS, TOLD);

    if (result == 0)
        result = ward_get(reply, &number);
    ward_message_free(reply);
    return answer(ctx, result < 0 ? result : number);
}

static ward_next
counter_receive(ward_ctx *ctx, const ward_message *msg)
{
    uint64_t *count = ward_state(ctx);
    int64_t number = 0;
    char byte;

    switch (ward_message_type(msg)) {
    case COUNT:
        *count += 1;
        return answer(ctx, (int64_t)*count);
    case WHO_AM_I:
        return answer(ctx, ward_incarnation(ctx));
    case CRASH:
        *(volatile int *)0 = 1;
        break;
    case TELL_HOST:
        if (ward_get(msg, &number) < 0)
            break;
        return ward_tell(ctx, host_of(ctx), TOLD, number, ward_self(ctx));
    case ASK_HOST:
        return ask_host(ctx);
    case HANG:
        for (;;)
            pause();
    case READ:
        if (ward_tell(ctx, host_of(ctx), TOLD, 0) < 0 || ward_flush(ctx) < 0)
            break;
        return read(3, &byte, 1) == 1 ? WARD_SAME : WARD_UNHANDLED;
    }
    return WARD_UNHANDLED;
}

const ward_behavior crew_counter = {
    .name = "counter", .state_size = sizeof(uint64_t), .receive = counter_receive};
const ward_strategy crew_restart = {.name = "restart", .max_restarts = WARD_INFINITE};
WARD_REGISTER(crew_counter);
WARD_REGISTER(crew_restart);

const ward_spec counter_spec = {
    .id = "counter", .behavior = &crew_counter, .strategy = &crew_restart};

int64_t
crew_ask(struct harness *h, ward_ref ref, int64_t type)
{
    ward_message *reply = NULL;
    int64_t number = 0;
    int result = ward_ask(h->ctx, ref, &reply, DEADLINE_MS, type);

    if (result == 0)
        result = ward_get(reply, &number);
    ward_message_free(reply);
    return result < 0 ? result : number;
}

/* ---- the system ---- */

struct harness *
threaded(void **state)
{
    struct harness *h = *state;

    harness_reopen(h, &(ward_system_options){.threaded = true});
    return h;
}

bool
is_readable(const struct harness *h)
{
    struct pollfd polled = {.fd = ward_system_fd(h->sys), .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

/* ---- threads ---- */

static struct timespec
deadline(void)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += DEADLINE_MS / 1000;
    return at;
}

pthread_t
begin(void *(*run)(void *), void *user)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, user), 0);
    return thread;
}

void
finish(pthread_t thread)
{
    struct timespec at = deadline();

    assert_int_equal(pthread_timedjoin_np(thread, NULL, &at), 0);
}

bool
await_post(sem_t *sem)
{
    struct timespec at = deadline();

    return sem_timedwait(sem, &at) == 0;
}

static void *
run_caller(void *user)
{
    struct caller *caller = user;

    atomic_store(&caller->tid, gettid());
    caller->result = caller->call(caller);
    return NULL;
}

void
caller_begin(struct caller *caller)
{
    atomic_store(&caller->tid, 0);
    caller->thread = begin(run_caller, caller);
}

static bool
is_asleep(pid_t tid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    file = tid != 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return false;
    if (fscanf(file, "%*d %*s %c", &state) != 1)
        state = '?';
    fclose(file);
    return state == 'S';
}

void
caller_await_asleep(struct caller *caller)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (!is_asleep(atomic_load(&caller->tid))) {
        assert_true(now_ms() < end);
        sched_yield();
    }
}

void
caller_finish(struct caller *caller, int expected)
{
    finish(caller->thread);
    assert_result(caller->result, expected);
}

int64_t
call_ask(struct caller *caller)
{
    return crew_ask(caller->h, caller->ref, COUNT);
}

int64_t
call_run(struct caller *caller)
{
    return ward_run(caller->h->sys);
}

int64_t
call_settle(struct caller *caller)
{
    return ward_settle(caller->h->sys, DEADLINE_MS);
}

int64_t
call_wait_down(struct caller *caller)
{
    return ward_wait_down(caller->h->sys, caller->ref, DEADLINE_MS);
}

int64_t
call_wait_up(struct caller *caller)
{
    return ward_wait_up(caller->h->sys, caller->ref, DEADLINE_MS);
}

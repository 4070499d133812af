/* A system on a thread of ward's own, and hosts of many threads. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "crew.h"

enum { ASKS = 200 };

static void
supervision_goes_on_while_the_host_does_nothing(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct pollfd polled = {.fd = ward_system_fd(h->sys), .events = POLLIN};

    assert_int_equal(ask_number(h, ref, WHO_AM_I), 0);
    assert_result(ward_tell(h->ctx, ref, CRASH), 0);
    assert_int_equal(ask_number(h, ref, WHO_AM_I), 1);
    assert_int_equal(h->event_count, 0); /* nothing was called yet */
    assert_int_equal(poll(&polled, 1, DEADLINE_MS), 1);
    await_event(h, WARD_EVENT_RESTARTED, "/counter");
}

struct counter {
    struct harness *h;
    ward_ref ref;
    int failures;
    pthread_t thread;
};

static void *
count_often(void *user)
{
    struct counter *counter = user;
    int64_t largest = 0;

    for (int i = 0; i < ASKS; i++) {
        int64_t number = crew_ask(counter->h, counter->ref, COUNT);
        counter->failures += number <= largest;
        largest = number;
    }
    return NULL;
}

static void
many_threads_ask_at_once_and_each_gets_its_own_answers(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn(h, &counter_spec);
    struct counter counters[CREW];

    for (int i = 0; i < CREW; i++) {
        counters[i] = (struct counter){.h = h, .ref = ref};
        counters[i].thread = begin(count_often, &counters[i]);
    }
    for (int i = 0; i < CREW; i++) {
        finish(counters[i].thread);
        assert_int_equal(counters[i].failures, 0);
    }
    assert_int_equal(ask_number(h, ref, COUNT), CREW * ASKS + 1);
}

static void *
stop(void *user)
{
    struct harness *h = user;

    ward_system_stop(h->sys);
    return NULL;
}

static void
one_thread_runs_and_another_stops(void **state)
{
    struct harness *h = threaded(state);
    pthread_t thread;

    spawn_up(h, &counter_spec);
    thread = begin(stop, h);
    assert_result(ward_run(h->sys), 0);
    finish(thread);
    await_event(h, WARD_EVENT_STOPPED, "/counter");
}

/* ---- answers and waits ---- */

static _Thread_local bool is_dispatching;

static ward_next
count_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    int *counts = user;

    (void)ctx;
    counts[status == 0 && reply != NULL && is_dispatching]++;
    return WARD_SAME;
}

struct asker {
    struct harness *h;
    ward_ref ref;
    int counts[2]; /* answers that were wrong, and right; written by who dispatches */
    int64_t result;
    pthread_t thread;
};

static void *
ask_then_often(void *user)
{
    struct asker *asker = user;

    for (int i = 0; i < ASKS && asker->result == 0; i++)
        asker->result = ward_ask_then(asker->h->ctx, asker->ref, DEADLINE_MS,
                                      count_answer, asker->counts, COUNT);
    return NULL;
}

static void
answers_to_many_threads_come_where_one_dispatches(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct asker askers[CREW];

    for (int i = 0; i < CREW; i++) {
        askers[i] = (struct asker){.h = h, .ref = ref};
        askers[i].thread = begin(ask_then_often, &askers[i]);
    }
    is_dispatching = true;
    settle(h);
    for (int i = 0; i < CREW; i++) {
        finish(askers[i].thread);
        assert_result(askers[i].result, 0);
    }
    settle(h);
    is_dispatching = false;
    for (int i = 0; i < CREW; i++) {
        assert_int_equal(askers[i].counts[0], 0);
        assert_int_equal(askers[i].counts[1], ASKS);
    }
}

static int64_t
call_run_for(struct caller *caller)
{
    return ward_run_for(caller->h->sys, 50);
}

static void
many_threads_wait_at_once_each_for_its_own(void **state)
{
    static const struct {
        int64_t (*call)(struct caller *caller);
        int expected;
    } waits[CREW] = {{call_settle, 0},           {call_run_for, -ETIMEDOUT},
                     {call_wait_down, 0},        {call_wait_up, 0},
                     {call_run_for, -ETIMEDOUT}, {call_settle, 0},
                     {call_wait_down, 0},        {call_ask, 1}};
    struct harness *h = threaded(state);
    ward_ref leaver =
        spawn_up(h, &(ward_spec){.id = "leaver", .behavior = &crew_counter});
    ward_ref comer = spawn(h, &counter_spec);
    struct caller callers[CREW];

    for (int i = 0; i < CREW; i++) {
        callers[i] = (struct caller){.h = h, .call = waits[i].call, .ref = comer};
        if (waits[i].call == call_wait_down)
            callers[i].ref = leaver;
        caller_begin(&callers[i]);
    }
    caller_await_asleep(&callers[2]);
    caller_await_asleep(&callers[6]);
    assert_result(ward_stop(h->ctx, leaver), 0);
    for (int i = 0; i < CREW; i++)
        caller_finish(&callers[i], waits[i].expected);
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/leaver"), 1);
}

static void
who_waited_for_room_is_told_once(void **state)
{
    struct harness *h = threaded(state);
    ward_spec spec = counter_spec;
    int ends[2], result;
    ward_ref ref;

    assert_int_equal(pipe(ends), 0);
    spec.mailbox.messages = 4;
    spec.fds = ends;
    spec.fd_count = 1;
    ref = spawn_up(h, &spec);
    assert_result(ward_tell(h->ctx, ref, READ), 0);
    await_mail(h, TOLD); /* it is in hand */
    while ((result = ward_tell(h->ctx, ref, WHO_AM_I)) == 0)
        continue;
    assert_result(result, -EAGAIN);
    assert_int_equal(crew_ask(h, ref, COUNT), -EAGAIN);
    assert_int_equal(h->room_count, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    settle(h);
    assert_int_equal(h->room_count, 1);
    assert_true(ward_ref_equal(h->room, ref));
    assert_int_equal(ask_number(h, ref, COUNT), 1);
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(supervision_goes_on_while_the_host_does_nothing),
        TEST(many_threads_ask_at_once_and_each_gets_its_own_answers),
        TEST(one_thread_runs_and_another_stops),
        TEST(answers_to_many_threads_come_where_one_dispatches),
        TEST(many_threads_wait_at_once_each_for_its_own),
        TEST(who_waited_for_room_is_told_once),
    };

    return harness_main("threads", tests, sizeof tests / sizeof tests[0]);
}

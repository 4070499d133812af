/* A system on a thread of ward's own, and hosts of many threads. */
#include <poll.h>
#include <string.h>

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

struct asker {
    struct harness *h;
    ward_ref ref;
    int failures;
    int64_t largest;
};

static void *
ask_often(void *user)
{
    struct asker *asker = user;

    for (int i = 0; i < ASKS; i++) {
        ward_message *reply = NULL;
        int64_t number = 0;
        if (ward_ask(asker->h->ctx, asker->ref, &reply, DEADLINE_MS, COUNT) < 0 ||
            ward_get(reply, &number) < 0 || number <= asker->largest)
            asker->failures++;
        asker->largest = number;
        ward_message_free(reply);
    }
    return NULL;
}

static void
many_threads_ask_at_once_and_each_gets_its_own_answers(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn(h, &counter_spec);
    struct asker askers[CREW];
    pthread_t threads[CREW];

    for (int i = 0; i < CREW; i++) {
        askers[i] = (struct asker){.h = h, .ref = ref};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
    }
    for (int i = 0; i < CREW; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].failures, 0);
    }
    assert_int_equal(ask_number(h, ref, COUNT), CREW * ASKS + 1);
}

static void *
stop_soon(void *user)
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
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, h), 0);
    assert_result(ward_run(h->sys), 0);
    pthread_join(thread, NULL);
    await_event(h, WARD_EVENT_STOPPED, "/counter");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(supervision_goes_on_while_the_host_does_nothing),
        TEST(many_threads_ask_at_once_and_each_gets_its_own_answers),
        TEST(one_thread_runs_and_another_stops),
    };

    return harness_main("threads", tests, sizeof tests / sizeof tests[0]);
}

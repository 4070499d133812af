/* Callbacks of a system that many threads use. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "crew.h"

/* ---- one at a time ---- */

enum { TELLERS = 4, TOLDS = 100 };

/* What callbacks saw. They are called by many threads, one at a time. */
struct seen {
    atomic_int inside;     /* callbacks at this moment */
    int beside;            /* those that were called while another was */
    int unasked;           /* those on a thread that did not dispatch */
    int disorder;          /* messages that came before an earlier one */
    int64_t last[TELLERS]; /* number of each teller */
    ward_ref tellers[TELLERS];
    atomic_int count;
};

static _Thread_local bool is_dispatching;

static void
see_mail(struct harness *h, const ward_message *msg)
{
    struct seen *seen = h->user;
    int64_t number = 0;
    ward_ref from;

    seen->beside += atomic_fetch_add(&seen->inside, 1) != 0;
    seen->unasked += !is_dispatching;
    if (ward_get(msg, &number, &from) < 0)
        number = -1;
    for (int i = 0; i < TELLERS; i++)
        if (ward_ref_equal(seen->tellers[i], from)) {
            seen->disorder += number != seen->last[i] + 1;
            seen->last[i] = number;
        }
    atomic_fetch_sub(&seen->inside, 1);
    atomic_fetch_add(&seen->count, 1);
}

/* Half of the threads run, the others have a loop of their own. */
static void *
dispatch_often(void *user)
{
    struct caller *caller = user;
    struct harness *h = caller->h;
    struct seen *seen = h->user;
    struct pollfd polled = {.fd = ward_system_fd(h->sys), .events = POLLIN};
    int result = 0;

    is_dispatching = true;
    while (atomic_load(&seen->count) < TELLERS * TOLDS && result == 0) {
        if (caller->ref.id == 0) {
            result = ward_run_for(h->sys, 20);
            result = result == -ETIMEDOUT ? 0 : result - 1;
        } else if (poll(&polled, 1, 20) >= 0) {
            result = ward_system_dispatch(h->sys);
        }
    }
    caller->result = result;
    return NULL;
}

static void
callbacks_come_one_at_a_time_in_order_and_only_to_who_dispatches(void **state)
{
    struct harness *h = threaded(state);
    struct caller callers[CREW];
    struct seen seen = {.count = 0};

    for (int i = 0; i < TELLERS; i++) {
        char id[] = {(char)('a' + i), '\0'};
        seen.tellers[i] = spawn_up(h, &(ward_spec){.id = id, .behavior = &crew_counter});
    }
    settle(h);
    h->user = &seen;
    h->on_mail = see_mail;
    for (int i = 0; i < CREW; i++) {
        callers[i] = (struct caller){.h = h, .ref = {(uint64_t)i % 2, 0}};
        callers[i].thread = begin(dispatch_often, &callers[i]);
    }
    for (int i = 0; i < TELLERS * TOLDS; i++)
        assert_result(ward_tell(h->ctx, seen.tellers[i % TELLERS], TELL_HOST,
                                (int64_t)(i / TELLERS + 1)),
                      0);
    for (int i = 0; i < TELLERS; i++)
        assert_int_equal(ask_number(h, seen.tellers[i], COUNT), 1);
    for (int i = 0; i < CREW; i++)
        caller_finish(&callers[i], 0);
    assert_int_equal(atomic_load(&seen.count), TELLERS * TOLDS);
    assert_int_equal(seen.beside, 0);
    assert_int_equal(seen.unasked, 0);
    assert_int_equal(seen.disorder, 0);
}

static void
the_descriptor_is_readable_exactly_while_something_is_due(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct pollfd polled = {.fd = ward_system_fd(h->sys), .events = POLLIN};
    int result;

    settle(h);
    for (int i = 0; i < 20; i++) {
        assert_false(is_readable(h));
        assert_result(ward_tell(h->ctx, ref, TELL_HOST, i), 0);
        assert_int_equal(poll(&polled, 1, DEADLINE_MS), 1);
        assert_int_equal(ask_number(h, ref, COUNT), i + 1);
        assert_true(is_readable(h));
        assert_result(ward_system_dispatch(h->sys), 0);
        assert_int_equal(h->mail_count, i + 1);
    }
    assert_false(is_readable(h));
    assert_result(ward_system_stop(h->sys), 0);
    do
        assert_int_equal(poll(&polled, 1, DEADLINE_MS), 1);
    while ((result = ward_system_dispatch(h->sys)) == 0);
    assert_result(result, 1);
    assert_true(is_readable(h));
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/counter"), 1);
}

/* ---- a long one ---- */

/* A callback that tries what blocks, then is held until the test lets it go. */
struct hold {
    sem_t entered, release;
    int64_t results[6];
    int64_t reply;
    int missed;
};

static void
hold_init(struct harness *h, struct hold *hold)
{
    memset(hold, 0, sizeof *hold);
    sem_init(&hold->entered, 0, 0);
    sem_init(&hold->release, 0, 0);
    h->user = hold;
}

static void
hold_mail(struct harness *h, const ward_message *msg)
{
    struct hold *hold = h->user;
    ward_ref ref = find(h, "/counter");

    hold->results[0] = crew_ask(h, ref, COUNT);
    hold->results[1] = ward_run(h->sys);
    hold->results[2] = ward_settle(h->sys, DEADLINE_MS);
    hold->results[3] = ward_wait_down(h->sys, ref, DEADLINE_MS);
    hold->results[4] = ward_wait_up(h->sys, ref, DEADLINE_MS);
    hold->results[5] = ward_system_dispatch(h->sys);
    sem_post(&hold->entered);
    hold->missed += !await_post(&hold->release);
    if (ward_sender(msg).id != 0)
        hold->reply = ward_reply(h->ctx, 7);
}

static void
assert_held(const struct hold *hold)
{
    assert_int_equal(hold->missed, 0);
    for (size_t i = 0; i < sizeof hold->results / sizeof hold->results[0]; i++)
        assert_result(hold->results[i], -EDEADLK);
}

static void
supervision_goes_on_beside_a_long_callback(void **state)
{
    enum { CRASHES = 20 };
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct caller runner = {.h = h, .call = call_run};
    struct hold hold;

    settle(h);
    hold_init(h, &hold);
    h->on_mail = hold_mail;
    caller_begin(&runner);
    assert_result(ward_tell(h->ctx, ref, TELL_HOST, 1), 0);
    assert_true(await_post(&hold.entered));
    for (int i = 1; i <= CRASHES; i++) {
        assert_result(ward_tell(h->ctx, ref, CRASH), 0);
        assert_int_equal(ask_number(h, ref, WHO_AM_I), i);
        assert_int_equal(ask_number(h, ref, COUNT), 1);
        assert_result(ward_system_dispatch(h->sys), 0); /* nothing, as another is at it */
    }
    assert_result(ward_run_for(h->sys, 10), -ETIMEDOUT);
    sem_post(&hold.release);
    assert_result(ward_system_stop(h->sys), 0);
    caller_finish(&runner, 0);
    assert_held(&hold);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/counter"), CRASHES);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/counter"), CRASHES);
}

static int64_t
call_ask_host(struct caller *caller)
{
    return crew_ask(caller->h, caller->ref, ASK_HOST);
}

static void
only_the_thread_of_the_callback_has_its_message_in_hand(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct caller runner = {.h = h, .call = call_run};
    struct caller asker = {.h = h, .call = call_ask_host, .ref = ref};
    struct hold hold;

    settle(h);
    hold_init(h, &hold);
    h->on_mail = hold_mail;
    caller_begin(&runner);
    caller_begin(&asker);
    assert_true(await_post(&hold.entered));
    assert_result(ward_reply(h->ctx, 8), -EINVAL);
    assert_result(ward_done(h->ctx), -EINVAL);
    sem_post(&hold.release);
    caller_finish(&asker, 7);
    assert_result(ward_system_stop(h->sys), 0);
    caller_finish(&runner, 0);
    assert_result(hold.reply, 0); /* which the runner knows a little after the asker */
}

/* Another thread can answer it, so that is no deadlock. */
static void
an_actor_that_asks_the_host_can_be_asked_meanwhile(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct caller runner = {.h = h, .call = call_run};
    struct caller asker = {.h = h, .call = call_ask_host, .ref = ref};
    struct caller other = {.h = h, .call = call_ask, .ref = ref};
    struct hold hold;

    settle(h);
    hold_init(h, &hold);
    h->on_mail = hold_mail;
    caller_begin(&runner);
    caller_begin(&asker);
    assert_true(await_post(&hold.entered));
    caller_begin(&other);
    caller_await_asleep(&other);
    sem_post(&hold.release);
    caller_finish(&asker, 7);
    caller_finish(&other, 1);
    assert_result(ward_system_stop(h->sys), 0);
    caller_finish(&runner, 0);
    assert_result(crew_ask(h, h->self, COUNT), -ESHUTDOWN);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(callbacks_come_one_at_a_time_in_order_and_only_to_who_dispatches),
        TEST(the_descriptor_is_readable_exactly_while_something_is_due),
        TEST(supervision_goes_on_beside_a_long_callback),
        TEST(only_the_thread_of_the_callback_has_its_message_in_hand),
        TEST(an_actor_that_asks_the_host_can_be_asked_meanwhile),
    };

    return harness_main("thread callbacks", tests, sizeof tests / sizeof tests[0]);
}

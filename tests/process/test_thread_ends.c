/* Threads and the end: of the system, of a wait, of a thread, of ward's own processes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crew.h"

/* ---- an end while others wait ---- */

/* A callback that is held until the test lets it go. */
struct hold {
    sem_t entered, release;
    bool is_free_wanted; /* it frees the system itself */
    int missed;          /* the test did not let it go in time */
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

    (void)msg;
    sem_post(&hold->entered);
    hold->missed += !await_post(&hold->release);
    if (hold->is_free_wanted)
        ward_system_free(h->sys);
}

static int
nap(ward_ctx *ctx)
{
    (void)ctx;
    return pause(); /* until it is killed */
}

static ward_next
sleeper_receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    (void)msg;
    return WARD_UNHANDLED;
}

static const ward_behavior sleeper = {
    .name = "sleeper", .pre_start = nap, .receive = sleeper_receive};
WARD_REGISTER(sleeper);

enum { WAITERS = 5 };

/* Each in a wait of its own kind, none of which ends by itself. */
static void
begin_waiting(struct harness *h, struct caller callers[WAITERS])
{
    static int64_t (*const calls[WAITERS])(struct caller *) = {
        call_ask, call_run, call_settle, call_wait_down, call_wait_up};
    ward_ref busy = spawn_up(h, &counter_spec);
    ward_ref slow = spawn(h, &(ward_spec){.id = "slow", .behavior = &sleeper});

    assert_result(ward_tell(h->ctx, busy, HANG), 0);
    for (int i = 0; i < WAITERS; i++) {
        callers[i] = (struct caller){.h = h, .call = calls[i], .ref = busy};
        if (calls[i] == call_wait_up)
            callers[i].ref = slow;
        caller_begin(&callers[i]);
    }
    for (int i = 0; i < WAITERS; i++)
        caller_await_asleep(&callers[i]);
}

static void
free_sends_away_all_who_wait(void **state)
{
    struct harness *h = threaded(state);
    struct caller callers[WAITERS];

    begin_waiting(h, callers);
    ward_system_free(h->sys);
    h->sys = NULL;
    for (int i = 0; i < WAITERS; i++)
        caller_finish(&callers[i], -WARD_ESTOPPED);
}

static void
free_in_a_callback_sends_away_all_who_wait(void **state)
{
    struct harness *h = threaded(state);
    ward_ref teller =
        spawn_up(h, &(ward_spec){.id = "teller", .behavior = &crew_counter});
    struct caller callers[WAITERS];
    struct hold hold;

    settle(h);
    hold_init(h, &hold);
    hold.is_free_wanted = true;
    sem_post(&hold.release);
    begin_waiting(h, callers);
    h->on_mail = hold_mail;
    assert_result(ward_tell(h->ctx, teller, TELL_HOST, 1), 0);
    for (int i = 0; i < WAITERS; i++)
        finish(callers[i].thread);
    h->sys = NULL;
    for (int i = 0; i < WAITERS; i++)
        if (callers[i].call != call_run && callers[i].call != call_settle)
            assert_result(callers[i].result, -WARD_ESTOPPED);
    /* One of these two has called it. */
    assert_true((callers[1].result == 0) != (callers[2].result == 0));
    assert_int_equal(callers[1].result + callers[2].result, -WARD_ESTOPPED);
}

static int64_t
call_free(struct caller *caller)
{
    ward_system_free(caller->h->sys);
    return 0;
}

/* A runner whose callback is held, for the first of so many messages. */
static void
begin_held(struct harness *h, struct hold *hold, struct caller *runner, int messages)
{
    ward_ref teller = spawn_up(h, &counter_spec);

    settle(h);
    hold_init(h, hold);
    h->on_mail = hold_mail;
    *runner = (struct caller){.h = h, .call = call_run};
    caller_begin(runner);
    caller_await_asleep(runner);
    for (int i = 0; i < messages; i++) {
        assert_result(ward_tell(h->ctx, teller, TELL_HOST, i), 0);
        assert_true(i > 0 || await_post(&hold->entered));
    }
    assert_int_equal(ask_number(h, teller, WHO_AM_I), 0);
}

static void
free_while_held(struct harness *h, int messages)
{
    struct caller runner, freer = {.h = h, .call = call_free};
    struct hold hold;

    begin_held(h, &hold, &runner, messages);
    caller_begin(&freer);
    caller_await_asleep(&freer);
    sem_post(&hold.release);
    sem_post(&hold.release);
    caller_finish(&freer, 0);
    h->sys = NULL;
    caller_finish(&runner, -WARD_ESTOPPED);
    assert_int_equal(hold.missed, 0);
    assert_int_equal(h->mail_count, 1);
}

static void
free_waits_for_a_callback_of_one_who_runs_on(void **state)
{
    free_while_held(threaded(state), 1);
}

static void
who_is_sent_away_calls_nothing_more(void **state)
{
    free_while_held(threaded(state), 2);
}

static void
who_runs_while_another_calls_back_hinders_nobody(void **state)
{
    struct harness *h = threaded(state);
    struct caller first, second = {.h = h, .call = call_run};
    struct hold hold;

    begin_held(h, &hold, &first, 2);
    second.ref = find(h, "/counter");
    caller_begin(&second);
    caller_await_asleep(&second);
    assert_result(ward_system_stop(h->sys), 0);
    assert_result(ward_wait_down(h->sys, second.ref, DEADLINE_MS), 0);
    sem_post(&hold.release);
    sem_post(&hold.release);
    caller_finish(&first, 0);
    caller_finish(&second, 0);
    assert_int_equal(hold.missed, 0);
    assert_int_equal(h->mail_count, 2);
}

static void
who_settles_waits_for_the_callback_of_another(void **state)
{
    struct harness *h = threaded(state);
    struct caller runner, settler = {.h = h, .call = call_settle};
    struct hold hold;

    begin_held(h, &hold, &runner, 2);
    caller_begin(&settler);
    caller_await_asleep(&settler);
    assert_result(ward_tell(h->ctx, find(h, "/counter"), COUNT), 0);
    sem_post(&hold.release);
    sem_post(&hold.release);
    caller_finish(&settler, 0);
    assert_int_equal(hold.missed, 0);
    assert_result(ward_system_stop(h->sys), 0);
    caller_finish(&runner, 0);
    assert_int_equal(h->mail_count, 2);
}

/* ---- an end before the beginning ---- */

static void
without_descriptors_there_is_no_system_and_nothing_left_of_one(void **state)
{
    struct harness *h = *state;
    int before = open_descriptors(), result = -EMFILE, refused = 0;
    ward_system *other;
    struct rlimit had, has;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    has = had;
    for (has.rlim_cur = 3; result < 0; has.rlim_cur++) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &has), 0);
        result = ward_system_new(&other, &(ward_system_options){.threaded = true});
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
        if (result < 0) {
            assert_result(result, -EMFILE);
            assert_int_equal(open_descriptors(), before);
            refused++;
        }
    }
    assert_true(refused > 3);
    assert_result(ward_system_stop(other), 0);
    assert_result(ward_run_for(other, DEADLINE_MS), 0);
    ward_system_free(other);
    settle(h);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(free_sends_away_all_who_wait),
        TEST(free_in_a_callback_sends_away_all_who_wait),
        TEST(free_waits_for_a_callback_of_one_who_runs_on),
        TEST(who_is_sent_away_calls_nothing_more),
        TEST(who_runs_while_another_calls_back_hinders_nobody),
        TEST(who_settles_waits_for_the_callback_of_another),
        TEST(without_descriptors_there_is_no_system_and_nothing_left_of_one),
    };

    return harness_main("thread ends", tests, sizeof tests / sizeof tests[0]);
}

/* The loop's deadlines: in which order they fire, and whom they wake. */
#include "supervisor/loop.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/clock.h"
#include "tests/unit/random.h"

enum { TIMERS = 60, STEPS = 200, HISTORIES = 4000, LATER_MS = 3600000 };

static struct ward__loop loop;
static struct ward__timer timers[TIMERS];

/* What is armed, in the order in which it has to fire. */
static size_t model[TIMERS], model_count;
static size_t fired[TIMERS], fired_count;

static int
open_loop(void **state)
{
    (void)state;
    memset(timers, 0, sizeof timers);
    model_count = fired_count = 0;
    return ward__loop_init(&loop);
}

static int
close_loop(void **state)
{
    (void)state;
    ward__loop_done(&loop);
    return 0;
}

static void
fire(struct ward__timer *timer)
{
    fired[fired_count++] = (size_t)(timer - timers);
}

static void
model_cancel(size_t which)
{
    for (size_t i = 0; i < model_count; i++)
        if (model[i] == which) {
            model_count--;
            memmove(&model[i], &model[i + 1], (model_count - i) * sizeof model[0]);
            return;
        }
}

/* Behind all that are due before it or with it. */
static void
model_set(size_t which, int64_t at)
{
    size_t i;

    model_cancel(which);
    for (i = model_count; i > 0 && timers[model[i - 1]].at > at; i--)
        model[i] = model[i - 1];
    model[i] = which;
    model_count++;
}

static bool
is_readable(void)
{
    struct pollfd polled = {.fd = ward__loop_fd(&loop), .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

static void
play(uint64_t seed)
{
    struct random random = {seed};
    unsigned rising = random_below(&random, 101); /* percent that come in order */
    int64_t at = 1;

    for (int step = 0; step < STEPS; step++) {
        size_t which = random_below(&random, TIMERS);
        if (random_is(&random, 30)) {
            ward__timer_cancel(&loop, &timers[which]);
            model_cancel(which);
            continue;
        }
        at = random_is(&random, rising) ? at + random_below(&random, 2)
                                        : 1 + random_below(&random, STEPS);
        model_set(which, at);
        ward__timer_set(&loop, &timers[which], at, fire);
    }
    fired_count = 0;
    ward__loop_turn(&loop, false);
    if (fired_count != model_count ||
        memcmp(fired, model, model_count * sizeof model[0]) != 0)
        fail_msg("WARD_SEED=%llu: %zu fired of %zu, or in another order",
                 (unsigned long long)seed, fired_count, model_count);
    model_count = 0;
}

static void
deadlines_fire_in_their_order_and_equal_ones_as_they_were_set(void **state)
{
    uint64_t seed;

    (void)state;
    if (random_replay(&seed)) {
        play(seed);
        return;
    }
    for (seed = 1; seed <= random_rounds(HISTORIES); seed++)
        play(seed);
}

static void
one_that_is_not_due_waits(void **state)
{
    (void)state;
    ward__timer_set(&loop, &timers[0], ward__clock_ms() + LATER_MS, fire);
    ward__timer_set(&loop, &timers[1], 1, fire);
    ward__timer_set(&loop, &timers[2], ward__clock_ms() + LATER_MS / 2, fire);
    assert_true(is_readable());
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 1);
    assert_int_equal(fired[0], 1);
    assert_true(timers[0].is_armed && timers[2].is_armed);
    assert_false(is_readable());
}

static void
first_of_several_wakes_though_a_later_one_was_set_first(void **state)
{
    struct pollfd polled = {.fd = ward__loop_fd(&loop), .events = POLLIN};

    (void)state;
    ward__timer_set(&loop, &timers[0], ward__clock_ms() + LATER_MS, fire);
    ward__timer_set(&loop, &timers[1], ward__clock_ms() + 5, fire);
    assert_int_equal(poll(&polled, 1, 10000), 1);
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 1);
}

static void
moved_one_fires_once_at_its_new_time(void **state)
{
    (void)state;
    ward__timer_set(&loop, &timers[0], 1, fire);
    ward__timer_set(&loop, &timers[0], ward__clock_ms() + LATER_MS, fire);
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 0);
    ward__timer_set(&loop, &timers[0], 2, fire);
    ward__loop_turn(&loop, false);
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 1);
}

/* More of them than are dated at once; each third one is cancelled. */
static void
undated_ones_fire_in_their_order_and_none_too_early(void **state)
{
    struct pollfd polled = {.fd = ward__loop_fd(&loop), .events = POLLIN};
    int64_t begun = ward__clock_us();

    (void)state;
    for (size_t i = 0; i < TIMERS; i++) {
        ward__timer_set_later(&loop, &timers[i], 3, fire);
        if (i % 3 == 2)
            ward__timer_cancel(&loop, &timers[i - 1]);
    }
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 0);
    while (fired_count < TIMERS - TIMERS / 3) {
        assert_int_equal(poll(&polled, 1, 10000), 1);
        ward__loop_turn(&loop, true);
        assert_true(fired_count == 0 || ward__clock_us() - begun >= 3000);
    }
    for (size_t i = 1; i < fired_count; i++)
        assert_true(fired[i] > fired[i - 1] && fired[i] % 3 != 1);
}

static void
undated_one_waits_from_when_it_is_dated(void **state)
{
    struct pollfd polled = {.fd = ward__loop_fd(&loop), .events = POLLIN};

    (void)state;
    ward__timer_set_later(&loop, &timers[0], 1, fire);
    assert_int_equal(poll(&polled, 1, 20), 0);
    ward__loop_date(&loop);
    assert_int_equal(poll(&polled, 1, 10000), 1);
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 1);
}

static void
undated_one_may_be_set_to_a_time_instead(void **state)
{
    (void)state;
    ward__timer_set_later(&loop, &timers[0], LATER_MS, fire);
    ward__timer_set_later(&loop, &timers[1], LATER_MS, fire);
    ward__timer_set(&loop, &timers[0], 1, fire);
    ward__loop_turn(&loop, false);
    assert_int_equal(fired_count, 1);
    assert_true(timers[1].is_armed);
    ward__timer_cancel(&loop, &timers[1]);
    ward__loop_date(&loop);
    assert_false(is_readable());
}

static void
cancelled_one_wakes_nobody_who_gets_control(void **state)
{
    (void)state;
    ward__timer_set(&loop, &timers[0], 1, fire);
    ward__timer_cancel(&loop, &timers[0]);
    ward__loop_quieten(&loop);
    assert_false(is_readable());
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)
    static const struct CMUnitTest tests[] = {
        TEST(deadlines_fire_in_their_order_and_equal_ones_as_they_were_set),
        TEST(one_that_is_not_due_waits),
        TEST(first_of_several_wakes_though_a_later_one_was_set_first),
        TEST(moved_one_fires_once_at_its_new_time),
        TEST(undated_ones_fire_in_their_order_and_none_too_early),
        TEST(undated_one_waits_from_when_it_is_dated),
        TEST(undated_one_may_be_set_to_a_time_instead),
        TEST(cancelled_one_wakes_nobody_who_gets_control),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

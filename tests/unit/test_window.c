/* The sliding window: how many restarts are still granted. */
#include "supervisor/window.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <ward/export.h>

#include "ipc/fault.h"
#include "tests/unit/random.h"

static struct ward__window
window_of(int max, int within_ms)
{
    struct ward__window window;

    assert_int_equal(ward__window_init(&window, max, within_ms), 0);
    return window;
}

/* ---- the edge ---- */

static void
as_many_as_max_are_granted_and_no_more(void **state)
{
    struct ward__window window = window_of(3, 1000);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(ward__window_grant(&window, i));
    assert_false(ward__window_grant(&window, 3));
    assert_false(ward__window_grant(&window, 999));
    ward__window_done(&window);
}

static void
one_exactly_that_old_has_expired(void **state)
{
    struct ward__window window = window_of(1, 1000);

    (void)state;
    assert_true(ward__window_grant(&window, 50));
    assert_false(ward__window_grant(&window, 1049));
    assert_int_equal(ward__window_used(&window, 1049), 1);
    assert_int_equal(ward__window_used(&window, 1050), 0);
    assert_true(ward__window_grant(&window, 1050));
    ward__window_done(&window);
}

static void
a_refused_one_is_not_recorded(void **state)
{
    struct ward__window window = window_of(1, 1000);

    (void)state;
    assert_true(ward__window_grant(&window, 0));
    for (int64_t now = 1; now < 1000; now++)
        assert_false(ward__window_grant(&window, now));
    assert_int_equal(ward__window_used(&window, 999), 1);
    assert_true(ward__window_grant(&window, 1000));
    ward__window_done(&window);
}

/* Two in 3 s: at 0, 2.5 and 4.6 s they are granted, at 5.2 s not: 2.5 and 4.6 are inside. */
static void
it_slides_and_does_not_tumble(void **state)
{
    struct ward__window window = window_of(2, 3000);

    (void)state;
    assert_true(ward__window_grant(&window, 0));
    assert_true(ward__window_grant(&window, 2500));
    assert_true(ward__window_grant(&window, 4600));
    assert_false(ward__window_grant(&window, 5200));
    assert_true(ward__window_grant(&window, 5500));
    ward__window_done(&window);
}

static void
several_at_one_moment_are_several(void **state)
{
    struct ward__window window = window_of(2, 10);

    (void)state;
    assert_true(ward__window_grant(&window, 7));
    assert_true(ward__window_grant(&window, 7));
    assert_false(ward__window_grant(&window, 7));
    assert_int_equal(ward__window_used(&window, 7), 2);
    assert_int_equal(ward__window_used(&window, 17), 0);
    ward__window_done(&window);
}

/* ---- options ---- */

static void
zero_means_three_in_a_minute(void **state)
{
    struct ward__window window = window_of(0, 0);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(ward__window_grant(&window, i));
    assert_false(ward__window_grant(&window, 59999));
    assert_true(ward__window_grant(&window, 60000));
    assert_false(ward__window_grant(&window, 60000));
    assert_true(ward__window_grant(&window, 60001));
    ward__window_done(&window);
}

static void
max_WARD_ZERO_never_grants(void **state)
{
    struct ward__window window = window_of(WARD_ZERO, 1000);

    (void)state;
    assert_false(ward__window_grant(&window, 0));
    assert_false(ward__window_grant(&window, INT64_MAX));
    assert_int_equal(ward__window_used(&window, 0), 0);
    ward__window_done(&window);
}

static void
max_WARD_INFINITE_always_grants(void **state)
{
    struct ward__window window = window_of(WARD_INFINITE, 1);

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_true(ward__window_grant(&window, 0));
    assert_int_equal(ward__window_used(&window, 0), 0);
    ward__window_done(&window);
}

static void
within_WARD_ZERO_never_limits(void **state)
{
    struct ward__window window = window_of(1, WARD_ZERO);

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_true(ward__window_grant(&window, 0));
    ward__window_done(&window);
}

static void
within_WARD_INFINITE_never_forgets(void **state)
{
    struct ward__window window = window_of(2, WARD_INFINITE);

    (void)state;
    assert_true(ward__window_grant(&window, 1));
    assert_true(ward__window_grant(&window, 2));
    assert_false(ward__window_grant(&window, INT64_MAX));
    assert_int_equal(ward__window_used(&window, INT64_MAX), 2);
    ward__window_done(&window);
}

static void
one_millisecond_is_a_window_too(void **state)
{
    struct ward__window window = window_of(1, 1);

    (void)state;
    assert_true(ward__window_grant(&window, 0));
    assert_false(ward__window_grant(&window, 0));
    for (int64_t now = 1; now < 100; now++)
        assert_true(ward__window_grant(&window, now));
    ward__window_done(&window);
}

/* ---- the ring ---- */

static void
the_ring_wraps_for_ever(void **state)
{
    struct ward__window window = window_of(3, 30);

    (void)state;
    for (int64_t now = 0; now < 100000; now++)
        assert_int_equal(ward__window_grant(&window, now), now % 30 < 3);
    ward__window_done(&window);
}

static void
no_memory_is_an_error_of_init(void **state)
{
    struct ward__window window;

    (void)state;
    assert_non_null(ward__fault_plan_share());
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward__window_init(&window, 3, 1000), -ENOMEM);
    ward__fault_disarm();
    ward__faults = NULL;
    ward__window_done(&window);
}

static void
done_twice_is_harmless(void **state)
{
    struct ward__window window = window_of(3, 1000);

    (void)state;
    ward__window_done(&window);
    ward__window_done(&window);
}

/* ---- the cases of the model's own tests ---- */

static void
A04_max_two_is_restart_restart_stop(void **state)
{
    struct ward__window window = window_of(2, 60000);

    (void)state;
    assert_true(ward__window_grant(&window, 10));
    assert_true(ward__window_grant(&window, 20));
    assert_false(ward__window_grant(&window, 30));
    ward__window_done(&window);
}

static void
A05_restarts_are_granted_again_after_the_window(void **state)
{
    struct ward__window window = window_of(1, 100);

    (void)state;
    assert_true(ward__window_grant(&window, 0));
    assert_false(ward__window_grant(&window, 1));
    assert_true(ward__window_grant(&window, 151));
    ward__window_done(&window);
}

static void
A06_two_children_have_windows_of_their_own(void **state)
{
    struct ward__window a = window_of(1, 60000);
    struct ward__window b = window_of(1, 60000);

    (void)state;
    assert_true(ward__window_grant(&a, 0));
    assert_true(ward__window_grant(&b, 0));
    assert_false(ward__window_grant(&a, 1));
    assert_false(ward__window_grant(&b, 1));
    ward__window_done(&a);
    ward__window_done(&b);
}

/* ---- against a list of everything that was ever granted ---- */

enum { GRANTS_MOST = 400, STEPS = 400 };

static unsigned
listed_within(const int64_t *granted, unsigned count, int64_t now, int within_ms)
{
    unsigned used = 0;

    for (unsigned i = 0; i < count; i++)
        used += now - granted[i] < within_ms;
    return used;
}

static void
play_against_list(uint64_t seed)
{
    struct random random = {seed};
    int max = 1 + (int)random_below(&random, 6);
    int within_ms = 1 + (int)random_below(&random, 40);
    unsigned pace = 1 + random_below(&random, 2 * (unsigned)within_ms);
    struct ward__window window = window_of(max, within_ms);
    int64_t granted[GRANTS_MOST], now = (int64_t)random_below(&random, 1000);
    unsigned count = 0;

    for (int i = 0; i < STEPS; i++) {
        unsigned used = listed_within(granted, count, now, within_ms);
        bool is_granted;
        if (ward__window_used(&window, now) != used)
            fail_msg("seed %#llx, step %d: used", (unsigned long long)seed, i);
        is_granted = ward__window_grant(&window, now);
        if (is_granted != (used < (unsigned)max))
            fail_msg("seed %#llx, step %d: grant", (unsigned long long)seed, i);
        if (is_granted)
            granted[count++] = now;
        now += (int64_t)random_below(&random, pace);
    }
    ward__window_done(&window);
}

static void
it_agrees_with_a_list_of_all_grants(void **state)
{
    uint64_t seed;

    (void)state;
    if (random_replay(&seed)) {
        play_against_list(seed);
        return;
    }
    for (seed = 0; seed < random_rounds(20000); seed++)
        play_against_list(seed);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_max_are_granted_and_no_more),
        cmocka_unit_test(one_exactly_that_old_has_expired),
        cmocka_unit_test(a_refused_one_is_not_recorded),
        cmocka_unit_test(it_slides_and_does_not_tumble),
        cmocka_unit_test(several_at_one_moment_are_several),
        cmocka_unit_test(zero_means_three_in_a_minute),
        cmocka_unit_test(max_WARD_ZERO_never_grants),
        cmocka_unit_test(max_WARD_INFINITE_always_grants),
        cmocka_unit_test(within_WARD_ZERO_never_limits),
        cmocka_unit_test(within_WARD_INFINITE_never_forgets),
        cmocka_unit_test(one_millisecond_is_a_window_too),
        cmocka_unit_test(the_ring_wraps_for_ever),
        cmocka_unit_test(no_memory_is_an_error_of_init),
        cmocka_unit_test(done_twice_is_harmless),
        cmocka_unit_test(A04_max_two_is_restart_restart_stop),
        cmocka_unit_test(A05_restarts_are_granted_again_after_the_window),
        cmocka_unit_test(A06_two_children_have_windows_of_their_own),
        cmocka_unit_test(it_agrees_with_a_list_of_all_grants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ipc/fault.h"

#include <errno.h>

#include "tests/unit/support.h"

static long
calls_until_failure(long most)
{
    for (long n = 1; n <= most; n++)
        if (WARD__SYS(0) < 0)
            return n;
    return 0;
}

/* Runs first: there is no plan yet. */
static void
without_a_plan_nothing_fails(void **state)
{
    (void)state;
    assert_null(ward__faults);
    assert_int_equal(calls_until_failure(1000), 0);
    assert_non_null(ward__fault_plan_share());
    assert_int_equal(calls_until_failure(1000), 0);
}

static void
exactly_the_call_that_was_asked_for_fails(void **state)
{
    (void)state;
    for (long n = 1; n < 50; n++) {
        ward__fault_arm(WARD__ROLE_HOST, n, EXDEV);
        errno = 0;
        assert_int_equal(calls_until_failure(100), n);
        assert_int_equal(errno, EXDEV);
        assert_int_equal(calls_until_failure(100), 0);
        assert_int_equal(atomic_load(&ward__faults->failed), 1);
        assert_int_equal(atomic_load(&ward__faults->seen), n + 100);
    }
    ward__fault_disarm();
    assert_int_equal(calls_until_failure(100), 0);
    assert_int_equal(atomic_load(&ward__faults->seen), 49 + 100);
}

static void
calls_of_another_role_are_not_counted(void **state)
{
    (void)state;
    ward__fault_arm(WARD__ROLE_WORKER, 1, EXDEV);
    assert_int_equal(calls_until_failure(100), 0);
    assert_int_equal(atomic_load(&ward__faults->seen), 0);
    ward__role = WARD__ROLE_WORKER;
    assert_int_equal(calls_until_failure(100), 1);
    ward__role = WARD__ROLE_HOST;
    ward__fault_disarm();
}

static void
a_call_that_fails_is_not_made(void **state)
{
    int made = 0;

    (void)state;
    ward__fault_arm(WARD__ROLE_HOST, 2, ENOMEM);
    assert_int_equal(WARD__SYS(++made), 1);
    assert_int_equal(WARD__SYS(++made), -1);
    assert_int_equal(made, 1);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_null(WARD__NEW(malloc((size_t)++made)));
    assert_int_equal(made, 1);
    ward__fault_disarm();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_plan_nothing_fails),
        cmocka_unit_test(exactly_the_call_that_was_asked_for_fails),
        cmocka_unit_test(calls_of_another_role_are_not_counted),
        cmocka_unit_test(a_call_that_fails_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The management of supervisors in the engine, scenario by scenario: calls, auto_shutdown,
 * delays. The numbers are those of the cases that were collected from OTP; a supervisor is `a`,
 * its children are b, c, d.
 */
#include "tests/unit/engine_site.h"

/* ---- E: management ---- */

static void
a_stop_reaches_those_that_are_held_or_absent(void **state)
{
    struct ward__node *a = site(WARD_ONE_FOR_ALL, 1, 3, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = a + 3;

    (void)state;
    ward__engine_terminate_child(&tree.engine, d);
    ends(d);
    crashes(c);
    assert_state(c, "HELD");
    assert_absent(d, WARD__ENDED_STOPPED);
    stop(d); /* it is down already */
    EFFECTS("b:HALTING");
    stop(a);
    EFFECTS("d:ENDED c:ENDED");
    ends(b);
    EFFECTS("b:ENDED a:ENDED");
}

static void
a_stop_ends_a_loop_of_restarts(void **state) /* E8 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, WARD_INFINITE, 1, &permanent);
    struct ward__node *b = a + 1;

    (void)state;
    for (int i = 0; i < 12; i++) {
        if (b->state == WARD__NODE_DELAYED)
            ward__engine_expired(&tree.engine, b);
        crashes(b);
    }
    EFFECTS("b:DELAYED");
    stop(a);
    EFFECTS("b:ENDED a:ENDED");
    ward__engine_expired(&tree.engine, b);
    EFFECTS("");
}

static void
a_member_that_never_starts_keeps_the_later_ones_away(void **state) /* E9 */
{
    struct ward__node *a = site(WARD_REST_FOR_ONE, WARD_INFINITE, 3, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = a + 3;

    (void)state;
    crashes(c);
    EFFECTS("d:HALTING");
    ends(d);
    for (int i = 0; i < 3; i++) {
        EFFECTS("c:STARTING");
        crashes(c);
    }
    assert_state(b, "UP");
    assert_state(d, "HELD");
    ward__engine_terminate_child(&tree.engine, c);
    raises(c);
    goes(c);
    EFFECTS("c:ABSENT d:ABSENT");
    ward__engine_restart_child(&tree.engine, c);
    ready(c);
    EFFECTS("");
    assert_state(c, "UP");
    assert_absent(d, WARD__ENDED_STOPPED);
    assert_int_equal(a->phase, WARD__GROUP_QUIET);
}

/* ---- F: auto_shutdown ---- */

static struct ward__node *
mortal_site(ward_auto_shutdown shutdown)
{
    struct ward__node_options options = supervisor(WARD_ONE_FOR_ONE, 9);
    struct ward__node *node;

    options.restart = WARD_TRANSIENT;
    options.policy.auto_shutdown = shutdown;
    node = spawn_with(&tree.root, &options);
    effects();
    return node;
}

static void
the_first_significant_end_is_that_of_the_supervisor(void **state) /* F1 */
{
    struct ward__node_options significant = of_type(WARD_TRANSIENT, true);
    struct ward__node *a = mortal_site(WARD_ANY_SIGNIFICANT);
    struct ward__node *b = adopt(a, &permanent), *c = adopt(a, &significant);
    struct ward__node *d = adopt(a, &permanent);

    (void)state;
    ward__engine_begin(&tree.engine, a);
    ready(b);
    ready(c);
    ready(d);
    effects();
    leaves(c);
    EFFECTS("c:ABSENT d:HALTING");
    ends(d);
    EFFECTS("d:ENDED c:ENDED b:HALTING");
    ends(b);
    EFFECTS("b:ENDED a:ENDED");
    assert_ended(a, WARD__ENDED_NORMAL);
}

static void
a_significant_failure_counts_if_it_is_not_restarted(void **state) /* F2 */
{
    struct ward__node_options transient = of_type(WARD_TRANSIENT, true);
    struct ward__node_options temporary = of_type(WARD_TEMPORARY, true);
    struct ward__node *a = mortal_site(WARD_ANY_SIGNIFICANT);
    struct ward__node *b = adopt(a, &transient), *c = adopt(a, &temporary);

    (void)state;
    ward__engine_begin(&tree.engine, a);
    ready(b);
    ready(c);
    effects();
    crashes(b);
    EFFECTS("b:STARTING");
    ready(b);
    assert_state(a, "UP");
    crashes(c);
    EFFECTS("c:ENDED b:HALTING");
    ends(b);
    assert_ended(a, WARD__ENDED_NORMAL);
}

static void
the_last_significant_one_that_is_terminated_does_not_count(void **state) /* F4 */
{
    struct ward__node_options significant = of_type(WARD_TRANSIENT, true);
    struct ward__node *a = mortal_site(WARD_ALL_SIGNIFICANT);

    (void)state;
    bring_up(a, 2, &significant);
    leaves(a + 2);
    ward__engine_terminate_child(&tree.engine, a + 1);
    ends(a + 1);
    EFFECTS("c:ABSENT b:ABSENT");
    assert_state(a, "UP");
}

static void
a_shutdown_climbs_while_supervisors_are_significant(void **state) /* F6 */
{
    struct ward__node_options significant = of_type(WARD_TRANSIENT, true);
    struct ward__node_options sub = supervisor(WARD_ONE_FOR_ONE, 1);

    sub.restart = WARD_TRANSIENT;
    sub.policy.auto_shutdown = WARD_ANY_SIGNIFICANT;
    for (int i = 0; i < 2; i++) {
        struct ward__node *a, *b;
        setup(state);
        sub.is_significant = i == 0;
        a = mortal_site(WARD_ANY_SIGNIFICANT);
        b = adopt(a, &sub);
        ward__engine_begin(&tree.engine, a);
        effects();
        bring_up(b, 1, &significant);
        leaves(b + 1);
        EFFECTS(i == 0 ? "c:ENDED b:ENDED a:ENDED" : "c:ENDED b:ABSENT");
        assert_int_equal(b->why, WARD__ENDED_NORMAL);
        assert_state(a, i == 0 ? "ENDED" : "UP");
        teardown(state);
    }
    tree.count = 0;
}

static void
one_that_is_being_restarted_has_not_ended(void **state) /* F7 */
{
    struct ward__node_options significant = of_type(WARD_TRANSIENT, true);
    struct ward__node *a = mortal_site(WARD_ALL_SIGNIFICANT);

    (void)state;
    bring_up(a, 2, &significant);
    crashes(a + 1);
    EFFECTS("b:STARTING");
    crashes(a + 1);
    leaves(a + 2);
    EFFECTS("b:STARTING c:ABSENT");
    assert_state(a, "UP");
}

/* ---- G: delays ---- */

static void
whoever_is_started_during_a_delay_is_started_once(void **state) /* G6 */
{
    struct ward__node_options patient = permanent;
    struct ward__node *a, *b;

    (void)state;
    patient.backoff_first_ms = 50;
    patient.backoff_most_ms = 100;
    a = site(WARD_ONE_FOR_ONE, 9, 1, &patient);
    b = a + 1;
    crashes(b);
    EFFECTS("b:DELAYED");
    assert_int_equal(b->delay_ms, 50);
    ward__engine_terminate_child(&tree.engine, b);
    EFFECTS("b:ABSENT");
    ward__engine_expired(&tree.engine, b);
    EFFECTS("");
    ward__engine_restart_child(&tree.engine, b);
    ward__engine_expired(&tree.engine, b);
    EFFECTS("b:STARTING");
    ready(b);
    assert_int_equal(b->starts, 2);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_stop_reaches_those_that_are_held_or_absent),
        TEST(a_stop_ends_a_loop_of_restarts),
        TEST(a_member_that_never_starts_keeps_the_later_ones_away),
        TEST(the_first_significant_end_is_that_of_the_supervisor),
        TEST(a_significant_failure_counts_if_it_is_not_restarted),
        TEST(the_last_significant_one_that_is_terminated_does_not_count),
        TEST(a_shutdown_climbs_while_supervisors_are_significant),
        TEST(one_that_is_being_restarted_has_not_ended),
        TEST(whoever_is_started_during_a_delay_is_started_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

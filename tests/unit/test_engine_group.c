/*
 * Supervisors and their groups in the engine, scenario by scenario: starts and stops, restart
 * types, groups, intensity. The numbers are those of the cases that were collected from OTP; a
 * supervisor is `a`, its children are b, c, d.
 */
#include "tests/unit/engine_site.h"

/* ---- A: start and stop ---- */

static void
children_stop_in_reverse_one_by_one(void **state) /* A4 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 1, 3, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = a + 3;

    (void)state;
    stop(a);
    EFFECTS("d:HALTING");
    ends(d);
    EFFECTS("d:ENDED c:HALTING");
    ends(c);
    EFFECTS("c:ENDED b:HALTING");
    ends(b);
    EFFECTS("b:ENDED a:ENDED");
    assert_ended(a, WARD__ENDED_STOPPED);
}

static void
a_nested_supervisor_stops_in_its_turn(void **state) /* A5 */
{
    struct ward__node_options sub = supervisor(WARD_ONE_FOR_ONE, 1);
    struct ward__node_options top = sub;
    struct ward__node *a = spawn_with(&tree.root, &top);
    struct ward__node *x, *s, *y;

    (void)state;
    effects();
    x = adopt(a, &permanent);
    s = adopt(a, &sub);
    y = adopt(a, &permanent);
    ward__engine_begin(&tree.engine, a);
    EFFECTS("b:STARTING");
    ready(x);
    EFFECTS("c:STARTING");
    bring_up(s, 2, &permanent);
    ready(y);
    EFFECTS("a:UP");
    stop(a);
    EFFECTS("d:HALTING");
    ends(y);
    EFFECTS("d:ENDED f:HALTING");
    ends(y + 2);
    EFFECTS("f:ENDED e:HALTING");
    ends(y + 1);
    EFFECTS("e:ENDED c:ENDED b:HALTING");
    ends(x);
    EFFECTS("b:ENDED a:ENDED");
}

static void
a_pool_stops_all_at_once(void **state) /* A8 */
{
    struct ward__node *a = site(WARD_SIMPLE_ONE_FOR_ONE, 1, 0, NULL);

    (void)state;
    for (int i = 0; i < 3; i++)
        ready(start_child(a, &permanent));
    effects();
    stop(a);
    EFFECTS("d:HALTING c:HALTING b:HALTING");
    ends(a + 2);
    ends(a + 3);
    ends(a + 1);
    EFFECTS("c:ENDED d:ENDED b:ENDED a:ENDED");
}

/* ---- B: restart types ---- */

static void
a_permanent_one_is_started_after_every_end(void **state) /* B1 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 9, 1, &permanent);
    struct ward__node *b = a + 1;

    (void)state;
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0)
            leaves(b);
        else
            crashes(b);
        EFFECTS("b:STARTING");
        ready(b);
    }
    assert_int_equal(b->starts, 5);
}

static void
a_transient_one_that_stopped_itself_stays_away(void **state) /* B2 */
{
    struct ward__node_options transient = of_type(WARD_TRANSIENT, false);
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 9, 1, &transient);
    struct ward__node *b = a + 1;

    (void)state;
    leaves(b);
    EFFECTS("b:ABSENT");
    assert_absent(b, WARD__ENDED_NORMAL);
    ward__engine_restart_child(&tree.engine, b);
    EFFECTS("b:STARTING");
    ready(b);
    leaves(b);
    EFFECTS("b:ABSENT");
    assert_int_equal(b->lives_over, 2);
    assert_int_equal(b->starts, 2);
}

static void
the_normal_end_of_a_permanent_one_is_counted(void **state) /* B6 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 1, 1, &permanent);
    struct ward__node *b = a + 1;

    (void)state;
    leaves(b);
    EFFECTS("b:STARTING");
    ready(b);
    leaves(b);
    EFFECTS("b:ENDED a:DECIDING");
    assert_ended(b, WARD__ENDED_INTENSITY);
    assert_int_equal(b->starts, 2);
}

/* ---- C: groups ---- */

static void
one_for_one_leaves_the_others_alone(void **state) /* C1 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 1, 2, &permanent);

    (void)state;
    crashes(a + 1);
    EFFECTS("b:STARTING");
    ready(a + 1);
    EFFECTS("");
    assert_int_equal(a[1].starts, 2);
    assert_int_equal(a[2].starts, 1);
}

static void
one_for_all_goes_down_in_reverse_and_starts_in_order(void **state) /* C2 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ALL, 1, 3, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = a + 3;

    (void)state;
    crashes(c);
    EFFECTS("d:HALTING");
    ends(d);
    EFFECTS("b:HALTING");
    ends(b);
    EFFECTS("b:STARTING");
    ready(b);
    EFFECTS("c:STARTING");
    ready(c);
    EFFECTS("d:STARTING");
    ready(d);
    EFFECTS("");
    assert_int_equal(a->phase, WARD__GROUP_QUIET);
}

static void
an_end_without_a_restart_leaves_the_group_alone(void **state) /* C7 */
{
    struct ward__node_options temporary = of_type(WARD_TEMPORARY, false);
    struct ward__node_options transient = of_type(WARD_TRANSIENT, false);
    struct ward__node *a = site(WARD_ONE_FOR_ALL, WARD_ZERO, 1, &permanent);
    struct ward__node *c = start_child(a, &temporary), *d = start_child(a, &transient);

    (void)state;
    ready(c);
    ready(d);
    effects();
    crashes(c);
    EFFECTS("c:ENDED");
    leaves(d);
    EFFECTS("d:ABSENT");
    assert_state(a, "UP");
    assert_state(a + 1, "UP");
}

static void
a_permanent_one_that_stops_itself_restarts_the_group(void **state) /* C8 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ALL, 1, 2, &permanent);
    struct ward__node *b = a + 1, *c = a + 2;

    (void)state;
    leaves(c);
    EFFECTS("b:HALTING");
    ends(b);
    EFFECTS("b:STARTING");
    ready(b);
    EFFECTS("c:STARTING");
}

static void
a_member_that_fails_to_start_takes_all_down_again(void **state) /* C11 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ALL, 2, 4, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = a + 3, *e = a + 4;

    (void)state;
    crashes(c);
    ends(e);
    ends(d);
    ends(b);
    ready(b);
    ready(c);
    EFFECTS("d:STARTING");
    crashes(d);
    EFFECTS("c:HALTING");
    ends(c);
    EFFECTS("b:HALTING");
    ends(b);
    EFFECTS("b:STARTING");
    ready(b);
    ready(c);
    ready(d);
    ready(e);
    assert_int_equal(a->phase, WARD__GROUP_QUIET);
    assert_int_equal(b->starts, 3);
    assert_int_equal(c->starts, 3);
    assert_int_equal(d->starts, 3);
    assert_int_equal(e->starts, 2);
}

static void
the_order_follows_what_was_added_and_deleted(void **state) /* C12 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 1, 2, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = start_child(a, &permanent), *e;

    (void)state;
    ready(d);
    ward__engine_terminate_child(&tree.engine, b);
    ends(b);
    ward__engine_restart_child(&tree.engine, b);
    ready(b);
    ward__engine_terminate_child(&tree.engine, c);
    ends(c);
    ward__engine_delete_child(&tree.engine, c);
    assert_ended(c, WARD__ENDED_STOPPED);
    e = start_child(a, &permanent);
    ready(e);
    effects();
    stop(a);
    EFFECTS("e:HALTING");
    ends(e);
    EFFECTS("e:ENDED d:HALTING");
    ends(d);
    EFFECTS("d:ENDED b:HALTING");
}

static void
one_that_ignores_its_restart_stays_away(void **state) /* C13 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 1, 1, &permanent);
    struct ward__node *b = a + 1;

    (void)state;
    crashes(b);
    EFFECTS("b:STARTING");
    ward__engine_ignored(&tree.engine, b);
    goes(b);
    EFFECTS("b:ABSENT");
    assert_absent(b, WARD__ENDED_IGNORED);
    assert_state(a, "UP");
}

/* ---- D: intensity ---- */

static void
no_intensity_is_no_restart(void **state) /* D2 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, WARD_ZERO, 1, &permanent);

    (void)state;
    crashes(a + 1);
    EFFECTS("b:ENDED a:DECIDING");
    assert_int_equal(a[1].starts, 1);
    decide(a, STOP, 0);
    EFFECTS("a:ENDED");
}

static void
all_children_share_the_intensity(void **state) /* D6 */
{
    struct ward__node *a = site(WARD_ONE_FOR_ONE, 5, 3, &permanent);
    struct ward__node *b = a + 1, *c = a + 2, *d = a + 3;

    (void)state;
    for (int i = 0; i < 3; i++) { /* they die once, and never start again */
        crashes(b);
        crashes(c);
    }
    EFFECTS("c:ABSENT d:HALTING");
    assert_int_equal(b->starts, 4);
    assert_int_equal(c->starts, 3);
    ends(d);
    dies(b);
    assert_state(a, "DECIDING");
}

static void
intensities_of_nested_supervisors_multiply(void **state) /* D7 */
{
    struct ward__node_options sub = supervisor(WARD_ONE_FOR_ONE, 1);
    struct ward__node *a = spawn_with(&tree.root, &sub), *b, *worker;
    uint32_t starts = 0;

    (void)state;
    effects();
    sub.policy.period_ms = 1000;
    b = adopt(a, &sub);
    ward__engine_begin(&tree.engine, a);
    for (int i = 0; i < 2; i++) {
        worker = &tree.nodes[tree.count];
        effects();
        bring_up(b, 1, &permanent);
        crashes(worker);
        ready(worker);
        crashes(worker);
        assert_ended(worker, WARD__ENDED_INTENSITY);
        starts += worker->starts;
        assert_state(b, "DECIDING");
        decide(b, RESTART, tree.engine.now + 1000);
    }
    assert_int_equal(starts, 4);
    EFFECTS("b:ENDED a:DECIDING");
}

static void
those_that_live_stop_in_reverse_when_it_gives_up(void **state) /* D9 */
{
    static const ward_group groups[] = {WARD_ONE_FOR_ONE, WARD_ONE_FOR_ALL,
                                        WARD_REST_FOR_ONE};
    struct ward__node_options tidy = permanent;

    tidy.has_post_stop = true;
    for (int i = 0; i < 3; i++) {
        struct ward__node *a;
        setup(state);
        a = site(groups[i], WARD_ZERO, 3, &tidy);
        crashes(a + 2);
        EFFECTS("c:RECOVERING");
        ward__engine_recovered(&tree.engine, a + 2);
        EFFECTS("c:ABSENT d:HALTING");
        ends(a + 3);
        EFFECTS("d:ENDED c:ENDED b:HALTING");
        ends(a + 1);
        EFFECTS("b:ENDED a:DECIDING");
        teardown(state);
    }
    tree.count = 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(children_stop_in_reverse_one_by_one),
        TEST(a_nested_supervisor_stops_in_its_turn),
        TEST(a_pool_stops_all_at_once),
        TEST(a_permanent_one_is_started_after_every_end),
        TEST(a_transient_one_that_stopped_itself_stays_away),
        TEST(the_normal_end_of_a_permanent_one_is_counted),
        TEST(one_for_one_leaves_the_others_alone),
        TEST(one_for_all_goes_down_in_reverse_and_starts_in_order),
        TEST(an_end_without_a_restart_leaves_the_group_alone),
        TEST(a_permanent_one_that_stops_itself_restarts_the_group),
        TEST(a_member_that_fails_to_start_takes_all_down_again),
        TEST(the_order_follows_what_was_added_and_deleted),
        TEST(one_that_ignores_its_restart_stays_away),
        TEST(no_intensity_is_no_restart),
        TEST(all_children_share_the_intensity),
        TEST(intensities_of_nested_supervisors_multiply),
        TEST(those_that_live_stop_in_reverse_when_it_gives_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

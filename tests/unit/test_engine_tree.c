/* The directive engine, scenario by scenario: families, stops in every state, delays. */
#include "tests/unit/engine_tree.h"

/* ---- parents and children ---- */

/* Takes a node that is up and was told to halt to its end. */
static void
finish(struct ward__node *node)
{
    assert_string_equal(ward__node_state_name(node->state), "HALTING");
    quiet(node, WARD__SAYS_ASKED, 0);
    assert_string_equal(ward__node_state_name(node->state), "FINISHING");
    effects();
    goes(node);
}

static void
children_stop_one_by_one_last_started_first(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a), *c = up(a), *d = up(a);

    (void)state;
    stop(a);
    EFFECTS("a:HALTING");
    quiet(a, WARD__SAYS_ASKED, 0);
    EFFECTS("d:HALTING");
    finish(d);
    EFFECTS("d:ENDED c:HALTING");
    finish(c);
    EFFECTS("c:ENDED b:HALTING");
    finish(b);
    EFFECTS("b:ENDED a:FINISHING");
    goes(a);
    EFFECTS("a:ENDED");
    assert_ended(b, WARD__ENDED_STOPPED);
}

static void
a_restart_of_the_parent_ends_the_children_first(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a), *c = up(b);

    (void)state;
    dies(a);
    decide(a, RESTART, 0);
    EFFECTS("b:HALTING");
    quiet(b, WARD__SAYS_ASKED, 0);
    EFFECTS("c:HALTING");
    finish(c);
    EFFECTS("c:ENDED b:FINISHING");
    goes(b);
    EFFECTS("b:ENDED a:STARTING");
    assert_true(TAILQ_EMPTY(&a->children));
}

static void
escalation_fails_the_parent_whose_own_spec_decides(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a), *c = up(a);

    (void)state;
    dies(c);
    decide(c, ESCALATE, 0);
    EFFECTS("c:RECOVERING");
    ward__engine_recovered(&tree.engine, c);
    EFFECTS("c:ENDED a:HALTING");
    quiet(a, WARD__SAYS_ASKED, 0);
    EFFECTS("b:HALTING");
    finish(b);
    EFFECTS("b:ENDED a:FINISHING");
    goes(a);
    EFFECTS("a:DECIDING");
    decide(a, RESTART, 0);
    EFFECTS("a:STARTING");
}

static void
escalation_past_the_root_ends_the_root(void **state)
{
    struct ward__node *a = up(&tree.root), *b = up(&tree.root);

    (void)state;
    raises(a);
    decide(a, ESCALATE, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    EFFECTS("a:ENDED b:HALTING");
    finish(b);
    EFFECTS("b:ENDED /:ENDED");
    assert_int_equal(tree.root.goal, WARD__GOAL_ESCALATE);
}

static void
escalation_climbs_step_by_step(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a);

    (void)state;
    raises(b);
    decide(b, ESCALATE, 0);
    effects();
    goes(b);
    EFFECTS("b:ENDED a:HALTING");
    finish(a);
    EFFECTS("a:DECIDING");
    decide(a, ESCALATE, 0);
    EFFECTS("a:ENDED /:ENDED");
}

static void
a_stop_overtakes_an_escalation_to_the_parent(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a);

    (void)state;
    raises(b);
    decide(b, ESCALATE, 0);
    goes(b);
    effects();
    stop(a);
    finish(a);
    EFFECTS("a:ENDED");
    assert_ended(a, WARD__ENDED_STOPPED);
    assert_int_equal(tree.root.state, WARD__NODE_UP);
}

static void
a_child_that_fails_while_the_parent_empties_is_not_decided(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a);

    (void)state;
    stop(a);
    quiet(a, WARD__SAYS_ASKED, 0);
    effects();
    dies(b);
    EFFECTS("b:RECOVERING");
    ward__engine_recovered(&tree.engine, b);
    EFFECTS("b:ENDED a:FINISHING");
}

/* ---- a stop in every state reaches the end ---- */

static void
reach_end(struct ward__node *node)
{
    for (int i = 0; i < 10 && node->state != WARD__NODE_ENDED; i++) {
        effects();
        if (node->state == WARD__NODE_HALTING)
            quiet(node, WARD__SAYS_ASKED, 0);
        else if (node->state == WARD__NODE_DECIDING)
            ward__engine_directive(&tree.engine, node, RESTART);
        else if (node->state == WARD__NODE_RECOVERING)
            ward__engine_recovered(&tree.engine, node);
        else if (node->state == WARD__NODE_EMPTYING)
            reach_end(TAILQ_LAST(&node->children, ward__node_list));
        else
            goes(node);
    }
    assert_string_equal(ward__node_state_name(node->state), "ENDED");
}

/* Brings a fresh node into each of the states. */
static struct ward__node *
brought_to(enum ward__node_state wanted)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    effects();
    if (wanted == WARD__NODE_DELAYED) {
        dies(a);
        decide(a, RESTART, 0);
        assert_true(ward__engine_spawn_error(&tree.engine, a));
    } else if (wanted != WARD__NODE_STARTING) {
        ready(a);
    }
    if (wanted == WARD__NODE_DECIDING || wanted == WARD__NODE_EXITING)
        raises(a);
    if (wanted == WARD__NODE_EXITING)
        decide(a, RESTART, 0);
    if (wanted == WARD__NODE_EMPTYING)
        up(a);
    if (wanted == WARD__NODE_HALTING || wanted == WARD__NODE_FINISHING ||
        wanted == WARD__NODE_EMPTYING)
        ward__engine_restart(&tree.engine, a);
    if (wanted == WARD__NODE_FINISHING || wanted == WARD__NODE_EMPTYING)
        quiet(a, WARD__SAYS_ASKED, 0);
    if (wanted == WARD__NODE_RECOVERING) {
        dies(a);
        decide(a, STOP, 0);
    }
    assert_string_equal(ward__node_state_name(a->state), ward__node_state_name(wanted));
    return a;
}

static void
a_stop_in_every_state_reaches_the_end(void **state)
{
    /* HELD and ABSENT are states of a supervisor's child only: test_engine_manage.c. */
    for (int i = WARD__NODE_STARTING; i < WARD__NODE_HELD; i++) {
        struct ward__node *a;
        setup(state);
        a = brought_to((enum ward__node_state)i);
        stop(a);
        reach_end(a);
        assert_int_equal(a->why, i == WARD__NODE_RECOVERING ? WARD__ENDED_DECIDED
                                                            : WARD__ENDED_STOPPED);
        assert_true(TAILQ_EMPTY(&tree.root.children));
        stop(a); /* too late: nothing */
        effects();
        teardown(state);
    }
    tree.count = 0;
}

static void
the_root_stops_when_all_are_gone(void **state)
{
    struct ward__node *a = up(&tree.root), *b = up(&tree.root);

    (void)state;
    stop(&tree.root);
    EFFECTS("b:HALTING");
    finish(b);
    EFFECTS("b:ENDED a:HALTING");
    finish(a);
    EFFECTS("a:ENDED /:ENDED");
    assert_ended(&tree.root, WARD__ENDED_STOPPED);
}

static void
a_stop_of_a_starting_one_waits_for_its_start(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    stop(a);
    EFFECTS("a:HALTING");
    ready(a);
    EFFECTS("");
    quiet(a, WARD__SAYS_ASKED, 0);
    EFFECTS("a:FINISHING"); /* it was up: it has something to clean up */
}

static void
a_stopped_start_that_fails_is_not_cleaned_up(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    stop(a);
    effects();
    raises(a);
    EFFECTS("a:EXITING");
    goes(a);
    EFFECTS("a:ENDED");
}

/* ---- starts that fail, processes that cannot be made ---- */

static const int64_t doubling[] = {10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000};

static void
after_ten_failed_starts_in_a_row_the_next_waits(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    for (int i = 1; i < 20; i++) {
        effects();
        dies(a);
        decide(a, RESTART, 0);
        if (i < 10) {
            EFFECTS("a:STARTING");
            continue;
        }
        EFFECTS("a:DELAYED");
        assert_int_equal(a->delay_ms, doubling[i - 10]);
        ward__engine_expired(&tree.engine, a);
        EFFECTS("a:STARTING");
    }
    ready(a);
    dies(a);
    decide(a, RESTART, 0);
    EFFECTS("a:STARTING");
}

/* Its start lasts until a child of it has failed and escalated; then it fails, alive. */
static void
fail_start_after_escalation(struct ward__node *a)
{
    struct ward__node *b;

    tree.count = 1; /* the child of the last time has ended */
    b = spawn_with(a, &defaults);
    effects();
    dies(b);
    decide(b, ESCALATE, 0);
    EFFECTS("b:ENDED a:HALTING");
    ward__node_done(b);
    raises(a);
    EFFECTS("a:EXITING");
    goes(a);
    EFFECTS("a:DECIDING");
    decide(a, RESTART, 0);
}

static void
a_start_that_fails_after_a_child_escalated_counts(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    for (int i = 1; i <= 30; i++) {
        fail_start_after_escalation(a);
        tree.count = 1;
        if (i < 10) {
            EFFECTS("a:STARTING");
            continue;
        }
        EFFECTS("a:DELAYED");
        assert_int_equal(a->delay_ms, i < 20 ? doubling[i - 10] : 1000);
        ward__engine_expired(&tree.engine, a);
        EFFECTS("a:STARTING");
    }
}

static void
the_first_process_that_cannot_be_made_is_a_failure(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    assert_false(ward__engine_spawn_error(&tree.engine, a));
    EFFECTS("a:DECIDING");
}

static void
later_ones_are_tried_again_and_the_tenth_is_a_failure(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    dies(a);
    decide(a, RESTART, 0);
    EFFECTS("a:STARTING");
    for (int i = 0; i < 9; i++) {
        assert_true(ward__engine_spawn_error(&tree.engine, a));
        EFFECTS("a:DELAYED");
        assert_int_equal(a->delay_ms, doubling[i]);
        ward__engine_expired(&tree.engine, a);
        EFFECTS("a:STARTING");
    }
    assert_false(ward__engine_spawn_error(&tree.engine, a));
    EFFECTS("a:DECIDING");
    decide(a, RESTART, 0);
    EFFECTS("a:STARTING");
    assert_true(ward__engine_spawn_error(&tree.engine, a)); /* a new row */
    assert_int_equal(a->delay_ms, 10);
}

static void
a_cleanup_without_a_process_is_skipped(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    dies(a);
    decide(a, STOP, 0);
    EFFECTS("a:RECOVERING");
    assert_false(ward__engine_spawn_error(&tree.engine, a));
    EFFECTS("a:ENDED");
}

/* ---- lost with the fork server ---- */

static void
one_that_was_lost_is_restarted_uncounted_and_undecided(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.max_restarts = WARD_ZERO;
    a = up_with(&tree.root, &options);
    ward__engine_lost(&tree.engine, a);
    EFFECTS("a:STARTING");
    ward__engine_lost(&tree.engine, a); /* while it starts */
    EFFECTS("a:STARTING");
    assert_int_equal(a->failed_starts, 0);
}

static void
one_that_was_lost_with_its_children_waits_for_their_end(void **state)
{
    struct ward__node *a = up(&tree.root);
    struct ward__node *b = up(a);

    (void)state;
    ward__engine_lost(&tree.engine, a);
    EFFECTS("b:HALTING");
    ward__engine_lost(&tree.engine, b);
    EFFECTS("b:RECOVERING");
    ward__engine_lost(&tree.engine, b);
    EFFECTS("b:ENDED a:STARTING");
}

static void
a_temporary_one_that_was_lost_ends(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.restart = WARD_TEMPORARY;
    a = up_with(&tree.root, &options);
    ward__engine_lost(&tree.engine, a);
    EFFECTS("a:RECOVERING");
    ward__engine_recovered(&tree.engine, a);
    assert_ended(a, WARD__ENDED_TEMPORARY);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(children_stop_one_by_one_last_started_first),
        TEST(a_restart_of_the_parent_ends_the_children_first),
        TEST(escalation_fails_the_parent_whose_own_spec_decides),
        TEST(escalation_past_the_root_ends_the_root),
        TEST(escalation_climbs_step_by_step),
        TEST(a_stop_overtakes_an_escalation_to_the_parent),
        TEST(a_child_that_fails_while_the_parent_empties_is_not_decided),
        TEST(a_stop_in_every_state_reaches_the_end),
        TEST(the_root_stops_when_all_are_gone),
        TEST(a_stop_of_a_starting_one_waits_for_its_start),
        TEST(a_stopped_start_that_fails_is_not_cleaned_up),
        TEST(after_ten_failed_starts_in_a_row_the_next_waits),
        TEST(a_start_that_fails_after_a_child_escalated_counts),
        TEST(the_first_process_that_cannot_be_made_is_a_failure),
        TEST(later_ones_are_tried_again_and_the_tenth_is_a_failure),
        TEST(a_cleanup_without_a_process_is_skipped),
        TEST(one_that_was_lost_is_restarted_uncounted_and_undecided),
        TEST(one_that_was_lost_with_its_children_waits_for_their_end),
        TEST(a_temporary_one_that_was_lost_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

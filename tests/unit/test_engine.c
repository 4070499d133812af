/* The directive engine, scenario by scenario: one node. */
#include "tests/unit/engine_tree.h"

/* ---- start ---- */

static void
a_spawned_node_starts_and_is_up_when_ready(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    EFFECTS("a:STARTING");
    ready(a);
    EFFECTS("");
    assert_int_equal(a->state, WARD__NODE_UP);
}

static void
ignore_ends_it_without_a_cleanup(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    ward__engine_ignored(&tree.engine, a);
    EFFECTS("a:EXITING");
    goes(a);
    EFFECTS("a:ENDED");
    assert_ended(a, WARD__ENDED_IGNORED);
}

/* ---- failures and directives ---- */

static void
a_death_is_decided_and_restarted_without_cleanup(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    dies(a);
    EFFECTS("a:DECIDING");
    decide(a, RESTART, 0);
    EFFECTS("a:STARTING");
    ready(a);
    assert_int_equal(a->state, WARD__NODE_UP);
}

static void
one_that_raised_exits_before_the_next_starts(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    raises(a);
    decide(a, RESTART, 0);
    EFFECTS("a:EXITING");
    goes(a);
    EFFECTS("a:STARTING");
}

static void
one_that_raised_and_is_to_stop_cleans_up_itself(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    raises(a);
    decide(a, STOP, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    EFFECTS("a:ENDED");
    assert_ended(a, WARD__ENDED_DECIDED);
}

static void
one_that_died_and_is_to_stop_is_cleaned_up_by_another(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    dies(a);
    decide(a, STOP, 0);
    EFFECTS("a:RECOVERING");
    ward__engine_recovered(&tree.engine, a);
    EFFECTS("a:ENDED");
    assert_ended(a, WARD__ENDED_DECIDED);
}

static void
one_that_died_while_finishing_is_not_cleaned_up_again(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    stop(a);
    quiet(a, WARD__SAYS_ASKED, 0);
    EFFECTS("a:FINISHING");
    dies(a);
    EFFECTS("a:ENDED");
}

static void
who_never_was_up_owes_no_cleanup(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    dies(a);
    decide(a, STOP, 0);
    EFFECTS("a:ENDED");
}

static void
no_hook_or_brutal_kill_owe_no_cleanup(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a, *b;

    (void)state;
    options.has_post_stop = false;
    a = up_with(&tree.root, &options);
    options = defaults;
    options.is_brutal = true;
    b = up_with(&tree.root, &options);
    dies(a);
    decide(a, STOP, 0);
    EFFECTS("a:ENDED");
    stop(b);
    EFFECTS("b:HALTING");
    goes(b);
    EFFECTS("b:ENDED");
}

static void
no_directive_at_all_is_escalate(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    dies(a);
    decide(a, (ward_directive)0, 0);
    assert_int_equal(a->goal, WARD__GOAL_ESCALATE);
}

/* ---- restart types and limits ---- */

static void
temporary_is_never_restarted_after_a_failure(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.restart = WARD_TEMPORARY;
    options.has_post_stop = false;
    a = up_with(&tree.root, &options);
    dies(a);
    decide(a, RESTART, 0);
    assert_ended(a, WARD__ENDED_TEMPORARY);
}

static void
transient_stays_down_after_a_normal_end(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    quiet(a, WARD__SAYS_STOP, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    EFFECTS("a:ENDED");
    assert_ended(a, WARD__ENDED_NORMAL);
}

static void
permanent_is_restarted_after_a_normal_end_and_that_counts(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.restart = WARD_PERMANENT;
    options.max_restarts = 1;
    a = up_with(&tree.root, &options);
    quiet(a, WARD__SAYS_STOP, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    EFFECTS("a:STARTING");
    ready(a);
    quiet(a, WARD__SAYS_STOP, 1);
    goes(a);
    assert_ended(a, WARD__ENDED_LIMIT);
}

static void
fail_and_restart(struct ward__node *node, int64_t now)
{
    dies(node);
    decide(node, RESTART, now);
    EFFECTS("a:STARTING");
    ready(node);
}

static void
A04_restart_restart_stop(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.max_restarts = 2;
    a = up_with(&tree.root, &options);
    fail_and_restart(a, 0);
    fail_and_restart(a, 1);
    dies(a);
    decide(a, RESTART, 2);
    EFFECTS("a:RECOVERING");
    ward__engine_recovered(&tree.engine, a);
    assert_ended(a, WARD__ENDED_LIMIT);
    assert_int_equal(tree.root.state, WARD__NODE_UP);
}

static void
A05_restarted_again_after_the_window(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.max_restarts = 1;
    options.within_ms = 100;
    a = up_with(&tree.root, &options);
    fail_and_restart(a, 0);
    fail_and_restart(a, 150);
    dies(a);
    decide(a, RESTART, 249);
    assert_int_equal(a->goal, WARD__GOAL_STOP);
}

static void
A06_siblings_have_budgets_of_their_own(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a, *b;

    (void)state;
    options.max_restarts = 1;
    a = up_with(&tree.root, &options);
    b = up_with(&tree.root, &options);
    fail_and_restart(a, 0);
    dies(b);
    decide(b, RESTART, 0);
    EFFECTS("b:STARTING");
}

static void
over_the_limit_it_may_escalate(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a, *b;

    (void)state;
    a = up(&tree.root);
    options.max_restarts = WARD_ZERO;
    options.on_limit = ESCALATE;
    options.has_post_stop = false;
    b = up_with(a, &options);
    dies(b);
    decide(b, RESTART, 0);
    EFFECTS("b:ENDED a:HALTING");
    assert_ended(b, WARD__ENDED_LIMIT);
}

/* ---- ordered restarts ---- */

static void
an_ordered_restart_finishes_the_old_one_and_does_not_count(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.max_restarts = WARD_ZERO;
    a = up_with(&tree.root, &options);
    ward__engine_restart(&tree.engine, a);
    EFFECTS("a:HALTING");
    quiet(a, WARD__SAYS_ASKED, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    EFFECTS("a:STARTING");
    ready(a);
    quiet(a, WARD__SAYS_RESTART, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    EFFECTS("a:STARTING");
}

static void
restart_is_for_those_that_are_up(void **state)
{
    struct ward__node *a = spawn_with(&tree.root, &defaults);

    (void)state;
    effects();
    ward__engine_restart(&tree.engine, a);
    EFFECTS("");
    ward__engine_restart(&tree.engine, &tree.root);
    EFFECTS("");
}

static void
a_death_while_halting_is_not_decided(void **state)
{
    struct ward__node *a = up(&tree.root);

    (void)state;
    stop(a);
    effects();
    dies(a);
    EFFECTS("a:RECOVERING");
    ward__engine_recovered(&tree.engine, a);
    assert_ended(a, WARD__ENDED_STOPPED);
}

/* Behind what was sent, the worker stops itself; somebody asked for it, so nothing counts. */
static void
a_drained_permanent_one_ends(void **state)
{
    struct ward__node_options options = defaults;
    struct ward__node *a;

    (void)state;
    options.restart = WARD_PERMANENT;
    a = up_with(&tree.root, &options);
    stop(a);
    quiet(a, WARD__SAYS_ASKED, 0);
    EFFECTS("a:FINISHING");
    goes(a);
    assert_ended(a, WARD__ENDED_STOPPED);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_spawned_node_starts_and_is_up_when_ready),
        TEST(ignore_ends_it_without_a_cleanup),
        TEST(a_death_is_decided_and_restarted_without_cleanup),
        TEST(one_that_raised_exits_before_the_next_starts),
        TEST(one_that_raised_and_is_to_stop_cleans_up_itself),
        TEST(one_that_died_and_is_to_stop_is_cleaned_up_by_another),
        TEST(one_that_died_while_finishing_is_not_cleaned_up_again),
        TEST(who_never_was_up_owes_no_cleanup),
        TEST(no_hook_or_brutal_kill_owe_no_cleanup),
        TEST(no_directive_at_all_is_escalate),
        TEST(temporary_is_never_restarted_after_a_failure),
        TEST(transient_stays_down_after_a_normal_end),
        TEST(permanent_is_restarted_after_a_normal_end_and_that_counts),
        TEST(A04_restart_restart_stop),
        TEST(A05_restarted_again_after_the_window),
        TEST(A06_siblings_have_budgets_of_their_own),
        TEST(over_the_limit_it_may_escalate),
        TEST(an_ordered_restart_finishes_the_old_one_and_does_not_count),
        TEST(restart_is_for_those_that_are_up),
        TEST(a_death_while_halting_is_not_decided),
        TEST(a_drained_permanent_one_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

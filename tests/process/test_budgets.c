/*
 * Budgets: what a child's own windows grant, what its supervisor's do, and how both are told
 * (rows 22 to 26). A restart needs all of them and is recorded in all; refused, in none.
 */
#include "stage.h"

#include <string.h>

enum { LONG_MS = 60000, SHORT_MS = 100, QUIET_MS = 100 };

static const ward_strategy endless = {.name = "endless", .max_restarts = WARD_INFINITE};
WARD_REGISTER(endless);
static const ward_strategy leaking = {
    .name = "leaking", .max_restarts = 2, .within_ms = SHORT_MS, .slow = {3, LONG_MS}};
WARD_REGISTER(leaking);
static const ward_strategy bursting = {
    .name = "bursting", .max_restarts = 2, .within_ms = LONG_MS, .slow = {10, LONG_MS}};
WARD_REGISTER(bursting);
static const ward_strategy once = {
    .name = "once", .max_restarts = 1, .within_ms = LONG_MS};
WARD_REGISTER(once);
static const ward_strategy five_times = {
    .name = "five-times", .max_restarts = 5, .within_ms = LONG_MS};
WARD_REGISTER(five_times);
static const ward_strategy once_in_a_moment = {
    .name = "once-in-a-moment", .max_restarts = 1, .within_ms = 3 * SHORT_MS};
WARD_REGISTER(once_in_a_moment);
static const ward_strategy not_once = {
    .name = "not-once", .max_restarts = WARD_ZERO, .within_ms = LONG_MS};
WARD_REGISTER(not_once);

static ward_directive
give_up(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_STOP;
}
static const ward_strategy stopping = {.name = "stopping", .decider = give_up};
WARD_REGISTER(stopping);

static const ward_supervisor lenient = {
    .intensity = 5, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(lenient);
static const ward_supervisor strict = {
    .intensity = 1, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(strict);
static const ward_supervisor against_leaks = {
    .intensity = 2, .period_ms = SHORT_MS, .slow = {3, LONG_MS}, .children = nobody};
WARD_REGISTER(against_leaks);
static const ward_supervisor against_bursts = {
    .intensity = 2, .period_ms = LONG_MS, .slow = {10, LONG_MS}, .children = nobody};
WARD_REGISTER(against_bursts);

/* "/a" below the host. */
static ward_ref
open_alone(struct harness *h, const ward_strategy *strategy)
{
    return spawn_up(h,
                    &(ward_spec){.id = "a", .behavior = &member, .strategy = strategy});
}

/* "/s/a" below that supervisor; the supervisor. */
static ward_ref
open_below(struct harness *h, const ward_supervisor *supervisor,
           const ward_strategy *strategy)
{
    ward_ref ref = open_tree(h, supervisor);

    start_child_up(h, ref,
                   &(ward_spec){.id = "a", .behavior = &member, .strategy = strategy});
    return ref;
}

static ward_budget
budget_of(struct harness *h, ward_ref ref)
{
    ward_budget budget = {0};

    assert_result(ward_get_budget(h->ctx, ref, &budget), 0);
    return budget;
}

static void
assert_used(struct harness *h, const ward_window_use *use, int used, int max)
{
    if (!use->is_limited || use->used != used || use->max_restarts != max)
        fail_with_log(h, "%s, %d of %d, expected %d of %d",
                      use->is_limited ? "limited" : "not limited", use->used,
                      use->max_restarts, used, max);
}

static void
assert_unlimited(const ward_window_use *use)
{
    assert_false(use->is_limited);
    assert_int_equal(use->max_restarts, 0);
    assert_int_equal(use->used, 0);
    assert_int_equal(use->frees_in_ms, 0);
}

static void
assert_ended(struct harness *h, const char *path, const char *reason)
{
    const struct record *r = await_event(h, WARD_EVENT_STOPPED, path);

    assert_string_equal(r->text, reason);
    assert_int_equal(r->end, WARD_END_FAILURE);
}

/* ---- two windows of a strategy ---- */

static void
slow_window_refuses_what_the_fast_one_grants(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    open_alone(h, &leaking);
    for (int i = 1; i <= 3; i++) {
        assert_used(h, &crash_restarts(h, "/a")->budget.own_slow, i, 3);
        linger(h, SHORT_MS + 10);
    }
    r = crash_told(h, "/a");
    assert_int_equal(r->directive, WARD_DIRECTIVE_STOP);
    assert_used(h, &r->budget.own, 0, 2); /* refused: in neither */
    assert_used(h, &r->budget.own_slow, 3, 3);
    assert_ended(h, "/a", "limit");
}

static void
fast_window_refuses_what_the_slow_one_grants(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    open_alone(h, &bursting);
    for (int i = 1; i <= 2; i++) {
        r = crash_restarts(h, "/a");
        assert_used(h, &r->budget.own, i, 2);
        assert_used(h, &r->budget.own_slow, i, 10);
    }
    r = crash_told(h, "/a");
    assert_int_equal(r->directive, WARD_DIRECTIVE_STOP);
    assert_used(h, &r->budget.own, 2, 2);
    assert_used(h, &r->budget.own_slow, 2, 10);
    assert_ended(h, "/a", "limit");
}

/* ---- two windows of a supervisor ---- */

static void
slow_window_of_a_supervisor_refuses(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &against_leaks, NULL);
    const struct record *r;

    for (int i = 1; i <= 3; i++) {
        assert_used(h, &crash_restarts(h, "/s/a")->budget.supervisor_slow, i, 3);
        linger(h, SHORT_MS + 10);
    }
    r = crash_told(h, "/s/a");
    assert_used(h, &r->budget.supervisor, 0, 2);
    assert_used(h, &r->budget.supervisor_slow, 3, 3);
    assert_gave_up(h, "/s", "/s/a");
    assert_down(h, ref);
}

static void
fast_window_of_a_supervisor_refuses(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &against_bursts, NULL);
    const struct record *r;

    for (int i = 1; i <= 2; i++)
        assert_used(h, &crash_restarts(h, "/s/a")->budget.supervisor_slow, i, 10);
    r = crash_told(h, "/s/a");
    assert_used(h, &r->budget.supervisor, 2, 2);
    assert_used(h, &r->budget.supervisor_slow, 2, 10);
    assert_gave_up(h, "/s", "/s/a");
    assert_down(h, ref);
}

/* ---- a child's own budget beside the supervisor's ---- */

static void
restart_is_recorded_in_both(void **state)
{
    struct harness *h = *state;
    ward_budget budget;

    open_below(h, &lenient, &five_times);
    for (int i = 1; i <= 3; i++) {
        const struct record *r = crash_restarts(h, "/s/a");
        assert_used(h, &r->budget.own, i, 5);
        assert_used(h, &r->budget.supervisor, i, 5);
        budget = budget_of(h, find(h, "/s/a"));
        assert_used(h, &budget.own, i, 5);
        assert_used(h, &budget.supervisor, i, 5);
    }
}

static ward_next
crash_at_once(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    (void)msg;
    return *(volatile int *)0;
}

/* Nothing is left to be done for it when it has died. */
static const ward_behavior plain = {.name = "plain", .receive = crash_at_once};
WARD_REGISTER(plain);
static const ward_spec inner_parts[] = {
    {.id = "a", .behavior = &plain, .strategy = &five_times}, {0}};
static const ward_supervisor inner = {
    .intensity = 1, .period_ms = LONG_MS, .children = inner_parts};
WARD_REGISTER(inner);
static const ward_spec outer_parts[] = {{.id = "in", .supervisor = &inner}, {0}};
static const ward_supervisor outer = {
    .intensity = 5, .period_ms = LONG_MS, .children = outer_parts};
WARD_REGISTER(outer);

/* Its life is over when that is told, and what it used up is still to be seen. */
static void
limit_of_the_supervisor_shows_both(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    open_tree(h, &outer);
    crash_restarts(h, "/s/in/a");
    r = crash_told(h, "/s/in/a");
    assert_int_equal(r->directive, WARD_DIRECTIVE_ESCALATE);
    assert_used(h, &r->budget.own, 1, 5);
    assert_used(h, &r->budget.supervisor, 1, 1);
    assert_int_equal(r->failure.restarts_used, 1);
}

static void
own_limit_does_not_charge_the_supervisor(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &lenient, &once);
    const struct record *r;
    ward_budget budget;

    crash_restarts(h, "/s/a");
    r = crash_told(h, "/s/a");
    assert_int_equal(r->directive, WARD_DIRECTIVE_STOP);
    assert_used(h, &r->budget.own, 1, 1);
    assert_used(h, &r->budget.supervisor, 1, 5);
    assert_ended(h, "/s/a", "limit");
    assert_state(h, ref, "a", WARD_CHILD_ABSENT);
    assert_counts(h, ref, "1 0 0 1");
    budget = budget_of(h, restart_child_up(h, ref, "a"));
    assert_used(h, &budget.supervisor, 1, 5);
    assert_no_event(h, WARD_EVENT_FAILED, "/s");
}

/* Rows 41 and 42: restart_child makes a new actor, and a budget belongs to an actor. */
static void
revived_child_has_a_new_budget(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &lenient, &once);
    ward_budget budget;

    crash_restarts(h, "/s/a");
    terminate_child_down(h, ref, "a");
    budget = budget_of(h, restart_child_up(h, ref, "a"));
    assert_used(h, &budget.own, 0, 1);
    crash_restarts(h, "/s/a");
}

static void
supervisor_s_limit_does_not_charge_the_child(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &strict, &five_times);
    const struct record *r;

    crash_restarts(h, "/s/a");
    r = crash_told(h, "/s/a");
    assert_used(h, &r->budget.own, 1, 5);
    assert_used(h, &r->budget.supervisor, 1, 1);
    assert_gave_up(h, "/s", "/s/a");
    assert_down(h, ref);
}

static void
stop_by_a_decider_charges_nobody(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &lenient, &stopping);
    const struct record *r = crash_told(h, "/s/a");

    assert_int_equal(r->directive, WARD_DIRECTIVE_STOP);
    assert_used(h, &r->budget.own, 0, 3);
    assert_used(h, &r->budget.supervisor, 0, 5);
    assert_ended(h, "/s/a", "stopped by decider");
    assert_state(h, ref, "a", WARD_CHILD_ABSENT);
}

static const ward_spec two_parts[] = {
    {.id = "a", .behavior = &member, .strategy = &five_times},
    {.id = "b", .behavior = &member, .strategy = &five_times},
    {0}};
static const ward_supervisor all = {.group = WARD_ONE_FOR_ALL,
                                    .intensity = 5,
                                    .period_ms = LONG_MS,
                                    .children = two_parts};
WARD_REGISTER(all);

static void
group_restart_charges_the_trigger_alone(void **state)
{
    struct harness *h = *state;
    ward_budget budget;

    open_tree(h, &all);
    crash_restarts(h, "/s/a");
    await_event(h, WARD_EVENT_RESTARTED, "/s/b");
    budget = budget_of(h, find(h, "/s/a"));
    assert_used(h, &budget.own, 1, 5);
    assert_used(h, &budget.supervisor, 1, 5);
    budget = budget_of(h, find(h, "/s/b"));
    assert_used(h, &budget.own, 0, 5);
    assert_used(h, &budget.supervisor, 1, 5);
}

/* ---- ward_get_budget ---- */

static void
budget_without_limits_is_zero(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &lenient, NULL);
    ward_budget budget = budget_of(h, find(h, "/s/a"));

    assert_unlimited(&budget.own);
    assert_unlimited(&budget.own_slow);
    assert_used(h, &budget.supervisor, 0, 5);
    assert_unlimited(&budget.supervisor_slow);
    budget = budget_of(h, ref);
    assert_unlimited(&budget.own);
    assert_unlimited(&budget.supervisor);
    spawn_up(h, &(ward_spec){.id = "b", .behavior = &member, .strategy = &endless});
    budget = budget_of(h, find(h, "/b"));
    assert_unlimited(&budget.own);
}

static void
budget_of_nobody_is_unknown(void **state)
{
    struct harness *h = *state;
    ward_budget budget = {.own = {.used = 7}};

    assert_result(ward_get_budget(h->ctx, (ward_ref){9, 9}, &budget), -WARD_EUNKNOWN);
    assert_int_equal(budget.own.used, 7);
}

static void
budget_says_when_it_frees(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_alone(h, &once_in_a_moment);
    ward_window_use use = budget_of(h, ref).own;

    assert_int_equal(use.frees_in_ms, 0);
    use = crash_restarts(h, "/a")->budget.own;
    assert_used(h, &use, 1, 1);
    assert_in_range(use.frees_in_ms, 1, 3 * SHORT_MS);
    linger(h, 3 * SHORT_MS + 10);
    use = budget_of(h, ref).own;
    assert_used(h, &use, 0, 1);
    assert_int_equal(use.frees_in_ms, 0);
    crash_restarts(h, "/a");
}

static void
budget_that_is_not_used_up_is_free_now(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_alone(h, &five_times);

    crash_restarts(h, "/a");
    assert_int_equal(budget_of(h, ref).own.frees_in_ms, 0);
}

static void
budget_of_zero_never_frees(void **state)
{
    struct harness *h = *state;
    ward_window_use use = budget_of(h, open_alone(h, &not_once)).own;

    assert_used(h, &use, 0, 0);
    assert_int_equal(use.frees_in_ms, -1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(slow_window_refuses_what_the_fast_one_grants),
        STAGE_TEST(fast_window_refuses_what_the_slow_one_grants),
        STAGE_TEST(slow_window_of_a_supervisor_refuses),
        STAGE_TEST(fast_window_of_a_supervisor_refuses),
        STAGE_TEST(restart_is_recorded_in_both),
        STAGE_TEST(limit_of_the_supervisor_shows_both),
        STAGE_TEST(own_limit_does_not_charge_the_supervisor),
        STAGE_TEST(revived_child_has_a_new_budget),
        STAGE_TEST(supervisor_s_limit_does_not_charge_the_child),
        STAGE_TEST(stop_by_a_decider_charges_nobody),
        STAGE_TEST(group_restart_charges_the_trigger_alone),
        STAGE_TEST(budget_without_limits_is_zero),
        STAGE_TEST(budget_of_nobody_is_unknown),
        STAGE_TEST(budget_says_when_it_frees),
        STAGE_TEST(budget_that_is_not_used_up_is_free_now),
        STAGE_TEST(budget_of_zero_never_frees),
    };

    return stage_main("budgets", tests, sizeof tests / sizeof tests[0]);
}

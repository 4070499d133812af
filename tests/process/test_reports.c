/* What events say of budgets, attempts and pauses, and which of OTP's reports each is. */
#include "stage.h"

#include <errno.h>
#include <string.h>

enum { LONG_MS = 60000, SHORT_MS = 400, QUIET_MS = 100 };

static const ward_strategy five_times = {
    .name = "five-times", .max_restarts = 5, .within_ms = LONG_MS};
WARD_REGISTER(five_times);
static const ward_strategy once = {
    .name = "once", .max_restarts = 1, .within_ms = SHORT_MS};
WARD_REGISTER(once);

static const ward_supervisor patient = {
    .intensity = WARD_INFINITE, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(patient);
static const ward_supervisor five = {
    .intensity = 5, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(five);
static const ward_supervisor strict = {
    .intensity = WARD_ZERO, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(strict);

static ward_ref
open_below(struct harness *h, const ward_supervisor *supervisor, const ward_spec *spec)
{
    ward_ref ref = open_tree(h, supervisor);

    start_child_up(h, ref, spec);
    return ref;
}

static size_t
count_low(struct harness *h)
{
    return count_events(h, WARD_EVENT_BUDGET_LOW, NULL);
}

/* ---- budget low ---- */

static void
own_budget_is_low_at_four_of_five(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    spawn_up(h, &(ward_spec){.id = "a", .behavior = &member, .strategy = &five_times});
    for (int i = 1; i <= 3; i++)
        crash_restarts(h, "/a");
    assert_int_equal(count_low(h), 0);
    crash_restarts(h, "/a");
    r = await_event(h, WARD_EVENT_BUDGET_LOW, "/a");
    assert_string_equal(r->text, "own");
    assert_int_equal(r->budget.own.used, 4);
    assert_int_equal(r->budget.own.max_restarts, 5);
    crash_restarts(h, "/a");
    assert_int_equal(count_low(h), 1); /* it was low before */
}

static void
supervisor_s_budget_is_low_at_four_of_five(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &five, &(ward_spec){.id = "a", .behavior = &member});
    const struct record *r;

    start_child_up(h, ref, &(ward_spec){.id = "b", .behavior = &member});
    crash_restarts(h, "/s/a");
    crash_restarts(h, "/s/b");
    crash_restarts(h, "/s/a");
    assert_int_equal(count_low(h), 0);
    crash_restarts(h, "/s/b");
    r = await_event(h, WARD_EVENT_BUDGET_LOW, NULL);
    assert_string_equal(r->text, "supervisor");
    assert_int_equal(r->budget.supervisor.used, 4);
    crash_restarts(h, "/s/a");
    assert_int_equal(count_low(h), 1);
}

static void
budget_of_one_is_low_at_the_first_and_once_for_each_crossing(void **state)
{
    struct harness *h = *state;

    spawn_up(h, &(ward_spec){.id = "a", .behavior = &member, .strategy = &once});
    for (size_t i = 1; i <= 3; i++) {
        crash_restarts(h, "/a");
        assert_string_equal(await_event(h, WARD_EVENT_BUDGET_LOW, "/a")->text, "own");
        assert_int_equal(count_low(h), i);
        linger(h, SHORT_MS + 10); /* it ages below again */
    }
    assert_int_equal(count_low(h), 3);
}

static void
no_limit_is_never_low(void **state)
{
    struct harness *h = *state;

    open_below(h, &patient, &(ward_spec){.id = "a", .behavior = &member});
    for (int i = 0; i < 8; i++)
        crash_restarts(h, "/s/a");
    linger(h, QUIET_MS);
    assert_int_equal(count_low(h), 0);
}

/* ---- attempt and pause ---- */

static void
attempts_count_up_and_begin_again_when_healthy(void **state)
{
    struct harness *h = *state;
    uint32_t first, last;

    open_below(h, &patient,
               &(ward_spec){.id = "a",
                            .behavior = &member,
                            .backoff = {.first_ms = 1, .max_ms = 2, .healthy_ms = 700}});
    first = last = crash_restarts(h, "/s/a")->attempt;
    assert_in_range(first, 0, 1);
    for (int i = 0; i < 2; i++) {
        uint32_t attempt = crash_restarts(h, "/s/a")->attempt;
        assert_int_equal(attempt, last + 1);
        last = attempt;
    }
    linger(h, 750);
    assert_int_equal(crash_restarts(h, "/s/a")->attempt, first);
}

static void
pause_is_told_only_where_a_restart_was_decided(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    open_below(
        h, &strict,
        &(ward_spec){.id = "a", .behavior = &member, .backoff = {.first_ms = LONG_MS}});
    r = crash_told(h, "/s/a");
    assert_int_equal(r->retry_ms, -1);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->retry_ms, -1);
}

/* It is under way already when it is told. */
static void
restart_without_a_pause_is_at_once(void **state)
{
    struct harness *h = *state;

    open_below(h, &patient, &(ward_spec){.id = "a", .behavior = &member});
    assert_int_equal(crash_restarts(h, "/s/a")->retry_ms, 0);
}

static void
pause_of_a_normal_end_is_told_too(void **state)
{
    struct harness *h = *state;

    open_below(
        h, &patient,
        &(ward_spec){.id = "a", .behavior = &member, .backoff = {.first_ms = 120}});
    leave(h, "/s/a");
    assert_int_equal(await_event(h, WARD_EVENT_EXITED, "/s/a")->retry_ms, 120);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
}

/* ---- OTP's reports ---- */

static void
starts_and_ends_are_reported(void **state)
{
    struct harness *h = *state;

    open_below(h, &five, &(ward_spec){.id = "a", .behavior = &member});
    assert_int_equal(await_event(h, WARD_EVENT_STARTED, "/s/a")->report,
                     WARD_REPORT_PROGRESS);
    assert_int_equal(await_event(h, WARD_EVENT_STARTED, "/s")->report,
                     WARD_REPORT_PROGRESS);
    assert_int_equal(crash_told(h, "/s/a")->report, WARD_REPORT_CHILD_TERMINATED);
    assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, "/s/a")->report,
                     WARD_REPORT_PROGRESS);
    leave(h, "/s/a");
    assert_int_equal(await_event(h, WARD_EVENT_EXITED, "/s/a")->report,
                     WARD_REPORT_CHILD_TERMINATED);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
}

static void
failed_start_that_was_asked_for_is_a_start_error(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &five), child;

    part('a')->fails_from = part('a')->fails_to = 1;
    assert_result(ward_start_child(h->ctx, ref,
                                   &(ward_spec){.id = "a", .behavior = &member}, &child),
                  0);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/a")->report,
                     WARD_REPORT_START_ERROR);
}

static void
failed_start_of_a_restart_is_a_child_that_terminated(void **state)
{
    struct harness *h = *state;

    open_below(h, &five, &(ward_spec){.id = "a", .behavior = &member});
    part('a')->fails_from = part('a')->fails_to = 2;
    crash_told(h, "/s/a");
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/a")->report,
                     WARD_REPORT_CHILD_TERMINATED);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
}

static void
crash_while_it_is_stopped_is_a_shutdown_error(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &five, &(ward_spec){.id = "a", .behavior = &member});
    size_t errors = 0;

    part('a')->crashes_in_stop = true;
    terminate_child_down(h, ref, "a");
    await_event(h, WARD_EVENT_STOPPED, "/s/a");
    for (size_t i = 0; i < h->event_count; i++)
        errors += h->events[i].report == WARD_REPORT_SHUTDOWN_ERROR;
    if (errors != 1)
        fail_with_log(h, "%zu shutdown errors, expected 1", errors);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

static void
supervisor_that_gives_up_is_a_shutdown(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_below(h, &strict, &(ward_spec){.id = "a", .behavior = &member});

    crash(h, "/s/a");
    assert_gave_up(h, "/s", "/s/a"); /* it looks at the report */
    assert_down(h, ref);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(own_budget_is_low_at_four_of_five),
        STAGE_TEST(supervisor_s_budget_is_low_at_four_of_five),
        STAGE_TEST(budget_of_one_is_low_at_the_first_and_once_for_each_crossing),
        STAGE_TEST(no_limit_is_never_low),
        STAGE_TEST(attempts_count_up_and_begin_again_when_healthy),
        STAGE_TEST(pause_is_told_only_where_a_restart_was_decided),
        STAGE_TEST(restart_without_a_pause_is_at_once),
        STAGE_TEST(pause_of_a_normal_end_is_told_too),
        STAGE_TEST(starts_and_ends_are_reported),
        STAGE_TEST(failed_start_that_was_asked_for_is_a_start_error),
        STAGE_TEST(failed_start_of_a_restart_is_a_child_that_terminated),
        STAGE_TEST(crash_while_it_is_stopped_is_a_shutdown_error),
        STAGE_TEST(supervisor_that_gives_up_is_a_shutdown),
    };

    return stage_main("reports", tests, sizeof tests / sizeof tests[0]);
}

/* What happens to a group in its one delay (row 38), and to a supervisor in its own. */
#include "stage.h"

#include <errno.h>
#include <string.h>

enum { LONG_MS = 60000, PAUSE_MS = 400, QUIET_MS = 100 };

#define PAUSED(name, first)                                                              \
    {                                                                                    \
        .id = name, .behavior = &member, .backoff = {.first_ms = first }                 \
    }

static const ward_spec three_parts[] = {
    PAUSED("a", PAUSE_MS), PAUSED("b", PAUSE_MS), PAUSED("c", PAUSE_MS), {0}};
static const ward_supervisor all = {.group = WARD_ONE_FOR_ALL,
                                    .intensity = WARD_INFINITE,
                                    .period_ms = LONG_MS,
                                    .children = three_parts};
WARD_REGISTER(all);
static const ward_spec last_is_slow[] = {
    PAUSED("a", 0), PAUSED("b", 0), PAUSED("c", LONG_MS), {0}};
static const ward_supervisor rest = {.group = WARD_REST_FOR_ONE,
                                     .intensity = WARD_INFINITE,
                                     .period_ms = LONG_MS,
                                     .children = last_is_slow};
WARD_REGISTER(rest);

/* "/s" of three, in the delay after a crash of b. */
static ward_ref
open_in_delay(struct harness *h)
{
    ward_ref ref = open_tree(h, &all);

    crash_told(h, "/s/b");
    linger(h, QUIET_MS);
    assert_log(h, "+a +b +c -c -a");
    return ref;
}

static void
waiting_member_that_is_terminated_stays_away(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_in_delay(h);

    assert_result(ward_terminate_child(h->ctx, ref, "c"), 0);
    assert_state(h, ref, "c", WARD_CHILD_ABSENT);
    await_event(h, WARD_EVENT_RESTARTED, "/s/b");
    linger(h, QUIET_MS);
    assert_log(h, "+a +b +c -c -a +a +b");
    assert_counts(h, ref, "3 2 0 3");
}

static void
waiting_members_cannot_be_restarted_or_deleted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_in_delay(h), out = {7, 7};

    assert_result(ward_restart_child(h->ctx, ref, "c", &out), -WARD_ERESTARTING);
    assert_result(ward_delete_child(h->ctx, ref, "c"), -WARD_ERESTARTING);
    assert_int_equal(out.id, 7);
    await_event(h, WARD_EVENT_RESTARTED, "/s/c");
    assert_log(h, "+a +b +c -c -a +a +b +c");
}

static void
messages_to_waiting_members_wait(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_in_delay(h);

    assert_int_equal(ask_number(h, child_of(h, ref, "a").ref, PING), 2);
    assert_int_equal(ask_number(h, child_of(h, ref, "c").ref, PING), 2);
}

static void
earlier_member_that_fails_takes_a_paused_one_along(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &rest);

    crash_told(h, "/s/c");
    linger(h, QUIET_MS);
    assert_state(h, ref, "c", WARD_CHILD_RESTARTING);
    crash(h, "/s/a");
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    await_event(h, WARD_EVENT_RESTARTED, "/s/b");
    await_event(h, WARD_EVENT_RESTARTED, "/s/c");
    linger(h, QUIET_MS);
    assert_log(h, "+a +b +c -b +a +b +c");
    assert_counts(h, ref, "3 3 0 3");
}

static void
child_added_in_the_delay_comes_along_after_it(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_in_delay(h), child;

    assert_result(ward_start_child(h->ctx, ref,
                                   &(ward_spec){.id = "d", .behavior = &member}, &child),
                  0);
    assert_result(ward_wait_up(h->sys, child, DEADLINE_MS), 0);
    await_event(h, WARD_EVENT_RESTARTED, "/s/c");
    linger(h, QUIET_MS);
    assert_counts(h, ref, "4 4 0 4");
    assert_int_equal(part('d')->starts, 2); /* it is one of the group by then */
}

static void
stop_in_the_delay_starts_nobody(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_in_delay(h);
    int64_t begun = now_ms();

    assert_result(ward_stop(h->ctx, ref), 0);
    assert_down(h, ref);
    assert_in_range(now_ms() - begun, 0, 3000);
    linger(h, PAUSE_MS + QUIET_MS);
    assert_log(h, "+a +b +c -c -a -b"); /* b's in a fresh process: it died and ends */
}

/* ---- a supervisor in a pause of its own ---- */

static const ward_spec worker[] = {{.id = "w", .behavior = &member}, {0}};
static const ward_supervisor never = {
    .intensity = WARD_ZERO, .period_ms = LONG_MS, .children = worker};
WARD_REGISTER(never);
static const ward_spec paused_supervisor[] = {
    {.id = "sub", .supervisor = &never, .backoff = {.first_ms = PAUSE_MS}}, {0}};
static const ward_supervisor top = {
    .intensity = 3, .period_ms = LONG_MS, .children = paused_supervisor};
WARD_REGISTER(top);

static void
supervisor_waits_before_it_is_restarted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &top);
    int64_t begun = now_ms();

    crash(h, "/s/sub/w");
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/sub")->retry_ms, PAUSE_MS);
    assert_state(h, ref, "sub", WARD_CHILD_RESTARTING);
    assert_counts(h, ref, "1 0 1 0");
    await_event(h, WARD_EVENT_RESTARTED, "/s/sub");
    assert_true(part('w')->started_at - begun >= PAUSE_MS);
    assert_alive(h, "/s/sub/w", 2);
}

static void
paused_supervisor_takes_no_children(void **state)
{
    struct harness *h = *state;
    ward_ref sub, out = {7, 7};

    open_tree(h, &top);
    sub = find(h, "/s/sub");
    crash(h, "/s/sub/w");
    await_event(h, WARD_EVENT_FAILED, "/s/sub");
    assert_result(
        ward_start_child(h->ctx, sub, &(ward_spec){.id = "x", .behavior = &member}, &out),
        -WARD_ERESTARTING);
    assert_int_equal(out.id, 7);
    await_event(h, WARD_EVENT_RESTARTED, "/s/sub");
    start_child_up(h, sub, &(ward_spec){.id = "x", .behavior = &member});
}

static void
ordered_restart_of_a_supervisor_is_not_counted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &all);
    ward_ref first = find(h, "/s/a"), second;

    assert_result(ward_restart(h->ctx, ref), 0);
    await_event(h, WARD_EVENT_RESTARTED, "/s");
    assert_log(h, "+a +b +c -c -b -a +a +b +c");
    second = find(h, "/s/a");
    assert_false(first.id == second.id && first.nonce == second.nonce);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(waiting_member_that_is_terminated_stays_away),
        STAGE_TEST(waiting_members_cannot_be_restarted_or_deleted),
        STAGE_TEST(messages_to_waiting_members_wait),
        STAGE_TEST(earlier_member_that_fails_takes_a_paused_one_along),
        STAGE_TEST(child_added_in_the_delay_comes_along_after_it),
        STAGE_TEST(stop_in_the_delay_starts_nobody),
        STAGE_TEST(supervisor_waits_before_it_is_restarted),
        STAGE_TEST(paused_supervisor_takes_no_children),
        STAGE_TEST(ordered_restart_of_a_supervisor_is_not_counted),
    };

    return stage_main("group_pauses", tests, sizeof tests / sizeof tests[0]);
}

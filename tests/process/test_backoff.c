/* The pause before a restart (row 38): how long it is, what waits in it, and what ends it. */
#include "stage.h"

#include <string.h>

enum { LONG_MS = 60000, QUIET_MS = 100, PROMPT_MS = 3000 };

static const ward_supervisor patient = {
    .intensity = WARD_INFINITE, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(patient);

/* "/s/a" with that back-off; the supervisor. */
static ward_ref
open_with(struct harness *h, ward_backoff backoff)
{
    ward_ref ref = open_tree(h, &patient);

    start_child_up(h, ref,
                   &(ward_spec){.id = "a", .behavior = &member, .backoff = backoff});
    return ref;
}

/* Crashes "/s/a" and waits until it is up again; the pause, which really passed. */
static int64_t
pause_of_a_crash(struct harness *h)
{
    int64_t before = now_ms();
    const struct record *r = crash_restarts(h, "/s/a");
    int64_t passed = part('a')->started_at - before;

    if (passed < r->retry_ms)
        fail_with_log(h, "the pause was to be %lld ms, and %lld ms passed",
                      (long long)r->retry_ms, (long long)passed);
    return r->retry_ms;
}

/* ---- how long ---- */

static void
pause_doubles_up_to_the_cap(void **state)
{
    static const int64_t expected[] = {20, 40, 80, 100, 100};
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 20, .max_ms = 100, .healthy_ms = LONG_MS});
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(pause_of_a_crash(h), expected[i]);
}

static void
failed_starts_double_it_too(void **state)
{
    static const int64_t expected[] = {20, 40, 80};
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 20, .max_ms = 1000, .healthy_ms = LONG_MS});
    part('a')->fails_from = 2;
    part('a')->fails_to = 3;
    crash(h, "/s/a");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/a")->retry_ms,
                         expected[i]);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    assert_int_equal(part('a')->starts, 4);
}

static void
without_backoff_there_is_no_pause(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){0});
    for (int i = 0; i < 3; i++)
        assert_in_range(pause_of_a_crash(h) + 1, 0, 1); /* 0, or -1: none */
}

/* With all of it left to chance, 16 pauses of 200 ms are not all longer than 120 ms. */
static void
jitter_goes_only_down(void **state)
{
    struct harness *h = *state;
    int64_t least = LONG_MS;

    open_with(h, (ward_backoff){.first_ms = 200,
                                .max_ms = 200,
                                .healthy_ms = LONG_MS,
                                .jitter_percent = 100});
    for (int i = 0; i < 16; i++) {
        int64_t before = now_ms(), passed;

        assert_in_range(crash_restarts(h, "/s/a")->retry_ms, 0, 200);
        passed = part('a')->started_at - before;
        least = passed < least ? passed : least;
    }
    assert_in_range(least, 0, 120);
}

static void
jitter_leaves_out_no_more_than_said(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 40,
                                .max_ms = 40,
                                .healthy_ms = LONG_MS,
                                .jitter_percent = 50});
    for (int i = 0; i < 12; i++) {
        int64_t before = now_ms();

        crash_restarts(h, "/s/a");
        assert_true(part('a')->started_at - before >= 20);
    }
}

static void
cap_is_a_minute_unless_said(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 2 * LONG_MS});
    assert_int_equal(crash_told(h, "/s/a")->retry_ms, LONG_MS);
}

static void
jitter_is_in_the_pause_that_is_told(void **state)
{
    struct harness *h = *state;
    int64_t least = LONG_MS, most = 0;

    open_with(h, (ward_backoff){.first_ms = 40,
                                .max_ms = 40,
                                .healthy_ms = LONG_MS,
                                .jitter_percent = 50});
    for (int i = 0; i < 12; i++) {
        int64_t pause = pause_of_a_crash(h);

        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    assert_in_range(least, 20, 40);
    assert_in_range(most, 20, 40);
    assert_true(least < most); /* by chance alone: once in 10^14 */
}

/* ---- from the beginning again ---- */

static void
healthy_time_begins_it_again(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 20, .max_ms = 1000, .healthy_ms = 700});
    assert_int_equal(pause_of_a_crash(h), 20);
    assert_int_equal(pause_of_a_crash(h), 40);
    linger(h, 750);
    assert_int_equal(pause_of_a_crash(h), 20);
    assert_int_equal(pause_of_a_crash(h), 40);
}

static void
healthy_time_is_half_of_first_and_cap(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 50, .max_ms = 1350}); /* 700 */
    assert_int_equal(pause_of_a_crash(h), 50);
    linger(h, 100);
    assert_int_equal(pause_of_a_crash(h), 100);
    linger(h, 750);
    assert_int_equal(pause_of_a_crash(h), 50);
}

/* ---- meanwhile ---- */

static void
mailbox_and_asks_wait(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 200});
    crash_told(h, "/s/a");
    assert_alive(h, "/s/a", 2);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    assert_no_event(h, WARD_EVENT_STOPPED, NULL);
}

static void
siblings_do_not_wait(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_with(h, (ward_backoff){.first_ms = LONG_MS});

    start_child_up(h, ref, &(ward_spec){.id = "b", .behavior = &member});
    crash_told(h, "/s/a");
    crash_restarts(h, "/s/b");
    assert_alive(h, "/s/b", 2);
    assert_state(h, ref, "a", WARD_CHILD_RESTARTING);
    assert_counts(h, ref, "2 1 0 2");
}

/* ---- what ends it ---- */

/* "/s/a" in a pause of a minute, with a message that waits; the supervisor. */
static ward_ref
open_paused(struct harness *h)
{
    ward_ref ref = open_with(h, (ward_backoff){.first_ms = LONG_MS});

    assert_int_equal(crash_told(h, "/s/a")->retry_ms, LONG_MS);
    assert_state(h, ref, "a", WARD_CHILD_RESTARTING);
    assert_result(ward_tell(h->ctx, find(h, "/s/a"), PING), 0);
    return ref;
}

static void
assert_ended_in_the_pause(struct harness *h, int64_t begun)
{
    const struct record *r = await_event(h, WARD_EVENT_STOPPED, "/s/a");

    assert_in_range(r->at_ms - begun, 0, PROMPT_MS);
    assert_int_equal(r->end, WARD_END_STOPPED);
    await_letter(h, WARD_LETTER_STOPPED, "/s/a");
    linger(h, QUIET_MS);
    assert_int_equal(part('a')->starts, 1);
    assert_no_event(h, WARD_EVENT_RESTARTED, "/s/a");
}

static void
stop_ends_the_pause(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_paused(h);
    int64_t begun = now_ms();

    assert_result(ward_stop(h->ctx, find(h, "/s/a")), 0);
    assert_ended_in_the_pause(h, begun);
    assert_state(h, ref, "a", WARD_CHILD_ABSENT);
}

static void
stop_of_the_supervisor_ends_the_pause(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_paused(h);
    int64_t begun = now_ms();

    assert_result(ward_stop(h->ctx, ref), 0);
    assert_ended_in_the_pause(h, begun);
    assert_down(h, ref);
}

static void
stop_of_the_system_ends_the_pause(void **state)
{
    struct harness *h = *state;
    int64_t begun;

    open_paused(h);
    begun = now_ms();
    harness_stop(h, 0);
    assert_in_range(now_ms() - begun, 0, PROMPT_MS);
    assert_int_equal(part('a')->starts, 1);
}

static void
terminate_child_ends_the_pause(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_paused(h);
    int64_t begun = now_ms();

    assert_result(ward_terminate_child(h->ctx, ref, "a"), 0);
    assert_ended_in_the_pause(h, begun);
    assert_state(h, ref, "a", WARD_CHILD_ABSENT);
    restart_child_up(h, ref, "a");
    linger(h, QUIET_MS);
    assert_alive(h, "/s/a", 2);
}

static void
restart_child_in_a_pause_is_refused(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_paused(h), out = {7, 7};

    assert_result(ward_restart_child(h->ctx, ref, "a", &out), -WARD_ERESTARTING);
    assert_result(ward_delete_child(h->ctx, ref, "a"), -WARD_ERESTARTING);
    assert_result(
        ward_start_child(h->ctx, ref, &(ward_spec){.id = "a", .behavior = &member}, &out),
        -WARD_EALREADY_PRESENT);
    assert_int_equal(out.id, 7);
    linger(h, QUIET_MS);
    assert_int_equal(part('a')->starts, 1);
}

/* G6 */
static void
restart_in_a_pause_makes_one_start(void **state)
{
    struct harness *h = *state;

    open_with(h, (ward_backoff){.first_ms = 300});
    crash_told(h, "/s/a");
    assert_result(ward_restart(h->ctx, find(h, "/s/a")), 0);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    linger(h, 4 * QUIET_MS);
    assert_alive(h, "/s/a", 2);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/s/a"), 1);
}

static void
restart_ends_the_pause(void **state)
{
    struct harness *h = *state;

    open_paused(h);
    assert_result(ward_restart(h->ctx, find(h, "/s/a")), 0);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    assert_alive(h, "/s/a", 2);
}

static ward_directive
pass_on(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_ESCALATE;
}
static const ward_strategy upwards = {.name = "upwards", .decider = pass_on};
WARD_REGISTER(upwards);

static void
escalation_of_a_sibling_ends_the_pause(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_paused(h);
    int64_t begun;

    start_child_up(h, ref,
                   &(ward_spec){.id = "b", .behavior = &member, .strategy = &upwards});
    begun = now_ms();
    assert_int_equal(crash_told(h, "/s/b")->directive, WARD_DIRECTIVE_ESCALATE);
    assert_ended_in_the_pause(h, begun);
    assert_down(h, ref);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s")->end, WARD_END_FAILURE);
}

/* ---- groups ---- */

static const ward_spec group_parts[] = {
    {.id = "a", .behavior = &member, .backoff = {.first_ms = LONG_MS}},
    {.id = "b", .behavior = &member, .backoff = {.first_ms = 300}},
    {.id = "c", .behavior = &member, .backoff = {.first_ms = LONG_MS}},
    {0}};
static const ward_supervisor all = {.group = WARD_ONE_FOR_ALL,
                                    .intensity = WARD_INFINITE,
                                    .period_ms = LONG_MS,
                                    .children = group_parts};
WARD_REGISTER(all);

/* All are stopped, then there is the delay of the one that failed, and no other. */
static void
group_has_one_delay(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &all);
    int64_t begun = now_ms();

    crash_told(h, "/s/b");
    await_event(h, WARD_EVENT_RESTARTED, "/s/c");
    assert_log(h, "+a +b +c -c -a +a +b +c");
    assert_true(part('a')->started_at - begun >= 300);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    assert_counts(h, ref, "3 3 0 3");
}

static void
delay_of_a_group_is_told(void **state)
{
    struct harness *h = *state;

    open_tree(h, &all);
    assert_int_equal(crash_told(h, "/s/b")->retry_ms, 300);
}

static void
members_wait_for_a_group_in_its_delay(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &all);

    crash_told(h, "/s/a");
    linger(h, 3 * QUIET_MS);
    assert_log(h, "+a +b +c -c -b");
    assert_state(h, ref, "a", WARD_CHILD_RESTARTING);
    assert_state(h, ref, "b", WARD_CHILD_WAITING);
    assert_state(h, ref, "c", WARD_CHILD_WAITING);
    assert_counts(h, ref, "3 0 0 3");
    assert_result(ward_stop(h->ctx, ref), 0);
    assert_down(h, ref);
    assert_int_equal(part('b')->starts, 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(pause_doubles_up_to_the_cap),
        STAGE_TEST(failed_starts_double_it_too),
        STAGE_TEST(without_backoff_there_is_no_pause),
        STAGE_TEST(jitter_goes_only_down),
        STAGE_TEST(jitter_leaves_out_no_more_than_said),
        STAGE_TEST(healthy_time_begins_it_again),
        STAGE_TEST(healthy_time_is_half_of_first_and_cap),
        STAGE_TEST(mailbox_and_asks_wait),
        STAGE_TEST(siblings_do_not_wait),
        STAGE_TEST(stop_ends_the_pause),
        STAGE_TEST(stop_of_the_supervisor_ends_the_pause),
        STAGE_TEST(stop_of_the_system_ends_the_pause),
        STAGE_TEST(terminate_child_ends_the_pause),
        STAGE_TEST(restart_child_in_a_pause_is_refused),
        STAGE_TEST(restart_in_a_pause_makes_one_start),
        STAGE_TEST(escalation_of_a_sibling_ends_the_pause),
        STAGE_TEST(cap_is_a_minute_unless_said),
        STAGE_TEST(jitter_is_in_the_pause_that_is_told),
        STAGE_TEST(restart_ends_the_pause),
        STAGE_TEST(delay_of_a_group_is_told),
        STAGE_TEST(group_has_one_delay),
        STAGE_TEST(members_wait_for_a_group_in_its_delay),
    };

    return stage_main("backoff", tests, sizeof tests / sizeof tests[0]);
}

/* OTP's rows G: what can only happen to processes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doomed.h"

/* Waits until the process has ended, without the system being run. */
static void
await_death(int64_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    assert_true(fd >= 0 || errno == ESRCH);
    if (fd >= 0)
        assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
    if (fd >= 0)
        close(fd);
}

/* ---- G1: it dies before it is ready ---- */

TREE(pair, RULES(.intensity = 3), MEMBER(.id = "a"), MEMBER(.id = "b"));

static void
G1_death_before_ready_is_a_start_failure(void **state)
{
    static const enum start hows[] = {START_FAILS, START_CRASHES, START_EXITS};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), ref;
    ward_child child;

    for (int i = 0; i < 3; i++) {
        plan_starts('c', 1, hows[i]);
        assert_result(ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = "c"), &ref),
                      0);
        assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), -WARD_ESTART);
        assert_result(ward_which_child(h->ctx, s, "c", &child), -ENOENT);
        assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/c")->end,
                         WARD_END_FAILURE);
        assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/c")->failure.phase,
                         WARD_PHASE_START);
    }
    assert_int_equal(starts_of('c'), 3);
    assert_counts(h, s, 2, 2);
    assert_no_event(h, WARD_EVENT_STARTED, "/s/c");
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
    assert_no_event(h, WARD_EVENT_FAILED, "/s");
}

static void
G1_in_an_automatic_restart_it_counts(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair);

    plan_starts('a', 2, START_CRASHES);
    trace_clear();
    tell_child(h, s, "a", CRASH);
    await_given_up(h, "/s");
    assert_int_equal(starts_of('a'), 4);
    assert_int_equal(starts_of('b'), 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/s/a"), 4);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

/* ---- G2: its own end races terminate_child ---- */

TREE(racer, RULES(.intensity = WARD_INFINITE), MEMBER(.id = "a"));

static void
restart_by_hand(struct harness *h, ward_ref s)
{
    ward_ref ref;

    assert_result(ward_restart_child(h->ctx, s, "a", &ref), 0);
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
}

static void
G2_own_exit_races_terminate(void **state)
{
    static const int64_t ends[] = {LEAVE, CRASH, EXIT, KILL};
    enum { ROUNDS = 40 };
    struct harness *h = *state;
    ward_ref s = start_tree(h, &racer);

    for (int i = 0; i < ROUNDS; i++) {
        ward_ref ref = child_of(h, s, "a").ref;
        const struct record *r;

        assert_result(ward_tell(h->ctx, ref, ends[i % 4], 3), 0);
        ward_run_for(h->sys, i / 4 % 3);
        assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
        ref = child_of(h, s, "a").ref;
        assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
        r = await_event(h, WARD_EVENT_STOPPED, "/s/a");
        if (strcmp(r->text, "normal") != 0 && strcmp(r->text, "stopped") != 0 &&
            strcmp(r->text, "failed") != 0)
            fail_with_log(h, "round %d: it stopped with '%s'", i, r->text);
        assert_int_equal(child_of(h, s, "a").state, WARD_CHILD_ABSENT);
        assert_counts(h, s, 1, 0);
        restart_by_hand(h, s);
    }
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/s/a"), ROUNDS);
    assert_int_equal((size_t)starts_of('a'),
                     1 + ROUNDS + count_events(h, WARD_EVENT_RESTARTED, "/s/a"));
}

/* It is dead, but the host has not seen it yet: the record says what it really died of. */
static void
G2_real_reason_of_one_that_is_dead_already(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &racer), ref = child_of(h, s, "a").ref;
    int64_t pid = process_of(h, s, "a");
    const struct record *r;

    kill((pid_t)pid, SIGUSR1);
    await_death(pid);
    assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
    assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
    r = await_event(h, WARD_EVENT_FAILED, "/s/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_SIGNAL);
    assert_int_equal(r->failure.signal, SIGUSR1);
    assert_int_equal(r->failure.by, WARD_BY_OUTSIDER);
    await_event(h, WARD_EVENT_STOPPED, "/s/a");
    linger(h, 100);
    assert_int_equal(starts_of('a'), 1);
    assert_int_equal(child_of(h, s, "a").state, WARD_CHILD_ABSENT);
}

/* ---- G3: a grandchild holds what it held ---- */

static void
G3_grandchild_holds_the_descriptors(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair);

    for (int i = 0; i < 3; i++) {
        tell_child(h, s, "a", LITTER);
        assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/a")->failure.signal,
                         SIGSEGV);
        await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    }
    assert_counts(h, s, 2, 2);
    stop_tree(h, s);
}

/* ---- G4: it ends exactly at its deadline ---- */

TREE(edge, RULES(.intensity = WARD_ZERO),
     {.id = "a", .behavior = &member, .shutdown_ms = 40}, MEMBER(.id = "b"));

static void
G4_exit_at_the_stop_deadline(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &edge);
    int64_t b = process_of(h, s, "b");

    for (int i = 0; i < 30; i++) {
        ward_ref ref = child_of(h, s, "a").ref;

        plan('a')->end_ms = 36 + i % 8;
        assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
        assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
        assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->text, "stopped");
        assert_int_equal(starts_of('a'), i + 1);
        restart_by_hand(h, s);
    }
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
    assert_in_range(count_events(h, WARD_EVENT_CLEANUP_SKIPPED, "/s/a"), 0, 30);
    assert_int_equal(process_of(h, s, "b"), b);
    assert_int_equal(starts_of('b'), 1);
}

/* ---- G5: fifty are killed at once ---- */

enum { FIFTY = 50 };

TREE(fifty, RULES(.group = WARD_SIMPLE_ONE_FOR_ONE, .intensity = WARD_INFINITE),
     MEMBER(.id = "p"));
TREE(fifty_temporary, RULES(.group = WARD_SIMPLE_ONE_FOR_ONE, .intensity = WARD_ZERO),
     MEMBER(.id = "p", .restart = WARD_TEMPORARY));

static void
start_fifty(struct harness *h, ward_ref s, ward_ref *refs)
{
    for (int i = 0; i < FIFTY; i++)
        assert_result(ward_start_child(h->ctx, s, &(ward_spec){0}, &refs[i]), 0);
    for (int i = 0; i < FIFTY; i++)
        assert_result(ward_wait_up(h->sys, refs[i], DEADLINE_MS), 0);
    assert_counts(h, s, FIFTY, FIFTY);
}

static void
kill_fifty(struct harness *h, const ward_ref *refs)
{
    int64_t pids[FIFTY];

    for (int i = 0; i < FIFTY; i++)
        pids[i] = ward_process_id(h->sys, refs[i]);
    for (int i = 0; i < FIFTY; i++) {
        assert_true(pids[i] > 0);
        kill((pid_t)pids[i], SIGKILL);
    }
    for (int i = 0; i < FIFTY; i++)
        await_death(pids[i]);
}

static void
G5_fifty_killed_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &fifty), refs[FIFTY];

    start_fifty(h, s, refs);
    kill_fifty(h, refs);
    await_count(h, WARD_EVENT_RESTARTED, NULL, FIFTY);
    linger(h, 100);
    assert_counts(h, s, FIFTY, FIFTY);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), FIFTY);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, NULL), FIFTY);
    assert_int_equal(steps_of(UP, 0).count, 2 * FIFTY);
    for (int i = 0; i < FIFTY; i++)
        assert_int_equal(ask_number(h, refs[i], PING), 1);
}

static void
G5_fifty_temporary_killed_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &fifty_temporary), refs[FIFTY];

    start_fifty(h, s, refs);
    kill_fifty(h, refs);
    await_count(h, WARD_EVENT_STOPPED, NULL, FIFTY);
    linger(h, 100);
    assert_counts(h, s, 0, 0);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), FIFTY);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, NULL), FIFTY);
    assert_int_equal(steps_of(UP, 0).count, FIFTY);
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
}

/* ---- G6: changed by hand during a pause ---- */

enum { PAUSE_MS = 400 };

TREE(patient, RULES(.intensity = 9),
     MEMBER(.id = "a", .backoff = {.first_ms = PAUSE_MS}));

static ward_ref
crash_into_pause(struct harness *h)
{
    ward_ref s = start_tree(h, &patient);

    tell_child(h, s, "a", CRASH);
    await_event(h, WARD_EVENT_FAILED, "/s/a");
    assert_int_equal(child_of(h, s, "a").state, WARD_CHILD_RESTARTING);
    assert_counts(h, s, 1, 0);
    return s;
}

/* Two starts in all: the first, and the one that the pause or the hand made. */
static void
assert_one_more_start(struct harness *h, ward_ref s)
{
    await_steps(h, UP, 'a', 2);
    linger(h, 2 * PAUSE_MS);
    assert_int_equal(starts_of('a'), 2);
    assert_counts(h, s, 1, 1);
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
}

static void
G6_terminate_and_restart_child_in_a_pause(void **state)
{
    struct harness *h = *state;
    ward_ref s = crash_into_pause(h), old = child_of(h, s, "a").ref, ref;

    assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
    assert_result(ward_wait_down(h->sys, old, DEADLINE_MS), 0);
    assert_int_equal(child_of(h, s, "a").state, WARD_CHILD_ABSENT);
    assert_result(ward_restart_child(h->ctx, s, "a", &ref), 0);
    assert_one_more_start(h, s);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

static void
G6_terminate_in_a_pause_cancels_it(void **state)
{
    struct harness *h = *state;
    ward_ref s = crash_into_pause(h);

    assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
    linger(h, 2 * PAUSE_MS);
    assert_int_equal(starts_of('a'), 1);
    assert_counts(h, s, 1, 0);
}

static void
G6_start_by_hand_in_a_pause(void **state)
{
    struct harness *h = *state;
    ward_ref s = crash_into_pause(h), ref = {7, 7};

    assert_result(ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = "a"), &ref),
                  -WARD_EALREADY_PRESENT);
    assert_result(ward_restart_child(h->ctx, s, "a", &ref), -WARD_ERESTARTING);
    assert_result(ward_delete_child(h->ctx, s, "a"), -WARD_ERESTARTING);
    assert_int_equal(ref.id, 7);
    assert_one_more_start(h, s);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/s/a"), 1);
}

static void
G6_ordered_restart_in_a_pause(void **state)
{
    struct harness *h = *state;
    ward_ref s = crash_into_pause(h);

    assert_result(ward_restart(h->ctx, child_of(h, s, "a").ref), 0);
    assert_one_more_start(h, s);
}

/* ---- G7: the host dies between the stop and the reaping ---- */

static void
be_doomed(struct harness *h)
{
    ward_ref s = start_tree(h, &pair);

    plan('b')->end = END_HANGS;
    ward_stop(h->ctx, s);
    await_steps(h, TERM, 'b', 1);
}

static void
G7_host_killed_during_a_stop(void **state)
{
    (void)state;
    kill_a_host();
}

/* ---- G8: it hangs ---- */

enum { MESSAGE_MS = 150 };

TREE(hanging, RULES(.intensity = 9),
     {.id = "a", .behavior = &member, .message_ms = MESSAGE_MS, .shutdown_ms = 500},
     MEMBER(.id = "b"));

static void
G8_hung_worker(void **state)
{
    static const int64_t ways[] = {FREEZE, BUSY, READ};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &hanging);
    ward_budget budget;

    for (int i = 0; i < 3; i++) {
        int64_t began = now_ms();
        const struct record *r;

        tell_child(h, s, "a", ways[i]);
        r = await_event(h, WARD_EVENT_FAILED, "/s/a");
        assert_in_range(now_ms() - began, MESSAGE_MS - 10, 5000);
        assert_int_equal(r->failure.cause, WARD_CAUSE_TIMEOUT);
        assert_int_equal(r->failure.phase, WARD_PHASE_RECEIVE);
        assert_int_equal(r->failure.message_type, ways[i]);
        assert_int_equal(r->directive, WARD_DIRECTIVE_RESTART);
        await_event(h, WARD_EVENT_RESTARTED, "/s/a");
        assert_result(ward_get_budget(h->ctx, child_of(h, s, "a").ref, &budget), 0);
        assert_int_equal(budget.supervisor.used, i + 1);
    }
    assert_int_equal(starts_of('a'), 4);
    assert_int_equal(starts_of('b'), 1);
}

/* Frozen by an outsider, so that it never takes the message. */
static void
G8_worker_frozen_by_an_outsider(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &hanging);

    kill((pid_t)process_of(h, s, "a"), SIGSTOP);
    tell_child(h, s, "a", LEAVE);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/a")->failure.cause,
                     WARD_CAUSE_TIMEOUT);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    assert_int_equal(starts_of('b'), 1);
}

/* ---- G10: a start hangs ---- */

static void
G10_start_that_hangs(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), ref;
    int64_t began = now_ms();
    const struct record *r;
    ward_child child;
    int served = 0;

    plan_starts('c', 1, START_HANGS);
    assert_result(
        ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = "c", .start_ms = 600), &ref),
        0);
    await_steps(h, BEGUN, 'c', 1);
    while (count_events(h, WARD_EVENT_STOPPED, "/s/c") == 0 &&
           now_ms() - began < DEADLINE_MS) {
        ward_ref b = child_of(h, s, "b").ref;

        if (ward_which_child(h->ctx, s, "c", &child) == 0 &&
            child.state == WARD_CHILD_STARTING)
            served += ask_number(h, b, PING) == 0;
        linger(h, 20);
    }
    assert_in_range(now_ms() - began, 590, 5000);
    assert_in_range(served, 1, 1000);
    r = await_event(h, WARD_EVENT_FAILED, "/s/c");
    assert_int_equal(r->failure.cause, WARD_CAUSE_TIMEOUT);
    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    assert_result(ward_which_child(h->ctx, s, "c", &child), -ENOENT);
    assert_counts(h, s, 2, 2);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

int
main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        ROW(G1_death_before_ready_is_a_start_failure),
        ROW(G1_in_an_automatic_restart_it_counts),
        ROW(G2_own_exit_races_terminate),
        ROW(G2_real_reason_of_one_that_is_dead_already),
        ROW(G3_grandchild_holds_the_descriptors),
        ROW(G4_exit_at_the_stop_deadline),
        ROW(G5_fifty_killed_at_once),
        ROW(G5_fifty_temporary_killed_at_once),
        ROW(G6_terminate_and_restart_child_in_a_pause),
        ROW(G6_terminate_in_a_pause_cancels_it),
        ROW(G6_start_by_hand_in_a_pause),
        ROW(G6_ordered_restart_in_a_pause),
        ROW(G7_host_killed_during_a_stop),
        ROW(G8_hung_worker),
        ROW(G8_worker_frozen_by_an_outsider),
        ROW(G10_start_that_hangs),
    };

    if (doomed_main(argc, argv, be_doomed))
        return 1;
    member_begin();
    return harness_main("otp_isolation", tests, sizeof tests / sizeof tests[0]);
}

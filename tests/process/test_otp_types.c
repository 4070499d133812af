/* OTP's rows B and C: restart types and the strategies of groups, on real processes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "member.h"

/* Tells a child to end in that way, and waits until it was restarted. */
static void
end_and_await_restart(struct harness *h, ward_ref s, const char *id, int64_t type)
{
    ward_child before = child_of(h, s, id);
    char path[80];

    snprintf(path, sizeof path, "/s/%s", id);
    if (type == EXIT)
        assert_result(ward_tell(h->ctx, before.ref, EXIT, 3), 0);
    else if (type == LEAVE_WITH)
        assert_result(ward_tell(h->ctx, before.ref, LEAVE_WITH, "shutdown"), 0);
    else
        assert_result(ward_tell(h->ctx, before.ref, type), 0);
    assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, path)->incarnation,
                     before.incarnation + 1);
    assert_true(ward_ref_equal(child_of(h, s, id).ref, before.ref));
}

static int64_t
ping(struct harness *h, ward_ref s, const char *id)
{
    return ask_number(h, child_of(h, s, id).ref, PING);
}

/* ---- B: restart types ---- */

TREE(permanent, RULES(.intensity = 9), MEMBER(.id = "a", .restart = WARD_PERMANENT));

static void
B1_permanent_always(void **state)
{
    static const int64_t ends[] = {LEAVE, LEAVE_WITH, CRASH, KILL};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &permanent);
    ward_budget budget;

    for (int i = 0; i < 4; i++)
        end_and_await_restart(h, s, "a", ends[i]);
    assert_int_equal(starts_of('a'), 5);
    assert_int_equal(ping(h, s, "a"), 4);
    assert_int_equal(count_events(h, WARD_EVENT_EXITED, "/s/a"), 2);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/s/a"), 2);
    assert_result(ward_get_budget(h->ctx, s, &budget), 0);
    assert_result(ward_get_budget(h->ctx, child_of(h, s, "a").ref, &budget), 0);
    assert_int_equal(budget.supervisor.used, 4);
}

TREE(transient, RULES(.intensity = 9), MEMBER(.id = "a", .restart = WARD_TRANSIENT));

static void
B2_transient_normal(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &transient), first = child_of(h, s, "a").ref, ref;
    ward_budget budget;

    assert_result(ward_tell(h->ctx, first, LEAVE), 0);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->text, "normal");
    assert_counts(h, s, 1, 0);
    assert_int_equal(child_of(h, s, "a").state, WARD_CHILD_ABSENT);
    assert_result(ward_restart_child(h->ctx, s, "a", &ref), 0);
    assert_false(ward_ref_equal(ref, first));
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_counts(h, s, 1, 1);
    assert_result(ward_get_budget(h->ctx, ref, &budget), 0);
    assert_int_equal(budget.supervisor.used, 0);
    assert_result(ward_tell(h->ctx, ref, LEAVE_WITH, "x"), 0);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->text, "x");
    linger(h, 200);
    assert_counts(h, s, 1, 0);
    assert_int_equal(starts_of('a'), 2);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
}

static void
B3_transient_abnormal(void **state)
{
    static const int64_t ends[] = {EXIT, CRASH, ABORT, KILL};
    static const int signals[] = {0, SIGSEGV, SIGABRT, SIGKILL};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &transient);

    for (int i = 0; i < 4; i++) {
        const struct record *r;

        end_and_await_restart(h, s, "a", ends[i]);
        r = await_event(h, WARD_EVENT_FAILED, "/s/a");
        assert_int_equal(r->directive, WARD_DIRECTIVE_RESTART);
        assert_int_equal(r->failure.signal, signals[i]);
        assert_int_equal(r->failure.exit_code, i == 0 ? 3 : 0);
    }
    assert_int_equal(starts_of('a'), 5);
    assert_counts(h, s, 1, 1);
}

TREE(temporary, RULES(.intensity = WARD_ZERO),
     MEMBER(.id = "a", .restart = WARD_TEMPORARY), MEMBER(.id = "b"));

static struct {
    ward_ref supervisor;
    int result;
    int tries;
} at_once;

/* In the very callback that tells its end. */
static void
start_a_again(struct harness *h, const ward_event *event)
{
    ward_ref ref;

    if (event->kind != WARD_EVENT_STOPPED || strcmp(event->path, "/s/a") != 0)
        return;
    at_once.tries++;
    at_once.result =
        ward_start_child(h->ctx, at_once.supervisor,
                         &(ward_spec)MEMBER(.id = "a", .restart = WARD_TEMPORARY), &ref);
}

static void
B4_temporary(void **state)
{
    static const int64_t ends[] = {LEAVE, CRASH, ABORT, KILL};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &temporary);
    ward_child child;

    for (int i = 0; i < 4; i++) {
        at_once.supervisor = s;
        at_once.tries = 0;
        h->on_event = i == 3 ? NULL : start_a_again;
        await_event(h, WARD_EVENT_STARTED, "/s/a");
        tell_child(h, s, "a", ends[i]);
        await_event(h, WARD_EVENT_STOPPED, "/s/a");
        assert_int_equal(at_once.tries, i < 3);
        if (i < 3)
            assert_result(at_once.result, 0);
    }
    assert_counts(h, s, 1, 1);
    assert_result(ward_which_child(h->ctx, s, "a", &child), -ENOENT);
    assert_int_equal(starts_of('a'), 4);
    assert_int_equal(starts_of('b'), 1);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

TREE(permanent_once, RULES(.intensity = 1), MEMBER(.id = "a", .restart = WARD_PERMANENT));

static void
B6_permanent_normal_end_is_counted(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &permanent_once);
    const struct record *r;

    end_and_await_restart(h, s, "a", LEAVE);
    tell_child(h, s, "a", LEAVE);
    r = await_event(h, WARD_EVENT_FAILED, "/s");
    assert_int_equal(r->failure.cause, WARD_CAUSE_INTENSITY);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s")->end, WARD_END_FAILURE);
    linger(h, 100);
    assert_int_equal(starts_of('a'), 2);
    assert_result(ward_wait_down(h->sys, s, DEADLINE_MS), 0);
}

/* ---- C: groups ---- */

TREE(one, RULES(.intensity = 9), MEMBER(.id = "a"), MEMBER(.id = "b"));

static void
C1_one_for_one(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &one);
    int64_t b = process_of(h, s, "b");

    end_and_await_restart(h, s, "a", CRASH);
    assert_trace(h, "(+[-", "(a +a (b +b (a +a");
    assert_int_equal(process_of(h, s, "b"), b);
    assert_int_equal(ping(h, s, "b"), 0);
}

TREE(all, RULES(.group = WARD_ONE_FOR_ALL, .intensity = 2), MEMBER(.id = "a"),
     MEMBER(.id = "b"), MEMBER(.id = "c"));

static void
C2_one_for_all_order(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &all);
    ward_budget budget;

    trace_clear();
    end_and_await_restart(h, s, "b", CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/s/c");
    assert_trace(h, "(+[-", "[c -c [a -a (a +a (b +b (c +c");
    for (int i = 0; i < 3; i++)
        assert_int_equal(ping(h, s, (const char *const[]){"a", "b", "c"}[i]), 1);
    assert_result(ward_get_budget(h->ctx, child_of(h, s, "a").ref, &budget), 0);
    assert_int_equal(budget.supervisor.used, 1);
    assert_counts(h, s, 3, 3);
}

TREE(later, RULES(.group = WARD_REST_FOR_ONE, .intensity = 2), MEMBER(.id = "a"),
     MEMBER(.id = "b"), MEMBER(.id = "c"), MEMBER(.id = "d"));

static void
C2_rest_for_one_order(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &later);
    int64_t a = process_of(h, s, "a");

    trace_clear();
    end_and_await_restart(h, s, "b", CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/s/d");
    assert_trace(h, "(+[-", "[d -d [c -c (b +b (c +c (d +d");
    assert_int_equal(process_of(h, s, "a"), a);
}

TREE(mixed, RULES(.group = WARD_ONE_FOR_ALL, .intensity = WARD_ZERO),
     MEMBER(.id = "a", .restart = WARD_TEMPORARY),
     MEMBER(.id = "b", .restart = WARD_TRANSIENT), MEMBER(.id = "c"));

static void
C7_non_restart_exit_leaves_group_alone(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &mixed);
    int64_t c = process_of(h, s, "c");

    trace_clear();
    tell_child(h, s, "a", CRASH);
    await_event(h, WARD_EVENT_STOPPED, "/s/a");
    tell_child(h, s, "b", LEAVE);
    await_event(h, WARD_EVENT_STOPPED, "/s/b");
    linger(h, 200);
    assert_int_equal(steps_of(TERM, 'c').count, 0);
    assert_int_equal(steps_of(BEGUN, 0).count, 0);
    assert_int_equal(process_of(h, s, "c"), c);
    assert_int_equal(ping(h, s, "c"), 0);
    assert_counts(h, s, 2, 1);
    assert_no_event(h, WARD_EVENT_STOPPED, "/s/c");
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
}

TREE(both, RULES(.group = WARD_ONE_FOR_ALL, .intensity = 2),
     MEMBER(.id = "a", .restart = WARD_PERMANENT),
     MEMBER(.id = "b", .restart = WARD_PERMANENT));

static void
C8_permanent_normal_end_hits_group(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &both);

    trace_clear();
    end_and_await_restart(h, s, "b", LEAVE);
    assert_trace(h, UPS_AND_ENDS, "-b -a +a +b");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_int_equal(count_events(h, WARD_EVENT_EXITED, NULL), 1);
    assert_int_equal(ping(h, s, "a"), 1);
}

TREE(stubborn, RULES(.group = WARD_ONE_FOR_ALL, .intensity = 2), MEMBER(.id = "a"),
     MEMBER(.id = "b"), MEMBER(.id = "c"), MEMBER(.id = "d"));

static void
C11_member_fails_to_restart(void **state)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    static const int starts[] = {3, 3, 3, 2};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &stubborn);
    ward_budget budget;

    plan('c')->starts[1] = START_FAILS;
    trace_clear();
    tell_child(h, s, "b", CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/s/d");
    assert_trace(h, UPS_AND_ENDS, "-d -c -a +a +b -b -a +a +b +c +d");
    for (int i = 0; i < 4; i++)
        assert_int_equal(starts_of(ids[i][0]), starts[i]);
    assert_counts(h, s, 4, 4);
    assert_result(ward_get_budget(h->ctx, child_of(h, s, "a").ref, &budget), 0);
    assert_int_equal(budget.supervisor.used, 2);
    assert_no_event(h, WARD_EVENT_STOPPED, NULL);
}

static void
assert_children(struct harness *h, ward_ref s, const char *newest_first)
{
    ward_child children[8];
    char ids[8] = "";
    int count = ward_which_children(h->ctx, s, children, 8);

    assert_in_range(count, 0, 7);
    for (int i = 0; i < count; i++)
        ids[i] = children[i].id[0];
    assert_string_equal(ids, newest_first);
}

static void
add_up(struct harness *h, ward_ref s, const char *id)
{
    ward_ref ref;

    assert_result(ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = id), &ref), 0);
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
}

static void
terminate(struct harness *h, ward_ref s, const char *id)
{
    ward_ref ref = child_of(h, s, id).ref;

    assert_result(ward_terminate_child(h->ctx, s, id), 0);
    assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
}

static void
C12_order_after_edits(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &one), ref;

    add_up(h, s, "d");
    assert_children(h, s, "dba");
    terminate(h, s, "a");
    assert_children(h, s, "dba");
    assert_result(ward_restart_child(h->ctx, s, "a", &ref), 0);
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_children(h, s, "dba");
    terminate(h, s, "b");
    assert_result(ward_delete_child(h->ctx, s, "b"), 0);
    assert_children(h, s, "da");
    add_up(h, s, "b");
    assert_children(h, s, "bda");
    trace_clear();
    stop_tree(h, s);
    assert_trace(h, UPS_AND_ENDS, "-b -d -a");
}

TREE(shy, RULES(.intensity = 9), MEMBER(.id = "a"));

static void
C13_ignore_on_automatic_restart(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &shy);
    ward_child child;

    plan_starts('a', 2, START_IGNORES);
    tell_child(h, s, "a", CRASH);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->text, "ignored");
    linger(h, 200);
    child = child_of(h, s, "a");
    assert_int_equal(child.state, WARD_CHILD_ABSENT);
    assert_true(ward_ref_equal(child.ref, (ward_ref){0, 0}));
    assert_counts(h, s, 1, 0);
    assert_int_equal(starts_of('a'), 2);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        ROW(B1_permanent_always),
        ROW(B2_transient_normal),
        ROW(B3_transient_abnormal),
        ROW(B4_temporary),
        ROW(B6_permanent_normal_end_is_counted),
        ROW(C1_one_for_one),
        ROW(C2_one_for_all_order),
        ROW(C2_rest_for_one_order),
        ROW(C7_non_restart_exit_leaves_group_alone),
        ROW(C8_permanent_normal_end_hits_group),
        ROW(C11_member_fails_to_restart),
        ROW(C12_order_after_edits),
        ROW(C13_ignore_on_automatic_restart),
    };

    member_begin();
    return harness_main("otp_types", tests, sizeof tests / sizeof tests[0]);
}

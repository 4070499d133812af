/* OTP's rows A: start, roll-back and stop of supervisors, on real processes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doomed.h"

/* ---- A1, A3: start ---- */

TREE(three, RULES(.intensity = 9), MEMBER(.id = "a"), MEMBER(.id = "b"),
     MEMBER(.id = "c"));

static void
A1_start_order(void **state)
{
    struct harness *h = *state;
    ward_child children[4];
    ward_ref s = start_tree(h, &three);

    assert_trace(h, "(+", "(a +a (b +b (c +c");
    assert_int_equal(ward_which_children(h->ctx, s, children, 4), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(children[i].id, &"c\0b\0a"[2 * i]);
        assert_int_equal(children[i].state, WARD_CHILD_UP);
        assert_false(children[i].is_supervisor);
    }
    assert_true(await_event(h, WARD_EVENT_STARTED, "/s/a")->order <
                await_event(h, WARD_EVENT_STARTED, "/s")->order);
    assert_counts(h, s, 3, 3);
}

TREE(ignoring, RULES(.group = WARD_ONE_FOR_ALL), MEMBER(.id = "a"),
     MEMBER(.id = "b", .restart = WARD_TEMPORARY));

static void
A3_ignore_kept_and_dropped(void **state)
{
    struct harness *h = *state;
    ward_child child;
    ward_ref s;

    plan_starts('a', 1, START_IGNORES);
    plan_starts('b', 1, START_IGNORES);
    s = start_tree(h, &ignoring);
    linger(h, 50);
    assert_counts(h, s, 1, 0);
    child = child_of(h, s, "a");
    assert_int_equal(child.state, WARD_CHILD_ABSENT);
    assert_true(ward_ref_equal(child.ref, (ward_ref){0, 0}));
    assert_result(ward_which_child(h->ctx, s, "b", &child), -ENOENT);
    assert_trace(h, "(+[", "(a (b");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

/* ---- A4, A5: the order of a stop ---- */

TREE(four, RULES(.intensity = 9), MEMBER(.id = "a"), MEMBER(.id = "b"), MEMBER(.id = "c"),
     MEMBER(.id = "d"));

static void
A4_reverse_stop(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &four);

    for (char letter = 'a'; letter <= 'd'; letter++)
        plan(letter)->end_ms = 20;
    trace_clear();
    stop_tree(h, s);
    assert_trace(h, "[-+", "[d -d [c -c [b -b [a -a");
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s")->end, WARD_END_STOPPED);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_result(ward_count_children(h->ctx, s, &(ward_child_count){0}), -WARD_EUNKNOWN);
}

TREE(inner, RULES(.intensity = 9), MEMBER(.id = "a"), MEMBER(.id = "b"));
TREE(outer, RULES(.intensity = 9), MEMBER(.id = "x"), {.id = "sub", .supervisor = &inner},
     MEMBER(.id = "y"));

static void
A5_nested_stop(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &outer);

    assert_trace(h, UPS_AND_ENDS, "+x +a +b +y");
    assert_true(child_of(h, s, "sub").is_supervisor);
    trace_clear();
    stop_tree(h, s);
    assert_trace(h, "[-+", "[y -y [b -b [a -a [x -x");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

/* ---- A8, A9: how long a stop takes ---- */

TREE(pool, RULES(.group = WARD_SIMPLE_ONE_FOR_ONE, .intensity = 9),
     {.id = "p", .behavior = &member, .shutdown_ms = 1000});
TREE(static_pool, RULES(.stop_at_once = true, .intensity = 9),
     {.id = "a", .behavior = &member, .shutdown_ms = 1000},
     {.id = "b", .behavior = &member, .shutdown_ms = 1000},
     {.id = "c", .behavior = &member, .shutdown_ms = 1000});

/* One after the other takes 3,000 ms. */
static void
assert_stops_in_parallel(struct harness *h, ward_ref s)
{
    struct steps ends;
    int64_t began;

    for (char letter = 'a'; letter <= 'c'; letter++)
        plan(letter)->end = END_HANGS;
    began = now_ms();
    stop_tree(h, s);
    assert_in_range(now_ms() - began, 990, 2600);
    ends = steps_of(TERM, 0);
    assert_int_equal(ends.count, 3);
    /* Each takes the time before it takes its place in the trace: they may be out of order. */
    assert_in_range(llabs(ends.last_ms - ends.first_ms), 0, 900);
    assert_int_equal(count_events(h, WARD_EVENT_CLEANUP_SKIPPED, NULL), 3);
}

static void
A8_pool_stops_in_parallel(void **state)
{
    struct harness *h = *state;
    static const char *const ids[] = {"a", "b", "c"};
    ward_ref s = start_tree(h, &pool), ref;

    for (int i = 0; i < 3; i++) {
        assert_result(ward_start_child(h->ctx, s, &(ward_spec){.id = ids[i]}, &ref), 0);
        assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    }
    assert_stops_in_parallel(h, s);
}

static void
A8_stop_at_once_stops_in_parallel(void **state)
{
    struct harness *h = *state;

    assert_stops_in_parallel(h, start_tree(h, &static_pool));
}

TREE(brutal, RULES(.intensity = 9),
     {.id = "a", .behavior = &member, .shutdown_ms = WARD_ZERO});

static void
A9_shutdown_zero(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &brutal);
    int64_t began;

    plan('a')->end_ms = 50;
    tell_child(h, s, "a", HOLD);
    await_steps(h, HELD, 'a', 1);
    began = now_ms();
    assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->text, "stopped");
    assert_in_range(now_ms() - began, 0, 1500);
    assert_int_equal(child_of(h, s, "a").state, WARD_CHILD_ABSENT);
    assert_int_equal(steps_of(TERM, 'a').count, 0);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
}

/* ---- A10, A11: failures during a stop ---- */

static struct {
    int shutdown_errors;
    int signal;
    int code;
} reported;

static void
note_reports(struct harness *h, const ward_event *event)
{
    (void)h;
    if (event->report != WARD_REPORT_SHUTDOWN_ERROR)
        return;
    reported.shutdown_errors++;
    reported.code = event->failure == NULL ? -1 : event->failure->exit_code;
    reported.signal = event->failure == NULL ? -1 : event->failure->signal;
}

static void
A10_child_errors_while_stopping(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &three);

    memset(&reported, 0, sizeof reported);
    h->on_event = note_reports;
    plan('b')->end = END_EXITS;
    trace_clear();
    stop_tree(h, s);
    assert_trace(h, UPS_AND_ENDS, "-c -b -a");
    for (char letter = 'a'; letter <= 'c'; letter++)
        assert_int_equal(starts_of(letter), 1);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s")->end, WARD_END_STOPPED);
    assert_int_equal(await_event(h, WARD_EVENT_CLEANUP_FAILED, "/s/b")->failure.exit_code,
                     7);
    assert_int_equal(reported.shutdown_errors, 1);
    assert_int_equal(reported.code, 7);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

#define KINDS(first, second, third, fourth, type)                                        \
    MEMBER(.id = (first), .restart = (type)), MEMBER(.id = (second), .restart = (type)), \
        MEMBER(.id = (third), .restart = (type)),                                        \
        MEMBER(.id = (fourth), .restart = (type))
TREE(twelve, RULES(.intensity = 9), KINDS("a", "b", "c", "d", WARD_TEMPORARY),
     KINDS("e", "f", "g", "h", WARD_TRANSIENT), KINDS("i", "j", "k", "l", WARD_PERMANENT),
     MEMBER(.id = "z"));

/* All twelve end by themselves: normally, in two ways with a reason, by a crash. */
static void
end_the_twelve(struct harness *h, const ward_ref *refs)
{
    for (int i = 0; i < 12; i++) {
        int result = i % 4 == 0   ? ward_tell(h->ctx, refs[i], LEAVE)
                     : i % 4 == 1 ? ward_tell(h->ctx, refs[i], LEAVE_WITH, "shutdown")
                     : i % 4 == 2 ? ward_tell(h->ctx, refs[i], LEAVE_WITH, "shutdown: t")
                                  : ward_tell(h->ctx, refs[i], CRASH);
        assert_result(result, 0);
    }
}

static bool
are_twelve_gone(struct harness *h, const void *arg)
{
    const ward_ref *refs = arg;
    int gone = 0;

    for (int i = 0; i < 12; i++)
        gone += ward_process_id(h->sys, refs[i]) <= 0;
    return gone == 12;
}

static void
A11_children_die_during_shutdown(void **state)
{
    static const char *const reasons[] = {"normal", "shutdown", "shutdown: t"};
    struct harness *h = *state;
    ward_ref s = start_tree(h, &twelve), refs[12];
    char path[8] = "/s/a", id[2] = "a";

    memset(&reported, 0, sizeof reported);
    h->on_event = note_reports;
    for (int i = 0; i < 12; i++, id[0]++)
        refs[i] = child_of(h, s, id).ref;
    plan('z')->end_ms = 1500;
    assert_result(ward_stop(h->ctx, s), 0);
    await_steps(h, TERM, 'z', 1);
    end_the_twelve(h, refs);
    await_true(h, are_twelve_gone, refs, "the end of the twelve");
    assert_int_equal(steps_of(DONE, 'z').count, 0);
    stop_tree(h, s);
    for (int i = 0; i < 12; i++, path[3]++) {
        const struct record *r = await_event(h, WARD_EVENT_STOPPED, path);
        if (i % 4 < 3)
            assert_string_equal(r->text, reasons[i % 4]);
        else
            assert_int_equal(await_event(h, WARD_EVENT_FAILED, path)->failure.signal,
                             SIGSEGV);
        assert_int_equal(starts_of(path[3]), 1);
    }
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 3);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s")->end, WARD_END_STOPPED);
    assert_int_equal(steps_of(DONE, 'z').count, 1);
}

/* ---- A12: the supervisor dies ---- */

static void
be_doomed(struct harness *h)
{
    ward_ref s = start_tree(h, &outer);

    tell_child(h, s, "x", BUSY);
    await_steps(h, HELD, 'x', 1);
}

static void
A12_host_killed(void **state)
{
    (void)state;
    kill_a_host();
}

static int
boss_start(ward_ctx *ctx)
{
    ward_ref ref;
    int result = ward_spawn(ctx, &ref, &(ward_spec)MEMBER(.id = "a"));

    return result < 0 ? result : ward_spawn(ctx, &ref, &(ward_spec)MEMBER(.id = "b"));
}

static ward_next
boss_receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    (void)msg;
    return WARD_UNHANDLED;
}

static const ward_behavior boss = {
    .name = "boss", .receive = boss_receive, .pre_start = boss_start};
WARD_REGISTER(boss);
static const ward_supervisor boss_rules = {.group = WARD_ONE_FOR_ALL, .intensity = 3};
WARD_REGISTER(boss_rules);
static const ward_strategy again = {.name = "again", .max_restarts = 3};
WARD_REGISTER(again);

static int
open_process(struct harness *h, const char *path)
{
    int64_t pid = ward_process_id(h->sys, find(h, path));
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

    assert_true(fd >= 0);
    return fd;
}

static void
A12_supervising_actor_killed(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "boss",
                                            .behavior = &boss,
                                            .supervisor = &boss_rules,
                                            .strategy = &again});
    struct pollfd ends[2] = {{.fd = open_process(h, "/boss/a"), .events = POLLIN},
                             {.fd = open_process(h, "/boss/b"), .events = POLLIN}};

    trace_clear();
    kill((pid_t)ward_process_id(h->sys, ref), SIGKILL);
    await_event(h, WARD_EVENT_RESTARTED, "/boss");
    assert_int_equal(poll(ends, 2, 0), 2);
    close(ends[0].fd);
    close(ends[1].fd);
    assert_trace(h, UPS_AND_ENDS, "-b -a +a +b");
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
}

int
main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        ROW(A1_start_order),
        ROW(A3_ignore_kept_and_dropped),
        ROW(A4_reverse_stop),
        ROW(A5_nested_stop),
        ROW(A8_pool_stops_in_parallel),
        ROW(A8_stop_at_once_stops_in_parallel),
        ROW(A9_shutdown_zero),
        ROW(A10_child_errors_while_stopping),
        ROW(A11_children_die_during_shutdown),
        ROW(A12_host_killed),
        ROW(A12_supervising_actor_killed),
    };

    if (doomed_main(argc, argv, be_doomed))
        return 1;
    member_begin();
    return harness_main("otp_start", tests, sizeof tests / sizeof tests[0]);
}

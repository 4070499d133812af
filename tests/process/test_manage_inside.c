/* The management calls of manage.h, made inside an actor; each result, and the few of the host. */
#include <errno.h>
#include <stdio.h>

#include "manager.h"

TREE(pair, RULES(.intensity = 5),
     MEMBER(.id = "a", .restart = WARD_TRANSIENT, .backoff = {.first_ms = 60000}),
     MEMBER(.id = "b"));
TREE(pool, RULES(.group = WARD_SIMPLE_ONE_FOR_ONE, .max_children = 2), MEMBER(.id = "p"));

/* ---- starting ---- */

static void
worker_starts_a_child(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");
    struct answer a = order(h, m, START_CHILD, s, "c"), again;

    assert_result(a.result, 0);
    assert_int_equal(child_of(h, s, "c").state, WARD_CHILD_UP);
    assert_true(ward_ref_equal(child_of(h, s, "c").ref, a.ref));
    again = order(h, m, START_CHILD, s, "c");
    assert_result(again.result, -WARD_EALREADY_STARTED);
    assert_true(ward_ref_equal(again.ref, a.ref));
    assert_order(h, m, TERMINATE, s, "c", 0);
    again = order(h, m, START_CHILD, s, "c");
    assert_result(again.result, -WARD_EALREADY_PRESENT);
    assert_true(ward_ref_equal(again.ref, unwritten));
    assert_int_equal(starts_of('c'), 1);
}

static void
start_in_a_worker_says_how_it_went(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");
    struct answer a;

    plan_starts('c', 1, START_CRASHES);
    a = order(h, m, START_CHILD, s, "c");
    assert_result(a.result, -WARD_ESTART);
    assert_true(ward_ref_equal(a.ref, unwritten));
    assert_order(h, m, WHICH, s, "c", -ENOENT);
    plan_starts('d', 1, START_IGNORES);
    assert_order(h, m, START_CHILD, s, "d", -WARD_EIGNORED);
    assert_int_equal(order(h, m, WHICH, s, "d").number, WARD_CHILD_ABSENT);
    plan_starts('e', 1, START_HANGS);
    assert_order(h, m, START_CHILD, s, "e", -WARD_ESTART);
    assert_order(h, m, WHICH, s, "e", -ENOENT);
    assert_counts(h, s, 3, 2);
    assert_order(h, m, START_CHILD, s, "", -EINVAL);
    assert_order(h, m, START_CHILD, s, "not/an/id", -EINVAL);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

static void
dynamic_supervisor_in_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pool), m = spawn_manager(h, "m"), ref;

    assert_result(ward_start_child(h->ctx, s, &(ward_spec){.id = "x"}, &ref), 0);
    assert_result(ward_start_child(h->ctx, s, &(ward_spec){.id = "y"}, &ref), 0);
    assert_result(ward_start_child(h->ctx, s, &(ward_spec){.id = "z"}, &ref), -ENOBUFS);
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_order(h, m, START_CHILD, s, "z", -ENOBUFS);
    assert_order(h, m, RESTART_CHILD, s, "x", -WARD_EDYNAMIC);
    assert_order(h, m, DELETE, s, "x", -WARD_EDYNAMIC);
    assert_order(h, m, TERMINATE, s, "x", 0);
    assert_order(h, m, WHICH, s, "x", -ENOENT);
    assert_order(h, m, TERMINATE, s, "x", -ENOENT);
    assert_int_equal(order(h, m, COUNT, s, "").number, 1101);
}

/* ---- the life of a child ---- */

static void
worker_terminates_restarts_and_deletes(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m"),
             first = child_of(h, s, "a").ref;
    struct answer a;

    assert_order(h, m, DELETE, s, "a", -WARD_ERUNNING);
    assert_order(h, m, RESTART_CHILD, s, "a", -WARD_ERUNNING);
    assert_order(h, m, TERMINATE, s, "a", 0);
    assert_result(ward_process_id(h->sys, first), -WARD_EUNKNOWN);
    assert_int_equal(steps_of(DONE, 'a').count, 1);
    assert_int_equal(order(h, m, COUNT, s, "").number, 2102);
    assert_order(h, m, TERMINATE, s, "a", 0);
    a = order(h, m, RESTART_CHILD, s, "a");
    assert_result(a.result, 0);
    assert_false(ward_ref_equal(a.ref, first));
    assert_int_equal(ask_number(h, a.ref, PING), 0);
    assert_order(h, m, TERMINATE, s, "a", 0);
    assert_order(h, m, DELETE, s, "a", 0);
    assert_order(h, m, WHICH, s, "a", -ENOENT);
    assert_order(h, m, TERMINATE, s, "a", -ENOENT);
    assert_order(h, m, RESTART_CHILD, s, "a", -ENOENT);
    assert_order(h, m, DELETE, s, "a", -ENOENT);
    assert_order(h, m, SPEC, s, "a", -ENOENT);
    assert_int_equal(order(h, m, COUNT, s, "").number, 1101);
}

static void
restart_child_that_does_not_come_up_stays_absent(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");
    struct answer a;

    plan_starts('a', 2, START_FAILS);
    assert_order(h, m, TERMINATE, s, "a", 0);
    for (int i = 0; i < 8; i++) { /* more often than the intensity */
        a = order(h, m, RESTART_CHILD, s, "a");
        assert_result(a.result, -WARD_ESTART);
        assert_true(ward_ref_equal(a.ref, unwritten));
        assert_int_equal(order(h, m, WHICH, s, "a").number, WARD_CHILD_ABSENT);
    }
    assert_int_equal(starts_of('a'), 9);
    assert_int_equal(order(h, m, BUDGET, child_of(h, s, "b").ref, "").number, 50);
}

static void
restarting_child_is_left_alone(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");

    tell_child(h, s, "a", CRASH);
    await_event(h, WARD_EVENT_FAILED, "/s/a");
    assert_order(h, m, START_CHILD, s, "a", -WARD_EALREADY_PRESENT);
    assert_order(h, m, RESTART_CHILD, s, "a", -WARD_ERESTARTING);
    assert_order(h, m, DELETE, s, "a", -WARD_ERESTARTING);
    assert_int_equal(order(h, m, WHICH, s, "a").number, WARD_CHILD_RESTARTING);
    assert_order(h, m, TERMINATE, s, "a", 0);
    assert_int_equal(order(h, m, WHICH, s, "a").number, WARD_CHILD_ABSENT);
    assert_order(h, m, RESTART_CHILD, s, "a", 0);
}

static void
supervisor_that_is_not_up_starts_nothing(void **state)
{
    struct harness *h = *state;
    ward_ref m = spawn_manager(h, "m"), s, ref;

    plan_starts('b', 1, START_HANGS);
    s = spawn(h, &(ward_spec){.id = "s", .supervisor = &pair});
    await_steps(h, BEGUN, 'b', 1);
    assert_order(h, m, START_CHILD, s, "c", -WARD_ERESTARTING);
    assert_result(ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = "c"), &ref),
                  -WARD_ERESTARTING);
    assert_int_equal(order(h, m, WHICH, s, "a").number, WARD_CHILD_UP);
    assert_int_equal(order(h, m, WHICH, s, "b").number, WARD_CHILD_STARTING);
    assert_int_equal(order(h, m, COUNT, s, "").number, 2102);
    assert_int_equal(starts_of('c'), 0);
    ward_stop(h->ctx, s);
}

/* ---- looking ---- */

static void
worker_looks_at_children(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");
    struct answer a = order(h, m, LIST, s, "");

    assert_result(a.result, 2);
    assert_string_equal(a.text, "ba");
    a = order(h, m, WHICH, s, "a");
    assert_result(a.result, 0);
    assert_int_equal(a.number, WARD_CHILD_UP);
    assert_true(ward_ref_equal(a.ref, child_of(h, s, "a").ref));
    assert_int_equal(order(h, m, COUNT, s, "").number, 2202);
    a = order(h, m, SPEC, s, "a");
    assert_result(a.result, 0);
    assert_string_equal(a.text, "a");
    assert_int_equal(a.number, 1 + 10 * WARD_TRANSIENT + 100 * 3000);
    tell_child(h, s, "b", CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/s/b");
    assert_int_equal(order(h, m, BUDGET, child_of(h, s, "a").ref, "").number, 51);
    assert_order(h, m, WHICH, s, "", -EINVAL);
}

/* The host is a parent like any other: nothing can be started there, but looked at. */
static void
children_of_a_plain_parent(void **state)
{
    struct harness *h = *state;
    ward_ref m = spawn_manager(h, "m");
    struct answer a = order(h, m, LIST, h->self, "");

    assert_result(a.result, 1);
    assert_string_equal(a.text, "m");
    assert_int_equal(order(h, m, COUNT, h->self, "").number, 1101);
    assert_int_equal(order(h, m, WHICH, h->self, "m").number, WARD_CHILD_UP);
    assert_order(h, m, WHICH, h->self, "x", -ENOENT);
    assert_true(order(h, m, START_CHILD, h->self, "x").result < 0);
    assert_true(order(h, m, RESTART_CHILD, h->self, "m").result < 0);
    assert_int_equal(starts_of('x'), 0);
}

static void
list_that_fits_no_frame(void **state)
{
    enum { MANY = 80 };
    static const char long_id[] =
        "a-name-of-sixty-letters-so-that-few-of-them-fit-a-frame";
    struct harness *h = *state;
    ward_ref m, s, ref;
    char id[128];

    harness_reopen(h, &(ward_system_options){.frame_bytes = 4096});
    s = start_tree(h, &pair);
    m = spawn_manager(h, "m");
    plan_starts('i', 1, START_IGNORES);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%s-%d-i", long_id, i);
        assert_result(ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = id), &ref), 0);
    }
    await_count(h, WARD_EVENT_STOPPED, NULL, MANY);
    assert_int_equal(ward_which_children(h->ctx, s, NULL, 0), MANY + 2);
    assert_order(h, m, LIST, s, "", -EMSGSIZE);
    assert_int_equal(order(h, m, COUNT, s, "").number, (MANY + 2) * 1001 + 200);
}

/* ---- nobody, and nowhere ---- */

static void
nobody_has_that_reference(void **state)
{
    struct harness *h = *state;
    ward_ref m = spawn_manager(h, "m"), s = start_tree(h, &pair);

    const ward_ref never = {3, 4};

    stop_tree(h, s);
    for (int op = 0; op < OPS; op++) {
        assert_order(h, m, (enum op)op, s, "a", -WARD_EUNKNOWN);
        assert_order(h, m, (enum op)op, never, "a", -WARD_EUNKNOWN);
        assert_result(carry_out(h->ctx, (enum op)op, s, "a", 0).result, -WARD_EUNKNOWN);
    }
}

static void
call_is_canceled_when_the_caller_is_stopped(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");

    plan_starts('c', 1, START_HANGS);
    ward_tell(h->ctx, m, ORDER_TOLD, (int)START_CHILD, s, "c", 60000);
    await_mail(h, BEGINS); /* was published before the call */
    await_steps(h, BEGUN, 'c', 1);
    assert_int_equal(count_mails(h, RESULT), 0);
    assert_result(ward_stop(h->ctx, m), 0);
    assert_result(await_mail(h, RESULT)->number, -ECANCELED);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/m")->text, "stopped");
    assert_no_event(h, WARD_EVENT_FAILED, "/m");
    assert_result(ward_terminate_child(h->ctx, s, "c"), 0);
}

TREE(managed, RULES(.intensity = 5), {.id = "m", .behavior = &manager},
     MEMBER(.id = "b"));

static void
child_manages_its_own_supervisor(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &managed), m = child_of(h, s, "m").ref;

    assert_string_equal(order(h, m, LIST, s, "").text, "bm");
    assert_order(h, m, START_CHILD, s, "c", 0);
    assert_order(h, m, TERMINATE, s, "b", 0);
    assert_int_equal(order(h, m, COUNT, s, "").number, 3203);
    ward_tell(h->ctx, m, ORDER_TOLD, (int)TERMINATE, s, "m", 0);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/s/m")->text, "stopped");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_no_event(h, WARD_EVENT_CLEANUP_SKIPPED, NULL);
    assert_counts(h, s, 3, 1);
}

static void
two_managers_start_one_child(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m"),
             n = spawn_manager(h, "n");
    struct answer a;

    plan_starts('c', 1, START_HANGS);
    ward_tell(h->ctx, m, ORDER_TOLD, (int)START_CHILD, s, "c", 60000);
    await_steps(h, BEGUN, 'c', 1);
    a = order(h, n, START_CHILD, s, "c");
    assert_result(a.result, -WARD_EALREADY_STARTED);
    assert_true(ward_ref_equal(a.ref, child_of(h, s, "c").ref));
    assert_order(h, n, TERMINATE, s, "c", 0);
    assert_true(await_mail(h, RESULT)->number < 0);
    a = order(h, n, WHICH, s, "c"); /* whether its spec stays is left open */
    assert_true(a.result == -ENOENT || a.number == WARD_CHILD_ABSENT);
    assert_int_equal(starts_of('c'), 1);
}

static void
nothing_is_managed_in_a_fresh_process(void **state)
{
    struct harness *h = *state;

    ward_tell(h->ctx, spawn_manager(h, "m"), DIE);
    for (int op = 0; op < OPS; op++)
        assert_result(await_mail(h, RESULT)->number, -EPERM);
    await_event(h, WARD_EVENT_STOPPED, "/m");
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
}

static void
nothing_is_managed_in_a_forked_child(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), m = spawn_manager(h, "m");

    for (int op = 0; op < OPS; op++) {
        ward_message *reply = NULL;
        int code = 0;

        assert_result(
            ward_ask(h->ctx, m, &reply, DEADLINE_MS, ORDER_FORKED, op, s, "", 0), 0);
        assert_result(ward_get(reply, &code), 0);
        ward_message_free(reply);
        assert_int_equal(code, 42);
        assert_int_equal(carry_out_forked(h->ctx, (enum op)op, s), 42);
    }
    assert_counts(h, s, 2, 2);
}

static struct {
    ward_ctx *ctx;
    ward_ref supervisor;
    int results[OPS];
} judge;

static ward_directive
manage_in_a_decider(const ward_failure *failure)
{
    (void)failure;
    for (int op = 0; op < OPS; op++)
        judge.results[op] =
            carry_out(judge.ctx, (enum op)op, judge.supervisor, "a", 0).result;
    return WARD_DIRECTIVE_STOP;
}

static const ward_strategy meddling = {.name = "meddling",
                                       .decider = manage_in_a_decider};
WARD_REGISTER(meddling);

static void
nothing_is_managed_in_a_decider(void **state)
{
    struct harness *h = *state;
    ward_ref ref;

    judge.ctx = h->ctx;
    judge.supervisor = start_tree(h, &pair);
    ref =
        spawn_up(h, &(ward_spec){.id = "d", .behavior = &member, .strategy = &meddling});
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_STOPPED, "/d");
    for (int op = 0; op < OPS; op++)
        assert_result(judge.results[op], -EBUSY);
    assert_counts(h, judge.supervisor, 2, 2);
}

static void
stopping_system_starts_nothing(void **state)
{
    struct harness *h = *state;
    ward_ref s = start_tree(h, &pair), ref;

    assert_result(ward_terminate_child(h->ctx, s, "a"), 0);
    await_event(h, WARD_EVENT_STOPPED, "/s/a");
    plan('b')->end_ms = 100;
    assert_result(ward_system_stop(h->sys), 0);
    assert_result(ward_start_child(h->ctx, s, &(ward_spec)MEMBER(.id = "c"), &ref),
                  -ESHUTDOWN);
    assert_int_equal(starts_of('c'), 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        ROW(worker_starts_a_child),
        ROW(start_in_a_worker_says_how_it_went),
        ROW(dynamic_supervisor_in_a_worker),
        ROW(worker_terminates_restarts_and_deletes),
        ROW(restart_child_that_does_not_come_up_stays_absent),
        ROW(restarting_child_is_left_alone),
        ROW(supervisor_that_is_not_up_starts_nothing),
        ROW(worker_looks_at_children),
        ROW(children_of_a_plain_parent),
        ROW(list_that_fits_no_frame),
        ROW(nobody_has_that_reference),
        ROW(call_is_canceled_when_the_caller_is_stopped),
        ROW(child_manages_its_own_supervisor),
        ROW(two_managers_start_one_child),
        ROW(nothing_is_managed_in_a_fresh_process),
        ROW(nothing_is_managed_in_a_forked_child),
        ROW(nothing_is_managed_in_a_decider),
        ROW(stopping_system_starts_nothing),
    };

    member_begin();
    return harness_main("manage_inside", tests, sizeof tests / sizeof tests[0]);
}

/* Supervisors: trees declared as data, on real processes. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { CRASH = 1, LEAVE };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    switch (ward_message_type(msg)) {
    case CRASH:
        return *(volatile int *)0;
    case LEAVE:
        return WARD_STOP;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior member = {.name = "member", .receive = receive};
WARD_REGISTER(member);

static const ward_spec parts[] = {
    {.id = "a", .behavior = &member},
    {.id = "b", .behavior = &member},
    {.id = "c", .behavior = &member},
    {0},
};
static const ward_supervisor all = {
    .group = WARD_ONE_FOR_ALL, .intensity = 3, .children = parts};
WARD_REGISTER(all);

static void
a_declared_tree_comes_up_in_order(void **state)
{
    struct harness *h = *state;
    ward_child children[4];
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &all});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_int_equal(ward_which_children(h->ctx, ref, children, 4), 3);
    assert_string_equal(children[0].id, "c");
    assert_string_equal(children[2].id, "a");
    assert_int_equal(children[1].state, WARD_CHILD_UP);
    ward_tell(h->ctx, children[1].ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    await_event(h, WARD_EVENT_RESTARTED, "/s/b");
    await_event(h, WARD_EVENT_RESTARTED, "/s/c");
}

/* ---- a rolling change ---- */

static const ward_spec other_parts[] = {
    {.id = "c", .behavior = &member},
    {.id = "b", .behavior = &member, .shutdown_ms = 1234},
    {.id = "d", .behavior = &member},
    {0},
};
static const ward_supervisor other = {
    .group = WARD_ONE_FOR_ONE, .intensity = 7, .children = other_parts};
WARD_REGISTER(other);

static ward_child
child_of(struct harness *h, ward_ref ref, const char *id)
{
    ward_child child;

    assert_result(ward_which_child(h->ctx, ref, id, &child), 0);
    return child;
}

static void
a_change_touches_what_differs_and_nothing_else(void **state)
{
    struct harness *h = *state;
    ward_child children[4], b, c;
    ward_spec *spec;
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &all});
    int64_t process;

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    b = child_of(h, ref, "b");
    c = child_of(h, ref, "c");
    process = ward_process_id(h->sys, c.ref);
    assert_result(ward_change(h->ctx, ref, &other), 0);
    assert_result(ward_change(h->ctx, ref, &all), -WARD_ERESTARTING);
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/s")->text, "");
    assert_int_equal(ward_which_children(h->ctx, ref, children, 4), 3);
    assert_string_equal(children[0].id, "d");
    assert_string_equal(children[1].id, "b");
    assert_string_equal(children[2].id, "c");
    assert_int_equal(ward_process_id(h->sys, c.ref), process);
    assert_true(ward_ref_equal(children[1].ref, b.ref));
    assert_int_equal(children[1].incarnation, 1);
    assert_result(ward_get_childspec(h->ctx, ref, "b", &spec), 0);
    assert_int_equal(spec->shutdown_ms, 1234);
    ward_childspec_free(spec);
    assert_result(ward_which_child(h->ctx, ref, "a", children), -ENOENT);
}

static int
refuse_to_start(ward_ctx *ctx)
{
    (void)ctx;
    return -EIO;
}

static const ward_behavior refuser = {
    .name = "refuser", .receive = receive, .pre_start = refuse_to_start};
WARD_REGISTER(refuser);

static const ward_spec bad_parts[] = {
    {.id = "a", .behavior = &member},
    {.id = "x", .behavior = &refuser},
    {.id = "c", .behavior = &member, .shutdown_ms = 77},
    {0},
};
static const ward_supervisor bad = {.children = bad_parts};
WARD_REGISTER(bad);

/* What was done by then stays: b is gone, c is as it was, and all are up. */
static void
a_change_stops_where_a_child_does_not_come_up(void **state)
{
    struct harness *h = *state;
    ward_child none;
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &all});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_result(ward_change(h->ctx, ref, &bad), 0);
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/s")->text, "x");
    assert_int_equal(child_of(h, ref, "a").incarnation, 0);
    assert_int_equal(child_of(h, ref, "c").incarnation, 0);
    assert_result(ward_which_child(h->ctx, ref, "b", &none), -ENOENT);
    assert_result(ward_which_child(h->ctx, ref, "x", &none), -ENOENT);
    assert_result(ward_change(h->ctx, ref, &other), 0);
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/s")->text, "");
}

static int
ignore_the_start(ward_ctx *ctx)
{
    (void)ctx;
    return WARD_START_IGNORE;
}

static void
take_a_while(ward_ctx *ctx)
{
    (void)ctx;
    poll(NULL, 0, 300);
}

static const ward_behavior ignorer = {
    .name = "ignorer", .receive = receive, .pre_start = ignore_the_start};
static const ward_behavior lingerer = {
    .name = "lingerer", .receive = receive, .post_stop = take_a_while};
WARD_REGISTER(ignorer);
WARD_REGISTER(lingerer);

static const ward_spec ignoring_parts[] = {
    {.id = "a", .behavior = &ignorer},
    {.id = "b", .behavior = &member, .shutdown_ms = 55},
    {0},
};
static const ward_supervisor ignoring = {.children = ignoring_parts};
WARD_REGISTER(ignoring);

static void
a_change_goes_on_behind_a_child_that_ignores_its_start(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &all});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_result(ward_change(h->ctx, ref, &ignoring), 0);
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/s")->text, "");
    assert_int_equal(child_of(h, ref, "a").state, WARD_CHILD_ABSENT);
    assert_int_equal(child_of(h, ref, "b").incarnation, 1);
}

static const int change_fds[] = {0};
static const ward_spec fd_parts[] = {
    {.id = "a", .behavior = &member, .fds = change_fds, .fd_count = 1},
    {.id = "b", .behavior = &member},
    {.id = "c", .behavior = &member},
    {0},
};
static const ward_supervisor with_fds = {.children = fd_parts};
WARD_REGISTER(with_fds);

static void
a_change_gives_an_absent_child_its_spec_and_goes_on(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &all}), a;

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_result(ward_terminate_child(h->ctx, ref, "a"), 0);
    settle(h);
    assert_result(ward_change(h->ctx, ref, &with_fds), 0);
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/s")->text, "");
    assert_int_equal(child_of(h, ref, "a").state, WARD_CHILD_ABSENT);
    assert_result(ward_restart_child(h->ctx, ref, "a", &a), 0);
    settle(h);
}

static const ward_spec slow_parts[] = {
    {.id = "a", .behavior = &lingerer},
    {.id = "b", .behavior = &member},
    {0},
};
static const ward_supervisor slow_all = {.group = WARD_ONE_FOR_ALL,
                                         .children = slow_parts};
static const ward_supervisor slow_one = {.children = slow_parts};
WARD_REGISTER(slow_all);
WARD_REGISTER(slow_one);

static void
a_change_has_to_wait_for_the_restart_of_a_group(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &slow_all});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    ward_tell(h->ctx, child_of(h, ref, "b").ref, CRASH);
    await_event(h, WARD_EVENT_FAILED, "/s/b");
    assert_result(ward_change(h->ctx, ref, &slow_one), -WARD_ERESTARTING);
    settle(h);
    assert_result(ward_change(h->ctx, ref, &slow_one), 0);
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/s")->text, "");
}

/* ---- auto_shutdown of a permanent supervisor ---- */

static const ward_spec leaving_parts[] = {
    {.id = "a", .behavior = &member, .restart = WARD_TRANSIENT, .significant = true},
    {0},
};
static const ward_supervisor leaving = {.auto_shutdown = WARD_ANY_SIGNIFICANT,
                                        .children = leaving_parts};
WARD_REGISTER(leaving);

static const ward_spec outer_parts[] = {{.id = "in", .supervisor = &leaving}, {0}};
static const ward_supervisor outer = {.intensity = 1, .children = outer_parts};
WARD_REGISTER(outer);

static void
a_supervisor_that_shuts_down_to_come_back_is_told(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &outer});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    ward_tell(h->ctx, child_of(h, child_of(h, ref, "in").ref, "a").ref, LEAVE);
    assert_string_equal(await_event(h, WARD_EVENT_EXITED, "/s/in")->text, "shutdown");
    await_event(h, WARD_EVENT_BUDGET_LOW, "/s/in");
    await_event(h, WARD_EVENT_RESTARTED, "/s/in");
}

/* ---- a change below traffic ---- */

enum { COUNTED = 200, REPORT = 900 };

static ward_next
report_receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_iter it;
    ward_ref host;
    int64_t number;

    if (ward_message_type(msg) != COUNTED || ward_get(msg, &number) < 0 ||
        ward_args_iter(ctx, &it) < 0 || ward_iter_next(&it, &host) < 0)
        return WARD_UNHANDLED;
    return ward_tell(ctx, host, REPORT, number);
}

static const ward_behavior reporter = {.name = "reporter", .receive = report_receive};
WARD_REGISTER(reporter);

static const ward_spec slow_template[] = {{.id = "r", .behavior = &reporter}, {0}};
static const ward_spec quick_template[] = {
    {.id = "r", .behavior = &reporter, .shutdown_ms = 999}, {0}};
static const ward_supervisor slow = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                     .children = slow_template};
static const ward_supervisor quick = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                      .children = quick_template};
WARD_REGISTER(slow);
WARD_REGISTER(quick);

static void
a_change_of_a_pool_loses_no_message_and_no_argument(void **state)
{
    enum { POOL = 3, EACH = 300 };
    struct harness *h = *state;
    ward_ref pool = spawn(h, &(ward_spec){.id = "p", .supervisor = &slow});
    ward_ref refs[POOL];
    ward_builder *args = ward_builder_new();

    assert_result(ward_wait_up(h->sys, pool, DEADLINE_MS), 0);
    ward_add(args, h->self);
    for (int i = 0; i < POOL; i++)
        assert_result(ward_start_child(h->ctx, pool,
                                       &(ward_spec){.args = ward_builder_bytes(args)},
                                       &refs[i]),
                      0);
    for (int m = 0; m < EACH; m++) {
        for (int i = 0; i < POOL; i++)
            assert_result(ward_tell(h->ctx, refs[i], COUNTED, m), 0);
        if (m == EACH / 3)
            assert_result(ward_change(h->ctx, pool, &quick), 0);
        ward_run_for(h->sys, 0);
    }
    assert_string_equal(await_event(h, WARD_EVENT_CHANGED, "/p")->text, "");
    settle(h);
    assert_int_equal(h->mail_count, POOL * EACH);
    for (int i = 0; i < POOL; i++)
        assert_int_equal(ward_process_id(h->sys, refs[i]) > 0, 1);
    ward_builder_free(args);
}

/* ---- as text ---- */

static void
the_tree_is_shown_as_text(void **state)
{
    struct harness *h = *state;
    char text[1024], cut[8];
    ward_ref ref = spawn(h, &(ward_spec){.id = "s", .supervisor = &all});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    assert_true(ward_dump(h->sys, text, sizeof text) > 0);
    assert_non_null(
        strstr(text, "  s  up #0, one for all, intensity 0 of 3\n    a  up #0"));
    assert_int_equal(ward_dump(h->sys, cut, sizeof cut), strlen(text));
    assert_int_equal(strlen(cut), sizeof cut - 1);
}

static void
settle_ends_while_a_supervisor_is_up(void **state)
{
    struct harness *h = *state;

    assert_result(ward_wait_up(h->sys,
                               spawn(h, &(ward_spec){.id = "s", .supervisor = &all}),
                               DEADLINE_MS),
                  0);
    assert_result(ward_settle(h->sys, 2000), 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_declared_tree_comes_up_in_order),
        TEST(a_change_touches_what_differs_and_nothing_else),
        TEST(a_change_stops_where_a_child_does_not_come_up),
        TEST(a_change_goes_on_behind_a_child_that_ignores_its_start),
        TEST(a_change_gives_an_absent_child_its_spec_and_goes_on),
        TEST(a_change_has_to_wait_for_the_restart_of_a_group),
        TEST(a_supervisor_that_shuts_down_to_come_back_is_told),
        TEST(a_change_of_a_pool_loses_no_message_and_no_argument),
        TEST(the_tree_is_shown_as_text),
        TEST(settle_ends_while_a_supervisor_is_up),
    };

    return harness_main("supervisors", tests, sizeof tests / sizeof tests[0]);
}

/* Dynamic supervisors (row 37), and how the children of any supervisor are stopped. */
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LONG_MS = 60000, QUIET_MS = 100 };

/* ---- members that tell what they were given ---- */

enum { WHICH = 20, DIE };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_bytes args = ward_args(ctx);

    switch (ward_message_type(msg)) {
    case WHICH:
        return ward_reply(ctx, args.size > 0 ? *(const char *)args.data : 0);
    case DIE:
        return *(volatile int *)0;
    }
    return WARD_UNHANDLED;
}
static const ward_behavior holder = {.name = "holder", .receive = receive};
WARD_REGISTER(holder);

static const ward_spec holder_template[] = {
    {.id = "w", .behavior = &holder, .args = {"t", 1}}, {0}};
static const ward_supervisor holders = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                        .intensity = 5,
                                        .period_ms = LONG_MS,
                                        .children = holder_template};
WARD_REGISTER(holders);

static const ward_spec member_template[] = {{.id = "w", .behavior = &member}, {0}};
static const ward_supervisor pool = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                     .intensity = 3,
                                     .period_ms = LONG_MS,
                                     .max_children = 3,
                                     .children = member_template};
WARD_REGISTER(pool);

static ward_bytes
bytes_of(const char *text)
{
    return (ward_bytes){text, 1};
}

/* ---- names and arguments ---- */

static void
it_begins_without_children(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool);

    linger(h, QUIET_MS);
    assert_counts(h, ref, "0 0 0 0");
    assert_int_equal(part('w')->starts, 0);
}

static void
children_without_an_id_are_numbered(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool);
    ward_child children[4];

    for (int i = 0; i < 3; i++)
        start_child_up(h, ref, &(ward_spec){0});
    assert_int_equal(ward_which_children(h->ctx, ref, children, 4), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(strncmp(children[i].id, "w", 1), 0);
        assert_int_equal(strcspn(children[i].id, "0123456789") < strlen(children[i].id),
                         1);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(children[i].id, children[j].id);
    }
}

static void
number_is_not_used_again(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool);
    ward_child first, second;

    start_child_up(h, ref, &(ward_spec){0});
    assert_int_equal(ward_which_children(h->ctx, ref, &first, 1), 1);
    terminate_child_down(h, ref, first.id);
    start_child_up(h, ref, &(ward_spec){0});
    assert_int_equal(ward_which_children(h->ctx, ref, &second, 1), 1);
    assert_string_not_equal(first.id, second.id);
}

static void
named_child_has_its_name(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool), child, out = {7, 7};

    child = start_child_up(h, ref, &(ward_spec){.id = "x"});
    assert_int_equal(find(h, "/s/x").id, child.id);
    assert_result(ward_start_child(h->ctx, ref, &(ward_spec){.id = "x"}, &out),
                  -WARD_EALREADY_STARTED);
    assert_int_equal(out.id, child.id);
    assert_alive(h, "/s/x", 1);
}

static void
arguments_of_each_child_are_kept_over_restarts(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &holders);

    start_child_up(h, ref, &(ward_spec){.id = "x", .args = bytes_of("X")});
    start_child_up(h, ref, &(ward_spec){.id = "y", .args = bytes_of("Y")});
    for (int i = 0; i < 2; i++) {
        assert_result(ward_tell(h->ctx, find(h, "/s/x"), DIE), 0);
        await_event(h, WARD_EVENT_RESTARTED, "/s/x");
        assert_result(ward_tell(h->ctx, find(h, "/s/y"), DIE), 0);
        await_event(h, WARD_EVENT_RESTARTED, "/s/y");
        assert_int_equal(ask_number(h, find(h, "/s/x"), WHICH), 'X');
        assert_int_equal(ask_number(h, find(h, "/s/y"), WHICH), 'Y');
    }
}

static void
arguments_are_copied(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &holders), out;
    char mine[] = "X";

    assert_result(ward_start_child(h->ctx, ref,
                                   &(ward_spec){.id = "x", .args = bytes_of(mine)}, &out),
                  0);
    mine[0] = '?';
    assert_int_equal(ask_number(h, out, WHICH), 'X');
}

/* ---- life ---- */

static void
child_crashes_and_comes_back_alone(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool), x, y;

    x = start_child_up(h, ref, &(ward_spec){.id = "x"});
    y = start_child_up(h, ref, &(ward_spec){.id = "y"});
    crash_restarts(h, "/s/x");
    assert_alive(h, "/s/x", 2);
    assert_alive(h, "/s/y", 1);
    assert_int_equal(find(h, "/s/x").id, x.id);
    assert_int_equal(find(h, "/s/y").id, y.id);
    assert_log(h, "+x +y +x");
}

static void
budget_is_shared_by_all_children(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool);

    start_child_up(h, ref, &(ward_spec){.id = "x"});
    start_child_up(h, ref, &(ward_spec){.id = "y"});
    crash_restarts(h, "/s/x");
    crash_restarts(h, "/s/y");
    crash_restarts(h, "/s/x");
    crash(h, "/s/y");
    assert_gave_up(h, "/s", "/s/y");
    assert_down(h, ref);
}

static void
no_more_than_max_children(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool), out = {7, 7};

    for (int i = 0; i < 3; i++)
        assert_result(ward_start_child(h->ctx, ref, &(ward_spec){0}, &out), 0);
    out = (ward_ref){7, 7};
    assert_result(ward_start_child(h->ctx, ref, &(ward_spec){0}, &out), -ENOBUFS);
    assert_int_equal(out.id, 7);
    linger(h, QUIET_MS);
    assert_counts(h, ref, "3 3 0 3");
}

static void
terminated_child_is_forgotten(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool), out = {7, 7};

    start_child_up(h, ref, &(ward_spec){.id = "x"});
    assert_result(ward_restart_child(h->ctx, ref, "x", &out), -WARD_EDYNAMIC);
    assert_result(ward_delete_child(h->ctx, ref, "x"), -WARD_EDYNAMIC);
    terminate_child_down(h, ref, "x");
    assert_result(ward_terminate_child(h->ctx, ref, "x"), -ENOENT);
    assert_counts(h, ref, "0 0 0 0");
    start_child_up(h, ref, &(ward_spec){.id = "x"});
    assert_alive(h, "/s/x", 2);
}

static void
child_that_fails_to_start_or_ignores_is_forgotten(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool), out;

    part('x')->fails_from = part('x')->fails_to = 1;
    part('y')->ignores_from = part('y')->ignores_to = 1;
    assert_result(ward_start_child(h->ctx, ref, &(ward_spec){.id = "x"}, &out), 0);
    assert_result(ward_wait_up(h->sys, out, DEADLINE_MS), -WARD_ESTART);
    assert_result(ward_start_child(h->ctx, ref, &(ward_spec){.id = "y"}, &out), 0);
    assert_result(ward_wait_up(h->sys, out, DEADLINE_MS), -WARD_EIGNORED);
    linger(h, QUIET_MS);
    assert_counts(h, ref, "0 0 0 0");
    assert_int_equal(part('x')->starts, 1);
}

/* Row 36. */
static const ward_spec pool_part[] = {{.id = "pool", .supervisor = &pool}, {0}};
static const ward_supervisor above = {
    .intensity = 3, .period_ms = LONG_MS, .children = pool_part};
WARD_REGISTER(above);

static void
restarted_pool_has_no_children(void **state)
{
    struct harness *h = *state;

    open_tree(h, &above);
    start_child_up(h, find(h, "/s/pool"), &(ward_spec){.id = "x"});
    for (int i = 0; i < 3; i++)
        crash_restarts(h, "/s/pool/x");
    crash(h, "/s/pool/x");
    await_event(h, WARD_EVENT_RESTARTED, "/s/pool");
    linger(h, QUIET_MS);
    assert_counts(h, find(h, "/s/pool"), "0 0 0 0");
    assert_int_equal(part('x')->starts, 4);
    start_child_up(h, find(h, "/s/pool"), &(ward_spec){.id = "x"});
}

/* ---- stopping ---- */

static void
children_of_a_pool_stop_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &pool);

    for (int i = 0; i < 3; i++)
        start_child_up(h, ref, &(ward_spec){0});
    part('w')->meets = 3; /* each waits for the others */
    assert_result(ward_stop(h->ctx, ref), 0);
    assert_down(h, ref);
    assert_log(h, "+w +w +w -w -w -w");
}

static const ward_spec three_parts[] = {{.id = "a", .behavior = &member},
                                        {.id = "b", .behavior = &member},
                                        {.id = "c", .behavior = &member},
                                        {0}};
static const ward_supervisor at_once = {
    .intensity = 3, .period_ms = LONG_MS, .stop_at_once = true, .children = three_parts};
WARD_REGISTER(at_once);
static const ward_supervisor in_turn = {
    .intensity = 3, .period_ms = LONG_MS, .children = three_parts};
WARD_REGISTER(in_turn);

static void
stop_at_once_stops_all_together(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &at_once);

    part('a')->meets = part('b')->meets = part('c')->meets = 3;
    assert_result(ward_stop(h->ctx, ref), 0);
    assert_down(h, ref);
    assert_int_equal(strlen(played()), strlen("+a +b +c -a -b -c"));
    assert_non_null(strstr(played(), "-a"));
    assert_non_null(strstr(played(), "-b"));
    assert_non_null(strstr(played(), "-c"));
}

static void
without_it_one_stops_after_the_other(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &in_turn);

    part('c')->stop_ms = QUIET_MS;
    assert_result(ward_stop(h->ctx, ref), 0);
    assert_down(h, ref);
    assert_log(h, "+a +b +c -c -b -a");
}

static const ward_spec hung_parts[] = {
    {.id = "a", .behavior = &member, .shutdown_ms = 700},
    {.id = "b", .behavior = &member, .shutdown_ms = 700},
    {.id = "c", .behavior = &member, .shutdown_ms = 700},
    {.id = "d", .behavior = &member, .shutdown_ms = WARD_ZERO},
    {0}};
static const ward_supervisor hung = {
    .intensity = 3, .period_ms = LONG_MS, .stop_at_once = true, .children = hung_parts};
WARD_REGISTER(hung);

/* A8: each has its own deadline, and they run together. */
static void
stop_at_once_has_a_deadline_for_each(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &hung);
    int64_t begun = now_ms();

    for (char letter = 'a'; letter <= 'd'; letter++)
        part(letter)->stop_ms = LONG_MS;
    assert_result(ward_stop(h->ctx, ref), 0);
    assert_down(h, ref);
    assert_in_range(now_ms() - begun, 700, 1800); /* one after the other: 2100 */
    assert_log(h, "+a +b +c +d");
    await_event(h, WARD_EVENT_CLEANUP_SKIPPED, "/s/a");
    await_event(h, WARD_EVENT_CLEANUP_SKIPPED, "/s/b");
    await_event(h, WARD_EVENT_CLEANUP_SKIPPED, "/s/c");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(it_begins_without_children),
        STAGE_TEST(children_without_an_id_are_numbered),
        STAGE_TEST(number_is_not_used_again),
        STAGE_TEST(named_child_has_its_name),
        STAGE_TEST(arguments_of_each_child_are_kept_over_restarts),
        STAGE_TEST(arguments_are_copied),
        STAGE_TEST(child_crashes_and_comes_back_alone),
        STAGE_TEST(budget_is_shared_by_all_children),
        STAGE_TEST(no_more_than_max_children),
        STAGE_TEST(terminated_child_is_forgotten),
        STAGE_TEST(child_that_fails_to_start_or_ignores_is_forgotten),
        STAGE_TEST(restarted_pool_has_no_children),
        STAGE_TEST(children_of_a_pool_stop_at_once),
        STAGE_TEST(stop_at_once_stops_all_together),
        STAGE_TEST(without_it_one_stops_after_the_other),
        STAGE_TEST(stop_at_once_has_a_deadline_for_each),
    };

    return stage_main("dynamic", tests, sizeof tests / sizeof tests[0]);
}

/* Supervisors: trees declared as data, on real processes. */
#include "harness.h"

#include <errno.h>
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
        TEST(the_tree_is_shown_as_text),
        TEST(settle_ends_while_a_supervisor_is_up),
    };

    return harness_main("supervisors", tests, sizeof tests / sizeof tests[0]);
}

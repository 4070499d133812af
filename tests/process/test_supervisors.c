/* Supervisors: trees declared as data, on real processes. */
#include "harness.h"

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
        TEST(settle_ends_while_a_supervisor_is_up),
    };

    return harness_main("supervisors", tests, sizeof tests / sizeof tests[0]);
}

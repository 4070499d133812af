/* Management from a worker (rows 9 and 30): a call returns when what it asked for has happened. */
#include "stage.h"

#include <errno.h>
#include <string.h>

enum { LONG_MS = 60000 };
enum { START = 50, TERMINATE, RESTART, DELETE, COUNT, STATE, LIST, SPEC, BUDGET };

/* ---- the manager ---- */

static int
describe(ward_ctx *ctx, ward_ref supervisor, const char *id)
{
    ward_spec *spec = NULL;
    int result = ward_get_childspec(ctx, supervisor, id, &spec);

    if (result == 0)
        result = strcmp(spec->id, id) == 0 && spec->behavior == &member
                     ? spec->shutdown_ms
                     : -EILSEQ;
    ward_childspec_free(spec);
    return result;
}

/* The numbers of OTP's count as digits: specs, active, supervisors, workers. */
static int
count(ward_ctx *ctx, ward_ref supervisor)
{
    ward_child_count c;
    int result = ward_count_children(ctx, supervisor, &c);

    if (result < 0)
        return result;
    return (int)(1000 * c.specs + 100 * c.active + 10 * c.supervisors + c.workers);
}

static int
state_of(ward_ctx *ctx, ward_ref supervisor, const char *id)
{
    ward_child child;
    int result = ward_which_child(ctx, supervisor, id, &child);

    return result < 0 ? result : (int)child.state;
}

static int
used_of(ward_ctx *ctx, ward_ref ref)
{
    ward_budget budget;
    int result = ward_get_budget(ctx, ref, &budget);

    return result < 0 ? result : budget.supervisor.used;
}

static int
manage(ward_ctx *ctx, int64_t what, ward_ref supervisor, const char *id)
{
    ward_spec spec = {.id = id, .behavior = &member, .shutdown_ms = 1234};
    ward_child children[8];
    ward_ref ref = {7, 7};

    switch (what) {
    case START:
        return ward_start_child(ctx, supervisor, &spec, &ref);
    case TERMINATE:
        return ward_terminate_child(ctx, supervisor, id);
    case RESTART:
        return ward_restart_child(ctx, supervisor, id, &ref);
    case DELETE:
        return ward_delete_child(ctx, supervisor, id);
    case COUNT:
        return count(ctx, supervisor);
    case STATE:
        return state_of(ctx, supervisor, id);
    case LIST:
        return ward_which_children(ctx, supervisor, children, 8);
    case SPEC:
        return describe(ctx, supervisor, id);
    case BUDGET:
        return used_of(ctx, supervisor);
    }
    return -ENOTSUP;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref supervisor;
    const char *id;

    if (ward_get(msg, &supervisor, &id) < 0)
        return WARD_UNHANDLED;
    return ward_reply(ctx, manage(ctx, ward_message_type(msg), supervisor, id));
}
static const ward_behavior manager = {.name = "manager", .receive = receive};
WARD_REGISTER(manager);

static const ward_supervisor strict = {
    .intensity = WARD_ZERO, .period_ms = LONG_MS, .children = nobody};
WARD_REGISTER(strict);

static int
ask(struct harness *h, int64_t what, ward_ref supervisor, const char *id)
{
    ward_message *reply = NULL;
    int64_t number = 0;
    int result =
        ward_ask(h->ctx, find(h, "/m"), &reply, DEADLINE_MS, what, supervisor, id);

    if (result != 0)
        fail_with_log(h, "the manager answered %s", ward_error_name(result));
    assert_result(ward_get(reply, &number), 0);
    ward_message_free(reply);
    return (int)number;
}

static ward_ref
open_managed(struct harness *h)
{
    spawn_up(h, &(ward_spec){.id = "m", .behavior = &manager});
    return open_tree(h, &strict);
}

/* ---- tests ---- */

/* Each answer finds what it asked for done, so the log is right at once. */
static void
E1_life_cycle_by_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_managed(h);

    assert_result(ask(h, START, ref, "a"), 0);
    assert_log(h, "+a");
    assert_int_equal(ask(h, COUNT, ref, ""), 1101);
    assert_result(ask(h, TERMINATE, ref, "a"), 0);
    assert_log(h, "+a -a");
    assert_int_equal(ask(h, COUNT, ref, ""), 1001);
    assert_result(ask(h, RESTART, ref, "a"), 0);
    assert_log(h, "+a -a +a");
    assert_int_equal(ask(h, STATE, ref, "a"), WARD_CHILD_UP);
    assert_result(ask(h, TERMINATE, ref, "a"), 0);
    assert_int_equal(ask(h, STATE, ref, "a"), WARD_CHILD_ABSENT);
    assert_result(ask(h, DELETE, ref, "a"), 0);
    assert_int_equal(ask(h, COUNT, ref, ""), 0);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
E3_wrong_state_errors_by_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_managed(h);

    assert_result(ask(h, START, ref, "a"), 0);
    assert_result(ask(h, START, ref, "a"), -WARD_EALREADY_STARTED);
    assert_result(ask(h, DELETE, ref, "a"), -WARD_ERUNNING);
    assert_result(ask(h, RESTART, ref, "a"), -WARD_ERUNNING);
    assert_result(ask(h, TERMINATE, ref, "x"), -ENOENT);
    assert_result(ask(h, DELETE, ref, "x"), -ENOENT);
    assert_result(ask(h, RESTART, ref, "x"), -ENOENT);
    assert_result(ask(h, STATE, ref, "x"), -ENOENT);
    assert_result(ask(h, SPEC, ref, "x"), -ENOENT);
    assert_result(ask(h, TERMINATE, (ward_ref){9, 9}, "a"), -WARD_EUNKNOWN);
    assert_result(ask(h, TERMINATE, ref, "a"), 0);
    assert_result(ask(h, TERMINATE, ref, "a"), 0);
    assert_result(ask(h, START, ref, "a"), -WARD_EALREADY_PRESENT);
    assert_log(h, "+a -a");
}

static void
E5_start_child_failure_by_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_managed(h);

    part('b')->fails_from = part('b')->fails_to = 1;
    part('c')->ignores_from = part('c')->ignores_to = 1;
    assert_result(ask(h, START, ref, "b"), -WARD_ESTART);
    assert_int_equal(ask(h, COUNT, ref, ""), 0);
    assert_result(ask(h, START, ref, "c"), -WARD_EIGNORED);
    assert_int_equal(ask(h, COUNT, ref, ""), 1001);
    assert_int_equal(ask(h, STATE, ref, "c"), WARD_CHILD_ABSENT);
    assert_int_equal(part('b')->starts, 1);
}

static void
E6_restart_child_failure_by_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_managed(h);

    part('a')->fails_from = 2;
    part('a')->fails_to = 3;
    assert_result(ask(h, START, ref, "a"), 0);
    assert_result(ask(h, TERMINATE, ref, "a"), 0);
    assert_result(ask(h, RESTART, ref, "a"), -WARD_ESTART);
    assert_result(ask(h, RESTART, ref, "a"), -WARD_ESTART);
    assert_int_equal(ask(h, COUNT, ref, ""), 1001);
    assert_result(ask(h, RESTART, ref, "a"), 0);
    assert_int_equal(ask(h, BUDGET, find(h, "/s/a"), ""), 0);
}

static void
worker_sees_spec_and_list(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_managed(h);

    assert_result(ask(h, START, ref, "a"), 0);
    assert_result(ask(h, START, ref, "b"), 0);
    assert_int_equal(ask(h, SPEC, ref, "a"), 1234);
    assert_int_equal(ask(h, LIST, ref, ""), 2);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(E1_life_cycle_by_a_worker),
        STAGE_TEST(E3_wrong_state_errors_by_a_worker),
        STAGE_TEST(E5_start_child_failure_by_a_worker),
        STAGE_TEST(E6_restart_child_failure_by_a_worker),
        STAGE_TEST(worker_sees_spec_and_list),
    };

    return stage_main("manage_worker", tests, sizeof tests / sizeof tests[0]);
}

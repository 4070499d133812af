/* Decisions: what a decider sees and may do, what counts, and where a failure climbs to. */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WORK, CRASH, EXIT_0, STOP, RAISE, RESTART_IT, SPAWN_ESCALATING };
enum { HANDLED = 100 };

/* What the decider below found; it runs in the host. */
static struct {
    ward_ctx *ctx;
    ward_ref ref;
    ward_system *sys;
    int calls;
    int results[5];
    int64_t type;
    pid_t process;
} seen;

static ward_directive
try_verbs(const ward_failure *failure)
{
    ward_message *reply = NULL;
    ward_ref ref;

    seen.calls++;
    seen.type = failure->message_type;
    seen.process = getpid();
    seen.results[0] = ward_tell(seen.ctx, seen.ref, WORK, 1);
    seen.results[1] = ward_stop(seen.ctx, seen.ref);
    seen.results[2] = ward_ask(seen.ctx, seen.ref, &reply, 10, WORK, 1);
    seen.results[3] = ward_lookup(seen.ctx, "/a", &ref);
    seen.results[4] = ward_system_dispatch(seen.sys);
    return WARD_DIRECTIVE_RESTART;
}

static ward_directive
escalate(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_ESCALATE;
}

static ward_directive
answer_nonsense(const ward_failure *failure)
{
    (void)failure;
    return (ward_directive)99;
}

static const ward_strategy careful = {.name = "careful", .decider = try_verbs};
WARD_REGISTER(careful);
static const ward_strategy careful_once = {
    .name = "careful-once", .decider = try_verbs, .max_restarts = 1};
WARD_REGISTER(careful_once);
static const ward_strategy upwards = {.name = "upwards", .decider = escalate};
WARD_REGISTER(upwards);
static const ward_strategy nonsense = {.name = "nonsense", .decider = answer_nonsense};
WARD_REGISTER(nonsense);
static const ward_strategy never = {
    .name = "never", .max_restarts = WARD_ZERO, .on_limit = WARD_DIRECTIVE_ESCALATE};
WARD_REGISTER(never);
static const ward_strategy plain = {.name = "plain"};
WARD_REGISTER(plain);
static const ward_strategy unregistered = {.name = "unregistered"};

static ward_next receive(ward_ctx *ctx, const ward_message *msg);

static const ward_behavior actor = {.name = "actor", .receive = receive};
WARD_REGISTER(actor);
static const ward_behavior stranger = {.name = "stranger", .receive = receive};

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;
    ward_ref ref;
    int result;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, number);
    case CRASH:
        return *(volatile int *)0;
    case EXIT_0:
        _exit(0);
    case STOP:
        return WARD_STOP;
    case RAISE:
        return ward_raise(ctx, "Error", "on purpose");
    case RESTART_IT:
        return WARD_RESTART;
    case SPAWN_ESCALATING:
        result = ward_spawn(ctx, &ref,
                            &(ward_spec){.id = "child",
                                         .behavior = &actor,
                                         .strategy = &upwards,
                                         .args = ward_args(ctx)});
        return result < 0 ? result : ward_reply(ctx, 1);
    }
    return WARD_UNHANDLED;
}

static ward_ref
spawn_actor(struct harness *h, const ward_strategy *strategy, ward_restart_type restart)
{
    return spawn(
        h, &(ward_spec){
               .id = "a", .behavior = &actor, .strategy = strategy, .restart = restart});
}

static void
look_with(struct harness *h, ward_ref ref)
{
    memset(&seen, 0, sizeof seen);
    seen.ctx = h->ctx;
    seen.ref = ref;
    seen.sys = h->sys;
}

/* ---- deciders (row 7) ---- */

static void
decider_sees_the_failure_and_may_call_nothing(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &careful, WARD_RESTART_DEFAULT);

    look_with(h, ref);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.type, CRASH);
    assert_int_equal(seen.process, getpid());
    for (int i = 0; i < 5; i++)
        assert_result(seen.results[i], -EBUSY);
}

static void
decider_is_asked_before_the_window_is_looked_at(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &careful_once, WARD_RESTART_DEFAULT);

    look_with(h, ref);
    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, CRASH);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "limit");
    assert_int_equal(seen.calls, 2);
}

static void
decider_runs_during_a_blocking_ask(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &careful, WARD_RESTART_DEFAULT);
    ward_message *reply = NULL;

    look_with(h, ref);
    ward_tell(h->ctx, ref, CRASH);
    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, 1000), -WARD_EUNHANDLED);
    assert_int_equal(seen.calls, 1);
    settle(h);
}

/* ---- where it climbs to (row 28) ---- */

static void
assert_root_failed(struct harness *h, const char *origin)
{
    const ward_failure *f;

    assert_result(ward_run_for(h->sys, DEADLINE_MS), -WARD_EFAILED);
    f = ward_system_failure(h->sys);
    assert_non_null(f);
    assert_int_equal(f->cause, WARD_CAUSE_SIGNAL);
    assert_string_equal(f->origin_path, origin);
    h->expected_end = -WARD_EFAILED;
}

static ward_ref
spawn_family(struct harness *h, const ward_strategy *strategy)
{
    ward_ref ref = spawn_actor(h, strategy, WARD_RESTART_DEFAULT);

    assert_int_equal(ask_number(h, ref, SPAWN_ESCALATING), 1);
    settle(h);
    ward_tell(h->ctx, find(h, "/a/child"), CRASH);
    return ref;
}

static void
escalation_is_decided_by_the_parents_own_strategy(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    spawn_family(h, &plain);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_string_equal(r->failure.path, "/a");
    assert_string_equal(r->failure.origin_path, "/a/child");
    assert_int_equal(r->failure.cause, WARD_CAUSE_SIGNAL);
    assert_int_equal(r->directive, WARD_DIRECTIVE_RESTART);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a/child")->directive,
                     WARD_DIRECTIVE_ESCALATE);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a/child")->text,
                        "escalated");
    assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, "/a")->incarnation, 1);
}

static void
escalation_climbs_two_levels_past_the_root(void **state)
{
    struct harness *h = *state;

    spawn_family(h, &upwards);
    assert_root_failed(h, "/a/child");
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 1);
}

static void
answer_that_is_no_directive_escalates(void **state)
{
    struct harness *h = *state;

    ward_tell(h->ctx, spawn_actor(h, &nonsense, WARD_RESTART_DEFAULT), CRASH);
    assert_root_failed(h, "/a");
}

static void
limit_can_escalate(void **state)
{
    struct harness *h = *state;

    ward_tell(h->ctx, spawn_actor(h, &never, WARD_RESTART_DEFAULT), CRASH);
    assert_root_failed(h, "/a");
}

/* ---- what is a failure, and what counts (rows 21 to 25, 40) ---- */

static void
every_exit_is_a_failure_and_stop_is_none(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &plain, WARD_RESTART_DEFAULT);

    ward_tell(h->ctx, ref, EXIT_0);
    ward_tell(h->ctx, ref, STOP);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_NORMAL);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 1);
}

static void
temporary_one_is_never_restarted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &plain, WARD_TEMPORARY);
    const struct record *r;

    ward_tell(h->ctx, ref, CRASH);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(r->end, WARD_END_FAILURE);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, NULL), 0);
}

static void
permanent_one_is_restarted_after_a_normal_end(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &plain, WARD_PERMANENT);

    for (int i = 0; i < 4; i++)
        ward_tell(h->ctx, ref, STOP);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "limit");
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 3);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
three_restarts_are_the_default_and_the_fourth_failure_ends_it(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &plain, WARD_RESTART_DEFAULT);

    for (int i = 0; i < 4; i++)
        ward_tell(h->ctx, ref, CRASH);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "limit");
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.restarts_used,
                         i);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 3);
}

static void
failure_without_a_strategy_ends_it(void **state)
{
    struct harness *h = *state;

    ward_tell(h->ctx, spawn_actor(h, NULL, WARD_RESTART_DEFAULT), CRASH);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->directive,
                     WARD_DIRECTIVE_STOP);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_FAILURE);
}

static void
ordered_restarts_are_not_counted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &plain, WARD_RESTART_DEFAULT);

    for (int i = 0; i < 10; i++) {
        if (i % 2 == 0)
            ward_tell(h->ctx, ref, RESTART_IT);
        else
            assert_result(ward_restart(h->ctx, ref), 0);
        await_event(h, WARD_EVENT_RESTARTED, "/a");
    }
    ward_tell(h->ctx, ref, CRASH);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.restarts_used, 0);
}

/* ---- what a worker starts with (row 11) ---- */

static void
unregistered_names_are_refused(void **state)
{
    struct harness *h = *state;
    ward_ref ref = {7, 7};
    ward_spec spec = {.id = "a", .behavior = &stranger};

    assert_result(ward_spawn(h->ctx, &ref, &spec), -ENOENT);
    spec.behavior = &actor;
    spec.strategy = &unregistered;
    assert_result(ward_spawn(h->ctx, &ref, &spec), -ENOENT);
    assert_int_equal(ref.id, 7);
}

static void
arguments_are_the_same_at_every_start(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, &plain, WARD_RESTART_DEFAULT);

    for (int i = 0; i < 3; i++) {
        ward_tell(h->ctx, ref, WORK, i); /* finds the host by its arguments */
        assert_int_equal(await_mail(h, HANDLED)->number, i);
        ward_tell(h->ctx, ref, CRASH);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(decider_sees_the_failure_and_may_call_nothing),
        TEST(decider_is_asked_before_the_window_is_looked_at),
        TEST(decider_runs_during_a_blocking_ask),
        TEST(escalation_is_decided_by_the_parents_own_strategy),
        TEST(escalation_climbs_two_levels_past_the_root),
        TEST(answer_that_is_no_directive_escalates),
        TEST(limit_can_escalate),
        TEST(every_exit_is_a_failure_and_stop_is_none),
        TEST(temporary_one_is_never_restarted),
        TEST(permanent_one_is_restarted_after_a_normal_end),
        TEST(three_restarts_are_the_default_and_the_fourth_failure_ends_it),
        TEST(failure_without_a_strategy_ends_it),
        TEST(ordered_restarts_are_not_counted),
        TEST(unregistered_names_are_refused),
        TEST(arguments_are_the_same_at_every_start),
    };

    return harness_main("decisions", tests, sizeof tests / sizeof tests[0]);
}

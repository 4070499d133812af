/* The supervision rows of casty's own tests, A01 to A10. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { WORK, GET_COUNT, RAISE, CRASH, DELEGATE };
enum { HANDLED = 100 };

struct worker {
    int64_t count;
};

static ward_next
work(ward_ctx *ctx, const ward_message *msg)
{
    struct worker *self = ward_state(ctx);
    const char *task;

    if (ward_get(msg, &task) < 0)
        return WARD_UNHANDLED;
    if (strcmp(task, "bad") == 0)
        return ward_raise(ctx, "ValueError", "Cannot process: %s", task);
    self->count++;
    return ward_tell(ctx, host_of(ctx), HANDLED, self->count, task, ward_self(ctx));
}

static ward_next
worker_receive(ward_ctx *ctx, const ward_message *msg)
{
    struct worker *self = ward_state(ctx);
    const char *raised;

    switch (ward_message_type(msg)) {
    case WORK:
        return work(ctx, msg);
    case GET_COUNT:
        return ward_reply(ctx, self->count);
    case RAISE:
        if (ward_get(msg, &raised) < 0)
            return WARD_UNHANDLED;
        return ward_raise(ctx, raised, "on purpose");
    case CRASH:
        return *(volatile int *)0;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior worker = {
    .name = "worker", .state_size = sizeof(struct worker), .receive = worker_receive};
WARD_REGISTER(worker);

/* ---- strategies ---- */

static const ward_strategy plain = {.name = "plain"};
WARD_REGISTER(plain);

static ward_directive
by_class(const ward_failure *failure)
{
    if (strcmp(failure->raised, "A") == 0)
        return WARD_DIRECTIVE_RESTART;
    if (strcmp(failure->raised, "B") == 0)
        return WARD_DIRECTIVE_STOP;
    return WARD_DIRECTIVE_ESCALATE;
}

static const ward_strategy selective = {.name = "selective", .decider = by_class};
WARD_REGISTER(selective);

static const ward_strategy twice = {
    .name = "twice", .max_restarts = 2, .within_ms = 60000};
WARD_REGISTER(twice);

static const ward_strategy once_in_half_a_second = {
    .name = "once-in-half-a-second", .max_restarts = 1, .within_ms = 500};
WARD_REGISTER(once_in_half_a_second);

static const ward_strategy once = {.name = "once", .max_restarts = 1, .within_ms = 60000};
WARD_REGISTER(once);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

/* ---- a team ---- */

enum { TEAM_SIZE = 3 };

struct team {
    ward_ref workers[TEAM_SIZE];
};

static int
team_start(ward_ctx *ctx)
{
    struct team *self = ward_state(ctx);

    for (int i = 0; i < TEAM_SIZE; i++) {
        char id[32];
        int result;
        snprintf(id, sizeof id, "worker-%d", i);
        result = ward_spawn(ctx, &self->workers[i],
                            &(ward_spec){.id = id,
                                         .behavior = &worker,
                                         .strategy = &always,
                                         .args = ward_args(ctx)});
        if (result < 0)
            return result;
    }
    return 0;
}

static ward_next
team_receive(ward_ctx *ctx, const ward_message *msg)
{
    struct team *self = ward_state(ctx);
    const char *task;
    uint32_t index;

    if (ward_message_type(msg) != DELEGATE || ward_get(msg, &task, &index) < 0)
        return WARD_UNHANDLED;
    return ward_tell(ctx, self->workers[index % TEAM_SIZE], WORK, task);
}

static const ward_behavior team = {.name = "team",
                                   .state_size = sizeof(struct team),
                                   .pre_start = team_start,
                                   .receive = team_receive};
WARD_REGISTER(team);

/* ---- what was decided ---- */

static ward_ref
spawn_worker(struct harness *h, const char *id, const ward_strategy *strategy)
{
    return spawn(h, &(ward_spec){.id = id, .behavior = &worker, .strategy = strategy});
}

static ward_directive
raise_in(struct harness *h, ward_ref ref, const char *path, const char *raised)
{
    const struct record *r;

    assert_result(ward_tell(h->ctx, ref, RAISE, raised), 0);
    r = await_event(h, WARD_EVENT_FAILED, path);
    assert_int_equal(r->failure.cause, WARD_CAUSE_RAISE);
    assert_string_equal(r->failure.raised, raised);
    await_event(h,
                r->directive == WARD_DIRECTIVE_RESTART ? WARD_EVENT_RESTARTED
                                                       : WARD_EVENT_STOPPED,
                path);
    return r->directive;
}

static void
A01_directives_have_names(void **state)
{
    (void)state;
    assert_string_equal(ward_directive_name(WARD_DIRECTIVE_RESTART), "restart");
    assert_string_equal(ward_directive_name(WARD_DIRECTIVE_STOP), "stop");
    assert_string_equal(ward_directive_name(WARD_DIRECTIVE_ESCALATE), "escalate");
    assert_string_equal(ward_directive_name((ward_directive)0), "?");
    assert_string_equal(ward_directive_name((ward_directive)99), "?");
}

static void
A02_strategy_without_decider_restarts(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a", &plain);

    assert_int_equal(raise_in(h, ref, "/a", "Any"), WARD_DIRECTIVE_RESTART);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 0);
}

static void
A03_decider_tells_classes_apart(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a", &selective);

    assert_int_equal(raise_in(h, ref, "/a", "A"), WARD_DIRECTIVE_RESTART);
    assert_int_equal(raise_in(h, ref, "/a", "B"), WARD_DIRECTIVE_STOP);
}

static void
A04_third_failure_is_over_a_limit_of_two(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a", &twice);
    const struct record *r;

    assert_int_equal(raise_in(h, ref, "/a", "A"), WARD_DIRECTIVE_RESTART);
    assert_int_equal(raise_in(h, ref, "/a", "A"), WARD_DIRECTIVE_RESTART);
    assert_result(ward_tell(h->ctx, ref, RAISE, "A"), 0);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(r->directive, WARD_DIRECTIVE_STOP);
    assert_int_equal(r->failure.restarts_used, 2);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(r->text, "limit");
    assert_int_equal(r->end, WARD_END_FAILURE);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 2);
}

static void
A05_restarts_are_granted_again_after_the_window(void **state)
{
    struct harness *h = *state;
    ward_ref fast = spawn_worker(h, "fast", &once);
    ward_ref slow = spawn_worker(h, "slow", &once_in_half_a_second);

    assert_int_equal(raise_in(h, fast, "/fast", "A"), WARD_DIRECTIVE_RESTART);
    assert_int_equal(raise_in(h, fast, "/fast", "A"), WARD_DIRECTIVE_STOP);
    assert_int_equal(raise_in(h, slow, "/slow", "A"), WARD_DIRECTIVE_RESTART);
    linger(h, 510);
    assert_int_equal(raise_in(h, slow, "/slow", "A"), WARD_DIRECTIVE_RESTART);
}

static void
A06_each_child_has_a_budget_of_its_own(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_worker(h, "a", &once);
    ward_ref b = spawn_worker(h, "b", &once);

    assert_int_equal(raise_in(h, a, "/a", "A"), WARD_DIRECTIVE_RESTART);
    assert_int_equal(raise_in(h, b, "/b", "A"), WARD_DIRECTIVE_RESTART);
    assert_int_equal(raise_in(h, a, "/a", "A"), WARD_DIRECTIVE_STOP);
    assert_int_equal(raise_in(h, b, "/b", "A"), WARD_DIRECTIVE_STOP);
}

static const ward_failure *judged; /* only in the decider below */

static ward_directive
judge(const ward_failure *failure)
{
    static ward_failure copy;

    copy = *failure;
    judged = &copy;
    return failure->signal == SIGSEGV ? WARD_DIRECTIVE_STOP : WARD_DIRECTIVE_RESTART;
}

static const ward_strategy own = {.name = "own", .decider = judge};
WARD_REGISTER(own);

static void
A07_own_strategy_is_honoured(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a", &own);

    judged = NULL;
    assert_int_equal(raise_in(h, ref, "/a", "A"), WARD_DIRECTIVE_RESTART);
    assert_non_null(judged);
    assert_int_equal(judged->cause, WARD_CAUSE_RAISE);
    ward_tell(h->ctx, ref, CRASH);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->directive,
                     WARD_DIRECTIVE_STOP);
    assert_int_equal(judged->signal, SIGSEGV);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text,
                        "stopped by decider");
}

static void
A08_alive_after_one_failure(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a", &plain);

    ward_tell(h->ctx, ref, WORK, "before");
    ward_tell(h->ctx, ref, WORK, "bad");
    ward_tell(h->ctx, ref, WORK, "after-restart");
    assert_string_equal(await_mail(h, HANDLED)->text, "before");
    assert_string_equal(await_mail(h, HANDLED)->text, "after-restart");
    assert_int_equal(ask_number(h, ref, GET_COUNT), 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, NULL), 1);
}

static void
A09_siblings_of_a_failed_worker_are_untouched(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "team", .behavior = &team});

    ward_tell(h->ctx, ref, DELEGATE, "task-a", 0);
    ward_tell(h->ctx, ref, DELEGATE, "task-b", 1);
    ward_tell(h->ctx, ref, DELEGATE, "bad", 2);
    ward_tell(h->ctx, ref, DELEGATE, "task-c", 2);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 3);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, NULL), 1);
    assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, "/team/worker-2")->incarnation,
                     1);
    for (int i = 0; i < 2; i++) {
        char path[32];
        snprintf(path, sizeof path, "/team/worker-%d", i);
        assert_int_equal(ask_number(h, find(h, path), GET_COUNT), 1);
    }
    for (size_t i = 0; i < h->mail_count; i++)
        if (ward_ref_equal(h->mails[i].ref, find(h, "/team/worker-2")))
            assert_string_equal(h->mails[i].text, "task-c");
}

static void
A10_two_crashes_between_work_are_both_survived(void **state)
{
    static const char *const tasks[] = {"one", "bad", "two", "three", "bad", "four"};
    static const char *const done[] = {"one", "two", "three", "four"};
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a", &plain);

    for (size_t i = 0; i < 6; i++)
        assert_result(ward_tell(h->ctx, ref, WORK, tasks[i]), 0);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(await_mail(h, HANDLED)->text, done[i]);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 4);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 2);
    assert_int_equal(count_letters(h, WARD_LETTER_POISON, "/a"), 2);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(A01_directives_have_names),
        TEST(A02_strategy_without_decider_restarts),
        TEST(A03_decider_tells_classes_apart),
        TEST(A04_third_failure_is_over_a_limit_of_two),
        TEST(A05_restarts_are_granted_again_after_the_window),
        TEST(A06_each_child_has_a_budget_of_its_own),
        TEST(A07_own_strategy_is_honoured),
        TEST(A08_alive_after_one_failure),
        TEST(A09_siblings_of_a_failed_worker_are_untouched),
        TEST(A10_two_crashes_between_work_are_both_survived),
    };

    return harness_main("casty_supervision", tests, sizeof tests / sizeof tests[0]);
}

/* Failures in the hooks of a restart: each is a failed start, decided and counted (rows 17, 30). */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The compiler is not to see what it is. */
static volatile uintptr_t nowhere = 16;

enum { WORK, CRASH, RESTART_IT };
enum { SAID = 100, HANDLED };

/* How a hook ends. */
enum { FAULT = 'f', EXIT = 'x', RAISE = 'r', HANG = 'h', STOP = 's', FINE = '.' };

/* The arguments: the host, which hook, and how it ends in each incarnation. */
struct plan {
    ward_ref host;
    char hook[16];
    char ends[16];
};

static struct plan
plan_of(ward_ctx *ctx)
{
    ward_bytes args = ward_args(ctx);
    struct plan plan = {0};

    if (args.size == sizeof plan)
        memcpy(&plan, args.data, sizeof plan);
    return plan;
}

/* Says so at once, then does what the plan has for this hook and incarnation. */
static void
pass(ward_ctx *ctx, const char *hook, const ward_failure *cause)
{
    struct plan plan = plan_of(ctx);
    uint32_t life = ward_incarnation(ctx);
    char end = life < sizeof plan.ends ? plan.ends[life] : FINE;

    ward_tell(ctx, plan.host, SAID, life, hook,
              cause == NULL ? "none" : ward_phase_name(cause->phase));
    ward_flush(ctx);
    if (strcmp(hook, plan.hook) != 0)
        return;
    ward_tell(ctx, plan.host, SAID, -1, "lost"); /* what dies with it */
    switch (end) {
    case FAULT:
        *(volatile int *)nowhere = 1;
        break;
    case EXIT:
        _exit(4);
    case RAISE:
        ward_raise(ctx, "HookError", "in %s", hook);
        break;
    case HANG:
        for (;;)
            pause();
    case STOP:
        ward_stop_self(ctx, "enough");
        break;
    }
}

static void
pre_restart(ward_ctx *ctx, const ward_failure *cause)
{
    pass(ctx, "pre_restart", cause);
}

static int
pre_start(ward_ctx *ctx)
{
    pass(ctx, "pre_start", NULL);
    return 0;
}

static void
post_restart(ward_ctx *ctx, const ward_failure *cause)
{
    pass(ctx, "post_restart", cause);
}

static void
post_stop(ward_ctx *ctx)
{
    pass(ctx, "post_stop", NULL);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number = 0;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_sender(msg).id != 0)
            return ward_reply(ctx, ward_incarnation(ctx));
        (void)ward_get(msg, &number);
        return ward_tell(ctx, plan_of(ctx).host, HANDLED, number);
    case CRASH:
        return *(volatile int *)0;
    case RESTART_IT:
        return WARD_RESTART;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior hooked = {.name = "hooked",
                                     .receive = receive,
                                     .pre_start = pre_start,
                                     .post_stop = post_stop,
                                     .pre_restart = pre_restart,
                                     .post_restart = post_restart};
WARD_REGISTER(hooked);

/* With a child, which every incarnation starts anew. */
static int
start_a_child(ward_ctx *ctx)
{
    static const ward_behavior *const behavior = &hooked;
    ward_ref ref;

    return ward_spawn(
        ctx, &ref,
        &(ward_spec){.id = "child", .behavior = behavior, .args = ward_args(ctx)});
}

static const ward_behavior parent = {.name = "parent",
                                     .receive = receive,
                                     .pre_start = start_a_child,
                                     .post_restart = post_restart};
WARD_REGISTER(parent);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);
static const ward_strategy three = {.name = "three", .max_restarts = 3};
WARD_REGISTER(three);

static ward_directive
not_at_the_start(const ward_failure *failure)
{
    return failure->phase == WARD_PHASE_START ? WARD_DIRECTIVE_ESCALATE
                                              : WARD_DIRECTIVE_RESTART;
}

static const ward_strategy strict = {.name = "strict", .decider = not_at_the_start};
WARD_REGISTER(strict);

/* ---- the host's side ---- */

/* Up for the first time; `ends` has one letter for each incarnation, the first is 0. */
static ward_ref
spawn_planned(struct harness *h, const ward_strategy *strategy, const char *hook,
              const char *ends)
{
    struct plan plan = {.host = h->self};

    strcpy(plan.hook, hook);
    strcpy(plan.ends, ends);
    return spawn_up(h, &(ward_spec){.id = "a",
                                    .behavior = &hooked,
                                    .strategy = strategy,
                                    .start_ms = strchr(ends, HANG) != NULL ? 200 : 0,
                                    .args = {&plan, sizeof plan}});
}

static void
assert_said(struct harness *h, int64_t life, const char *what)
{
    const struct mail *m = await_mail(h, SAID);

    assert_string_equal(m->text, what);
    assert_int_equal(m->number, life);
}

static const ward_failure *
await_failed_start(struct harness *h, uint32_t life)
{
    const struct record *r = await_event(h, WARD_EVENT_FAILED, "/a");

    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    assert_int_equal(r->failure.incarnation, life);
    assert_int_equal(r->failure.uptime_ms, 0);
    assert_false(r->failure.has_message);
    return &r->failure;
}

/* Queued before the crash; handled once, behind all the failed starts. */
static void
assert_goes_on(struct harness *h, uint32_t life)
{
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    assert_int_equal(await_mail(h, HANDLED)->number, 2);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 2);
    assert_int_equal(count_letters(h, WARD_LETTER_POISON, "/a"), 1);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 1);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 1);
    assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, "/a")->incarnation, life);
}

static void
crash_and_queue(struct harness *h, ward_ref ref)
{
    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, WORK, 1);
    ward_tell(h->ctx, ref, WORK, 2);
}

static void
crash_in_pre_restart_is_a_failed_start_and_the_next_goes_on(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "pre_restart", ".fx.");

    crash_and_queue(h, ref);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.phase,
                     WARD_PHASE_RECEIVE);
    assert_int_equal(await_failed_start(h, 1)->fault_address, 16);
    assert_int_equal(await_failed_start(h, 2)->exit_code, 4);
    assert_goes_on(h, 3);
    assert_said(h, 0, "pre_start");
    assert_said(h, 1, "pre_restart");
    assert_said(h, 2, "pre_restart");
    assert_said(h, 3, "pre_restart");
    assert_said(h, -1, "lost"); /* that incarnation lived */
    assert_said(h, 3, "pre_start");
    assert_said(h, 3, "post_restart");
    assert_int_equal(count_mails(h, SAID), 7);
}

static void
crash_in_post_restart_is_a_failed_start_and_the_next_goes_on(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "post_restart", ".xf.");

    crash_and_queue(h, ref);
    await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(await_failed_start(h, 1)->exit_code, 4);
    assert_int_equal(await_failed_start(h, 2)->fault_address, 16);
    assert_goes_on(h, 3);
    assert_said(h, 0, "pre_start");
    for (int life = 1; life <= 3; life++) {
        assert_said(h, life, "pre_restart");
        assert_said(h, life, "pre_start");
        assert_said(h, life, "post_restart");
    }
    assert_said(h, -1, "lost");
    assert_int_equal(count_mails(h, SAID), 11);
}

static void
raise_in_pre_restart_leaves_out_pre_start(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "pre_restart", ".r.");
    const ward_failure *f;

    crash_and_queue(h, ref);
    await_event(h, WARD_EVENT_FAILED, "/a");
    f = await_failed_start(h, 1);
    assert_int_equal(f->cause, WARD_CAUSE_RAISE);
    assert_string_equal(f->raised, "HookError");
    assert_string_equal(f->text, "in pre_restart");
    assert_goes_on(h, 2);
    assert_said(h, 0, "pre_start");
    assert_said(h, 1, "pre_restart");
    assert_said(h, 2, "pre_restart");
}

static void
raise_in_post_restart_is_a_failed_start(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "post_restart", ".r.");
    const ward_failure *f;

    crash_and_queue(h, ref);
    await_event(h, WARD_EVENT_FAILED, "/a");
    f = await_failed_start(h, 1);
    assert_int_equal(f->cause, WARD_CAUSE_RAISE);
    assert_string_equal(f->text, "in post_restart");
    assert_goes_on(h, 2);
}

static void
hook_that_hangs_is_over_at_the_start_deadline(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "post_restart", ".h.");

    crash_and_queue(h, ref);
    await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(await_failed_start(h, 1)->cause, WARD_CAUSE_TIMEOUT);
    assert_goes_on(h, 2);
}

/* The hooks see the failure that led here, which is that of the hook before. */
static void
cause_of_the_next_restart_is_the_failure_of_the_hook(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "pre_restart", ".f.");
    static const char first[] = "\xa7receive", second[] = "\xa5start";
    size_t seen = 0;

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    settle(h);
    for (size_t i = 0; i < h->mail_count; i++) {
        const struct mail *m = &h->mails[i];
        const char *cause = m->number == 1 ? first : second;
        size_t size = strlen(cause);

        if (m->type != SAID || strcmp(m->text, "pre_restart") != 0)
            continue;
        /* The last value. */
        assert_true(m->raw.size > size);
        assert_memory_equal((const char *)m->raw.data + m->raw.size - size, cause, size);
        seen++;
    }
    assert_int_equal(seen, 2);
}

static void
hook_that_always_fails_uses_up_the_window(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &three, "pre_restart", ".ffffff");
    const struct record *r;

    crash_and_queue(h, ref);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(r->text, "limit");
    assert_int_equal(r->incarnation, 3);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 4);
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
    assert_int_equal(count_letters(h, WARD_LETTER_POISON, "/a"), 1);
    assert_int_equal(count_letters(h, WARD_LETTER_STOPPED, "/a"), 2);
    settle(h);
    assert_int_equal(count_mails(h, SAID), 4); /* and no post_stop of a failed start */
}

static void
failed_hook_is_decided_and_can_escalate(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &strict, "pre_restart", ".f");
    const ward_failure *f;

    ward_tell(h->ctx, ref, CRASH);
    assert_result(ward_run_for(h->sys, DEADLINE_MS), -WARD_EFAILED);
    f = ward_system_failure(h->sys);
    assert_non_null(f);
    assert_int_equal(f->phase, WARD_PHASE_START);
    assert_string_equal(f->origin_path, "/a");
    assert_int_equal(f->incarnation, 1);
    h->expected_end = -WARD_EFAILED;
}

static void
ordered_restart_whose_hook_fails_is_a_failure_that_counts(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &three, "post_restart", ".f.");

    ward_tell(h->ctx, ref, RESTART_IT);
    ward_tell(h->ctx, ref, WORK, 1);
    assert_int_equal(await_failed_start(h, 1)->restarts_used, 0);
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.restarts_used, 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 2);
}

static void
ask_waits_over_failed_hooks(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "pre_restart", ".fxrf.");

    ward_tell(h->ctx, ref, CRASH);
    assert_int_equal(ask_number(h, ref, WORK), 5);
}

static void
stop_in_a_restart_hook_is_a_normal_end(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_planned(h, &always, "post_restart", ".s");
    const struct record *r;

    crash_and_queue(h, ref);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(r->text, "enough");
    assert_int_equal(r->end, WARD_END_NORMAL);
    assert_int_equal(count_letters(h, WARD_LETTER_STOPPED, "/a"), 2);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 1);
}

/* Its pre_start was through and has started a child: that one ends before the next start. */
static void
children_of_a_start_that_failed_late_are_gone_before_the_next(void **state)
{
    struct harness *h = *state;
    struct plan plan = {.host = h->self, .hook = "post_restart", .ends = ".fx."};
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a",
                                            .behavior = &parent,
                                            .strategy = &always,
                                            .args = {&plan, sizeof plan}});

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, "/a/child"), 4);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/a/child"), 3);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 3);
    assert_no_event(h, WARD_EVENT_FAILED, "/a/child");
    find(h, "/a/child");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(crash_in_pre_restart_is_a_failed_start_and_the_next_goes_on),
        TEST(crash_in_post_restart_is_a_failed_start_and_the_next_goes_on),
        TEST(raise_in_pre_restart_leaves_out_pre_start),
        TEST(raise_in_post_restart_is_a_failed_start),
        TEST(hook_that_hangs_is_over_at_the_start_deadline),
        TEST(cause_of_the_next_restart_is_the_failure_of_the_hook),
        TEST(hook_that_always_fails_uses_up_the_window),
        TEST(failed_hook_is_decided_and_can_escalate),
        TEST(ordered_restart_whose_hook_fails_is_a_failure_that_counts),
        TEST(ask_waits_over_failed_hooks),
        TEST(stop_in_a_restart_hook_is_a_normal_end),
        TEST(children_of_a_start_that_failed_late_are_gone_before_the_next),
    };

    return harness_main("restart_hooks", tests, sizeof tests / sizeof tests[0]);
}

/* Hooks: when each runs, what it sees, and what its failure means. */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum { COUNT, CRASH, RAISE, HANG, RESTART_IT, CHANGE, STRING, RETURN };
enum { SAID = 100, HUNG, RESULT };

struct hooked {
    int64_t count;
};

static void
say(ward_ctx *ctx, const char *what)
{
    struct hooked *self = ward_state(ctx);

    ward_tell(ctx, host_of(ctx), SAID, self->count, what);
}

static ward_next
changed(ward_ctx *ctx, const ward_message *msg)
{
    struct hooked *self = ward_state(ctx);

    if (ward_message_type(msg) == CRASH)
        return *(volatile int *)0;
    self->count++;
    say(ctx, "changed");
    return WARD_SAME;
}

static ward_next
read_string(ward_ctx *ctx, const ward_message *msg)
{
    const char *text = NULL;
    ward_bytes bytes = {NULL, 0};
    int result = ward_get(msg, &text);

    if (ward_get(msg, &bytes) < 0)
        return WARD_UNHANDLED;
    return ward_tell(ctx, host_of(ctx), RESULT, result, bytes);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    struct hooked *self = ward_state(ctx);
    int number;

    switch (ward_message_type(msg)) {
    case RETURN:
        return ward_get(msg, &number) < 0 ? WARD_UNHANDLED : number;
    case COUNT:
        self->count++;
        say(ctx, "count");
        return WARD_SAME;
    case CRASH:
        return *(volatile int *)0;
    case RAISE:
        return ward_raise(ctx, "Error", "on purpose");
    case HANG:
        ward_tell(ctx, host_of(ctx), HUNG);
        ward_flush(ctx);
        for (;;)
            pause();
    case RESTART_IT:
        return WARD_RESTART;
    case CHANGE:
        return ward_become(ctx, changed);
    case STRING:
        return read_string(ctx, msg);
    }
    return WARD_UNHANDLED;
}

static int
pre_start(ward_ctx *ctx)
{
    say(ctx, "pre_start");
    return 0;
}

static void
pre_restart(ward_ctx *ctx, const ward_failure *cause)
{
    say(ctx, cause == NULL ? "pre_restart" : "pre_restart after a failure");
}

static void
post_restart(ward_ctx *ctx, const ward_failure *cause)
{
    say(ctx, cause == NULL ? "post_restart" : "post_restart after a failure");
}

static const ward_behavior hooked;

static void
post_stop(ward_ctx *ctx)
{
    const ward_failure *failure = ward_last_failure(ctx);
    ward_message *reply = NULL;
    ward_ref ref;

    say(ctx, failure == NULL ? "post_stop" : ward_cause_name(failure->cause));
    ward_tell(ctx, host_of(ctx), SAID, 0, ward_stop_reason(ctx));
    if (failure == NULL || failure->cause != WARD_CAUSE_SIGNAL)
        return;
    ward_tell(ctx, host_of(ctx), RESULT,
              ward_spawn(ctx, &ref, &(ward_spec){.id = "x", .behavior = &hooked}));
    ward_tell(ctx, host_of(ctx), RESULT,
              ward_ask(ctx, host_of(ctx), &reply, DEADLINE_MS, COUNT));
    ward_tell(ctx, host_of(ctx), RESULT, ward_stop(ctx, ward_self(ctx)));
    ward_tell(ctx, host_of(ctx), RESULT, ward_watch(ctx, host_of(ctx)));
}

static const ward_behavior hooked = {.name = "hooked",
                                     .state_size = sizeof(struct hooked),
                                     .receive = receive,
                                     .pre_start = pre_start,
                                     .post_stop = post_stop,
                                     .pre_restart = pre_restart,
                                     .post_restart = post_restart};
WARD_REGISTER(hooked);

/* No machine has so much memory. */
static const ward_behavior greedy = {
    .name = "greedy", .state_size = (size_t)1 << 50, .receive = changed};
WARD_REGISTER(greedy);

static int
start_badly(ward_ctx *ctx)
{
    say(ctx, "pre_start");
    ward_flush(ctx);
    return -EDOM;
}

static const ward_behavior unlucky = {.name = "unlucky",
                                      .state_size = sizeof(struct hooked),
                                      .receive = receive,
                                      .pre_start = start_badly,
                                      .post_stop = post_stop};
WARD_REGISTER(unlucky);

static int
start_not(ward_ctx *ctx)
{
    (void)ctx;
    return WARD_START_IGNORE;
}

static const ward_behavior ignored = {.name = "ignored",
                                      .receive = receive,
                                      .pre_start = start_not,
                                      .post_stop = post_stop};
WARD_REGISTER(ignored);

static void
crash_at_the_end(ward_ctx *ctx)
{
    (void)ctx;
    _exit(9);
}

static const ward_behavior clumsy = {
    .name = "clumsy", .receive = receive, .post_stop = crash_at_the_end};
WARD_REGISTER(clumsy);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);
static const ward_strategy twelve = {.name = "twelve", .max_restarts = 12};
WARD_REGISTER(twelve);

static ward_ref
spawn_hooked(struct harness *h, const ward_strategy *strategy)
{
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &hooked, .strategy = strategy});

    assert_string_equal(await_mail(h, SAID)->text, "pre_start");
    return ref;
}

static void
assert_said(struct harness *h, int64_t count, const char *what)
{
    const struct mail *m = await_mail(h, SAID);

    assert_string_equal(m->text, what);
    assert_int_equal(m->number, count);
}

static void
stop_runs_post_stop_with_the_state(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hooked(h, NULL);

    ward_tell(h->ctx, ref, COUNT);
    assert_said(h, 1, "count");
    ward_stop(h->ctx, ref);
    assert_said(h, 1, "post_stop");
    assert_said(h, 0, "stopped");
}

static void
raise_that_ends_runs_post_stop_with_the_state(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hooked(h, NULL);

    ward_tell(h->ctx, ref, COUNT);
    ward_tell(h->ctx, ref, RAISE);
    assert_said(h, 1, "count");
    assert_said(h, 1, "raise");
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static void
crash_that_ends_runs_post_stop_in_a_fresh_process(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hooked(h, NULL);

    ward_tell(h->ctx, ref, COUNT);
    ward_tell(h->ctx, ref, CRASH);
    assert_said(h, 1, "count");
    assert_said(h, 0, "signal"); /* its state is zeroed, pre_start did not run */
    await_mail(h, SAID);
    for (int i = 0; i < 4; i++)
        assert_result(await_mail(h, RESULT)->number, -EPERM);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, SAID), 4);
}

static void
hooks_of_a_restart_run_in_order(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hooked(h, &always);

    ward_tell(h->ctx, ref, COUNT);
    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, COUNT);
    assert_said(h, 1, "count");
    assert_said(h, 0, "pre_restart after a failure");
    assert_said(h, 0, "pre_start");
    assert_said(h, 0, "post_restart after a failure");
    assert_said(h, 1, "count");
}

static void
ordered_restart_runs_all_hooks_without_a_cause(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hooked(h, NULL);

    ward_tell(h->ctx, ref, RESTART_IT);
    assert_said(h, 0, "post_stop");
    await_mail(h, SAID);
    assert_said(h, 0, "pre_restart");
    assert_said(h, 0, "pre_start");
    assert_said(h, 0, "post_restart");
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
become_lasts_until_the_restart(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hooked(h, &always);

    ward_tell(h->ctx, ref, COUNT);
    ward_tell(h->ctx, ref, CHANGE);
    ward_tell(h->ctx, ref, COUNT);
    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, COUNT);
    assert_said(h, 1, "count");
    assert_said(h, 2, "changed");
    for (int i = 0; i < 3; i++)
        await_mail(h, SAID);
    assert_said(h, 1, "count");
}

static void
assert_failed_by_returning(struct harness *h, int number, int error, const char *text)
{
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &hooked});
    const struct record *r;

    ward_tell(h->ctx, ref, RETURN, number);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_ERROR);
    assert_int_equal(r->failure.error, error);
    assert_int_equal(r->failure.by, WARD_BY_SELF);
    assert_string_equal(r->failure.text, text);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static void
return_that_means_nothing_is_an_error(void **state)
{
    struct harness *h = *state;

    assert_failed_by_returning(h, WARD_UNHANDLED + 1, -EINVAL, "hooked returned 4");
    assert_failed_by_returning(h, INT_MAX, -EINVAL, "hooked returned 2147483647");
}

static void
return_of_an_error_without_a_name_is_told_by_number(void **state)
{
    struct harness *h = *state;

    assert_failed_by_returning(h, -5000, -5000, "hooked returned -5000");
    assert_failed_by_returning(h, -EDOM, -EDOM, "hooked returned EDOM");
}

/* The end of a process that could not even begin is its actor's, whatever waits for it. */
static void
exit_before_the_first_message_is_a_failed_start(void **state)
{
    static char bytes[5000];
    struct harness *h = *state;
    const struct record *r;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &greedy});

    ward_tell(h->ctx, ref, COUNT, ward_bytes_of(bytes, sizeof bytes));
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_EXIT);
    assert_int_equal(r->failure.exit_code, ENOMEM);
    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static void
failed_start_runs_no_post_stop(void **state)
{
    struct harness *h = *state;
    const struct record *r;

    spawn(h, &(ward_spec){.id = "a", .behavior = &unlucky});
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_ERROR);
    assert_int_equal(r->failure.error, -EDOM);
    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, SAID), 1);
}

static void
ten_failed_starts_in_a_row_make_the_next_wait(void **state)
{
    struct harness *h = *state;
    int64_t start = now_ms();

    spawn(h, &(ward_spec){.id = "a", .behavior = &unlucky, .strategy = &twelve});
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 13);
    assert_in_range(now_ms() - start, 10 + 20 + 40, DEADLINE_MS);
}

static void
ignored_start_is_a_quiet_end(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &ignored});

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), -WARD_EIGNORED);
    settle(h);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "ignored");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_int_equal(count_mails(h, SAID), 0);
}

static void
brutal_kill_runs_no_post_stop(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &hooked, .shutdown_ms = WARD_ZERO});

    ward_tell(h->ctx, ref, HANG);
    await_mail(h, HUNG);
    ward_stop(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, SAID), 1);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
stop_that_takes_too_long_skips_post_stop(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &hooked, .shutdown_ms = 50});

    ward_tell(h->ctx, ref, HANG);
    await_mail(h, HUNG);
    ward_stop(h->ctx, ref);
    await_event(h, WARD_EVENT_CLEANUP_SKIPPED, "/a");
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, SAID), 1);
}

static void
death_in_post_stop_is_an_event_only(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn_up(h, &(ward_spec){.id = "a", .behavior = &clumsy, .strategy = &always});

    ward_stop(h->ctx, ref);
    assert_int_equal(await_event(h, WARD_EVENT_CLEANUP_FAILED, "/a")->failure.exit_code,
                     9);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_STOPPED);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
string_with_a_nul_is_read_as_bytes_only(void **state)
{
    struct harness *h = *state;
    static const char raw[] = "\xa3"
                              "a\0b";
    ward_ref ref = spawn_hooked(h, NULL);
    const struct mail *m;

    ward_tell(h->ctx, ref, STRING, ((ward_raw){raw, 4}));
    m = await_mail(h, RESULT);
    assert_result(m->number, -EILSEQ);
    assert_memory_equal((const char *)m->raw.data + m->raw.size - 3, "a\0b", 3);
    ward_tell(h->ctx, ref, STRING, "plain");
    assert_result(await_mail(h, RESULT)->number, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(stop_runs_post_stop_with_the_state),
        TEST(raise_that_ends_runs_post_stop_with_the_state),
        TEST(crash_that_ends_runs_post_stop_in_a_fresh_process),
        TEST(hooks_of_a_restart_run_in_order),
        TEST(ordered_restart_runs_all_hooks_without_a_cause),
        TEST(become_lasts_until_the_restart),
        TEST(return_that_means_nothing_is_an_error),
        TEST(return_of_an_error_without_a_name_is_told_by_number),
        TEST(exit_before_the_first_message_is_a_failed_start),
        TEST(failed_start_runs_no_post_stop),
        TEST(ten_failed_starts_in_a_row_make_the_next_wait),
        TEST(ignored_start_is_a_quiet_end),
        TEST(brutal_kill_runs_no_post_stop),
        TEST(stop_that_takes_too_long_skips_post_stop),
        TEST(death_in_post_stop_is_an_event_only),
        TEST(string_with_a_nul_is_read_as_bytes_only),
    };

    return harness_main("hooks", tests, sizeof tests / sizeof tests[0]);
}

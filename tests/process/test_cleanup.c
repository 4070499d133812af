/* post_stop in a fresh process (rows 31 and 32): what it finds, what it may do, and its end. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORK, CRASH, RAISE };
enum { TRIED = 100, FOUND, ANSWERED };

struct self {
    int64_t number;
};

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    struct self *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case WORK:
        self->number = 5;
        ward_breadcrumb(ctx, "the last step");
        return WARD_SAME;
    case CRASH:
        return *(volatile int *)0;
    case RAISE:
        return ward_raise(ctx, "Error", "on purpose");
    }
    return WARD_UNHANDLED;
}

static int
fill_state(ward_ctx *ctx)
{
    struct self *self = ward_state(ctx);

    self->number = 1;
    return 0;
}

static ward_next
say_answered(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)reply;
    (void)user;
    return ward_tell(ctx, host_of(ctx), ANSWERED, status);
}

/* ---- what it may do ---- */

static void
tried(ward_ctx *ctx, const char *what, int result)
{
    ward_tell(ctx, host_of(ctx), TRIED, result, what);
}

static const ward_behavior trying;

static void
try_verbs(ward_ctx *ctx)
{
    ward_ref host = host_of(ctx), ref = {7, 7};
    ward_message *reply = NULL;

    tried(ctx, "ask", ward_ask(ctx, host, &reply, DEADLINE_MS, WORK));
    tried(ctx, "ask for ever", ward_ask(ctx, host, &reply, WARD_INFINITE, WORK));
    tried(ctx, "ask_then", ward_ask_then(ctx, host, 100, say_answered, NULL, WORK));
    tried(ctx, "spawn",
          ward_spawn(ctx, &ref, &(ward_spec){.id = "x", .behavior = &trying}));
    tried(ctx, "stop", ward_stop(ctx, host));
    tried(ctx, "stop itself", ward_stop(ctx, ward_self(ctx)));
    tried(ctx, "drain", ward_drain(ctx, host));
    tried(ctx, "kill", ward_kill(ctx, ward_self(ctx)));
    tried(ctx, "restart", ward_restart(ctx, ward_self(ctx)));
    tried(ctx, "watch", ward_watch(ctx, host));
    tried(ctx, "unwatch", ward_unwatch(ctx, host));
    tried(ctx, "lookup", ward_lookup(ctx, "/", &ref));
    tried(ctx, "out parameters", reply == NULL && ref.id == 7 ? -EPERM : 0);
}

static void
do_what_is_allowed(ward_ctx *ctx)
{
    tried(ctx, "tell", ward_tell(ctx, host_of(ctx), FOUND, 1));
    tried(ctx, "log", ward_log(ctx, "a line of %s", ward_path(ctx)));
    tried(ctx, "breadcrumb", ward_breadcrumb(ctx, "here"));
}

static void
try_all(ward_ctx *ctx)
{
    if (ward_last_failure(ctx) == NULL)
        return;
    try_verbs(ctx);
    do_what_is_allowed(ctx);
}

static const ward_behavior trying = {.name = "trying",
                                     .state_size = sizeof(struct self),
                                     .receive = receive,
                                     .post_stop = try_all};
WARD_REGISTER(trying);

static ward_ref
spawn_one(struct harness *h, const ward_behavior *behavior, const ward_strategy *strategy)
{
    return spawn_up(h,
                    &(ward_spec){.id = "a", .behavior = behavior, .strategy = strategy});
}

static void
fresh_process_may_tell_log_and_leave_breadcrumbs_only(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &trying, NULL);

    ward_tell(h->ctx, ref, CRASH);
    for (int i = 0; i < 13; i++) {
        const struct mail *m = await_mail(h, TRIED);
        if (m->number != -EPERM)
            fail_with_log(h, "%s gave %s", m->text, ward_error_name((int)m->number));
    }
    for (int i = 0; i < 3; i++)
        assert_result(await_mail(h, TRIED)->number, 0);
    assert_string_equal(await_event(h, WARD_EVENT_LOG, "/a")->text, "a line of /a");
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, FOUND), 1);
    assert_int_equal(count_mails(h, ANSWERED), 0);
    assert_int_equal(count_mails(h, WORK), 0); /* no ask reached the host */
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, NULL), 1);
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
}

/* Row 32 says "only tell, log, breadcrumb, else -EPERM": so not these either. */
static void
try_the_rest(ward_ctx *ctx)
{
    if (ward_last_failure(ctx) == NULL)
        return;
    tried(ctx, "flush", ward_flush(ctx));
    tried(ctx, "stop_self", ward_stop_self(ctx, "a reason"));
    tried(ctx, "become", ward_become(ctx, receive));
}

static const ward_behavior resting = {.name = "resting",
                                      .state_size = sizeof(struct self),
                                      .receive = receive,
                                      .post_stop = try_the_rest};
WARD_REGISTER(resting);

static void
fresh_process_may_do_nothing_else(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &resting, NULL);
    int allowed = 0;

    ward_tell(h->ctx, ref, CRASH);
    for (int i = 0; i < 3; i++) {
        const struct mail *m = await_mail(h, TRIED);
        if (m->number != -EPERM)
            print_error("%s gave %lld (%s)\n", m->text, (long long)m->number,
                        ward_error_name((int)m->number));
        allowed += m->number != -EPERM;
    }
    assert_int_equal(allowed, 0);
}

/* ---- an answer that a fresh process gives: an error, not a breach of the protocol ---- */

struct owed {
    ward_ref host, sender;
};

static void
answer_at_the_end(ward_ctx *ctx)
{
    ward_bytes args = ward_args(ctx);
    struct owed owed;

    if (ward_last_failure(ctx) == NULL || args.size != sizeof owed)
        return;
    memcpy(&owed, args.data, sizeof owed);
    ward_tell(ctx, owed.host, TRIED, ward_reply_to(ctx, owed.sender, 5), "reply_to");
}

static const ward_behavior answering = {.name = "answering",
                                        .state_size = sizeof(struct self),
                                        .receive = receive,
                                        .post_stop = answer_at_the_end};
WARD_REGISTER(answering);

static ward_next
pass_the_sender_on(ward_ctx *ctx, const ward_message *msg)
{
    struct owed owed = {host_of(ctx), ward_sender(msg)};
    ward_ref ref;

    return ward_spawn(ctx, &ref,
                      &(ward_spec){.id = "child",
                                   .behavior = &answering,
                                   .args = {&owed, sizeof owed}});
}

static const ward_behavior passing = {.name = "passing", .receive = pass_the_sender_on};
WARD_REGISTER(passing);

static int answered;

static ward_next
count_answered(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)status;
    (void)reply;
    (void)user;
    answered++;
    return WARD_SAME;
}

static void
fresh_process_answers_nobody(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a",
                                            .behavior = &passing,
                                            .args = {&h->self, sizeof h->self}});

    answered = 0;
    assert_result(ward_ask_then(h->ctx, ref, DEADLINE_MS, count_answered, NULL, WORK), 0);
    await_event(h, WARD_EVENT_STARTED, "/a/child");
    ward_tell(h->ctx, find(h, "/a/child"), CRASH);
    assert_result(await_mail(h, TRIED)->number, -EPERM);
    await_event(h, WARD_EVENT_STOPPED, "/a/child");
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
    assert_int_equal(answered, 0);
}

/* ---- in the living process there is more ---- */

struct owing {
    ward_ref sender;
};

static void
try_all_in_life(ward_ctx *ctx)
{
    struct owing *self = ward_state(ctx);
    ward_ref host = host_of(ctx), ref = {7, 7};
    ward_message *reply = NULL;
    int result;

    tried(ctx, "reply", ward_reply(ctx, 1) == -EINVAL ? 0 : 1);
    tried(ctx, "reply_to", ward_reply_to(ctx, self->sender, 5));
    tried(ctx, "ask",
          ward_ask(ctx, host, &reply, DEADLINE_MS, WORK) == -ECANCELED ? 0 : 1);
    tried(ctx, "ask_then", ward_ask_then(ctx, host, 5000, say_answered, NULL, WORK));
    result = ward_spawn(ctx, &ref, &(ward_spec){.id = "x", .behavior = &trying});
    tried(ctx, "spawn", result == -ESHUTDOWN || result == -EPERM ? 0 : 1);
    result = ward_lookup(ctx, "/", &ref);
    tried(ctx, "lookup", result == 0 || result == -ECANCELED ? 0 : 1);
    tried(ctx, "watch", ward_watch(ctx, host));
    tried(ctx, "unwatch", ward_unwatch(ctx, host));
    tried(ctx, "stop", ward_stop(ctx, ward_self(ctx)));
    tried(ctx, "restart", ward_restart(ctx, ward_self(ctx)));
    tried(ctx, "log", ward_log(ctx, "the end"));
    tried(ctx, "flush", ward_flush(ctx));
    tried(ctx, "last", 0);
}

static ward_next
keep_the_sender(ward_ctx *ctx, const ward_message *msg)
{
    struct owing *self = ward_state(ctx);

    self->sender = ward_sender(msg);
    return ward_tell(ctx, host_of(ctx), FOUND);
}

static const ward_behavior owing = {.name = "owing",
                                    .state_size = sizeof(struct owing),
                                    .receive = keep_the_sender,
                                    .post_stop = try_all_in_life};
WARD_REGISTER(owing);

static ward_next
note_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    int64_t *number = user;

    (void)ctx;
    *number = status;
    if (reply != NULL)
        (void)ward_get(reply, number);
    return WARD_SAME;
}

static void
post_stop_of_a_stop_can_answer_and_breaks_nothing(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &owing, NULL);
    int64_t number = 0;

    assert_result(ward_ask_then(h->ctx, ref, DEADLINE_MS, note_answer, &number, WORK), 0);
    await_mail(h, FOUND);
    assert_result(ward_stop(h->ctx, ref), 0);
    for (int i = 0; i < 13; i++) {
        const struct mail *m = await_mail(h, TRIED);
        if (m->number != 0)
            fail_with_log(h, "%s gave %s", m->text, ward_error_name((int)m->number));
    }
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "stopped");
    settle(h);
    assert_int_equal(number, 5);
    assert_string_equal(await_event(h, WARD_EVENT_LOG, "/a")->text, "the end");
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, NULL), 1);
}

/* ---- what it finds ---- */

static void
tell_what_is_found(ward_ctx *ctx)
{
    const ward_failure *f = ward_last_failure(ctx);
    struct self *self = ward_state(ctx);
    char text[300];

    snprintf(text, sizeof text, "%s %s %s %u '%s' '%s'", ward_path(ctx),
             ward_stop_reason(ctx), f == NULL ? "-" : ward_cause_name(f->cause),
             (unsigned)ward_incarnation(ctx), f == NULL ? "" : f->breadcrumb,
             f == NULL ? "" : f->raised);
    ward_tell(ctx, host_of(ctx), FOUND, self->number, text, ward_self(ctx));
}

static const ward_behavior finding = {.name = "finding",
                                      .state_size = sizeof(struct self),
                                      .receive = receive,
                                      .pre_start = fill_state,
                                      .post_stop = tell_what_is_found};
WARD_REGISTER(finding);
static const ward_strategy once = {.name = "once", .max_restarts = 1};
WARD_REGISTER(once);
static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static void
fresh_process_finds_failure_reason_and_no_state(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &finding, &once);
    const struct mail *m;

    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, WORK);
    ward_tell(h->ctx, ref, CRASH);
    m = await_mail(h, FOUND);
    assert_string_equal(m->text, "/a limit signal 1 'the last step' ''");
    assert_int_equal(m->number, 0);
    assert_true(ward_ref_equal(m->ref, ref));
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->incarnation, 1);
    settle(h);
    assert_int_equal(count_mails(h, FOUND), 1); /* not after the first crash */
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 1);
}

static void
raise_that_ends_finds_failure_reason_and_its_state(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &finding, NULL);
    const struct mail *m;

    ward_tell(h->ctx, ref, WORK);
    ward_tell(h->ctx, ref, RAISE);
    m = await_mail(h, FOUND);
    assert_string_equal(m->text, "/a failed raise 0 'the last step' 'Error'");
    assert_int_equal(m->number, 5);
}

static void
kill_that_ends_is_cleaned_up_after_as_well(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &finding, NULL);

    ward_kill(h->ctx, ref);
    assert_string_equal(await_mail(h, FOUND)->text, "/a failed killed 0 '' ''");
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_KILLED);
}

/* What it told is there before its end is, and its name is taken until then. */
static void
name_is_taken_until_the_cleanup_is_through(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &finding, NULL), other = {0, 0};
    const struct mail *m;

    ward_watch(h->ctx, ref);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_FAILED, "/a");
    if (count_events(h, WARD_EVENT_STOPPED, "/a") == 0)
        assert_result(
            ward_spawn(h->ctx, &other, &(ward_spec){.id = "a", .behavior = &finding}),
            -EEXIST);
    m = await_mail(h, FOUND);
    assert_true(m->order < await_event(h, WARD_EVENT_STOPPED, "/a")->order);
    assert_true(m->order < await_mail(h, WARD_TERMINATED)->order);
}

/* ---- its end ---- */

/* The compiler is not to see what it is. */
static volatile uintptr_t nowhere = 8;

static void
end_badly(ward_ctx *ctx)
{
    const ward_failure *f = ward_last_failure(ctx);

    if (f == NULL || f->signal == 0)
        return;
    ward_tell(ctx, host_of(ctx), FOUND, 1); /* goes with it */
    *(volatile int *)nowhere = 1;
}

static const ward_behavior clumsy = {.name = "clumsy",
                                     .receive = receive,
                                     .state_size = sizeof(struct self),
                                     .post_stop = end_badly};
WARD_REGISTER(clumsy);

static void
crash_of_a_cleanup_is_an_event_and_not_tried_again(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &clumsy, &once);
    const struct record *r;

    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, CRASH);
    r = await_event(h, WARD_EVENT_CLEANUP_FAILED, "/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_SIGNAL);
    assert_int_equal(r->failure.phase, WARD_PHASE_RECOVERY);
    assert_int_equal(r->failure.fault_address, 8);
    assert_false(r->failure.has_message);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(r->text, "limit");
    settle(h);
    assert_int_equal(count_mails(h, FOUND), 0);
    assert_int_equal(count_events(h, WARD_EVENT_CLEANUP_FAILED, NULL), 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 2);
}

static void
raise_at_the_end(ward_ctx *ctx)
{
    ward_raise(ctx, "CleanupError", "could not");
}

static const ward_behavior raiser = {.name = "raiser",
                                     .receive = receive,
                                     .state_size = sizeof(struct self),
                                     .post_stop = raise_at_the_end};
WARD_REGISTER(raiser);

static void
raise_in_a_cleanup_is_an_event_only(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &raiser, NULL);
    const struct record *r;

    ward_tell(h->ctx, ref, CRASH);
    r = await_event(h, WARD_EVENT_CLEANUP_FAILED, "/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_RAISE);
    assert_int_equal(r->failure.phase, WARD_PHASE_RECOVERY);
    assert_string_equal(r->failure.raised, "CleanupError");
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(r->text, "failed");
    assert_int_equal(r->end, WARD_END_FAILURE);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
}

static void
hang_at_the_end(ward_ctx *ctx)
{
    (void)ctx;
    for (;;)
        pause();
}

static const ward_behavior hanger = {.name = "hanger",
                                     .receive = receive,
                                     .state_size = sizeof(struct self),
                                     .post_stop = hang_at_the_end};
WARD_REGISTER(hanger);

static void
cleanup_that_hangs_is_cut_off(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn_up(h, &(ward_spec){.id = "a", .behavior = &hanger, .shutdown_ms = 50});

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_CLEANUP_SKIPPED, "/a");
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "failed");
    assert_no_event(h, WARD_EVENT_CLEANUP_FAILED, NULL);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
}

/* A stop of all while a cleanup runs waits for it. */
static void
stop_of_the_system_waits_for_a_cleanup(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_one(h, &finding, NULL);

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_FAILED, "/a");
    harness_stop(h, 0);
    assert_int_equal(count_mails(h, FOUND), 1);
    assert_no_event(h, WARD_EVENT_CLEANUP_SKIPPED, NULL);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/a"), 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(fresh_process_may_tell_log_and_leave_breadcrumbs_only),
        TEST(fresh_process_may_do_nothing_else),
        TEST(fresh_process_answers_nobody),
        TEST(post_stop_of_a_stop_can_answer_and_breaks_nothing),
        TEST(fresh_process_finds_failure_reason_and_no_state),
        TEST(raise_that_ends_finds_failure_reason_and_its_state),
        TEST(kill_that_ends_is_cleaned_up_after_as_well),
        TEST(name_is_taken_until_the_cleanup_is_through),
        TEST(crash_of_a_cleanup_is_an_event_and_not_tried_again),
        TEST(raise_in_a_cleanup_is_an_event_only),
        TEST(cleanup_that_hangs_is_cut_off),
        TEST(stop_of_the_system_waits_for_a_cleanup),
    };

    return harness_main("cleanup", tests, sizeof tests / sizeof tests[0]);
}

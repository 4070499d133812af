/* Inside a decider every call is -EBUSY and leaves no trace (row 7), whoever waits meanwhile. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORK, CRASH, FORWARD };
enum { HANDLED = 100 };
enum { MOST = 40 };

/* What the decider acts on, and what it found; it runs in the host. */
static struct {
    ward_system *sys;
    ward_ctx *ctx;
    ward_ref bystander; /* alive */
    ward_ref sender;    /* of a message that waits for its answer */
    int calls;
    const char *names[MOST];
    int64_t results[MOST];
    size_t count;
    bool is_written; /* an out parameter was */
    int answers;     /* of the asks that were never made */
} seen;

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_sender(msg).id != 0)
            return ward_reply(ctx, 1);
        return ward_tell(ctx, host_of(ctx), HANDLED, 1);
    case CRASH:
        return *(volatile int *)0;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior actor = {.name = "actor", .receive = receive};
WARD_REGISTER(actor);

static void
note(const char *name, int64_t result)
{
    seen.names[seen.count] = name;
    seen.results[seen.count++] = result;
}

static ward_next
count_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)status;
    (void)reply;
    (void)user;
    seen.answers++;
    return WARD_SAME;
}

static void
try_sending(void)
{
    ward_ctx *ctx = seen.ctx;
    ward_ref to = seen.bystander, nobody = {7, 7};
    ward_message *reply = NULL;

    note("tell", ward_tell(ctx, to, WORK));
    note("tell to nobody", ward_tell(ctx, nobody, WORK));
    note("ask", ward_ask(ctx, to, &reply, 100, WORK));
    note("ask_then", ward_ask_then(ctx, to, 100, count_answer, NULL, WORK));
    note("reply", ward_reply(ctx, 2));
    note("reply_to", ward_reply_to(ctx, seen.sender, 2));
    note("done", ward_done(ctx));
    note("flush", ward_flush(ctx));
    seen.is_written |= reply != NULL;
}

static void
try_the_tree(void)
{
    ward_ctx *ctx = seen.ctx;
    ward_ref to = seen.bystander, ref = {7, 7};

    note("spawn", ward_spawn(ctx, &ref, &(ward_spec){.id = "new", .behavior = &actor}));
    note("stop", ward_stop(ctx, to));
    note("stop of all", ward_stop(ctx, ward_self(ctx)));
    note("drain", ward_drain(ctx, to));
    note("kill", ward_kill(ctx, to));
    note("restart", ward_restart(ctx, to));
    note("watch", ward_watch(ctx, to));
    note("unwatch", ward_unwatch(ctx, to));
    note("lookup", ward_lookup(ctx, "/b", &ref));
    seen.is_written |= ref.id != 7;
}

static void
try_the_system(void)
{
    ward_system *sys = seen.sys;

    note("dispatch", ward_system_dispatch(sys));
    note("run", ward_run(sys));
    note("run_for", ward_run_for(sys, 10));
    note("settle", ward_settle(sys, 10));
    note("wait_up", ward_wait_up(sys, seen.bystander, 10));
    note("system_stop", ward_system_stop(sys));
    note("mailbox_count", ward_mailbox_count(sys, seen.bystander));
    note("process_id", ward_process_id(sys, seen.bystander));
    ward_system_free(sys); /* says nothing, and does nothing */
}

static ward_directive
try_all(const ward_failure *failure)
{
    (void)failure;
    seen.calls++;
    seen.count = 0;
    try_sending();
    try_the_tree();
    try_the_system();
    return WARD_DIRECTIVE_RESTART;
}

static const ward_strategy nosy = {
    .name = "nosy", .decider = try_all, .max_restarts = WARD_INFINITE};
WARD_REGISTER(nosy);

/* What only reads may be called: the failure has to be looked at somehow. */
static char line[200];

static ward_directive
read_only(const ward_failure *failure)
{
    ward_builder *b = ward_builder_new();
    ward_iter it;
    int64_t number = 0;

    ward_failure_format(failure, line, sizeof line);
    if (ward_iter_init(&it, failure->message) == 0) {
        ward_iter list = it;
        if (ward_iter_next(&it, &list) == 1)
            (void)ward_iter_next(&list, &number);
    }
    note("number", number);
    note("add", b == NULL ? -ENOMEM : ward_add(b, 1, "two"));
    ward_builder_free(b);
    return WARD_DIRECTIVE_STOP;
}

static const ward_strategy reader = {.name = "reader", .decider = read_only};
WARD_REGISTER(reader);

/* ---- the host's side ---- */

/* A nosy actor, and one who stands by. */
static ward_ref
begin(struct harness *h)
{
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .strategy = &nosy});

    memset(&seen, 0, sizeof seen);
    seen.bystander = spawn(h, &(ward_spec){.id = "b", .behavior = &actor});
    settle(h);
    seen.sys = h->sys;
    seen.ctx = h->ctx;
    return ref;
}

static void
assert_all_were_busy(struct harness *h, int calls)
{
    assert_int_equal(seen.calls, calls);
    assert_int_equal(seen.count, 25);
    for (size_t i = 0; i < seen.count; i++)
        if (seen.results[i] != -EBUSY)
            fail_with_log(h, "%s in a decider gave %lld (%s)", seen.names[i],
                          (long long)seen.results[i],
                          ward_error_name((int)seen.results[i]));
    assert_false(seen.is_written);
}

/* Nothing of what was tried has happened: both live, and nothing more. */
static void
assert_no_harm(struct harness *h, ward_ref ref)
{
    ward_ref found = {7, 7};

    settle(h);
    assert_int_equal(ask_number(h, ref, WORK), 1);
    assert_int_equal(ask_number(h, seen.bystander, WORK), 1);
    assert_int_equal(seen.answers, 0);
    assert_result(ward_lookup(h->ctx, "/new", &found), -ENOENT);
    assert_int_equal(count_letters(h, WARD_LETTER_UNKNOWN, NULL), 0);
    assert_int_equal(count_mails(h, HANDLED), 0);
    assert_int_equal(count_mails(h, WARD_TERMINATED), 0);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, "/b"), 1);
    assert_no_event(h, WARD_EVENT_FAILED, "/b");
    assert_no_event(h, WARD_EVENT_RESTARTED, "/b");
    assert_no_event(h, WARD_EVENT_STOPPED, NULL);
    assert_int_equal(ward_mailbox_count(h->sys, seen.bystander), 0);
}

static void
every_call_in_a_decider_is_busy_and_does_nothing(void **state)
{
    struct harness *h = *state;
    ward_ref ref = begin(h);

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_all_were_busy(h, 1);
    assert_no_harm(h, ref);
}

static void
decider_in_a_blocking_ask_may_call_nothing_either(void **state)
{
    struct harness *h = *state;
    ward_ref ref = begin(h);

    ward_tell(h->ctx, ref, CRASH);
    assert_int_equal(ask_number(h, ref, WORK), 1);
    assert_all_were_busy(h, 1);
    assert_no_harm(h, ref);
}

static int
crash_at_first(ward_ctx *ctx)
{
    return ward_incarnation(ctx) == 0 ? *(volatile int *)0 : 0;
}

static const ward_behavior late = {
    .name = "late", .receive = receive, .pre_start = crash_at_first};
WARD_REGISTER(late);

static void
decider_in_a_wait_for_the_start_may_call_nothing_either(void **state)
{
    struct harness *h = *state;
    ward_ref ref = begin(h);

    ref = spawn_up(h, &(ward_spec){.id = "late", .behavior = &late, .strategy = &nosy});
    assert_all_were_busy(h, 1);
    assert_no_harm(h, ref);
}

static void
decider_of_ten_crashes_never_gets_in(void **state)
{
    struct harness *h = *state;
    ward_ref ref = begin(h);

    for (int i = 0; i < 10; i++)
        ward_tell(h->ctx, ref, CRASH);
    for (int i = 0; i < 10; i++)
        await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_all_were_busy(h, 10);
    assert_no_harm(h, ref);
}

/* The host has a message in hand, whose answer the decider tries to give. */
static void
keep_sender(struct harness *h, const ward_message *msg)
{
    (void)h;
    if (ward_sender(msg).id != 0)
        seen.sender = ward_sender(msg);
}

static ward_next
pass_on(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    int64_t number = 0;

    (void)user;
    if (reply != NULL)
        (void)ward_get(reply, &number);
    return ward_tell(ctx, host_of(ctx), HANDLED, status == 0 ? number : status);
}

static ward_next
ask_the_host(ward_ctx *ctx, const ward_message *msg)
{
    (void)msg;
    return ward_ask_then(ctx, host_of(ctx), WARD_INFINITE, pass_on, NULL, FORWARD);
}

static const ward_behavior asker = {.name = "asker", .receive = ask_the_host};
WARD_REGISTER(asker);

static void
answer_that_a_decider_tried_to_give_is_still_open(void **state)
{
    struct harness *h = *state;
    ward_ref ref = begin(h);
    ward_ref from = spawn(h, &(ward_spec){.id = "asker", .behavior = &asker});

    h->on_mail = keep_sender;
    ward_tell(h->ctx, from, WORK);
    await_mail(h, FORWARD);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_all_were_busy(h, 1);
    assert_result(ward_reply_to(h->ctx, seen.sender, 5), 0);
    assert_int_equal(await_mail(h, HANDLED)->number, 5);
}

static void
decider_may_read_the_failure_and_build_values(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .strategy = &reader});

    memset(&seen, 0, sizeof seen);
    ward_tell(h->ctx, ref, CRASH, 4711, "x");
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.results[0], 4711);
    assert_result(seen.results[1], 0);
    assert_non_null(strstr(line, "/a #0"));
}

/* ---- another system's ---- */

static struct {
    ward_ctx *ctx;
    ward_ref ref;
} other;

static ward_directive
reach_over(const ward_failure *failure)
{
    ward_message *reply = NULL;
    ward_system *made = NULL;
    int64_t result;

    (void)failure;
    seen.count = 0;
    note("tell to another system", ward_tell(other.ctx, other.ref, WORK));
    note("ask of another system", ward_ask(other.ctx, other.ref, &reply, 1000, WORK));
    ward_message_free(reply);
    result = ward_system_new(&made, NULL);
    note("a new system", result);
    ward_system_free(made);
    return WARD_DIRECTIVE_STOP;
}

static const ward_strategy reaching = {.name = "reaching", .decider = reach_over};
WARD_REGISTER(reaching);

/* "In a decider every verb answers -EBUSY", "every call of ward's inside it is -EBUSY". */
static void
decider_may_not_call_into_another_system_either(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .strategy = &reaching});
    ward_system *second;
    int allowed = 0;

    assert_result(ward_system_new(&second, NULL), 0);
    other.ctx = ward_system_ctx(second);
    assert_result(
        ward_spawn(other.ctx, &other.ref, &(ward_spec){.id = "b", .behavior = &actor}),
        0);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    ward_system_free(second);
    assert_int_equal(seen.count, 3);
    for (size_t i = 0; i < seen.count; i++) {
        if (seen.results[i] != -EBUSY)
            print_error("%s gave %lld\n", seen.names[i], (long long)seen.results[i]);
        allowed += seen.results[i] != -EBUSY;
    }
    assert_int_equal(allowed, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(every_call_in_a_decider_is_busy_and_does_nothing),
        TEST(decider_in_a_blocking_ask_may_call_nothing_either),
        TEST(decider_in_a_wait_for_the_start_may_call_nothing_either),
        TEST(decider_of_ten_crashes_never_gets_in),
        TEST(answer_that_a_decider_tried_to_give_is_still_open),
        TEST(decider_may_read_the_failure_and_build_values),
        TEST(decider_may_not_call_into_another_system_either),
    };

    return harness_main("deciders", tests, sizeof tests / sizeof tests[0]);
}

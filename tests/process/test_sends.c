/* What becomes of messages when the actor that handles them, or that sent them, dies. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    WORK,
    SEND_AND_CRASH,
    SEND_FLUSH_AND_CRASH,
    SEND_ASK_AND_CRASH,
    SEND_SPAWN_AND_CRASH,
    SEND_AND_RAISE,
    SEND_AND_RETURN_ERROR,
    SEND_MUCH_AND_CRASH,
    FLUSH_AND_HANG,
    CRASH_UNLESS_TRIED,
    FLUSH_AND_CRASH_UNLESS_TRIED,
    CRASH_IN_CALLBACK,
    NO_ANSWER,
    ANSWER,
    READ,
};
enum { HANDLED = 100, SENT, FLUSHED, ATTEMPT };

static ward_next
crash(void)
{
    return *(volatile int *)0;
}

static ward_next worker_receive(ward_ctx *ctx, const ward_message *msg);

static const ward_behavior worker = {.name = "worker", .receive = worker_receive};
WARD_REGISTER(worker);

static ward_next
ask_sibling_and_crash(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    ward_ref sibling;

    if (ward_get(msg, &sibling) < 0 ||
        ward_ask(ctx, sibling, &reply, DEADLINE_MS, ANSWER) < 0)
        return WARD_UNHANDLED;
    ward_message_free(reply);
    ward_tell(ctx, host_of(ctx), SENT, "after the ask");
    return crash();
}

static ward_next
spawn_and_crash(ward_ctx *ctx)
{
    ward_ref child;
    int result = ward_spawn(
        ctx, &child,
        &(ward_spec){.id = "child", .behavior = &worker, .args = ward_args(ctx)});

    if (result < 0)
        return result;
    return crash();
}

/* More than any outbox holds. */
static ward_next
send_much_and_crash(ward_ctx *ctx)
{
    static char big[1 << 20];

    for (int i = 0; i < 20; i++)
        ward_tell(ctx, host_of(ctx), SENT, i, ((ward_bytes){big, sizeof big}));
    return crash();
}

static ward_next
try_again(ward_ctx *ctx, const ward_message *msg, bool is_flushed)
{
    unsigned crashes;

    if (ward_get(msg, &crashes) < 0)
        return WARD_UNHANDLED;
    ward_tell(ctx, host_of(ctx), ATTEMPT, ward_message_attempt(msg));
    if (is_flushed)
        ward_flush(ctx);
    return ward_message_attempt(msg) < crashes ? crash() : WARD_SAME;
}

static ward_next
crash_back(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)status, (void)reply, (void)user;
    ward_tell(ctx, host_of(ctx), SENT, "in the callback");
    return crash();
}

static ward_next
send_and_fail(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref host = host_of(ctx);

    ward_tell(ctx, host, SENT, "first");
    switch (ward_message_type(msg)) {
    case SEND_FLUSH_AND_CRASH:
        ward_flush(ctx);
        break;
    case SEND_ASK_AND_CRASH:
        return ask_sibling_and_crash(ctx, msg);
    case SEND_SPAWN_AND_CRASH:
        return spawn_and_crash(ctx);
    case SEND_AND_RAISE:
        ward_tell(ctx, host, SENT, "second");
        return ward_raise(ctx, "Error", "with sends");
    case SEND_AND_RETURN_ERROR:
        ward_tell(ctx, host, SENT, "second");
        return -EIO;
    }
    ward_tell(ctx, host, SENT, "second");
    return crash();
}

static ward_next
hang(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), FLUSHED);
    ward_flush(ctx);
    for (;;)
        pause();
    return WARD_SAME;
}

static ward_next
worker_receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;
    char byte;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, number);
    case SEND_MUCH_AND_CRASH:
        return send_much_and_crash(ctx);
    case FLUSH_AND_HANG:
        return hang(ctx);
    case CRASH_UNLESS_TRIED:
        return try_again(ctx, msg, false);
    case FLUSH_AND_CRASH_UNLESS_TRIED:
        return try_again(ctx, msg, true);
    case CRASH_IN_CALLBACK:
        return ward_ask_then(ctx, ward_self(ctx), 1, crash_back, NULL, NO_ANSWER);
    case NO_ANSWER:
        return WARD_SAME;
    case ANSWER:
        return ward_done(ctx);
    case READ:
        return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
    }
    return send_and_fail(ctx, msg);
}

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static ward_ref
spawn_worker(struct harness *h, const char *id)
{
    return spawn(h, &(ward_spec){.id = id, .behavior = &worker, .strategy = &always});
}

/* ---- sends of a handler that dies (row 4) ---- */

/* Tells it `type` and waits until it is up again; how many of its sends arrived. */
static size_t
sends_that_arrive(struct harness *h, int64_t type)
{
    ward_ref ref = spawn_worker(h, "a");

    ward_tell(h->ctx, ref, type);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    settle(h);
    assert_int_equal(count_letters(h, WARD_LETTER_POISON, "/a"), 1);
    return count_mails(h, SENT);
}

static void
sends_of_a_handler_that_crashes_do_not_leave(void **state)
{
    assert_int_equal(sends_that_arrive(*state, SEND_AND_CRASH), 0);
}

static void
sends_of_a_handler_that_raises_do_not_leave(void **state)
{
    assert_int_equal(sends_that_arrive(*state, SEND_AND_RAISE), 0);
}

static void
sends_of_a_handler_that_returns_an_error_do_not_leave(void **state)
{
    assert_int_equal(sends_that_arrive(*state, SEND_AND_RETURN_ERROR), 0);
}

static void
flushed_sends_leave_and_later_ones_do_not(void **state)
{
    struct harness *h = *state;

    assert_int_equal(sends_that_arrive(h, SEND_FLUSH_AND_CRASH), 1);
    assert_string_equal(await_mail(h, SENT)->text, "first");
}

static void
blocking_ask_publishes_what_was_sent_before(void **state)
{
    struct harness *h = *state;
    ward_ref sibling = spawn_worker(h, "sibling");
    ward_ref ref = spawn_worker(h, "a");

    ward_tell(h->ctx, ref, SEND_ASK_AND_CRASH, sibling);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, SENT), 1);
    assert_string_equal(await_mail(h, SENT)->text, "first");
}

static void
spawn_publishes_what_was_sent_before(void **state)
{
    struct harness *h = *state;

    assert_int_equal(sends_that_arrive(h, SEND_SPAWN_AND_CRASH), 1);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, "/a/child"), 1);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/a/child"), 1);
}

static void
full_outbox_publishes_in_order(void **state)
{
    struct harness *h = *state;
    size_t count = sends_that_arrive(h, SEND_MUCH_AND_CRASH);

    assert_true(count > 0 && count <= 20);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(await_mail(h, SENT)->number, i);
}

static void
sends_of_a_callback_that_dies_do_not_leave(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a");
    const struct record *r;

    ward_tell(h->ctx, ref, CRASH_IN_CALLBACK);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(r->failure.phase, WARD_PHASE_CALLBACK);
    assert_false(r->failure.has_message);
    settle(h);
    assert_int_equal(count_mails(h, SENT), 0);
    assert_int_equal(count_letters(h, WARD_LETTER_POISON, NULL), 0);
}

/* ---- the message in hand (row 3) ---- */

static void
poison_letter_has_the_exact_bytes(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a");
    ward_builder *b = ward_builder_new();
    ward_bytes sent, got;
    const unsigned char *bytes;

    assert_int_equal(ward_add(b, -1, 1.5, "text", ((ward_bytes){"\0\xff", 2}), ref), 0);
    ward_tell(h->ctx, ref, WORK, 1);
    ward_tell(h->ctx, ref, SEND_AND_CRASH, -1, 1.5, "text", ((ward_bytes){"\0\xff", 2}),
              ref);
    ward_tell(h->ctx, ref, WORK, 2);
    sent = ward_builder_bytes(b);
    got = await_letter(h, WARD_LETTER_POISON, "/a")->message.raw;
    bytes = got.data;
    assert_int_equal(got.size, sent.size + 1);
    assert_int_equal(bytes[0], 0x95); /* an array of five */
    assert_memory_equal(bytes + 1, sent.data, sent.size);
    got = await_event(h, WARD_EVENT_FAILED, "/a")->failure.message;
    assert_int_equal(got.size, sent.size + 1);
    assert_memory_equal(got.data, bytes, got.size);
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    assert_int_equal(await_mail(h, HANDLED)->number, 2);
    ward_builder_free(b);
}

static ward_ref
spawn_tireless(struct harness *h, int redeliver)
{
    return spawn(h, &(ward_spec){.id = "a",
                                 .behavior = &worker,
                                 .strategy = &always,
                                 .redeliver = redeliver});
}

static void
redelivered_message_knows_its_attempt(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_tireless(h, 3);

    ward_tell(h->ctx, ref, CRASH_UNLESS_TRIED, 2);
    ward_tell(h->ctx, ref, WORK, 1);
    assert_int_equal(await_mail(h, ATTEMPT)->number, 2); /* the earlier ones died */
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.attempt, 0);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.attempt, 1);
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 2);
    assert_no_event(h, WARD_EVENT_DEAD_LETTER, NULL);
}

static void
message_that_always_kills_is_poison_after_its_attempts(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_tireless(h, 2);
    const struct record *r;

    ward_tell(h->ctx, ref, CRASH_UNLESS_TRIED, 99);
    ward_tell(h->ctx, ref, WORK, 1);
    r = await_letter(h, WARD_LETTER_POISON, "/a");
    assert_int_equal(r->message.type, CRASH_UNLESS_TRIED);
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 3);
}

static ward_next
note_status(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)reply;
    *(int *)user = status;
    return WARD_SAME;
}

/* It killed one, and nobody is there to try it again. */
static void
message_that_killed_the_last_one_is_poison(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn_up(h, &(ward_spec){.id = "a", .behavior = &worker, .redeliver = 5});
    int of_first = 1, of_second = 1;

    assert_int_equal(ward_ask_then(h->ctx, ref, DEADLINE_MS, note_status, &of_first,
                                   CRASH_UNLESS_TRIED, 99),
                     0);
    assert_int_equal(
        ward_ask_then(h->ctx, ref, DEADLINE_MS, note_status, &of_second, WORK, 1), 0);
    settle(h);
    assert_int_equal(await_letter(h, WARD_LETTER_POISON, "/a")->message.type,
                     CRASH_UNLESS_TRIED);
    assert_int_equal(await_letter(h, WARD_LETTER_STOPPED, "/a")->message.type, WORK);
    assert_result(of_first, -WARD_ECRASHED);
    assert_result(of_second, -WARD_ESTOPPED);
}

static void
message_that_published_early_is_not_tried_again(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_tireless(h, 3);

    ward_tell(h->ctx, ref, FLUSH_AND_CRASH_UNLESS_TRIED, 99);
    ward_tell(h->ctx, ref, WORK, 1);
    await_letter(h, WARD_LETTER_POISON, "/a");
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    assert_int_equal(count_mails(h, ATTEMPT), 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 1);
}

/* ---- in flight, not begun (row 5) ---- */

static void
what_was_in_flight_is_sent_again_after_a_crash(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_worker(h, "a");

    ward_tell(h->ctx, ref, FLUSH_AND_HANG);
    for (int i = 0; i < 100; i++)
        ward_tell(h->ctx, ref, WORK, i);
    await_mail(h, FLUSHED);
    assert_result(ward_mailbox_count(h->sys, ref), 101);
    ward_kill(h->ctx, ref);
    for (int i = 0; i < 100; i++)
        assert_int_equal(await_mail(h, HANDLED)->number, i);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 100);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 1);
    assert_result(ward_mailbox_count(h->sys, ref), 0);
}

static void
what_was_in_flight_is_dead_when_the_actor_ends(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &worker});

    ward_tell(h->ctx, ref, FLUSH_AND_HANG);
    for (int i = 0; i < 100; i++)
        ward_tell(h->ctx, ref, WORK, i);
    await_mail(h, FLUSHED);
    ward_kill(h->ctx, ref);
    assert_int_equal(await_letter(h, WARD_LETTER_POISON, "/a")->message.type,
                     FLUSH_AND_HANG);
    for (int i = 0; i < 100; i++)
        assert_int_equal(await_letter(h, WARD_LETTER_STOPPED, "/a")->message.number, i);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(count_mails(h, HANDLED), 0);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 101);
}

/* The next one may take for ever, though both were read together. */
static void
sends_of_a_handler_leave_before_the_next_one_runs(void **state)
{
    struct harness *h = *state;
    ward_ref ref;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    ref = spawn_up(
        h, &(ward_spec){.id = "a", .behavior = &worker, .fds = &ends[0], .fd_count = 1});
    for (int i = 0; i < 10; i++) {
        ward_tell(h->ctx, ref, READ);
        ward_tell(h->ctx, ref, WORK, i);
    }
    ward_tell(h->ctx, ref, READ);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(write(ends[1], "w", 1), 1);
        assert_int_equal(await_mail(h, HANDLED)->number, i);
    }
    assert_int_equal(write(ends[1], "w", 1), 1);
    settle(h);
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(sends_of_a_handler_that_crashes_do_not_leave),
        TEST(sends_of_a_handler_that_raises_do_not_leave),
        TEST(sends_of_a_handler_that_returns_an_error_do_not_leave),
        TEST(flushed_sends_leave_and_later_ones_do_not),
        TEST(blocking_ask_publishes_what_was_sent_before),
        TEST(spawn_publishes_what_was_sent_before),
        TEST(full_outbox_publishes_in_order),
        TEST(sends_of_a_callback_that_dies_do_not_leave),
        TEST(poison_letter_has_the_exact_bytes),
        TEST(redelivered_message_knows_its_attempt),
        TEST(message_that_always_kills_is_poison_after_its_attempts),
        TEST(message_that_killed_the_last_one_is_poison),
        TEST(message_that_published_early_is_not_tried_again),
        TEST(what_was_in_flight_is_sent_again_after_a_crash),
        TEST(what_was_in_flight_is_dead_when_the_actor_ends),
        TEST(sends_of_a_handler_leave_before_the_next_one_runs),
    };

    return harness_main("sends", tests, sizeof tests / sizeof tests[0]);
}

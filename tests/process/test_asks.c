/* Asks: who waits, for how long, and what comes back when the asked one fails. */
#include "harness.h"

#include <errno.h>
#include <unistd.h>

enum {
    WORK,
    ANSWER,
    ANSWER_TWICE,
    TELL_AND_ANSWER,
    KEEP,
    REPLY_KEPT,
    PASS_ON,
    ANSWER_FOR,
    UNKNOWN_TYPE,
    CRASH,
    HANG,
    STOP,
    ASK,
    ASK_THEN,
    ASK_THEN_STOP,
    ASK_THEN_CRASH,
    RING,
    REPLY_TO_NOBODY,
};
enum { HANDLED = 100, KEPT, HUNG, RESULT, CALLED, TOLD };

struct answerer {
    ward_ref kept;
};

static ward_next
crash(void)
{
    return *(volatile int *)0;
}

static _Noreturn void
hang(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), HUNG);
    ward_flush(ctx);
    for (;;)
        pause();
}

/* ---- asking in a worker ---- */

static ward_next
ask(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    int64_t type, number = -1;
    ward_ref to;
    int timeout_ms, result;

    if (ward_get(msg, &to, &type, &timeout_ms) < 0)
        return WARD_UNHANDLED;
    result = ward_ask(ctx, to, &reply, timeout_ms, type);
    if (result == 0 && ward_message_count(reply) > 0)
        ward_get(reply, &number);
    ward_message_free(reply);
    return ward_tell(ctx, host_of(ctx), RESULT, result, number);
}

static ward_next
called(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    const bool *is_stop = user;

    (void)reply;
    ward_tell(ctx, host_of(ctx), CALLED, status);
    return *is_stop ? WARD_STOP : WARD_SAME;
}

static ward_next
ask_then(ward_ctx *ctx, const ward_message *msg)
{
    static bool stops[] = {false, true};
    bool is_stop = ward_message_type(msg) == ASK_THEN_STOP;
    bool is_crash = ward_message_type(msg) == ASK_THEN_CRASH;
    int64_t type;
    ward_ref to;
    int timeout_ms, result;

    if (ward_get(msg, &to, &type, &timeout_ms) < 0)
        return WARD_UNHANDLED;
    result = ward_ask_then(ctx, to, timeout_ms, called, &stops[is_stop], type);
    if (is_crash) {
        ward_flush(ctx);
        return crash();
    }
    return result;
}

/* Asks the first one to ask the second one, and so on. */
static ward_next
ring(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    ward_ref first, second, third;
    int result;

    if (ward_get(msg, &first, &second, &third) < 0)
        return WARD_UNHANDLED;
    result = ward_ask(ctx, first, &reply, DEADLINE_MS, RING, second, third, first);
    ward_message_free(reply);
    ward_tell(ctx, host_of(ctx), RESULT, result, ward_path(ctx));
    return ward_sender(msg).id == 0 ? WARD_SAME : ward_done(ctx);
}

/* ---- answering ---- */

static ward_next
answer(ward_ctx *ctx, const ward_message *msg)
{
    struct answerer *self = ward_state(ctx);
    ward_ref ref;

    switch (ward_message_type(msg)) {
    case ANSWER:
        return ward_reply(ctx, 1);
    case ANSWER_TWICE:
        ward_reply(ctx, 1);
        return ward_reply(ctx, 2);
    case TELL_AND_ANSWER:
        ward_tell(ctx, host_of(ctx), TOLD);
        return ward_reply(ctx, 1);
    case KEEP:
        self->kept = ward_sender(msg);
        return ward_tell(ctx, host_of(ctx), KEPT);
    case REPLY_KEPT:
        return ward_reply_to(ctx, self->kept, 3);
    case PASS_ON:
        if (ward_get(msg, &ref) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, ref, ANSWER_FOR, ward_sender(msg));
    case ANSWER_FOR:
        if (ward_get(msg, &ref) < 0)
            return WARD_UNHANDLED;
        return ward_reply_to(ctx, ref, 4);
    case REPLY_TO_NOBODY:
        return ward_tell(ctx, host_of(ctx), RESULT, ward_reply(ctx, 1));
    }
    return WARD_UNHANDLED;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, number);
    case CRASH:
        return crash();
    case HANG:
        hang(ctx);
    case STOP:
        return WARD_STOP;
    case ASK:
        return ask(ctx, msg);
    case ASK_THEN:
    case ASK_THEN_STOP:
    case ASK_THEN_CRASH:
        return ask_then(ctx, msg);
    case RING:
        return ring(ctx, msg);
    }
    return answer(ctx, msg);
}

static const ward_behavior answerer = {
    .name = "answerer", .state_size = sizeof(struct answerer), .receive = receive};
WARD_REGISTER(answerer);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static ward_ref
spawn_answerer(struct harness *h, const char *id)
{
    return spawn(h, &(ward_spec){.id = id, .behavior = &answerer, .strategy = &always});
}

static ward_ref
spawn_mortal(struct harness *h, const char *id)
{
    return spawn(h, &(ward_spec){.id = id, .behavior = &answerer});
}

/* What came to an ask of the host's. */
struct answer {
    int count;
    int status;
    int64_t number;
};

static ward_next
note(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct answer *a = user;

    (void)ctx;
    a->count++;
    a->status = status;
    if (reply != NULL && ward_message_count(reply) > 0)
        ward_get(reply, &a->number);
    return WARD_SAME;
}

static bool
is_answered(struct harness *h, const void *answer)
{
    (void)h;
    return ((const struct answer *)answer)->count > 0;
}

/* Waits for it, and sees that it comes once. */
static void
assert_answer(struct harness *h, const struct answer *a, int status)
{
    await_true(h, is_answered, a, "the answer");
    settle(h);
    assert_int_equal(a->count, 1);
    assert_result(a->status, status);
}

/* ---- the asked one crashes (row 13) ---- */

static void
ask_that_is_queued_waits_over_a_restart(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_answerer(h, "a");
    struct answer a = {0};

    ward_tell(h->ctx, ref, HANG);
    assert_result(ward_ask_then(h->ctx, ref, DEADLINE_MS, note, &a, ANSWER), 0);
    await_mail(h, HUNG);
    ward_kill(h->ctx, ref);
    assert_answer(h, &a, 0);
    assert_int_equal(a.number, 1);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 1);
}

static void
ask_waits_over_many_restarts(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_answerer(h, "a");

    for (int i = 0; i < 10; i++)
        ward_tell(h->ctx, ref, CRASH);
    assert_int_equal(ask_number(h, ref, ANSWER), 1);
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 10);
}

static void
ask_in_hand_fails_with_the_crash(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_answerer(h, "a");
    struct answer a = {0};

    assert_result(ward_ask_then(h->ctx, ref, WARD_INFINITE, note, &a, CRASH), 0);
    assert_answer(h, &a, -WARD_ECRASHED);
    assert_int_equal(await_letter(h, WARD_LETTER_POISON, "/a")->message.type, CRASH);
}

static void
ask_whose_answer_is_owed_fails_with_the_crash(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_answerer(h, "a");
    struct answer a = {0};

    ward_ask_then(h->ctx, ref, WARD_INFINITE, note, &a, KEEP);
    await_mail(h, KEPT);
    assert_int_equal(a.count, 0);
    ward_tell(h->ctx, ref, CRASH);
    assert_answer(h, &a, -WARD_ECRASHED);
}

static void
ask_of_one_that_ends_fails_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_mortal(h, "a");
    struct answer owed = {0}, queued = {0};

    ward_ask_then(h->ctx, ref, WARD_INFINITE, note, &owed, KEEP);
    ward_tell(h->ctx, ref, STOP);
    ward_ask_then(h->ctx, ref, WARD_INFINITE, note, &queued, ANSWER);
    assert_answer(h, &queued, -WARD_ESTOPPED);
    assert_answer(h, &owed, -WARD_ESTOPPED);
}

static void
ask_of_nobody_fails_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");
    ward_message *reply = NULL;
    struct answer a = {0};

    ward_tell(h->ctx, ref, STOP);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, ANSWER), -WARD_EUNKNOWN);
    assert_result(ward_ask_then(h->ctx, ref, DEADLINE_MS, note, &a, ANSWER),
                  -WARD_EUNKNOWN);
    ward_tell(h->ctx, b, ASK, ref, ANSWER, DEADLINE_MS);
    assert_result(await_mail(h, RESULT)->number, -WARD_EUNKNOWN);
    settle(h);
    assert_int_equal(a.count, 0);
}

static void
ask_that_is_not_handled_fails_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");
    ward_message *reply = NULL;

    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, UNKNOWN_TYPE),
                  -WARD_EUNHANDLED);
    ward_tell(h->ctx, b, ASK, ref, UNKNOWN_TYPE, WARD_INFINITE);
    assert_result(await_mail(h, RESULT)->number, -WARD_EUNHANDLED);
    await_letter(h, WARD_LETTER_UNHANDLED, "/a");
    await_letter(h, WARD_LETTER_UNHANDLED, "/a");
}

static void
ask_of_a_full_worker_fails_at_once_in_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a",
                                         .behavior = &answerer,
                                         .shutdown_ms = WARD_ZERO,
                                         .mailbox = {.messages = 1}});
    ward_ref b = spawn_mortal(h, "b");

    ward_tell(h->ctx, ref, HANG);
    await_mail(h, HUNG);
    assert_result(ward_tell(h->ctx, ref, WORK, 1), 0);
    ward_tell(h->ctx, b, ASK, ref, ANSWER, WARD_INFINITE);
    assert_result(await_mail(h, RESULT)->number, -EAGAIN);
}

/* ---- who answers (rows 13 and 15) ---- */

static void
first_answer_wins_and_the_second_is_late(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_mortal(h, "a");

    assert_int_equal(ask_number(h, ref, ANSWER_TWICE), 1);
    assert_int_equal(await_letter(h, WARD_LETTER_LATE_REPLY, NULL)->message.number, 2);
}

static void
answer_after_the_time_is_late(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &answerer});
    ward_message *reply = NULL;

    const struct record *letter;

    assert_result(ward_ask(h->ctx, ref, &reply, 10, KEEP), -ETIMEDOUT);
    await_mail(h, KEPT);
    ward_tell(h->ctx, ref, REPLY_KEPT);
    letter = await_letter(h, WARD_LETTER_LATE_REPLY, NULL);
    assert_int_equal(letter->message.number, 3);
    assert_string_equal(letter->text, "/a"); /* who answered */
}

/* The record of the first ask is used again for the second. */
static void
late_answer_is_never_that_of_a_later_ask(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_answerer(h, "a"), b = spawn_answerer(h, "b");
    ward_message *reply = NULL;
    struct answer later = {0};

    assert_result(ward_ask(h->ctx, a, &reply, 10, KEEP), -ETIMEDOUT);
    await_mail(h, KEPT);
    assert_result(ward_ask_then(h->ctx, b, WARD_INFINITE, note, &later, KEEP), 0);
    ward_tell(h->ctx, a, REPLY_KEPT);
    await_letter(h, WARD_LETTER_LATE_REPLY, NULL);
    settle(h);
    assert_int_equal(later.count, 0);
    ward_tell(h->ctx, b, REPLY_KEPT);
    assert_answer(h, &later, 0);
}

static void
answer_to_an_incarnation_that_is_gone_is_late(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_answerer(h, "a"), b = spawn_mortal(h, "b");

    ward_tell(h->ctx, a, ASK_THEN_CRASH, b, KEEP, WARD_INFINITE);
    await_mail(h, KEPT);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    ward_tell(h->ctx, b, REPLY_KEPT);
    assert_int_equal(await_letter(h, WARD_LETTER_LATE_REPLY, NULL)->message.number, 3);
    settle(h);
    assert_int_equal(count_mails(h, CALLED), 0);
}

static void
sender_can_be_kept_for_later(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_mortal(h, "a");
    struct answer a = {0};

    ward_ask_then(h->ctx, ref, WARD_INFINITE, note, &a, KEEP);
    ward_tell(h->ctx, ref, REPLY_KEPT);
    assert_answer(h, &a, 0);
    assert_int_equal(a.number, 3);
}

static void
sender_can_be_passed_on(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");
    ward_message *reply = NULL;
    int number = 0;

    assert_result(ward_ask(h->ctx, a, &reply, DEADLINE_MS, PASS_ON, b), 0);
    assert_result(ward_get(reply, &number), 0);
    ward_message_free(reply);
    assert_int_equal(number, 4);
}

static void
told_message_expects_no_answer(void **state)
{
    struct harness *h = *state;

    ward_tell(h->ctx, spawn_mortal(h, "a"), REPLY_TO_NOBODY);
    assert_result(await_mail(h, RESULT)->number, -WARD_EUNKNOWN);
    assert_result(ward_reply(h->ctx, 1), -EINVAL);
}

/* ---- asks of workers (row 14) ---- */

static void
other_messages_wait_while_a_worker_asks(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");
    const struct mail *result;

    ward_tell(h->ctx, a, ASK, b, KEEP, WARD_INFINITE);
    ward_tell(h->ctx, a, WORK, 1);
    await_mail(h, KEPT);
    assert_int_equal(count_mails(h, HANDLED), 0);
    ward_tell(h->ctx, b, REPLY_KEPT);
    result = await_mail(h, RESULT);
    assert_result(result->number, 0);
    assert_true(result->order < await_mail(h, HANDLED)->order);
}

static void
ask_of_a_worker_times_out(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");

    ward_tell(h->ctx, a, ASK, b, KEEP, 20);
    assert_result(await_mail(h, RESULT)->number, -ETIMEDOUT);
    ward_tell(h->ctx, a, ASK_THEN, b, KEEP, 20);
    assert_result(await_mail(h, CALLED)->number, -ETIMEDOUT);
}

static void
ask_of_a_worker_fails_with_the_crash_of_the_other(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_answerer(h, "b");

    ward_tell(h->ctx, a, ASK, b, CRASH, WARD_INFINITE);
    assert_result(await_mail(h, RESULT)->number, -WARD_ECRASHED);
    ward_tell(h->ctx, a, ASK, b, STOP, WARD_INFINITE);
    assert_result(await_mail(h, RESULT)->number, -WARD_ESTOPPED);
    assert_no_event(h, WARD_EVENT_FAILED, "/a");
}

static void
worker_that_asks_itself_is_a_deadlock(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a");

    ward_tell(h->ctx, a, RING, a, a, a);
    assert_result(await_mail(h, RESULT)->number, -EDEADLK);
}

static void
workers_that_ask_in_a_ring_are_a_deadlock(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b"), c = spawn_mortal(h, "c");
    const struct mail *m;

    ward_tell(h->ctx, a, RING, b, c, a);
    m = await_mail(h, RESULT); /* of c, who would have closed it; the others go on */
    assert_string_equal(m->text, "/c");
    assert_result(m->number, -EDEADLK);
    assert_result(await_mail(h, RESULT)->number, 0);
    assert_result(await_mail(h, RESULT)->number, 0);
    ward_tell(h->ctx, a, RING, b, a, b);
    m = await_mail(h, RESULT);
    assert_string_equal(m->text, "/b");
    assert_result(m->number, -EDEADLK);
    assert_result(await_mail(h, RESULT)->number, 0);
}

static void
stop_cancels_the_ask_of_a_worker(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");

    ward_tell(h->ctx, a, ASK, b, KEEP, WARD_INFINITE);
    await_mail(h, KEPT);
    ward_stop(h->ctx, a);
    assert_result(await_mail(h, RESULT)->number, -ECANCELED);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_STOPPED);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
callback_of_a_worker_comes_between_messages(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");
    const struct mail *handled;

    ward_tell(h->ctx, a, ASK_THEN, b, KEEP, WARD_INFINITE);
    ward_tell(h->ctx, a, WORK, 1); /* is not waiting for the answer */
    handled = await_mail(h, HANDLED);
    await_mail(h, KEPT);
    ward_tell(h->ctx, b, REPLY_KEPT);
    assert_true(handled->order < await_mail(h, CALLED)->order);
}

static void
callback_of_a_worker_returns_as_receive_does(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_mortal(h, "a"), b = spawn_mortal(h, "b");

    ward_tell(h->ctx, a, ASK_THEN_STOP, b, ANSWER, WARD_INFINITE);
    assert_result(await_mail(h, CALLED)->number, 0);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_NORMAL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(ask_that_is_queued_waits_over_a_restart),
        TEST(ask_waits_over_many_restarts),
        TEST(ask_in_hand_fails_with_the_crash),
        TEST(ask_whose_answer_is_owed_fails_with_the_crash),
        TEST(ask_of_one_that_ends_fails_at_once),
        TEST(ask_of_nobody_fails_at_once),
        TEST(ask_that_is_not_handled_fails_at_once),
        TEST(ask_of_a_full_worker_fails_at_once_in_a_worker),
        TEST(first_answer_wins_and_the_second_is_late),
        TEST(answer_after_the_time_is_late),
        TEST(late_answer_is_never_that_of_a_later_ask),
        TEST(answer_to_an_incarnation_that_is_gone_is_late),
        TEST(sender_can_be_kept_for_later),
        TEST(sender_can_be_passed_on),
        TEST(told_message_expects_no_answer),
        TEST(other_messages_wait_while_a_worker_asks),
        TEST(ask_of_a_worker_times_out),
        TEST(ask_of_a_worker_fails_with_the_crash_of_the_other),
        TEST(worker_that_asks_itself_is_a_deadlock),
        TEST(workers_that_ask_in_a_ring_are_a_deadlock),
        TEST(stop_cancels_the_ask_of_a_worker),
        TEST(callback_of_a_worker_comes_between_messages),
        TEST(callback_of_a_worker_returns_as_receive_does),
    };

    return harness_main("asks", tests, sizeof tests / sizeof tests[0]);
}

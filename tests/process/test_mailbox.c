/* Bounds of mailboxes and of messages. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORK, HANG, FORWARD, BIG, GET_SIZE, FLOOD, RELEASE, ASK_FULL, NOTHING };
enum { HANDLED = 100, HANGING, RESULT };

static ward_next
hang(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), HANGING);
    ward_flush(ctx);
    for (;;)
        pause();
    return WARD_SAME;
}

/* Waits for a byte on the descriptor it was started with. */
static ward_next
wait_for_release(ward_ctx *ctx)
{
    char byte;

    ward_tell(ctx, host_of(ctx), HANGING);
    ward_flush(ctx);
    return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
}

static ward_next
send_big(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    uint32_t size;
    char *big;
    int result;

    if (ward_get(msg, &to, &size) < 0)
        return WARD_UNHANDLED;
    big = calloc(1, size);
    result = ward_tell(ctx, to, BIG, ((ward_bytes){big, size}));
    free(big);
    return ward_reply(ctx, result);
}

static ward_next
flood(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int count, result = 0;

    if (ward_get(msg, &to, &count) < 0)
        return WARD_UNHANDLED;
    for (int i = 0; i < count && result == 0; i++)
        result = ward_tell(ctx, to, WORK, i);
    return ward_tell(ctx, host_of(ctx), RESULT, result);
}

static ward_next
ask_full(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    ward_ref to;

    if (ward_get(msg, &to) < 0)
        return WARD_UNHANDLED;
    return ward_reply(ctx, ward_ask(ctx, to, &reply, 2000, WORK, 0));
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_bytes bytes;
    int64_t number;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, number);
    case HANG:
        return hang(ctx);
    case NOTHING:
        return WARD_SAME;
    case RELEASE:
        return wait_for_release(ctx);
    case FORWARD:
        return send_big(ctx, msg);
    case FLOOD:
        return flood(ctx, msg);
    case ASK_FULL:
        return ask_full(ctx, msg);
    case BIG:
        if (ward_get(msg, &bytes) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, bytes.size);
    }
    return WARD_UNHANDLED;
}

static const ward_behavior actor = {.name = "actor", .receive = receive};
WARD_REGISTER(actor);

static ward_ref
spawn_hanging(struct harness *h, ward_mailbox_options mailbox)
{
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .mailbox = mailbox});

    assert_result(ward_tell(h->ctx, ref, HANG), 0);
    await_mail(h, HANGING);
    return ref;
}

static void
full_mailbox_is_an_error_to_the_host(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hanging(h, (ward_mailbox_options){.messages = 3});

    for (int i = 0; i < 3; i++)
        assert_result(ward_tell(h->ctx, ref, WORK, i), 0);
    assert_result(ward_tell(h->ctx, ref, WORK, 3), -EAGAIN);
    assert_result(ward_tell(h->ctx, ref, WORK, 4), -EAGAIN);
    assert_result(ward_mailbox_count(h->sys, ref), 4); /* with the one in hand */
    ward_kill(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(count_letters(h, WARD_LETTER_STOPPED, "/a"), 3);
    assert_int_equal(count_letters(h, WARD_LETTER_MAILBOX_FULL, NULL), 0);
}

static void
bytes_are_a_bound_too(void **state)
{
    enum { SIZE = 1000, LIMIT = 10000 };
    static const char bytes[SIZE];
    struct harness *h = *state;
    ward_ref ref = spawn_hanging(h, (ward_mailbox_options){.bytes = LIMIT});
    int count = 0, result;

    while ((result = ward_tell(h->ctx, ref, BIG, ((ward_bytes){bytes, SIZE}))) == 0)
        count++;
    assert_result(result, -EAGAIN);
    assert_in_range(count, 8, 9);
    ward_kill(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static void
default_bound_is_16_mib(void **state)
{
    enum { SIZE = 1 << 20 };
    static const char bytes[SIZE];
    struct harness *h = *state;
    ward_ref ref = spawn_hanging(h, (ward_mailbox_options){0});
    int count = 0, result;

    while ((result = ward_tell(h->ctx, ref, BIG, ((ward_bytes){bytes, SIZE}))) == 0)
        count++;
    assert_result(result, -EAGAIN);
    assert_int_equal(count, 15); /* and their envelopes */
    ward_kill(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static bool
has_room(struct harness *h, const void *arg)
{
    (void)arg;
    return h->room_count > 0;
}

static void
on_room_says_when_to_go_on(void **state)
{
    struct harness *h = *state;
    int ends[2];
    ward_ref ref;

    assert_int_equal(pipe(ends), 0);
    ref = spawn(h, &(ward_spec){.id = "a",
                                .behavior = &actor,
                                .fds = ends,
                                .fd_count = 1,
                                .mailbox = {.messages = 2}});
    assert_result(ward_tell(h->ctx, ref, RELEASE), 0);
    await_mail(h, HANGING);
    assert_result(ward_tell(h->ctx, ref, WORK, 0), 0);
    assert_result(ward_tell(h->ctx, ref, WORK, 1), 0);
    assert_result(ward_tell(h->ctx, ref, WORK, 2), -EAGAIN);
    assert_result(ward_tell(h->ctx, ref, WORK, 2), -EAGAIN);
    assert_int_equal(h->room_count, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    await_true(h, has_room, NULL, "on_room");
    assert_true(ward_ref_equal(h->room, ref));
    assert_result(ward_tell(h->ctx, ref, WORK, 2), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(await_mail(h, HANDLED)->number, i);
    settle(h);
    assert_int_equal(h->room_count, 1); /* once, for both */
    close(ends[0]);
    close(ends[1]);
}

/* Until the actor has just finished its last message: it may not have said so yet. */
static void
wait_until_done(struct harness *h, const ward_event *event)
{
    const ward_ref *ref = h->user;

    while (event->kind == WARD_EVENT_DEAD_LETTER && ward_mailbox_count(h->sys, *ref) > 0)
        continue;
}

/* "Until nothing is queued and the callbacks due have been called": then there is room. */
static void
settle_does_not_return_before_on_room(void **state)
{
    struct harness *h = *state;
    static const ward_ref nobody = {7, 7};
    ward_ref ref = spawn_up(
        h, &(ward_spec){.id = "a", .behavior = &actor, .mailbox = {.messages = 1}});

    h->on_event = wait_until_done;
    h->user = &ref;
    for (unsigned i = 1; i <= 2000; i++) {
        assert_result(ward_tell(h->ctx, nobody, WORK), -WARD_EUNKNOWN);
        while (ward_tell(h->ctx, ref, NOTHING) == 0)
            continue;
        settle(h);
        assert_int_equal(h->room_count, i);
    }
    h->user = NULL;
}

static void
full_mailbox_makes_dead_letters_or_waits_for_a_worker(void **state)
{
    enum { COUNT = 200 };
    struct harness *h = *state;
    ward_ref ref = spawn_hanging(h, (ward_mailbox_options){.messages = 10});
    ward_ref other = spawn(h, &(ward_spec){.id = "b", .behavior = &actor});
    size_t full;

    ward_tell(h->ctx, other, FLOOD, ref, COUNT);
    await_mail(h, RESULT);
    linger(h, 100);
    full = count_letters(h, WARD_LETTER_MAILBOX_FULL, NULL);
    ward_kill(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    /* Nothing is lost without a word: each is a dead letter. */
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), COUNT + 1);
    assert_true(full <= COUNT - 10);
}

static void
ask_of_a_full_actor_fails_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_hanging(h, (ward_mailbox_options){.messages = 1});
    ward_ref other = spawn(h, &(ward_spec){.id = "b", .behavior = &actor});
    ward_message *reply = NULL;
    int64_t start = now_ms();
    int result = 0;

    assert_result(ward_tell(h->ctx, ref, WORK, 0), 0);
    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, WORK, 1), -EAGAIN);
    assert_result(ward_ask(h->ctx, other, &reply, DEADLINE_MS, ASK_FULL, ref), 0);
    assert_result(ward_get(reply, &result), 0);
    ward_message_free(reply);
    assert_result(result, -EAGAIN);
    assert_in_range(now_ms() - start, 0, 1900);
    ward_kill(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static void
message_over_the_frame_limit_is_refused(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &actor});
    size_t size = 4 << 20;
    char *big = calloc(1, size);
    ward_message *reply = NULL;
    int result = 0;

    assert_result(ward_tell(h->ctx, ref, BIG, ((ward_bytes){big, size})), -EMSGSIZE);
    assert_result(ward_tell(h->ctx, ref, BIG, ((ward_bytes){big, size - 200})), 0);
    assert_int_equal(await_mail(h, HANDLED)->number, size - 200);
    free(big);
    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, FORWARD, ref, size), 0);
    assert_result(ward_get(reply, &result), 0);
    ward_message_free(reply);
    assert_result(result, -EMSGSIZE);
    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, FORWARD, ref, size - 200),
                  0);
    assert_result(ward_get(reply, &result), 0);
    ward_message_free(reply);
    assert_result(result, 0);
    assert_int_equal(await_mail(h, HANDLED)->number, size - 200);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
frame_limit_is_an_option(void **state)
{
    static const char bytes[8192];
    struct harness *h = *state;
    ward_system_options options = harness_options(h, NULL);
    ward_system *other = NULL;
    ward_ref ref;

    options.frame_bytes = 4095;
    assert_result(ward_system_new(&other, &options), -EINVAL);
    options.frame_bytes = (64 << 20) + 1;
    assert_result(ward_system_new(&other, &options), -EINVAL);
    assert_null(other);
    harness_reopen(h, &(ward_system_options){.frame_bytes = 4096});
    ref = spawn(h, &(ward_spec){.id = "a", .behavior = &actor});
    assert_result(ward_tell(h->ctx, ref, BIG, ((ward_bytes){bytes, 4096})), -EMSGSIZE);
    assert_result(ward_tell(h->ctx, ref, BIG, ((ward_bytes){bytes, 3900})), 0);
    assert_int_equal(await_mail(h, HANDLED)->number, 3900);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(full_mailbox_is_an_error_to_the_host),
        TEST(bytes_are_a_bound_too),
        TEST(default_bound_is_16_mib),
        TEST(on_room_says_when_to_go_on),
        TEST(settle_does_not_return_before_on_room),
        TEST(full_mailbox_makes_dead_letters_or_waits_for_a_worker),
        TEST(ask_of_a_full_actor_fails_at_once),
        TEST(message_over_the_frame_limit_is_refused),
        TEST(frame_limit_is_an_option),
    };

    return harness_main("mailbox", tests, sizeof tests / sizeof tests[0]);
}

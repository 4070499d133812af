/* Large messages: the limit is each actor's own, and what is small does not wait for long. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE, SEND, PING, BIG };
enum { SENT = 100 };
enum { MOST = 64 << 20, ENVELOPE = 100 };

static ward_next
send(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    uint64_t size;
    char *bytes;
    int result;

    if (ward_get(msg, &to, &size) < 0)
        return WARD_UNHANDLED;
    bytes = calloc(1, size);
    if (bytes == NULL)
        return -ENOMEM;
    result = ward_tell(ctx, to, BIG, ((ward_bytes){bytes, size}));
    free(bytes);
    return ward_tell(ctx, host_of(ctx), SENT, result);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_bytes bytes;

    switch (ward_message_type(msg)) {
    case SIZE:
        if (ward_get(msg, &bytes) < 0)
            return WARD_UNHANDLED;
        return ward_reply(ctx, bytes.size);
    case SEND:
        return send(ctx, msg);
    case PING:
        return ward_reply(ctx, 1);
    case BIG:
        return WARD_SAME;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior porter = {.name = "porter", .receive = receive};
WARD_REGISTER(porter);

static ward_ref
spawn_porter(struct harness *h, const char *id, int64_t frame_bytes)
{
    return spawn_up(h, &(ward_spec){.id = id,
                                    .behavior = &porter,
                                    .frame_bytes = frame_bytes,
                                    .mailbox = {.bytes = WARD_INFINITE}});
}

/* What an ask that carries so many bytes comes to: their number, or a code. */
static int64_t
ask_size(struct harness *h, ward_ref ref, size_t size)
{
    char *bytes = calloc(1, size);
    ward_message *reply = NULL;
    int64_t found = 0;
    int result =
        ward_ask(h->ctx, ref, &reply, DEADLINE_MS, SIZE, ((ward_bytes){bytes, size}));

    free(bytes);
    if (result < 0)
        return result;
    assert_result(ward_get(reply, &found), 0);
    ward_message_free(reply);
    return found;
}

static void
the_limit_of_a_message_is_the_actors_own(void **state)
{
    struct harness *h = *state;
    ward_ref small = spawn_porter(h, "small", 4096);
    ward_ref usual = spawn_porter(h, "usual", 0);
    ward_ref large = spawn_porter(h, "large", MOST);

    assert_int_equal(ask_size(h, small, 4096 - ENVELOPE), 4096 - ENVELOPE);
    assert_int_equal(ask_size(h, small, 4096), -EMSGSIZE);
    assert_int_equal(ask_size(h, usual, (4 << 20) - ENVELOPE), (4 << 20) - ENVELOPE);
    assert_int_equal(ask_size(h, usual, 4 << 20), -EMSGSIZE);
    assert_int_equal(ask_size(h, large, MOST - ENVELOPE), MOST - ENVELOPE);
    assert_int_equal(ask_size(h, large, MOST), -EMSGSIZE);
}

static void
a_sender_keeps_to_its_own_limit_and_a_receiver_to_its(void **state)
{
    struct harness *h = *state;
    ward_ref small = spawn_porter(h, "small", 4096);
    ward_ref large = spawn_porter(h, "large", MOST);

    assert_result(ward_tell(h->ctx, small, SEND, large, (uint64_t)5000), 0);
    assert_int_equal(await_mail(h, SENT)->number, -EMSGSIZE);
    assert_result(ward_tell(h->ctx, large, SEND, small, (uint64_t)5000), 0);
    assert_int_equal(await_mail(h, SENT)->number, 0);
    await_letter(h, WARD_LETTER_UNDECODABLE, "/small");
    assert_result(ward_tell(h->ctx, large, SEND, large, (uint64_t)(MOST - ENVELOPE)), 0);
    assert_int_equal(await_mail(h, SENT)->number, 0);
    settle(h);
}

static void
a_wrong_limit_is_named(void **state)
{
    struct harness *h = *state;
    ward_spec spec = {.id = "a", .behavior = &porter, .frame_bytes = 4095};
    ward_ref ref;

    assert_result(ward_spawn(h->ctx, &ref, &spec), -EINVAL);
    assert_non_null(strstr(ward_spec_error(&spec), "frame_bytes"));
    spec.frame_bytes = MOST + 1;
    assert_result(ward_spawn(h->ctx, &ref, &spec), -EINVAL);
}

/* Others are asked while large messages are under way, which nobody takes out just then, and a stop
 * overtakes them. */
static void
large_messages_hold_up_neither_others_nor_a_stop(void **state)
{
    enum { MESSAGES = 16 };
    struct harness *h = *state;
    ward_ref large = spawn_porter(h, "large", MOST);
    ward_ref other = spawn_porter(h, "other", 0);
    pid_t pid = (pid_t)ward_process_id(h->sys, large);
    char *bytes = calloc(1, 16 << 20);
    size_t letters;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    for (int i = 0; i < MESSAGES; i++)
        assert_result(ward_tell(h->ctx, large, BIG, ((ward_bytes){bytes, 16 << 20})), 0);
    free(bytes);
    assert_int_equal(ask_number(h, other, PING), 1);
    assert_true(ward_mailbox_count(h->sys, large) > MESSAGES / 2);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_result(ward_stop(h->ctx, large), 0);
    await_event(h, WARD_EVENT_STOPPED, "/large");
    letters = count_letters(h, WARD_LETTER_STOPPED, "/large");
    assert_in_range(letters, 1, MESSAGES);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(the_limit_of_a_message_is_the_actors_own),
        TEST(a_sender_keeps_to_its_own_limit_and_a_receiver_to_its),
        TEST(a_wrong_limit_is_named),
        TEST(large_messages_hold_up_neither_others_nor_a_stop),
    };

    return harness_main("large", tests, sizeof tests / sizeof tests[0]);
}

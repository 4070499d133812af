/* Ten thousand messages in flight, and one of them kills: the others are handled, once each. */
#include "harness.h"

#include <signal.h>
#include <unistd.h>

enum { CRASH_AT, RAISE_AT, HANG_AT };
enum { HANDLED = 100, HUNG };
enum { MESSAGES = 10000, FATAL = 5000 };

static ward_next
die(ward_ctx *ctx, int64_t how)
{
    if (how == CRASH_AT)
        return *(volatile int *)0;
    if (how == RAISE_AT)
        return ward_raise(ctx, "Error", "number %d", FATAL);
    ward_tell(ctx, host_of(ctx), HUNG, (int64_t)getpid());
    ward_flush(ctx);
    for (;;)
        pause();
    return WARD_SAME;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;
    int result;

    if (ward_get(msg, &number) < 0)
        return WARD_UNHANDLED;
    result = ward_tell(ctx, host_of(ctx), HANDLED, number);
    return number == FATAL ? die(ctx, ward_message_type(msg)) : result;
}

static const ward_behavior counter = {.name = "counter", .receive = receive};
WARD_REGISTER(counter);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static void
tell_all(struct harness *h, ward_ref ref, int64_t type)
{
    for (int i = 0; i < MESSAGES; i++)
        assert_result(ward_tell(h->ctx, ref, type, i, "number"), 0);
}

/* The bytes are those that a builder makes of the same values. */
static void
assert_poison(struct harness *h, int64_t type)
{
    const struct record *r = await_letter(h, WARD_LETTER_POISON, "/a");
    ward_builder *b = ward_builder_new();
    const unsigned char *bytes;
    ward_bytes sent;

    assert_int_equal(ward_add(b, FATAL, "number"), 0);
    sent = ward_builder_bytes(b);
    assert_int_equal(r->message.type, type);
    bytes = r->message.raw.data;
    assert_int_equal(r->message.raw.size, sent.size + 1);
    assert_int_equal(bytes[0], 0x92); /* an array of two */
    assert_memory_equal(bytes + 1, sent.data, sent.size);
    ward_builder_free(b);
}

/* `published` is what the fatal one said before it was killed. */
static void
assert_all_handled_once_in_order(struct harness *h, int64_t type, bool published)
{
    int64_t expected = 0;

    settle(h);
    assert_poison(h, type);
    for (size_t i = 0; i < h->mail_count; i++) {
        if (h->mails[i].type != HANDLED)
            continue;
        expected += expected == FATAL && !published;
        assert_int_equal(h->mails[i].number, expected);
        expected++;
    }
    assert_int_equal(expected, MESSAGES);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 1);
}

static ward_ref
spawn_counter(struct harness *h)
{
    return spawn(h, &(ward_spec){.id = "a", .behavior = &counter, .strategy = &always});
}

static void
crash_costs_exactly_the_message_in_hand(void **state)
{
    tell_all(*state, spawn_counter(*state), CRASH_AT);
    assert_all_handled_once_in_order(*state, CRASH_AT, false);
}

static void
raise_costs_exactly_the_message_in_hand(void **state)
{
    tell_all(*state, spawn_counter(*state), RAISE_AT);
    assert_all_handled_once_in_order(*state, RAISE_AT, false);
}

static void
outsiders_kill_costs_exactly_the_message_in_hand(void **state)
{
    struct harness *h = *state;

    tell_all(h, spawn_counter(h), HANG_AT);
    assert_int_equal(kill((pid_t)await_mail(h, HUNG)->number, SIGKILL), 0);
    assert_all_handled_once_in_order(h, HANG_AT, true);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(crash_costs_exactly_the_message_in_hand),
        TEST(raise_costs_exactly_the_message_in_hand),
        TEST(outsiders_kill_costs_exactly_the_message_in_hand),
    };

    return harness_main("exactness", tests, sizeof tests / sizeof tests[0]);
}

/* Bugs that were: each test failed before its mending. */
#include "harness.h"

#include <errno.h>

enum { WORK, RAISE, RETURN_ERROR, CRASH };
enum { HANDLED = 100 };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, number);
    case RAISE:
        return ward_raise(ctx, "Error", "on purpose");
    case RETURN_ERROR:
        return -EDOM;
    case CRASH:
        return *(volatile int *)0;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior actor = {.name = "actor", .receive = receive};
WARD_REGISTER(actor);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static void
assert_usage(struct harness *h, int64_t type)
{
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .strategy = &always});
    const struct record *r;

    ward_tell(h->ctx, ref, type);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_true(r->failure.max_rss_kb > 0);
    assert_true(r->failure.user_us + r->failure.system_us > 0);
}

static void
record_of_a_raise_says_what_was_used(void **state)
{
    assert_usage(*state, RAISE);
}

static void
record_of_an_error_says_what_was_used(void **state)
{
    assert_usage(*state, RETURN_ERROR);
}

static void
poison_letter_says_which_attempt_it_was(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(
        h,
        &(ward_spec){.id = "a", .behavior = &actor, .strategy = &always, .redeliver = 2});

    ward_tell(h->ctx, ref, CRASH);
    assert_int_equal(await_letter(h, WARD_LETTER_POISON, "/a")->message.attempt, 2);
}

/* The harness waits with poll on ward_system_fd and ward_system_dispatch only. */
static void
own_loop_sees_a_series_of_restarts(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(
        h, &(ward_spec){
               .id = "a", .behavior = &actor, .strategy = &always, .redeliver = 50});

    ward_tell(h->ctx, ref, CRASH);
    await_letter(h, WARD_LETTER_POISON, "/a");
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 51);
}

static bool
has_room(struct harness *h, const void *arg)
{
    (void)arg;
    return h->room_count > 0;
}

/* A mailbox of one, always full or empty: each -EAGAIN must be followed by an on_room. */
static void
host_can_live_on_on_room_alone(void **state)
{
    enum { COUNT = 500 };
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .mailbox = {.messages = 1}});
    int sent = 0;

    while (sent < COUNT) {
        int result = ward_tell(h->ctx, ref, WORK, sent);
        if (result == 0) {
            sent++;
            continue;
        }
        assert_result(result, -EAGAIN);
        await_true(h, has_room, NULL, "on_room");
        h->room_count = 0;
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(await_mail(h, HANDLED)->number, i);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(record_of_a_raise_says_what_was_used),
        TEST(record_of_an_error_says_what_was_used),
        TEST(poison_letter_says_which_attempt_it_was),
        TEST(own_loop_sees_a_series_of_restarts),
        TEST(host_can_live_on_on_room_alone),
    };

    return harness_main("regressions", tests, sizeof tests / sizeof tests[0]);
}

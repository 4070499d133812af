/* The host's own mailbox, and how many actors there may be. */
#include "harness.h"

#include <errno.h>

enum { ASK_HOST, TELL_HOST, TALLY };
enum { ASKED = 100, NUMBER };

struct asker {
    int64_t answered, refused, other;
};

static ward_next
count(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct asker *self = ward_state(ctx);

    (void)reply;
    (void)user;
    self->answered += status == 0;
    self->refused += status == -EAGAIN;
    self->other += status != 0 && status != -EAGAIN;
    return WARD_SAME;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    const struct asker *self = ward_state(ctx);
    int64_t times = 0;

    if (ward_message_type(msg) == TALLY)
        return ward_reply(ctx, self->answered, self->refused, self->other);
    if (ward_get(msg, &times) < 0)
        return WARD_UNHANDLED;
    for (int64_t i = 0; i < times; i++)
        if (ward_message_type(msg) == ASK_HOST)
            ward_ask_then(ctx, host_of(ctx), DEADLINE_MS, count, NULL, ASKED);
        else
            ward_tell(ctx, host_of(ctx), NUMBER, i);
    return WARD_SAME;
}

static const ward_behavior asker = {
    .name = "asker", .state_size = sizeof(struct asker), .receive = receive};
WARD_REGISTER(asker);

static const ward_spec brood_of[] = {{.id = "child", .behavior = &asker}, {0}};
static const ward_supervisor brood = {
    .group = WARD_SIMPLE_ONE_FOR_ONE, .intensity = 1000, .children = brood_of};
WARD_REGISTER(brood);

/* ---- the host's mailbox ---- */

static void
answer(struct harness *h, const ward_message *msg)
{
    if (ward_message_type(msg) == ASKED)
        ward_reply(h->ctx, 1);
}

/* Each ask of a worker ends once: so many with an answer. */
static void
ask_a_full_host(struct harness *h, ward_when_full when_full, int64_t answered)
{
    enum { ASKS = 20, ROOM = 3 };
    size_t before = count_mails(h, ASKED);
    ward_message *reply = NULL;
    int64_t got, refused, other;
    ward_ref a;

    harness_reopen(
        h, &(ward_system_options){.mailbox = {.messages = ROOM, .when_full = when_full}});
    h->on_mail = answer;
    a = spawn_up(h, &(ward_spec){.id = "a", .behavior = &asker});
    assert_result(ward_tell(h->ctx, a, ASK_HOST, ASKS), 0);
    do /* which calls nothing back */
        assert_result(ward_wait_down(h->sys, a, 200), -ETIMEDOUT);
    while (ward_mailbox_count(h->sys, a) > 0);
    assert_result(ward_wait_down(h->sys, a, 200), -ETIMEDOUT);
    settle(h);
    assert_result(ward_ask(h->ctx, a, &reply, DEADLINE_MS, TALLY), 0);
    assert_result(ward_get(reply, &got, &refused, &other), 0);
    ward_message_free(reply);
    assert_int_equal(got, answered);
    assert_int_equal(refused, ASKS - answered);
    assert_int_equal(other, 0);
    assert_int_equal(count_mails(h, ASKED) - before, answered);
}

static void
asks_to_a_full_host_end_once(void **state)
{
    ask_a_full_host(*state, WARD_REJECT, 3);
    ask_a_full_host(*state, WARD_DROP_NEW, 3);
    ask_a_full_host(*state, WARD_DROP_OLDEST, 3);
    ask_a_full_host(*state, WARD_WAIT, 20); /* as far as its credit goes */
}

/* What is told while a callback runs drops what waits, never what the callback has. */
static void
a_host_with_threads_drops_the_oldest_in_order(void **state)
{
    enum { TOLD = 20000, ROOM = 4 };
    struct harness *h = *state;
    int64_t last = -1;
    ward_ref a;

    harness_reopen(h, &(ward_system_options){
                          .threaded = true,
                          .mailbox = {.messages = ROOM, .when_full = WARD_DROP_OLDEST}});
    a = spawn_up(h, &(ward_spec){.id = "a", .behavior = &asker});
    assert_result(ward_tell(h->ctx, a, TELL_HOST, TOLD), 0);
    settle(h);
    assert_true(count_mails(h, NUMBER) >= ROOM);
    assert_int_equal(count_mails(h, NUMBER) + ward_mailbox_dropped(h->sys, h->self),
                     TOLD);
    for (size_t i = 0; i < h->mail_count; i++) {
        assert_true(h->mails[i].number > last);
        last = h->mails[i].number;
    }
    assert_int_equal(last, TOLD - 1);
}

/* A host that does not listen can be told though other mailboxes are full. */
static void
full_mailboxes_of_others_do_not_keep_workers_from_the_host(void **state)
{
    struct harness *h = *state;
    ward_ref a, b;

    harness_reopen(
        h, &(ward_system_options){.mailbox_bytes = 500, .credit = {.messages = 10}});
    a = spawn_up(h, &(ward_spec){.id = "a", .behavior = &asker});
    b = spawn_up(h, &(ward_spec){.id = "b", .behavior = &asker});
    assert_result(ward_tell(h->ctx, a, TELL_HOST, 200), 0);
    while (ward_tell(h->ctx, b, TELL_HOST, 0) == 0)
        continue; /* nothing is read before the next turn */
    settle(h);
    assert_int_equal(count_mails(h, NUMBER), 200);
}

/* ---- how many actors ---- */

enum { MOST = 4, LIVES = 120 };

/* Under `above`, or of the host where it is nobody's. */
static int
begin(struct harness *h, ward_ref above, ward_ref *ref)
{
    if (above.id != 0)
        return ward_start_child(h->ctx, above, &(ward_spec){.id = NULL}, ref);
    return ward_spawn(
        h->ctx, ref,
        &(ward_spec){.id = "x", .behavior = &asker, .restart = WARD_TEMPORARY});
}

static void
end(struct harness *h, ward_ref ref, int i)
{
    if (i % 3 == 0)
        assert_result(ward_kill(h->ctx, ref), 0);
    else if (i % 3 == 1)
        assert_result(ward_restart(h->ctx, ref), 0);
    ward_wait_up(h->sys, ref, DEADLINE_MS); /* or it has ended */
    ward_stop(h->ctx, ref);
    assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
}

static void
live_and_die(struct harness *h, ward_ref above)
{
    for (int i = 0; i < LIVES; i++) {
        ward_ref ref;
        assert_result(begin(h, above, &ref), 0);
        if (i % 2 == 0)
            assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
        end(h, ref, i);
    }
}

static void
the_number_of_actors_is_exact_after_many_lives(void **state)
{
    struct harness *h = *state;
    ward_ref above, ref;

    harness_reopen(h, &(ward_system_options){.max_actors = MOST});
    assert_result(
        ward_spawn(h->ctx, &above, &(ward_spec){.id = "above", .supervisor = &brood}), 0);
    assert_result(ward_wait_up(h->sys, above, DEADLINE_MS), 0);
    live_and_die(h, (ward_ref){0, 0});
    live_and_die(h, above);
    for (int i = 1; i < MOST; i++)
        assert_result(begin(h, above, &ref), 0);
    assert_result(begin(h, above, &ref), -ENOBUFS);
    assert_result(begin(h, (ward_ref){0, 0}, &ref), -ENOBUFS);
    assert_result(ward_stop(h->ctx, above), 0);
    assert_result(ward_wait_down(h->sys, above, DEADLINE_MS), 0);
    for (int i = 0; i < MOST; i++) {
        const char id[] = {(char)('a' + i), '\0'};
        spawn_up(h, &(ward_spec){.id = id, .behavior = &asker});
    }
    assert_result(begin(h, (ward_ref){0, 0}, &ref), -ENOBUFS);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(asks_to_a_full_host_end_once),
        TEST(a_host_with_threads_drops_the_oldest_in_order),
        TEST(full_mailboxes_of_others_do_not_keep_workers_from_the_host),
        TEST(the_number_of_actors_is_exact_after_many_lives),
    };

    return harness_main("flow host", tests, sizeof tests / sizeof tests[0]);
}

/* What holds while the host waits for an answer. */
#include <errno.h>

#include "harness.h"

enum { ANSWER, TELL_AND_ANSWER, WORK };
enum { TOLD = 100, HANDLED };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    if (ward_message_type(msg) == WORK)
        return ward_tell(ctx, ward_parent(ctx), HANDLED);
    if (ward_message_type(msg) == TELL_AND_ANSWER)
        ward_tell(ctx, ward_parent(ctx), TOLD);
    return ward_reply(ctx, 1);
}

static const ward_behavior answerer = {.name = "answerer", .receive = receive};
WARD_REGISTER(answerer);

static void
callbacks_wait_while_the_host_asks(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &answerer});

    assert_int_equal(ask_number(h, ref, TELL_AND_ANSWER), 1);
    assert_int_equal(count_mails(h, TOLD), 0);
    await_mail(h, TOLD);
}

static void
ask_in_a_callback(struct harness *h, const ward_message *msg)
{
    ward_message *reply = NULL;

    (void)msg;
    *(int *)h->user = ward_ask(h->ctx, find(h, "/a"), &reply, DEADLINE_MS, ANSWER);
}

static void
host_that_asks_in_a_callback_or_itself_is_a_deadlock(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &answerer});
    ward_message *reply = NULL;
    int result = 0;

    h->on_mail = ask_in_a_callback;
    h->user = &result;
    ward_tell(h->ctx, ref, WORK, 1);
    await_mail(h, HANDLED);
    assert_result(result, -EDEADLK);
    assert_result(ward_ask(h->ctx, h->self, &reply, DEADLINE_MS, ANSWER), -EDEADLK);
    assert_result(ward_ask(h->ctx, ref, &reply, WARD_INFINITE, ANSWER), -EINVAL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(callbacks_wait_while_the_host_asks),
        TEST(host_that_asks_in_a_callback_or_itself_is_a_deadlock),
    };

    return harness_main("host_asks", tests, sizeof tests / sizeof tests[0]);
}

/* What holds while the host waits for an answer. */
#include <errno.h>
#include <stdlib.h>

#include "harness.h"
#include "ipc/clock.h"

enum { ANSWER, TELL_AND_ANSWER, WORK, SILENCE };
enum { TOLD = 100, HANDLED };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    if (ward_message_type(msg) == WORK)
        return ward_tell(ctx, ward_parent(ctx), HANDLED);
    if (ward_message_type(msg) == SILENCE)
        return WARD_SAME;
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

static void
ask_waits_for_all_of_its_time(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &answerer});
    ward_message *reply = NULL;

    for (int round = 0; round < 60; round++) {
        int timeout_ms = 1 + round % 3;
        int64_t begun = ward__clock_us();
        assert_result(ward_ask(h->ctx, ref, &reply, timeout_ms, SILENCE), -ETIMEDOUT);
        assert_true(ward__clock_us() - begun >= 1000 * timeout_ms);
    }
}

/* Asks, again and again, until it has done so often enough. */
struct patient {
    ward_ref to;
    int left, in_time, timeouts;
};

enum { SILENT_MS = 3 };

struct patient_ask {
    struct patient *by;
    int64_t asked_at;
};

static void ask_in_vain(ward_ctx *ctx, struct patient *by);

static ward_next
timed_out(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct patient_ask *ask = user;
    struct patient *by = ask->by;

    (void)reply;
    by->timeouts += status == -ETIMEDOUT;
    by->in_time += ward__clock_us() - ask->asked_at >= 1000 * SILENT_MS;
    free(ask);
    ask_in_vain(ctx, by);
    return WARD_SAME;
}

static void
ask_in_vain(ward_ctx *ctx, struct patient *by)
{
    struct patient_ask *ask;

    if (by->left == 0)
        return;
    ask = malloc(sizeof *ask);
    assert_non_null(ask);
    *ask = (struct patient_ask){by, ward__clock_us()};
    assert_result(ward_ask_then(ctx, by->to, SILENT_MS, timed_out, ask, SILENCE), 0);
    by->left--;
}

static bool
has_asked_enough(struct harness *h, const void *user)
{
    (void)h;
    return ((const struct patient *)user)->timeouts == 400;
}

/* Those that are asked in callbacks, too, which are many in one turn. */
static void
ask_of_a_callback_waits_for_all_of_its_time(void **state)
{
    struct harness *h = *state;
    struct patient by = {.left = 400};

    by.to = spawn_up(h, &(ward_spec){.id = "a", .behavior = &answerer});
    for (int i = 0; i < 40; i++)
        ask_in_vain(h->ctx, &by);
    await_true(h, has_asked_enough, &by, "400 asks in vain");
    assert_int_equal(by.in_time, 400);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(callbacks_wait_while_the_host_asks),
        TEST(ask_waits_for_all_of_its_time),
        TEST(ask_of_a_callback_waits_for_all_of_its_time),
        TEST(host_that_asks_in_a_callback_or_itself_is_a_deadlock),
    };

    return harness_main("host_asks", tests, sizeof tests / sizeof tests[0]);
}

/* Looking before sleeping: how long an exchange takes may change by it, and nothing else. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "ipc/clock.h"

enum { COUNT, CRASH };
enum { HEARD = 100 };
enum { ROUNDS = 1500, CRASH_EACH = 100 };

/* Tells the host the number, and answers it if asked. */
static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;
    int result;

    if (ward_get(msg, &number) < 0)
        return WARD_UNHANDLED;
    result = ward_tell(ctx, host_of(ctx), HEARD, number);
    if (ward_message_type(msg) == CRASH)
        return *(volatile int *)0;
    if (result < 0 || ward_sender(msg).id == 0)
        return result;
    return ward_reply(ctx, number);
}

static const ward_behavior echo = {.name = "echo", .receive = receive};
WARD_REGISTER(echo);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static int64_t
ask(struct harness *h, ward_ref ref, int64_t type, int64_t number)
{
    ward_message *reply;
    int64_t answer;
    int result = ward_ask(h->ctx, ref, &reply, DEADLINE_MS, type, number);

    if (result < 0)
        return result;
    assert_result(ward_get(reply, &answer), 0);
    ward_message_free(reply);
    return answer;
}

/* Every answer is that of its question, what was told arrives once and in order, and what died with
 * its message does not, however the host waits. */
static void
check_exchange(struct harness *h, int poll_us)
{
    int64_t last = -1, crashes = 0;
    ward_ref ref;

    harness_reopen(h, &(ward_system_options){.poll_us = poll_us});
    h->mail_count = 0;
    ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &echo, .strategy = &always});
    for (int64_t i = 0; i < ROUNDS; i++) {
        bool is_fatal = i % CRASH_EACH == CRASH_EACH - 1;
        int64_t answer = ask(h, ref, is_fatal ? CRASH : COUNT, i);
        assert_int_equal(answer, is_fatal ? -WARD_ECRASHED : i);
        crashes += is_fatal;
    }
    settle(h);
    assert_int_equal(count_mails(h, HEARD), ROUNDS - crashes);
    for (size_t i = 0; i < h->mail_count; i++) {
        assert_true(h->mails[i].number > last);
        assert_true(h->mails[i].number % CRASH_EACH != CRASH_EACH - 1);
        last = h->mails[i].number;
    }
}

static void
an_exchange_is_the_same_whether_or_not_one_looks_before_sleeping(void **state)
{
    struct harness *h = *state;

    check_exchange(h, 0);
    check_exchange(h, WARD_ZERO);
    check_exchange(h, 1);
    check_exchange(h, 1000);
}

/* More are busy than there are cores: nobody looks, and nobody starves. */
static void
a_crowd_that_is_asked_in_turn_answers(void **state)
{
    enum { CROWD = 16 };
    struct harness *h = *state;
    ward_ref refs[CROWD];
    char id[16];

    for (int i = 0; i < CROWD; i++) {
        snprintf(id, sizeof id, "w%d", i);
        refs[i] = spawn(h, &(ward_spec){.id = id, .behavior = &echo});
    }
    for (int64_t round = 0; round < 50; round++) {
        for (int i = 0; i < CROWD; i++)
            assert_result(ward_tell(h->ctx, refs[i], COUNT, -round), 0);
        for (int i = 0; i < CROWD; i++)
            assert_int_equal(ask(h, refs[i], COUNT, round * CROWD + i),
                             round * CROWD + i);
    }
}

enum { AT_ONCE = 500 };

/* Tells one that the host asks all the time more than the host reads at once. */
static ward_next
pass_on(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int result = 0;

    if (ward_get(msg, &to) < 0)
        return WARD_UNHANDLED;
    for (int i = 0; result == 0 && i < AT_ONCE; i++)
        result = ward_tell(ctx, to, COUNT, "some text that makes the message longer", i);
    return result;
}

static const ward_behavior passer = {.name = "passer", .receive = pass_on};
WARD_REGISTER(passer);

struct taker {
    int64_t taken;
};

static ward_next
take(ward_ctx *ctx, const ward_message *msg)
{
    struct taker *self = ward_state(ctx);

    if (ward_sender(msg).id != 0)
        return ward_reply(ctx, self->taken);
    self->taken++;
    return WARD_SAME;
}

static const ward_behavior taker = {
    .name = "taker", .state_size = sizeof(struct taker), .receive = take};
WARD_REGISTER(taker);

static void
who_answers_at_once_keeps_nobody_else_from_being_heard(void **state)
{
    enum { PASSED = 50, ASKS_MOST = 20000 };
    struct harness *h = *state;
    ward_ref from = spawn_up(h, &(ward_spec){.id = "from", .behavior = &passer});
    ward_ref to = spawn_up(h, &(ward_spec){.id = "to", .behavior = &taker});

    for (int64_t i = 1; i <= PASSED; i++) {
        int asks = 0;
        assert_result(ward_tell(h->ctx, from, COUNT, to), 0);
        while (ask(h, to, COUNT, 0) < i * AT_ONCE)
            assert_true(++asks < ASKS_MOST);
    }
}

/* Works a little and tells itself to go on, for ever. */
static ward_next
go_on(ward_ctx *ctx, const ward_message *msg)
{
    int64_t end = ward__clock_us() + 10;

    (void)msg;
    while (ward__clock_us() < end)
        continue;
    return ward_tell(ctx, ward_self(ctx), COUNT);
}

static const ward_behavior spinner = {.name = "spinner", .receive = go_on};
WARD_REGISTER(spinner);

enum { SILENT_MS = 10, LATE_MS = 200 };

struct asker {
    int64_t asked_at;
};

static ward_next
say_how_long(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    const struct asker *self = user;

    (void)reply;
    return ward_tell(ctx, host_of(ctx), HEARD,
                     status == -ETIMEDOUT ? ward__clock_us() - self->asked_at : -1);
}

static ward_next
ask_in_vain(ward_ctx *ctx, const ward_message *msg)
{
    struct asker *self = ward_state(ctx);
    ward_ref to;

    if (ward_get(msg, &to) < 0)
        return WARD_SAME; /* who is asked says nothing */
    self->asked_at = ward__clock_us();
    return ward_ask_then(ctx, to, SILENT_MS, say_how_long, self, COUNT);
}

static const ward_behavior asker = {
    .name = "asker", .state_size = sizeof(struct asker), .receive = ask_in_vain};
WARD_REGISTER(asker);

/* While the host looks and finds something each time it does not sleep. */
static void
who_always_says_something_keeps_no_deadline_from_its_time(void **state)
{
    struct harness *h = *state;
    ward_ref spins, asks, silent;

    harness_reopen(h, &(ward_system_options){.poll_us = 1000});
    spins = spawn_up(h, &(ward_spec){.id = "spins", .behavior = &spinner});
    silent = spawn_up(h, &(ward_spec){.id = "silent", .behavior = &asker});
    asks = spawn_up(h, &(ward_spec){.id = "asks", .behavior = &asker});
    assert_result(ward_tell(h->ctx, spins, COUNT), 0);
    for (int i = 0; i < 5; i++) {
        int64_t took;
        ward_run_for(h->sys, 100);
        h->mail_count = 0;
        assert_result(ward_tell(h->ctx, asks, COUNT, silent), 0);
        /* In one go: it is not called before. */
        ward_run_for(h->sys, SILENT_MS + 2 * LATE_MS);
        took = await_mail(h, HEARD)->number;
        assert_in_range(took, 1000 * SILENT_MS, 1000 * (SILENT_MS + LATE_MS));
    }
}

enum { SLOW_MS = 400, AWAKE_MOST_MS = 100 };

/* Says so, and takes its time. */
static ward_next
dawdle(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;

    if (ward_message_type(msg) == CRASH)
        return *(volatile int *)0;
    poll(NULL, 0, SLOW_MS);
    return ward_get(msg, &number) < 0 ? WARD_UNHANDLED : ward_reply(ctx, number);
}

static int
start_slowly(ward_ctx *ctx)
{
    (void)ctx;
    poll(NULL, 0, SLOW_MS);
    return 0;
}

static const ward_behavior dawdler = {.name = "dawdler", .receive = dawdle};
WARD_REGISTER(dawdler);
static const ward_behavior late_riser = {
    .name = "late-riser", .receive = dawdle, .pre_start = start_slowly};
WARD_REGISTER(late_riser);

static int64_t
processor_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Its first words are expected at any moment, but not for long: when it starts and starts again. */
static void
check_sleep_beside(struct harness *h, const ward_behavior *behavior)
{
    int64_t begun;
    ward_ref ref;

    harness_reopen(h, &(ward_system_options){.poll_us = 1000});
    begun = processor_ms();
    ref = spawn_up(h,
                   &(ward_spec){.id = "slow", .behavior = behavior, .strategy = &always});
    for (int64_t i = 0; i < 3; i++) {
        assert_result(ward_tell(h->ctx, ref, CRASH), 0);
        assert_int_equal(ask(h, ref, COUNT, i), i);
    }
    assert_in_range(processor_ms() - begun, 0, AWAKE_MOST_MS);
}

static void
the_host_sleeps_while_the_one_it_expects_takes_its_time(void **state)
{
    struct harness *h = *state;

    check_sleep_beside(h, &dawdler);
    check_sleep_beside(h, &late_riser);
}

static void
a_limit_that_cannot_be_is_refused(void **state)
{
    static const int bad[] = {-2, 1001, 1 << 30};
    ward_system *sys;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_result(ward_system_new(&sys, &(ward_system_options){.poll_us = bad[i]}),
                      -EINVAL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(an_exchange_is_the_same_whether_or_not_one_looks_before_sleeping),
        TEST(a_crowd_that_is_asked_in_turn_answers),
        TEST(who_answers_at_once_keeps_nobody_else_from_being_heard),
        TEST(who_always_says_something_keeps_no_deadline_from_its_time),
        TEST(the_host_sleeps_while_the_one_it_expects_takes_its_time),
        TEST(a_limit_that_cannot_be_is_refused),
    };

    return harness_main("polling", tests, sizeof tests / sizeof tests[0]);
}

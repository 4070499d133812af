/* Who waits for room hears of it, and who was promised some has it, whatever else is under way. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { NUMBER, SILENT, GATE, FILL, ASK, HOARD, RAISE };
enum { CLOSED = 100, FILLED, HELD };

/* ---- the actors ---- */

static ward_next
pass_gate(ward_ctx *ctx)
{
    char byte;

    ward_tell(ctx, host_of(ctx), CLOSED);
    ward_flush(ctx);
    return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
}

static ward_next
tell_result(ward_ctx *ctx, int64_t count, int result)
{
    return ward_tell(ctx, host_of(ctx), FILLED, count,
                     result < 0 ? ward_error_name(result) : "");
}

static ward_next
fill(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int64_t count, i;
    int result = 0;

    if (ward_get(msg, &to, &count) < 0)
        return WARD_UNHANDLED;
    for (i = 0; i < count && result == 0; i += result == 0)
        result = ward_tell(ctx, to, NUMBER);
    return tell_result(ctx, i, result);
}

static ward_next
ask(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    ward_ref to;
    int64_t timeout_ms;
    int64_t begun = now_ms();
    int result;

    if (ward_get(msg, &to, &timeout_ms) < 0)
        return WARD_UNHANDLED;
    result = ward_ask(ctx, to, &reply, (int)timeout_ms, SILENT);
    ward_message_free(reply);
    return tell_result(ctx, now_ms() - begun, result);
}

static ward_next
ignore(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)status;
    (void)reply;
    (void)user;
    return WARD_SAME;
}

/* Asks the host much, and does not read the answers before its gate is open. */
static ward_next
hoard(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int64_t asks, count;

    if (ward_get(msg, &to, &count, &asks) < 0)
        return WARD_UNHANDLED;
    while (asks-- > 0)
        ward_ask_then(ctx, host_of(ctx), DEADLINE_MS, ignore, NULL, HELD);
    pass_gate(ctx);
    return fill(ctx, msg);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case NUMBER:
        return ward_sender(msg).id != 0 ? ward_done(ctx) : WARD_SAME;
    case SILENT:
        return WARD_SAME;
    case GATE:
        return pass_gate(ctx);
    case FILL:
        return fill(ctx, msg);
    case ASK:
        return ask(ctx, msg);
    case HOARD:
        return hoard(ctx, msg);
    case RAISE:
        return ward_raise(ctx, "Enough", "enough");
    }
    return WARD_UNHANDLED;
}

static const ward_behavior waiter = {.name = "waiter", .receive = receive};
WARD_REGISTER(waiter);

static const ward_strategy stubborn = {.name = "stubborn", .max_restarts = WARD_INFINITE};
WARD_REGISTER(stubborn);

static int late_gate; /* of the one that the decider lets go */

/* The host is busy here while others go on. */
static ward_directive
open_late(const ward_failure *failure)
{
    (void)failure;
    if (write(late_gate, "x", 1) == 1)
        poll(NULL, 0, 200);
    return WARD_DIRECTIVE_RESTART;
}

static const ward_strategy slowly = {
    .name = "slowly", .max_restarts = WARD_INFINITE, .decider = open_late};
WARD_REGISTER(slowly);

/* ---- what the host does ---- */

static ward_ref
spawn_gated(struct harness *h, const char *id, ward_mailbox_options mailbox, int *gate)
{
    ward_ref ref;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    *gate = ends[1];
    ref = spawn_up(h, &(ward_spec){.id = id,
                                   .behavior = &waiter,
                                   .fds = ends,
                                   .fd_count = 1,
                                   .mailbox = mailbox});
    close(ends[0]);
    return ref;
}

static ward_ref
spawn_closed(struct harness *h, const char *id, ward_mailbox_options mailbox, int *gate)
{
    ward_ref ref = spawn_gated(h, id, mailbox, gate);

    assert_result(ward_tell(h->ctx, ref, GATE), 0);
    await_mail(h, CLOSED);
    return ref;
}

static ward_ref
spawn_plain(struct harness *h, const char *id)
{
    return spawn_up(h, &(ward_spec){.id = id, .behavior = &waiter});
}

static void
open_gate(int gate)
{
    assert_int_equal(write(gate, "x", 1), 1);
}

/* The host is busy elsewhere. */
static void
pause_host(int ms)
{
    poll(NULL, 0, ms);
}

enum { MUCH = 3 << 20 };

/* An answer so large that it waits for its reader. */
static void
reply_much(struct harness *h, ward_ref sender)
{
    void *bytes = calloc(1, MUCH);

    assert_non_null(bytes);
    assert_result(ward_reply_to(h->ctx, sender, ((ward_bytes){bytes, MUCH})), 0);
    free(bytes);
}

/* ---- a sender that is behind with its reading ---- */

static void
who_is_behind_with_its_answers_is_not_refused_where_there_is_room(void **state)
{
    struct harness *h = *state;
    ward_ref a, b;
    const struct mail *filled;
    int gate;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 10}});
    a = spawn_plain(h, "a");
    b = spawn_gated(h, "b", (ward_mailbox_options){0}, &gate);
    assert_result(ward_tell(h->ctx, b, HOARD, a, 100, 1), 0);
    reply_much(h, await_mail(h, HELD)->sender);
    await_mail(h, CLOSED);
    open_gate(gate);
    pause_host(100);
    filled = await_mail(h, FILLED);
    assert_string_equal(filled->text, "");
    assert_int_equal(filled->number, 100);
    close(gate);
}

/* What it waits for comes while it reads what others have answered. */
static void
who_is_behind_with_its_answers_hears_of_room(void **state)
{
    enum { ASKS = 50 };
    struct harness *h = *state;
    ward_ref a, b, senders[ASKS];
    int a_gate, b_gate;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 100}});
    a = spawn_closed(
        h, "a", (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT}, &a_gate);
    b = spawn_gated(h, "b", (ward_mailbox_options){0}, &b_gate);
    assert_result(ward_tell(h->ctx, b, HOARD, a, 150, ASKS), 0);
    for (int i = 0; i < ASKS; i++)
        senders[i] = await_mail(h, HELD)->sender;
    await_mail(h, CLOSED);
    open_gate(b_gate);
    while (ward_mailbox_count(h->sys, a) < 100)
        ward_run_for(h->sys, 1);
    linger(h, 50);
    kill((pid_t)ward_process_id(h->sys, b), SIGSTOP);
    reply_much(h, senders[0]);
    open_gate(a_gate);
    while (ward_mailbox_count(h->sys, a) > 0)
        ward_run_for(h->sys, 1);
    linger(h, 20);
    kill((pid_t)ward_process_id(h->sys, b), SIGCONT);
    for (int i = 1; i < ASKS; i++) {
        pause_host(10);
        assert_result(ward_reply_to(h->ctx, senders[i], 1), 0);
    }
    assert_int_equal(await_mail(h, FILLED)->number, 150);
    close(a_gate);
    close(b_gate);
}

/* ---- a bell that a time-out has read ---- */

/* `a` is let go by a decider, and an ask to it is late right then. */
static void
time_out_beside_the_bell(struct harness *h, ward_ref a)
{
    ward_ref c =
        spawn_up(h, &(ward_spec){.id = "c", .behavior = &waiter, .strategy = &slowly});

    (void)a;
    assert_result(ward_tell(h->ctx, c, RAISE), 0);
    pause_host(500); /* the failure waits, and the time-out of the ask passes */
    await_event(h, WARD_EVENT_RESTARTED, "/c");
}

static void
a_time_out_beside_the_bell_does_not_hide_it_from_who_waits(void **state)
{
    struct harness *h = *state;
    ward_ref a, b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 1}});
    a = spawn_closed(h, "a",
                     (ward_mailbox_options){.messages = 2, .when_full = WARD_WAIT},
                     &late_gate);
    b = spawn_plain(h, "b");
    assert_result(ward_ask_then(h->ctx, a, 400, ignore, NULL, SILENT), 0);
    assert_result(ward_tell(h->ctx, b, FILL, a, 20), 0);
    linger(h, 100);
    time_out_beside_the_bell(h, a);
    assert_int_equal(await_mail(h, FILLED)->number, 20);
    close(late_gate);
}

static void
a_time_out_beside_the_bell_does_not_stop_one_that_drops(void **state)
{
    struct harness *h = *state;
    ward_ref a;

    a = spawn_closed(
        h, "a", (ward_mailbox_options){.messages = 20, .when_full = WARD_DROP_OLDEST},
        &late_gate);
    assert_result(ward_ask_then(h->ctx, a, 400, ignore, NULL, SILENT), 0);
    for (int i = 0; i < 10; i++)
        assert_result(ward_tell(h->ctx, a, NUMBER), 0);
    linger(h, 100);
    time_out_beside_the_bell(h, a);
    settle(h);
    assert_int_equal(ward_mailbox_count(h->sys, a), 0);
    close(late_gate);
}

/* ---- all mailboxes together ---- */

static void
an_end_makes_room_for_all(void **state)
{
    enum { LIMIT = 100000, EACH = 60000 };
    struct harness *h = *state;
    ward_ref a, b;
    char *bytes = calloc(1, EACH);
    int gate;

    harness_reopen(h, &(ward_system_options){.mailbox_bytes = LIMIT});
    a = spawn_closed(h, "a", (ward_mailbox_options){0}, &gate);
    b = spawn_plain(h, "b");
    assert_result(ward_tell(h->ctx, a, SILENT, ((ward_bytes){bytes, EACH})), 0);
    assert_result(ward_tell(h->ctx, b, SILENT, ((ward_bytes){bytes, EACH})), -EAGAIN);
    free(bytes);
    assert_result(ward_kill(h->ctx, a), 0);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    linger(h, 100);
    assert_int_equal(h->room_count, 1);
    assert_true(ward_ref_equal(h->room, b));
    close(gate);
}

static void
where_all_are_full_together_the_host_is_refused_by_each(void **state)
{
    static const ward_when_full each[] = {WARD_REJECT, WARD_DROP_NEW, WARD_DROP_OLDEST,
                                          WARD_WAIT};
    struct harness *h = *state;
    ward_ref a, b[4];
    int gate;

    harness_reopen(h, &(ward_system_options){.mailbox_bytes = 1000});
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        char id[] = {'b', (char)('0' + i), '\0'};
        b[i] = spawn_up(h, &(ward_spec){.id = id,
                                        .behavior = &waiter,
                                        .mailbox = {.when_full = each[i]}});
    }
    a = spawn_closed(h, "a", (ward_mailbox_options){0}, &gate);
    while (ward_tell(h->ctx, a, SILENT) == 0)
        continue;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        assert_result(ward_tell(h->ctx, b[i], NUMBER), -EAGAIN);
        assert_int_equal(ward_mailbox_dropped(h->sys, b[i]), 0);
    }
    open_gate(gate);
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 0);
    close(gate);
}

/* ---- time ---- */

static void
the_time_of_an_ask_holds_for_waiting_and_answer_together(void **state)
{
    struct harness *h = *state;
    const struct mail *asked;
    ward_ref a, b;
    int gate;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 1}});
    a = spawn_closed(
        h, "a", (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT}, &gate);
    b = spawn_plain(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, a, 1), 0);
    await_mail(h, FILLED);
    assert_result(ward_tell(h->ctx, b, ASK, a, 1500), 0);
    linger(h, 1000);
    open_gate(gate);
    asked = await_mail(h, FILLED);
    assert_string_equal(asked->text, "ETIMEDOUT");
    assert_in_range(asked->number, 1499, 2300);
    close(gate);
}

/* ---- promises ---- */

static void
what_others_sent_and_died_takes_nobody_his_credit(void **state)
{
    enum { CREDIT = 20, LIVES = 5 };
    struct harness *h = *state;
    ward_ref a, crashing, honest;
    int gate, letters;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = CREDIT}});
    a = spawn_closed(h, "a", (ward_mailbox_options){.messages = 1}, &gate);
    honest = spawn_plain(h, "honest");
    crashing = spawn_up(
        h, &(ward_spec){.id = "crashing", .behavior = &waiter, .strategy = &stubborn});
    assert_result(ward_tell(h->ctx, honest, FILL, a, 1), 0);
    assert_int_equal(await_mail(h, FILLED)->number, 1);
    for (int i = 0; i < LIVES; i++) {
        assert_result(ward_tell(h->ctx, crashing, FILL, a, CREDIT), 0);
        await_mail(h, FILLED);
        assert_result(ward_tell(h->ctx, crashing, RAISE), 0);
        await_event(h, WARD_EVENT_RESTARTED, "/crashing");
    }
    letters = (int)count_letters(h, WARD_LETTER_MAILBOX_FULL, "/a");
    assert_true(letters > 0);
    assert_result(ward_tell(h->ctx, honest, FILL, a, CREDIT - 1), 0);
    assert_int_equal(await_mail(h, FILLED)->number, CREDIT - 1);
    open_gate(gate);
    settle(h);
    assert_int_equal(count_letters(h, WARD_LETTER_MAILBOX_FULL, "/a"), letters);
    close(gate);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(who_is_behind_with_its_answers_is_not_refused_where_there_is_room),
        TEST(who_is_behind_with_its_answers_hears_of_room),
        TEST(a_time_out_beside_the_bell_does_not_hide_it_from_who_waits),
        TEST(a_time_out_beside_the_bell_does_not_stop_one_that_drops),
        TEST(an_end_makes_room_for_all),
        TEST(where_all_are_full_together_the_host_is_refused_by_each),
        TEST(what_others_sent_and_died_takes_nobody_his_credit),
        TEST(the_time_of_an_ask_holds_for_waiting_and_answer_together),
    };

    return harness_main("flow wakeups", tests, sizeof tests / sizeof tests[0]);
}

/* Full mailboxes: what is refused, dropped or waited for, and what a sender may have in hand. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER, CLOSE_GATE, REPORT, FILL, ASK, KEEP_ASKING, CRASH };
enum { CLOSED = 100, FILLED, STOPPED };
enum { KEPT = 4096 };

/* Notes the numbers it gets; a closed gate holds it until a byte comes on its descriptor 3. */
struct noter {
    uint32_t count;
    int64_t numbers[KEPT];
};

static ward_next
close_gate(ward_ctx *ctx)
{
    char byte;

    ward_tell(ctx, host_of(ctx), CLOSED);
    ward_flush(ctx);
    return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
}

/* To a host that does not listen it can be said in a log only. */
static ward_next
tell_result(ward_ctx *ctx, int64_t count, int result)
{
    int told = ward_tell(ctx, host_of(ctx), FILLED, count,
                         result < 0 ? ward_error_name(result) : "");

    return told == -EAGAIN ? ward_log(ctx, "%d", (int)count) : told;
}

/* Tells numbers until one is refused: how many were taken, and the refusal. */
static ward_next
fill(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int64_t from, count, i;
    int result = 0;

    if (ward_get(msg, &to, &from, &count) < 0)
        return WARD_UNHANDLED;
    for (i = 0; i < count; i++) {
        result = ward_tell(ctx, to, NUMBER, from + i);
        if (result < 0)
            break;
    }
    return tell_result(ctx, i, result);
}

static ward_next
ask(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    ward_ref to;
    int64_t type, timeout_ms;
    int result;

    if (ward_get(msg, &to, &type, &timeout_ms) < 0)
        return WARD_UNHANDLED;
    result = ward_ask(ctx, to, &reply, (int)timeout_ms, type, 0);
    ward_message_free(reply);
    return tell_result(ctx, 1, result);
}

static ward_next
note(ward_ctx *ctx, const ward_message *msg)
{
    struct noter *self = ward_state(ctx);
    int64_t number;

    if (ward_get(msg, &number) < 0 || self->count == KEPT)
        return WARD_UNHANDLED;
    self->numbers[self->count++] = number;
    if (ward_sender(msg).id != 0)
        return ward_done(ctx);
    return WARD_SAME;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    const struct noter *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case NUMBER:
        return note(ctx, msg);
    case CLOSE_GATE:
        return close_gate(ctx);
    case REPORT:
        return ward_reply(
            ctx, ((ward_bytes){self->numbers, self->count * sizeof self->numbers[0]}));
    case FILL:
        return fill(ctx, msg);
    case ASK:
        return ask(ctx, msg);
    case CRASH:
        *(volatile int *)0 = 1;
    }
    return WARD_UNHANDLED;
}

static void
say_stopped(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), STOPPED);
}

static const ward_behavior noter = {.name = "noter",
                                    .state_size = sizeof(struct noter),
                                    .receive = receive,
                                    .post_stop = say_stopped};
static const ward_strategy again = {.name = "again", .max_restarts = WARD_INFINITE};
WARD_REGISTER(noter);
WARD_REGISTER(again);

/* One whose gate is closed, with nothing queued. */
struct gated {
    ward_ref ref;
    int gate; /* writing a byte opens it */
};

static struct gated
spawn_gated(struct harness *h, const char *id, ward_mailbox_options mailbox)
{
    struct gated gated;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    gated.gate = ends[1];
    gated.ref = spawn(h, &(ward_spec){.id = id,
                                      .behavior = &noter,
                                      .fds = ends,
                                      .fd_count = 1,
                                      .mailbox = mailbox});
    close(ends[0]);
    assert_result(ward_tell(h->ctx, gated.ref, CLOSE_GATE), 0);
    await_mail(h, CLOSED);
    return gated;
}

static void
open_gate(struct gated *gated)
{
    assert_int_equal(write(gated->gate, "x", 1), 1);
    close(gated->gate);
}

static ward_ref
spawn_noter(struct harness *h, const char *id)
{
    return spawn_up(h, &(ward_spec){.id = id, .behavior = &noter, .strategy = &again});
}

/* The numbers that `ref` got are from, from + 1, ... */
static void
assert_numbers(struct harness *h, ward_ref ref, int64_t from, size_t count)
{
    ward_message *reply = NULL;
    ward_bytes bytes = {NULL, 0};

    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, REPORT), 0);
    assert_result(ward_get(reply, &bytes), 0);
    assert_int_equal(bytes.size, count * sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        memcpy(&number, (const char *)bytes.data + i * sizeof number, sizeof number);
        assert_int_equal(number, from + (int64_t)i);
    }
    ward_message_free(reply);
}

/* ---- A27 ---- */

static void
a27_drop_new_keeps_the_first_two(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 2, .when_full = WARD_DROP_NEW});

    for (int i = 1; i <= 5; i++)
        assert_result(ward_tell(h->ctx, a.ref, NUMBER, i), 0);
    assert_int_equal(ward_mailbox_dropped(h->sys, a.ref), 3);
    open_gate(&a);
    settle(h);
    assert_numbers(h, a.ref, 1, 2);
    for (int i = 3; i <= 5; i++)
        assert_int_equal(await_letter(h, WARD_LETTER_MAILBOX_FULL, "/a")->message.number,
                         i);
}

static void
a27_drop_oldest_keeps_the_last_two(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 2, .when_full = WARD_DROP_OLDEST});

    for (int i = 1; i <= 5; i++)
        assert_result(ward_tell(h->ctx, a.ref, NUMBER, i), 0);
    assert_int_equal(ward_mailbox_dropped(h->sys, a.ref), 3);
    open_gate(&a);
    settle(h);
    assert_numbers(h, a.ref, 4, 2);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(await_letter(h, WARD_LETTER_MAILBOX_FULL, "/a")->message.number,
                         i);
}

static void
a27_who_waits_goes_on_when_there_is_space(void **state)
{
    struct harness *h = *state;
    struct gated a;
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 1}});
    a = spawn_gated(h, "a",
                    (ward_mailbox_options){.messages = 2, .when_full = WARD_WAIT});
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 1, 100), 0);
    linger(h, 100);
    assert_int_equal(count_mails(h, FILLED), 0);
    assert_in_range(ward_mailbox_count(h->sys, a.ref), 3, 4); /* the one in hand, too */
    open_gate(&a);
    assert_int_equal(await_mail(h, FILLED)->number, 100);
    settle(h);
    assert_numbers(h, a.ref, 1, 100);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 0);
}

/* ---- refused ---- */

static void
a_worker_is_refused_and_what_it_sent_before_is_handled(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(h, "a", (ward_mailbox_options){.messages = 10});
    ward_ref b = spawn_noter(h, "b");
    const struct mail *filled;
    int64_t taken;

    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, KEPT), 0);
    filled = await_mail(h, FILLED);
    assert_string_equal(filled->text, "EAGAIN");
    taken = filled->number;
    assert_in_range(taken, 10, 10 + 1024);
    /* It knows by now, and is refused at once. */
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, taken, 1), 0);
    filled = await_mail(h, FILLED);
    assert_int_equal(filled->number, 0);
    assert_string_equal(filled->text, "EAGAIN");
    open_gate(&a);
    settle(h);
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, taken, 5), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "");
    settle(h);
    assert_numbers(h, a.ref, 0, (size_t)taken + 5);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 0);
}

static void
many_more_than_its_credit_arrive_where_there_is_room(void **state)
{
    struct harness *h = *state;
    ward_ref a, b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 3, .bytes = 50}});
    a = spawn_noter(h, "a");
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, a, 0, KEPT), 0);
    assert_int_equal(await_mail(h, FILLED)->number, KEPT);
    settle(h);
    assert_numbers(h, a, 0, KEPT);
}

static void
a_worker_that_drops_on_others_is_never_refused(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 2, .when_full = WARD_DROP_OLDEST});
    ward_ref b = spawn_noter(h, "b");

    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, 1000), 0);
    assert_int_equal(await_mail(h, FILLED)->number, 1000);
    while (ward_mailbox_dropped(h->sys, a.ref) < 998)
        ward_run_for(h->sys, 1);
    open_gate(&a);
    settle(h);
    assert_numbers(h, a.ref, 998, 2);
    assert_int_equal(count_letters(h, WARD_LETTER_MAILBOX_FULL, "/a"), 998);
}

static void
an_ask_whose_message_is_dropped_fails(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 1, .when_full = WARD_DROP_OLDEST});
    ward_ref b = spawn_noter(h, "b");

    assert_result(ward_tell(h->ctx, b, ASK, a.ref, NUMBER, DEADLINE_MS), 0);
    while (ward_mailbox_count(h->sys, a.ref) < 2)
        ward_run_for(h->sys, 1);
    assert_result(ward_tell(h->ctx, a.ref, NUMBER, 1), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "EAGAIN");
    open_gate(&a);
    settle(h);
    assert_numbers(h, a.ref, 1, 1);
}

static void
the_end_of_a_watched_actor_is_never_dropped(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 1, .when_full = WARD_DROP_OLDEST});

    assert_result(ward_drain(h->ctx, a.ref), 0); /* ward's own, in the mailbox */
    assert_result(ward_tell(h->ctx, a.ref, NUMBER, 1), 0);
    open_gate(&a);
    assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "drained");
}

/* ---- waiting ---- */

static void
who_waits_for_room_ends_in_order_when_it_is_stopped(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT});
    ward_ref b = spawn_noter(h, "b");

    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, KEPT), 0);
    linger(h, 50);
    assert_int_equal(count_mails(h, FILLED), 0);
    assert_result(ward_stop(h->ctx, b), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "ECANCELED");
    await_mail(h, STOPPED);
    await_event(h, WARD_EVENT_STOPPED, "/b");
    open_gate(&a);
    settle(h);
}

static void
a_message_in_hand_is_finished_though_it_needs_credit(void **state)
{
    struct harness *h = *state;
    ward_ref a, b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 3}});
    a = spawn_noter(h, "a");
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, a, 0, KEPT), 0);
    while (ward_mailbox_count(h->sys, b) == 0)
        ward_run_for(h->sys, 0);
    ward_run_for(h->sys, 1);
    assert_result(ward_stop(h->ctx, b), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "");
    settle(h);
    assert_numbers(h, a, 0, KEPT);
}

static void
who_waits_for_one_that_ends_goes_on(void **state)
{
    struct harness *h = *state;
    struct gated a = spawn_gated(
        h, "a", (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT});
    ward_ref b = spawn_noter(h, "b");

    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, 1000), 0);
    linger(h, 50);
    assert_result(ward_kill(h->ctx, a.ref), 0);
    assert_int_equal(await_mail(h, FILLED)->number, 1000);
    settle(h);
    /* All but the one in hand when it was killed, which was no number. */
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 1001);
    close(a.gate);
}

static void
two_that_wait_for_each_other_are_told(void **state)
{
    struct harness *h = *state;
    ward_mailbox_options waits = {.messages = 1, .when_full = WARD_WAIT};
    ward_ref a, b;
    const struct mail *first;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 1}});
    a = spawn_up(h, &(ward_spec){.id = "a", .behavior = &noter, .mailbox = waits});
    b = spawn_up(h, &(ward_spec){.id = "b", .behavior = &noter, .mailbox = waits});
    assert_result(ward_tell(h->ctx, a, FILL, b, 0, 1000), 0);
    assert_result(ward_tell(h->ctx, b, FILL, a, 0, 1000), 0);
    first = await_mail(h, FILLED);
    if (first->number < 1000)
        assert_string_equal(first->text, "EDEADLK");
    await_mail(h, FILLED);
    settle(h);
    /* To itself: nobody else makes room. */
    assert_result(ward_tell(h->ctx, a, FILL, a, 0, 1000), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "EDEADLK");
}

static void
an_ask_waits_for_room_no_longer_than_its_time(void **state)
{
    struct harness *h = *state;
    struct gated a;
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 1}});
    a = spawn_gated(h, "a",
                    (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT});
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, 1), 0);
    assert_int_equal(await_mail(h, FILLED)->number, 1);
    assert_result(ward_tell(h->ctx, b, ASK, a.ref, NUMBER, 100), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "ETIMEDOUT");
    open_gate(&a);
    settle(h);
    assert_result(ward_tell(h->ctx, b, ASK, a.ref, NUMBER, DEADLINE_MS), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "");
}

/* ---- over the bounds ---- */

static void
one_that_fills_and_crashes_again_and_again_is_bounded(void **state)
{
    enum { CREDIT = 20, LIVES = 30 };
    struct harness *h = *state;
    struct gated a;
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = CREDIT}});
    a = spawn_gated(h, "a", (ward_mailbox_options){.messages = 1});
    b = spawn_noter(h, "b");
    for (int i = 0; i < LIVES; i++) {
        assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, CREDIT), 0);
        await_mail(h, FILLED);
        assert_result(ward_tell(h->ctx, b, CRASH), 0);
        await_event(h, WARD_EVENT_RESTARTED, "/b");
        assert_in_range(ward_mailbox_count(h->sys, a.ref), 0, 2 + 2 * CREDIT);
    }
    assert_true(count_letters(h, WARD_LETTER_MAILBOX_FULL, "/a") > 0);
    open_gate(&a);
    settle(h);
}

static void
all_mailboxes_together_are_bounded(void **state)
{
    enum { LIMIT = 100000, EACH = 10000 };
    struct harness *h = *state;
    struct gated a, b;
    char *bytes = calloc(1, EACH);
    int sent = 0;

    harness_reopen(h, &(ward_system_options){.mailbox_bytes = LIMIT});
    a = spawn_gated(h, "a", (ward_mailbox_options){0});
    b = spawn_gated(h, "b", (ward_mailbox_options){0});
    while (sent < 100 && ward_tell(h->ctx, sent % 2 ? a.ref : b.ref, NUMBER, sent,
                                   ((ward_bytes){bytes, EACH})) == 0)
        sent++;
    assert_in_range(sent, 7, 9);
    assert_result(ward_tell(h->ctx, a.ref, NUMBER, 0, ((ward_bytes){bytes, EACH})),
                  -EAGAIN);
    free(bytes);
    /* What one of them frees is room for the other. */
    open_gate(&b);
    while (h->room_count == 0)
        ward_run_for(h->sys, 1);
    assert_true(ward_ref_equal(h->room, a.ref));
    open_gate(&a);
    settle(h);
    assert_int_equal(h->room_count, 1);
}

/* Tells bytes until not one more has room. */
static void
fill_up(struct harness *h, ward_ref to)
{
    static char bytes[40000];
    size_t size = sizeof bytes;

    while (size > 0)
        if (ward_tell(h->ctx, to, NUMBER, 0, ((ward_bytes){bytes, size})) < 0)
            size = size * 3 / 4;
}

static void
a_worker_goes_on_when_another_mailbox_makes_room(void **state)
{
    struct harness *h = *state;
    struct gated a;
    ward_ref b, c;

    harness_reopen(
        h, &(ward_system_options){.mailbox_bytes = 50000, .credit = {.messages = 1}});
    a = spawn_gated(h, "a", (ward_mailbox_options){0});
    b = spawn_noter(h, "b");
    c = spawn_noter(h, "c");
    fill_up(h, a.ref);
    /* To tell b is -EAGAIN, also for the host; so c is told when there is room. */
    assert_result(ward_tell(h->ctx, c, FILL, b, 0, 100), -EAGAIN);
    open_gate(&a);
    settle(h);
    assert_result(ward_tell(h->ctx, c, FILL, b, 0, 100), 0);
    assert_int_equal(await_mail(h, FILLED)->number, 100);
}

static void
who_waits_is_refused_when_others_take_all_the_room(void **state)
{
    enum { OTHERS = 3, CREDIT = 8 };
    struct harness *h = *state;
    struct gated a, others[OTHERS];
    const char *const ids[OTHERS] = {"x", "y", "z"};
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.mailbox_bytes = 50000,
                                             .credit = {.messages = CREDIT}});
    a = spawn_gated(h, "a",
                    (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT});
    b = spawn_noter(h, "b");
    for (int i = 0; i < OTHERS; i++) {
        others[i] = spawn_gated(h, ids[i], (ward_mailbox_options){0});
        assert_result(ward_tell(h->ctx, others[i].ref, FILL, b, 0, CREDIT), 0);
    }
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, 100), 0);
    linger(h, 50);
    fill_up(h, b);
    for (int i = 0; i < OTHERS; i++) { /* on credit, beyond the bounds */
        open_gate(&others[i]);
        assert_int_equal(await_mail(h, FILLED)->number, CREDIT);
    }
    /* Now a has room, but all is taken by what b has not handled. */
    open_gate(&a);
    assert_string_equal(await_mail(h, FILLED)->text, "EAGAIN");
}

static void
no_more_actors_than_the_system_allows(void **state)
{
    struct harness *h = *state;
    ward_ref ref;

    harness_reopen(h, &(ward_system_options){.max_actors = 2});
    spawn_noter(h, "a");
    ref = spawn_noter(h, "b");
    assert_result(ward_spawn(h->ctx, &ref, &(ward_spec){.id = "c", .behavior = &noter}),
                  -ENOBUFS);
    assert_result(ward_stop(h->ctx, ref), 0);
    await_event(h, WARD_EVENT_STOPPED, "/b");
    spawn_noter(h, "c");
}

/* ---- the host's own mailbox ---- */

static void
workers_are_refused_by_a_host_that_does_not_listen(void **state)
{
    struct harness *h = *state;
    ward_ref b;
    int told;

    harness_reopen(h, &(ward_system_options){.mailbox = {.messages = 5},
                                             .credit = {.messages = 10}});
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, h->self, 0, 1000), 0);
    while (count_mails(h, FILLED) + count_events(h, WARD_EVENT_LOG, "/b") == 0)
        ward_run_for(h->sys, 1);
    told = count_mails(h, FILLED) > 0 ? (int)await_mail(h, FILLED)->number
                                      : atoi(await_event(h, WARD_EVENT_LOG, "/b")->text);
    assert_in_range(told, 5, 1000);
    settle(h);
    assert_int_equal(count_mails(h, NUMBER), told);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 0);
    /* It has listened, and may be told again. */
    assert_result(ward_tell(h->ctx, b, FILL, h->self, 0, 3), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_worker_is_refused_and_what_it_sent_before_is_handled),
        TEST(many_more_than_its_credit_arrive_where_there_is_room),
        TEST(a_worker_that_drops_on_others_is_never_refused),
        TEST(an_ask_whose_message_is_dropped_fails),
        TEST(the_end_of_a_watched_actor_is_never_dropped),
        TEST(who_waits_for_room_ends_in_order_when_it_is_stopped),
        TEST(a_message_in_hand_is_finished_though_it_needs_credit),
        TEST(who_waits_for_one_that_ends_goes_on),
        TEST(two_that_wait_for_each_other_are_told),
        TEST(an_ask_waits_for_room_no_longer_than_its_time),
        TEST(one_that_fills_and_crashes_again_and_again_is_bounded),
        TEST(all_mailboxes_together_are_bounded),
        TEST(a_worker_goes_on_when_another_mailbox_makes_room),
        TEST(who_waits_is_refused_when_others_take_all_the_room),
        TEST(no_more_actors_than_the_system_allows),
        TEST(workers_are_refused_by_a_host_that_does_not_listen),
        TEST(a27_drop_new_keeps_the_first_two),
        TEST(a27_drop_oldest_keeps_the_last_two),
        TEST(a27_who_waits_goes_on_when_there_is_space),
    };

    return harness_main("flow", tests, sizeof tests / sizeof tests[0]);
}

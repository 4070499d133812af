/* Full mailboxes: what is refused, dropped or waited for, and what a sender may have in hand. */
#include "noter.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

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

/* The first one is in hand as good as at once, and does not count. */
static void
two_for_one_that_is_idle_both_arrive(void **state)
{
    enum { ROUNDS = 20 };
    struct harness *h = *state;
    ward_ref b = spawn_noter(h, "b");

    for (int i = 0; i < ROUNDS; i++) {
        char id[16];
        ward_ref a;
        snprintf(id, sizeof id, "a%d", i);
        a = spawn_up(
            h, &(ward_spec){.id = id,
                            .behavior = &noter,
                            .mailbox = {.messages = 1, .when_full = WARD_DROP_OLDEST}});
        assert_result(ward_tell(h->ctx, b, FILL, a, 1, 2), 0);
        settle(h);
        assert_int_equal(ward_mailbox_dropped(h->sys, a), 0);
        assert_numbers(h, a, 1, 2);
    }
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

/* ---- the host's own mailbox ---- */

/* Tells its parent so many numbers, and answers how many it was allowed to. */
static ward_next
tell_up_receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t count, told = 0;

    if (ward_get(msg, &count) < 0)
        return WARD_UNHANDLED;
    while (told < count && ward_tell(ctx, ward_parent(ctx), NUMBER, told) == 0)
        told++;
    return ward_reply(ctx, told);
}

static const ward_behavior tell_up = {.name = "tell-up", .receive = tell_up_receive};
WARD_REGISTER(tell_up);

static int64_t
ask_to_tell_up(struct harness *h, const char *id, int64_t count)
{
    ward_ref ref = spawn_up(h, &(ward_spec){.id = id, .behavior = &tell_up});
    ward_message *reply = NULL;
    int64_t told = -1;

    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, FILL, count), 0);
    assert_int_equal(ward_get(reply, &told), 0);
    ward_message_free(reply);
    return told;
}

/* Each message takes more of the host's bounds than the frame that its credit pays for. */
static void
what_was_told_to_a_full_host_on_credit_is_not_lost(void **state)
{
    static const int64_t bounds[] = {20000, 200000, 1000000};
    struct harness *h = *state;

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        size_t before = count_mails(h, NUMBER);
        int64_t first, second;
        harness_reopen(h, &(ward_system_options){.frame_bytes = 4096,
                                                 .mailbox = {.bytes = bounds[i]}});
        first = ask_to_tell_up(h, "first", 20000);
        second = ask_to_tell_up(h, "second", 500);
        assert_in_range(first, 1000, 19999);
        assert_int_equal(second, 500);
        settle(h);
        assert_int_equal(count_mails(h, NUMBER) - before, first + second);
        assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 0);
    }
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
time_that_is_waited_for_room_is_no_time_of_the_message(void **state)
{
    struct harness *h = *state;
    struct gated a;
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 1}});
    a = spawn_gated(h, "a",
                    (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT});
    b = spawn_up(h, &(ward_spec){.id = "b", .behavior = &noter, .message_ms = 150});
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, 10), 0);
    linger(h, 600);
    assert_int_equal(count_mails(h, FILLED), 0);
    open_gate(&a);
    assert_int_equal(await_mail(h, FILLED)->number, 10);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 0);
}

static void
a_message_in_hand_is_finished_though_it_needs_credit(void **state)
{
    struct harness *h = *state;
    struct gated a;
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = 3}});
    a = spawn_gated(h, "a", (ward_mailbox_options){0});
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, KEPT), 0);
    while (ward_mailbox_count(h->sys, a.ref) < 2) /* it has begun */
        ward_run_for(h->sys, 1);
    assert_result(ward_stop(h->ctx, b), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "");
    open_gate(&a);
    settle(h);
    assert_numbers(h, a.ref, 0, KEPT);
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

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_worker_is_refused_and_what_it_sent_before_is_handled),
        TEST(many_more_than_its_credit_arrive_where_there_is_room),
        TEST(a_worker_that_drops_on_others_is_never_refused),
        TEST(an_ask_whose_message_is_dropped_fails),
        TEST(the_end_of_a_watched_actor_is_never_dropped),
        TEST(what_was_told_to_a_full_host_on_credit_is_not_lost),
        TEST(who_waits_for_room_ends_in_order_when_it_is_stopped),
        TEST(a_message_in_hand_is_finished_though_it_needs_credit),
        TEST(time_that_is_waited_for_room_is_no_time_of_the_message),
        TEST(who_waits_for_one_that_ends_goes_on),
        TEST(two_that_wait_for_each_other_are_told),
        TEST(an_ask_waits_for_room_no_longer_than_its_time),
        TEST(a27_drop_new_keeps_the_first_two),
        TEST(a27_drop_oldest_keeps_the_last_two),
        TEST(two_for_one_that_is_idle_both_arrive),
        TEST(a27_who_waits_goes_on_when_there_is_space),
    };

    return harness_main("flow", tests, sizeof tests / sizeof tests[0]);
}

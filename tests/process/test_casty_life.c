/* The rows of casty's own tests about the life of actors and of the system, A11 to A25. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    WORK,
    GET_COUNT,
    STOP_YOURSELF,
    SPAWN_CHILD,
    TO_CHILD,
    DOUBLE,
    SILENCE,
    NEXT_COLOR,
    IGNORE,
};
enum { STARTED = 100, ENDED, HANDLED, COLOR };

struct actor {
    int64_t count;
    ward_ref child;
};

static int
tell_started(ward_ctx *ctx)
{
    struct actor *self = ward_state(ctx);

    self->count = 10;
    return ward_tell(ctx, host_of(ctx), STARTED, ward_path(ctx));
}

static void
tell_ended(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), ENDED, ward_path(ctx));
}

static ward_next blue(ward_ctx *ctx, const ward_message *msg);

static ward_next
red(ward_ctx *ctx, const ward_message *msg)
{
    struct actor *self = ward_state(ctx);

    (void)msg;
    ward_tell(ctx, host_of(ctx), COLOR, ++self->count, "red");
    return ward_become(ctx, blue);
}

static ward_next
blue(ward_ctx *ctx, const ward_message *msg)
{
    struct actor *self = ward_state(ctx);

    (void)msg;
    ward_tell(ctx, host_of(ctx), COLOR, ++self->count, "blue");
    return ward_become(ctx, red);
}

static ward_next spawn_child(ward_ctx *ctx, const ward_message *msg);

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    struct actor *self = ward_state(ctx);
    int64_t number;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        self->count++;
        return ward_tell(ctx, host_of(ctx), HANDLED, number, ward_path(ctx));
    case GET_COUNT:
        return ward_reply(ctx, self->count);
    case STOP_YOURSELF:
        return WARD_STOP;
    case SPAWN_CHILD:
        return spawn_child(ctx, msg);
    case TO_CHILD:
        return ward_tell(ctx, self->child, WORK, 1);
    case DOUBLE:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_reply(ctx, 2 * number);
    case NEXT_COLOR:
        return red(ctx, msg);
    case SILENCE:
    case IGNORE:
        return WARD_SAME;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior actor = {.name = "actor",
                                    .state_size = sizeof(struct actor),
                                    .receive = receive,
                                    .pre_start = tell_started,
                                    .post_stop = tell_ended};
WARD_REGISTER(actor);

static ward_next
spawn_child(ward_ctx *ctx, const ward_message *msg)
{
    struct actor *self = ward_state(ctx);
    const char *id;
    int result;

    if (ward_get(msg, &id) < 0)
        return WARD_UNHANDLED;
    result =
        ward_spawn(ctx, &self->child,
                   &(ward_spec){.id = id, .behavior = &actor, .args = ward_args(ctx)});
    return result < 0 ? result : ward_done(ctx);
}

static ward_ref
spawn_actor(struct harness *h, const char *id)
{
    return spawn(h, &(ward_spec){.id = id, .behavior = &actor});
}

static void
ask_to_spawn(struct harness *h, ward_ref parent, const char *id)
{
    ward_message *reply = NULL;

    assert_result(ward_ask(h->ctx, parent, &reply, DEADLINE_MS, SPAWN_CHILD, id), 0);
    ward_message_free(reply);
}

/* ---- A11 to A18 ---- */

static void
A11_hooks_run_in_order_start_and_stop(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");

    ward_tell(h->ctx, ref, STOP_YOURSELF);
    assert_true(await_mail(h, STARTED)->order < await_mail(h, ENDED)->order);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_NORMAL);
    assert_int_equal(count_mails(h, STARTED), 1);
    assert_int_equal(count_mails(h, ENDED), 1);
}

static void
A12_post_stop_runs_on_a_stop_from_outside(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &actor});
    const struct record *r;

    assert_result(ward_stop(h->ctx, ref), 0);
    assert_string_equal(await_mail(h, ENDED)->text, "/a");
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(r->end, WARD_END_STOPPED);
    assert_string_equal(r->text, "stopped");
}

static void
A13_pre_start_sets_the_state_up(void **state)
{
    struct harness *h = *state;

    assert_int_equal(ask_number(h, spawn_actor(h, "a"), GET_COUNT), 10);
}

static void
A14_actor_stops_itself(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");
    const struct record *r;

    ward_tell(h->ctx, ref, STOP_YOURSELF);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_int_equal(r->end, WARD_END_NORMAL);
    assert_string_equal(r->text, "normal");
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_result(ward_tell(h->ctx, ref, WORK, 1), -WARD_EUNKNOWN);
}

static void
A15_parent_spawns_by_message_and_reaches_its_child(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "parent");

    ask_to_spawn(h, ref, "child");
    ward_tell(h->ctx, ref, TO_CHILD);
    assert_string_equal(await_mail(h, HANDLED)->text, "/parent/child");
    assert_int_equal(ask_number(h, find(h, "/parent/child"), GET_COUNT), 11);
}

static void
A16_children_stop_with_their_parent(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "parent");
    ward_ref none;

    ask_to_spawn(h, ref, "first");
    ask_to_spawn(h, ref, "second");
    ward_stop(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/parent");
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, NULL), 3);
    settle(h);
    /* In reverse order of their start, the parent last. */
    assert_string_equal(await_mail(h, ENDED)->text, "/parent/second");
    assert_string_equal(await_mail(h, ENDED)->text, "/parent/first");
    assert_string_equal(await_mail(h, ENDED)->text, "/parent");
    assert_result(ward_lookup(h->ctx, "/parent/first", &none), -ENOENT);
}

static void
A17_watcher_is_told_exactly_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");
    const struct mail *m;

    assert_result(ward_watch(h->ctx, ref), 0);
    assert_result(ward_watch(h->ctx, ref), 0);
    ward_tell(h->ctx, ref, STOP_YOURSELF);
    m = await_mail(h, WARD_TERMINATED);
    assert_true(ward_ref_equal(m->ended.actor, ref));
    assert_string_equal(m->ended.path, "/a");
    assert_int_equal(m->ended.end, WARD_END_NORMAL);
    assert_string_equal(m->ended.reason, "normal");
    assert_int_equal(m->ended.cause, -1);
    assert_string_equal(m->ended.failure, "");
    settle(h);
    assert_int_equal(count_mails(h, WARD_TERMINATED), 1);
}

static void
A18_start_and_stop_are_events(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");
    const struct record *started = await_event(h, WARD_EVENT_STARTED, "/a");
    const struct record *stopped;

    ward_tell(h->ctx, ref, STOP_YOURSELF);
    stopped = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_true(ward_ref_equal(started->actor, ref));
    assert_true(ward_ref_equal(stopped->actor, ref));
    assert_true(started->order < stopped->order);
    assert_int_equal(h->event_count, 2);
}

/* ---- A19 to A25 ---- */

static void
A19_dead_letter_carries_the_message(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_actor(h, "a");
    const struct record *r;

    ward_tell(h->ctx, a, STOP_YOURSELF);
    ward_tell(h->ctx, a, WORK, 4711);
    r = await_letter(h, WARD_LETTER_STOPPED, "/a");
    assert_int_equal(r->message.type, WORK);
    assert_int_equal(r->message.number, 4711);
    assert_true(ward_ref_equal(r->actor, a));
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_result(ward_tell(h->ctx, a, WORK, 1), -WARD_EUNKNOWN);
}

static void
stop_with_mail(struct harness *h, const ward_system_options *options)
{
    ward_ref ref;

    harness_reopen(h, options);
    ref = spawn_actor(h, "a");
    for (int i = 0; i < 1000; i++)
        assert_result(ward_tell(h->ctx, ref, IGNORE, i), 0);
    harness_stop(h, 0);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/a"), 1);
}

static void
A20_quiet_stop_makes_no_dead_letters(void **state)
{
    struct harness *h = *state;

    stop_with_mail(h, &(ward_system_options){.quiet_stop = true});
    assert_no_event(h, WARD_EVENT_DEAD_LETTER, NULL);
}

static void
A20_stop_makes_dead_letters_of_what_is_queued(void **state)
{
    struct harness *h = *state;

    stop_with_mail(h, NULL);
    assert_true(count_letters(h, WARD_LETTER_STOPPED, "/a") > 0);
    assert_int_equal(count_letters(h, WARD_LETTER_STOPPED, "/a"),
                     count_events(h, WARD_EVENT_DEAD_LETTER, NULL));
}

static void
A21_messages_are_handled_in_order(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");

    for (int i = 0; i < 2000; i++)
        assert_result(ward_tell(h->ctx, ref, WORK, i), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(await_mail(h, HANDLED)->number, i);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 2000);
}

static void
A22_become_changes_what_is_done_and_keeps_the_state(void **state)
{
    static const char *const colors[] = {"red", "blue", "red"};
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");

    for (int i = 0; i < 3; i++)
        ward_tell(h->ctx, ref, NEXT_COLOR);
    for (int i = 0; i < 3; i++) {
        const struct mail *m = await_mail(h, COLOR);
        assert_string_equal(m->text, colors[i]);
        assert_int_equal(m->number, 11 + i);
    }
}

static void
A23_ignored_message_keeps_the_actor_alive(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");

    for (int i = 0; i < 3; i++)
        ward_tell(h->ctx, ref, IGNORE);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 10);
    assert_no_event(h, WARD_EVENT_DEAD_LETTER, NULL);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
A24_answer_of_an_ask_is_the_actors(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");
    ward_message *reply = NULL;
    int number = 0;

    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, DOUBLE, 1), 0);
    assert_int_equal(ward_message_type(reply), WARD_REPLY);
    assert_int_equal(ward_message_count(reply), 1);
    assert_result(ward_get(reply, &number), 0);
    assert_int_equal(number, 2);
    ward_message_free(reply);
}

static void
A24_ask_without_an_answer_times_out(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a");
    ward_message *const untouched = (ward_message *)&ref;
    ward_message *reply = untouched;
    int64_t start = now_ms();

    assert_result(ward_ask(h->ctx, ref, &reply, 100, SILENCE), -ETIMEDOUT);
    assert_ptr_equal(reply, untouched);
    assert_in_range(now_ms() - start, 100, 5000);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 10);
}

static void
A24_lookup_finds_who_lives(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a"), found = {7, 7};

    assert_result(ward_lookup(h->ctx, "/a", &found), 0);
    assert_true(ward_ref_equal(found, ref));
    found = (ward_ref){7, 7};
    assert_result(ward_lookup(h->ctx, "/b", &found), -ENOENT);
    assert_int_equal(found.id, 7);
}

static void
A24_shutdown_stops_all(void **state)
{
    struct harness *h = *state;
    ward_ref parent = spawn_actor(h, "a");

    ask_to_spawn(h, parent, "child");
    spawn_actor(h, "b");
    harness_stop(h, 0);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/a/child"), 1);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/a"), 1);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/b"), 1);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
    assert_int_equal(count_mails(h, ENDED), count_mails(h, STARTED));
}

static void
A25_lookup_goes_down_the_tree(void **state)
{
    struct harness *h = *state;
    ward_ref root = spawn_actor(h, "root"), none;

    ask_to_spawn(h, root, "mid");
    ask_to_spawn(h, find(h, "/root/mid"), "leaf");
    ward_tell(h->ctx, find(h, "/root/mid/leaf"), WORK, 1);
    assert_string_equal(await_mail(h, HANDLED)->text, "/root/mid/leaf");
    assert_result(ward_lookup(h->ctx, "/root/mid/none", &none), -ENOENT);
    assert_result(ward_lookup(h->ctx, "/root/leaf", &none), -ENOENT);
    assert_result(ward_lookup(h->ctx, "root", &none), -ENOENT);
    assert_result(ward_lookup(h->ctx, "", &none), -ENOENT);
    assert_result(ward_lookup(h->ctx, "/root/", &none), -ENOENT);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(A11_hooks_run_in_order_start_and_stop),
        TEST(A12_post_stop_runs_on_a_stop_from_outside),
        TEST(A13_pre_start_sets_the_state_up),
        TEST(A14_actor_stops_itself),
        TEST(A15_parent_spawns_by_message_and_reaches_its_child),
        TEST(A16_children_stop_with_their_parent),
        TEST(A17_watcher_is_told_exactly_once),
        TEST(A18_start_and_stop_are_events),
        TEST(A19_dead_letter_carries_the_message),
        TEST(A20_quiet_stop_makes_no_dead_letters),
        TEST(A20_stop_makes_dead_letters_of_what_is_queued),
        TEST(A21_messages_are_handled_in_order),
        TEST(A22_become_changes_what_is_done_and_keeps_the_state),
        TEST(A23_ignored_message_keeps_the_actor_alive),
        TEST(A24_answer_of_an_ask_is_the_actors),
        TEST(A24_ask_without_an_answer_times_out),
        TEST(A24_lookup_finds_who_lives),
        TEST(A24_shutdown_stops_all),
        TEST(A25_lookup_goes_down_the_tree),
    };

    return harness_main("casty_life", tests, sizeof tests / sizeof tests[0]);
}

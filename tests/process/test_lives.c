/* Lives: references, names, watches, stop, drain and kill, and in which order it is told. */
#include "harness.h"

#include <errno.h>

enum { WORK, CRASH, STOP, SPAWN, SLOW, STOP_WITH_REASON, WATCH, ASK_ME };
enum { HANDLED = 100, ENDED, TOLD };

static ward_next receive(ward_ctx *ctx, const ward_message *msg);

static void
tell_ended(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), ENDED, ward_path(ctx));
}

static const ward_behavior actor = {
    .name = "actor", .receive = receive, .post_stop = tell_ended};
WARD_REGISTER(actor);

/* Until the host answers. */
static ward_next
wait_for_host(ward_ctx *ctx)
{
    ward_message *reply = NULL;
    int result = ward_ask(ctx, host_of(ctx), &reply, WARD_INFINITE, ASK_ME);

    ward_message_free(reply);
    return result < 0 && result != -ECANCELED ? result : WARD_SAME;
}

static ward_next
spawn_child(ward_ctx *ctx, const ward_message *msg)
{
    const char *id;
    ward_ref ref;
    int result;

    if (ward_get(msg, &id) < 0)
        return WARD_UNHANDLED;
    result = ward_spawn(
        ctx, &ref, &(ward_spec){.id = id, .behavior = &actor, .args = ward_args(ctx)});
    return result < 0 ? result : ward_done(ctx);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;
    ward_ref ref;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_get(msg, &number) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, host_of(ctx), HANDLED, number);
    case CRASH:
        return *(volatile int *)0;
    case STOP:
        return WARD_STOP;
    case STOP_WITH_REASON:
        return ward_stop_self(ctx, "had enough");
    case SLOW:
        return wait_for_host(ctx);
    case SPAWN:
        return spawn_child(ctx, msg);
    case WATCH:
        return ward_get(msg, &ref) < 0 ? WARD_UNHANDLED : ward_watch(ctx, ref);
    case WARD_TERMINATED:
        return ward_tell(ctx, host_of(ctx), TOLD, ward_path(ctx));
    }
    return WARD_UNHANDLED;
}

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);
static const ward_strategy once = {.name = "once", .max_restarts = 1};
WARD_REGISTER(once);

static ward_ref
spawn_actor(struct harness *h, const char *id, const ward_strategy *strategy)
{
    return spawn(h, &(ward_spec){.id = id, .behavior = &actor, .strategy = strategy});
}

static void
ask_to_spawn(struct harness *h, ward_ref parent, const char *id)
{
    ward_message *reply = NULL;

    assert_result(ward_ask(h->ctx, parent, &reply, DEADLINE_MS, SPAWN, id), 0);
    ward_message_free(reply);
    settle(h);
}

/* ---- references and names (rows 41 to 43) ---- */

static void
reference_never_reaches_a_later_actor_of_that_name(void **state)
{
    struct harness *h = *state;
    ward_ref first = spawn_actor(h, "a", NULL), second;

    ward_tell(h->ctx, first, STOP);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    second = spawn_actor(h, "a", NULL);
    assert_false(ward_ref_equal(first, second));
    assert_result(ward_tell(h->ctx, first, WORK, 1), -WARD_EUNKNOWN);
    assert_result(ward_tell(h->ctx, second, WORK, 2), 0);
    assert_int_equal(await_mail(h, HANDLED)->number, 2);
    await_letter(h, WARD_LETTER_UNKNOWN, NULL);
}

static void
reference_and_mailbox_outlive_a_restart(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", &always);

    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, WORK, 1);
    assert_int_equal(await_mail(h, HANDLED)->number, 1);
    assert_true(ward_ref_equal(find(h, "/a"), ref));
}

static void
children_of_a_restarted_parent_are_new_actors(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", &always), old;

    ask_to_spawn(h, ref, "child");
    old = find(h, "/a/child");
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_result(ward_tell(h->ctx, old, WORK, 1), -WARD_EUNKNOWN);
    ask_to_spawn(h, ref, "child");
    assert_false(ward_ref_equal(find(h, "/a/child"), old));
}

static void
name_is_unique_among_living_siblings(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);

    assert_result(ward_spawn(h->ctx, &ref, &(ward_spec){.id = "a", .behavior = &actor}),
                  -EEXIST);
    assert_result(ward_spawn(h->ctx, &ref, &(ward_spec){.id = "a/b", .behavior = &actor}),
                  -EINVAL);
    ask_to_spawn(h, ref, "a");
    assert_false(ward_ref_equal(find(h, "/a/a"), ref));
}

static void
spawn_again(struct harness *h, const ward_message *msg)
{
    ward_ref ref;

    if (ward_message_type(msg) == WARD_TERMINATED && h->user == NULL) {
        h->user = h;
        assert_result(
            ward_spawn(h->ctx, &ref, &(ward_spec){.id = "a", .behavior = &actor}), 0);
    }
}

static void
name_is_free_when_its_end_is_told(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);

    h->on_mail = spawn_again;
    ward_watch(h->ctx, ref);
    ward_tell(h->ctx, ref, STOP);
    await_mail(h, WARD_TERMINATED);
    await_event(h, WARD_EVENT_STARTED, "/a");
    await_event(h, WARD_EVENT_STARTED, "/a");
}

/* ---- stop, drain, kill (rows 44 and 45) ---- */

static void
stop_overtakes_what_lies_in_the_socket(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);

    ward_tell(h->ctx, ref, SLOW);
    for (int i = 0; i < 100; i++)
        ward_tell(h->ctx, ref, WORK, i);
    await_mail(h, ASK_ME);
    ward_stop(h->ctx, ref);
    for (int i = 0; i < 100; i++)
        assert_int_equal(await_letter(h, WARD_LETTER_STOPPED, "/a")->message.number, i);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_STOPPED);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 0);
    assert_int_equal(count_mails(h, ENDED), 1);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
drain_comes_behind_what_was_sent(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);
    const struct record *r;

    for (int i = 0; i < 100; i++)
        ward_tell(h->ctx, ref, WORK, i);
    assert_result(ward_drain(h->ctx, ref), 0);
    ward_tell(h->ctx, ref, WORK, 100);
    r = await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_string_equal(r->text, "drained");
    assert_int_equal(count_mails(h, HANDLED), 100);
    assert_int_equal(await_letter(h, WARD_LETTER_STOPPED, NULL)->message.number, 100);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

/* What was queued is thrown away, so nothing was drained, whichever of the two came first. */
static void
end_with_a_stop_and_a_drain_is_a_stop(void **state)
{
    struct harness *h = *state;

    for (int drained_first = 0; drained_first < 2; drained_first++) {
        ward_ref ref = spawn_actor(h, "a", NULL);

        ward_tell(h->ctx, ref, SLOW);
        ward_tell(h->ctx, ref, WORK, 1);
        await_mail(h, ASK_ME);
        if (drained_first)
            ward_drain(h->ctx, ref);
        ward_stop(h->ctx, ref);
        if (!drained_first)
            ward_drain(h->ctx, ref);
        await_letter(h, WARD_LETTER_STOPPED, "/a");
        assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "stopped");
    }
}

static void
kill_is_decided_and_counted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", &once);
    const struct mail *m;

    ward_watch(h->ctx, ref);
    ward_kill(h->ctx, ref);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    ward_kill(h->ctx, ref);
    m = await_mail(h, WARD_TERMINATED);
    assert_int_equal(m->ended.end, WARD_END_KILLED);
    assert_string_equal(m->ended.reason, "limit");
    assert_int_equal(m->ended.cause, WARD_CAUSE_KILLED);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 2);
}

static void
children_end_before_the_parent_in_reverse(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);
    static const char *const paths[] = {"/a/z", "/a/y", "/a/x", "/a"};

    ask_to_spawn(h, ref, "x");
    ask_to_spawn(h, ref, "y");
    ask_to_spawn(h, ref, "z");
    ward_stop(h->ctx, ref);
    ward_tell(h->ctx, ref, WORK, 1); /* is not handled meanwhile */
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    for (int i = 0; i < 4; i++)
        assert_string_equal(await_mail(h, ENDED)->text, paths[i]);
    assert_int_equal(count_mails(h, HANDLED), 0);
}

/* ---- watching (row 46) ---- */

static void
watch_tells_the_end_but_no_restart(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", &once);
    const struct mail *m;

    ward_watch(h->ctx, ref);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, WARD_TERMINATED), 0);
    ward_tell(h->ctx, ref, CRASH);
    m = await_mail(h, WARD_TERMINATED);
    assert_int_equal(m->ended.end, WARD_END_FAILURE);
    assert_string_equal(m->ended.reason, "limit");
    assert_int_equal(m->ended.cause, WARD_CAUSE_SIGNAL);
    assert_string_not_equal(m->ended.failure, "");
}

static void
watch_of_one_that_ended_tells_at_once(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);

    ward_tell(h->ctx, ref, STOP);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_result(ward_watch(h->ctx, ref), 0);
    assert_true(ward_ref_equal(await_mail(h, WARD_TERMINATED)->ended.actor, ref));
    settle(h);
    assert_int_equal(count_mails(h, WARD_TERMINATED), 1);
}

static void
nothing_comes_after_unwatch(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);

    ward_watch(h->ctx, ref);
    assert_result(ward_unwatch(h->ctx, ref), 0);
    ward_tell(h->ctx, ref, STOP);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    settle(h);
    assert_int_equal(count_mails(h, WARD_TERMINATED), 0);
}

static void
watch_of_a_worker_ends_with_its_incarnation(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_actor(h, "a", &always), b = spawn_actor(h, "b", NULL),
             c = spawn_actor(h, "c", NULL);

    ward_tell(h->ctx, a, WATCH, b);
    ward_tell(h->ctx, c, WATCH, b);
    ward_tell(h->ctx, a, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    settle(h);
    ward_tell(h->ctx, b, STOP);
    assert_string_equal(await_mail(h, TOLD)->text, "/c");
    settle(h);
    assert_int_equal(count_mails(h, TOLD), 1);
}

static void
reason_of_its_own_is_told(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);
    const struct mail *m;

    ward_watch(h->ctx, ref);
    ward_tell(h->ctx, ref, STOP_WITH_REASON);
    m = await_mail(h, WARD_TERMINATED);
    assert_int_equal(m->ended.end, WARD_END_NORMAL);
    assert_string_equal(m->ended.reason, "had enough");
}

/* ---- order, run, the host (rows 49 to 51) ---- */

static void
events_of_an_end_come_in_order(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_actor(h, "a", NULL);
    const struct record *failed, *poison, *letter, *stopped;

    ward_watch(h->ctx, ref);
    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, WORK, 1);
    failed = await_event(h, WARD_EVENT_FAILED, "/a");
    poison = await_letter(h, WARD_LETTER_POISON, "/a");
    letter = await_letter(h, WARD_LETTER_STOPPED, "/a");
    stopped = await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_true(failed->order < poison->order);
    assert_true(poison->order < letter->order);
    assert_true(letter->order < stopped->order);
    assert_true(stopped->order < await_mail(h, WARD_TERMINATED)->order);
}

static void
run_for_times_out_while_it_runs(void **state)
{
    struct harness *h = *state;

    spawn_actor(h, "a", NULL);
    assert_result(ward_run_for(h->sys, 20), -ETIMEDOUT);
    assert_null(ward_system_failure(h->sys));
    harness_stop(h, 0);
}

static void
message_to_a_host_without_on_message_is_unhandled(void **state)
{
    struct harness *h = *state;
    ward_system_options options = harness_options(h, NULL);
    ward_ref ref;

    options.on_message = NULL;
    ward_system_free(h->sys);
    assert_result(ward_system_new(&h->sys, &options), 0);
    h->ctx = ward_system_ctx(h->sys);
    h->self = ward_self(h->ctx);
    ref = spawn_actor(h, "a", NULL);
    ward_tell(h->ctx, ref, WORK, 7);
    assert_int_equal(await_letter(h, WARD_LETTER_UNHANDLED, "/")->message.number, 7);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(reference_never_reaches_a_later_actor_of_that_name),
        TEST(reference_and_mailbox_outlive_a_restart),
        TEST(children_of_a_restarted_parent_are_new_actors),
        TEST(name_is_unique_among_living_siblings),
        TEST(name_is_free_when_its_end_is_told),
        TEST(stop_overtakes_what_lies_in_the_socket),
        TEST(drain_comes_behind_what_was_sent),
        TEST(end_with_a_stop_and_a_drain_is_a_stop),
        TEST(kill_is_decided_and_counted),
        TEST(children_end_before_the_parent_in_reverse),
        TEST(watch_tells_the_end_but_no_restart),
        TEST(watch_of_one_that_ended_tells_at_once),
        TEST(nothing_comes_after_unwatch),
        TEST(watch_of_a_worker_ends_with_its_incarnation),
        TEST(reason_of_its_own_is_told),
        TEST(events_of_an_end_come_in_order),
        TEST(run_for_times_out_while_it_runs),
        TEST(message_to_a_host_without_on_message_is_unhandled),
    };

    return harness_main("lives", tests, sizeof tests / sizeof tests[0]);
}

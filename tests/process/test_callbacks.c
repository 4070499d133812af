/* Callbacks: never inside a call of the host's (row 8), and what may be done in one, free too. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { WORK, CRASH, HOLD, BACK };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    char byte;

    switch (ward_message_type(msg)) {
    case WORK:
        if (ward_sender(msg).id != 0)
            return ward_reply(ctx, 1);
        return ward_tell(ctx, ward_parent(ctx), BACK);
    case CRASH:
        return *(volatile int *)0;
    case HOLD: /* until the host writes */
        return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior actor = {.name = "actor", .receive = receive};
WARD_REGISTER(actor);

static ward_directive
escalate(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_ESCALATE;
}

static const ward_strategy upwards = {.name = "upwards", .decider = escalate};
WARD_REGISTER(upwards);

static const ward_ref nobody = {7, 7};

static unsigned answers;

static ward_next
count_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)status;
    (void)reply;
    (void)user;
    answers++;
    return WARD_SAME;
}

/* ---- never inside a call (row 8) ---- */

/* How many callbacks there were. */
static uint64_t
called(const struct harness *h)
{
    return h->order + h->room_count + answers;
}

/* The call's result; no callback came inside it. */
#define QUIETLY(h, call) quietly((h), called(h), (call), #call)

static int64_t
quietly(struct harness *h, uint64_t before, int64_t result, const char *what)
{
    if (called(h) != before)
        fail_with_log(h, "a callback came inside %s", what);
    return result;
}

static void
no_callback_comes_inside_a_call(void **state)
{
    struct harness *h = *state;
    ward_ctx *ctx = h->ctx;
    ward_spec spec = {.id = "a", .behavior = &actor};
    ward_ref ref, found;

    answers = 0;
    assert_result(QUIETLY(h, ward_tell(ctx, nobody, WORK)), -WARD_EUNKNOWN);
    assert_result(QUIETLY(h, ward_tell(ctx, h->self, BACK)), 0);
    assert_result(QUIETLY(h, ward_watch(ctx, nobody)), 0);
    assert_result(QUIETLY(h, ward_spawn(ctx, &ref, &spec)), 0);
    assert_result(QUIETLY(h, ward_wait_up(h->sys, ref, DEADLINE_MS)), 0);
    assert_result(QUIETLY(h, ward_ask_then(ctx, ref, 5000, count_answer, NULL, WORK)), 0);
    assert_result(QUIETLY(h, ward_watch(ctx, ref)), 0);
    assert_int_equal(QUIETLY(h, ask_number(h, ref, WORK)), 1);
    assert_result(QUIETLY(h, ward_restart(ctx, ref)), 0);
    assert_result(QUIETLY(h, ward_kill(ctx, ref)), 0);
    assert_result(QUIETLY(h, ward_flush(ctx)), 0);
    assert_result(QUIETLY(h, ward_lookup(ctx, "/a", &found)), 0);
    assert_true(QUIETLY(h, ward_mailbox_count(h->sys, ref)) >= 0);
    assert_true(QUIETLY(h, ward_process_id(h->sys, ref)) >= 0);
    assert_result(QUIETLY(h, ward_stop(ctx, ref)), 0);
    assert_int_equal(called(h), 0); /* all of it is still to come */
    await_letter(h, WARD_LETTER_UNKNOWN, NULL);
    await_mail(h, BACK);
    assert_string_equal(await_mail(h, WARD_TERMINATED)->ended.reason, "unknown");
    await_event(h, WARD_EVENT_STARTED, "/a");
    await_event(h, WARD_EVENT_STOPPED, "/a");
    await_mail(h, WARD_TERMINATED);
    assert_int_equal(answers, 1);
    assert_result(QUIETLY(h, ward_system_stop(h->sys)), 0);
}

static void
kill_and_stop_of_one_that_has_ended_call_nothing(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &actor});

    ward_stop(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_result(QUIETLY(h, ward_kill(h->ctx, ref)), -WARD_EUNKNOWN);
    assert_result(QUIETLY(h, ward_stop(h->ctx, ref)), -WARD_EUNKNOWN);
    assert_result(QUIETLY(h, ward_watch(h->ctx, ref)), 0);
    assert_true(ward_ref_equal(await_mail(h, WARD_TERMINATED)->ended.actor, ref));
}

/* ---- they show at the descriptor ---- */

static bool
is_readable(struct harness *h, int timeout_ms)
{
    struct pollfd p = {.fd = ward_system_fd(h->sys), .events = POLLIN};

    return poll(&p, 1, timeout_ms) == 1;
}

/* Until the descriptor is quiet: it may be readable once for nothing. */
static void
dispatch_all(struct harness *h)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (is_readable(h, 0) && now_ms() < deadline)
        assert_result(ward_system_dispatch(h->sys), 0);
    assert_false(is_readable(h, 0));
}

static void
what_a_call_made_due_shows_at_the_descriptor(void **state)
{
    struct harness *h = *state;

    dispatch_all(h);
    assert_result(ward_tell(h->ctx, nobody, WORK), -WARD_EUNKNOWN);
    assert_true(is_readable(h, DEADLINE_MS));
    dispatch_all(h);
    assert_int_equal(count_letters(h, WARD_LETTER_UNKNOWN, NULL), 1);
    assert_result(ward_tell(h->ctx, h->self, BACK), 0);
    assert_true(is_readable(h, DEADLINE_MS));
    dispatch_all(h);
    assert_int_equal(count_mails(h, BACK), 1);
    assert_result(ward_watch(h->ctx, nobody), 0);
    assert_true(is_readable(h, DEADLINE_MS));
    dispatch_all(h);
    assert_int_equal(count_mails(h, WARD_TERMINATED), 1);
}

static void
what_came_during_a_wait_shows_at_the_descriptor(void **state)
{
    struct harness *h = *state;

    spawn_up(h, &(ward_spec){.id = "a", .behavior = &actor});
    assert_int_equal(h->order, 0); /* callbacks wait */
    assert_true(is_readable(h, DEADLINE_MS));
    assert_result(ward_system_dispatch(h->sys), 0);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, "/a"), 1);
}

/* A deadline that was met is none any more, also for who sleeps in a loop of his own. */
static void
nothing_shows_at_the_descriptor_when_nothing_is_due(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &actor});
    unsigned before = answers;

    linger(h, 100); /* the processes that are made ahead are there */
    assert_result(ward_ask_then(h->ctx, ref, 200, count_answer, NULL, WORK), 0);
    while (answers == before) {
        assert_true(is_readable(h, DEADLINE_MS));
        assert_result(ward_system_dispatch(h->sys), 0);
    }
    dispatch_all(h);
    assert_false(is_readable(h, 400));
}

/* ---- not one inside another ---- */

static int depth, deepest;

/* Each makes the next one due; and none of the calls that wait is allowed. */
static void
go_on(struct harness *h, const ward_event *event)
{
    ward_message *reply = NULL;
    int *results = h->user;

    (void)event;
    if (++depth > deepest)
        deepest = depth;
    ward_tell(h->ctx, nobody, WORK);
    results[0] = ward_system_dispatch(h->sys);
    results[1] = ward_run(h->sys);
    results[2] = ward_run_for(h->sys, 10);
    results[3] = ward_settle(h->sys, 10);
    results[4] = ward_wait_up(h->sys, nobody, 10);
    results[5] = ward_ask(h->ctx, nobody, &reply, 10, WORK);
    depth--;
}

static void
callbacks_do_not_nest_and_one_dispatch_ends(void **state)
{
    struct harness *h = *state;
    int results[6] = {0};

    depth = deepest = 0;
    h->on_event = go_on;
    h->user = results;
    ward_tell(h->ctx, nobody, WORK);
    for (int i = 0; i < 50; i++) {
        size_t before = h->event_count;
        assert_true(is_readable(h, DEADLINE_MS));
        assert_result(ward_system_dispatch(h->sys), 0);
        assert_true(h->event_count <= before + 1); /* the next is for the next one */
    }
    assert_true(h->event_count >= 40);
    assert_int_equal(deepest, 1);
    for (int i = 0; i < 6; i++)
        assert_result(results[i], -EDEADLK);
    h->on_event = NULL;
}

/* ---- freeing (system.h) ---- */

enum kind { EVENT, MESSAGE, REPLY, ROOM, KINDS };
enum way { DISPATCH, RUN, RUN_FOR, SETTLE, WAYS };

static struct {
    ward_system *sys;
    enum kind wanted;
    int freed;    /* in that callback */
    int too_late; /* callbacks after it */
    int path_was; /* the context still stood */
    int told;     /* and what a verb said */
} scene;

static void
meet(enum kind kind, ward_ctx *ctx)
{
    if (scene.freed > 0)
        scene.too_late++;
    if (kind != scene.wanted || scene.freed > 0)
        return;
    scene.freed++;
    ward_system_free(scene.sys);
    ward_system_free(scene.sys); /* once more is no more */
    scene.path_was = strcmp(ward_path(ctx), "/") == 0;
    scene.told = ward_tell(ctx, nobody, WORK);
}

static void
meet_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    (void)event;
    (void)user;
    meet(EVENT, ctx);
}

static void
meet_message(ward_ctx *ctx, const ward_message *msg, void *user)
{
    (void)msg;
    (void)user;
    meet(MESSAGE, ctx);
}

static ward_next
meet_reply(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)status;
    (void)reply;
    (void)user;
    meet(REPLY, ctx);
    return WARD_SAME;
}

static void
meet_room(ward_ctx *ctx, ward_ref ref, void *user)
{
    (void)ref;
    (void)user;
    meet(ROOM, ctx);
}

/* A system in which something of every kind is about to be called back. */
static void
open_scene(struct harness *h, enum kind wanted, int pipe_end)
{
    ward_system_options options = {
        .on_event = meet_event, .on_message = meet_message, .on_room = meet_room};
    ward_spec spec = {.id = "a", .behavior = &actor}, full = spec;
    ward_ref a, b;

    memset(&scene, 0, sizeof scene);
    scene.wanted = wanted;
    ward_system_free(h->sys);
    assert_result(ward_system_new(&h->sys, &options), 0);
    scene.sys = h->sys;
    h->ctx = ward_system_ctx(h->sys);
    assert_result(ward_spawn(h->ctx, &a, &spec), 0);
    full.id = "full";
    full.mailbox.messages = 1;
    full.fds = &pipe_end;
    full.fd_count = 1;
    assert_result(ward_spawn(h->ctx, &b, &full), 0);
    assert_result(ward_ask_then(h->ctx, a, 5000, meet_reply, NULL, WORK), 0);
    assert_result(ward_tell(h->ctx, a, WORK), 0);
    for (int i = 0; i < 3; i++)
        assert_result(ward_tell(h->ctx, nobody, WORK), -WARD_EUNKNOWN);
    assert_result(ward_wait_up(h->sys, b, DEADLINE_MS), 0);
    while (ward_tell(h->ctx, b, HOLD) == 0)
        continue;
}

static int
run_scene(ward_system *sys, enum way way)
{
    struct pollfd p = {.fd = ward_system_fd(sys), .events = POLLIN};
    int result;

    switch (way) {
    case RUN:
        return ward_run(sys);
    case RUN_FOR:
        return ward_run_for(sys, DEADLINE_MS);
    case SETTLE:
        return ward_settle(sys, DEADLINE_MS);
    default:
        while ((result = ward_system_dispatch(sys)) == 0)
            if (poll(&p, 1, DEADLINE_MS) != 1)
                return -ETIMEDOUT;
        return result;
    }
}

static void
free_in(struct harness *h, enum kind kind)
{
    /* Whether a settle waits for on_room is a question of its own: test_mailbox.c. */
    for (int way = 0; way < (kind == ROOM ? SETTLE : WAYS); way++) {
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        open_scene(h, kind, ends[0]);
        assert_int_equal(write(ends[1], "xxxxxxxxxxxxxxxx", 16), 16);
        assert_result(run_scene(h->sys, (enum way)way), way == DISPATCH ? 1 : 0);
        h->sys = NULL;
        assert_int_equal(scene.freed, 1);
        assert_int_equal(scene.too_late, 0);
        assert_true(scene.path_was);
        assert_true(scene.told < 0);
        assert_true(processes_end());
        close(ends[0]);
        close(ends[1]);
        assert_int_equal(open_descriptors(), h->descriptors_before);
    }
}

static void
system_can_be_freed_in_on_event(void **state)
{
    free_in(*state, EVENT);
}

static void
system_can_be_freed_in_on_message(void **state)
{
    free_in(*state, MESSAGE);
}

static void
system_can_be_freed_in_on_reply(void **state)
{
    free_in(*state, REPLY);
}

static void
system_can_be_freed_in_on_room(void **state)
{
    free_in(*state, ROOM);
}

static void
free_at_the_end(struct harness *h, const ward_event *event)
{
    if (event->kind == WARD_EVENT_STOPPED)
        ward_system_free(h->sys);
}

/* While it stops in order, and while it fails. */
static void
system_can_be_freed_while_it_ends(void **state)
{
    struct harness *h = *state;
    ward_ref ref;

    spawn_up(h, &(ward_spec){.id = "a", .behavior = &actor});
    spawn_up(h, &(ward_spec){.id = "b", .behavior = &actor});
    h->on_event = free_at_the_end;
    assert_result(ward_system_stop(h->sys), 0);
    assert_result(run_scene(h->sys, DISPATCH), 1);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, NULL), 1);
    h->sys = NULL;
    harness_reopen(h, NULL);
    ref = spawn_up(h, &(ward_spec){.id = "c", .behavior = &actor, .strategy = &upwards});
    ward_tell(h->ctx, ref, CRASH);
    assert_result(run_scene(h->sys, DISPATCH), 1);
    assert_int_equal(count_events(h, WARD_EVENT_STOPPED, "/c"), 1);
    h->sys = NULL;
}

/* An answer that is still to come has nobody to come to: its user may be gone, too. */
static void
answers_to_come_are_not_called_back_by_a_free(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &actor});

    answers = 0;
    for (int i = 0; i < 5; i++)
        assert_result(ward_ask_then(h->ctx, ref, 5000, count_answer, NULL, HOLD), 0);
    ward_system_free(h->sys);
    h->sys = NULL;
    assert_int_equal(answers, 0);
}

static ward_system *other;

static void
free_both(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct harness *h = user;

    (void)ctx;
    (void)event;
    ward_system_free(h->sys); /* in whose callback we are, one further out */
    ward_system_free(other);
    scene.freed++;
}

static void
dispatch_the_other(struct harness *h, const ward_message *msg)
{
    (void)msg;
    scene.told = run_scene(other, DISPATCH);
    scene.path_was = strcmp(ward_path(h->ctx), "/") == 0;
}

/* A callback of one dispatches another, and in a callback of that one both are freed. */
static void
systems_can_be_freed_in_each_others_callbacks(void **state)
{
    struct harness *h = *state;
    ward_system_options options = {.on_event = free_both, .user = h};

    memset(&scene, 0, sizeof scene);
    assert_result(ward_system_new(&other, &options), 0);
    assert_result(ward_tell(ward_system_ctx(other), nobody, WORK), -WARD_EUNKNOWN);
    h->on_mail = dispatch_the_other;
    assert_result(ward_tell(h->ctx, h->self, BACK), 0);
    assert_result(run_scene(h->sys, DISPATCH), 1);
    h->sys = NULL;
    assert_int_equal(scene.freed, 1);
    assert_result(scene.told, 1);
    assert_true(scene.path_was);
}

static void
open_a_new_one(struct harness *h, const ward_message *msg)
{
    (void)msg;
    ward_system_free(h->sys);
    scene.told = ward_system_new(&other, NULL);
}

static void
new_system_can_be_made_where_one_was_freed(void **state)
{
    struct harness *h = *state;
    ward_message *reply = NULL;
    ward_ref ref;

    memset(&scene, 0, sizeof scene);
    h->on_mail = open_a_new_one;
    assert_result(ward_tell(h->ctx, h->self, BACK), 0);
    assert_result(run_scene(h->sys, RUN), 0);
    h->sys = NULL;
    assert_result(scene.told, 0);
    assert_result(ward_spawn(ward_system_ctx(other), &ref,
                             &(ward_spec){.id = "a", .behavior = &actor}),
                  0);
    assert_result(ward_ask(ward_system_ctx(other), ref, &reply, DEADLINE_MS, WORK), 0);
    ward_message_free(reply);
    ward_system_free(other);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(no_callback_comes_inside_a_call),
        TEST(kill_and_stop_of_one_that_has_ended_call_nothing),
        TEST(what_a_call_made_due_shows_at_the_descriptor),
        TEST(what_came_during_a_wait_shows_at_the_descriptor),
        TEST(nothing_shows_at_the_descriptor_when_nothing_is_due),
        TEST(callbacks_do_not_nest_and_one_dispatch_ends),
        TEST(system_can_be_freed_in_on_event),
        TEST(system_can_be_freed_in_on_message),
        TEST(system_can_be_freed_in_on_reply),
        TEST(system_can_be_freed_in_on_room),
        TEST(system_can_be_freed_while_it_ends),
        TEST(answers_to_come_are_not_called_back_by_a_free),
        TEST(systems_can_be_freed_in_each_others_callbacks),
        TEST(new_system_can_be_made_where_one_was_freed),
    };

    return harness_main("callbacks", tests, sizeof tests / sizeof tests[0]);
}

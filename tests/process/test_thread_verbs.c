/* Verbs from many threads at once, in a flood, and in a child that one of them forked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"

/* ---- all verbs, by chance ---- */

enum { STEPS = 150, CHILDREN = 6, VERBS = 14 };

static const ward_supervisor team = {
    .group = WARD_ONE_FOR_ONE, .intensity = WARD_INFINITE, .period_ms = 60000};
WARD_REGISTER(team);

struct actor_of_chance {
    struct harness *h;
    ward_ref supervisor;
    uint32_t seed;
    int asked;    /* without waiting */
    int answered; /* written by who dispatches */
    int64_t surprise;
    int surprising_verb;
    pthread_t thread;
};

static uint32_t
chance(struct actor_of_chance *a, uint32_t below)
{
    a->seed ^= a->seed << 13;
    a->seed ^= a->seed >> 17;
    a->seed ^= a->seed << 5;
    return a->seed % below;
}

static ward_next
note_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct actor_of_chance *a = user;

    (void)ctx;
    (void)status;
    (void)reply;
    a->answered++;
    return WARD_SAME;
}

static int64_t
ask_then(struct actor_of_chance *a, ward_ref ref)
{
    int result = ward_ask_then(a->h->ctx, ref, DEADLINE_MS, note_answer, a, WHO_AM_I);

    a->asked += result == 0;
    return result;
}

static int64_t
look(struct actor_of_chance *a)
{
    ward_child children[CHILDREN];
    char text[2000];
    int result = ward_dump(a->h->sys, text, sizeof text);

    return result < 0 ? result
                      : ward_which_children(a->h->ctx, a->supervisor, children, CHILDREN);
}

static int64_t
do_verb(struct actor_of_chance *a, uint32_t verb, const char *id)
{
    ward_ctx *ctx = a->h->ctx;
    ward_ref ref = {0, 0};
    ward_child child = {.ref = {7, 7}};
    ward_spec spec = counter_spec;

    spec.id = id;
    (void)ward_which_child(ctx, a->supervisor, id, &child);
    switch (verb) {
    case 0:
    case 1:
        return ward_start_child(ctx, a->supervisor, &spec, &ref);
    case 2:
        return ward_restart_child(ctx, a->supervisor, id, &ref);
    case 3:
        return ward_terminate_child(ctx, a->supervisor, id);
    case 4:
        return ward_delete_child(ctx, a->supervisor, id);
    case 5:
        return look(a);
    case 6:
        return ward_tell(ctx, child.ref, CRASH);
    case 7:
        return ward_kill(ctx, child.ref);
    case 8:
        return ward_restart(ctx, child.ref);
    case 9:
        return ward_mailbox_count(a->h->sys, child.ref);
    case 10:
        return ward_process_id(a->h->sys, child.ref);
    case 11:
        return ask_then(a, child.ref);
    case 12:
        return ward_watch(ctx, child.ref);
    default:
        return crew_ask(a->h, child.ref, COUNT);
    }
}

/* What others did meanwhile may be told; a time that ran out, or an error of ours, may not. */
static bool
is_expected(int64_t result)
{
    static const int expected[] = {
        -ENOENT,        -WARD_EUNKNOWN,         -WARD_EALREADY_STARTED,
        -WARD_ERUNNING, -WARD_EALREADY_PRESENT, -WARD_ERESTARTING,
        -WARD_ECRASHED, -WARD_ESTOPPED};

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (result == expected[i])
            return true;
    return result >= 0;
}

static void *
act_by_chance(void *user)
{
    struct actor_of_chance *a = user;

    for (int i = 0; i < STEPS && a->surprise == 0; i++) {
        uint32_t verb = chance(a, VERBS);
        char id[] = {(char)('a' + chance(a, CHILDREN)), '\0'};
        int64_t result = do_verb(a, verb, id);

        if (!is_expected(result)) {
            a->surprise = result;
            a->surprising_verb = (int)verb;
        }
    }
    return NULL;
}

static void
all_verbs_come_from_many_threads_at_once(void **state)
{
    struct harness *h = threaded(state);
    ward_ref supervisor = spawn_up(h, &(ward_spec){.id = "team", .supervisor = &team});
    struct actor_of_chance actors[CREW];
    ward_child children[CHILDREN];

    for (int i = 0; i < CREW; i++) {
        actors[i] = (struct actor_of_chance){
            .h = h, .supervisor = supervisor, .seed = 2463534242u + (uint32_t)i * 7919};
        actors[i].thread = begin(act_by_chance, &actors[i]);
    }
    for (int i = 0; i < CREW; i++) {
        finish(actors[i].thread);
        if (actors[i].surprise != 0)
            fail_with_log(h, "verb %d gave %s", actors[i].surprising_verb,
                          ward_error_name((int)actors[i].surprise));
    }
    settle(h);
    for (int i = 0; i < CREW; i++)
        assert_int_equal(actors[i].answered, actors[i].asked);
    assert_true(ward_which_children(h->ctx, supervisor, children, CHILDREN) <= CHILDREN);
}

static void
what_a_call_has_moved_the_next_one_finds_done(void **state)
{
    struct harness *h = threaded(state);
    ward_ref supervisor = spawn_up(h, &(ward_spec){.id = "team", .supervisor = &team});
    ward_ref ref;

    for (int i = 0; i < 50; i++) {
        assert_result(ward_start_child(h->ctx, supervisor, &counter_spec, &ref), 0);
        assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
        assert_result(ward_terminate_child(h->ctx, supervisor, "counter"), 0);
        assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
        assert_result(ward_delete_child(h->ctx, supervisor, "counter"), 0);
        assert_result(ward_delete_child(h->ctx, supervisor, "counter"), -ENOENT);
    }
}

/* ---- a flood ---- */

struct flood {
    struct harness *h;
    atomic_int is_over;
    pthread_t threads[4];
};

static void *
tell_nobody(void *user)
{
    struct flood *flood = user;
    ward_ref nobody = {7, 7};

    while (!atomic_load(&flood->is_over))
        ward_tell(flood->h->ctx, nobody, COUNT);
    return NULL;
}

static void
drop_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    (void)ctx;
    (void)event;
    (void)user;
}

static void
a_run_in_a_flood_ends_when_its_time_is_over(void **state)
{
    struct harness *h = *state;
    struct flood flood = {.h = h};
    int64_t before;
    int result;

    ward_system_free(h->sys);
    h->sys = NULL;
    assert_result(
        ward_system_new(&h->sys,
                        &(ward_system_options){.threaded = true, .on_event = drop_event}),
        0);
    h->ctx = ward_system_ctx(h->sys);
    for (int i = 0; i < 4; i++)
        flood.threads[i] = begin(tell_nobody, &flood);
    before = now_ms();
    alarm(DEADLINE_MS / 1000);
    result = ward_run_for(h->sys, 100);
    alarm(0);
    atomic_store(&flood.is_over, 1);
    for (int i = 0; i < 4; i++)
        finish(flood.threads[i]);
    assert_result(result, -ETIMEDOUT);
    assert_true(now_ms() - before < DEADLINE_MS);
}

/* ---- a child that was merely forked ---- */

static void *
ask_until_told(void *user)
{
    struct flood *flood = user;

    while (!atomic_load(&flood->is_over))
        ward_settle(flood->h->sys, 1);
    return NULL;
}

/* How many calls in the child gave something else than -ECHILD; its exit code. */
static int
call_in_child(struct harness *h, ward_ref ref)
{
    ward_message *reply = NULL;
    ward_system *other;
    ward_child child;
    char text[20];
    const int64_t results[] = {
        ward_tell(h->ctx, ref, COUNT),
        ward_ask(h->ctx, ref, &reply, DEADLINE_MS, COUNT),
        ward_ask_then(h->ctx, ref, DEADLINE_MS, note_answer, NULL, COUNT),
        ward_reply(h->ctx, 1),
        ward_done(h->ctx),
        ward_flush(h->ctx),
        ward_spawn(h->ctx, &ref, &counter_spec),
        ward_stop(h->ctx, ref),
        ward_kill(h->ctx, ref),
        ward_watch(h->ctx, ref),
        ward_lookup(h->ctx, "/counter", &ref),
        ward_which_child(h->ctx, h->self, "counter", &child),
        ward_start_child(h->ctx, h->self, &counter_spec, &ref),
        ward_change(h->ctx, h->self, &team),
        ward_system_dispatch(h->sys),
        ward_run(h->sys),
        ward_run_for(h->sys, DEADLINE_MS),
        ward_settle(h->sys, DEADLINE_MS),
        ward_wait_up(h->sys, ref, DEADLINE_MS),
        ward_wait_down(h->sys, ref, DEADLINE_MS),
        ward_system_stop(h->sys),
        ward_dump(h->sys, text, sizeof text),
        ward_mailbox_count(h->sys, ref),
        ward_process_id(h->sys, ref),
        ward_early(),
        ward_system_new(&other, &(ward_system_options){.threaded = true}),
    };
    int others = ward_system_failure(h->sys) != NULL;

    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        others += results[i] != -ECHILD;
    ward_system_free(h->sys);
    return others;
}

static void
in_a_child_that_a_busy_host_forked_every_call_returns_at_once(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    struct flood flood = {.h = h};

    for (int i = 0; i < 4; i++)
        flood.threads[i] = begin(i < 2 ? ask_until_told : tell_nobody, &flood);
    for (int i = 0; i < 10; i++) {
        int status = -1;
        pid_t pid = fork();

        if (pid == 0) {
            alarm(DEADLINE_MS / 1000);
            _exit(call_in_child(h, ref));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    atomic_store(&flood.is_over, 1);
    for (int i = 0; i < 4; i++)
        finish(flood.threads[i]);
    assert_int_equal(ask_number(h, ref, COUNT), 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(all_verbs_come_from_many_threads_at_once),
        TEST(what_a_call_has_moved_the_next_one_finds_done),
        TEST(a_run_in_a_flood_ends_when_its_time_is_over),
        TEST(in_a_child_that_a_busy_host_forked_every_call_returns_at_once),
    };

    return harness_main("thread verbs", tests, sizeof tests / sizeof tests[0]);
}

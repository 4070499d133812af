/*
 * Eight threads of the host do what comes to their mind with a small tree whose workers crash by
 * chance. Every ask is answered exactly once, and in the end the tree is still and nothing is left.
 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORK = 1, TOLD = 100 };
enum { THREADS = 8, WORKERS = 4, CRASH_ONE_IN = 40, ANSWER_MS = 30000 };

/* ---- the workers ---- */

static ward_next
moody_receive(ward_ctx *ctx, const ward_message *msg)
{
    uint32_t *seed = ward_state(ctx);

    if (ward_message_type(msg) != WORK)
        return WARD_UNHANDLED;
    if (*seed == 0)
        *seed = (uint32_t)getpid() * 2654435761u | 1;
    switch (scene_random(seed) % CRASH_ONE_IN) {
    case 0:
        scene_fault();
        break;
    case 1:
        return ward_raise(ctx, "Mood", "not today");
    case 2:
        (void)ward_tell(ctx, ward_parent(ctx), TOLD);
        break;
    default:
        break;
    }
    (void)ward_reply(ctx, 1); /* whoever merely tells gets none */
    return WARD_SAME;
}

static const ward_behavior moody = {
    .name = "moody", .state_size = sizeof(uint32_t), .receive = moody_receive};
WARD_REGISTER(moody);

static const ward_spec workers[] = {{.id = "a", .behavior = &moody},
                                    {.id = "b", .behavior = &moody},
                                    {.id = "c", .behavior = &moody},
                                    {.id = "d", .behavior = &moody},
                                    {.id = NULL}};
static const ward_supervisor team = {.group = WARD_ONE_FOR_ONE,
                                     .intensity = WARD_INFINITE,
                                     .period_ms = 60000,
                                     .children = workers};
WARD_REGISTER(team);

/* ---- a thread ---- */

struct host {
    ward_system *sys;
    ward_ctx *ctx;
    ward_ref team;
    int rounds;
    atomic_int at_work;
};

struct thread {
    struct host *host;
    int number;
    uint32_t seed;
    pthread_t thread;
    unsigned char
        *answers; /* owned: to each ask without waiting; written by who dispatches */
    int asked;
    int waited,
        answered; /* asks that waited, and those that got an answer or a known end */
    int64_t surprise;
};

static ward_next
count_answer(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    unsigned char *answers = user;

    (void)ctx;
    (void)status;
    (void)reply;
    ++*answers;
    return WARD_SAME;
}

/* The actor may have crashed, been restarted or be away; time does not run out. */
static bool
is_known(int64_t result)
{
    static const int known[] = {-WARD_ECRASHED, -WARD_ESTOPPED,        -WARD_EUNKNOWN,
                                -ENOENT,        -WARD_ERUNNING,        -WARD_ERESTARTING,
                                -EEXIST,        -WARD_EALREADY_STARTED};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (result == known[i])
            return true;
    return result >= 0;
}

static int64_t
ask(struct thread *t, ward_ref ref)
{
    ward_message *reply = NULL;
    int64_t number = 0;
    int result = ward_ask(t->host->ctx, ref, &reply, ANSWER_MS, WORK);

    if (result == 0)
        result = ward_get(reply, &number);
    ward_message_free(reply);
    t->waited++;
    t->answered += is_known(result);
    return result;
}

static int64_t
ask_then(struct thread *t, ward_ref ref)
{
    int result = ward_ask_then(t->host->ctx, ref, ANSWER_MS, count_answer,
                               &t->answers[t->asked], WORK);

    t->asked += result == 0;
    return result;
}

/* An actor of the thread's own, for a moment. */
static int64_t
come_and_go(struct thread *t)
{
    char id[] = {(char)('0' + t->number), '\0'};
    ward_ref ref;
    int result = ward_spawn(
        t->host->ctx, &ref,
        &(ward_spec){.id = id, .behavior = &moody, .strategy = &scene_stubborn});

    if (result == 0)
        result = ward_tell(t->host->ctx, ref, WORK);
    if (result == 0)
        result = ward_wait_up(t->host->sys, ref, ANSWER_MS);
    if (result == 0)
        result = ward_stop(t->host->ctx, ref);
    if (result == 0)
        result = ward_wait_down(t->host->sys, ref, ANSWER_MS);
    return result;
}

static int64_t
look(struct thread *t, ward_ref ref)
{
    ward_child_count count;
    ward_child children[WORKERS];
    char text[1000];

    (void)ward_mailbox_count(t->host->sys, ref);
    (void)ward_process_id(t->host->sys, ref);
    if (ward_dump(t->host->sys, text, sizeof text) < 0)
        return -EINVAL;
    if (ward_count_children(t->host->ctx, t->host->team, &count) < 0)
        return -EINVAL;
    return ward_which_children(t->host->ctx, t->host->team, children, WORKERS);
}

static int64_t
act(struct thread *t)
{
    ward_ctx *ctx = t->host->ctx;
    const char *id = workers[scene_random(&t->seed) % WORKERS].id;
    ward_child child = {.state = WARD_CHILD_ABSENT};
    ward_ref ref;

    (void)ward_which_child(ctx, t->host->team, id, &child);
    ref = child.ref;
    switch (scene_random(&t->seed) % 64) {
    case 0:
        return ward_kill(ctx, ref);
    case 1:
        return ward_restart(ctx, ref);
    case 2:
        return ward_terminate_child(ctx, t->host->team, id);
    case 3:
        return come_and_go(t);
    case 4:
        return ward_watch(ctx, ref);
    case 5:
        return ward_unwatch(ctx, ref);
    case 6:
    case 7:
        return look(t, ref);
    default:
        break;
    }
    if (child.state == WARD_CHILD_ABSENT)
        return ward_restart_child(ctx, t->host->team, id, &ref);
    switch (scene_random(&t->seed) % 3) {
    case 0:
        return ward_tell(ctx, ref, WORK);
    case 1:
        return ask_then(t, ref);
    default:
        return ask(t, ref);
    }
}

static void *
act_often(void *user)
{
    struct thread *t = user;

    for (int i = 0; i < t->host->rounds && t->surprise == 0; i++) {
        int64_t result = act(t);
        if (!is_known(result))
            t->surprise = result;
    }
    atomic_fetch_sub(&t->host->at_work, 1);
    return NULL;
}

/* ---- the test ---- */

static void
begin(struct host *host, struct thread threads[THREADS])
{
    host->rounds = scene_rounds(20000);
    atomic_store(&host->at_work, THREADS);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){
            .host = host, .number = i, .seed = 88172645u + (uint32_t)i * 2654435761u};
        threads[i].answers = calloc((size_t)host->rounds + 1, 1);
        assert_non_null(threads[i].answers);
        assert_int_equal(pthread_create(&threads[i].thread, NULL, act_often, &threads[i]),
                         0);
    }
}

static void
end(struct thread *t, int *asks)
{
    pthread_join(t->thread, NULL);
    scene_ok(t->surprise);
    assert_int_equal(t->answered, t->waited);
    for (int i = 0; i < t->asked; i++)
        assert_int_equal(t->answers[i], 1);
    *asks += t->asked + t->waited;
    free(t->answers);
}

static void
note_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    unsigned *failures = user;

    (void)ctx;
    *failures += event->kind == WARD_EVENT_FAILED;
}

static void
note_message(ward_ctx *ctx, const ward_message *msg, void *user)
{
    (void)ctx;
    (void)msg;
    (void)user;
}

static void
every_ask_of_many_threads_is_answered_once(void **state)
{
    int descriptors = scene_descriptors(getpid()), asks = 0;
    size_t children = scene_children(getpid());
    struct thread threads[THREADS];
    struct host host = {.sys = NULL};
    unsigned failures = 0;

    (void)state;
    scene_ok(ward_system_new(&host.sys, &(ward_system_options){.threaded = true,
                                                               .on_event = note_event,
                                                               .on_message = note_message,
                                                               .user = &failures}));
    host.ctx = ward_system_ctx(host.sys);
    scene_ok(ward_spawn(host.ctx, &host.team,
                        &(ward_spec){.id = "team", .supervisor = &team}));
    scene_ok(ward_wait_up(host.sys, host.team, SCENE_PATIENCE_MS));
    begin(&host, threads);
    while (atomic_load(&host.at_work) > 0)
        assert_int_equal(ward_run_for(host.sys, 20), -ETIMEDOUT);
    scene_ok(ward_settle(host.sys, SCENE_PATIENCE_MS));
    for (int i = 0; i < THREADS; i++)
        end(&threads[i], &asks);
    print_message("%d asks, %u failures\n", asks, failures);
    scene_ok(ward_system_stop(host.sys));
    scene_ok(ward_run_for(host.sys, SCENE_PATIENCE_MS));
    ward_system_free(host.sys);
    assert_int_equal(scene_descriptors(getpid()), descriptors);
    assert_int_equal(scene_children(getpid()), children);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ask_of_many_threads_is_answered_once),
    };

    if (ward_early() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

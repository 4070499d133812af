/* The thread of ward's own: what runs on it, how still it is, and what it outlives. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"

/* ---- /proc ---- */

enum { TASKS = 64 };

struct tasks {
    pid_t tids[TASKS];
    size_t count;
};

static struct tasks
list_tasks(void)
{
    struct tasks tasks = {.count = 0};
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL && tasks.count < TASKS)
        if (entry->d_name[0] != '.')
            tasks.tids[tasks.count++] = atoi(entry->d_name);
    closedir(dir);
    return tasks;
}

/* The one that was not there before. */
static pid_t
new_task(const struct tasks *before)
{
    struct tasks now = list_tasks();

    for (size_t i = 0; i < now.count; i++) {
        bool is_old = false;
        for (size_t k = 0; k < before->count; k++)
            is_old |= before->tids[k] == now.tids[i];
        if (!is_old)
            return now.tids[i];
    }
    return 0;
}

/* A line of the status of a process or thread, as a number of that base. */
static uint64_t
status_of(pid_t pid, pid_t tid, const char *key, int base)
{
    char path[80], line[200];
    uint64_t number = UINT64_MAX;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            number = strtoull(line + strlen(key), NULL, base);
    fclose(file);
    return number;
}

/* ---- signals and stillness ---- */

static void
wards_thread_blocks_all_signals_and_the_callers_mask_stays(void **state)
{
    struct harness *h = *state;
    struct tasks before = list_tasks();
    sigset_t mask, after;
    uint64_t blocked;

    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    threaded(state);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int i = 1; i < SIGRTMAX; i++)
        assert_int_equal(sigismember(&after, i), sigismember(&mask, i));
    blocked = status_of(getpid(), new_task(&before), "SigBlk:", 16);
    for (int i = 1; i <= SIGRTMAX; i++) {
        bool is_libcs = i == SIGKILL || i == SIGSTOP || (i >= 32 && i < SIGRTMIN);
        if (!is_libcs && (blocked >> (i - 1) & 1) == 0)
            fail_with_log(h, "signal %d is not blocked", i);
    }
}

static void
wards_thread_sleeps_while_nothing_happens(void **state)
{
    static const char voluntary[] = "voluntary_ctxt_switches:";
    static const char forced[] = "nonvoluntary_ctxt_switches:";
    struct tasks before = list_tasks();
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    pid_t tid = new_task(&before);
    uint64_t asleep, interrupted;

    assert_result(ward_tell(h->ctx, ref, CRASH), 0);
    settle(h);
    assert_result(ward_run_for(h->sys, 100), -ETIMEDOUT);
    asleep = status_of(getpid(), tid, voluntary, 10);
    interrupted = status_of(getpid(), tid, forced, 10);
    assert_result(ward_run_for(h->sys, 500), -ETIMEDOUT);
    assert_int_equal(status_of(getpid(), tid, voluntary, 10), asleep);
    assert_int_equal(status_of(getpid(), tid, forced, 10), interrupted);
}

/* ---- deciders ---- */

enum { MOST = 24 };

static struct {
    struct harness *h;
    ward_ref ref;
    sem_t entered, release;
    pid_t tid;
    int missed;
    int64_t results[MOST];
    size_t count;
} decided;

static void
note(int64_t result)
{
    decided.results[decided.count++] = result;
}

static void
try_verbs(void)
{
    ward_ctx *ctx = decided.h->ctx;
    ward_ref ref = decided.ref;
    ward_message *reply = NULL;
    ward_child child;

    note(ward_tell(ctx, ref, COUNT));
    note(ward_ask(ctx, ref, &reply, DEADLINE_MS, COUNT));
    note(ward_reply(ctx, 1));
    note(ward_done(ctx));
    note(ward_spawn(ctx, &ref, &counter_spec));
    note(ward_stop(ctx, ref));
    note(ward_kill(ctx, ref));
    note(ward_restart(ctx, ref));
    note(ward_watch(ctx, ref));
    note(ward_lookup(ctx, "/counter", &ref));
    note(ward_which_children(ctx, ward_self(ctx), &child, 1));
    note(ward_terminate_child(ctx, ward_self(ctx), "counter"));
}

static void
try_the_system(void)
{
    ward_system *sys = decided.h->sys, *other;
    char text[20];

    note(ward_system_dispatch(sys));
    note(ward_run(sys));
    note(ward_settle(sys, DEADLINE_MS));
    note(ward_wait_up(sys, decided.ref, DEADLINE_MS));
    note(ward_wait_down(sys, decided.ref, DEADLINE_MS));
    note(ward_system_stop(sys));
    note(ward_dump(sys, text, sizeof text));
    note(ward_mailbox_count(sys, decided.ref));
    note(ward_process_id(sys, decided.ref));
    note(ward_system_new(&other, NULL));
    ward_system_free(sys); /* says nothing, and does nothing */
}

static ward_directive
decide(const ward_failure *failure)
{
    (void)failure;
    decided.tid = gettid();
    decided.count = 0;
    try_verbs();
    try_the_system();
    sem_post(&decided.entered);
    decided.missed += !await_post(&decided.release);
    return WARD_DIRECTIVE_RESTART;
}

static const ward_strategy held = {
    .name = "held", .decider = decide, .max_restarts = WARD_INFINITE};
WARD_REGISTER(held);

/* A failed actor, whose decider is at it on ward's thread. */
static ward_ref
begin_decision(struct harness *h)
{
    ward_spec spec = counter_spec;

    spec.strategy = &held;
    memset(&decided, 0, sizeof decided);
    sem_init(&decided.entered, 0, 0);
    sem_init(&decided.release, 0, 0);
    decided.h = h;
    decided.ref = spawn_up(h, &spec);
    assert_result(ward_tell(h->ctx, decided.ref, CRASH), 0);
    assert_true(await_post(&decided.entered));
    return decided.ref;
}

static void
a_decider_runs_on_wards_thread_where_every_call_is_busy(void **state)
{
    struct tasks before = list_tasks();
    struct harness *h = threaded(state);
    pid_t tid = new_task(&before);

    begin_decision(h);
    sem_post(&decided.release);
    settle(h);
    assert_int_equal(decided.tid, tid);
    assert_int_equal(decided.count, 22);
    for (size_t i = 0; i < decided.count; i++)
        if (decided.results[i] != -EBUSY)
            fail_with_log(h, "call %zu in a decider gave %s", i,
                          ward_error_name((int)decided.results[i]));
}

/* It may wait for a lock of the host's, whose owner calls. */
static void
a_decider_that_waits_holds_up_nobody(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = begin_decision(h);
    ward_child child;
    char text[200];

    assert_result(ward_tell(h->ctx, ref, COUNT), 0);
    assert_int_equal(ward_mailbox_count(h->sys, ref), 1);
    assert_true(ward_dump(h->sys, text, sizeof text) > 0);
    assert_result(ward_which_child(h->ctx, h->self, "counter", &child), 0);
    assert_result(ward_settle(h->sys, 10), -ETIMEDOUT);
    sem_post(&decided.release);
    assert_int_equal(ask_number(h, ref, COUNT), 2);
    assert_int_equal(decided.missed, 0);
}

static void
what_is_stopped_while_it_is_decided_about_stops(void **state)
{
    struct harness *h = threaded(state);
    ward_ref ref = begin_decision(h);

    assert_result(ward_stop(h->ctx, ref), 0);
    sem_post(&decided.release);
    assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
    assert_int_equal(decided.missed, 0);
    settle(h);
    assert_no_event(h, WARD_EVENT_RESTARTED, "/counter");
}

static void
free_waits_for_a_decider(void **state)
{
    struct harness *h = threaded(state);
    struct caller asker = {.h = h, .call = call_ask};

    asker.ref = begin_decision(h);
    caller_begin(&asker);
    caller_await_asleep(&asker);
    sem_post(&decided.release);
    ward_system_free(h->sys);
    h->sys = NULL;
    finish(asker.thread);
    assert_true(asker.result == -WARD_ESTOPPED || asker.result == 1);
    assert_int_equal(decided.missed, 0);
}

/* ---- whoever made it ---- */

static void *
make_system(void *user)
{
    threaded(user);
    return NULL;
}

static void
a_system_outlives_the_thread_that_made_it(void **state)
{
    struct harness *h = *state;
    ward_ref ref;

    finish(begin(make_system, state));
    ref = spawn_up(h, &counter_spec);
    assert_result(ward_tell(h->ctx, ref, CRASH), 0);
    assert_int_equal(ask_number(h, ref, WHO_AM_I), 1);
}

struct trio {
    struct harness *h;
    ward_system *others[2];
    ward_ref refs[3];
    ward_system *systems[3];
    pthread_t threads[3];
    int failures[3];
};

struct part {
    struct trio *trio;
    int number;
};

static void *
use_one(void *user)
{
    struct part *part = user;
    ward_ctx *ctx = ward_system_ctx(part->trio->systems[part->number]);
    ward_ref ref = part->trio->refs[part->number];
    int *failures = &part->trio->failures[part->number];

    for (int i = 1; i <= 10; i++) {
        ward_message *reply = NULL;
        int64_t number = 0;
        *failures += ward_tell(ctx, ref, CRASH) != 0;
        *failures += ward_ask(ctx, ref, &reply, DEADLINE_MS, WHO_AM_I) != 0;
        *failures += reply == NULL || ward_get(reply, &number) < 0 || number != i;
        ward_message_free(reply);
    }
    return NULL;
}

static void
systems_with_and_without_threads_live_side_by_side(void **state)
{
    struct trio trio = {.h = threaded(state)};
    struct part parts[3];

    assert_result(
        ward_system_new(&trio.others[0], &(ward_system_options){.threaded = true}), 0);
    assert_result(ward_system_new(&trio.others[1], NULL), 0);
    for (int i = 0; i < 3; i++) {
        trio.systems[i] = i == 0 ? trio.h->sys : trio.others[i - 1];
        assert_result(
            ward_spawn(ward_system_ctx(trio.systems[i]), &trio.refs[i], &counter_spec),
            0);
    }
    for (int i = 0; i < 3; i++) {
        parts[i] = (struct part){&trio, i};
        trio.threads[i] = begin(use_one, &parts[i]);
    }
    for (int i = 0; i < 3; i++) {
        finish(trio.threads[i]);
        assert_int_equal(trio.failures[i], 0);
    }
    assert_result(ward_tell(ward_system_ctx(trio.others[0]), trio.refs[1], COUNT), 0);
    assert_result(ward_tell(trio.h->ctx, trio.refs[1], COUNT), -WARD_EUNKNOWN);
    ward_system_free(trio.others[0]);
    ward_system_free(trio.others[1]);
}

/* ---- loss ---- */

static pid_t
parent_of(pid_t pid)
{
    return (pid_t)status_of(pid, pid, "PPid:", 10);
}

struct loss {
    struct harness *h;
    ward_ref ref;
    atomic_int is_over;
    atomic_int answers;
    atomic_int failures; /* what no loss explains */
};

static void *
ask_through_a_loss(void *user)
{
    struct loss *loss = user;

    while (!atomic_load(&loss->is_over)) {
        int64_t result = crew_ask(loss->h, loss->ref, COUNT);
        atomic_fetch_add(&loss->answers, result > 0);
        atomic_fetch_add(&loss->failures, result < 0 && result != -WARD_ECRASHED);
    }
    return NULL;
}

static void
await_answers(struct loss *loss, int more)
{
    int wanted = atomic_load(&loss->answers) + more;
    int64_t end = now_ms() + DEADLINE_MS;

    while (atomic_load(&loss->answers) < wanted) {
        assert_true(now_ms() < end);
        ward_run_for(loss->h->sys, 1);
    }
}

static void
askers_outlive_the_fork_server(void **state)
{
    struct loss loss = {.h = threaded(state)};
    pthread_t threads[CREW];

    loss.ref = spawn_up(loss.h, &counter_spec);
    for (int i = 0; i < CREW; i++)
        threads[i] = begin(ask_through_a_loss, &loss);
    for (int i = 0; i < 2; i++) {
        await_answers(&loss, 200);
        int64_t pid = ward_process_id(loss.h->sys, loss.ref);
        assert_true(pid > 0);
        assert_int_equal(kill(parent_of((pid_t)pid), SIGKILL), 0);
        await_event(loss.h, WARD_EVENT_FORKSERVER_LOST, NULL);
        await_answers(&loss, 200);
    }
    atomic_store(&loss.is_over, 1);
    for (int i = 0; i < CREW; i++)
        finish(threads[i]);
    assert_int_equal(atomic_load(&loss.failures), 0);
}

/* The last test: without a zygote there is no other system. */
static void
who_waits_is_sent_away_when_the_zygote_is_gone(void **state)
{
    static int64_t (*const calls[])(struct caller *) = {call_ask, call_run, call_settle,
                                                        call_wait_down};
    struct harness *h = threaded(state);
    ward_ref ref = spawn_up(h, &counter_spec);
    pid_t worker = (pid_t)ward_process_id(h->sys, ref);
    struct caller callers[4];

    assert_result(ward_tell(h->ctx, ref, HANG), 0);
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){.h = h, .call = calls[i], .ref = ref};
        caller_begin(&callers[i]);
        caller_await_asleep(&callers[i]);
    }
    assert_int_equal(kill(parent_of(parent_of(worker)), SIGKILL), 0);
    caller_finish(&callers[0], -WARD_ESTOPPED);
    caller_finish(&callers[1], -WARD_EFAILED);
    caller_finish(&callers[2], -WARD_EFAILED);
    caller_finish(&callers[3], 0);
    assert_int_equal(ward_system_failure(h->sys)->cause, WARD_CAUSE_FORKSERVER);
    h->expected_end = -WARD_EFAILED;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(wards_thread_blocks_all_signals_and_the_callers_mask_stays),
        TEST(wards_thread_sleeps_while_nothing_happens),
        TEST(a_decider_runs_on_wards_thread_where_every_call_is_busy),
        TEST(a_decider_that_waits_holds_up_nobody),
        TEST(what_is_stopped_while_it_is_decided_about_stops),
        TEST(free_waits_for_a_decider),
        TEST(a_system_outlives_the_thread_that_made_it),
        TEST(systems_with_and_without_threads_live_side_by_side),
        TEST(askers_outlive_the_fork_server),
        TEST(who_waits_is_sent_away_when_the_zygote_is_gone),
    };

    return harness_main("thread own", tests, sizeof tests / sizeof tests[0]);
}

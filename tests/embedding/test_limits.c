/* A host that may open 64 descriptors. A spawn that gets none is an error or tried again, never a
 * hang and never the loss of what runs; when there is room it goes on. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 64, MORE_AT_LEAST = 10 };

/* What the host holds on to, so that nothing is left for ward. */
static int hogged[LIMIT];
static size_t hogged_count;

static void
hog(void)
{
    int fd;

    while ((fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0) {
        must(hogged_count < LIMIT);
        hogged[hogged_count++] = fd;
    }
    must(errno == EMFILE);
}

static void
let_go(void)
{
    while (hogged_count > 0)
        close(hogged[--hogged_count]);
}

static void
begin_with_few(void)
{
    struct rlimit limit;

    must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = LIMIT;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    host_begin();
}

/* ---- spawns ---- */

/* As many as there is room for. The one for which there is none ends before it was up. */
static int
fill(struct guest *g, ward_ref refs[LIMIT])
{
    unsigned unborn = g->unborn;
    int count = 0, result;

    do {
        char id[16];
        must(count < LIMIT);
        snprintf(id, sizeof id, "more-%d", count);
        result = guest_spawn(g, id, NULL, &refs[count]);
        if (result == 0)
            result = ward_wait_up(g->sys, refs[count], SCENE_PATIENCE_MS);
        count += result == 0;
    } while (result == 0);
    must(result == -WARD_ESTART ||
         result == -WARD_EUNKNOWN); /* now, or before we asked */
    guest_await(g, &g->unborn, unborn + 1);
    must(count >= MORE_AT_LEAST);
    return count;
}

static void
fill_and_make_room(struct guest *g)
{
    ward_ref refs[LIMIT];
    int count, again;

    guest_open(g);
    guest_work(g);
    count = fill(g, refs);
    guest_work(g);
    guest_crash(g);
    for (int i = 0; i < count; i++) {
        must(ward_stop(ward_system_ctx(g->sys), refs[i]) == 0);
        must(ward_wait_down(g->sys, refs[i], SCENE_PATIENCE_MS) == 0);
    }
    again = fill(g, refs);
    /* A process takes three descriptors to begin with and keeps two. So one more fits where the last is
     * begun, as a spare, while the one before it has not got its second yet. */
    must(again - count >= -1 && again - count <= 1);
    guest_work(g);
    must(g->losses == 0 && g->oddities == 0);
    guest_free(g);
}

static void
host_that_fills(void *arg)
{
    struct guest g = {.sys = NULL};
    struct host_state before;
    int rounds = scene_rounds(100);

    (void)arg;
    begin_with_few();
    for (int i = 0; i < rounds / 5 + 1; i++)
        fill_and_make_room(&g);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        fill_and_make_room(&g);
    host_must_be_as(&before, HOST_SLACK);
}

static void
spawn_without_room_fails_and_succeeds_when_there_is_some(void **state)
{
    (void)state;
    host_runs(host_that_fills, NULL);
}

/* ---- restarts ---- */

/* What the dead one had is gone before another one can have it. */
static void
hog_again(struct guest *g, const ward_event *event)
{
    (void)g;
    if (event->kind == WARD_EVENT_FAILED || event->kind == WARD_EVENT_SPAWN_RETRY)
        hog();
}

static void
restart_without_room(struct guest *g)
{
    guest_open(g);
    guest_work(g);
    g->on_event = hog_again;
    hog();
    guest_tell(g, GUEST_CRASH);
    guest_await(g, &g->retries, GUEST_ACTORS);
    g->on_event = NULL;
    let_go();
    guest_work(g);
    must(g->crashes == g->crashes_due);
    must(g->losses == 0 && g->oddities == 0);
    guest_live(g);
    guest_stop(g);
    guest_free(g);
}

static void
host_that_hogs(void *arg)
{
    struct guest g = {.sys = NULL};
    struct host_state before;
    int rounds = scene_rounds(100);

    (void)arg;
    begin_with_few();
    for (int i = 0; i < rounds / 5 + 1; i++)
        restart_without_room(&g);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        restart_without_room(&g);
    host_must_be_as(&before, HOST_SLACK);
}

static void
restart_without_room_is_tried_until_there_is_some(void **state)
{
    (void)state;
    host_runs(host_that_hogs, NULL);
}

/* ---- whenever it hurts ---- */

static atomic_bool may_hog, has_let_go, is_over;

/* Takes what becomes free at any moment, between any two calls of ward's. */
static void *
hog_all_the_time(void *arg)
{
    (void)arg;
    while (!atomic_load(&is_over)) {
        if (atomic_load(&may_hog)) {
            atomic_store(&has_let_go, false);
            hog();
        } else {
            let_go();
            atomic_store(&has_let_go, true);
        }
        sched_yield();
    }
    let_go();
    return NULL;
}

static void
await_room(void)
{
    atomic_store(&may_hog, false);
    atomic_store(&has_let_go, false);
    while (!atomic_load(&has_let_go))
        sched_yield();
}

/* Crashes and, every other time, the loss of the fork server while somebody grabs all there is. */
static void
live_beside_a_hog(struct guest *g, bool is_server_lost)
{
    int64_t end;

    guest_open(g);
    guest_work(g);
    atomic_store(&may_hog, true);
    guest_tell(g, GUEST_CRASH);
    if (is_server_lost)
        guest_kill_server(g);
    end = scene_now_ms() + 100;
    while (scene_now_ms() < end) {
        ward_run_for(g->sys, 10);
        must(ward_system_failure(g->sys) == NULL);
    }
    await_room();
    guest_work(g);
    must(g->losses == is_server_lost);
    must(g->oddities == 0);
    guest_free(g);
}

static void
host_beside_a_hog(void *arg)
{
    struct guest g = {.sys = NULL};
    struct host_state before;
    int rounds = scene_rounds(100);
    pthread_t thread;

    (void)arg;
    begin_with_few();
    must(pthread_create(&thread, NULL, hog_all_the_time, NULL) == 0);
    for (int i = 0; i < rounds / 5 + 2; i++)
        live_beside_a_hog(&g, i % 2 == 1);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        live_beside_a_hog(&g, i % 2 == 1);
    host_must_be_as(&before, HOST_SLACK);
    atomic_store(&is_over, true);
    must(pthread_join(thread, NULL) == 0);
}

static void
thread_that_takes_every_free_descriptor_delays_and_breaks_nothing(void **state)
{
    (void)state;
    host_runs(host_beside_a_hog, NULL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(spawn_without_room_fails_and_succeeds_when_there_is_some),
        cmocka_unit_test(restart_without_room_is_tried_until_there_is_some),
        cmocka_unit_test(
            thread_that_takes_every_free_descriptor_delays_and_breaks_nothing),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}

/* Systems in the plural: two at a time, a thousand one after the other, and one that was made by a
 * thread which has ended. */
#include "guest.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* ---- two at a time ---- */

static void
assert_did_not_notice(const struct guest *g, const struct guest *before, int64_t *pids)
{
    must(g->starts == before->starts && g->crashes == before->crashes);
    must(g->orphans == before->orphans && g->oddities == before->oddities);
    must(g->losses == before->losses && g->letters == before->letters);
    must(guest_server(g) == guest_server(before));
    for (int i = 0; i < GUEST_ACTORS; i++)
        must(ward_process_id(g->sys, g->refs[i]) == pids[i]);
}

/* Until it is not given another fork server: then it has failed, and says so. */
static void
lose_all(struct guest *g)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (g->result == 0) {
        unsigned losses = g->losses;

        guest_kill_server(g);
        while (g->losses == losses && g->result == 0) {
            must(scene_now_ms() < deadline);
            ward_run_for(g->sys, 1);
            g->result = ward_system_dispatch(g->sys);
        }
    }
    must(g->result == -WARD_EFAILED);
    must(ward_system_failure(g->sys)->cause == WARD_CAUSE_FORKSERVER);
    must(g->stops == GUEST_ACTORS);
}

static void
side_by_side(struct guest *poor, struct guest *other, int round)
{
    struct guest before;
    int64_t pids[GUEST_ACTORS];

    guest_open(poor);
    guest_open(other);
    guest_work(poor);
    guest_crash(other);
    before = *other;
    for (int i = 0; i < GUEST_ACTORS; i++)
        pids[i] = ward_process_id(other->sys, other->refs[i]);
    guest_tell(other, GUEST_WORK);
    guest_live(poor);
    guest_settle(other);
    assert_did_not_notice(other, &before, pids);
    if (round % 2 == 0)
        lose_all(poor);
    guest_free(poor);
    guest_work(other);
    assert_did_not_notice(other, &before, pids);
    guest_live(other);
    guest_stop(other);
    guest_free(other);
}

static void
host_of_two(void *arg)
{
    struct guest poor = {.sys = NULL}, other = {.sys = NULL};
    struct host_state before;
    int rounds = scene_rounds(100);

    (void)arg;
    host_begin();
    for (int i = 0; i < rounds / 5 + 2; i++)
        side_by_side(&poor, &other, i);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        side_by_side(&poor, &other, i);
    host_must_be_as(&before, HOST_SLACK);
}

static void
what_befalls_one_system_does_not_reach_the_other(void **state)
{
    (void)state;
    host_runs(host_of_two, NULL);
}

/* ---- one after the other ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LEAST_BLOCK = INT16_MAX }; /* a sanitizer has a malloc of its own */
#else
enum { LEAST_BLOCK = 32 };
#endif
enum { CACHED = 8192 }; /* what malloc keeps at hand counts as in use, and varies */

/* Some are freed before anybody is up, some in order, some when they have seen much. */
static void
live_somehow(struct guest *g, int round)
{
    guest_open(g);
    if (round % 3 == 1)
        guest_crash(g);
    if (round % 10 == 2)
        guest_live(g);
    if (round % 4 == 1)
        guest_stop(g);
    guest_free(g);
}

static void
host_of_many(void *arg)
{
    struct guest g = {.sys = NULL};
    struct host_state before;
    size_t allocated;
    int rounds = scene_rounds(1000);

    (void)arg;
    host_begin();
    for (int i = 0; i < 20; i++)
        live_somehow(&g, i);
    before = host_look();
    allocated = mallinfo2().uordblks;
    for (int i = 0; i < rounds; i++)
        live_somehow(&g, i);
    must(mallinfo2().uordblks < allocated + (size_t)rounds * LEAST_BLOCK / 2 + CACHED);
    host_must_be_as(&before, HOST_SLACK);
}

static void
systems_one_after_the_other_leave_nothing(void **state)
{
    (void)state;
    host_runs(host_of_many, NULL);
}

/* ---- made by a thread that ends ---- */

static void *
make(void *arg)
{
    struct guest *g = arg;

    guest_open(g);
    guest_crash(g);
    return NULL;
}

static void
made_elsewhere(struct guest *g)
{
    int64_t pids[GUEST_ACTORS];
    unsigned starts;
    pthread_t maker;

    must(pthread_create(&maker, NULL, make, g) == 0);
    must(pthread_join(maker, NULL) == 0);
    starts = g->starts;
    for (int i = 0; i < GUEST_ACTORS; i++)
        pids[i] = ward_process_id(g->sys, g->refs[i]);
    guest_work(g);
    must(g->starts == starts && g->orphans == 0);
    for (int i = 0; i < GUEST_ACTORS; i++)
        must(pids[i] > 0 && ward_process_id(g->sys, g->refs[i]) == pids[i]);
    guest_live(g);
    guest_stop(g);
    guest_free(g);
}

static void
host_with_a_maker(void *arg)
{
    struct guest g = {.sys = NULL};
    struct host_state before;
    int rounds = scene_rounds(100);

    (void)arg;
    host_begin();
    for (int i = 0; i < rounds / 5 + 1; i++)
        made_elsewhere(&g);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        made_elsewhere(&g);
    host_must_be_as(&before, HOST_SLACK);
}

static void
workers_outlive_the_thread_that_made_their_system(void **state)
{
    (void)state;
    host_runs(host_with_a_maker, NULL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_befalls_one_system_does_not_reach_the_other),
        cmocka_unit_test(systems_one_after_the_other_leave_nothing),
        cmocka_unit_test(workers_outlive_the_thread_that_made_their_system),
    };

    return cmocka_run_group_tests_name("lives", tests, NULL, NULL);
}

/* kill -9 of everybody, at any moment: nobody is left behind, nothing is lost or doubled. */
#include "storm.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum target { HOST_EARLY, HOST, ZYGOTE, SERVER, WORKER, TARGETS };

enum { MOST_DELAY_MS = 15, SEED = 20240607 };

/* ---- the rounds ---- */

static void
kill_host(struct storm *storm)
{
    int status;

    kill(storm->host, SIGKILL);
    status = storm_collect(storm);
    assert_true(WIFSIGNALED(status));
    assert_true(storm_is_gone(storm));
}

static void
kill_zygote(struct storm *storm)
{
    kill(atomic_load(&storm->board->zygote), SIGKILL);
    assert_true(storm_is_gone(storm));
    assert_int_equal(storm_collect(storm), 0);
    assert_int_equal(atomic_load(&storm->board->result), -WARD_EFAILED);
    assert_int_equal(atomic_load(&storm->board->cause), WARD_CAUSE_FORKSERVER);
}

/* Every incarnation ends; the actors go on, and no message is lost or blamed. */
static void
kill_server(struct storm *storm)
{
    struct storm_board *board = storm->board;
    unsigned before[STORM_SLOTS];

    for (int i = 0; i < STORM_SLOTS; i++)
        before[i] = atomic_load(&board->incarnations[i]);
    kill(atomic_load(&board->server), SIGKILL);
    for (int i = 0; i < STORM_SLOTS; i++)
        assert_true(storm_are_gone(storm, (enum storm_slot)i, before[i]));
    storm_await_more(&board->arrived, 100);
    storm_stop(storm);
    assert_int_equal(atomic_load(&board->servers_lost), 1);
    assert_int_equal(atomic_load(&board->failures), 0);
    assert_int_equal(atomic_load(&board->poison), 0);
    assert_int_equal(atomic_load(&board->other_letters), 0);
    /* The helper may be up again before its parent's end takes it along. */
    assert_int_equal(atomic_load(&board->incarnations[STORM_RELAY]),
                     before[STORM_RELAY] + 1);
    assert_int_equal(atomic_load(&board->incarnations[STORM_SINK]),
                     before[STORM_SINK] + 1);
    assert_true(atomic_load(&board->incarnations[STORM_HELPER]) > before[STORM_HELPER]);
}

static void
kill_worker(struct storm *storm, enum storm_slot slot)
{
    struct storm_board *board = storm->board;
    unsigned before = atomic_load(&board->incarnations[slot]);

    kill(atomic_load(&board->workers[slot]), SIGKILL);
    assert_true(storm_are_gone(storm, slot, before));
    storm_await_more(&board->arrived, 100);
    storm_stop(storm);
    assert_int_equal(atomic_load(&board->failures), 1);
    assert_int_equal(atomic_load(&board->servers_lost), 0);
    assert_true(atomic_load(&board->poison) <= 1);
    assert_int_equal(atomic_load(&board->incarnations[slot]), before + 1);
}

static void
run_round(enum target target, uint32_t *random)
{
    struct storm storm;

    storm_begin(&storm, false);
    if (target != HOST_EARLY)
        storm_await_running(&storm);
    poll(NULL, 0, (int)(scene_random(random) % MOST_DELAY_MS)); /* any moment */
    switch (target) {
    case ZYGOTE:
        kill_zygote(&storm);
        break;
    case SERVER:
        kill_server(&storm);
        break;
    case WORKER:
        kill_worker(&storm, (enum storm_slot)(scene_random(random) % STORM_SLOTS));
        break;
    default:
        kill_host(&storm);
        break;
    }
    storm_end(&storm);
}

static void
run_rounds(enum target target)
{
    uint32_t random = SEED + (uint32_t)target;

    for (int i = 0; i < scene_rounds(2000) / TARGETS; i++)
        run_round(target, &random);
}

/* ---- tests ---- */

static void
a_host_killed_as_it_starts_leaves_nobody(void **state)
{
    (void)state;
    run_rounds(HOST_EARLY);
}

static void
a_killed_host_leaves_nobody(void **state)
{
    (void)state;
    run_rounds(HOST);
}

static void
a_killed_zygote_leaves_nobody_and_fails_the_system(void **state)
{
    (void)state;
    run_rounds(ZYGOTE);
}

static void
a_killed_fork_server_leaves_no_worker_and_is_replaced(void **state)
{
    (void)state;
    run_rounds(SERVER);
}

static void
a_killed_worker_leaves_no_daemon_and_is_restarted(void **state)
{
    (void)state;
    run_rounds(WORKER);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_killed_as_it_starts_leaves_nobody),
        cmocka_unit_test(a_killed_host_leaves_nobody),
        cmocka_unit_test(a_killed_zygote_leaves_nobody_and_fails_the_system),
        cmocka_unit_test(a_killed_fork_server_leaves_no_worker_and_is_replaced),
        cmocka_unit_test(a_killed_worker_leaves_no_daemon_and_is_restarted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Processes that do not die but stand still, and children that keep what the host gave them. */
#include "storm.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static void
kill_host(struct storm *storm)
{
    kill(storm->host, SIGKILL);
    assert_true(storm_is_gone(storm));
    assert_true(WIFSIGNALED(storm_collect(storm)));
    storm_end(storm);
}

static void
a_child_that_keeps_the_descriptors_of_a_killed_host_keeps_nobody_alive(void **state)
{
    struct storm storm;

    (void)state;
    for (int i = 0; i < scene_rounds(100); i++) {
        storm_begin(&storm, true);
        storm_await_running(&storm);
        kill_host(&storm);
    }
}

static void
a_stopped_fork_server_goes_with_its_host(void **state)
{
    struct storm storm;

    (void)state;
    storm_begin(&storm, false);
    storm_await_running(&storm);
    kill(atomic_load(&storm.board->server), SIGSTOP);
    kill_host(&storm);
}

static void
a_stopped_zygote_goes_with_its_host(void **state)
{
    struct storm storm;

    (void)state;
    storm_begin(&storm, false);
    storm_await_running(&storm);
    kill(atomic_load(&storm.board->zygote), SIGSTOP);
    kill_host(&storm);
}

static void
a_stopped_fork_server_ends_with_its_system(void **state)
{
    struct storm storm;

    (void)state;
    storm_begin(&storm, false);
    storm_await_running(&storm);
    kill(atomic_load(&storm.board->server), SIGSTOP);
    atomic_store(&storm.board->please_stop, 1);
    assert_int_equal(storm_collect(&storm), 0);
    assert_true(storm_is_gone(&storm));
    storm_end(&storm);
}

/* A restart needs it: it does not answer, and is replaced. */
static void
a_stopped_fork_server_is_replaced_at_the_deadline(void **state)
{
    struct storm storm;
    unsigned before;

    (void)state;
    storm_begin(&storm, false);
    storm_await_running(&storm);
    before = atomic_load(&storm.board->incarnations[STORM_SINK]);
    kill(atomic_load(&storm.board->server), SIGSTOP);
    kill(atomic_load(&storm.board->workers[STORM_SINK]), SIGKILL);
    storm_await_more(&storm.board->servers_lost, 1);
    assert_true(storm_are_gone(&storm, STORM_SINK, before));
    storm_await_more(&storm.board->arrived, 100);
    storm_stop(&storm);
    storm_end(&storm);
}

/* While the zygote stands still no fork server can be had; then all goes on. */
static void
a_zygote_that_goes_on_serves_again(void **state)
{
    struct storm storm;

    (void)state;
    storm_begin(&storm, false);
    storm_await_running(&storm);
    kill(atomic_load(&storm.board->zygote), SIGSTOP);
    kill(atomic_load(&storm.board->server), SIGKILL);
    poll(NULL, 0, 3000); /* longer than the host waits for an answer */
    kill(atomic_load(&storm.board->zygote), SIGCONT);
    storm_await_more(&storm.board->arrived, 100);
    storm_stop(&storm);
    assert_int_equal(atomic_load(&storm.board->servers_lost), 1);
    storm_end(&storm);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_child_that_keeps_the_descriptors_of_a_killed_host_keeps_nobody_alive),
        cmocka_unit_test(a_stopped_fork_server_goes_with_its_host),
        cmocka_unit_test(a_stopped_zygote_goes_with_its_host),
        cmocka_unit_test(a_stopped_fork_server_ends_with_its_system),
        cmocka_unit_test(a_stopped_fork_server_is_replaced_at_the_deadline),
        cmocka_unit_test(a_zygote_that_goes_on_serves_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

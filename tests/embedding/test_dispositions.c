/* Hosts that have their own mind about SIGCHLD: ignored, or children that leave no zombie. Workers
 * die and are told of all the same, and the host's own children are as the host wants them. */
#include "guest.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWN_EXIT = 7, OWN_STATUS_IN_A_WORKER = 5 << 8 };

static atomic_uint signalled;

static void
count_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&signalled, 1);
}

struct mind {
    void (*handler)(int signal);
    int flags;
    bool is_late; /* made up after ward_early */
};

static void
make_up(const struct mind *mind)
{
    struct sigaction action = {.sa_handler = mind->handler, .sa_flags = mind->flags};

    sigemptyset(&action.sa_mask);
    must(sigaction(SIGCHLD, &action, NULL) == 0);
}

static void
assert_unchanged(const struct mind *mind)
{
    struct sigaction action;

    must(sigaction(SIGCHLD, NULL, &action) == 0);
    must(action.sa_handler == mind->handler);
    must((action.sa_flags & SA_NOCLDWAIT) == (mind->flags & SA_NOCLDWAIT));
}

/* It leaves no zombie: waitpid waits for its end and then knows no such child. */
static void
start_own_child(struct guest *g)
{
    pid_t pid = host_own_child(OWN_EXIT);
    int result, status;

    (void)g;
    do
        result = (int)waitpid(pid, &status, 0);
    while (result < 0 && errno == EINTR);
    must(result == -1 && errno == ECHILD);
}

/* A worker has none of it: its children leave their status. */
static void
have_worker_wait(struct guest *g)
{
    start_own_child(g);
    guest_tell(g, GUEST_PARENT);
    guest_settle(g);
    if (g->letters == 0)
        must(g->last_number == OWN_STATUS_IN_A_WORKER);
}

static void
host_with(void *arg)
{
    const struct mind *mind = arg;
    struct guest g = {.meanwhile = have_worker_wait};

    if (!mind->is_late)
        make_up(mind);
    host_begin();
    if (mind->is_late)
        make_up(mind);
    host_lives(&g, scene_rounds(100));
    assert_unchanged(mind);
    must(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void
host_that_ignored_sigchld_before_ward_early(void **state)
{
    (void)state;
    host_runs(host_with, &(struct mind){.handler = SIG_IGN});
}

static void
host_that_ignores_sigchld_after_ward_early(void **state)
{
    (void)state;
    host_runs(host_with, &(struct mind){.handler = SIG_IGN, .is_late = true});
}

static void
host_that_wanted_no_zombies_before_ward_early(void **state)
{
    (void)state;
    host_runs(host_with, &(struct mind){.handler = SIG_DFL, .flags = SA_NOCLDWAIT});
}

static void
host_that_wants_no_zombies_after_ward_early(void **state)
{
    (void)state;
    host_runs(host_with,
              &(struct mind){.handler = SIG_DFL, .flags = SA_NOCLDWAIT, .is_late = true});
}

/* The handler is called for the host's own children and for nobody of ward's. */
static void
host_with_a_handler(void *arg)
{
    const struct mind *mind = arg;
    struct guest g = {.meanwhile = start_own_child};
    int rounds = scene_rounds(100);

    if (!mind->is_late)
        make_up(mind);
    host_begin();
    if (mind->is_late)
        make_up(mind);
    atomic_store(&signalled, 0);
    for (int i = 0; i < rounds; i++) {
        guest_open(&g);
        guest_live(&g);
        guest_free(&g);
    }
    must(atomic_load(&signalled) == (unsigned)rounds * GUEST_STEPS);
    assert_unchanged(mind);
}

static void
handler_without_zombies_is_called_for_own_children_only(void **state)
{
    struct mind mind = {.handler = count_signal, .flags = SA_NOCLDWAIT | SA_RESTART};

    (void)state;
    host_runs(host_with_a_handler, &mind);
    mind.is_late = true;
    host_runs(host_with_a_handler, &mind);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_that_ignored_sigchld_before_ward_early),
        cmocka_unit_test(host_that_ignores_sigchld_after_ward_early),
        cmocka_unit_test(host_that_wanted_no_zombies_before_ward_early),
        cmocka_unit_test(host_that_wants_no_zombies_after_ward_early),
        cmocka_unit_test(handler_without_zombies_is_called_for_own_children_only),
    };

    return cmocka_run_group_tests_name("dispositions", tests, NULL, NULL);
}

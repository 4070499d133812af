/* A host that forks children which keep all it had: sockets, pipes, pidfds. They keep nobody alive:
 * a system ends when it is freed, or when its host is killed, while they live on untouched. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHADOWS = 4, SHADOW_EXIT = 9 };

/* Shadows read from here until there is nobody who could write. */
struct shadows {
    int ends[2];
    pid_t pids[SHADOWS];
    int count;
};

static void
cast_shadow(struct guest *g)
{
    struct shadows *s = g->user;
    char byte;

    if (s->count == SHADOWS)
        return;
    s->pids[s->count] = fork();
    must(s->pids[s->count] >= 0);
    if (s->pids[s->count] == 0) {
        close(s->ends[1]);
        _exit(read(s->ends[0], &byte, 1) == 0 ? SHADOW_EXIT : 1);
    }
    s->count++;
}

static void
open_shadows(struct shadows *s)
{
    s->count = 0;
    must(pipe2(s->ends, O_CLOEXEC) == 0);
}

/* They are all there, and end by themselves as they were meant to. */
static void
close_shadows(struct shadows *s)
{
    int status;

    must(s->count == SHADOWS);
    for (int i = 0; i < SHADOWS; i++)
        must(waitpid(s->pids[i], NULL, WNOHANG) == 0);
    close(s->ends[0]);
    close(s->ends[1]);
    for (int i = 0; i < SHADOWS; i++) {
        must(waitpid(s->pids[i], &status, 0) == s->pids[i]);
        must(WIFEXITED(status) && WEXITSTATUS(status) == SHADOW_EXIT);
    }
}

/* ---- the system is freed ---- */

static void
live_with_shadows(struct guest *g, int round)
{
    open_shadows(g->user);
    guest_open(g);
    guest_live(g); /* a shadow between any two steps */
    if (round % 2 == 0)
        guest_stop(g);
    guest_free(g);
    close_shadows(g->user);
}

static void
host_with_shadows(void *arg)
{
    struct shadows shadows;
    struct guest g = {.meanwhile = cast_shadow, .user = &shadows};
    struct host_state before;
    int rounds = scene_rounds(100);

    (void)arg;
    host_begin();
    for (int i = 0; i < rounds / 5 + 1; i++)
        live_with_shadows(&g, i);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        live_with_shadows(&g, i);
    host_must_be_as(&before, HOST_SLACK);
}

static void
freed_system_ends_though_children_of_the_host_hold_all_it_had(void **state)
{
    (void)state;
    host_runs(host_with_shadows, NULL);
}

/* ---- the host is killed ---- */

/* What a host to be killed says to the test, when it is busy: who its shadows are. */
struct doomed {
    struct shadows shadows;
    int news[2];
};

static void
host_to_be_killed(void *arg)
{
    struct doomed *doomed = arg;
    struct guest g = {.meanwhile = cast_shadow, .user = &doomed->shadows};

    close(doomed->news[0]);
    host_begin();
    guest_open(&g);
    guest_live(&g);
    must(write(doomed->news[1], doomed->shadows.pids, sizeof doomed->shadows.pids) ==
         (ssize_t)sizeof doomed->shadows.pids);
    unlink(g.mark); /* nobody will come to do it; no actor is started again */
    for (;;)
        guest_work(&g);
}

static void
kill_a_host(void)
{
    struct doomed doomed;
    int held, status;
    pid_t host;

    open_shadows(&doomed.shadows);
    assert_int_equal(pipe2(doomed.news, O_CLOEXEC), 0);
    host = host_start(host_to_be_killed, &doomed, &held);
    close(doomed.news[1]);
    assert_int_equal(
        read(doomed.news[0], doomed.shadows.pids, sizeof doomed.shadows.pids),
        sizeof doomed.shadows.pids);
    doomed.shadows.count = SHADOWS;
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_true(scene_pipe_ends(held, SCENE_GONE_MS));
    status = host_status(host);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close_shadows(&doomed.shadows); /* they have come to us, and so has the zygote */
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    assert_int_equal(errno, ECHILD);
    close(doomed.news[0]);
    close(held);
}

static void
killed_host_takes_its_system_along_and_not_its_children(void **state)
{
    int descriptors;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    descriptors = scene_descriptors(getpid());
    for (int i = 0; i < scene_rounds(100); i++)
        kill_a_host();
    assert_int_equal(scene_descriptors(getpid()), descriptors);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_system_ends_though_children_of_the_host_hold_all_it_had),
        cmocka_unit_test(killed_host_takes_its_system_along_and_not_its_children),
    };

    return cmocka_run_group_tests_name("shadows", tests, NULL, NULL);
}

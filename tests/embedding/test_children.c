/* Hosts with children of their own, and somebody who waits for any of them: libev's default loop, or
 * a thread in waitpid(-1). Each gets the host's own children with their own statuses, and never
 * one of ward's. */
#include "guest.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 100, EACH = 2, OWN_MOST = 2 * ROUNDS * GUEST_STEPS * EACH };

/* ---- the default loop of libev ---- */

struct service {
    ev_io ward;
    ev_timer limit;
    ev_child children[GUEST_STEPS * EACH];
    unsigned started, ended;
};

static void
own_child_ended(EV_P_ ev_child *watcher, int events)
{
    struct service *service = watcher->data;

    (void)events;
    must(watcher->rpid == watcher->pid);
    must(WIFEXITED(watcher->rstatus));
    must(WEXITSTATUS(watcher->rstatus) == (int)(watcher - service->children));
    ev_child_stop(EV_A_ watcher);
    service->ended++;
}

static void
start_watched(struct guest *g)
{
    struct service *service = g->user;

    for (int i = 0; i < EACH; i++) {
        ev_child *child = &service->children[service->started];
        ev_child_init(child, own_child_ended, host_own_child((int)service->started), 0);
        child->data = service;
        ev_child_start(EV_DEFAULT_ child);
        service->started++;
    }
}

static void
ward_is_due(EV_P_ ev_io *watcher, int events)
{
    struct guest *g = watcher->data;

    (void)EV_A;
    (void)events;
    g->result = ward_system_dispatch(g->sys);
}

static void
limit_reached(EV_P_ ev_timer *watcher, int events)
{
    (void)EV_A;
    (void)watcher;
    (void)events;
}

static void
turn_libev(struct guest *g, int64_t deadline)
{
    struct service *service = g->user;

    if (!ev_is_active(&service->ward)) {
        ev_io_init(&service->ward, ward_is_due, ward_system_fd(g->sys), EV_READ);
        service->ward.data = g;
        ev_io_start(EV_DEFAULT_ & service->ward);
    }
    ev_timer_init(&service->limit, limit_reached,
                  (double)(deadline - scene_now_ms() + 1) / 1000, 0);
    ev_timer_start(EV_DEFAULT_ & service->limit);
    ev_run(EV_DEFAULT_ EVRUN_ONCE);
    ev_timer_stop(EV_DEFAULT_ & service->limit);
}

static void
live_in_libev(struct guest *g)
{
    struct service *service = g->user;

    *service = (struct service){.started = 0};
    guest_open(g);
    guest_live(g);
    guest_await(g, &service->ended, GUEST_STEPS * EACH);
    guest_stop(g);
    must(service->ended == service->started);
    ev_io_stop(EV_DEFAULT_ & service->ward);
    guest_free(g);
}

static void
host_with_libev(void *arg)
{
    struct service service;
    struct guest g = {.turn = turn_libev, .meanwhile = start_watched, .user = &service};
    struct host_state before;
    int rounds = scene_rounds(ROUNDS);

    (void)arg;
    host_begin();
    must(ev_default_loop(0) != NULL);
    for (int i = 0; i < rounds / 5 + 1; i++)
        live_in_libev(&g);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        live_in_libev(&g);
    host_must_be_as(&before, HOST_SLACK);
    must(ev_default_loop(0) != NULL && ev_is_default_loop(EV_DEFAULT));
    ev_loop_destroy(EV_DEFAULT);
}

static void
default_loop_of_libev_is_told_of_its_own_children(void **state)
{
    (void)state;
    host_runs(host_with_libev, NULL);
}

/* ---- a thread that waits for anybody ---- */

struct own {
    pid_t pid;
    int status;
};

static struct own forked[OWN_MOST + 1], reaped[OWN_MOST + 1];
static size_t forked_count;
static atomic_size_t reaped_count;

/* Until there are no children any more: one stays until the end. */
static void *
reap_anybody(void *arg)
{
    for (;;) {
        struct own own = {.status = 0};

        own.pid = waitpid(-1, &own.status, *(const int *)arg);
        if (own.pid < 0 && errno == EINTR)
            continue;
        if (own.pid < 0)
            break;
        must(atomic_load(&reaped_count) <= OWN_MOST);
        reaped[atomic_load(&reaped_count)] = own;
        atomic_fetch_add(&reaped_count, 1);
    }
    must(errno == ECHILD);
    return NULL;
}

static void
start_own(struct guest *g)
{
    (void)g;
    for (int i = 0; i < EACH; i++) {
        int exit_code = (int)(forked_count % 100);

        must(forked_count < OWN_MOST);
        forked[forked_count++] = (struct own){host_own_child(exit_code), exit_code << 8};
    }
}

/* Numbers of processes may come again, in this order. */
static void
assert_each_was_reaped_once(void)
{
    must(atomic_load(&reaped_count) == forked_count);
    for (size_t i = 0; i < forked_count; i++) {
        size_t at = 0;

        while (at < forked_count && reaped[at].pid != forked[i].pid)
            at++;
        must(at < forked_count);
        must(reaped[at].status == forked[i].status);
        reaped[at].pid = 0;
    }
}

static void
live_beside_a_reaper(struct guest *g, int rounds)
{
    int64_t deadline;

    for (int i = 0; i < rounds; i++)
        host_life(g, i);
    deadline = scene_now_ms() + SCENE_PATIENCE_MS;
    while (atomic_load(&reaped_count) < forked_count) {
        must(scene_now_ms() < deadline);
        poll(NULL, 0, 1);
    }
}

/* Ends when the write end of the pipe does. */
static pid_t
start_lasting_child(int ends[2])
{
    pid_t pid = fork();
    char byte;

    if (pid == 0) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    must(pid > 0);
    return pid;
}

static void
host_with_a_reaper(void *arg)
{
    struct guest g = {.meanwhile = start_own};
    struct host_state before;
    int ends[2], rounds = scene_rounds(ROUNDS);
    pthread_t reaper;
    pid_t lasting;

    host_begin();
    must(pipe2(ends, O_CLOEXEC) == 0);
    lasting = start_lasting_child(ends);
    must(pthread_create(&reaper, NULL, reap_anybody, arg) == 0);
    live_beside_a_reaper(&g, rounds / 5 + 1);
    before = host_look();
    live_beside_a_reaper(&g, rounds);
    host_must_be_as(&before, HOST_SLACK);
    forked[forked_count++] = (struct own){lasting, 0};
    close(ends[1]);
    must(pthread_join(reaper, NULL) == 0);
    assert_each_was_reaped_once();
}

static void
thread_that_waits_for_anybody_gets_own_children_only(void **state)
{
    int flags = 0;

    (void)state;
    host_runs(host_with_a_reaper, &flags);
}

/* As libev does: stops are told of, too. */
static void
thread_that_waits_for_any_news_gets_own_children_only(void **state)
{
    int flags = WUNTRACED | WCONTINUED;

    (void)state;
    host_runs(host_with_a_reaper, &flags);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_loop_of_libev_is_told_of_its_own_children),
        cmocka_unit_test(thread_that_waits_for_anybody_gets_own_children_only),
        cmocka_unit_test(thread_that_waits_for_any_news_gets_own_children_only),
    };

    return cmocka_run_group_tests_name("children", tests, NULL, NULL);
}

/* A host that runs libev's default loop, which has the process's SIGCHLD: ward is one watcher
 * more in it, and neither takes a child of the other's. */
#include "harness.h"

#include <ev.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CRASH = 1 };
enum { CRASHES = 20, OWN_EXIT = 7 };

static ward_next
libev_receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    return ward_message_type(msg) == CRASH ? *(volatile int *)0 : WARD_UNHANDLED;
}

static const ward_behavior libev_actor = {.name = "libev_actor",
                                          .receive = libev_receive};
WARD_REGISTER(libev_actor);

static const ward_strategy libev_stubborn = {
    .name = "libev_stubborn", .max_restarts = WARD_INFINITE, .within_ms = 60000};
WARD_REGISTER(libev_stubborn);

struct service {
    ward_system *sys;
    ward_ref ref;
    int restarts, own_children;
    ev_io ward;
    ev_child child;
    ev_timer limit;
    bool is_late;
};

static void
start_own_child(struct service *service)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(OWN_EXIT);
    ev_child_set(&service->child, pid, 0);
    ev_child_start(EV_DEFAULT_ & service->child);
}

static void
own_child_ended(EV_P_ ev_child *watcher, int events)
{
    struct service *service = watcher->data;

    (void)events;
    assert_true(WIFEXITED(watcher->rstatus));
    assert_int_equal(WEXITSTATUS(watcher->rstatus), OWN_EXIT);
    ev_child_stop(EV_A_ watcher);
    if (++service->own_children < CRASHES)
        start_own_child(service);
    else if (service->restarts == CRASHES)
        ward_system_stop(service->sys);
}

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct service *service = user;

    if (event->kind != WARD_EVENT_RESTARTED)
        return;
    if (++service->restarts < CRASHES)
        ward_tell(ctx, service->ref, CRASH);
    else if (service->own_children == CRASHES)
        ward_system_stop(service->sys);
}

static void
ward_is_due(EV_P_ ev_io *watcher, int events)
{
    struct service *service = watcher->data;

    (void)events;
    if (ward_system_dispatch(service->sys) != 0)
        ev_break(EV_A_ EVBREAK_ALL);
}

static void
limit_reached(EV_P_ ev_timer *watcher, int events)
{
    struct service *service = watcher->data;

    (void)events;
    service->is_late = true;
    ev_break(EV_A_ EVBREAK_ALL);
}

static void
the_default_loop_of_libev_keeps_its_children_and_ward_its_own(void **state)
{
    struct service service = {.restarts = 0};
    ward_system_options options = {.on_event = note, .user = &service};

    (void)state;
    assert_int_equal(ward_system_new(&service.sys, &options), 0);
    assert_non_null(ev_default_loop(0));
    ev_io_init(&service.ward, ward_is_due, ward_system_fd(service.sys), EV_READ);
    ev_child_init(&service.child, own_child_ended, 0, 0);
    ev_timer_init(&service.limit, limit_reached, DEADLINE_MS / 1000.0, 0);
    service.ward.data = service.child.data = service.limit.data = &service;
    ev_io_start(EV_DEFAULT_ & service.ward);
    ev_timer_start(EV_DEFAULT_ & service.limit);
    start_own_child(&service);

    assert_int_equal(ward_spawn(ward_system_ctx(service.sys), &service.ref,
                                &(ward_spec){.id = "a",
                                             .behavior = &libev_actor,
                                             .strategy = &libev_stubborn}),
                     0);
    ward_tell(ward_system_ctx(service.sys), service.ref, CRASH);
    ev_run(EV_DEFAULT_ 0);

    assert_false(service.is_late);
    assert_int_equal(service.restarts, CRASHES);
    assert_int_equal(service.own_children, CRASHES);
    ward_system_free(service.sys);
    ev_loop_destroy(EV_DEFAULT);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_loop_of_libev_keeps_its_children_and_ward_its_own),
    };

    return cmocka_run_group_tests_name("libev", tests, NULL, NULL);
}

/* A fork server, asked by its socket as a host asks it. Each process that it forks waits for an
 * assignment, and ends when its socket is closed. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include <ward/system.h>

#include "ipc/fds.h"
#include "supervisor/channel.h"
#include "supervisor/control.h"
#include "supervisor/process.h"
#include "supervisor/zygote.h"
#include "tests/unit/support.h"

enum { WORKERS = 900, DEADLINE_MS = 10000, STUCK_MS = 300 };
enum { FRAME_BYTES = 4096, HELD_MOST = 120 };

struct host {
    struct ward__server server;
    struct ward__channel channels[WORKERS];
    int asked, born, dead;
};

static int
setup(void **state)
{
    static struct host host;

    host = (struct host){.asked = 0};
    assert_int_equal(ward__zygote_serve(&host.server, DEADLINE_MS), 0);
    *state = &host;
    return 0;
}

static bool
is_soon(int fd, short events, int within_ms)
{
    struct pollfd polled = {.fd = fd, .events = events};

    return poll(&polled, 1, within_ms) > 0 && (polled.revents & events) != 0;
}

static int
teardown(void **state)
{
    struct host *host = *state;

    ward__fd_close(&host->server.control);
    assert_true(is_soon(host->server.pidfd, POLLIN, DEADLINE_MS));
    ward__fd_close(&host->server.pidfd);
    for (int i = 0; i < host->asked; i++)
        ward__channel_close(&host->channels[i]);
    return 0;
}

/* False: the socket takes nothing now. */
static bool
ask(struct host *host)
{
    struct ward__control request = {.kind = WARD__CONTROL_SPAWN, .id = host->asked + 1};
    struct ward__channel *channel = &host->channels[host->asked];
    int fds[2] = {-1, -1}, result;

    ward__channel_init(channel);
    assert_int_equal(ward__channel_open(channel, FRAME_BYTES, &fds[0], &fds[1]), 0);
    result = ward__packet_send(host->server.control, &request, sizeof request, fds, 2);
    ward__fd_close(&fds[0]);
    ward__fd_close(&fds[1]);
    if (result < 0) {
        assert_int_equal(result, -EAGAIN);
        ward__channel_close(channel);
        return false;
    }
    host->asked++;
    return true;
}

static void
ask_until_stuck(struct host *host)
{
    while (host->asked < WORKERS)
        if (!ask(host) && !is_soon(host->server.control, POLLOUT, STUCK_MS))
            return;
}

static void
hear(struct host *host)
{
    struct ward__control news;
    int fds[WARD__FDS_MAX];
    size_t fd_count = 0;

    assert_true(is_soon(host->server.control, POLLIN, DEADLINE_MS));
    assert_int_equal(
        ward__packet_receive(host->server.control, &news, sizeof news, fds, &fd_count),
        1);
    host->born += news.kind == WARD__CONTROL_SPAWNED;
    host->dead += news.kind == WARD__CONTROL_EXIT;
    for (size_t i = 0; i < fd_count; i++)
        ward__fd_close(&fds[i]);
}

/* Each fork copies what the fork server holds, and each worker closes it again. */
static void
who_takes_no_answers_is_not_served_for_ever(void **state)
{
    struct host *host = *state;
    char path[64];

    ask_until_stuck(host);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)host->server.pid);
    assert_in_range(count_fds_in(path), 1, HELD_MOST);
}

static void
who_takes_them_late_gets_all(void **state)
{
    struct host *host = *state;

    while (host->asked < WORKERS) {
        ask_until_stuck(host);
        do
            hear(host);
        while (is_soon(host->server.control, POLLIN, 0));
    }
    while (host->born < WORKERS)
        hear(host);
    assert_int_equal(host->dead, 0);
}

/* The first half dies before the others are born. */
static void
births_are_told_beside_many_deaths(void **state)
{
    struct host *host = *state;

    while (host->asked < WORKERS / 2)
        if (!ask(host))
            hear(host);
    while (host->born < host->asked)
        hear(host);
    for (int i = 0; i < WORKERS / 2; i++)
        ward__channel_close(&host->channels[i]);
    while (host->asked < WORKERS)
        if (!ask(host))
            hear(host);
    while (host->born < WORKERS)
        hear(host);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_takes_no_answers_is_not_served_for_ever,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(who_takes_them_late_gets_all, setup, teardown),
        cmocka_unit_test_setup_teardown(births_are_told_beside_many_deaths, setup,
                                        teardown),
    };

    assert_int_equal(ward_early(), 0);
    return cmocka_run_group_tests_name("forkserver", tests, NULL, NULL);
}

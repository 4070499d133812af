#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/system.h"

enum { OWN_EXIT = 5 };

void
must_at(bool is_true, const char *condition, const char *file, int line)
{
    if (is_true)
        return;
    dprintf(STDERR_FILENO, "%s:%d: not true: %s\n", file, line, condition);
    _exit(1);
}

/* ---- the workers ---- */

static int
guest_start(ward_ctx *ctx)
{
    int fd = open(ward_args(ctx).data, O_WRONLY | O_NONBLOCK);

    return fd < 0 ? -errno : 0; /* it stays open: it is the mark of this process */
}

static void
work(void)
{
    enum { SIZE = 10000 };
    time_t now = time(NULL);
    struct tm calendar;
    char *bytes = malloc(SIZE);

    must(bytes != NULL);
    localtime_r(&now, &calendar);
    strftime(bytes, SIZE, "%H:%M:%S %Z", &calendar);
    free(bytes);
    fflush(NULL);
}

static int
status_of_own_child(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(OWN_EXIT);
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static ward_next
guest_receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case GUEST_WORK:
        work();
        return ward_tell(ctx, ward_parent(ctx), GUEST_DONE, 0);
    case GUEST_PARENT:
        return ward_tell(ctx, ward_parent(ctx), GUEST_DONE, status_of_own_child());
    case GUEST_CRASH:
        scene_fault();
    }
    return WARD_UNHANDLED;
}

static const ward_behavior guest_actor = {
    .name = "guest_actor", .receive = guest_receive, .pre_start = guest_start};
WARD_REGISTER(guest_actor);

/* ---- what the host is told ---- */

static void
note_failure(struct guest *g, const ward_failure *failure)
{
    if (failure->cause == WARD_CAUSE_SIGNAL && failure->signal == SIGSEGV)
        g->crashes++;
    else if (failure->cause == WARD_CAUSE_FORKSERVER)
        g->orphans++;
    else if (failure->cause == WARD_CAUSE_SPAWN)
        g->unborn++;
    else
        g->oddities++;
}

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct guest *g = user;

    (void)ctx;
    g->starts += event->kind == WARD_EVENT_STARTED || event->kind == WARD_EVENT_RESTARTED;
    g->losses += event->kind == WARD_EVENT_FORKSERVER_LOST;
    g->retries += event->kind == WARD_EVENT_SPAWN_RETRY;
    g->stops += event->kind == WARD_EVENT_STOPPED;
    if (event->kind == WARD_EVENT_FAILED)
        note_failure(g, event->failure);
    if (event->kind == WARD_EVENT_DEAD_LETTER)
        g->letters += ward_message_type(event->message) != GUEST_CRASH;
    if (g->on_event != NULL)
        g->on_event(g, event);
}

static void
note_message(ward_ctx *ctx, const ward_message *msg, void *user)
{
    struct guest *g = user;

    (void)ctx;
    g->arrived += ward_message_type(msg) == GUEST_DONE;
    must(ward_get(msg, &g->last_number) == 0);
}

/* ---- turns ---- */

static void
turn(struct guest *g, int64_t deadline)
{
    struct pollfd polled = {.fd = ward_system_fd(g->sys), .events = POLLIN};
    int64_t left = deadline - scene_now_ms();

    if (left > 0 && poll(&polled, 1, (int)left) > 0)
        g->result = ward_system_dispatch(g->sys);
}

static void
one_turn(struct guest *g, int64_t deadline)
{
    must(scene_now_ms() < deadline);
    if (g->turn != NULL)
        g->turn(g, deadline);
    else
        turn(g, deadline);
}

void
guest_await(struct guest *g, const unsigned *count, unsigned wanted)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (*count < wanted) {
        one_turn(g, deadline);
        must(g->result == 0);
    }
}

void
guest_settle(struct guest *g)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (g->arrived + g->letters < g->told) {
        one_turn(g, deadline);
        must(g->result == 0);
    }
    must(g->arrived + g->letters == g->told);
}

/* ---- its life ---- */

int
guest_spawn(struct guest *g, const char *id, const ward_strategy *strategy, ward_ref *ref)
{
    return ward_spawn(ward_system_ctx(g->sys), ref,
                      &(ward_spec){.id = id,
                                   .behavior = &guest_actor,
                                   .strategy = strategy,
                                   .args = {g->mark, strlen(g->mark) + 1}});
}

void
guest_open(struct guest *g)
{
    static unsigned count;
    struct guest new = {.meanwhile = g->meanwhile,
                        .turn = g->turn,
                        .on_event = g->on_event,
                        .user = g->user};
    ward_system_options options = {.on_event = note, .on_message = note_message};

    *g = new;
    options.user = g;
    snprintf(g->mark, sizeof g->mark, "/tmp/ward-guest-%d-%u", (int)getpid(), ++count);
    unlink(g->mark);
    must(mkfifo(g->mark, 0600) == 0);
    g->marked = open(g->mark, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    must(g->marked >= 0);
    must(ward_system_new(&g->sys, &options) == 0);
    for (int i = 0; i < GUEST_ACTORS; i++) {
        char id[] = {(char)('a' + i), '\0'};
        must(guest_spawn(g, id, &scene_stubborn, &g->refs[i]) == 0);
    }
}

void
guest_stop(struct guest *g)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;
    unsigned stops = g->stops;

    must(ward_system_stop(g->sys) == 0);
    while (g->result == 0)
        one_turn(g, deadline);
    must(g->result == 1);
    must(g->stops == stops + GUEST_ACTORS);
}

/* Nobody has the write end of the mark any more. */
static bool
mark_ends(const struct guest *g)
{
    int64_t deadline = scene_now_ms() + SCENE_GONE_MS, left;
    struct pollfd polled = {.fd = g->marked, .events = POLLIN};
    char byte;

    while (read(g->marked, &byte, 1) != 0) {
        left = deadline - scene_now_ms();
        if (left <= 0 || poll(&polled, 1, (int)left) == 0)
            return false;
    }
    return true;
}

void
guest_free(struct guest *g)
{
    struct pollfd server = {.events = POLLIN};

    server.fd = (int)syscall(SYS_pidfd_open, guest_server(g), 0U);
    ward_system_free(g->sys);
    g->sys = NULL;
    if (server.fd >= 0) { /* else it was gone already */
        must(poll(&server, 1, SCENE_GONE_MS) == 1);
        close(server.fd);
    }
    must(mark_ends(g));
    close(g->marked);
    unlink(g->mark);
}

pid_t
guest_server(const struct guest *g)
{
    return g->sys->link.server.pid;
}

void
guest_tell(struct guest *g, enum guest_message type)
{
    for (int i = 0; i < GUEST_ACTORS; i++)
        must(ward_tell(ward_system_ctx(g->sys), g->refs[i], (int)type) == 0);
    if (type == GUEST_CRASH)
        g->crashes_due += GUEST_ACTORS;
    else
        g->told += GUEST_ACTORS;
}

void
guest_work(struct guest *g)
{
    unsigned letters = g->letters;

    guest_tell(g, GUEST_WORK);
    guest_settle(g);
    must(g->letters == letters);
}

/* Whoever works again has been restarted. */
void
guest_crash(struct guest *g)
{
    guest_tell(g, GUEST_CRASH);
    guest_work(g);
    guest_await(g, &g->crashes, g->crashes_due);
    must(g->crashes == g->crashes_due);
    must(g->oddities == 0);
}

void
guest_kill_server(struct guest *g)
{
    must(guest_server(g) > 0);
    must(kill(guest_server(g), SIGKILL) == 0);
}

void
guest_lose_server(struct guest *g)
{
    unsigned losses = g->losses, orphans = g->orphans;

    guest_tell(g, GUEST_WORK);
    guest_kill_server(g);
    guest_await(g, &g->losses, losses + 1);
    guest_await(g, &g->orphans, orphans + GUEST_ACTORS);
    guest_settle(g);
    guest_work(g);
    must(g->losses == losses + 1);
    must(g->oddities == 0);
}

void
guest_live(struct guest *g)
{
    static void (*const steps[GUEST_STEPS])(struct guest * g) = {
        guest_work, guest_crash, guest_lose_server, guest_crash, guest_work};

    for (int i = 0; i < GUEST_STEPS; i++) {
        if (g->meanwhile != NULL)
            g->meanwhile(g);
        steps[i](g);
    }
}

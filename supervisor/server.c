#include "supervisor/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/fds.h"
#include "supervisor/control.h"
#include "supervisor/incarnation.h"
#include "supervisor/life.h"
#include "supervisor/process.h"
#include "supervisor/system.h"

enum { ANSWER_MS = 5000, ANSWER_DELAYS = 12, SERVE_MS = 2000, CLOSE_MS = 2000 };
enum { RETRY_FIRST_MS = 10, RETRY_MOST_MS = 1000 };
enum { LOSSES_MAX = 3, LOSSES_WITHIN_MS = 60000 };

static void control_ready(struct ward__io *watcher, int events);
static void server_died(struct ward__io *watcher, int events);
static void zygote_died(struct ward__io *watcher, int events);
static void try_again(struct ward__timer *timer);

static struct ward__link *
link_of_retry(struct ward__timer *timer)
{
    return (struct ward__link *)(void *)((char *)timer -
                                         offsetof(struct ward__link, retry));
}

static struct ward__incarnation *
incarnation_of_deadline(struct ward__timer *timer)
{
    return (struct ward__incarnation *)(void *)((char *)timer -
                                                offsetof(struct ward__incarnation,
                                                         answer_deadline));
}

/* ---- the connection ---- */

static void
watch_control(struct ward__link *link)
{
    int events =
        TAILQ_EMPTY(&link->queue) ? WARD__READABLE : WARD__READABLE | WARD__WRITABLE;

    ward__loop_watch(&link->sys->loop, &link->control_watcher, link->server.control,
                     link->is_up ? events : 0, control_ready);
}

static int
connect_server(struct ward__link *link)
{
    int result = ward__zygote_serve(&link->server, SERVE_MS);

    if (result < 0)
        return result;
    link->is_up = true;
    link->retry_ms = RETRY_FIRST_MS;
    ward__loop_watch(&link->sys->loop, &link->death_watcher, link->server.pidfd,
                     WARD__READABLE, server_died);
    watch_control(link);
    return 0;
}

static void
disconnect(struct ward__link *link)
{
    struct ward__loop *loop = &link->sys->loop;

    link->is_up = false;
    ward__loop_watch(loop, &link->control_watcher, -1, 0, control_ready);
    ward__loop_watch(loop, &link->death_watcher, -1, 0, server_died);
    ward__fd_close(&link->server.control);
    ward__fd_close(&link->server.pidfd);
}

int
ward__link_open(struct ward__link *link, struct ward_system *sys)
{
    int result;

    *link = (struct ward__link){
        .sys = sys, .server = {.control = -1, .pidfd = -1}, .retry_ms = RETRY_FIRST_MS};
    TAILQ_INIT(&link->queue);
    link->control_watcher.owner = link;
    link->death_watcher.owner = link;
    link->zygote_watcher.owner = link;
    result = ward__window_init(&link->losses, LOSSES_MAX, LOSSES_WITHIN_MS);
    if (result == 0)
        result = connect_server(link);
    if (result == 0)
        ward__loop_watch(&sys->loop, &link->zygote_watcher, ward__zygote_pidfd(),
                         WARD__READABLE, zygote_died);
    return result;
}

/* The spares are gone with their fork server, and nobody else frees them. */
static void
free_spares(struct ward__link *link)
{
    struct ward__incarnation *inc;
    uint32_t at = 0;

    while ((inc = ward__slots_each(&link->incarnations, &at)) != NULL) {
        if (inc->actor != NULL)
            continue;
        ward__spares_lose(inc);
        ward__incarnation_free(inc);
    }
}

void
ward__link_close(struct ward__link *link)
{
    struct pollfd polled = {.events = POLLIN};

    if (link->sys == NULL)
        return;
    if (link->is_up) /* where it does not arrive, end of file does, and takes longer */
        ward__packet_send(link->server.control,
                          &(struct ward__control){.kind = WARD__CONTROL_CLOSE},
                          sizeof(struct ward__control), NULL, 0);
    ward__loop_watch(&link->sys->loop, &link->control_watcher, -1, 0, control_ready);
    ward__fd_close(&link->server.control);
    polled.fd = link->server.pidfd;
    if (link->is_up && poll(&polled, 1, CLOSE_MS) == 0) {
        ward__pidfd_kill(link->server.pidfd, SIGKILL); /* its workers go with it */
        poll(&polled, 1, CLOSE_MS);
    }
    disconnect(link);
    ward__loop_watch(&link->sys->loop, &link->zygote_watcher, -1, 0, zygote_died);
    ward__timer_cancel(&link->sys->loop, &link->retry);
    free_spares(link);
    ward__slots_done(&link->incarnations);
    ward__window_done(&link->losses);
}

/* ---- questions ---- */

static void no_answer(struct ward__timer *timer);

static void
await_answer(struct ward__link *link, struct ward__incarnation *inc)
{
    ward__timer_set(&link->sys->loop, &inc->answer_deadline, ward__clock_ms() + ANSWER_MS,
                    no_answer);
}

/* One that answers others is not stuck: it may be the host that did not listen for long, and reads now
 * what has come meanwhile. But an answer can be lost, too, and then none of the others ends the wait. */
static void
no_answer(struct ward__timer *timer)
{
    struct ward__incarnation *inc = incarnation_of_deadline(timer);
    struct ward__link *link = &inc->sys->link;

    if (ward__clock_ms() - link->heard_at < ANSWER_MS &&
        inc->answer_delays++ < ANSWER_DELAYS)
        await_answer(link, inc);
    else if (link->is_up)
        ward__pidfd_kill(link->server.pidfd, SIGKILL); /* another one, then */
}

static int
send_spawn(struct ward__link *link, struct ward__incarnation *inc)
{
    const struct ward__actor *actor = inc->actor;
    struct ward__control request = {.kind = WARD__CONTROL_SPAWN, .id = inc->id};
    int fds[2 + WARD__ACTOR_FDS] = {inc->worker_end, inc->page_fd};
    size_t fd_count = actor != NULL ? actor->fd_count : 0;
    int result;

    if (fd_count > 0)
        memcpy(fds + 2, actor->fds, sizeof fds[0] * fd_count);
    result = ward__packet_send(link->server.control, &request, sizeof request, fds,
                               2 + fd_count);
    if (result < 0)
        return result;
    ward__fd_close(&inc->worker_end);
    ward__fd_close(&inc->page_fd);
    inc->is_unsent = false;
    return 0;
}

/* What cannot even be prepared is refused: the one that is just being asked for by its result. */
static void
refuse(struct ward__link *link, struct ward__incarnation *inc, int error)
{
    TAILQ_REMOVE(&link->queue, inc, queued);
    inc->is_queued = false;
    if (inc == link->asking)
        link->refusal = error;
    else
        ward__incarnation_spawn_failed(inc, error);
}

static int
send_reap(struct ward__link *link, const struct ward__incarnation *inc)
{
    struct ward__control request = {
        .kind = WARD__CONTROL_REAP, .id = inc->id, .pid = inc->pid};

    return ward__packet_send(link->server.control, &request, sizeof request, NULL, 0);
}

static void
ask_again_soon(struct ward__link *link)
{
    if (!link->retry.is_armed)
        ward__timer_set(&link->sys->loop, &link->retry, ward__clock_ms() + link->retry_ms,
                        try_again);
}

static bool
is_unsent_spawn(const struct ward__incarnation *inc)
{
    return inc->is_spawning && inc->is_unsent;
}

/* What is made ahead leaves a descriptor: to begin a process takes three, and one that died gives
 * back two. */
static int
leave_one(const struct ward__incarnation *spare)
{
    int fd = WARD__SYS(fcntl(spare->page_fd, F_DUPFD_CLOEXEC, 0));

    if (fd < 0)
        return -errno;
    ward__fd_close(&fd);
    return 0;
}

static int
open_channel(struct ward__incarnation *inc)
{
    const struct ward__actor *actor = inc->actor;
    size_t frame_bytes = actor != NULL ? actor->frame_bytes : inc->sys->frame_bytes;

    return ward__channel_open(&inc->channel, frame_bytes, &inc->worker_end,
                              &inc->page_fd);
}

/* An actor comes before what the dead have left, and before processes for nobody. */
static bool
make_room(struct ward_system *sys)
{
    if (ward__burial_finish(sys))
        return true;
    return ward__spares_give_up(sys);
}

/* Socket and page, when the request can be sent: a crowd that waits for the fork server has no
 * descriptors. */
static int
open_incarnation(struct ward__incarnation *inc)
{
    const struct ward__actor *actor = inc->actor;
    int result = open_channel(inc);

    while ((result == -EMFILE || result == -ENFILE) && actor != NULL &&
           make_room(inc->sys))
        result = open_channel(inc);
    if (result < 0)
        return result;
    if (actor == NULL) {
        inc->channel.page->has_time = 1;
        return leave_one(inc);
    }
    ward__channel_begin(&inc->channel, actor->mailbox.done_number);
    return 0;
}

/* Sends what the socket takes. Descriptors in flight are limited for each user: then a pause
 * helps, the socket itself may be writable. */
static void
send_queue(struct ward__link *link)
{
    struct ward__incarnation *inc;
    int result = 0;

    while (link->is_up && (inc = TAILQ_FIRST(&link->queue)) != NULL) {
        int opened =
            is_unsent_spawn(inc) && inc->worker_end < 0 ? open_incarnation(inc) : 0;
        if (opened < 0) {
            refuse(link, inc, opened);
            continue;
        }
        result = is_unsent_spawn(inc) ? send_spawn(link, inc) : send_reap(link, inc);
        if (result < 0)
            break;
        TAILQ_REMOVE(&link->queue, inc, queued);
        inc->is_queued = false;
        inc->answer_delays = 0;
        await_answer(link, inc);
    }
    if (result == -ETOOMANYREFS || result == -ENOBUFS || result == -ENOMEM ||
        result == -EMFILE)
        ask_again_soon(link);
    if (result < 0 && result != -EAGAIN)
        ward__loop_watch(&link->sys->loop, &link->control_watcher, link->server.control,
                         WARD__READABLE, control_ready);
    else
        watch_control(link);
}

static void
ask(struct ward__link *link, struct ward__incarnation *inc)
{
    if (!inc->is_queued)
        TAILQ_INSERT_TAIL(&link->queue, inc, queued);
    inc->is_queued = true;
    send_queue(link);
}

int
ward__link_spawn(struct ward__link *link, struct ward__incarnation *inc)
{
    if (ward__slots_add(&link->incarnations, inc, &inc->id) < 0)
        return -ENOMEM;
    inc->is_spawning = inc->is_unsent = true;
    link->unborn++;
    link->asking = inc;
    link->refusal = 0;
    ask(link, inc);
    link->asking = NULL;
    return link->refusal;
}

static void
is_answered(struct ward__link *link, struct ward__incarnation *inc)
{
    link->unborn -= inc->is_spawning;
    inc->is_spawning = false;
}

bool
ward__link_is_calm(const struct ward__link *link)
{
    return link->is_up && link->unborn <= 1 && TAILQ_EMPTY(&link->queue);
}

void
ward__link_reap(struct ward__link *link, struct ward__incarnation *inc)
{
    if (inc->is_reaping || !link->is_up)
        return;
    inc->is_reaping = true;
    ask(link, inc);
}

void
ward__link_forget(struct ward__link *link, struct ward__incarnation *inc)
{
    if (inc->id != 0)
        ward__slots_remove(&link->incarnations, inc->id);
    if (inc->is_queued)
        TAILQ_REMOVE(&link->queue, inc, queued);
    inc->is_queued = false;
    is_answered(link, inc);
    ward__timer_cancel(&link->sys->loop, &inc->answer_deadline);
}

/* ---- answers ---- */

/* A process that nobody waits for any more ends; its pidfd is the only name for it. */
static void
disown(const struct ward__control *news, int *fd)
{
    if (news->kind == WARD__CONTROL_SPAWNED && *fd >= 0)
        ward__pidfd_kill(*fd, SIGKILL);
    ward__fd_close(fd);
}

static void
take_answer(struct ward__link *link, const struct ward__control *news, int fd)
{
    struct ward__incarnation *inc = ward__slots_find(&link->incarnations, news->id);

    if (inc == NULL) {
        disown(news, &fd);
        return;
    }
    ward__timer_cancel(&link->sys->loop, &inc->answer_deadline);
    is_answered(link, inc);
    switch (news->kind) {
    case WARD__CONTROL_SPAWNED:
        ward__incarnation_spawned(inc, (pid_t)news->pid, fd);
        return;
    case WARD__CONTROL_FAILED:
        ward__incarnation_spawn_failed(inc, news->error);
        break;
    case WARD__CONTROL_EXIT:
        ward__incarnation_exited(inc, news);
        break;
    default:
        break;
    }
    ward__fd_close(&fd);
}

static void
control_ready(struct ward__io *watcher, int events)
{
    struct ward__link *link = watcher->owner;
    struct ward_system *sys = link->sys;

    for (int i = 0; link->is_up && (events & WARD__READABLE) && i < 64; i++) {
        struct ward__control news = {.kind = 0};
        int fds[WARD__FDS_MAX];
        size_t fd_count = 0;
        int result = ward__packet_receive(link->server.control, &news, sizeof news, fds,
                                          &fd_count);
        if (result == -EMFILE && news.kind == WARD__CONTROL_SPAWNED) {
            /* There was no room for its pidfd. Its socket is closed now; it was not told to go,
             * and ends. */
            news = (struct ward__control){
                .kind = WARD__CONTROL_FAILED, .error = -EMFILE, .id = news.id};
            result = 1;
        }
        if (result <= 0)
            break; /* nothing more; or it is gone, and its pidfd says so */
        for (size_t extra = 1; extra < fd_count; extra++)
            ward__fd_close(&fds[extra]);
        link->heard_at = ward__clock_ms();
        take_answer(link, &news, fd_count > 0 ? fds[0] : -1);
    }
    send_queue(link);
    ward__system_pump(sys);
}

/* ---- loss ---- */

static void
fail_system(struct ward__link *link, const char *text)
{
    const ward_failure failure = {.cause = WARD_CAUSE_FORKSERVER,
                                  .phase = WARD_PHASE_IDLE,
                                  .by = WARD_BY_OUTSIDER,
                                  .path = "/",
                                  .origin_path = "/",
                                  .step = "",
                                  .raised = "",
                                  .text = text,
                                  .breadcrumb = ""};

    ward__system_fail(link->sys, &failure);
}

static void
connect_again(struct ward__link *link)
{
    int result = connect_server(link);

    if (result == -EPIPE) {
        fail_system(link, "the zygote is gone");
    } else if (result < 0) {
        ask_again_soon(link);
        if (link->retry_ms < RETRY_MOST_MS)
            link->retry_ms *= 2;
    }
}

static void
try_again(struct ward__timer *timer)
{
    struct ward__link *link = link_of_retry(timer);

    if (link->sys->has_stopped)
        return;
    if (!link->is_up)
        connect_again(link);
    send_queue(link);
    ward__system_pump(link->sys);
}

static void
server_died(struct ward__io *watcher, int events)
{
    struct ward__link *link = watcher->owner;
    struct ward_system *sys = link->sys;
    struct ward__incarnation *inc;
    uint32_t at = 0;

    (void)events;
    disconnect(link);
    while ((inc = ward__slots_each(&link->incarnations, &at)) != NULL)
        if (!is_unsent_spawn(inc))
            ward__incarnation_lost(inc);
    ward__notice_event(sys, &(ward_event){.kind = WARD_EVENT_FORKSERVER_LOST});
    if (ward__window_grant(&link->losses, ward__clock_ms()))
        connect_again(link);
    else
        fail_system(link, "the fork server was lost too often");
    send_queue(link);
    ward__system_pump(sys);
}

static void
zygote_died(struct ward__io *watcher, int events)
{
    struct ward__link *link = watcher->owner;

    (void)events;
    ward__loop_watch(&link->sys->loop, watcher, -1, 0, zygote_died);
    ward__zygote_bury();
    fail_system(link, "the zygote is gone");
    ward__system_pump(link->sys);
}

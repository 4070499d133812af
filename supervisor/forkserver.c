#include "supervisor/forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "supervisor/ancestry.h"
#include "supervisor/control.h"
#include "supervisor/process.h"
#include "supervisor/reap.h"
#include "supervisor/roster.h"
#include "supervisor/spawn.h"

/*
 * Design notes. SIGCHLD names one pid and swallows the others that died meanwhile, so a death
 * comes to be known in four ways: the signal names it; it is found behind another one, as many die at
 * once; the host, which holds the pidfd, asks for it by pid; or a sweep finds the zombie of somebody
 * whom no request made. wait4(-1) would be simpler and was measured 5 to 8 times slower beside 8,000
 * workers. A sweep reads the list of all our children and ends those that no request made. It costs
 * time in their number, so it runs a moment after a death and not at each.
 */

enum { HOST_ENDS_MS = 1000, ZYGOTE_ENDS_MS = 500 };
/* So many deaths in a row, or requests, then others have their turn. */
enum { ROW_MOST = 64, REQUESTS_MOST = 16 };
/* With so many pidfds that the host has not taken it is asked for no more: each fork copies them, and
 * its child closes them. */
enum { HELD_MOST = 64 };
enum { SWEEP_AFTER_MS = 50, SWEEP_AGAIN_MS = 10, SWEEP_SELDOM_MS = 1000 };

/* One worker, from the request until the host has been told of its end. */
struct child {
    uint64_t id;
    pid_t pid;                 /* 0: none (yet) */
    int pidfd;                 /* owned until it is sent; -1 */
    struct ward__control news; /* what the host is to be told next */
    bool is_news;
    bool is_over; /* the news is its last */
    RB_ENTRY(child) by_pid;
    TAILQ_ENTRY(child) queued;
};

RB_HEAD(children, child);
TAILQ_HEAD(news, child);

struct server {
    int control;
    int host_pidfd;
    int zygote_pidfd;
    int signals; /* a signalfd for SIGCHLD */
    struct ward__setup *setup;
    struct ward__roster roster; /* their records */
    struct children children;
    struct news births, deaths; /* not yet told */
    int held;                   /* pidfds of births */
    int64_t sweep_at;           /* 0: none is due */
    int64_t sweep_pause;
};

static int
compare(const struct child *a, const struct child *b)
{
    return (a->pid > b->pid) - (a->pid < b->pid);
}

RB_GENERATE_INTERNAL(children, child, by_pid, compare, static __attribute__((unused)))

static struct child *
find(struct server *s, pid_t pid)
{
    struct child key = {.pid = pid};

    return RB_FIND(children, &s->children, &key);
}

/* ---- news for the host ---- */

/* A death that overtakes the news of its birth is told in its place. */
static struct news *
queue_of(struct server *s, const struct child *child)
{
    return child->pidfd >= 0 ? &s->births : &s->deaths;
}

/* Births first: they hold descriptors. */
static struct child *
next_news(struct server *s)
{
    return TAILQ_EMPTY(&s->births) ? TAILQ_FIRST(&s->deaths) : TAILQ_FIRST(&s->births);
}

static void
tell(struct server *s, struct child *child, struct ward__control news, bool is_over)
{
    news.id = child->id;
    child->news = news;
    child->is_over = is_over;
    if (child->is_news)
        return;
    TAILQ_INSERT_TAIL(queue_of(s, child), child, queued);
    child->is_news = true;
    s->held += child->pidfd >= 0;
}

static void
forget(struct server *s, struct child *child)
{
    ward__fd_close(&child->pidfd);
    ward__roster_give(&s->roster, child);
}

/* Sends what the socket takes; the rest waits until it can be written. */
static void
send_news(struct server *s)
{
    struct child *child;

    while ((child = next_news(s)) != NULL) {
        size_t fds = child->pidfd >= 0 ? 1 : 0;
        int result = ward__packet_send(s->control, &child->news, sizeof child->news,
                                       &child->pidfd, fds);
        /* Descriptors in flight are counted, and a full table passes; the rest is final: the
         * host is gone, which its pidfd says, or it gave this socket up. */
        if (result == -EAGAIN || result == -ETOOMANYREFS || result == -ENOBUFS ||
            result == -ENOMEM || result == -EMFILE)
            return;
        TAILQ_REMOVE(queue_of(s, child), child, queued);
        child->is_news = false;
        s->held -= child->pidfd >= 0;
        ward__fd_close(&child->pidfd);
        if (child->is_over)
            forget(s, child);
    }
}

/* ---- deaths ---- */

static void
sweep_soon(struct server *s)
{
    if (s->sweep_at == 0)
        s->sweep_at = ward__clock_ms() + SWEEP_AFTER_MS;
    s->sweep_pause = SWEEP_AGAIN_MS;
}

/* As the kernel fills it in, whatever libc makes of its times. */
struct usage {
    long user_s, user_us, system_s, system_us;
    long max_rss_kb;
    long others[13];
};

/* Is this child dead? It stays a zombie. libc's waitid does not tell what it used. */
static bool
is_dead(pid_t pid, siginfo_t *info, struct usage *usage)
{
    info->si_pid = 0;
    return syscall(SYS_waitid, P_PID, pid, info, WEXITED | WNOHANG | WNOWAIT, usage) ==
               0 &&
           info->si_pid == pid;
}

/* As wait4 gives it. */
static int
status_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return (info->si_status & 0xff) << 8;
    return info->si_status | (info->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

static void
tell_end(struct server *s, struct child *child, const siginfo_t *info,
         const struct usage *usage)
{
    struct ward__control news = {
        .kind = WARD__CONTROL_EXIT,
        .pid = child->pid,
        .status = status_of(info),
        .user_us = (int64_t)usage->user_s * 1000000 + usage->user_us,
        .system_us = (int64_t)usage->system_s * 1000000 + usage->system_us,
        .max_rss_kb = usage->max_rss_kb};

    news.step = ward__setup_take(s->setup, child->pid, &news.error);
    RB_REMOVE(children, &s->children, child);
    tell(s, child, news, true);
    send_news(s);
}

/*
 * Reaps one child if it is dead. While it is still a zombie its pid, and so the process group
 * it led, cannot be anybody else's. Somebody waits to be restarted, so the host is told first.
 */
static bool
reap_one(struct server *s, pid_t pid)
{
    struct child *child = find(s, pid);
    siginfo_t info;
    struct usage usage;

    if (!is_dead(pid, &info, &usage))
        return false;
    kill(-pid, SIGKILL);
    if (child != NULL) /* else it is an orphan of a worker's */
        tell_end(s, child, &info, &usage);
    waitpid(pid, NULL, 0);
    sweep_soon(s);
    return true;
}

/* And those behind it in the order of pids, as long as they are dead, too: where many die at once the
 * signal names few, and what is told of the others now the host need not ask for. */
static void
reap(struct server *s, pid_t pid)
{
    struct child key = {.pid = pid}, *next = &key;

    for (int i = 0; i < ROW_MOST && next != NULL && reap_one(s, next->pid); i++)
        next = RB_NFIND(children, &s->children, &key);
}

/* One at a time: a signal that is pending already is not queued again. */
static void
read_signals(struct server *s)
{
    struct signalfd_siginfo info;

    if (WARD__SYS(read(s->signals, &info, sizeof info)) == sizeof info)
        reap(s, (pid_t)info.ssi_pid);
}

static bool
is_worker(pid_t pid, void *user)
{
    return find(user, pid) != NULL;
}

static void
sweep(struct server *s)
{
    int strangers;

    s->sweep_at = 0;
    strangers = ward__reap_strangers(is_worker, s);
    if (strangers == 0)
        return;
    s->sweep_at = ward__clock_ms() + s->sweep_pause;
    if (s->sweep_pause < SWEEP_SELDOM_MS)
        s->sweep_pause *= 2;
}

/* ---- spawning ---- */

static void
close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ward__fd_close(&fds[i]);
}

/* Forks; in the child it does not return. The pid, or a negative code. */
static int
fork_worker(struct server *s, int *fds, size_t fd_count)
{
    pid_t self = getpid();
    pid_t pid = WARD__SYS(fork());

    if (pid == 0) {
        struct ward__spawn_record record = {.channel = fds[0],
                                            .page_fd = fds[1],
                                            .fd_count = fd_count - 2,
                                            .setup = s->setup,
                                            .parent = self};
        memcpy(record.fds, fds + 2, sizeof fds[0] * record.fd_count);
        ward__spawn_become(&record);
    }
    return pid < 0 ? -errno : pid;
}

static int
spawn_child(struct server *s, struct child *child, int *fds, size_t fd_count)
{
    int pid, pidfd;

    if (fd_count < 2)
        return -EPROTO;
    pid = fork_worker(s, fds, fd_count);
    if (pid < 0)
        return pid;
    pidfd = ward__pidfd_open(pid);
    if (pidfd < 0) {
        int error = -errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return error;
    }
    child->pid = pid;
    child->pidfd = pidfd;
    RB_INSERT(children, &s->children, child);
    return 0;
}

static void
spawn(struct server *s, const struct ward__control *request, int *fds, size_t fd_count)
{
    struct child *child = WARD__NEW(ward__roster_take(&s->roster));
    struct ward__control news = {.kind = WARD__CONTROL_SPAWNED};
    int result = -ENOMEM;

    if (child != NULL) {
        child->id = request->id;
        child->pidfd = -1;
        result = spawn_child(s, child, fds, fd_count);
    }
    close_all(fds, fd_count);
    news.error = result;
    if (result < 0)
        news.kind = WARD__CONTROL_FAILED;
    if (child != NULL) {
        news.pid = child->pid;
        tell(s, child, news, result < 0);
    } else { /* if this is lost too, the host's deadline ends the request */
        news.id = request->id;
        ward__packet_send(s->control, &news, sizeof news, NULL, 0);
    }
}

/* ---- the whole ---- */

static _Noreturn void
end_all(void)
{
    ward__reap_all();
    _exit(0);
}

static bool
has_ended(int pidfd, int within_ms)
{
    struct pollfd polled = {.fd = pidfd, .events = POLLIN};

    return poll(&polled, 1, within_ms) > 0;
}

/* The host is gone, or goes: its sockets are closed a moment before. The zygote sees that for
 * itself, unless somebody has stopped it: then nobody else would end it. */
static _Noreturn void
end_with_host(struct server *s)
{
    ward__reap_all();
    if (has_ended(s->host_pidfd, HOST_ENDS_MS) &&
        !has_ended(s->zygote_pidfd, ZYGOTE_ENDS_MS))
        ward__pidfd_kill(s->zygote_pidfd, SIGKILL);
    _exit(0);
}

static void
read_requests(struct server *s)
{
    for (int i = 0; i < REQUESTS_MOST; i++) {
        struct ward__control request;
        int fds[WARD__FDS_MAX];
        size_t fd_count = 0;
        int result =
            ward__packet_receive(s->control, &request, sizeof request, fds, &fd_count);

        if (result == 0 || result == -ECONNRESET)
            end_with_host(s);
        if (result < 0)
            return; /* nothing more, or a packet that was lost: its deadline ends it */
        if (request.kind == WARD__CONTROL_SPAWN) {
            spawn(s, &request, fds, fd_count);
            continue;
        }
        close_all(fds, fd_count);
        if (request.kind == WARD__CONTROL_CLOSE)
            end_all();
        if (request.kind == WARD__CONTROL_REAP && find(s, (pid_t)request.pid) != NULL)
            reap(s, (pid_t)request.pid);
    }
}

enum { POLL_CONTROL, POLL_HOST, POLL_ZYGOTE, POLL_SIGNALS, POLL_COUNT };

static int
pause_until_sweep(const struct server *s)
{
    int64_t left = s->sweep_at - ward__clock_ms();

    if (s->sweep_at == 0)
        return -1;
    return left > 0 ? (int)left : 0;
}

static void
turn(struct server *s)
{
    struct pollfd polled[POLL_COUNT] = {
        [POLL_CONTROL] = {.fd = s->control, .events = s->held < HELD_MOST ? POLLIN : 0},
        [POLL_HOST] = {.fd = s->host_pidfd, .events = POLLIN},
        [POLL_ZYGOTE] = {.fd = s->zygote_pidfd, .events = POLLIN},
        [POLL_SIGNALS] = {.fd = s->signals, .events = POLLIN},
    };

    if (next_news(s) != NULL)
        polled[POLL_CONTROL].events |= POLLOUT;
    if (WARD__SYS(poll(polled, POLL_COUNT, pause_until_sweep(s))) < 0)
        return;
    if (polled[POLL_HOST].revents != 0)
        end_with_host(s);
    if (polled[POLL_ZYGOTE].revents != 0)
        end_all();
    if (polled[POLL_SIGNALS].revents != 0)
        read_signals(s);
    if (polled[POLL_CONTROL].revents & ~POLLOUT)
        read_requests(s);
    if (s->sweep_at != 0 && s->sweep_at <= ward__clock_ms())
        sweep(s);
    send_news(s);
}

void
ward__forkserver_main(int control, int host_pidfd, pid_t zygote)
{
    struct server server = {.control = control, .host_pidfd = host_pidfd};
    sigset_t children_only;

    ward__role = WARD__ROLE_FORKSERVER;
    TAILQ_INIT(&server.births);
    TAILQ_INIT(&server.deaths);
    ward__roster_init(&server.roster, sizeof(struct child));
    RB_INIT(&server.children);
    prctl(PR_SET_NAME, "ward-forkserver");
    server.zygote_pidfd = ward__pidfd_open(zygote);
    sigemptyset(&children_only);
    sigaddset(&children_only, SIGCHLD);
    server.signals = WARD__SYS(signalfd(-1, &children_only, SFD_CLOEXEC | SFD_NONBLOCK));
    server.setup = ward__setup_new();
    if (WARD__SYS(prctl(PR_SET_CHILD_SUBREAPER, 1)) < 0 ||
        WARD__SYS(fcntl(control, F_SETFL, O_NONBLOCK)) < 0 || getppid() != zygote ||
        server.zygote_pidfd < 0 || server.signals < 0 || server.setup == NULL)
        _exit(1);
    ward__ancestry_leave();
    for (;;)
        turn(&server);
}

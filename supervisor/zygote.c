#include "supervisor/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ward/system.h>

#include "ipc/clock.h"
#include "ipc/context.h"
#include "ipc/fault.h"
#include "ipc/fds.h"
#include "ipc/registry.h"
#include "supervisor/control.h"
#include "supervisor/forkserver.h"
#include "supervisor/process.h"
#include "supervisor/reap.h"
#include "worker/entry.h"

/* ---- in the zygote ---- */

enum { SERVERS_MAX = 256, RESWEEP_MS = 10 };

struct servant {
    pid_t pid;
    int pidfd;
};

struct zygote {
    int control;
    int host_pidfd;
    int signals;
    struct servant servants[SERVERS_MAX];
    size_t count;
    bool is_sweeping; /* strangers were seen: look again soon */
};

static bool
is_servant(pid_t pid, void *user)
{
    const struct zygote *z = user;

    for (size_t i = 0; i < z->count; i++)
        if (z->servants[i].pid == pid)
            return true;
    return false;
}

static void
fork_servant(struct zygote *z, int control, struct servant *servant, int *error)
{
    pid_t zygote = getpid();
    int pidfd = -1;
    pid_t pid = ward__clone_silent(&pidfd);

    if (pid == 0) {
        /* All else goes: the zygote's own socket, the pidfds of other fork servers. */
        int host = WARD__SYS(fcntl(z->host_pidfd, F_DUPFD_CLOEXEC, 3));
        if (host < 0)
            _exit(1);
        int low = control < host ? control : host;
        int high = control < host ? host : control;
        close_range(3, (unsigned)low - 1, 0);
        if (high > low + 1)
            close_range((unsigned)low + 1, (unsigned)high - 1, 0);
        close_range((unsigned)high + 1, ~0U, 0);
        ward__forkserver_main(control, host, zygote);
    }
    *error = pid < 0 ? (int)pid : 0;
    *servant = (struct servant){pid, pidfd};
}

static void
serve(struct zygote *z, const struct ward__control *request, int control)
{
    struct ward__control answer = {.kind = WARD__CONTROL_SERVED, .id = request->id};
    struct servant servant = {0, -1};

    answer.error = z->count < SERVERS_MAX ? 0 : -EAGAIN;
    if (answer.error == 0)
        fork_servant(z, control, &servant, &answer.error);
    answer.pid = servant.pid;
    if (answer.error == 0)
        z->servants[z->count++] = servant;
    ward__packet_send(z->control, &answer, sizeof answer, &servant.pidfd,
                      answer.error == 0 ? 1 : 0);
}

static _Noreturn void
end_all(void)
{
    ward__reap_all();
    _exit(0);
}

static void
read_request(struct zygote *z)
{
    struct ward__control request;
    int fds[WARD__FDS_MAX];
    size_t fd_count = 0;
    int result =
        ward__packet_receive(z->control, &request, sizeof request, fds, &fd_count);

    if (result == 0 || result == -ECONNRESET)
        end_all();
    if (result < 0)
        return;
    if (request.kind == WARD__CONTROL_SERVER && fd_count == 1)
        serve(z, &request, fds[0]);
    for (size_t i = 0; i < fd_count; i++)
        ward__fd_close(&fds[i]);
}

/* Forgets the fork servers that have ended, and ends what they left. */
static void
bury(struct zygote *z)
{
    for (size_t i = 0; i < z->count;) {
        if (ward__reap_silent(z->servants[i].pidfd) == 0) {
            i++;
            continue;
        }
        ward__fd_close(&z->servants[i].pidfd);
        z->servants[i] = z->servants[--z->count];
    }
    z->is_sweeping = ward__reap_strangers(is_servant, z) > 0;
}

static void
drain_signals(struct zygote *z)
{
    struct signalfd_siginfo info[16];

    while (read(z->signals, info, sizeof info) > 0)
        ;
}

enum { POLL_CONTROL, POLL_HOST, POLL_SIGNALS, POLL_FIXED };

static void
turn(struct zygote *z)
{
    struct pollfd polled[POLL_FIXED + SERVERS_MAX] = {
        [POLL_CONTROL] = {.fd = z->control, .events = POLLIN},
        [POLL_HOST] = {.fd = z->host_pidfd, .events = POLLIN},
        [POLL_SIGNALS] = {.fd = z->signals, .events = POLLIN},
    };
    bool is_death = z->is_sweeping;

    for (size_t i = 0; i < z->count; i++)
        polled[POLL_FIXED + i] =
            (struct pollfd){.fd = z->servants[i].pidfd, .events = POLLIN};
    if (WARD__SYS(poll(polled, POLL_FIXED + z->count, z->is_sweeping ? RESWEEP_MS : -1)) <
        0)
        return;
    if (polled[POLL_HOST].revents != 0)
        end_all();
    for (size_t i = 0; i < z->count; i++)
        is_death |= polled[POLL_FIXED + i].revents != 0;
    if (polled[POLL_SIGNALS].revents != 0) {
        drain_signals(z);
        is_death = true;
    }
    if (is_death)
        bury(z);
    if (polled[POLL_CONTROL].revents != 0)
        read_request(z);
}

/*
 * No disposition of the host's comes along. Here they are all blocked, in fork servers, too; a
 * worker's mask opens in the last step of its spawn. Where a host ignores SIGCHLD, or wants no
 * zombies, the kernel would reap, and nobody would learn how a worker ended.
 */
static void
reset_what_workers_inherit(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &standard, NULL); /* SIGKILL, SIGSTOP and libc's own refuse */
    ward__worker_prepare();
}

static _Noreturn void
zygote_main(int control, pid_t host)
{
    struct zygote zygote = {.count = 0};
    sigset_t children_only;

    ward__role = WARD__ROLE_ZYGOTE;
    reset_what_workers_inherit();
    if (control != 3) {
        if (WARD__SYS(dup2(control, 3)) < 0)
            _exit(1);
        control = 3;
    }
    close_range(4, ~0U, 0);
    fcntl(control, F_SETFD, FD_CLOEXEC);
    setsid();
    prctl(PR_SET_NAME, "ward-zygote");
    sigemptyset(&children_only);
    sigaddset(&children_only, SIGCHLD);
    zygote.control = control;
    zygote.host_pidfd = ward__pidfd_open(host);
    zygote.signals = WARD__SYS(signalfd(-1, &children_only, SFD_CLOEXEC | SFD_NONBLOCK));
    if (WARD__SYS(prctl(PR_SET_CHILD_SUBREAPER, 1)) < 0 || getppid() != host ||
        zygote.host_pidfd < 0 || zygote.signals < 0)
        _exit(1);
    for (;;)
        turn(&zygote);
}

/* ---- in the host ---- */

/* The one thing that a process has once: its zygote. The lock is for the systems of many threads; a
 * child that was forked while one held it never takes it. */
static struct {
    pthread_mutex_t lock;
    atomic_bool was_forked;
    unsigned generation; /* see ward__fork_generation */
    pid_t pid;
    int pidfd;
    int control;
    uint64_t last_request;
} the_zygote = {.lock = PTHREAD_MUTEX_INITIALIZER, .pidfd = -1, .control = -1};

/* The link count of this folder is two more than there are threads. */
static bool
has_one_thread(void)
{
    struct stat status;

    return stat("/proc/self/task", &status) == 0 && status.st_nlink == 3;
}

/* All signals are blocked around the clone: no handler of the host's runs in the copy, which
 * keeps the mask. */
static pid_t
clone_zygote(int control, int *pidfd)
{
    pid_t host = getpid();
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = ward__clone_silent(pidfd);
    if (pid == 0)
        zygote_main(control, host);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static int
fork_zygote(void)
{
    int ends[2] = {-1, -1};
    int pidfd = -1;
    pid_t pid;

    if (WARD__SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) < 0)
        return -errno;
    fflush(NULL); /* else every worker would write out what is buffered now */
    pid = clone_zygote(ends[1], &pidfd);
    ward__fd_close(&ends[1]);
    if (pid < 0) {
        ward__fd_close(&ends[0]);
        return (int)pid;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    the_zygote.generation = ward__fork_generation;
    the_zygote.pid = pid;
    the_zygote.pidfd = pidfd;
    the_zygote.control = ends[0];
    atomic_store(&the_zygote.was_forked, true);
    return 0;
}

int
ward_early(void)
{
    int result;

    if (ward__role != WARD__ROLE_HOST)
        return -ECHILD;
    if (atomic_load(&the_zygote.was_forked))
        return the_zygote.generation == ward__fork_generation ? 0 : -ECHILD;
    if (!has_one_thread())
        return -EBUSY;
    result = ward__fork_watch();
    if (result < 0)
        return result;
    ward__registry_freeze();
    return fork_zygote();
}

static void
close_server(struct ward__server *server)
{
    ward__fd_close(&server->control);
    ward__fd_close(&server->pidfd);
}

/* The answer to our request; those to earlier ones, which came too late, are thrown away. */
static int
await_answer(uint64_t request, int64_t deadline, struct ward__server *server)
{
    for (;;) {
        struct pollfd polled = {.fd = the_zygote.control, .events = POLLIN};
        struct ward__control answer;
        int64_t left = deadline - ward__clock_ms();
        int fds[WARD__FDS_MAX];
        size_t fd_count = 0;
        int result;

        if (left <= 0 || WARD__SYS(poll(&polled, 1, (int)left)) == 0)
            return -ETIMEDOUT;
        result = ward__packet_receive(the_zygote.control, &answer, sizeof answer, fds,
                                      &fd_count);
        if (result == -EAGAIN)
            continue;
        if (result <= 0)
            return result == 0 || result == -ECONNRESET ? -EPIPE : result;
        if (answer.id == request && answer.error == 0 && fd_count == 1) {
            server->pidfd = fds[0];
            server->pid = (pid_t)answer.pid;
            return 0;
        }
        for (size_t i = 0; i < fd_count; i++)
            ward__fd_close(&fds[i]);
        if (answer.id == request)
            return answer.error < 0 ? answer.error : -EPROTO;
    }
}

static int
ask_for_server(struct ward__server *server, int timeout_ms)
{
    struct ward__control request = {.kind = WARD__CONTROL_SERVER};
    int64_t deadline = ward__clock_ms() + timeout_ms;
    struct ward__server made = {.control = -1, .pidfd = -1};
    int ends[2] = {-1, -1};
    int result;

    if (WARD__SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) < 0)
        return -errno;
    made.control = ends[0];
    request.id = ++the_zygote.last_request;
    result = ward__packet_send(the_zygote.control, &request, sizeof request, &ends[1], 1);
    ward__fd_close(&ends[1]);
    if (result == 0)
        result = await_answer(request.id, deadline, &made);
    if (result == 0 && WARD__SYS(fcntl(made.control, F_SETFL, O_NONBLOCK)) < 0)
        result = -errno;
    if (result < 0) {
        close_server(&made);
        return result == -ECONNRESET ? -EPIPE : result;
    }
    *server = made;
    return 0;
}

int
ward__zygote_serve(struct ward__server *server, int timeout_ms)
{
    int result;

    pthread_mutex_lock(&the_zygote.lock);
    result = ask_for_server(server, timeout_ms);
    pthread_mutex_unlock(&the_zygote.lock);
    return result;
}

int
ward__zygote_pidfd(void)
{
    return the_zygote.pidfd;
}

pid_t
ward__zygote_pid(void)
{
    return the_zygote.pid;
}

void
ward__zygote_bury(void)
{
    if (the_zygote.pidfd >= 0)
        ward__reap_silent(the_zygote.pidfd);
}

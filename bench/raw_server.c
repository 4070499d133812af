#include "bench/raw_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

/* ---- a descriptor in a packet ---- */

union passed {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int
send_fd(int to, int fd)
{
    union passed control = {.head = {.cmsg_len = CMSG_LEN(sizeof fd),
                                     .cmsg_level = SOL_SOCKET,
                                     .cmsg_type = SCM_RIGHTS}};
    struct iovec one = {.iov_base = (char[]){'f'}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : bench_fail("sendmsg", errno);
}

/* -1: there is none; `is_over`: and there will be none. */
static int
receive_fd(int from, bool *is_over)
{
    union passed control;
    char byte;
    struct iovec one = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(from, &message, MSG_DONTWAIT);
    int fd = -1;

    *is_over = got == 0 || (got < 0 && errno != EAGAIN);
    if (got == 1 && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
    return fd;
}

/* ---- the server ---- */

static void (*child_body)(int fd);

struct server {
    int control, signals;
    pid_t *pids; /* by number; 0: reaped */
    long count, capacity;
    long oldest; /* that is not reaped */
};

static pid_t
fork_one(const struct server *server, int fd)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    close(server->control);
    close(server->signals);
    child_body(fd);
    _exit(0);
}

static void
fork_for(struct server *server, int fd)
{
    if (server->count == server->capacity) {
        server->capacity = server->capacity * 2 + 64;
        server->pids =
            realloc(server->pids, (size_t)server->capacity * sizeof *server->pids);
    }
    if (server->pids == NULL ||
        (server->pids[server->count++] = fork_one(server, fd)) < 0)
        _exit(1);
    close(fd);
}

/* Until nothing more is asked now. False: never again. */
static bool
serve_requests(struct server *server)
{
    bool is_over;
    int fd;

    while ((fd = receive_fd(server->control, &is_over)) >= 0)
        fork_for(server, fd);
    return !is_over;
}

/* True: it is dead, and the host knows. */
static bool
reap(struct server *server, long number)
{
    struct raw_death death = {.number = number};

    if (server->pids[number] == 0)
        return true;
    if (waitpid(server->pids[number], &death.status, WNOHANG) <= 0)
        return false;
    server->pids[number] = 0;
    send(server->control, &death, sizeof death, MSG_NOSIGNAL);
    return true;
}

/* In the order in which they were forked, for one signal may stand for many. True: there may be more. */
static bool
reap_oldest(struct server *server)
{
    enum { ROW_MOST = 64 }; /* then the host is listened to: else both could wait */
    int row = 0;

    while (row < ROW_MOST && server->oldest < server->count &&
           reap(server, server->oldest)) {
        server->oldest++;
        row++;
    }
    return row == ROW_MOST;
}

static bool
reap_signalled(struct server *server)
{
    struct signalfd_siginfo info;
    long number = server->count;

    if (read(server->signals, &info, sizeof info) == sizeof info) {
        while (--number >= 0 && server->pids[number] != (pid_t)info.ssi_pid)
            ;
        if (number >= 0)
            reap(server, number);
    }
    return reap_oldest(server);
}

static void
serve(int control)
{
    struct server server = {.control = control};
    struct pollfd polled[2] = {{.fd = control, .events = POLLIN}, {.events = POLLIN}};
    bool is_more = false;
    sigset_t deaths;

    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    sigprocmask(SIG_BLOCK, &deaths, NULL);
    server.signals = polled[1].fd = signalfd(-1, &deaths, SFD_NONBLOCK);
    while (poll(polled, 2, is_more ? 0 : -1) >= 0) {
        if (is_more || polled[1].revents != 0)
            is_more = reap_signalled(&server);
        if (polled[0].revents != 0 && !serve_requests(&server))
            break;
    }
    while (wait(NULL) > 0)
        ;
}

/* Between the host and its server. */
static void
be_zygote(int control)
{
    pid_t pid = fork();

    if (pid == 0) {
        serve(control);
        _exit(0);
    }
    close(control);
    waitpid(pid, NULL, 0);
}

/* ---- the host ---- */

int
raw_server_start(struct raw_child *server, void (*body)(int fd))
{
    child_body = body;
    return raw_child_start(server, be_zygote);
}

void
raw_server_end(struct raw_child *server)
{
    raw_child_end(server);
}

int
raw_server_fork(const struct raw_child *server)
{
    int ends[2], result;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    result = send_fd(server->fd, ends[1]);
    close(ends[1]);
    return result < 0 ? -1 : ends[0];
}

int
raw_server_death(const struct raw_child *server, struct raw_death *death)
{
    if (recv(server->fd, death, sizeof *death, MSG_WAITALL) != sizeof *death)
        return bench_fail("a death", errno);
    return 0;
}

/* What a host does that has the next process made before it is needed, and not by forking itself, by system calls
 * alone: three processes, as ward has them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/raw.h"
#include "bench/raw_child.h"

/* The other end of a packet with a descriptor in it: fork one for it. */
static int
send_fd(int to, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof fd),
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

static int
receive_fd(int from)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof from)];
    } control;
    char byte;
    struct iovec one = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int fd = -1;

    if (recvmsg(from, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
    return fd;
}

/* ---- the fork server ---- */

static void
fork_one(int control, int signals, int fd)
{
    pid_t pid = fork();

    if (pid != 0) {
        close(fd);
        return;
    }
    close(control);
    close(signals);
    raw_answer_or_crash(fd);
    _exit(0);
}

static void
report_deaths(int control, int signals)
{
    struct signalfd_siginfo info;
    int status;

    if (read(signals, &info, sizeof info) < 0)
        return;
    while (waitpid(-1, &status, WNOHANG) > 0)
        send(control, &status, sizeof status, MSG_NOSIGNAL);
}

/* Until the host is gone. */
static void
serve(int control)
{
    sigset_t deaths;
    struct pollfd polled[2] = {{.fd = control, .events = POLLIN}, {.events = POLLIN}};

    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    sigprocmask(SIG_BLOCK, &deaths, NULL);
    polled[1].fd = signalfd(-1, &deaths, SFD_NONBLOCK);
    while (poll(polled, 2, -1) > 0) {
        if (polled[1].revents != 0)
            report_deaths(control, polled[1].fd);
        if (polled[0].revents != 0) {
            int fd = receive_fd(control);
            if (fd < 0)
                return;
            fork_one(control, polled[1].fd, fd);
        }
    }
}

/* ---- the host ---- */

struct ahead {
    struct raw_child server;
    int now, next; /* sockets of the child and of the one made ahead */
};

static int
make_next(struct ahead *ahead)
{
    int ends[2], result;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    result = send_fd(ahead->server.fd, ends[1]);
    close(ends[1]);
    ahead->next = ends[0];
    return result;
}

static int
open_all(struct ahead *ahead)
{
    if (raw_child_start(&ahead->server, serve) < 0 || make_next(ahead) < 0)
        return -1;
    ahead->now = ahead->next;
    return raw_first_answer(ahead->now) < 0 ? -1 : make_next(ahead);
}

/* The host hears how it ended before it uses the next one. */
static int
crash(struct ahead *ahead)
{
    int status;

    if (!raw_write_all(ahead->now, "!", 1) ||
        recv(ahead->server.fd, &status, sizeof status, 0) != sizeof status)
        return bench_fail("the death", errno);
    return WIFSIGNALED(status) ? raw_first_answer(ahead->next)
                               : bench_fail("another end than that", status);
}

int
raw_restart_ahead(const struct bench_size *size, double *values)
{
    double *times = calloc((size_t)size->count, sizeof *times);
    struct ahead ahead;

    if (times == NULL || open_all(&ahead) < 0)
        return -1;
    for (long i = 0; i < size->count; i++) {
        double begun;
        poll(NULL, 0, BENCH_PAUSE_MS);
        begun = bench_now_us();
        if (crash(&ahead) < 0)
            return -1;
        times[i] = bench_now_us() - begun;
        close(ahead.now);
        ahead.now = ahead.next;
        if (make_next(&ahead) < 0)
            return -1;
    }
    close(ahead.now);
    close(ahead.next);
    raw_child_end(&ahead.server);
    values[0] = bench_quantile(times, (size_t)size->count, 0.5);
    values[1] = bench_quantile(times, (size_t)size->count, 0.99);
    free(times);
    return 0;
}

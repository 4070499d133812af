#include "bench/raw_server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/raw_reaper.h"

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

static pid_t
fork_one(const struct raw_reaper *reaper, int fd)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    close(reaper->control);
    close(reaper->signals);
    child_body(fd);
    _exit(0);
}

static int
take_request(struct raw_reaper *reaper)
{
    bool is_over;
    int fd = receive_fd(reaper->control, &is_over);

    if (fd < 0)
        return is_over ? -1 : 0;
    raw_reaper_add(reaper, fork_one(reaper, fd));
    close(fd);
    return 1;
}

static bool
bury(struct raw_reaper *reaper, long number)
{
    struct raw_death death = {.number = number};

    if (waitpid(reaper->pids[number], &death.status, WNOHANG) <= 0)
        return false;
    send(reaper->control, &death, sizeof death, MSG_NOSIGNAL);
    return true;
}

/* Between the host and its server. */
static void
be_zygote(int control)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct raw_reaper reaper = {
            .control = control, .take_request = take_request, .bury = bury};
        raw_reaper_serve(&reaper);
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

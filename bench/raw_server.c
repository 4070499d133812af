#include "bench/raw_server.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/raw_packet.h"
#include "bench/raw_reaper.h"

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
    int fds[RAW_FDS_MOST];
    char byte;
    int result = raw_packet_receive(reaper->control, &byte, 1, fds);

    if (result <= 0)
        return result;
    raw_reaper_add(reaper, fork_one(reaper, fds[0]));
    close(fds[0]);
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
    struct raw_reaper reaper = {
        .control = control, .take_request = take_request, .bury = bury};

    raw_reaper_serve_below(&reaper);
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
    int ends[2];
    char byte = 'f';
    bool is_sent;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    is_sent = raw_packet_send(server->fd, &byte, 1, &ends[1], 1);
    close(ends[1]);
    return is_sent ? ends[0] : bench_fail("sendmsg", errno);
}

int
raw_server_death(const struct raw_child *server, struct raw_death *death)
{
    if (recv(server->fd, death, sizeof *death, MSG_WAITALL) != sizeof *death)
        return bench_fail("a death", errno);
    return 0;
}

#include "bench/raw_child.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

int
raw_child_start(struct raw_child *child, void (*body)(int fd))
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    child->pid = fork();
    if (child->pid < 0)
        return bench_fail("fork", errno);
    if (child->pid == 0) {
        close(ends[0]);
        body(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    child->fd = ends[0];
    return 0;
}

void
raw_child_end(struct raw_child *child)
{
    close(child->fd);
    waitpid(child->pid, NULL, 0);
}

bool
raw_read_all(int fd, char *data, size_t size, int flags)
{
    while (size > 0) {
        ssize_t got = recv(fd, data, size, flags);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (got < 0)
            continue;
        data += got;
        size -= (size_t)got;
    }
    return true;
}

bool
raw_write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        if (sent < 0)
            continue;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

void
raw_answer_or_crash(int fd)
{
    char byte;

    while (raw_read_all(fd, &byte, 1, 0)) {
        if (byte == '!')
            *(volatile int *)0 = 1;
        raw_write_all(fd, &byte, 1);
    }
}

int
raw_first_answer(int fd)
{
    char byte = '?';

    if (!raw_write_all(fd, &byte, 1) || !raw_read_all(fd, &byte, 1, 0))
        return bench_fail("the first answer", errno);
    return 0;
}

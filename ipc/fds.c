#include "ipc/fds.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/fault.h"

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * WARD__FDS_MAX)];
};

int
ward__packet_send(int socket, const void *data, size_t size, const int *fds,
                  size_t fd_count)
{
    union control control;
    struct iovec part = {.iov_base = (void *)(size_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    assert(fd_count <= WARD__FDS_MAX);
    if (fd_count > 0) {
        size_t bytes = sizeof(int) * fd_count;
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(&control.header), fds, bytes);
    }
    do
        sent = WARD__SYS(sendmsg(socket, &message, MSG_NOSIGNAL));
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* Moves the descriptors out of the control data. */
static size_t
take_fds(struct msghdr *message, int *fds)
{
    size_t count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
         c = CMSG_NXTHDR(message, c)) {
        size_t bytes;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        bytes = c->cmsg_len - CMSG_LEN(0);
        memcpy(fds + count, CMSG_DATA(c), bytes);
        count += bytes / sizeof(int);
    }
    return count;
}

int
ward__packet_receive(int socket, void *data, size_t size, int *fds, size_t *fd_count)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got;
    size_t count;
    int result = 1;

    do
        got = WARD__SYS(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    count = take_fds(&message, fds);
    if (got == 0)
        result = 0; /* the end, or an empty packet, which nobody of ours sends */
    else if ((size_t)got != size || (message.msg_flags & MSG_TRUNC))
        result = -EPROTO;
    else if (message.msg_flags & MSG_CTRUNC)
        result = -EMFILE;
    for (size_t i = 0; result <= 0 && i < count; i++)
        ward__fd_close(&fds[i]);
    if (result > 0)
        *fd_count = count;
    return result;
}

void
ward__fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0 && close(*fd) < 0)
        errno = saved;
    *fd = -1;
}

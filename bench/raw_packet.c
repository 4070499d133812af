#include "bench/raw_packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

union passed {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(RAW_FDS_MOST * sizeof(int))];
};

bool
raw_packet_send(int to, void *data, size_t size, const int *fds, size_t fd_count)
{
    union passed control = {.head = {.cmsg_len = CMSG_LEN(fd_count * sizeof fds[0]),
                                     .cmsg_level = SOL_SOCKET,
                                     .cmsg_type = SCM_RIGHTS}};
    struct iovec one = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};

    if (fd_count > 0) {
        memcpy(CMSG_DATA(&control.head), fds, fd_count * sizeof fds[0]);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof fds[0]);
    }
    return sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)size;
}

int
raw_packet_receive(int from, void *data, size_t size, int fds[RAW_FDS_MOST])
{
    union passed control;
    struct iovec one = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    fds[0] = fds[1] = -1;
    if (got != (ssize_t)size)
        return got < 0 && errno == EAGAIN ? 0 : -1;
    if (CMSG_FIRSTHDR(&message) != NULL)
        memcpy(fds, CMSG_DATA(&control.head), control.head.cmsg_len - CMSG_LEN(0));
    return 1;
}

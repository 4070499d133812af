/*
 * Packets with descriptors, for the control channels between host, zygote and fork server:
 * SEQPACKET sockets, one fixed-size record a packet. Data channels never carry descriptors.
 *
 * Used by: zygote, fork server and their clients. Uses: fault.h.
 */
#ifndef WARD_IPC_FDS_H
#define WARD_IPC_FDS_H

#include <stddef.h>

enum { WARD__FDS_MAX = 24 };

/* Sends one packet. 0; -EAGAIN; -EPIPE; -errno. The descriptors stay the caller's. */
int ward__packet_send(int socket, const void *data, size_t size, const int *fds,
                      size_t fd_count);

/*
 * Receives one packet of exactly `size` bytes. The descriptors become the caller's, with
 * CLOEXEC; `*fd_count` is how many came, at most WARD__FDS_MAX. 1; 0 at end of file; -EAGAIN;
 * -EPROTO: another size; -EMFILE: descriptors were lost for want of room; -errno.
 */
int ward__packet_receive(int socket, void *data, size_t size, int *fds, size_t *fd_count);

/* Closes `*fd` if it is one, and sets it to -1; errno stays. */
void ward__fd_close(int *fd);

#endif

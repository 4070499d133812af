/*
 * Raw packet: some bytes with up to two descriptors, at once or not at all.
 *
 * Used by: raw_guard.c, raw_server.c. Uses: nothing.
 */
#ifndef WARD_BENCH_RAW_PACKET_H
#define WARD_BENCH_RAW_PACKET_H

#include <stdbool.h>
#include <stddef.h>

enum { RAW_FDS_MOST = 2 };

/* The descriptors stay the caller's. False: errno says why. */
bool raw_packet_send(int to, void *data, size_t size, const int *fds, size_t fd_count);

/* One of exactly that size. Descriptors that did not come are -1. 1; 0: nothing now; -1: nothing any more. */
int raw_packet_receive(int from, void *data, size_t size, int fds[RAW_FDS_MOST]);

#endif

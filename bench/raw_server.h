/*
 * Raw server: a process that forks and reaps for another one, which asks it by socket, as ward's fork server
 * does; and a small process between the two, as ward's zygote is.
 *
 * Used by: raw_served.c. Uses: raw_child.h, raw_packet.h, raw_reaper.h.
 */
#ifndef WARD_BENCH_RAW_SERVER_H
#define WARD_BENCH_RAW_SERVER_H

#include "bench/raw_child.h"

/* One of those it forked, by its number in their order, from 0. */
struct raw_death {
    long number;
    int status;
};

/* Each child will run `body` on its end of a socketpair. 0, or -1. */
int raw_server_start(struct raw_child *server, void (*body)(int fd));
/* Its children end when their sockets are closed, which comes first. */
void raw_server_end(struct raw_child *server);

/* Makes a socketpair and asks for a child at the other end of it. Ours, or -1. */
int raw_server_fork(const struct raw_child *server);
/* Waits for the next death. 0, or -1. */
int raw_server_death(const struct raw_child *server, struct raw_death *death);

#endif

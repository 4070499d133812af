/*
 * Raw child: a forked process on the other end of a socketpair, and whole reads and writes.
 *
 * Used by: raw.c, raw_crowd.c, raw_flood.c, raw_guard.h, raw_served.c, raw_server.h. Uses: bench.h.
 */
#ifndef WARD_BENCH_RAW_CHILD_H
#define WARD_BENCH_RAW_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct raw_child {
    pid_t pid;
    int fd;
};

/* Forks one that runs `body` on its end of a socketpair. 0, or -1. */
int raw_child_start(struct raw_child *child, void (*body)(int fd));
/* Closes ours and waits for its end. */
void raw_child_end(struct raw_child *child);

/* All of it, with the flags of recv. False: it failed, or the other end is closed. */
bool raw_read_all(int fd, char *data, size_t size, int flags);
bool raw_write_all(int fd, const char *data, size_t size);

/* What a child may do: echoes a byte, or dies of it. */
void raw_answer_or_crash(int fd);
/* Asks such a child for its echo. 0, or -1. */
int raw_first_answer(int fd);

#endif

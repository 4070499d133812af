/*
 * Pair: the figures that two processes with a pair of message sockets between them can show,
 * for any library that has such sockets. Each library makes a program of its own of this and
 * of one file, because what these libraries load would burden every fork that ward and the raw
 * peers are measured by. Called as `program FIGURE COUNT`; prints the value.
 *
 * What is given to `pair_send` may be used again at once, as with ward.
 *
 * Used by: zeromq.c, nng.c. Uses: bench.h.
 */
#ifndef WARD_BENCH_PAIR_H
#define WARD_BENCH_PAIR_H

#include <stdbool.h>
#include <stddef.h>

/* ---- what a library provides; one socket a process ---- */

/* The socket of that abstract name, which one listens at. `most_waiting` messages, or more,
 * shall find room on their way. */
int pair_open(const char *name, bool is_listening, int most_waiting);
/* Does not write to them; not every library says so in its types. */
int pair_send(void *data, size_t size);
/* The size of the next message, blocking; its bytes stay until the next one. -1: none. */
long pair_receive(void **data);

#endif

/*
 * Peers: what others do the same work with. Each is a program that is told the figure's name
 * and count and prints a value a line, so it is timed inside and by its own clock, and its
 * libraries are no burden to ward's and the raw forks.
 *
 * Used by: the figures. Uses: bench.h, and the programs' paths from the build.
 */
#ifndef WARD_BENCH_PEERS_H
#define WARD_BENCH_PEERS_H

#include "bench/bench.h"

/* PAIR sockets of ZeroMQ, through ipc: pair.c, zeromq.c. */
int peer_zeromq(const struct bench_size *size, double *values);
/* pair0 sockets of nng, through ipc: pair.c, nng.c. */
int peer_nng(const struct bench_size *size, double *values);
/* A port program of Erlang's, with {packet, 4}: port.escript, port.c. */
int peer_erlang(const struct bench_size *size, double *values);
/* multiprocessing.Process and Pipe of Python's: pipe.py. */
int peer_python(const struct bench_size *size, double *values);

/* The same for a tenth of the count, which is enough for a rate that is low. */
int peer_nng_less(const struct bench_size *size, double *values);
int peer_python_less(const struct bench_size *size, double *values);

#endif

/*
 * Tree: what the kernel says of a process and of all below it, added up by generation. The
 * host is generation 0; a bare parent's children are generation 1, and ward's workers, below
 * zygote and fork server, generation 3.
 *
 * Used by: the figures of crowds. Uses: /proc.
 */
#ifndef WARD_BENCH_TREE_H
#define WARD_BENCH_TREE_H

#include <sys/types.h>

enum { TREE_GENERATIONS = 4 };

/* Reads one number of a process, or says what is wrong: below 0. */
typedef double (*tree_read)(pid_t pid);

/* Its share of memory (Pss) and its page tables (VmPTE), in KiB. */
double tree_memory(pid_t pid);

/* How often it has gone to sleep so far: its voluntary context switches. */
double tree_sleeps(pid_t pid);

/* 1: for counting. */
double tree_one(pid_t pid);

/* Adds up what `read` says of `pid` and of all below it. 0, or -1. */
int tree_add_up(pid_t pid, tree_read read, double sums[TREE_GENERATIONS]);

#endif

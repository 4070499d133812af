/*
 * Storm: a host program to be killed: a small tree under load, in a process of its own, every
 * worker with a daemon that will not go by itself. What happens in it is written on a board
 * that all its processes share with the test; who still lives is told by a pipe and by locks.
 *
 *   test                     host program              zygote, fork server, workers, daemons
 *   pipe, read end ---------------------------------- pipe, write end, as standard input
 *   board (shared) ---------- board ----------------- board
 *   marks (file) --------------------------- one byte locked for each incarnation
 *
 * Used by: test_kill_storm.c, test_stopped.c. Uses: scene.h, ward.
 */
#ifndef WARD_TESTS_STRESS_STORM_H
#define WARD_TESTS_STRESS_STORM_H

#include <stdatomic.h>

#include "scene.h"

/* The actors: two that pass numbers on to the host, and a child of the first. */
enum storm_slot { STORM_RELAY, STORM_SINK, STORM_HELPER, STORM_SLOTS };

enum storm_phase { STORM_BORN, STORM_RUNNING, STORM_OVER };

struct storm_board {
    char marks[64];
    _Atomic int phase;
    _Atomic int please_stop;
    _Atomic int zygote, server, workers[STORM_SLOTS];
    _Atomic unsigned incarnations[STORM_SLOTS]; /* of its slot, counted over all actors */
    _Atomic unsigned starts;
    _Atomic unsigned overlaps; /* a worker found its predecessor alive: must never be */
    /* By the host program. */
    _Atomic unsigned told, arrived, poison, other_letters, disorder;
    _Atomic unsigned failures, limits, servers_lost;
    _Atomic int cause;  /* of the system's failure; -1: none */
    _Atomic int result; /* of the ordered stop */
};

struct storm {
    struct storm_board *board; /* owned mapping */
    int held;                  /* owned: ends when zygote and all below it are gone */
    int marks;                 /* owned */
    pid_t host;                /* 0: it was collected */
    bool has_shadow;           /* the host forks a child that keeps all its descriptors */
};

/* Forks a host program. */
void storm_begin(struct storm *storm, bool has_shadow);
/* Waits until its workers are up and numbers arrive. */
void storm_await_running(struct storm *storm);
/* Waits until the count has grown by `more`. */
void storm_await_more(_Atomic unsigned *count, unsigned more);

/* True when no process is left, or none of these incarnations and their daemons. */
bool storm_is_gone(struct storm *storm);
bool storm_are_gone(struct storm *storm, enum storm_slot slot, unsigned up_to);

/* Has the host program stop in order, and asserts that nobody is left. */
void storm_stop(struct storm *storm);
/* Collects the host program: its wait status. */
int storm_collect(struct storm *storm);
/* Asserts that no number was lost, doubled or out of order, and closes all. */
void storm_end(struct storm *storm);

#endif

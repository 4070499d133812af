/*
 * Ours: the behaviours that the figures use, and a system with one worker of them.
 *
 * Used by: the figures. Uses: ward.h.
 */
#ifndef WARD_BENCH_OURS_H
#define WARD_BENCH_OURS_H

#include <ward/ward.h>

#include "bench/bench.h"

enum { OURS_ANSWER_MS = 60000 };

/* Messages of `ours_worker`. */
enum {
    OURS_ECHO = 1, /* bytes: answers them */
    OURS_TAKE,     /* bytes: reads them, counts them */
    OURS_COUNT,    /* asked: how many were taken */
    OURS_AWAIT,    /* number: answers when so many were taken */
    OURS_CRASH,    /* a real one */
    OURS_SEND,     /* ref, number: tells so many messages of 64 bytes to that one */
};

extern const ward_behavior ours_worker;
extern const ward_strategy ours_always;
extern const uint8_t ours_payload[BENCH_PAYLOAD];

/* A system with such options (NULL: the defaults), and one worker that is up. 0, or -1. */
int ours_open(ward_system **sys, const ward_system_options *options);
int ours_worker_up(ward_system *sys, const char *id, ward_ref *ref);
/* The same with another behavior, or with all of a spec. */
int ours_spawn(ward_system *sys, const char *id, const ward_behavior *behavior,
               ward_ref *ref);
int ours_spawn_spec(ward_system *sys, const ward_spec *spec, ward_ref *ref);

/* A system of many workers, in a process that may have two descriptors for each and few more. */
struct ours_crowd {
    ward_system *sys;
    ward_ref *refs;
    long count;
};

/* Makes the system; starts all workers at once and waits until they are up. 0, or -1. */
int ours_crowd_open(struct ours_crowd *crowd, long count);
int ours_crowd_up(struct ours_crowd *crowd);
void ours_crowd_close(struct ours_crowd *crowd);

/* One question with 64 bytes, answered. 0, or -1. */
int ours_echo(ward_ctx *ctx, ward_ref ref);

/* Waits until it has taken so many. 0, or -1. */
int ours_await_taken(ward_ctx *ctx, ward_ref ref, long count);

#endif

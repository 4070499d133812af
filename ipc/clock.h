/*
 * Clock: the one source of time, monotonic. Pure parts get time passed in.
 *
 * Used by: worker, supervisor. Uses: nothing.
 */
#ifndef WARD_IPC_CLOCK_H
#define WARD_IPC_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
ward__clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t
ward__clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds for a quarter of the price, and up to some of them late. */
static inline int64_t
ward__clock_roughly_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When `timeout_ms` from now are over: never before, and where that is a second or more up to a hundredth
 * of it later, for a quarter of the price. */
static inline int64_t
ward__clock_deadline(int64_t timeout_ms)
{
    enum { LONG_MS = 1000, ROUGH_MS = 10 }; /* the longest tick that Linux has */

    if (timeout_ms < LONG_MS)
        return ward__clock_ms() + timeout_ms;
    return ward__clock_roughly_ms() + ROUGH_MS + timeout_ms;
}

#endif

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

#endif

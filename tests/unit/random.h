/*
 * Random: a small generator that gives the same numbers for the same seed everywhere, and how
 * many rounds a random test plays. WARD_SOAK in the environment asks for the full number,
 * else it is a twentieth; WARD_SEED replays one.
 *
 * Used by: unit tests. Uses: nothing.
 */
#ifndef WARD_TESTS_UNIT_RANDOM_H
#define WARD_TESTS_UNIT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct random {
    uint64_t state;
};

/* splitmix64: seeds that are neighbours give histories that are not. */
static inline uint64_t
random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n - 1. */
static inline unsigned
random_below(struct random *random, unsigned n)
{
    return (unsigned)(random_next(random) % n);
}

static inline bool
random_is(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

static inline uint64_t
random_rounds(uint64_t full)
{
    const char *soak = getenv("WARD_SOAK");

    return soak != NULL && soak[0] == '1' ? full : full / 20;
}

/* The seed to replay, in `*seed`, if there is one. */
static inline bool
random_replay(uint64_t *seed)
{
    const char *text = getenv("WARD_SEED");

    if (text == NULL)
        return false;
    *seed = strtoull(text, NULL, 0);
    return true;
}

#endif

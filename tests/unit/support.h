/*
 * Support: what the unit tests share: cmocka with what it needs before it, a repeatable
 * random number, and how many descriptors are open.
 *
 * Used by: the tests of this folder. Uses: cmocka.
 */
#ifndef WARD_TESTS_UNIT_SUPPORT_H
#define WARD_TESTS_UNIT_SUPPORT_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The next number of a sequence that begins with any state but 0. */
static inline uint64_t
random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static inline size_t
random_below(uint64_t *state, size_t limit)
{
    return (size_t)((random_next(state) >> 16) % limit);
}

/* The descriptors that a process has open, by its folder of /proc; and two more, always. */
static inline size_t
count_fds_in(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* Those of this process. */
static inline size_t
count_open_fds(void)
{
    return count_fds_in("/proc/self/fd");
}

/* Bytes in memory of exactly their size, so that a sanitizer sees the first one read beyond;
 * to be freed. */
static inline uint8_t *
exact_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

#endif

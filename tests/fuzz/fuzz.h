/*
 * Fuzz: what the fuzz targets share: the entry point, a check that works in every build, and
 * numbers taken from the front of the input.
 *
 * Used by: the targets of this folder. Uses: nothing.
 */
#ifndef WARD_TESTS_FUZZ_FUZZ_H
#define WARD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold; a failure ends the program, so that the input is kept. */
#define MUST(condition)                                                                  \
    do {                                                                                 \
        if (!(condition))                                                                \
            abort();                                                                     \
    } while (0)

struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* The next byte; 0 at the end. */
static inline uint8_t
fuzz_byte(struct fuzz_input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

/* The next `width` bytes as a number, little endian. */
static inline uint64_t
fuzz_number(struct fuzz_input *in, unsigned width)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < width; i++)
        number |= (uint64_t)fuzz_byte(in) << 8 * i;
    return number;
}

/* The next bytes, at most `size` of them; how many there are. */
static inline size_t
fuzz_bytes(struct fuzz_input *in, size_t size, const uint8_t **bytes)
{
    if (size > in->size)
        size = in->size;
    *bytes = in->data;
    in->data += size;
    in->size -= size;
    return size;
}

/* Bytes in memory of exactly their size; to be freed. */
static inline uint8_t *
fuzz_exact(const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    MUST(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

#endif

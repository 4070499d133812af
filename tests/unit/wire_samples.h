/*
 * Wire samples: one frame of every kind, how it is packed and what must be read.
 *
 * Used by: test_wire.c. Uses: wire.h, cmocka.
 */
#ifndef WARD_TESTS_UNIT_WIRE_SAMPLES_H
#define WARD_TESTS_UNIT_WIRE_SAMPLES_H

#include "ipc/wire.h"

struct wire_sample {
    enum ward__frame_kind kind;
    void (*pack)(struct ward__sink *sink);
    void (*check)(const struct ward__frame *frame); /* fails the test if it is another */
};

extern const struct wire_sample wire_samples[];
extern const size_t wire_sample_count;

#endif

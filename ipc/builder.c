#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ward/builder.h>

#include "ipc/fault.h"
#include "ipc/pack.h"

/* A container that is still open. Its head has four bytes of length, filled in at the end. */
struct level {
    size_t length_at;
    uint32_t count;
    bool is_map;
};

struct ward_builder {
    struct ward__sink sink;
    struct level open[WARD_MAX_DEPTH];
    unsigned depth;
};

/* As large as the largest frame that any system may allow. */
#define BUILDER_MAXIMUM ((size_t)64 << 20)

ward_builder *
ward_builder_new(void)
{
    ward_builder *b = WARD__NEW(calloc(1, sizeof *b));

    if (b != NULL)
        ward__sink_init(&b->sink, BUILDER_MAXIMUM);
    return b;
}

void
ward_builder_free(ward_builder *b)
{
    if (b == NULL)
        return;
    ward__sink_done(&b->sink);
    free(b);
}

void
ward_builder_clear(ward_builder *b)
{
    ward__sink_clear(&b->sink);
    b->depth = 0;
}

static void
count_one(ward_builder *b)
{
    if (b->depth > 0)
        b->open[b->depth - 1].count++;
}

static int
open_level(ward_builder *b, uint8_t lead, bool is_map)
{
    const uint8_t head[5] = {lead};

    if (b->depth == WARD_MAX_DEPTH)
        ward__sink_fail(&b->sink, -E2BIG);
    if (b->sink.error < 0)
        return b->sink.error;
    count_one(b);
    ward__sink_write(&b->sink, head, sizeof head);
    b->open[b->depth++] = (struct level){.length_at = b->sink.size - 4, .is_map = is_map};
    return b->sink.error;
}

int
ward_open_array(ward_builder *b)
{
    return open_level(b, 0xdd, false);
}

int
ward_open_map(ward_builder *b)
{
    return open_level(b, 0xdf, true);
}

int
ward_close(ward_builder *b)
{
    struct level *level;
    uint32_t length;

    if (b->sink.error == 0 && b->depth == 0)
        ward__sink_fail(&b->sink, -EINVAL);
    if (b->sink.error < 0)
        return b->sink.error;
    level = &b->open[--b->depth];
    if (level->is_map && level->count % 2 != 0) {
        ward__sink_fail(&b->sink, -EINVAL);
        return b->sink.error;
    }
    length = level->is_map ? level->count / 2 : level->count;
    for (int i = 3; i >= 0; i--, length >>= 8)
        b->sink.data[level->length_at + (size_t)i] = (uint8_t)length;
    return 0;
}

int
ward_add_values(ward_builder *b, const ward_value *values, size_t count)
{
    if (values == NULL && count > 0)
        ward__sink_fail(&b->sink, -EINVAL);
    for (size_t i = 0; i < count && b->sink.error == 0; i++) {
        /* Not itself: its bytes move while they are read. */
        if (values[i].tag == WARD_VALUE_BUILT && values[i].as.built == b) {
            ward__sink_fail(&b->sink, -EINVAL);
            break;
        }
        count_one(b);
        ward__pack_value(&b->sink, &values[i]);
    }
    return b->sink.error;
}

int
ward_builder_error(const ward_builder *b)
{
    if (b->sink.error < 0)
        return b->sink.error;
    return b->depth > 0 ? -EINVAL : 0;
}

ward_bytes
ward_builder_bytes(const ward_builder *b)
{
    return (ward_bytes){b->sink.data, b->sink.size};
}

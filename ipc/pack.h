/*
 * Packing: values to msgpack bytes, piece by piece into a sink. A sink is a
 * piece of memory with a hard maximum; it either has a fixed size (a worker's outbox) or grows
 * by doubling. A sink that overflowed or ran out of memory keeps its error and swallows what
 * follows, so only the end of a frame needs a look.
 *
 * Used by: builder.c, wire.c, outbox.c, post.c. Uses: put.h.
 */
#ifndef WARD_IPC_PACK_H
#define WARD_IPC_PACK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ward/value.h>

#include "ipc/put.h"

struct ward__sink {
    uint8_t *data;    /* owned if it grows, else borrowed */
    size_t size;      /* bytes written */
    size_t capacity;  /* bytes that fit now */
    size_t maximum;   /* bytes it may grow to; equal to capacity: fixed */
    int error;        /* the first error: -EMSGSIZE, -ENOMEM, or of a bad value */
    bool is_counting; /* only the size is wanted */
};

/* A sink over memory of the caller's. */
static inline void
ward__sink_fixed(struct ward__sink *sink, uint8_t *data, size_t capacity)
{
    *sink = (struct ward__sink){.data = data, .capacity = capacity, .maximum = capacity};
}
/* A sink that only counts. */
void ward__sink_counting(struct ward__sink *sink);
/* A sink that grows up to `maximum`; nothing is allocated yet. */
void ward__sink_init(struct ward__sink *sink, size_t maximum);
void ward__sink_done(struct ward__sink *sink);
void ward__sink_clear(struct ward__sink *sink);
/* Where there is no room at once: grows, counts, or fails. */
void ward__sink_write_more(struct ward__sink *sink, const void *data, size_t size);
void ward__sink_fail(struct ward__sink *sink, int error);

static inline void
ward__sink_write(struct ward__sink *sink, const void *data, size_t size)
{
    if (size > sink->capacity - sink->size || sink->error != 0) {
        ward__sink_write_more(sink, data, size);
        return;
    }
    if (size > 0)
        memcpy(sink->data + sink->size, data, size);
    sink->size += size;
}

/* What was put between these two addresses. */
static inline void
ward__sink_write_put(struct ward__sink *sink, const uint8_t *begun, const uint8_t *end)
{
    ward__sink_write(sink, begun, (size_t)(end - begun));
}

/* One part each; errors stick to the sink. */
void ward__pack_uint(struct ward__sink *sink, uint64_t number);
void ward__pack_int(struct ward__sink *sink, int64_t number);
void ward__pack_bool(struct ward__sink *sink, bool flag);
void ward__pack_nil(struct ward__sink *sink);
void ward__pack_string(struct ward__sink *sink, const char *text); /* NULL: nil */
void ward__pack_bytes(struct ward__sink *sink, ward_bytes bytes);
void ward__pack_ref(struct ward__sink *sink, ward_ref ref);   /* nobody: nil */
void ward__pack_array(struct ward__sink *sink, size_t count); /* its head */
void ward__pack_raw(struct ward__sink *sink, ward_raw raw);   /* trusted bytes */
/* One value of the user's: a bad one (raw that is not one value, an unfinished builder)
 * fails the sink with -EINVAL or the builder's error. */
void ward__pack_value(struct ward__sink *sink, const ward_value *value);
/* An array of them. */
void ward__pack_values(struct ward__sink *sink, const ward_value *values, size_t count);
void ward__pack_body(struct ward__sink *sink, const struct ward__body *body);

#endif

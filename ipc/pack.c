#include "ipc/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/fault.h"

void
ward__sink_counting(struct ward__sink *sink)
{
    *sink = (struct ward__sink){.maximum = SIZE_MAX, .is_counting = true};
}

void
ward__sink_init(struct ward__sink *sink, size_t maximum)
{
    *sink = (struct ward__sink){.maximum = maximum};
}

void
ward__sink_done(struct ward__sink *sink)
{
    free(sink->data);
    *sink = (struct ward__sink){.maximum = sink->maximum};
}

void
ward__sink_clear(struct ward__sink *sink)
{
    sink->size = 0;
    sink->error = 0;
}

void
ward__sink_fail(struct ward__sink *sink, int error)
{
    if (sink->error == 0)
        sink->error = error;
}

static int
sink_grow(struct ward__sink *sink, size_t needed)
{
    size_t capacity = sink->capacity != 0 ? sink->capacity : 256;
    uint8_t *data;

    if (needed > sink->maximum)
        return -EMSGSIZE;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > sink->maximum)
        capacity = sink->maximum;
    data = WARD__NEW(realloc(sink->data, capacity));
    if (data == NULL)
        return -ENOMEM;
    sink->data = data;
    sink->capacity = capacity;
    return 0;
}

void
ward__sink_write_more(struct ward__sink *sink, const void *data, size_t size)
{
    if (sink->error != 0 || size == 0)
        return;
    if (sink->is_counting) {
        sink->size += size; /* its capacity goes along, and leaves no room */
        sink->capacity = sink->size;
        return;
    }
    if (size > sink->maximum - sink->size) {
        sink->error = -EMSGSIZE;
        return;
    }
    if (size > sink->capacity - sink->size)
        sink->error = sink_grow(sink, sink->size + size);
    if (sink->error != 0)
        return;
    memcpy(sink->data + sink->size, data, size);
    sink->size += size;
}

void
ward__pack_value(struct ward__sink *sink, const ward_value *value)
{
    uint8_t head[WARD__REF_SIZE];
    ward_bytes tail;
    int error = ward__value_tail(value, &tail);

    if (error < 0) {
        ward__sink_fail(sink, error);
        return;
    }
    ward__sink_write_put(sink, head, ward__put_value_head(head, value, tail.size));
    ward__sink_write(sink, tail.data, tail.size);
}

void
ward__pack_uint(struct ward__sink *sink, uint64_t number)
{
    ward__pack_value(
        sink, &(ward_value){.tag = WARD_VALUE_UINT, .as.unsigned_integer = number});
}

void
ward__pack_int(struct ward__sink *sink, int64_t number)
{
    uint8_t head[WARD__INT_MOST];

    ward__sink_write_put(sink, head, ward__put_int(head, number));
}

void
ward__pack_bool(struct ward__sink *sink, bool flag)
{
    ward__pack_value(sink, &(ward_value){.tag = WARD_VALUE_BOOL, .as.boolean = flag});
}

void
ward__pack_nil(struct ward__sink *sink)
{
    ward__pack_value(sink, &(ward_value){.tag = WARD_VALUE_NIL});
}

void
ward__pack_string(struct ward__sink *sink, const char *text)
{
    ward_value value = ward_value_string(text);
    ward__pack_value(sink, &value);
}

void
ward__pack_bytes(struct ward__sink *sink, ward_bytes bytes)
{
    ward_value value = ward_value_bytes(bytes);
    ward__pack_value(sink, &value);
}

void
ward__pack_ref(struct ward__sink *sink, ward_ref ref)
{
    uint8_t head[WARD__REF_SIZE];

    ward__sink_write_put(sink, head, ward__put_ref(head, ref));
}

void
ward__pack_array(struct ward__sink *sink, size_t count)
{
    uint8_t head[WARD__LENGTH_MOST];

    ward__sink_write_put(sink, head, ward__put_array(head, count));
}

void
ward__pack_raw(struct ward__sink *sink, ward_raw raw)
{
    ward__sink_write(sink, raw.data, raw.size);
}

void
ward__pack_values(struct ward__sink *sink, const ward_value *values, size_t count)
{
    ward__pack_array(sink, count);
    for (size_t i = 0; i < count; i++)
        ward__pack_value(sink, &values[i]);
}

void
ward__pack_body(struct ward__sink *sink, const struct ward__body *body)
{
    if (body->packed.data != NULL)
        ward__pack_raw(sink, body->packed);
    else
        ward__pack_values(sink, body->values, body->count);
}

#include "ipc/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ward/builder.h>

#include "ipc/fault.h"
#include "ipc/read.h"
#include "ipc/scan.h"

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
ward__pack_uint(struct ward__sink *sink, uint64_t number)
{
    msgpack_packer packer = ward__sink_packer(sink);
    msgpack_pack_uint64(&packer, number);
}

void
ward__pack_int(struct ward__sink *sink, int64_t number)
{
    msgpack_packer packer = ward__sink_packer(sink);
    msgpack_pack_int64(&packer, number);
}

void
ward__pack_bool(struct ward__sink *sink, bool flag)
{
    msgpack_packer packer = ward__sink_packer(sink);

    if (flag)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void
ward__pack_nil(struct ward__sink *sink)
{
    msgpack_packer packer = ward__sink_packer(sink);
    msgpack_pack_nil(&packer);
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
    uint8_t packed[WARD__REF_SIZE];

    if (ref.id == 0 && ref.nonce == 0) {
        ward__pack_nil(sink);
        return;
    }
    ward__ref_store(packed, ref);
    ward__sink_write(sink, packed, sizeof packed);
}

void
ward__pack_array(struct ward__sink *sink, size_t count)
{
    msgpack_packer packer;
    uint8_t *to = count < 16 ? ward__sink_take(sink, 1) : NULL;

    if (to != NULL) { /* the same without a call back */
        *to = (uint8_t)(0x90 | count);
        return;
    }
    packer = ward__sink_packer(sink);
    msgpack_pack_array(&packer, count);
}

void
ward__pack_raw(struct ward__sink *sink, ward_raw raw)
{
    ward__sink_write(sink, raw.data, raw.size);
}

/* A raw value of the user's: exactly one value, as deep as any in a message may be. */
static void
pack_checked(struct ward__sink *sink, ward_bytes raw)
{
    if (raw.data == NULL ||
        ward__scan_within(raw.data, raw.size, WARD_MAX_DEPTH + 1) != (int64_t)raw.size)
        ward__sink_fail(sink, -EINVAL);
    else
        ward__sink_write(sink, raw.data, raw.size);
}

static void
pack_built(struct ward__sink *sink, const ward_builder *builder)
{
    int error = builder != NULL ? ward_builder_error(builder) : -EINVAL;

    if (error < 0)
        ward__sink_fail(sink, error);
    else
        pack_checked(sink, ward_builder_bytes(builder));
}

/* The usual: up to 255 bytes, packed as msgpack-c would, in one piece. */
static bool
pack_short_bytes(struct ward__sink *sink, ward_bytes bytes)
{
    uint8_t *to = bytes.size <= UINT8_MAX && bytes.data != NULL
                      ? ward__sink_take(sink, 2 + bytes.size)
                      : NULL;

    if (to == NULL)
        return false;
    to[0] = 0xc4;
    to[1] = (uint8_t)bytes.size;
    memcpy(to + 2, bytes.data, bytes.size);
    return true;
}

static void
pack_body(struct ward__sink *sink, const ward_value *value)
{
    msgpack_packer packer = ward__sink_packer(sink);
    ward_bytes bytes = value->as.bytes;

    if (bytes.size > UINT32_MAX) {
        ward__sink_fail(sink, -EMSGSIZE);
    } else if (bytes.data == NULL && bytes.size > 0) {
        ward__sink_fail(sink, -EINVAL);
    } else if (value->tag == WARD_VALUE_STRING) {
        msgpack_pack_str(&packer, bytes.size);
        ward__sink_write(sink, bytes.data, bytes.size);
    } else {
        msgpack_pack_bin(&packer, bytes.size);
        ward__sink_write(sink, bytes.data, bytes.size);
    }
}

static void
pack_number(struct ward__sink *sink, const ward_value *value)
{
    msgpack_packer packer = ward__sink_packer(sink);

    if (value->tag == WARD_VALUE_INT)
        msgpack_pack_int64(&packer, value->as.integer);
    else if (value->tag == WARD_VALUE_UINT)
        msgpack_pack_uint64(&packer, value->as.unsigned_integer);
    else
        msgpack_pack_double(&packer, value->as.real);
}

void
ward__pack_value(struct ward__sink *sink, const ward_value *value)
{
    switch (value->tag) {
    case WARD_VALUE_NIL:
        ward__pack_nil(sink);
        return;
    case WARD_VALUE_BOOL:
        ward__pack_bool(sink, value->as.boolean);
        return;
    case WARD_VALUE_INT:
    case WARD_VALUE_UINT:
    case WARD_VALUE_DOUBLE:
        pack_number(sink, value);
        return;
    case WARD_VALUE_BYTES:
        if (!pack_short_bytes(sink, value->as.bytes))
            pack_body(sink, value);
        return;
    case WARD_VALUE_STRING:
        pack_body(sink, value);
        return;
    case WARD_VALUE_REF:
        ward__pack_ref(sink, value->as.ref);
        return;
    case WARD_VALUE_RAW:
        pack_checked(sink, value->as.bytes);
        return;
    case WARD_VALUE_BUILT:
        pack_built(sink, value->as.built);
        return;
    }
    ward__sink_fail(sink, -EINVAL);
}

void
ward__pack_values(struct ward__sink *sink, const ward_value *values, size_t count)
{
    ward__pack_array(sink, count);
    for (size_t i = 0; i < count; i++)
        ward__pack_value(sink, &values[i]);
}

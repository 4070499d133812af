#include "ipc/put.h"

#include <errno.h>

#include <msgpack/pack.h>

#include <ward/builder.h>

#include "ipc/scan.h"

/* ---- msgpack-c's packer, into memory that has room ---- */

static int
write_to(void *at, const char *data, size_t size)
{
    uint8_t **to = at;

    memcpy(*to, data, size);
    *to += size;
    return 0;
}

static msgpack_packer
packer_at(uint8_t **to)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, to, write_to);
    return packer;
}

uint8_t *
ward__put_any_int(uint8_t *to, int64_t number)
{
    msgpack_packer packer = packer_at(&to);

    msgpack_pack_int64(&packer, number);
    return to;
}

uint8_t *
ward__put_any_array(uint8_t *to, size_t count)
{
    msgpack_packer packer = packer_at(&to);

    msgpack_pack_array(&packer, count);
    return to;
}

/* ---- one value ---- */

/* A raw value of the user's: exactly one value, as deep as any in a message may be. */
static int
check_raw(ward_bytes raw)
{
    if (raw.data == NULL ||
        ward__scan_within(raw.data, raw.size, WARD_MAX_DEPTH + 1) != (int64_t)raw.size)
        return -EINVAL;
    return 0;
}

static int
built_tail(const ward_builder *builder, ward_bytes *tail)
{
    int error = builder != NULL ? ward_builder_error(builder) : -EINVAL;

    if (error < 0)
        return error;
    *tail = ward_builder_bytes(builder);
    return check_raw(*tail);
}

int
ward__value_tail(const ward_value *value, ward_bytes *tail)
{
    *tail = (ward_bytes){NULL, 0};
    switch (value->tag) {
    case WARD_VALUE_NIL:
    case WARD_VALUE_BOOL:
    case WARD_VALUE_INT:
    case WARD_VALUE_UINT:
    case WARD_VALUE_DOUBLE:
    case WARD_VALUE_REF:
        return 0;
    case WARD_VALUE_BYTES:
    case WARD_VALUE_STRING:
        *tail = value->as.bytes;
        if (tail->size > UINT32_MAX)
            return -EMSGSIZE;
        return tail->data == NULL && tail->size > 0 ? -EINVAL : 0;
    case WARD_VALUE_RAW:
        *tail = value->as.bytes;
        return check_raw(*tail);
    case WARD_VALUE_BUILT:
        return built_tail(value->as.built, tail);
    }
    return -EINVAL;
}

uint8_t *
ward__put_value_head(uint8_t *to, const ward_value *value, size_t tail_size)
{
    msgpack_packer packer = packer_at(&to);

    switch (value->tag) {
    case WARD_VALUE_NIL:
        msgpack_pack_nil(&packer);
        return to;
    case WARD_VALUE_BOOL:
        if (value->as.boolean)
            msgpack_pack_true(&packer);
        else
            msgpack_pack_false(&packer);
        return to;
    case WARD_VALUE_INT:
        return ward__put_int(to, value->as.integer);
    case WARD_VALUE_UINT:
        msgpack_pack_uint64(&packer, value->as.unsigned_integer);
        return to;
    case WARD_VALUE_DOUBLE:
        msgpack_pack_double(&packer, value->as.real);
        return to;
    case WARD_VALUE_REF:
        return ward__put_ref(to, value->as.ref);
    case WARD_VALUE_STRING:
        msgpack_pack_str(&packer, tail_size);
        return to;
    case WARD_VALUE_BYTES:
        msgpack_pack_bin(&packer, tail_size);
        return to;
    default: /* it is all tail */
        return to;
    }
}

uint64_t
ward__built_bound(const ward_value *value)
{
    const ward_builder *builder = value->as.built;

    return builder != NULL ? ward_builder_bytes(builder).size : 0;
}

uint8_t *
ward__put_other_value(uint8_t *to, const ward_value *value)
{
    ward_bytes tail;

    if (ward__value_tail(value, &tail) < 0)
        return NULL;
    to = ward__put_value_head(to, value, tail.size);
    if (tail.size > 0)
        memcpy(to, tail.data, tail.size);
    return to + tail.size;
}

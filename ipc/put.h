/*
 * Put: values to msgpack bytes, straight to where they stay. Who puts has made sure of room
 * before: the most that the values may take is asked for once, and no bound is looked at between them.
 * Each function puts at `to` and returns where the next byte goes. The smallest forms are written
 * here, all others by msgpack-c's packer: the same bytes.
 *
 * Used by: pack.c, wire.h, post.c, verbs.c. Uses: msgpack-c, read.h, scan.h.
 */
#ifndef WARD_IPC_PUT_H
#define WARD_IPC_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ward/value.h>

#include "ipc/read.h"

/* What a message says: values that are yet to be packed, or an array that is packed and was scanned. */
struct ward__body {
    const ward_value *values; /* borrowed */
    size_t count;
    ward_raw packed; /* borrowed; its data is not NULL: then this */
};

/* The most that an integer takes; the head of what has a length: an array, bytes, a string; and more than
 * anything takes. */
enum { WARD__INT_MOST = 9, WARD__LENGTH_MOST = 5 };
#define WARD__BOUND_NONE (UINT64_C(1) << 56)

/* A number from 0 to 127 is packed as itself. */
static inline bool
ward__is_one_byte(int64_t number)
{
    return number >= 0 && number < 0x80;
}

uint8_t *ward__put_any_int(uint8_t *to, int64_t number);
uint8_t *ward__put_any_array(uint8_t *to, size_t count);

static inline uint8_t *
ward__put_int(uint8_t *to, int64_t number)
{
    if (!ward__is_one_byte(number))
        return ward__put_any_int(to, number);
    *to = (uint8_t)number;
    return to + 1;
}

static inline uint8_t *
ward__put_array(uint8_t *to, size_t count)
{
    if (count >= 16)
        return ward__put_any_array(to, count);
    *to = (uint8_t)(0x90 | count);
    return to + 1;
}

/* Nobody is nil. */
static inline uint8_t *
ward__put_ref(uint8_t *to, ward_ref ref)
{
    if (ref.id == 0 && ref.nonce == 0) {
        *to = 0xc0;
        return to + 1;
    }
    ward__ref_store(to, ref);
    return to + WARD__REF_SIZE;
}

/*
 * A value has a head, or a tail, or both: a number is a head, bytes are both, raw is a tail. This finds
 * the tail, and what may be wrong with the value. 0; -EINVAL; -EMSGSIZE; a builder's error.
 */
int ward__value_tail(const ward_value *value, ward_bytes *tail);
/* At most WARD__REF_SIZE bytes. */
uint8_t *ward__put_value_head(uint8_t *to, const ward_value *value, size_t tail_size);

uint64_t ward__built_bound(const ward_value *value);
uint8_t *ward__put_other_value(uint8_t *to, const ward_value *value);

/* The most that a value may take. */
static inline uint64_t
ward__value_bound(const ward_value *value)
{
    _Static_assert(WARD_VALUE_DOUBLE + 1 == WARD_VALUE_STRING, "numbers come first");

    if (value->tag < WARD_VALUE_STRING || value->tag == WARD_VALUE_REF)
        return WARD__REF_SIZE;
    if (value->tag == WARD_VALUE_BUILT)
        return ward__built_bound(value);
    return value->as.bytes.size <= UINT32_MAX
               ? WARD__LENGTH_MOST + (uint64_t)value->as.bytes.size
               : WARD__BOUND_NONE;
}

/* What most messages are for. */
static inline bool
ward__value_is_short_bytes(const ward_value *value)
{
    return value->tag == WARD_VALUE_BYTES && value->as.bytes.size <= UINT8_MAX &&
           value->as.bytes.data != NULL;
}

static inline uint8_t *
ward__put_short_bytes(uint8_t *to, ward_bytes bytes)
{
    to[0] = 0xc4;
    to[1] = (uint8_t)bytes.size;
    memcpy(to + 2, bytes.data, bytes.size);
    return to + 2 + bytes.size;
}

/* NULL: ward__value_tail says why. */
static inline uint8_t *
ward__put_value(uint8_t *to, const ward_value *value)
{
    return ward__value_is_short_bytes(value) ? ward__put_short_bytes(to, value->as.bytes)
                                             : ward__put_other_value(to, value);
}

/* A message of such a value and nothing else. */
static inline bool
ward__body_is_short_bytes(const struct ward__body *body)
{
    return body->count == 1 && ward__value_is_short_bytes(body->values);
}

/* The most that all a message says may take, as one array; and that put. */
static inline uint64_t
ward__body_bound(const struct ward__body *body)
{
    uint64_t bound = WARD__LENGTH_MOST;

    if (ward__body_is_short_bytes(body))
        return bound + body->values->as.bytes.size;
    if (body->packed.data != NULL)
        return body->packed.size;
    for (size_t i = 0; i < body->count; i++)
        bound += ward__value_bound(&body->values[i]);
    return bound;
}

static inline uint8_t *
ward__put_body(uint8_t *to, const struct ward__body *body)
{
    if (ward__body_is_short_bytes(body)) {
        *to = 0x91;
        return ward__put_short_bytes(to + 1, body->values->as.bytes);
    }
    if (body->packed.data != NULL) {
        memcpy(to, body->packed.data, body->packed.size);
        return to + body->packed.size;
    }
    to = ward__put_array(to, body->count);
    for (size_t i = 0; to != NULL && i < body->count; i++)
        to = ward__put_value(to, &body->values[i]);
    return to;
}

#endif

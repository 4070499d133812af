/*
 * Reader: takes msgpack apart, straight from the bytes and without a tree of objects. Every
 * read checks its own bounds, so a value that was never scanned costs an error and no
 * more. Out parameters are written, and the cursor moves, only on success.
 *
 * Used by: scan.c, message.c, wire.c. Uses: nothing.
 */
#ifndef WARD_IPC_READ_H
#define WARD_IPC_READ_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ward/error.h>
#include <ward/value.h>

/* The ext type that carries a reference: id and nonce, each 8 bytes, big endian. */
#define WARD__EXT_REF 1

/* A reference as it is packed: an ext of 16 bytes. */
enum { WARD__REF_SIZE = 18 };

static inline void
ward__ref_store(uint8_t to[WARD__REF_SIZE], ward_ref ref)
{
    uint64_t id = htobe64(ref.id), nonce = htobe64(ref.nonce);

    to[0] = 0xd8;
    to[1] = WARD__EXT_REF;
    memcpy(to + 2, &id, sizeof id);
    memcpy(to + 10, &nonce, sizeof nonce);
}

/* The one at the front of `from`: its size; 0: there is none. */
static inline size_t
ward__ref_load(const uint8_t *from, size_t size, ward_ref *ref)
{
    uint64_t id, nonce;

    if (size < WARD__REF_SIZE || from[0] != 0xd8 || from[1] != WARD__EXT_REF)
        return 0;
    memcpy(&id, from + 2, sizeof id);
    memcpy(&nonce, from + 10, sizeof nonce);
    *ref = (ward_ref){be64toh(id), be64toh(nonce)};
    return WARD__REF_SIZE;
}

struct ward__cursor {
    const uint8_t *at;
    const uint8_t *end;
};

enum ward__kind {
    WARD__NIL,
    WARD__BOOL,
    WARD__UINT, /* not negative */
    WARD__INT,  /* negative */
    WARD__DOUBLE,
    WARD__STR,
    WARD__BIN,
    WARD__EXT,
    WARD__ARRAY,
    WARD__MAP,
};

/* A value taken apart: a whole scalar, or the head of an array or a map. */
struct ward__head {
    enum ward__kind kind;
    int8_t ext_type;
    uint32_t length;     /* bytes of str, bin and ext, elements of array, pairs of map */
    const uint8_t *body; /* of str, bin and ext */
    union {
        bool boolean;
        uint64_t u;
        int64_t i;
        double d;
    } as;
};

/* A value that begins with a byte from 0xc0 to 0xdf, and one from 0x80 to 0xbf. */
int ward__read_led(struct ward__cursor *in, struct ward__head *head);
int ward__read_short(struct ward__cursor *in, struct ward__head *head);

/* 0; -ENODATA: nothing is left; -WARD_EPROTOCOL: cut short, or no msgpack. */
static inline int
ward__read_head(struct ward__cursor *in, struct ward__head *head)
{
    uint8_t first;

    if (in->at == in->end)
        return -ENODATA;
    first = *in->at;
    if (first == 0xc4 && in->end - in->at > 1 && in->end - in->at - 2 >= in->at[1]) {
        head->kind = WARD__BIN; /* what most messages are for */
        head->length = in->at[1];
        head->body = in->at + 2;
        in->at += 2 + in->at[1];
        return 0;
    }
    if (first >= 0xc0 && first < 0xe0)
        return ward__read_led(in, head);
    if (first >= 0x80 && first < 0xe0)
        return ward__read_short(in, head);
    head->kind = first < 0x80 ? WARD__UINT : WARD__INT;
    head->as.i = (int8_t)first;
    in->at++;
    return 0;
}

/* One value of a known type. 0; as ward__read_head; -WARD_ETYPE; -ERANGE. Inline where it is one byte
 * long, as most are: numbers below 128, short arrays. */
int ward__read_long_uint(struct ward__cursor *in, uint64_t max, uint64_t *out);
int ward__read_long_int(struct ward__cursor *in, int64_t min, int64_t max, int64_t *out);
int ward__read_long_array(struct ward__cursor *in, uint32_t *count);
int ward__read_other_ref(struct ward__cursor *in, ward_ref *out);

static inline int
ward__read_uint(struct ward__cursor *in, uint64_t max, uint64_t *out)
{
    if (in->at == in->end || *in->at >= 0x80 || *in->at > max)
        return ward__read_long_uint(in, max, out);
    *out = *in->at++;
    return 0;
}

static inline int
ward__read_int(struct ward__cursor *in, int64_t min, int64_t max, int64_t *out)
{
    if (in->at == in->end || *in->at >= 0x80 || *in->at < min || *in->at > max)
        return ward__read_long_int(in, min, max, out);
    *out = *in->at++;
    return 0;
}

static inline int
ward__read_array(struct ward__cursor *in, uint32_t *count)
{
    struct ward__cursor long_one = *in; /* so that `in` may stay in registers */
    int result;

    if (in->at < in->end && (*in->at & 0xf0) == 0x90) {
        *count = *in->at++ & 0x0f;
        return 0;
    }
    result = ward__read_long_array(&long_one, count);
    *in = long_one;
    return result;
}

int ward__read_bytes(struct ward__cursor *in, ward_bytes *out); /* str or bin */

static inline int
ward__read_nil(struct ward__cursor *in)
{
    if (in->at == in->end)
        return -ENODATA;
    if (*in->at != 0xc0)
        return -WARD_ETYPE;
    in->at++;
    return 0;
}

/* Nil reads as nobody. */
static inline int
ward__read_ref(struct ward__cursor *in, ward_ref *out)
{
    size_t size = ward__ref_load(in->at, (size_t)(in->end - in->at), out);

    if (size == 0)
        return ward__read_other_ref(in, out);
    in->at += size;
    return 0;
}

int ward__skip(struct ward__cursor *in);
/* Any one value as its bytes. */
int ward__read_raw(struct ward__cursor *in, ward_raw *out);

#endif

/*
 * Reader: takes msgpack apart, straight from the bytes and without a tree of objects. Every
 * read checks its own bounds, so a value that was never scanned costs an error and no
 * more. Out parameters are written, and the cursor moves, only on success.
 *
 * Used by: scan.c, message.c, wire.c. Uses: nothing.
 */
#ifndef WARD_IPC_READ_H
#define WARD_IPC_READ_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ward/value.h>

/* The ext type that carries a reference: id and nonce, each 8 bytes, big endian. */
#define WARD__EXT_REF 1

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
    if (first >= 0xc0 && first < 0xe0)
        return ward__read_led(in, head);
    if (first >= 0x80 && first < 0xe0)
        return ward__read_short(in, head);
    head->kind = first < 0x80 ? WARD__UINT : WARD__INT;
    head->as.i = (int8_t)first;
    in->at++;
    return 0;
}

/* One value of a known type. 0; as ward__read_head; -WARD_ETYPE; -ERANGE. */
int ward__read_uint(struct ward__cursor *in, uint64_t max, uint64_t *out);
int ward__read_int(struct ward__cursor *in, int64_t min, int64_t max, int64_t *out);
int ward__read_bytes(struct ward__cursor *in, ward_bytes *out); /* str or bin */
int ward__read_ref(struct ward__cursor *in, ward_ref *out);     /* nil reads as nobody */
int ward__read_array(struct ward__cursor *in, uint32_t *count);
int ward__read_nil(struct ward__cursor *in);
int ward__skip(struct ward__cursor *in);
/* Any one value as its bytes. */
int ward__read_raw(struct ward__cursor *in, ward_raw *out);

#endif

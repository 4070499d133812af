/*
 * Taker: a reader with a sticky error, for records with a fixed order of fields.
 *
 * Used by: wire.c, failure.c, crossing.c, managed.c. Uses: read.h, scan.h, message.h (the arena).
 */
#ifndef WARD_IPC_TAKE_H
#define WARD_IPC_TAKE_H

#include "ipc/message.h"
#include "ipc/read.h"

/* After an error every take returns zero or "" and the error stays. */
struct ward__taker {
    struct ward__cursor cursor;
    struct ward_arena *arena; /* borrowed: where strings go */
    bool is_trusted;          /* whoever packed it has scanned it */
    int error;
};

static inline void
ward__taker_fail(struct ward__taker *in, int error)
{
    if (in->error == 0)
        in->error = error;
}

static inline uint64_t
ward__take_uint(struct ward__taker *in, uint64_t max)
{
    uint64_t number = 0;

    if (in->error == 0)
        in->error = ward__read_uint(&in->cursor, max, &number);
    return number;
}

static inline int64_t
ward__take_int(struct ward__taker *in, int64_t min, int64_t max)
{
    int64_t number = 0;

    if (in->error == 0)
        in->error = ward__read_int(&in->cursor, min, max, &number);
    return number;
}

static inline ward_ref
ward__take_ref(struct ward__taker *in)
{
    ward_ref ref = {0, 0};

    if (in->error == 0)
        in->error = ward__read_ref(&in->cursor, &ref);
    return ref;
}

bool ward__take_bool(struct ward__taker *in);
ward_bytes ward__take_bytes(struct ward__taker *in);
void ward__take_array(struct ward__taker *in, uint32_t count); /* its head */
/* An array that is the last of all: the rest. Scanned here, where that is not trusted. */
ward_raw ward__take_list(struct ward__taker *in);
/* A string of at most `max` bytes without NUL, copied; nil is "". */
const char *ward__take_string(struct ward__taker *in, size_t max);

#endif

/*
 * Failure records on the wire, and the taker: a reader with a sticky error, for records with a
 * fixed order of fields.
 *
 * Used by: wire.c. Uses: read.h, scan.h, pack.h, message.h (the arena).
 */
#ifndef WARD_IPC_FAILURE_H
#define WARD_IPC_FAILURE_H

#include <ward/failure.h>

#include "ipc/message.h"
#include "ipc/pack.h"
#include "ipc/read.h"

/* After an error every take returns zero or "" and the error stays. */
struct ward__taker {
    struct ward__cursor cursor;
    struct ward_arena *arena; /* borrowed: where strings go */
    bool is_trusted;          /* whoever packed it has scanned it */
    int error;
};

void ward__taker_fail(struct ward__taker *in, int error);
uint64_t ward__take_uint(struct ward__taker *in, uint64_t max);
int64_t ward__take_int(struct ward__taker *in, int64_t min, int64_t max);
bool ward__take_bool(struct ward__taker *in);
ward_ref ward__take_ref(struct ward__taker *in);
ward_bytes ward__take_bytes(struct ward__taker *in);
void ward__take_array(struct ward__taker *in, uint32_t count); /* its head */
/* An array that is the last of all: the rest. Scanned here, where that is not trusted. */
ward_raw ward__take_list(struct ward__taker *in);
/* A string of at most `max` bytes without NUL, copied; nil is "". */
const char *ward__take_string(struct ward__taker *in, size_t max);
/* A failure, copied into the arena; nil is NULL. */
const ward_failure *ward__take_failure(struct ward__taker *in);

/* NULL is nil. `last` is packed one level deep. */
void ward__pack_failure(struct ward__sink *sink, const ward_failure *failure);

/* A copy with all it points to, one allocation to free(); NULL without memory. */
ward_failure *ward__failure_copy(const ward_failure *failure);

#endif

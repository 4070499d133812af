/*
 * Failure records on the wire.
 *
 * Used by: wire.c, deaths, ends. Uses: take.h, pack.h.
 */
#ifndef WARD_IPC_FAILURE_H
#define WARD_IPC_FAILURE_H

#include <ward/failure.h>

#include "ipc/pack.h"
#include "ipc/take.h"

/* A failure, copied into the arena; nil is NULL. */
const ward_failure *ward__take_failure(struct ward__taker *in);

/* NULL is nil. `last` is packed one level deep. */
void ward__pack_failure(struct ward__sink *sink, const ward_failure *failure);

/* A copy with all it points to, one allocation to free(); NULL without memory. */
ward_failure *ward__failure_copy(const ward_failure *failure);

#endif

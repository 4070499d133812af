/*
 * Crossing: a spec as it crosses between processes: numbers of the registry for pointers.
 *
 * Used by: wire.c, the verbs of both sides. Uses: registry.h, failure.h (the taker).
 */
#ifndef WARD_IPC_CROSSING_H
#define WARD_IPC_CROSSING_H

#include <ward/spec.h>

#include "ipc/failure.h"
#include "ipc/pack.h"

struct ward__crossing {
    const char *id;                         /* "": none */
    int64_t behavior, supervisor, strategy; /* -1: none */
    int64_t restart;
    bool significant;
    int64_t first_ms, max_ms, healthy_ms, jitter_percent; /* of the back-off */
    int64_t start_ms, shutdown_ms, message_ms, redeliver;
    int64_t mailbox_bytes, mailbox_messages, when_full, frame_bytes;
    ward_bytes args;
};

/* 0; -ENOENT: something is not registered; -EINVAL: descriptors do not cross. */
int ward__crossing_begin(struct ward__crossing *crossing, const ward_spec *spec);
/* The way back; id and args are borrowed. 0; -ENOENT: no such number. */
int ward__crossing_end(const struct ward__crossing *crossing, ward_spec *spec);

void ward__pack_crossing(struct ward__sink *sink, const struct ward__crossing *crossing);
void ward__take_crossing(struct ward__taker *in, struct ward__crossing *crossing);

#endif

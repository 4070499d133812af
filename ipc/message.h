/*
 * Message: one message or reply as its reader sees it, and the arena that keeps the strings
 * it hands out. The bytes have been scanned; the getters check types all the same.
 *
 * Used by: worker loop, host dispatch. Uses: read.h.
 */
#ifndef WARD_IPC_MESSAGE_H
#define WARD_IPC_MESSAGE_H

#include <ward/message.h>

#include "ipc/read.h"

/* Memory that is freed all at once. Zeroed is empty. */
struct ward_arena {
    struct ward__chunk *chunks; /* owned, newest first */
};

/* An empty one's first memory is lent to it: `room`, of `size` bytes, aligned for any object and not
 * tiny. It is not used any more once the arena is emptied or done. */
void ward__arena_lend(struct ward_arena *arena, void *room, size_t size);
/* `size` bytes, aligned for any object, that live until the arena is emptied; NULL without
 * memory. */
void *ward__arena_take(struct ward_arena *arena, size_t size);
/* Empties it, keeping at most one small chunk for the next message. */
void ward__arena_empty(struct ward_arena *arena);
void ward__arena_done(struct ward_arena *arena);

static inline void
ward__arena_clear(struct ward_arena *arena)
{
    if (arena->chunks != NULL)
        ward__arena_empty(arena);
}

struct ward_message {
    int64_t type;
    ward_ref sender; /* zero: no answer is expected */
    unsigned attempt;
    ward_raw values;          /* borrowed: one msgpack array, head included */
    struct ward__cursor body; /* its elements */
    uint32_t count;
    struct ward_arena *arena; /* borrowed */
};

/* Fills a view of `values`, an array. 0; -WARD_EPROTOCOL: it is no array. */
static inline int
ward__message_init(ward_message *msg, int64_t type, ward_raw values,
                   struct ward_arena *arena)
{
    struct ward__cursor body = {values.data, (const uint8_t *)values.data + values.size};
    uint32_t count;

    if (ward__read_array(&body, &count) < 0)
        return -WARD_EPROTOCOL;
    *msg = (ward_message){
        .type = type, /* all members: clearing first would cost more than all else */
        .sender = {0, 0},
        .attempt = 0,
        .values = values,
        .body = body,
        .count = count,
        .arena = arena};
    return 0;
}

/* A message with its own copy of the values and its own arena, for ward_message_free; NULL
 * without memory or if it is no array. */
ward_message *ward__message_copy(int64_t type, ward_raw values);

#endif

/*
 * Notices: what the host is to be told, queued until it dispatches: events, messages to the
 * root, answers, room. One queue, in order. Everything is copied; without memory for that an
 * event is lost and counted, and the count is told. Nothing here decides anything.
 *
 * Used by: all of the shell. Uses: the host's callbacks.
 */
#ifndef WARD_SUPERVISOR_NOTICE_H
#define WARD_SUPERVISOR_NOTICE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/sys/queue.h>

#include <ward/system.h>

#include "ipc/fault.h"
#include "ipc/message.h"
#include "ipc/pool.h"

enum ward__notice_kind {
    WARD__NOTICE_EVENT,
    WARD__NOTICE_MESSAGE,
    WARD__NOTICE_ANSWER,
    WARD__NOTICE_ROOM
};

/* What is common to all in the queue. */
struct ward__notice {
    enum ward__notice_kind kind;
    TAILQ_ENTRY(ward__notice) next;
    uint64_t number;
    ward_raw values; /* owned, or in the room behind; no data: none */
};

/* So many bytes of values have room behind a notice. */
enum { WARD__NOTICE_ROOM_SIZE = 128 };

struct ward__notices {
    struct ward__pool pieces;                         /* for notices */
    TAILQ_HEAD(ward__notice_list, ward__notice) list; /* owned */
    uint64_t last_number;
    uint64_t lost;
    uint64_t message_count,
        message_bytes;    /* of messages to the host, with all that they take */
    uint64_t flood_bytes; /* of what workers can make at will: logs, dead letters */
};

void ward__notices_init(struct ward__notices *notices);
void ward__notices_done(struct ward_system *sys);

/* Copies all that the event points to. No on_event: nothing. */
void ward__notice_event(struct ward_system *sys, const ward_event *event);

/* A message to the root. 0; -ENOMEM. */
int ward__notice_message(struct ward_system *sys, int64_t type, ward_ref sender,
                         ward_raw values);

/* What a message with so many bytes of values takes. */
size_t ward__notice_size(size_t values);

/* The message to the root that has waited longest is dropped, a dead letter. False: there is none
 * that may be. */
bool ward__notice_drop_oldest(struct ward_system *sys);

/* The answer to an ask of the host's, which knows whom to call: in line, as it is. */
void ward__notice_answer(struct ward_system *sys, struct ward__notice *answer);

/* Gives it values of its own. False: no memory. */
static inline bool
ward__notice_keep(struct ward__notice *notice, uint8_t room[WARD__NOTICE_ROOM_SIZE],
                  ward_raw values)
{
    uint8_t *to =
        values.size <= WARD__NOTICE_ROOM_SIZE ? room : WARD__NEW(malloc(values.size));

    if (to == NULL)
        return false;
    memcpy(to, values.data, values.size);
    notice->values = (ward_raw){to, values.size};
    return true;
}

static inline void
ward__notice_let_go(const struct ward__notice *notice, const uint8_t *room)
{
    if (notice->values.data != room)
        free((void *)(size_t)notice->values.data);
}

/* Its values as a message; NULL: there are none. */
static inline ward_message *
ward__notice_view(const struct ward__notice *notice, int64_t type, ward_message *message,
                  struct ward_arena *arena)
{
    int result;

    *arena = (struct ward_arena){NULL};
    if (notice->values.data == NULL)
        return NULL;
    result = ward__message_init(message, type, notice->values, arena);
    assert(result == 0); /* they were scanned, or packed here */
    return result == 0 ? message : NULL;
}

void ward__notice_room(struct ward_system *sys, ward_ref ref);

/* Calls what is queued now, not what these calls add. */
void ward__notices_dispatch(struct ward_system *sys);

static inline bool
ward__notices_are_due(const struct ward__notices *notices)
{
    return !TAILQ_EMPTY(&notices->list) || notices->lost > 0;
}

#endif

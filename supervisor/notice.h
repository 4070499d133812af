/*
 * Notices: what the host is to be told, queued until it dispatches: events, messages to the
 * root, answers, room. One queue, in order. Everything is copied; without memory for that an
 * event is lost and counted, and the count is told. Nothing here decides anything.
 *
 * Used by: all of the shell. Uses: the host's callbacks.
 */
#ifndef WARD_SUPERVISOR_NOTICE_H
#define WARD_SUPERVISOR_NOTICE_H

#include <bsd/sys/queue.h>

#include <ward/system.h>

#include "ipc/pool.h"

struct ward__notice;

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
void ward__notices_done(struct ward__notices *notices);

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

/* An answer for a callback; `values` only with status 0. Made ahead by ward__notice_reserve, so
 * that it cannot fail when it is due. */
struct ward__notice *ward__notice_reserve(struct ward_system *sys, ward_on_reply on_reply,
                                          void *user);
void ward__notice_answer(struct ward_system *sys, struct ward__notice *reserved,
                         int status, ward_raw values);
void ward__notice_drop(struct ward_system *sys, struct ward__notice *reserved);

void ward__notice_room(struct ward_system *sys, ward_ref ref);

/* Calls what is queued now, not what these calls add. */
void ward__notices_dispatch(struct ward_system *sys);

static inline bool
ward__notices_are_due(const struct ward__notices *notices)
{
    return !TAILQ_EMPTY(&notices->list) || notices->lost > 0;
}

#endif

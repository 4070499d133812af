/*
 * Mailbox: the messages of one actor, kept on the supervisor's side, so that they outlive the
 * process that reads them. One ring of encoded frames with three absolute positions, and
 * the message numbers that belong to them:
 *
 *           done              sent                tail
 *      ------|-----------------|-------------------|------
 *      freed |    in flight    |  not yet written  |
 *
 * `sent` may lie inside a frame: a socket takes what it takes. When an incarnation ends,
 * `sent` goes back to `done`, and the next one gets every message that is not done, once, in
 * order. No memory before the first message; given back when empty, and positions begin again at 0.
 * A ring is small or has 64 KiB or more; of those of 64 KiB the system keeps a few for the next, and one of
 * more than 256 KiB becomes smaller when less than an eighth of it is in use. It knows nothing of processes,
 * and of what is in a frame but its length, its attempt and whether it is ward's own.
 *
 * Used by: actor.c, post.c, channel.c. Uses: frame.h, wire.h, pool.h.
 */
#ifndef WARD_SUPERVISOR_MAILBOX_H
#define WARD_SUPERVISOR_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <ward/spec.h>

#include "ipc/pool.h"

/* What all mailboxes of a system hold together, and memory for those to come. */
struct ward__mailbox_sum {
    uint64_t bytes;
    uint64_t limit; /* UINT64_MAX: no limit */
    struct ward__pool rings;
};

void ward__mailbox_sum_init(struct ward__mailbox_sum *sum, uint64_t limit);
void ward__mailbox_sum_done(struct ward__mailbox_sum *sum);

struct ward__mailbox {
    uint8_t *ring; /* owned; its size is a power of two, or 0 */
    size_t capacity;
    uint64_t done, sent, tail;                      /* positions */
    uint64_t done_number, sent_number, tail_number; /* messages up to there, whole ones */
    size_t sent_left;     /* bytes missing to the end of the frame in which `sent` lies */
    uint64_t limit_bytes; /* UINT64_MAX: no limit */
    uint64_t limit_messages;
    bool sends_one_by_one; /* one in flight at most: the others can still be dropped */
    struct ward__mailbox_sum *sum; /* borrowed; NULL: nobody adds up */
};

/* Limits as in ward_mailbox_options, validated. */
void ward__mailbox_init(struct ward__mailbox *box, const ward_mailbox_options *limits);
/* Other limits, for what comes from now on. */
void ward__mailbox_limit(struct ward__mailbox *box, const ward_mailbox_options *limits);
void ward__mailbox_done(struct ward__mailbox *box);

/* Appends one whole frame, prefix included, whether or not there is room. 0; -ENOMEM. */
int ward__mailbox_append(struct ward__mailbox *box, const void *frame, size_t size);

/* What counts against the limits. The message in hand does not: `in_hand` says there is one. */
void ward__mailbox_held(const struct ward__mailbox *box, bool in_hand, uint64_t *bytes,
                        uint64_t *messages);

/* Would a frame of `size` bytes be within them? */
bool ward__mailbox_has_room(const struct ward__mailbox *box, size_t size, bool in_hand);

/* What is empty takes a message of any size: else it could never be delivered. */
static inline bool
ward__mailbox_fits(uint64_t held, uint64_t limit, size_t size)
{
    return held + size <= limit ||
           held == 0; /* both are of memory: the sum is none too large */
}

/* Have all mailboxes together room for it? */
static inline bool
ward__mailbox_sum_has_room(const struct ward__mailbox *box, size_t size)
{
    return box->sum == NULL || ward__mailbox_fits(box->sum->bytes, box->sum->limit, size);
}

/* Is there room, even if the message in hand counts? */
static inline bool
ward__mailbox_has_ample_room(const struct ward__mailbox *box, size_t size)
{
    return box->tail_number - box->done_number < box->limit_messages &&
           ward__mailbox_fits(box->tail - box->done, box->limit_bytes, size) &&
           ward__mailbox_sum_has_room(box, size);
}

/* Memory for so many bytes. 0; -ENOMEM. */
int ward__mailbox_grow(struct ward__mailbox *box, size_t needed);

/* Where the next frame may be packed in place: `size` free bytes behind `tail` that lie in one piece.
 * NULL: there are none, as the ring ends there; or no memory. */
static inline uint8_t *
ward__mailbox_room(struct ward__mailbox *box, size_t size)
{
    size_t held = (size_t)(box->tail - box->done), at;

    if (held + size > box->capacity && ward__mailbox_grow(box, held + size) < 0)
        return NULL;
    at = (size_t)box->tail & (box->capacity - 1);
    return box->capacity - at >= size ? box->ring + at : NULL;
}

/* Nothing was packed there after all. */
static inline void
ward__mailbox_unused(struct ward__mailbox *box)
{
    if (box->done == box->tail)
        ward__mailbox_done(box);
}

/* One whole frame was packed there. */
static inline void
ward__mailbox_packed(struct ward__mailbox *box, size_t size)
{
    box->tail += size;
    box->tail_number++;
    if (box->sum != NULL)
        box->sum->bytes += size;
}

/*
 * Takes out the message that has waited longest, of those of which nothing was sent and that are
 * not ward's own: its number, and its frame as memory to be freed by the caller, NULL if there is
 * none for it. Those behind it move up by one number. 0; -ENOENT: there is no such message.
 */
int ward__mailbox_drop_oldest(struct ward__mailbox *box, uint64_t *number,
                              uint8_t **frame, size_t *size);

/* What is to be written next, in one or two pieces: their count. The rest of the first frame, and
 * what follows, cut where it may be, up to `most` bytes in all. */
int ward__mailbox_unsent(const struct ward__mailbox *box, size_t most,
                         struct iovec pieces[2]);
/* So many of these bytes were written. */
void ward__mailbox_wrote(struct ward__mailbox *box, size_t size);
/* True if `sent` lies inside a frame, which must be ended before anything else is sent. */
bool ward__mailbox_is_torn(const struct ward__mailbox *box);

/* Messages up to `number` are done: they are freed. */
void ward__mailbox_free_to(struct ward__mailbox *box, uint64_t number);

/* The incarnation has ended: what is not done is to be sent again. */
void ward__mailbox_rewind(struct ward__mailbox *box);

/* The first message that is not done, prefix included, copied in one piece into memory to be
 * freed by the caller. 0; -ENOENT: there is none; -ENOMEM. */
int ward__mailbox_first(const struct ward__mailbox *box, uint8_t **frame, size_t *size);

/* The byte at `offset` of that frame. There is one. */
uint8_t *ward__mailbox_first_byte(struct ward__mailbox *box, size_t offset);

/* Messages that are not done. */
uint64_t ward__mailbox_count(const struct ward__mailbox *box);

#endif

/*
 * Outbox: what a worker sends, kept in the shared page until it is committed and written.
 *
 *        base            written        committed          size
 *   ------|----------------|----------------|----------------|
 *         in the socket      committed        of the handler
 *         or read            only here        that runs
 *
 * A handler appends behind `committed`. When it has returned, one release store of the
 * commit word makes its message and all that it sent happen. Only committed bytes are
 * written to the socket, by blocking writes: the host always reads. When all is written the
 * outbox is empty again, and `base` in the page says at which position of the stream it
 * begins; it is stored before new bytes overwrite old ones. A supervisor that finds the
 * process dead takes from here what the socket did not get.
 *
 * Used by: loop.c, verbs.c. Uses: page.h, wire.h, clock.h.
 */
#ifndef WARD_WORKER_OUTBOX_H
#define WARD_WORKER_OUTBOX_H

#include "ipc/page.h"
#include "ipc/wire.h"

struct ward__outbox {
    struct ward__page *page;         /* borrowed */
    int channel;                     /* borrowed */
    uint64_t base;                   /* position in the stream of the first byte */
    size_t written, committed, size; /* offsets from there */
    size_t capacity;
    size_t frame_bytes; /* the largest frame */
    uint64_t done;      /* number of the last message that is done */
    size_t last_size;   /* of the frame appended last, without its prefix */
    /* ward__outbox_hurries: roughly when it last began to be allowed, and how often it is still. */
    int64_t hurried_at;
    unsigned hurries;
};

void ward__outbox_init(struct ward__outbox *box, struct ward__page *page, int channel,
                       size_t frame_bytes, uint64_t done);

/*
 * Appends one frame, packed by `pack` from `what`; it may run twice. Where the outbox is
 * full, what is there is published early and written first. 0; -EMSGSIZE: the frame is
 * too large; -EINVAL and what else packing finds wrong.
 */
int ward__outbox_put(struct ward__outbox *box,
                     void (*pack)(struct ward__sink *sink, const void *what),
                     const void *what);

/* Where a frame of at most `bound` bytes, prefix included, may be put; NULL: ward__outbox_put finds a
 * place or says what is wrong. */
static inline uint8_t *
ward__outbox_room(const struct ward__outbox *box, uint64_t bound)
{
    if (bound > box->frame_bytes || bound > box->capacity - box->size)
        return NULL;
    return ward__page_outbox(box->page) + box->size;
}

/* It was put there, and ends at `end`. */
static inline void
ward__outbox_packed(struct ward__outbox *box, const uint8_t *end)
{
    uint8_t *begun = ward__page_outbox(box->page) + box->size;

    box->last_size = (size_t)(end - begun) - WARD__FRAME_PREFIX;
    ward__frame_store_length(begun, (uint32_t)box->last_size);
    box->size += WARD__FRAME_PREFIX + box->last_size;
}

/* The commit word as it is now. */
static inline void
ward__outbox_store(struct ward__outbox *box)
{
    uint64_t tail = box->base + box->committed;

    atomic_store_explicit(&box->page->commit,
                          ward__commit_pack((uint32_t)tail, (uint32_t)box->done),
                          memory_order_release);
}

/* The message of that number is done, with all that was appended: the one store. */
static inline void
ward__outbox_commit(struct ward__outbox *box, uint64_t done)
{
    box->committed = box->size;
    box->done = done;
    ward__outbox_store(box);
}

/* Publishes what was appended while its message is not done. */
void ward__outbox_publish(struct ward__outbox *box);
/* The same where what was appended does nothing: the message may still be tried again. */
void ward__outbox_publish_question(struct ward__outbox *box);

/* Forgets what was appended since the last commit or publication. */
void ward__outbox_rollback(struct ward__outbox *box);

/* Writes all committed bytes to the socket; the process ends if nobody reads there. */
void ward__outbox_flush(struct ward__outbox *box);

/* So much may wait between two messages before it is written. */
enum { WARD__OUTBOX_TRICKLE = 64 * 1024 };

/* Little is waiting: is it to be written all the same? So it does not wait behind a long handler, but where
 * many short ones have just sent something. */
bool ward__outbox_hurries(struct ward__outbox *box);

/* Flushes what is waiting, if it is much, or all the same. */
static inline void
ward__outbox_trickle(struct ward__outbox *box, bool is_due)
{
    size_t waiting = box->committed - box->written;

    if (waiting > 0 &&
        (is_due || waiting >= WARD__OUTBOX_TRICKLE || ward__outbox_hurries(box)))
        ward__outbox_flush(box);
}

/* Rings the doorbell: an empty frame. Nothing may be uncommitted. */
void ward__outbox_ring(struct ward__outbox *box);

#endif

/*
 * Post: bringing messages to mailboxes, and what cannot be brought to the dead letters.
 *
 * Used by: root.c, frames.c, actor.c, ask.c, watch.c. Uses: mailbox.h, incarnation.h, wire.h, notice.h.
 */
#ifndef WARD_SUPERVISOR_POST_H
#define WARD_SUPERVISOR_POST_H

#include "ipc/wire.h"
#include "supervisor/actor.h"
#include "supervisor/incarnation.h"

struct ward_system;

/* What a message has to rely on where a mailbox is full. */
enum ward__promise {
    WARD__PROMISE_NONE,   /* it may be refused */
    WARD__PROMISE_CREDIT, /* a worker sent it while it had credit */
    WARD__PROMISE_OWN,    /* ward's own: no bounds */
};

/* A message that a full mailbox dropped: a dead letter says so already. */
enum { WARD__POST_DROPPED = 1 };

/* ---- the usual way: straight into the mailbox ---- */

/* So many unsent bytes are written at once and not at the next turn. */
enum { WARD__WRITE_AT_ONCE = 32 * 1024 };

/* Something was put in: its worker is written to now, or when this turn ends. */
void ward__post_write(struct ward__actor *actor);

/* The same; mostly it is due already. */
static inline void
ward__post_write_soon(struct ward__actor *actor, size_t size)
{
    struct ward__incarnation *inc = actor->now;

    if (inc == NULL || inc->stage != WARD__STAGE_UP)
        return;
    inc->unwritten += size;
    if (inc->unwritten >= WARD__WRITE_AT_ONCE ||
        !(inc->is_write_due || inc->channel.is_blocked))
        ward__post_write(actor);
}

/* Where there is ample room in one piece. False: nothing was done. */
static inline bool
ward__post_in_place(struct ward__actor *to, int64_t type, ward_ref sender,
                    const struct ward__body *body)
{
    struct ward__mailbox *box = &to->mailbox;
    uint64_t bound = WARD__HEAD_MOST + ward__body_bound(body);
    uint8_t *begun, *end;
    size_t size;

    if (to->parent == NULL || bound > to->frame_bytes ||
        !ward__mailbox_has_ample_room(box, (size_t)bound))
        return false;
    begun = ward__mailbox_room(box, (size_t)bound);
    if (begun == NULL)
        return false;
    end = ward__put_message(begun + WARD__FRAME_PREFIX, type, sender);
    end = ward__put_body(end, body);
    if (end == NULL) {
        ward__mailbox_unused(box);
        return false;
    }
    size = (size_t)(end - begun);
    ward__frame_store_length(begun, (uint32_t)(size - WARD__FRAME_PREFIX));
    ward__mailbox_packed(box, size);
    ward__post_write_soon(to, size);
    return true;
}

/* ---- any way ---- */

/* As ward__post, which has not got it in place: packed first, put in then. */
int ward__post_packed(struct ward__actor *to, int64_t type, ward_ref sender,
                      const struct ward__body *body, enum ward__promise promise);

/*
 * Brings a message to an actor; to the root: to on_message. 0; WARD__POST_DROPPED; -EAGAIN: the
 * mailbox is full; -EMSGSIZE; -ENOMEM; -EINVAL and what else a value has wrong.
 */
static inline int
ward__post(struct ward__actor *to, int64_t type, ward_ref sender,
           const struct ward__body *body, enum ward__promise promise)
{
    if (ward__post_in_place(to, type, sender, body))
        return 0;
    return ward__post_packed(to, type, sender, body, promise);
}

/* Is it one that takes messages at all? */
bool ward__post_takes(const struct ward__actor *to);

/* How much more its mailbox would take, and how much it is over its bounds. */
void ward__post_room(const struct ward__actor *to, uint64_t *messages, uint64_t *bytes);
void ward__post_excess(const struct ward__actor *to, uint64_t *messages, uint64_t *bytes);
/* What each message takes of its bounds beside its bytes. */
size_t ward__post_beside(const struct ward__actor *to);
bool ward__post_is_full(const struct ward__actor *to);
bool ward__post_is_half_empty(const struct ward__actor *to);

/* One dead letter. `path` may be NULL. */
void ward__post_dead(struct ward_system *sys, ward_letter why, ward_ref to,
                     const char *path, int64_t type, ward_raw values);

/* The same for an answer that nobody waits for any more; `by`: the path of who gave it. */
void ward__post_late_reply(struct ward_system *sys, ward_ref to, const char *by,
                           ward_raw values);

/* The same for a MESSAGE frame, prefix included. */
void ward__post_dead_frame(struct ward__actor *actor, ward_letter why,
                           const uint8_t *frame, size_t size);

/* A message to the host that nobody handles; an ask fails at once. */
void ward__post_unhandled(struct ward_system *sys, int64_t type, ward_ref sender,
                          ward_raw values);

/* Everything that is left in the mailbox becomes dead letters: one that was to be tried again is poison,
 * the others were stopped. */
void ward__post_bury(struct ward__actor *actor);

/* There may be room: the host, which was refused, is told, and senders get credit. If not, the
 * worker is to ring. */
void ward__actor_room(struct ward__actor *actor);

#endif

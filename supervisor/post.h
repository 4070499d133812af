/*
 * Post: bringing messages to mailboxes, and what cannot be brought to the dead letters.
 *
 * Used by: root.c, frames.c, actor.c, ask.c, watch.c. Uses: mailbox.h, wire.h, notice.h.
 */
#ifndef WARD_SUPERVISOR_POST_H
#define WARD_SUPERVISOR_POST_H

#include "ipc/wire.h"
#include "supervisor/actor.h"

struct ward_system;

/* Packs the values of a message: one array. */
typedef void (*ward__pack_list)(struct ward__sink *sink, const void *what);

/*
 * Brings a message to an actor; to the root: to on_message. 0; -EAGAIN: the mailbox is full;
 * -EMSGSIZE; -ENOMEM; -EINVAL: what the packer finds wrong. `is_forced`: ward's own, no limit.
 */
int ward__post(struct ward__actor *to, int64_t type, ward_ref sender,
               ward__pack_list pack, const void *what, bool is_forced);

/* The same for values that are packed already. */
int ward__post_raw(struct ward__actor *to, int64_t type, ward_ref sender, ward_raw values,
                   bool is_forced);

/* One dead letter. `path` may be NULL. */
void ward__post_dead(struct ward_system *sys, ward_letter why, ward_ref to,
                     const char *path, int64_t type, ward_raw values);

/* The same for a MESSAGE frame, prefix included. */
void ward__post_dead_frame(struct ward__actor *actor, ward_letter why,
                           const uint8_t *frame, size_t size);

/* A message to the host that nobody handles; an ask fails at once. */
void ward__post_unhandled(struct ward_system *sys, int64_t type, ward_ref sender,
                          ward_raw values);

/* Everything that is left in the mailbox becomes dead letters. */
void ward__post_bury(struct ward__actor *actor, ward_letter why);

/* The host was refused, and there is room again: it is told. */
void ward__actor_room(struct ward__actor *actor);

#endif

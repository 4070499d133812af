/*
 * System: one tree and what it stands on. This header has the shared structs of the shell
 * around the engine; what each file does is said in its own header.
 *
 *   verbs of the host (root.c)      frames of workers (frames.c)
 *            \                        /
 *        actors (actor.c)  <--  engine (engine.c), pumped here
 *         |       |      \
 *   post.c ask.c watch.c  incarnation.c -- channel.c, mailbox.c
 *   (messages)             |
 *                      server.c (fork server)      notice.c (callbacks to the host)
 *
 * Used by: all of these. Uses: them.
 */
#ifndef WARD_SUPERVISOR_SYSTEM_H
#define WARD_SUPERVISOR_SYSTEM_H

#include <bsd/sys/queue.h>

#include <ward/system.h>

#include "ipc/context.h"
#include "ipc/credit.h"
#include "ipc/message.h"
#include "ipc/pack.h"
#include "ipc/pool.h"
#include "ipc/refset.h"
#include "ipc/slots.h"
#include "supervisor/actor.h"
#include "supervisor/burial.h"
#include "supervisor/engine.h"
#include "supervisor/loop.h"
#include "supervisor/nonce.h"
#include "supervisor/notice.h"
#include "supervisor/oom.h"
#include "supervisor/poll.h"
#include "supervisor/server.h"
#include "supervisor/spare.h"
#include "supervisor/turn.h"

struct ward_system {
    ward_ctx ctx; /* comes first: the root actor's */
    ward_system_options options;
    size_t frame_bytes;
    struct ward__loop loop;
    struct ward__turn turn;
    struct ward__poll poll;
    unsigned cautious_reads; /* to come: the host has asked lately */
    struct ward__oom oom;
    struct ward__link link; /* to the fork server */
    struct ward__spares spares;
    struct ward__burial burial;

    struct ward__engine engine;
    bool is_pumping;
    TAILQ_HEAD(, ward__actor) undecided; /* with threads: whose deciders are due */
    bool is_deciding;
    struct ward__paths paths;  /* of all living actors */
    struct ward__slots actors; /* struct ward__actor, owned */
    size_t actor_count;        /* of lives, the root counted */
    struct ward__mailbox_sum mailbox_sum;
    bool is_starved;           /* somebody waits for room in all mailboxes together */
    struct ward__purse credit; /* of a sender with an actor, to begin with */
    struct ward__actor *root;  /* owned: the host as an actor, without a process */
    struct ward__slots asks;   /* struct ward__ask, owned */
    struct ward__pool ask_pieces;
    struct ward__nonces nonces;         /* of actors and asks */
    TAILQ_HEAD(, ward__change) changes; /* under way */
    struct ward__timer stop_deadline;
    struct ward__timer wakeup; /* notices are due: the descriptor is to say so */
    ward_ref last_ignored;     /* the last actor that started with WARD_START_IGNORE */

    struct ward__refset watched; /* by the host */
    struct ward__notices notices;
    ward_ref sender_in_hand; /* of the message that on_message is handling */
    bool has_message_in_hand;
    bool is_in_callback;
    pthread_t dispatcher; /* whose callback it is, then */
    bool is_free_due;     /* ward_system_free inside a callback */

    bool is_stopping;
    bool is_forced; /* the stop deadline has passed: no more hooks */
    bool is_broken; /* everything is to end at once */
    bool has_stopped;
    bool has_failed;
    ward_failure *failure; /* owned: what escalated past the root */

    struct ward__sink scratch; /* one frame being packed */
    struct ward_arena arena;   /* of the frame being read */
};

/* The living actor of a reference, or NULL. */
static inline struct ward__actor *
ward__actor_find(struct ward_system *sys, ward_ref ref)
{
    struct ward__actor *actor = ward__slots_find(&sys->actors, ref.id);

    return actor != NULL && actor->ref.nonce == ref.nonce ? actor : NULL;
}

/* Every call of the host's begins and ends so. `enter`: 0; -EINVAL: NULL; -ECHILD; -EBUSY in a decider. `leave` does
 * what the call has moved, and shows what is due. */
int ward__system_enter(struct ward_system *sys);
void ward__system_leave(struct ward_system *sys);

/* Is there anything to be pumped? */
static inline bool
ward__system_has_work(const struct ward_system *sys)
{
    return sys->is_broken || !TAILQ_EMPTY(&sys->engine.queue) ||
           !TAILQ_EMPTY(&sys->changes);
}

/* Would leaving change nothing, as after most messages of a host without a thread? */
static inline bool
ward__system_is_at_rest(const struct ward_system *sys)
{
    return !sys->turn.is_threaded && !ward__system_has_work(sys) &&
           !sys->loop.may_be_in_vain && !ward__notices_are_due(&sys->notices);
}

/* Does the calling thread run a callback of this system? */
bool ward__system_is_in_callback(const struct ward_system *sys);

/* Does what the engine wants done. Ends every entry point that may have moved it. */
void ward__system_pump(struct ward_system *sys);

/* On ward's thread: asks the deciders that are due. */
void ward__system_decide(struct ward_system *sys);

/* The loop is to turn, and the descriptor to say so. */
void ward__system_wake(struct ward_system *sys);

/* The ordered stop of all; the second time nothing. */
void ward__system_begin_stop(struct ward_system *sys);

/* Everything ends at once, for this reason (copied). */
void ward__system_fail(struct ward_system *sys, const ward_failure *failure);

/* Ends everything at once and frees it. The caller has entered, and does not leave. */
void ward__system_release(struct ward_system *sys);

#endif

/*
 * Behavior: what an actor does.
 *
 * A behavior is a static constant, registered at file scope, so that the process which runs
 * it has it too:
 *
 *   static ward_next
 *   counter_receive(ward_ctx *ctx, const ward_message *msg)
 *   {
 *       struct counter *self = ward_state(ctx);
 *       ...
 *       return WARD_SAME;
 *   }
 *   static const ward_behavior counter = {
 *       .name = "counter", .state_size = sizeof(struct counter), .receive = counter_receive,
 *   };
 *   WARD_REGISTER(counter);
 *
 * Everything here runs in the worker, alone in its process, one call at a time. A worker leads a
 * process group of its own, in one session with all others of this host, which has no terminal: what
 * is typed at one signals the host only. Standard output is the host's, line-buffered: a line printed
 * before a crash is seen, a part of a line is not. End a worker with _exit, if you must: exit runs the
 * host's atexit handlers, too. A list of processes shows a worker by its actor's id, 15 bytes of it;
 * `ward-spare` is one that was made ahead and has no actor yet.
 */
#ifndef WARD_BEHAVIOR_H
#define WARD_BEHAVIOR_H

#include <ward/failure.h>
#include <ward/message.h>

WARD_BEGIN

/* A process's view of itself: the first argument of every verb (verbs.h). */
typedef struct ward_ctx ward_ctx;

/*
 * What receive returns. Besides these, every negative code is a failure: cause `error` with that
 * code, and any other number is -EINVAL. So `return ward_reply(ctx, 1)` is right for a message
 * that is only ever asked: one that was told has nobody to answer, and -WARD_EUNKNOWN ends the
 * actor. Think before `return ward_tell(...)`, too: where the mailbox there may be full, -EAGAIN
 * is no reason to fail (spec.h: WARD_REJECT).
 */
typedef int ward_next;
enum {
    WARD_SAME = 0,      /* done; on to the next message */
    WARD_STOP = 1,      /* done, and so is this actor: a normal end */
    WARD_RESTART = 2,   /* done; restart this actor with fresh state, uncounted */
    WARD_UNHANDLED = 3, /* not for this actor: a dead letter; an ask fails at once */
};

/* What pre_start returns to end before it began (OTP's ignore). */
enum { WARD_START_IGNORE = 1 };

typedef ward_next (*ward_receive)(ward_ctx *ctx, const ward_message *msg);

typedef struct ward_behavior {
    /* For logs and errors; required. */
    const char *name;
    /* Bytes of state, zeroed at each start: ward_state(ctx). */
    size_t state_size;
    /* Handles one message; required. All it sends leaves when it returns, and not at all if
     * it dies before, but for what verbs.h says is published at once. */
    ward_receive receive;
    /* Before the first message of each incarnation; children are spawned here. 0,
     * WARD_START_IGNORE, or a negative code: the start failed. */
    int (*pre_start)(ward_ctx *ctx);
    /* After the last message of an incarnation that ward ends, children already gone. For an
     * actor that died and ends for good it runs in a fresh process, with zeroed state. */
    void (*post_stop)(ward_ctx *ctx);
    /* In the new process of a restart: before and after pre_start. `cause` lives until the
     * hook returns; after an ordered restart, which no failure caused, it is NULL. */
    void (*pre_restart)(ward_ctx *ctx, const ward_failure *cause);
    void (*post_restart)(ward_ctx *ctx, const ward_failure *cause);
} ward_behavior;

WARD_END

#endif

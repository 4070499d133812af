/*
 * Asks: questions under way, each from one actor to one other, until it is answered, fails or
 * its time is over, exactly once. An ask is named by a one-shot reference that travels in the
 * message; whoever has it may answer.
 *
 * Used by: root.c, frames.c, actor.c, post.c, notice.c, system.c. Uses: post.h, notice.h.
 */
#ifndef WARD_SUPERVISOR_ASK_H
#define WARD_SUPERVISOR_ASK_H

#include "supervisor/actor.h"
#include "supervisor/notice.h"
#include "supervisor/post.h"

/* A host that blocks in ward_ask. */
struct ward__ask_waiter {
    bool is_over;
    int status;
    ward_message *reply; /* owned by whoever waits; NULL unless status is 0 */
};

/* Who asks, and how the answer gets there: one of the three is set. */
struct ward__ask_from {
    struct ward__actor *asker;       /* the root for the host */
    struct ward__ask_waiter *waiter; /* the host blocks */
    ward_on_reply on_reply;          /* the host has a callback */
    union {
        void *user;       /* for the callback */
        uint64_t request; /* a worker's number */
    };
    bool is_blocking;
    enum ward__promise promise; /* of its message */
};

/* The records of a system; at the end all have come back. */
void ward__asks_init(struct ward_system *sys);
void ward__asks_done(struct ward_system *sys);

/*
 * Asks. 0: the answer follows, once; -EDEADLK: `to` waits for the asker; -ENOMEM and what
 * ward__post returns. `timeout_ms` may be WARD_INFINITE.
 */
int ward__ask_new(const struct ward__ask_from *from, struct ward__actor *to,
                  int64_t timeout_ms, int64_t type, const struct ward__body *body);

/* Would `asker`, waiting for `to`, wait for itself? */
bool ward__ask_is_cycle(const struct ward__actor *asker, const struct ward__actor *to);

/* Answers. 0; -WARD_EUNKNOWN: nobody waits (any more). */
int ward__ask_answer(struct ward_system *sys, ward_ref sender, ward_raw values);
/* Ends one with a code; one that is not there is fine. */
void ward__ask_fail(struct ward_system *sys, ward_ref sender, int status);

/* The incarnation of `actor` has ended: asks that it had begun fail with `status`. */
void ward__asks_incarnation_over(struct ward__actor *actor, int status);
/* The message of that number was dropped from its mailbox; those behind it have moved up. */
void ward__asks_dropped(struct ward__actor *actor, uint64_t number);
/* All that it was to answer fail. */
void ward__asks_fail_all(struct ward__actor *actor, int status);
/* Those that its incarnation made are forgotten. */
void ward__asks_forget(struct ward__actor *actor);

/* An answer that was queued: it is told, and what becomes of the record in the end. */
void ward__ask_call_back(struct ward_system *sys, struct ward__notice *answer);
void ward__ask_is_told(struct ward_system *sys, struct ward__notice *answer);

/* A waiter gives up. */
void ward__ask_waiter_leaves(struct ward_system *sys, struct ward__ask_waiter *waiter);

/* An answer to a worker's request that is no ask; one with values. */
void ward__answer_request(struct ward__actor *asker, uint32_t incarnation,
                          uint64_t request, int status, ward_ref ref);
void ward__answer_values(struct ward__actor *asker, uint64_t request, ward_raw values);

#endif

/*
 * Worker: the state of a process that runs one actor, and the parts of its message loop that
 * the verbs need. There is one at a time in a process; it never outlives it.
 *
 * Used by: loop.c, hooks.c, inbox.c, verbs.c. Uses: outbox.h, crash.h, ipc.
 */
#ifndef WARD_WORKER_WORKER_H
#define WARD_WORKER_WORKER_H

#include <ward/behavior.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "ipc/context.h"
#include "ipc/frame.h"
#include "ipc/patience.h"
#include "ipc/refset.h"
#include "ipc/slots.h"
#include "ipc/wire.h"
#include "worker/outbox.h"

/* A failure of the handler or hook that runs, not yet reported. */
struct ward__raise {
    bool is_set;
    ward_cause cause;
    int error;
    char raised[64];
    char text[1024];
};

struct ward__account;

/* An ask whose answer goes to a callback. */
struct ward__request {
    uint64_t handle;
    ward_on_reply on_reply;
    void *user;
};

enum { WARD__INBOX_ROOM = 1024 }; /* that an inbox begins with */

/*
 * Frames received: those being read; those put off while a handler waits for an answer, which come
 * next; and the memory that the handler's message lies in. What was put off was looked at once and
 * never moves, so a long backlog costs no handler more than a short one.
 */
struct ward__inbox {
    struct ward__framebuf in;
    TAILQ_HEAD(ward__put_off_list, ward__put_off) later; /* owned */
    struct ward__framebuf pinned;
    bool is_pinned;
    bool is_busy;    /* it once had more to read than a little */
    bool is_hand_in; /* the frame in hand lies in `in` */
    struct ward__patience patience;
};

RB_HEAD(ward__accounts, ward__account);

struct ward__worker {
    ward_ctx ctx; /* comes first: a verb gets this */
    int channel;
    struct ward__page *page;
    struct ward__outbox outbox;
    struct ward__inbox inbox;
    uint32_t heard; /* frames of the lane that were dealt with */

    const ward_behavior *behavior;
    ward_receive receive;
    void *state;
    ward_bytes args;
    int64_t shutdown_ms;
    const ward_failure *failure; /* that led to this start or to the end */
    const char *stop_reason;

    const ward_message *hand; /* in hand, or NULL */
    struct ward_arena arena;  /* of the message in hand */
    struct ward_arena life;   /* of the incarnation, from GO on */
    struct ward__raise raise;
    char own_reason[WARD_MAX_ID + 1]; /* of ward_stop_self; "" if it was not called */
    bool is_halting;                  /* the host said HALT: begin no message */
    bool is_cleanup;                  /* this process only runs post_stop */
    bool is_ending;                   /* post_stop runs */

    struct ward__slots requests;          /* struct ward__request, owned */
    struct ward__accounts accounts;       /* owned: credit with those it sends to */
    struct ward__account *recent_account; /* borrowed: the one used last, or NULL */
    struct ward__purse credit;            /* with each of them, to begin with */
    bool is_credit_low; /* with somebody: the host is to see what was sent */
    struct ward__refset watched;
};

extern const struct ward__verbs ward__worker_verbs;

/* ---- inbox.c: frames in, the lane apart from the mailbox ---- */

/* The next frame: one that was put off, else from the socket, for which it waits until
 * `deadline_ms` (monotonic; negative: for ever), everything committed being written first. 1;
 * 0: the deadline. The process ends at end of file. */
int ward__inbox_next(struct ward__worker *w, struct ward__frame *frame,
                     int64_t deadline_ms);

/* Takes a frame apart; the process ends if it is none. */
void ward__inbox_read(struct ward__worker *w, ward_bytes bytes,
                      struct ward__frame *frame);

/* The usual: the next frame has come already, and nothing is to be done before it. False: it has not, or
 * something is. */
static inline bool
ward__inbox_has_next(struct ward__worker *w, struct ward__frame *frame)
{
    ward_bytes bytes;

    if (!TAILQ_EMPTY(&w->inbox.later) ||
        atomic_load_explicit(&w->page->want, memory_order_relaxed) != 0 ||
        ward__framebuf_next(&w->inbox.in, &bytes) != 1)
        return false;
    w->inbox.is_hand_in = true;
    if (!ward__wire_read_usual_message(bytes, frame))
        ward__inbox_read(w, bytes, frame);
    return true;
}

/* Waits, inside a handler, for the answer to a request; whatever else comes is put off. 0, or
 * -ECANCELED: HALT came, and `until_halt`. The answer's bytes are valid until the handler returns. */
int ward__inbox_await(struct ward__worker *w, uint64_t request, bool until_halt,
                      struct ward__answer *answer);

/* Takes from the socket what is there, without waiting: grants, HALT; the rest is put off. */
void ward__inbox_look(struct ward__worker *w);

/* A handler has returned: what it put off comes next. */
void ward__inbox_unpin(struct ward__worker *w);

static inline void
ward__inbox_resume(struct ward__worker *w)
{
    if (w->inbox.is_pinned)
        ward__inbox_unpin(w);
}

/* One frame of the lane has been dealt with. */
void ward__lane_heard(struct ward__worker *w);

/* ---- hooks.c: from the first hook to the last ---- */

/* Runs what a start runs. 0; WARD_START_IGNORE; -WARD_ERAISED: w->raise says what failed. */
int ward__hooks_start(struct ward__worker *w, enum ward__go_mode mode);
/* Runs post_stop, says BYE and ends the process. */
_Noreturn void ward__hooks_finish(struct ward__worker *w,
                                  const struct ward__finish *finish);
/* Sets w->raise to what `who` has returned that is a failure: an error, or a number that means
 * nothing. */
void ward__hooks_returned(struct ward__worker *w, const char *who, int code);
/* Reports w->raise, waits for the verdict and does it. */
_Noreturn void ward__hooks_fail(struct ward__worker *w);
/* Ends the process as an incarnation ends: output flushed, no exit handlers. */
_Noreturn void ward__worker_exit(struct ward__worker *w);

static inline void
ward__phase_set(struct ward__worker *w, ward_phase phase)
{
    atomic_store_explicit(&w->page->phase, (int32_t)phase, memory_order_relaxed);
}

/* ---- verbs.c: questions to the host that block ---- */

/*
 * Asks: `request`, a part of what is packed, gets its number; publishes, and waits. The answer's
 * status, its values lie in the arena; -EPERM: in a cleanup; -ECANCELED: it halts; -ENOMEM.
 */
int ward__call(struct ward__worker *w, uint64_t *request,
               void (*pack)(struct ward__sink *sink, const void *what), const void *what,
               struct ward__answer *answer);
/* The same for what the message in hand needs to be finished: HALT does not end it. */
int ward__call_to_finish(struct ward__worker *w, uint64_t *request,
                         void (*pack)(struct ward__sink *sink, const void *what),
                         const void *what, struct ward__answer *answer);

/* ---- credit.c: how much may be sent to whom ---- */

/*
 * Credit for one message to `to`; where there is none, the host is asked, and maybe waited for, at
 * most `timeout_ms`. 0, and `*account` is to be charged when the message is in the outbox; -EAGAIN:
 * the mailbox is full; -EDEADLK: it waits for us; -ETIMEDOUT; -ECANCELED: HALT came; -ENOMEM.
 */
int ward__credit_take(struct ward__worker *w, ward_ref to, int timeout_ms,
                      struct ward__account **account);
void ward__credit_charge(struct ward__worker *w, struct ward__account *account,
                         size_t size);
/* The host grants more, or says that an actor is no more. */
void ward__credit_granted(struct ward__worker *w, const struct ward__grant *grant);

/* ---- manage.c ---- */

int ward__worker_start_child(ward_ctx *ctx, ward_ref supervisor, const ward_spec *spec,
                             ward_ref *ref);
int ward__worker_manage(ward_ctx *ctx, enum ward__manage_op op, ward_ref of,
                        const char *id, struct ward__managed *managed);

#endif

/*
 * Events: what happens in the tree, told to the host.
 *
 * Total order for each actor, none promised between actors: FAILED, then the dead letter of the
 * message it died of, then the answers to asks that fail for it (-WARD_ECRASHED), then RESTARTED or
 * STOPPED; BUDGET_LOW and LOG may come between. Events come from the dispatch queue, never inside a call
 * of the host's: a blocking ask that fails returns before the events that say why.
 */
#ifndef WARD_EVENT_H
#define WARD_EVENT_H

#include <ward/failure.h>
#include <ward/message.h>
#include <ward/strategy.h>

WARD_BEGIN

/* One table makes the kinds and their names. */
#define WARD_EVENTS(X)                                                                   \
    X(STARTED, "started")                 /* up for the first time */                    \
    X(RESTARTED, "restarted")             /* up again: post_restart is through */        \
    X(FAILED, "failed")                   /* failure and directive are set */            \
    X(DEAD_LETTER, "dead letter")         /* message and letter are set */               \
    X(STOPPED, "stopped")                 /* ended for good; reason says why */          \
    X(SPAWN_RETRY, "spawn retry")         /* no process took it on: tried again */       \
    X(CLEANUP_FAILED, "cleanup failed")   /* post_stop itself failed; failure is set */  \
    X(CLEANUP_SKIPPED, "cleanup skipped") /* post_stop was cut off at the deadline */    \
    X(EXITED, "exited")                   /* a normal end, and it is restarted */        \
    X(BUDGET_LOW,                                                                        \
      "budget low")       /* 80 % used up: text says whose, "own" or "supervisor" */     \
    X(CHANGED, "changed") /* ward_change is over; text: where it stopped */              \
    X(LOG, "log")         /* a line of the actor's, in text */                           \
    X(FORKSERVER_LOST, "fork server lost") /* its workers are started again */           \
    X(EVENTS_LOST,                                                                       \
      "events lost") /* count of them: no memory, or 64 MiB of letters wait */

typedef enum ward_event_kind {
#define WARD_EVENT_ENUM(name, text) WARD_EVENT_##name,
    WARD_EVENTS(WARD_EVENT_ENUM)
#undef WARD_EVENT_ENUM
} ward_event_kind;

/*
 * Why a message could not be delivered. One table makes the reasons and their names.
 *   poison        it was in hand when its actor failed, and is not tried again
 *   interrupted   begun, published in part, then supervision ended it
 *   stopped       still queued when its actor ended, or in hand then, with nothing published; or told
 *                 to one that is drained
 *   unknown       nobody has that reference
 *   mailbox-full  dropped from a full mailbox, or beyond what its sender was promised
 *   late-reply    an answer that nobody waits for any more
 *   undecodable   it could not be packed for its reader
 *   unhandled     receive returned WARD_UNHANDLED
 *   expired       its time was over before it was handled (nothing expires yet)
 */
#define WARD_LETTERS(X)                                                                  \
    X(POISON, "poison")                                                                  \
    X(INTERRUPTED, "interrupted")                                                        \
    X(STOPPED, "stopped")                                                                \
    X(UNKNOWN, "unknown")                                                                \
    X(MAILBOX_FULL, "mailbox-full")                                                      \
    X(LATE_REPLY, "late-reply")                                                          \
    X(UNDECODABLE, "undecodable")                                                        \
    X(UNHANDLED, "unhandled")                                                            \
    X(EXPIRED, "expired")

typedef enum ward_letter {
#define WARD_LETTER_ENUM(name, text) WARD_LETTER_##name,
    WARD_LETTERS(WARD_LETTER_ENUM)
#undef WARD_LETTER_ENUM
} ward_letter;

/* Which of OTP's supervisor reports an event is. */
#define WARD_REPORTS(X)                                                                  \
    X(NONE, "")                                                                          \
    X(PROGRESS, "progress")                 /* it is up */                               \
    X(CHILD_TERMINATED, "child terminated") /* it ended, and that was judged */          \
    X(START_ERROR, "start error")           /* a start that was asked for failed */      \
    X(SHUTDOWN_ERROR, "shutdown error")     /* it failed while it was being stopped */   \
    X(SHUTDOWN, "shutdown")                 /* a supervisor gives up */

typedef enum ward_report {
#define WARD_REPORT_ENUM(name, text) WARD_REPORT_##name,
    WARD_REPORTS(WARD_REPORT_ENUM)
#undef WARD_REPORT_ENUM
} ward_report;

/* Everything lives until the callback returns. */
typedef struct ward_event {
    ward_event_kind kind;
    ward_ref actor;   /* whom it is about; for a dead letter the target */
    const char *path; /* its path; "" if it is not known */
    uint32_t incarnation;
    /* FAILED, CLEANUP_FAILED, SPAWN_RETRY; STOPPED: the last one that ended an incarnation of this life,
     * if one did; else NULL. */
    const ward_failure *failure;
    /* FAILED: what was decided; ESCALATE, too, where a restart would be one more than its supervisor's
     * intensity. */
    ward_directive directive;
    ward_letter letter;          /* DEAD_LETTER: why */
    const ward_message *message; /* DEAD_LETTER: it, without its sender; else NULL */
    /* STOPPED: the reason; LOG: the line; of a late reply: the path of who answered; else "" */
    const char *text;
    ward_end end;   /* STOPPED: how */
    uint64_t count; /* EVENTS_LOST */
    /* Of events about an actor or a supervisor: */
    ward_report report;
    /* Restarts since it was last healthy (spec.h: backoff). Without a backoff it is healthy as soon as
     * it is up, so this is 1. */
    uint32_t attempt;
    int64_t retry_ms;   /* the pause before the restart that was decided; -1: none was */
    ward_budget budget; /* what is used up, this restart counted */
} ward_event;

/* [any process] The words of the tables above; "?" for a wrong number. */
WARD_API const char *ward_event_name(ward_event_kind kind);
WARD_API const char *ward_letter_name(ward_letter letter);
WARD_API const char *ward_report_name(ward_report report);

/* [any process] The event in one line, cut at `size` with its NUL. Returns what snprintf
 * would. */
WARD_API int ward_event_format(const ward_event *event, char *buffer, size_t size);

/* [any process] The event as a report of several lines, each with its newline. As above. */
WARD_API int ward_event_report(const ward_event *event, char *buffer, size_t size);

WARD_END

#endif

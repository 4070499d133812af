/*
 * Failure: what is known about one death, or about one failure that was raised.
 *
 * The supervisor's side makes exactly one for each; the decider judges it, events carry
 * it, and the hooks of the next incarnation can read it.
 */
#ifndef WARD_FAILURE_H
#define WARD_FAILURE_H

#include <ward/value.h>

WARD_BEGIN

/* One table makes the causes and their names. Some have no source yet: cpu, limit, violation,
 * linked and sandbox come with the parts that find them. */
#define WARD_CAUSES(X)                                                                   \
    X(EXIT, "exit")     /* the process called _exit, whatever the code */                \
    X(SIGNAL, "signal") /* a signal ended it: a fault of its own, or an outsider's */    \
    X(RAISE, "raise")   /* ward_raise */                                                 \
    X(ERROR, "error")   /* receive or pre_start returned a negative code */              \
    X(PROTOCOL, "protocol")     /* bytes or a page that break the rules */               \
    X(TIMEOUT, "timeout")       /* a deadline: of the start, of a message */             \
    X(MEMORY, "memory")         /* out of memory */                                      \
    X(CPU, "cpu")               /* out of processor time */                              \
    X(LIMIT, "limit")           /* another limit of the spec */                          \
    X(VIOLATION, "violation")   /* a forbidden system call */                            \
    X(KILLED, "killed")         /* ward_kill */                                          \
    X(LINKED, "linked")         /* a linked actor failed */                              \
    X(INTENSITY, "intensity")   /* a supervisor gave up */                               \
    X(SPAWN, "spawn")           /* no process could be made */                           \
    X(SANDBOX, "sandbox")       /* a step of the sandbox failed */                       \
    X(FORKSERVER, "forkserver") /* the fork server was lost */                           \
    X(UNKNOWN, "unknown")       /* it is gone, and nothing more is known */

typedef enum ward_cause {
#define WARD_CAUSE_ENUM(name, text) WARD_CAUSE_##name,
    WARD_CAUSES(WARD_CAUSE_ENUM)
#undef WARD_CAUSE_ENUM
} ward_cause;

/* Where in its life the incarnation was. */
#define WARD_PHASES(X)                                                                   \
    X(START, "start")       /* before pre_start and the restart hooks were through */    \
    X(RECEIVE, "receive")   /* handling a message */                                     \
    X(CALLBACK, "callback") /* in the callback of an ask */                              \
    X(IDLE, "idle")         /* waiting for a message */                                  \
    X(STOP, "stop")         /* asked to stop, or in post_stop */                         \
    X(RECOVERY, "recovery") /* in a post_stop that runs in a fresh process */

typedef enum ward_phase {
#define WARD_PHASE_ENUM(name, text) WARD_PHASE_##name,
    WARD_PHASES(WARD_PHASE_ENUM)
#undef WARD_PHASE_ENUM
} ward_phase;

/* Who is to blame; who breaks a deadline or the protocol has done it himself, though ward sends
 * the signal. An outsider is anybody but the worker and ward, as far as can be known:
 * the kernel names no sender of a signal, so one of which ward has no record is theirs. */
#define WARD_BYS(X)                                                                      \
    X(SELF, "self")                                                                      \
    X(WARD, "ward")                                                                      \
    X(OUTSIDER, "outsider")

typedef enum ward_by {
#define WARD_BY_ENUM(name, text) WARD_BY_##name,
    WARD_BYS(WARD_BY_ENUM)
#undef WARD_BY_ENUM
} ward_by;

typedef struct ward_failure {
    ward_cause cause;
    ward_phase phase;
    ward_by by;

    ward_ref actor;          /* who is decided about */
    const char *path;        /* its path */
    ward_ref origin;         /* who died: another one after an escalation */
    const char *origin_path; /* its path */
    uint32_t incarnation;    /* of the one that died: 0 is the first */

    int signal;             /* cause signal: its number, else 0 */
    int signal_code;        /* si_code, where the process could note it, else 0 */
    uint64_t fault_address; /* of SIGSEGV, SIGBUS, SIGILL and SIGFPE, else 0 */
    int exit_code;          /* cause exit: the code, else 0 */
    int error;              /* cause error, spawn: the negative code, else 0 */
    const char *step;   /* cause spawn, protocol, timeout: which step or rule, else "" */
    const char *raised; /* cause raise: the class, else "" */
    const char *text;   /* what was raised, or a sentence; never NULL */
    const char *breadcrumb; /* the last ward_breadcrumb, else "" */

    bool has_message;     /* a message was in hand */
    int64_t message_type; /* its type */
    ward_bytes
        message; /* its values as sent: one msgpack array; empty in an event when more than
                             64 MiB wait to be told */
    unsigned attempt; /* which try it was */

    int64_t uptime_ms; /* from ready to the end; 0 if it never was ready */
    int64_t user_us;   /* processor time */
    int64_t system_us;
    int64_t max_rss_kb;     /* its largest resident size */
    uint32_t restarts_used; /* in the window of the actor, before this one is decided */

    const struct ward_failure
        *last; /* cause intensity: the crash that broke it, else NULL */
} ward_failure;

/* [any process] The word for each, as in the tables above; "?" for a wrong number. */
WARD_API const char *ward_cause_name(ward_cause cause);
WARD_API const char *ward_phase_name(ward_phase phase);
WARD_API const char *ward_by_name(ward_by by);

/*
 * [any process] The failure in one line of at most `size` bytes with its NUL, such as
 * "/team/worker-2 #0: signal 11 (SIGSEGV) at 0x0, receive of message 1, by self".
 * Returns what snprintf would: the length it wanted.
 */
WARD_API int ward_failure_format(const ward_failure *failure, char *buffer, size_t size);

WARD_END

#endif

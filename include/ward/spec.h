/*
 * Spec: one actor, declared as data. Zero means the default everywhere.
 *
 *   ward_spawn(ctx, &ref, &(ward_spec){
 *       .id = "parser", .behavior = &parser, .strategy = &always_restart});
 */
#ifndef WARD_SPEC_H
#define WARD_SPEC_H

#include <ward/behavior.h>
#include <ward/strategy.h>
#include <ward/supervisor.h>

WARD_BEGIN

/* The longest id, and the longest path, without their NUL. */
#define WARD_MAX_ID 63
#define WARD_MAX_PATH 1023

/* When an actor that has ended is started again (OTP's restart types). After a failure its decider has the
 * last word, and the limit of its strategy: an actor that those stop stays away, whatever its type. */
typedef enum ward_restart_type {
    WARD_RESTART_DEFAULT = 0, /* permanent under a supervisor, else transient */
    WARD_PERMANENT,           /* after every end that nobody asked for */
    WARD_TRANSIENT,           /* after a failure */
    WARD_TEMPORARY,           /* never */
} ward_restart_type;

/* What becomes of a message to a full mailbox. A message that is dropped is a dead letter
 * `mailbox-full`, and counted: ward_mailbox_dropped; one that was asked fails its ask with -EAGAIN. */
typedef enum ward_when_full {
    /* The sender gets -EAGAIN: nothing was sent. The host goes on at on_room. A worker keeps what it
     * could not send and tries again with a later message; or it asks (ward_ask_then) with some
     * answers outstanding and sends on from the callback, which never meets a full mailbox. */
    WARD_REJECT = 0,
    WARD_DROP_NEW,    /* the new one is dropped */
    WARD_DROP_OLDEST, /* the one that has waited longest is dropped */
    WARD_WAIT, /* a worker that sends waits until there is room; the host gets -EAGAIN */
} ward_when_full;

/*
 * The bounds of a mailbox; the message in hand does not count, once the host's loop has seen that
 * it is, and an empty one takes a message of any size. A worker learns late that one is full: it
 * may be ahead by its credit (system.h; 1,024 messages where nothing else is said), and what it
 * sent on credit is queued beyond the bounds, unless it is to be dropped. For bounds below that,
 * with workers as senders, make the credit of the system smaller.
 */
typedef struct ward_mailbox_options {
    int64_t bytes;    /* the most bytes queued. Default 16 MiB */
    int64_t messages; /* the most messages queued. Default no limit */
    ward_when_full when_full;
} ward_mailbox_options;

/* A pause before each restart that counts: first_ms, doubling with every restart up to max_ms,
 * and from the beginning again when the actor was up for healthy_ms. Mailbox and asks wait;
 * a stop does not. */
typedef struct ward_backoff {
    int first_ms;       /* 0: no pause */
    int max_ms;         /* 0: 60,000 */
    int healthy_ms;     /* 0: half of first_ms + max_ms */
    int jitter_percent; /* so much of each pause, at most, is left out by chance */
} ward_backoff;

typedef struct ward_spec {
    /* Its name among its siblings, 1 to 63 of letters, digits, `-`, `_` and `.`; required.
     * The path is the parent's path, a slash and the id. */
    const char *id;
    /* What it does; registered. Required, unless it is a supervisor. */
    const ward_behavior *behavior;
    /* Without a behavior: a supervisor, which has no process. With one: the rules for what this
     * actor spawns. Registered. */
    const ward_supervisor *supervisor;
    /* How its failures are answered; NULL: under a supervisor it is restarted, as often as the
     * supervisor's intensity lets it; elsewhere it stops. Registered. */
    const ward_strategy *strategy;
    ward_restart_type restart;
    /* Its end may be that of its supervisor: see ward_auto_shutdown. Never for a permanent one. */
    bool significant;
    ward_backoff backoff;

    /* Bytes for the behavior, copied, the same at every start: ward_args. */
    ward_bytes args;
    /* Descriptors it starts with, numbered from 3 in this order, duplicated at once and kept
     * for every restart. From the host only. At most 16. */
    const int *fds;
    size_t fd_count;

    /* Milliseconds from when it has a process until it is ready. Default 10,000. */
    int start_ms;
    /* Milliseconds to finish the message in hand and post_stop, then SIGKILL. Default 5,000.
     * WARD_ZERO: SIGKILL at once (OTP's brutal_kill). A supervisor takes what its children
     * take. */
    int shutdown_ms;
    /* Milliseconds one message may take while nothing is finished, waiting for room not counted, then
     * the process is killed: cause `timeout`. It is noticed between one and two times this long. Default no limit. */
    int message_ms;
    /* How often a message that killed the actor is tried again, by its next incarnations: where a
     * restart follows. Default 0. */
    int redeliver;
    ward_mailbox_options mailbox;
    /* The largest message that can be told to it and that it can send, in bytes, envelope included:
     * 4 KiB to 64 MiB. Default that of the system, see ward_system_options. Who sends and who gets it
     * must both allow it; an answer is as large as its sender may send. For large messages
     * mailbox.bytes may have to be larger, too. */
    int64_t frame_bytes;
} ward_spec;

WARD_END

#endif

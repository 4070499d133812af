/*
 * Actor: the record of one actor, from spawn to its end: spec, mailbox, and the process that
 * runs it now. Here it is made, found and freed; what happens to it is in life.h. The root,
 * the host itself, is an actor without process and behavior.
 *
 * Used by: all of the shell. Uses: engine.h, mailbox.h.
 */
#ifndef WARD_SUPERVISOR_ACTOR_H
#define WARD_SUPERVISOR_ACTOR_H

#include <bsd/sys/queue.h>

#include <ward/event.h>
#include <ward/spec.h>
#include <ward/verbs.h>

#include "ipc/pack.h"
#include "supervisor/engine.h"
#include "supervisor/loop.h"
#include "supervisor/mailbox.h"

struct ward__incarnation;
struct ward__ask;
struct ward__change;
struct ward__credit;

enum { WARD__ACTOR_FDS = 16 };

TAILQ_HEAD(ward__ask_list, ward__ask);
RB_HEAD(ward__paths, ward__actor);

/* One that wants to know of the end. */
struct ward__watcher {
    ward_ref ref;
    uint32_t incarnation; /* of the watcher: its watches end with it */
};

/* A worker that waits until this actor is up, or has ended. */
struct ward__owed {
    ward_ref asker;
    uint32_t incarnation; /* of the asker */
    uint64_t request;
    bool until_up;
    SLIST_ENTRY(ward__owed) next;
};

struct ward__actor {
    struct ward__node node;
    struct ward_system *sys;    /* borrowed */
    struct ward__actor *parent; /* borrowed; NULL: the root */
    ward_ref ref;
    char *path;    /* owned */
    bool has_name; /* it is in the tree of paths */
    RB_ENTRY(ward__actor) by_path;
    const char *id; /* borrowed: the end of the path */

    const ward_behavior *behavior;     /* borrowed for ever; NULL: a supervisor */
    const ward_strategy *strategy;     /* borrowed for ever, or NULL */
    const ward_supervisor *supervisor; /* borrowed for ever, or NULL */
    ward_spec spec; /* as it was given; id, args and fds are not to be used */
    int behavior_index;
    void *args; /* owned */
    size_t args_size;
    int fds[WARD__ACTOR_FDS]; /* owned */
    size_t fd_count;
    int64_t start_ms, shutdown_ms, message_ms; /* INT64_MAX: no limit */
    unsigned redeliver;
    size_t frame_bytes;          /* the largest message, to and from it */
    uint64_t last_child;         /* number of a dynamic child */
    bool is_declared;            /* among the children of its supervisor's rules */
    bool is_stale;               /* a change has not come to it yet */
    struct ward__change *change; /* owned: under way for its children, or NULL */

    /* One life: from being started as a new actor until it ends for good. */
    bool is_absent;       /* none: a spec without an actor */
    uint32_t lives_ended; /* as the node's lives_over, carried out */
    struct ward__mailbox mailbox;
    uint64_t dropped;              /* messages, because it was full */
    struct ward__incarnation *now; /* owned; NULL: no process */
    uint32_t incarnation;          /* number of the process, or of the last one */
    uint32_t lives;                /* processes that there were */
    bool is_draining;
    bool is_stopping;  /* somebody asked for that, and for no draining */
    bool was_up;       /* some incarnation was */
    size_t refused;    /* bytes of the message that was refused last */
    size_t wants_room; /* bytes for which the host waits; 0: none */
    uint8_t *poison;   /* owned: the frame that was in hand, until the event is out */
    size_t poison_size;
    uint8_t *spare_frame; /* owned, for a moment: what a record being made borrows */
    ward_letter poison_letter;
    ward_failure *failure; /* owned: the last one */
    bool is_undecided;     /* its decider is due, on ward's thread */
    TAILQ_ENTRY(ward__actor) undecided;
    bool has_escalation;   /* that failure is a child's, handed up */
    bool is_failure_cause; /* it led to the restart or to the end that is under way */
    char own_reason[WARD_MAX_ID + 1]; /* of ward_stop_self */

    struct ward__timer deadline; /* of the start, of the stop */
    struct ward__timer delay;
    struct ward__timer progress;                  /* of the message in hand */
    uint64_t progress_seen;                       /* done_number when it was set */
    SLIST_HEAD(ward__owed_list, ward__owed) owed; /* owned: answers */
    struct ward__timer owed_deadline;             /* of those that wait until it is up */

    struct ward__ask_list asks_in;  /* it is to answer */
    struct ward__ask_list asks_out; /* its incarnation has asked */
    size_t asks_out_count;
    struct ward__actor *waits_for; /* to answer, or to have room; NULL: nobody */
    uint64_t waits_number; /* of the question, if it is one, in the mailbox there */
    LIST_HEAD(, ward__credit) credits;       /* of those that send to it */
    size_t credit_count;                     /* how many there are */
    TAILQ_HEAD(, ward__credit) owed_credits; /* of them, in line for room */
    struct ward__watcher *watchers;          /* owned */
    size_t watcher_count, watcher_capacity;
};

/* Without a process and a mailbox. */
static inline bool
ward__actor_is_supervisor(const struct ward__actor *actor)
{
    return actor->node.options.kind == WARD__KIND_SUPERVISOR;
}

/* The actor of a node. */
struct ward__actor *ward__actor_of(struct ward__node *node);

/* The root of a new system. 0; -ENOMEM. */
int ward__actor_new_root(struct ward_system *sys);

/* The record of a child as a spec says, which the engine does not know yet: a new actor, or (is_absent)
 * a spec only. 0; what ward_spawn returns. */
int ward__actor_new(struct ward__actor *parent, const ward_spec *spec, bool is_absent,
                    struct ward__actor **made);

/* A child as a spec says, given to the engine. 0; what ward_spawn returns. */
int ward__actor_spawn(struct ward__actor *parent, const ward_spec *spec, ward_ref *ref);

/* Other rules for its children; another spec of the same kind, for its next start. 0; -ENOMEM, and
 * nothing has changed; what ward_spawn returns. */
int ward__actor_new_rules(struct ward__actor *actor, const ward_supervisor *rules);
int ward__actor_new_spec(struct ward__actor *actor, const ward_spec *spec);

/* An absent one becomes a new actor. 0; -ENOMEM. */
int ward__actor_begin_life(struct ward__actor *actor);
/* Its life is over. */
void ward__actor_end_life(struct ward__actor *actor);

/* The engine, its clock set: for an event. */
struct ward__engine *ward__engine_of(struct ward__actor *actor);

/* The living actor of a path, or NULL; and the same, or an absent one. */
struct ward__actor *ward__actor_lookup(struct ward_system *sys, const char *path);
struct ward__actor *ward__actor_record(struct ward_system *sys, const char *path);

/* The last record by path, absent or not, but for the root; NULL: there is none. */
struct ward__actor *ward__actor_last(struct ward_system *sys);

/* Its decider is due no more. */
void ward__actor_is_decided(struct ward__actor *actor);

/* Its name may be taken by another from now on. */
void ward__actor_free_name(struct ward__actor *actor);

/* Frees it without a word. */
void ward__actor_free(struct ward__actor *actor);

#endif

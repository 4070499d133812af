/*
 * Engine: what happens to an actor or a supervisor, decided without doing it. Pure: (tree,
 * event, time) in, state out. It makes no system call, reads no clock and allocates nothing;
 * so it can be read in one sitting and checked against a model. Processes, messages, failure
 * records and deciders are the shell's business (system.c, actor.c).
 *
 * A node is one child: an actor with its process, or a supervisor, which has none. Its state
 * says what is being done about it. Entering a state that has an effect puts the node into
 * the queue; the shell takes nodes out (ward__engine_next), does what their state says, and
 * reports back by an event:
 *
 *   state        the shell's part on entering it           events that end it
 *   NEW          -                                          spawn
 *   STARTING     make a process, run the start hooks;       READY IGNORED FAILED SPAWN_ERROR
 *                of a supervisor: adopt its children        BEGIN
 *   UP           - (of a supervisor: tell that it is)       FAILED QUIET STOP RESTART
 *   DECIDING     ask the decider                            the directive
 *   HALTING      say HALT: finish the message in hand       QUIET FAILED DIED
 *   EMPTYING     - (the children end, last started first)   the last child's end
 *   FINISHING    say FINISH: post_stop in this process      DIED
 *   EXITING      see that the process goes, no post_stop    DIED
 *   RECOVERING   post_stop in a fresh process               RECOVERED
 *   DELAYED      wait delay_ms                              EXPIRED
 *   HELD         - (down, until its group starts)           its turn
 *   ABSENT       the life is over, the spec stays:          a start
 *                letters, asks, watchers
 *   ENDED        the same, and forget it: name, record      -
 *
 *            spawn              READY             QUIET, or dead
 *      NEW -------> STARTING ----------> UP ----> HALTING ------> EMPTYING
 *                    ^  |  FAILED        |  FAILED                 |   ^
 *                    |  +----> DECIDING <+                         |   | child ends
 *        EXPIRED     |            | directive (goal)               |   |
 *      DELAYED ------+            +------------------------------->+---+
 *         ^          ^                                             | no child is left
 *         |          |   goal RESTART                              v
 *         +----------+<------------------- no process <--- FINISHING or EXITING
 *                                              |
 *                          goal STOP, ESCALATE +--> RECOVERING --> ABSENT or ENDED
 *                          goal FAIL           +--> DECIDING
 *                          goal HOLD           +--> HELD
 *
 * What the children of one supervisor have to do with one another is in group.c.
 *
 * Used by: system.c, actor.c. Uses: window.h.
 */
#ifndef WARD_SUPERVISOR_ENGINE_H
#define WARD_SUPERVISOR_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include <ward/spec.h>
#include <ward/strategy.h>
#include <ward/supervisor.h>

#include "supervisor/window.h"

#define WARD__NODE_STATES(X)                                                             \
    X(NEW)                                                                               \
    X(STARTING)                                                                          \
    X(UP)                                                                                \
    X(DECIDING)                                                                          \
    X(HALTING)                                                                           \
    X(EMPTYING)                                                                          \
    X(FINISHING)                                                                         \
    X(EXITING)                                                                           \
    X(RECOVERING)                                                                        \
    X(DELAYED)                                                                           \
    X(HELD)                                                                              \
    X(ABSENT)                                                                            \
    X(ENDED)

enum ward__node_state {
#define WARD__NODE_ENUM(name) WARD__NODE_##name,
    WARD__NODE_STATES(WARD__NODE_ENUM)
#undef WARD__NODE_ENUM
};

/* What the way down leads to. */
enum ward__goal {
    WARD__GOAL_NONE,
    WARD__GOAL_RESTART,
    WARD__GOAL_HOLD, /* taken down with its group: it starts when that does */
    WARD__GOAL_FAIL, /* a child escalated: decide about this node when it is down */
    WARD__GOAL_STOP,
    WARD__GOAL_ESCALATE, /* end, and the parent fails */
};

/* Why a node ended. */
enum ward__ended_why {
    WARD__ENDED_STOPPED,   /* somebody asked for it */
    WARD__ENDED_NORMAL,    /* it stopped itself */
    WARD__ENDED_LIMIT,     /* no more restarts were granted */
    WARD__ENDED_DECIDED,   /* the directive was stop or escalate */
    WARD__ENDED_TEMPORARY, /* it failed, and is never restarted */
    WARD__ENDED_IGNORED,   /* pre_start answered WARD_START_IGNORE */
    WARD__ENDED_INTENSITY, /* its supervisor grants no more restarts, and gives up */
    WARD__ENDED_UNSTARTED, /* a start that was asked for failed: an error, not a failure */
};

enum ward__says { WARD__SAYS_ASKED, WARD__SAYS_STOP, WARD__SAYS_RESTART };

enum ward__node_kind { WARD__KIND_ROOT, WARD__KIND_ACTOR, WARD__KIND_SUPERVISOR };

/* How a node treats its children. */
struct ward__policy {
    bool is_supervisor; /* else each child by its own strategy alone */
    ward_group group;
    ward_auto_shutdown auto_shutdown;
    bool stops_at_once; /* all children together, each with its own deadline */
    int intensity, period_ms, slow_intensity, slow_period_ms;
};

struct ward__node_options {
    enum ward__node_kind kind;
    struct ward__policy policy;
    ward_restart_type restart; /* not DEFAULT */
    bool is_significant;
    bool has_post_stop;
    bool is_brutal; /* killed instead of stopped */
    int max_restarts, within_ms, slow_max_restarts, slow_within_ms;
    ward_directive on_limit;                               /* stop or escalate */
    int64_t backoff_first_ms, backoff_most_ms, healthy_ms; /* first 0: no back-off */
};

/* What a supervisor does with its group. */
enum ward__group_phase {
    WARD__GROUP_QUIET,
    WARD__GROUP_DOWN, /* from the grant until all members are down and the delay is over */
    WARD__GROUP_START /* one by one; also the first time */
};

struct ward__node {
    struct ward__node_options options;
    struct ward__node *parent;                        /* borrowed; NULL: the root */
    TAILQ_HEAD(ward__node_list, ward__node) children; /* in start order */
    uint32_t child_count;
    uint64_t last_order; /* that a child was given */
    TAILQ_ENTRY(ward__node) sibling;
    uint64_t order;             /* among its siblings */
    struct ward__budget budget; /* of its restarts */

    enum ward__node_state state;
    enum ward__goal goal;
    enum ward__ended_why why;
    bool has_process;
    bool must_exit;         /* the process is not to run post_stop */
    bool owes_post_stop;    /* this incarnation was up and has not run it */
    uint32_t starts;        /* processes asked for */
    uint32_t failed_starts; /* in a row */
    uint32_t spawn_errors;  /* in a row */
    uint32_t restarts;      /* granted since it was last healthy */
    uint32_t lives_over;    /* how often it became ABSENT */
    int64_t up_at;          /* 0: this incarnation was not up */
    int64_t delay_ms;       /* before the next start; of DELAYED */
    bool is_low;            /* its budget has just got low; the shell clears it */
    bool has_shut_down;     /* by auto_shutdown, to come back; the shell clears it */

    /* As a member of its parent's group. */
    bool is_due;      /* to be started by the sequence under way */
    bool is_trial;    /* a failing start is an error, not a failure */
    bool is_new;      /* added by hand, and was never up: a failed start forgets it */
    bool is_unwanted; /* terminated while its group was down: not to be started with it */

    /* As a supervisor. */
    struct ward__budget intensity;
    bool is_intensity_low; /* as is_low */
    enum ward__group_phase phase;
    struct ward__node *trigger; /* borrowed: the child for which the group restarts */
    struct ward__node *falling; /* borrowed: the child that is being taken down */
    struct ward__node *current; /* borrowed: the child that the sequence is starting */
    bool is_shutdown_due;       /* auto_shutdown, when it is up */
    bool is_stopping_all;

    bool is_queued; /* in the queue of the engine */
    TAILQ_ENTRY(ward__node) queued;
};

struct ward__engine {
    int64_t now; /* milliseconds, monotonic; set by whoever reports an event */
    TAILQ_HEAD(ward__node_queue, ward__node) queue;
};

/* `root` is the host: no process of its own, and up. */
void ward__engine_init(struct ward__engine *engine, struct ward__node *root);

/* A node that nobody knows yet. 0; -ENOMEM, the only failure there is. */
int ward__node_init(struct ward__node *node, const struct ward__node_options *options);
/* Other rules, or options of the same kind, with fresh windows. 0; -ENOMEM, and nothing changed. */
int ward__node_new_policy(struct ward__node *node, const struct ward__policy *policy);
int ward__node_new_options(struct ward__node *node,
                           const struct ward__node_options *options);
void ward__node_done(struct ward__node *node);

/* The next node whose state has an effect, or NULL. */
struct ward__node *ward__engine_next(struct ward__engine *engine);

/* ---- events ---- */

/* A new child, the youngest of `parent`, which is up or starting. */
void ward__engine_spawn(struct ward__engine *e, struct ward__node *parent,
                        struct ward__node *node);
/* Its start hooks are through. */
void ward__engine_ready(struct ward__engine *e, struct ward__node *node);
/* pre_start answered WARD_START_IGNORE; the process exits. */
void ward__engine_ignored(struct ward__engine *e, struct ward__node *node);
/* It failed: raised and waits (alive), or died. Where that is to be judged, it is DECIDING
 * then; else it is on its way down already. */
void ward__engine_failed(struct ward__engine *e, struct ward__node *node, bool is_alive);
/* The decider's answer, in DECIDING only. */
void ward__engine_directive(struct ward__engine *e, struct ward__node *node,
                            ward_directive directive);
/* The worker has no message in hand and begins no other. */
void ward__engine_quiet(struct ward__engine *e, struct ward__node *node,
                        enum ward__says says);
/* The process has ended as it was asked to. */
void ward__engine_died(struct ward__engine *e, struct ward__node *node);
/* The process was lost with its fork server. */
void ward__engine_lost(struct ward__engine *e, struct ward__node *node);
/* No process could be made. True: it will be tried again; false: that is a failure (or there
 * was nothing to try again). */
bool ward__engine_spawn_error(struct ward__engine *e, struct ward__node *node);
/* The delay is over. */
void ward__engine_expired(struct ward__engine *e, struct ward__node *node);
/* The post_stop in a fresh process is through, however it went. */
void ward__engine_recovered(struct ward__engine *e, struct ward__node *node);
/* Somebody wants it stopped, or restarted in order. The root can be stopped only. */
void ward__engine_stop(struct ward__engine *e, struct ward__node *node);
void ward__engine_restart(struct ward__engine *e, struct ward__node *node);

/* ---- supervisors and their management (group.c) ---- */

/* A declared child, the youngest so far, of a supervisor that is STARTING. */
void ward__engine_adopt(struct ward__engine *e, struct ward__node *supervisor,
                        struct ward__node *node);
/* All declared children are adopted: start them. */
void ward__engine_begin(struct ward__engine *e, struct ward__node *supervisor);
/* A child is added to a supervisor that is up, and started: a failed start is an error. */
void ward__engine_start_child(struct ward__engine *e, struct ward__node *supervisor,
                              struct ward__node *node);
/* An ABSENT child is started again, in the same way. */
void ward__engine_restart_child(struct ward__engine *e, struct ward__node *node);
/* It is stopped, and stays ABSENT; a restart of its group for its sake is over. */
void ward__engine_terminate_child(struct ward__engine *e, struct ward__node *node);
/* It becomes the youngest among its siblings. */
void ward__engine_move_last(struct ward__engine *e, struct ward__node *node);
/* An ABSENT child is forgotten. */
void ward__engine_delete_child(struct ward__engine *e, struct ward__node *node);

/* [logs] */
const char *ward__node_state_name(enum ward__node_state state);

#endif

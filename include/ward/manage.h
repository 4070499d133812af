/*
 * Manage: the children of a supervisor, looked at and changed while it runs, with OTP's calls.
 *
 * `supervisor` is the reference of a supervisor, of an actor whose spec has one, or of any
 * parent (then nothing can be started or restarted here, and ended children are forgotten); the
 * top of the tree is the host's own, ward_self(ctx).
 * In the host a call returns at once what the tree alone can tell; how a start went is said by
 * events, ward_wait_up waits for it, ward_wait_down for an end. In a worker the calls that start
 * or end something return when that has happened; what was sent so far is published, as
 * ward_ask does.
 *
 * Results common to all: -WARD_EUNKNOWN: nobody has that reference; -ENOENT: it has no such
 * child; -EINVAL; -ENOMEM; -EBUSY: in a decider; -ECHILD; in a worker also -ECANCELED: this actor
 * is being stopped, and -EPERM: in a post_stop that runs in a fresh process.
 */
#ifndef WARD_MANAGE_H
#define WARD_MANAGE_H

#include <ward/verbs.h>

WARD_BEGIN

typedef enum ward_child_state {
    WARD_CHILD_STARTING = 1, /* for the first time, or by hand */
    WARD_CHILD_UP,
    WARD_CHILD_STOPPING,   /* for good */
    WARD_CHILD_RESTARTING, /* it failed or its group did; its next start may have to wait */
    WARD_CHILD_WAITING,    /* down with its group, until that is started again */
    WARD_CHILD_ABSENT, /* a spec without a process: it ended, was terminated, or ignored */
} ward_child_state;

typedef struct ward_child {
    char id[WARD_MAX_ID + 1];
    ward_ref ref; /* all zero if it is absent */
    ward_child_state state;
    bool
        is_supervisor; /* it has rules for its children; an actor with rules has a process, too */
    uint32_t incarnation;
} ward_child;

typedef struct ward_child_count {
    size_t specs;       /* all children */
    size_t active;      /* those that are up */
    size_t supervisors; /* all of that kind, and of the other */
    size_t workers;
} ward_child_count;

/* [any process] "up", "absent", ...; "?" for a wrong number. */
WARD_API const char *ward_child_state_name(ward_child_state state);

/*
 * [both] Adds a child behind the last and starts it. For a dynamic supervisor `spec` has `args`
 * and, if it is to have a name, `id`; all else is the template's; without an id it is called
 * like the template, with a number; any other field is -EINVAL, which ward_spec_error, made for whole
 * specs, does not explain. If it does not come up the spec is discarded; if its pre_start ignores, it
 * is kept as absent (that of a temporary or dynamic child goes). Neither counts.
 * 0; -WARD_EALREADY_STARTED: that id is alive, and *ref, alone among errors, is written;
 * -WARD_EALREADY_PRESENT: there is a spec with that id, absent, stopping or restarting (ward_which_child tells
 * which, and the reference); -ENOBUFS:
 * max_children; -WARD_ERESTARTING: the supervisor is not up; -ESHUTDOWN: the system stops; and
 * what ward_spawn returns.
 */
WARD_API int ward_start_child(ward_ctx *ctx, ward_ref supervisor, const ward_spec *spec,
                              ward_ref *ref);

/* [both] Stops a child; its spec stays, without a process (that of a temporary or dynamic child
 * goes). A restart or a pause that is under way for it is over; of its group, too, if that is
 * restarted for its sake: members that wait stay absent. 0, also if it was absent. */
WARD_API int ward_terminate_child(ward_ctx *ctx, ward_ref supervisor, const char *id);

/* [both] Starts an absent child again, as a new actor. If it does not come up it stays absent,
 * and nothing is counted. 0; -WARD_ERUNNING; -WARD_ERESTARTING; -WARD_EDYNAMIC; in a worker
 * also what ward_spawn returns when it did not come up. */
WARD_API int ward_restart_child(ward_ctx *ctx, ward_ref supervisor, const char *id,
                                ward_ref *ref);

/* [both] Forgets the spec of an absent child. 0; -WARD_ERUNNING; -WARD_ERESTARTING;
 * -WARD_EDYNAMIC. */
WARD_API int ward_delete_child(ward_ctx *ctx, ward_ref supervisor, const char *id);

/* [both] One child. 0. */
WARD_API int ward_which_child(ward_ctx *ctx, ward_ref supervisor, const char *id,
                              ward_child *child);

/* [both] All children, the newest first, as many as `capacity`. How many there are; a worker
 * gets -EMSGSIZE if they do not fit into a frame. */
WARD_API int ward_which_children(ward_ctx *ctx, ward_ref supervisor, ward_child *children,
                                 size_t capacity);

/* [both] 0. */
WARD_API int ward_count_children(ward_ctx *ctx, ward_ref supervisor,
                                 ward_child_count *count);

/* [both] The spec of a child as it is in force, the caller's, to be freed with
 * ward_childspec_free; descriptors are left out. 0; -WARD_EDYNAMIC. */
WARD_API int ward_get_childspec(ward_ctx *ctx, ward_ref supervisor, const char *id,
                                ward_spec **spec);
/* [any process] NULL is fine. */
WARD_API void ward_childspec_free(ward_spec *spec);

/*
 * [both] How many restarts are left to an actor or supervisor: in its own windows, and in those of
 * the supervisor that it is under (all zero, and unlimited, if there is none). 0.
 */
WARD_API int ward_get_budget(ward_ctx *ctx, ward_ref ref, ward_budget *budget);

/*
 * [host] Other rules and children for a supervisor that is running, applied child by child while
 * the others work (OTP's code_change, for specs): declared children that are declared no more
 * are ended, last one first; then, in the new order, new ones are started, and those whose spec
 * differs are restarted with it, keeping reference and mailbox, each when the one before is up.
 * Children that ward_start_child added stay. A supervisor below whose rules differ is restarted
 * as a whole; of a dynamic one the children get the new template and keep their arguments.
 * Windows of what has changed begin anew. Returns at once; WARD_EVENT_CHANGED says when it is
 * through, or, in its text, at which child it stopped: what was done by then stays.
 * A child that becomes a supervisor, or the other way round, is a new actor; a dynamic template
 * cannot. `rules` is registered. A change waits for a child that is in a pause or restarts again and
 * again, which uses up budgets as any failure; ward_terminate_child on that child ends the change.
 * 0; -EINVAL, -ENOENT: see ward_check_specs; -WARD_ERESTARTING: the supervisor is not up, its group
 * is being restarted, or a change is under way; -ESHUTDOWN.
 */
WARD_API int ward_change(ward_ctx *ctx, ward_ref supervisor,
                         const ward_supervisor *rules);

WARD_END

#endif

#include "supervisor/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/spec.h"
#include "supervisor/manage.h"
#include "supervisor/report.h"
#include "supervisor/system.h"

/* ---- beginning ---- */

static bool
is_dynamic(const ward_supervisor *rules)
{
    return rules->group == WARD_SIMPLE_ONE_FOR_ONE;
}

static bool
is_same_kind(const ward_spec *a, const ward_spec *b)
{
    return (a->behavior == NULL) == (b->behavior == NULL);
}

static int
check(const struct ward__actor *supervisor, const ward_supervisor *rules)
{
    const ward_spec spec = {.id = "supervisor", .supervisor = rules};
    int result = rules != NULL ? ward__spec_check(&spec) : -EINVAL;

    if (result < 0)
        return result;
    if (!ward__actor_is_supervisor(supervisor) ||
        is_dynamic(rules) != is_dynamic(supervisor->supervisor))
        return -EINVAL;
    if (is_dynamic(rules) &&
        !is_same_kind(&rules->children[0], &supervisor->supervisor->children[0]))
        return -EINVAL;
    if (supervisor->sys->is_stopping || supervisor->sys->has_stopped)
        return -ESHUTDOWN;
    if (supervisor->node.state != WARD__NODE_UP || supervisor->change != NULL ||
        supervisor->node.phase != WARD__GROUP_QUIET)
        return -WARD_ERESTARTING;
    return 0;
}

int
ward__change_begin(struct ward__actor *supervisor, const ward_supervisor *rules)
{
    struct ward__change *change;
    struct ward__node *node;
    int result = check(supervisor, rules);

    if (result < 0)
        return result;
    change = WARD__NEW(calloc(1, sizeof *change));
    result = change != NULL ? ward__actor_new_rules(supervisor, rules) : -ENOMEM;
    if (result < 0) {
        free(change);
        return result;
    }
    change->supervisor = supervisor;
    change->next = rules->children;
    supervisor->change = change;
    TAILQ_INSERT_TAIL(&supervisor->sys->changes, change, all);
    TAILQ_FOREACH (node, &supervisor->node.children, sibling)
        ward__actor_of(node)->is_stale = is_dynamic(rules);
    return 0;
}

void
ward__change_forget(struct ward__actor *supervisor)
{
    struct ward__change *change = supervisor->change;

    if (change == NULL)
        return;
    TAILQ_REMOVE(&supervisor->sys->changes, change, all);
    supervisor->change = NULL;
    free(change);
}

/* Over, at this child (NULL: it is through). */
static void
finish(struct ward__actor *supervisor, const char *stopped_at)
{
    ward__report(supervisor, &(ward_event){.kind = WARD_EVENT_CHANGED,
                                           .text = stopped_at != NULL ? stopped_at : ""});
    ward__change_forget(supervisor);
}

/* ---- one child ---- */

static bool
is_same_bytes(const struct ward__actor *child, ward_bytes args)
{
    return child->args_size == args.size &&
           (args.size == 0 || memcmp(child->args, args.data, args.size) == 0);
}

static bool
is_same_backoff(const ward_backoff *a, const ward_backoff *b)
{
    return a->first_ms == b->first_ms && a->max_ms == b->max_ms &&
           a->healthy_ms == b->healthy_ms && a->jitter_percent == b->jitter_percent;
}

static bool
is_same(const struct ward__actor *child, const ward_spec *spec)
{
    const ward_spec *old = &child->spec;

    return old->behavior == spec->behavior && old->supervisor == spec->supervisor &&
           old->strategy == spec->strategy && old->restart == spec->restart &&
           old->significant == spec->significant &&
           is_same_backoff(&old->backoff, &spec->backoff) &&
           old->start_ms == spec->start_ms && old->shutdown_ms == spec->shutdown_ms &&
           old->message_ms == spec->message_ms && old->redeliver == spec->redeliver &&
           old->mailbox.bytes == spec->mailbox.bytes &&
           old->mailbox.messages == spec->mailbox.messages &&
           old->mailbox.when_full == spec->mailbox.when_full &&
           old->frame_bytes == spec->frame_bytes && old->fd_count == 0 &&
           spec->fd_count == 0 && is_same_bytes(child, spec->args);
}

enum turn { WAIT, DONE, STUCK };

/* Is the child that was started or restarted up? */
static enum turn
look_after(struct ward__change *change)
{
    const struct ward__actor *child =
        ward__manage_find(change->supervisor, change->waiting);

    bool is_ignored = child != NULL && child->node.state == WARD__NODE_ABSENT &&
                      child->node.why == WARD__ENDED_IGNORED;

    if (child == NULL || (child->node.state == WARD__NODE_ABSENT && !is_ignored))
        return STUCK;
    if (child->node.state != WARD__NODE_UP && !is_ignored)
        return WAIT;
    change->waiting[0] = '\0';
    return DONE;
}

static void
wait_for(struct ward__change *change, const struct ward__actor *child)
{
    strcpy(change->waiting, child->id);
}

/* Ends a child whose spec is gone, or of another kind now. */
static enum turn
end_child(struct ward__actor *child)
{
    if (child->node.state != WARD__NODE_ABSENT) {
        ward__engine_terminate_child(ward__engine_of(child), &child->node);
        return WAIT;
    }
    ward__engine_delete_child(ward__engine_of(child), &child->node);
    return WAIT; /* its name is free when that is carried out */
}

static enum turn
add_child(struct ward__change *change, const ward_spec *spec)
{
    struct ward__actor *supervisor = change->supervisor;
    struct ward__actor *child;

    strcpy(change->waiting, spec->id); /* also where it cannot be made */
    if (ward__actor_new(supervisor, spec, false, &child) < 0)
        return STUCK;
    child->is_declared = true;
    ward__engine_start_child(ward__engine_of(supervisor), &supervisor->node,
                             &child->node);
    return WAIT;
}

static enum turn
restart_child(struct ward__change *change, struct ward__actor *child,
              const ward_spec *spec)
{
    enum ward__node_state state = child->node.state;

    if (state != WARD__NODE_UP && state != WARD__NODE_ABSENT)
        return WAIT; /* it is on its way to one of these */
    wait_for(change, child);
    if (ward__actor_new_spec(child, spec) < 0)
        return STUCK;
    child->is_stale = false;
    if (state == WARD__NODE_ABSENT)
        change->waiting[0] = '\0'; /* whoever starts it starts the new one */
    else
        ward__engine_restart(ward__engine_of(child), &child->node);
    return state == WARD__NODE_ABSENT ? DONE : WAIT;
}

/* ---- in turn ---- */

static const ward_spec *
find_spec(const ward_supervisor *rules, const char *id)
{
    for (const ward_spec *spec = rules->children; spec != NULL && spec->id != NULL;
         spec++)
        if (strcmp(spec->id, id) == 0)
            return spec;
    return NULL;
}

/* A declared child that is declared no more, the last one first. */
static struct ward__actor *
find_gone(struct ward__actor *supervisor)
{
    struct ward__node *node;

    TAILQ_FOREACH_REVERSE (node, &supervisor->node.children, ward__node_list, sibling) {
        struct ward__actor *child = ward__actor_of(node);
        if (child->is_declared && find_spec(supervisor->supervisor, child->id) == NULL)
            return child;
    }
    return NULL;
}

static enum turn
change_next(struct ward__change *change)
{
    const ward_spec *spec = change->next;
    struct ward__actor *child = ward__manage_find(change->supervisor, spec->id);
    enum turn turn;
    bool is_absent;

    if (child == NULL) {
        change->next++;
        return add_child(change, spec);
    }
    if (!is_same_kind(&child->spec, spec))
        return end_child(child);
    child->is_declared = true;
    ward__engine_move_last(ward__engine_of(child), &child->node);
    if (is_same(child, spec)) {
        change->next++;
        return DONE;
    }
    is_absent = child->node.state == WARD__NODE_ABSENT;
    turn = restart_child(change, child, spec);
    if (is_absent || change->waiting[0] != '\0')
        change->next++;
    return turn;
}

static enum turn
change_dynamic(struct ward__change *change)
{
    struct ward__actor *supervisor = change->supervisor;
    struct ward__node *node;

    TAILQ_FOREACH (node, &supervisor->node.children, sibling) {
        struct ward__actor *child = ward__actor_of(node);
        ward_spec spec = supervisor->supervisor->children[0];
        if (!child->is_stale)
            continue;
        spec.id = child->id;
        spec.args = (ward_bytes){child->args, child->args_size};
        return restart_child(change, child, &spec);
    }
    finish(supervisor, NULL);
    return DONE;
}

static enum turn
go_on(struct ward__change *change)
{
    struct ward__actor *supervisor = change->supervisor;
    struct ward__actor *gone;

    if (supervisor->node.state != WARD__NODE_UP) {
        finish(supervisor, "the supervisor's own end");
        return DONE;
    }
    if (supervisor->node.phase != WARD__GROUP_QUIET)
        return WAIT;
    if (change->waiting[0] != '\0')
        return look_after(change);
    if (is_dynamic(supervisor->supervisor))
        return change_dynamic(change);
    gone = find_gone(supervisor);
    if (gone != NULL)
        return end_child(gone);
    if (change->next != NULL && change->next->id != NULL)
        return change_next(change);
    finish(supervisor, NULL);
    return DONE;
}

void
ward__changes_go_on(struct ward_system *sys)
{
    struct ward__change *change, *next;

    TAILQ_FOREACH_SAFE (change, &sys->changes, all, next) {
        struct ward__actor *supervisor = change->supervisor;
        enum turn turn;
        do
            turn = go_on(change);
        while (turn == DONE && supervisor->change == change);
        if (turn == STUCK)
            finish(supervisor, change->waiting);
    }
}

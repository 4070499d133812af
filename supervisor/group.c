#include "supervisor/group.h"

#include <assert.h>
#include <stddef.h>

struct ward__node *
ward__group_of(const struct ward__node *node)
{
    struct ward__node *parent = node->parent;

    return parent != NULL && parent->options.policy.is_supervisor ? parent : NULL;
}

static bool
is_all_or_rest(const struct ward__node *supervisor)
{
    ward_group group = supervisor->options.policy.group;

    return group == WARD_ONE_FOR_ALL || group == WARD_REST_FOR_ONE;
}

void
ward__group_forget(struct ward__node *supervisor)
{
    supervisor->phase = WARD__GROUP_QUIET;
    supervisor->trigger = supervisor->current = supervisor->falling = NULL;
}

/* ---- grants ---- */

/* The n-th restart since it was last healthy waits first * 2^n, at most the cap. */
static int64_t
back_off(struct ward__engine *e, struct ward__node *node)
{
    const struct ward__node_options *options = &node->options;
    int64_t delay = options->backoff_first_ms;

    if (node->up_at != 0 && e->now - node->up_at >= options->healthy_ms)
        node->restarts = 0;
    for (uint32_t n = 0; n < node->restarts && delay < options->backoff_most_ms; n++)
        delay *= 2;
    node->restarts++;
    return delay < options->backoff_most_ms ? delay : options->backoff_most_ms;
}

static bool
is_in_range(const struct ward__node *supervisor, const struct ward__node *node)
{
    return supervisor->options.policy.group == WARD_ONE_FOR_ALL ||
           node->order >= supervisor->trigger->order;
}

/* From now on what happens to a member belongs to this restart. One before it that waits for an
 * earlier restart waits on. */
static void
begin_restart(struct ward__node *supervisor, struct ward__node *trigger)
{
    struct ward__node *child;

    supervisor->phase = WARD__GROUP_DOWN;
    supervisor->trigger = trigger;
    supervisor->current = NULL;
    TAILQ_FOREACH (child, &supervisor->children, sibling)
        if (is_in_range(supervisor, child))
            child->is_due = child->is_unwanted = false;
}

enum ward__goal
ward__group_grant(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *supervisor = ward__group_of(node);

    if (!ward__budget_allows(&node->budget, e->now)) {
        node->why = WARD__ENDED_LIMIT;
        return node->options.on_limit == WARD_DIRECTIVE_ESCALATE ? WARD__GOAL_ESCALATE
                                                                 : WARD__GOAL_STOP;
    }
    if (supervisor != NULL && !ward__budget_allows(&supervisor->intensity, e->now)) {
        node->why = WARD__ENDED_INTENSITY;
        return WARD__GOAL_ESCALATE;
    }
    node->is_low |= ward__budget_record(&node->budget, e->now);
    node->delay_ms = back_off(e, node);
    if (supervisor != NULL)
        supervisor->is_intensity_low |=
            ward__budget_record(&supervisor->intensity, e->now);
    if (supervisor != NULL && is_all_or_rest(supervisor))
        begin_restart(supervisor, node);
    return WARD__GOAL_RESTART;
}

/* ---- down ---- */

bool
ward__group_covers(const struct ward__node *node)
{
    const struct ward__node *supervisor = ward__group_of(node);

    return supervisor != NULL && supervisor->phase == WARD__GROUP_DOWN &&
           node != supervisor->trigger && is_in_range(supervisor, node);
}

enum ward__goal
ward__group_goal(struct ward__node *node)
{
    if (node->options.restart != WARD_TEMPORARY)
        return WARD__GOAL_HOLD;
    node->why = WARD__ENDED_STOPPED;
    return WARD__GOAL_STOP;
}

/* True if that is all, and it is down. */
static bool
take_down(struct ward__engine *e, struct ward__node *node)
{
    bool is_bound = node->goal == WARD__GOAL_STOP || node->goal == WARD__GOAL_ESCALATE ||
                    node->goal == WARD__GOAL_HOLD;

    switch (node->state) {
    case WARD__NODE_HELD:
    case WARD__NODE_ABSENT:
        return true;
    case WARD__NODE_DELAYED:
        if (node->options.restart == WARD_TEMPORARY) {
            ward__engine_stop(e, node); /* which goes on with the next */
            return false;
        }
        node->goal = WARD__GOAL_HOLD;
        ward__node_enter(e, node, WARD__NODE_HELD);
        return true;
    case WARD__NODE_STARTING:
    case WARD__NODE_UP:
        node->goal = ward__group_goal(node);
        node->parent->falling = node;
        ward__node_halt(e, node);
        return false;
    default:
        if (!is_bound)
            node->goal = ward__group_goal(node);
        node->parent->falling = node;
        return false;
    }
}

static void group_start(struct ward__engine *e, struct ward__node *supervisor);

/* The trigger is down: the others go, last one first, one at a time. */
static void
go_on_down(struct ward__engine *e, struct ward__node *supervisor)
{
    struct ward__node *trigger = supervisor->trigger;
    struct ward__node *node, *before;

    if (trigger->state != WARD__NODE_HELD || supervisor->falling != NULL)
        return;
    TAILQ_FOREACH_REVERSE_SAFE (node, &supervisor->children, ward__node_list, sibling,
                                before)
        if (node != trigger && is_in_range(supervisor, node) && !take_down(e, node))
            return;
    if (trigger->delay_ms > 0)
        ward__node_enter(e, trigger, WARD__NODE_DELAYED);
    else
        group_start(e, supervisor);
}

void
ward__group_is_down(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *supervisor = ward__group_of(node);

    node->goal = WARD__GOAL_HOLD;
    if (supervisor->falling == node)
        supervisor->falling = NULL;
    ward__node_enter(e, node, WARD__NODE_HELD);
    if (supervisor->phase == WARD__GROUP_DOWN)
        go_on_down(e, supervisor);
}

/* Somebody may have been added meanwhile, and be up. */
void
ward__group_delay_over(struct ward__engine *e, struct ward__node *supervisor)
{
    supervisor->trigger->delay_ms = 0;
    ward__node_enter(e, supervisor->trigger, WARD__NODE_HELD);
    go_on_down(e, supervisor);
}

/* Nobody is started with it: who waits for that has ended. */
static void
cancel(struct ward__engine *e, struct ward__node *supervisor)
{
    struct ward__node *node, *next;

    ward__group_forget(supervisor);
    TAILQ_FOREACH_SAFE (node, &supervisor->children, sibling, next) {
        node->is_due = false;
        if (node->goal != WARD__GOAL_HOLD)
            continue;
        node->goal = WARD__GOAL_STOP;
        node->why = WARD__ENDED_STOPPED;
        if (node->state == WARD__NODE_HELD && ward__node_owes_recovery(node))
            ward__node_enter(e, node, WARD__NODE_RECOVERING);
        else if (node->state == WARD__NODE_HELD)
            ward__node_leave(e, node);
    }
}

/* ---- up, one by one ---- */

static bool
is_down(const struct ward__node *node)
{
    return node->state == WARD__NODE_HELD || node->state == WARD__NODE_ABSENT;
}

static bool
is_first_start(const struct ward__node *supervisor)
{
    return supervisor->options.kind == WARD__KIND_SUPERVISOR &&
           supervisor->state == WARD__NODE_STARTING;
}

void
ward__group_next(struct ward__engine *e, struct ward__node *supervisor)
{
    bool is_first = is_first_start(supervisor);
    struct ward__node *node;

    supervisor->current = NULL;
    TAILQ_FOREACH (node, &supervisor->children, sibling)
        if (node->is_due && is_down(node))
            break;
    if (node != NULL) {
        supervisor->current = node;
        node->is_trial = is_first;
        ward__node_start(e, node);
        return;
    }
    ward__group_forget(supervisor);
    if (is_first)
        ward__node_is_up(e, supervisor);
}

static void
group_start(struct ward__engine *e, struct ward__node *supervisor)
{
    struct ward__node *node;

    supervisor->phase = WARD__GROUP_START;
    TAILQ_FOREACH (node, &supervisor->children, sibling)
        if (is_in_range(supervisor, node))
            node->is_due = !node->is_unwanted && is_down(node);
    ward__group_next(e, supervisor);
}

static void
append(struct ward__node *supervisor, struct ward__node *node)
{
    node->parent = supervisor;
    node->order = ++supervisor->last_order;
    supervisor->child_count++;
    TAILQ_INSERT_TAIL(&supervisor->children, node, sibling);
}

void
ward__group_remove(struct ward__node *node)
{
    struct ward__node *parent = node->parent;

    if (parent->trigger == node && parent->phase == WARD__GROUP_START)
        parent->trigger = NULL; /* it was the cause of what is started now, no more */
    parent->child_count--;
    TAILQ_REMOVE(&parent->children, node, sibling);
}

void
ward__engine_adopt(struct ward__engine *e, struct ward__node *supervisor,
                   struct ward__node *node)
{
    (void)e;
    assert(supervisor->state == WARD__NODE_STARTING);
    append(supervisor, node);
    node->state = WARD__NODE_ABSENT;
    node->is_due = true;
}

void
ward__engine_begin(struct ward__engine *e, struct ward__node *supervisor)
{
    supervisor->phase = WARD__GROUP_START;
    ward__group_next(e, supervisor);
    ward__node_shut_down_due(e, supervisor);
}

/* ---- ends ---- */

static bool
is_active(const struct ward__node *node)
{
    return node->is_due ||
           (node->state != WARD__NODE_ABSENT && node->state != WARD__NODE_ENDED);
}

static bool
ends_supervisor(const struct ward__node *supervisor)
{
    const struct ward__node *node;

    switch (supervisor->options.policy.auto_shutdown) {
    case WARD_ANY_SIGNIFICANT:
        return true;
    case WARD_ALL_SIGNIFICANT:
        TAILQ_FOREACH (node, &supervisor->children, sibling)
            if (node->options.is_significant && is_active(node))
                return false;
        return true;
    default:
        return false;
    }
}

/* By itself, and not restarted: what auto_shutdown is about. */
static bool
has_ended_by_itself(const struct ward__node *node)
{
    return node->why == WARD__ENDED_NORMAL || node->why == WARD__ENDED_TEMPORARY ||
           node->why == WARD__ENDED_LIMIT || node->why == WARD__ENDED_DECIDED;
}

static void
consider_shutdown(struct ward__node *supervisor, const struct ward__node *node)
{
    if (!node->options.is_significant || !has_ended_by_itself(node) ||
        !ends_supervisor(supervisor))
        return;
    if (supervisor->state == WARD__NODE_UP || supervisor->state == WARD__NODE_STARTING)
        supervisor->is_shutdown_due = true;
}

void
ward__group_member_over(struct ward__engine *e, struct ward__node *supervisor,
                        struct ward__node *node)
{
    bool is_covered = ward__group_covers(node);
    bool is_first = is_first_start(supervisor);

    if (supervisor->falling == node)
        supervisor->falling = NULL;
    if (supervisor->phase == WARD__GROUP_DOWN && node == supervisor->trigger) {
        cancel(e, supervisor);
        if (is_first)
            ward__node_is_up(e, supervisor);
    } else if (supervisor->phase == WARD__GROUP_DOWN) {
        go_on_down(e, supervisor);
    } else if (node == supervisor->current && node->is_unwanted && !is_first) {
        cancel(e, supervisor);
    } else if (node == supervisor->current) {
        ward__group_next(e, supervisor);
    }
    if (!is_covered)
        consider_shutdown(supervisor, node);
}

/* ---- all of them, for good ---- */

/* One that has nothing to be stopped goes without ceremony; a parent may have thousands. */
static bool
is_idle(struct ward__node *node)
{
    switch (node->state) {
    case WARD__NODE_ABSENT:
        return true;
    case WARD__NODE_HELD:
    case WARD__NODE_DELAYED:
        return !ward__node_owes_recovery(node);
    default:
        return false;
    }
}

static void
stop_all(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *child, *before;

    node->is_stopping_all = true;
    TAILQ_FOREACH_REVERSE_SAFE (child, &node->children, ward__node_list, sibling, before)
        ward__engine_stop(e, child);
    node->is_stopping_all = false;
}

/* Stops the last child, or all of them. True if there is none. */
bool
ward__group_is_emptied(struct ward__engine *e, struct ward__node *node)
{
    bool is_first = node->state != WARD__NODE_EMPTYING;
    struct ward__node *last;

    if (node->is_stopping_all)
        return false;
    if (!TAILQ_EMPTY(&node->children))
        ward__node_enter(e, node, WARD__NODE_EMPTYING);
    if (node->options.policy.stops_at_once && is_first)
        stop_all(e, node);
    while ((last = TAILQ_LAST(&node->children, ward__node_list)) != NULL) {
        if (!is_idle(last)) {
            ward__engine_stop(e, last);
            return false;
        }
        ward__node_redirect(last);
        ward__node_leave(e, last);
    }
    return true;
}

/* ---- management ---- */

void
ward__engine_start_child(struct ward__engine *e, struct ward__node *supervisor,
                         struct ward__node *node)
{
    assert(supervisor->state == WARD__NODE_UP);
    append(supervisor, node);
    node->is_new = node->is_trial = true;
    ward__node_start(e, node);
}

void
ward__engine_restart_child(struct ward__engine *e, struct ward__node *node)
{
    assert(node->state == WARD__NODE_ABSENT);
    node->is_trial = true;
    node->is_unwanted = false;
    ward__node_start(e, node);
}

void
ward__engine_terminate_child(struct ward__engine *e, struct ward__node *node)
{
    const struct ward__node *supervisor = ward__group_of(node);

    if (supervisor != NULL && supervisor->phase != WARD__GROUP_QUIET)
        node->is_unwanted = true;
    node->is_due = false;
    ward__engine_stop(e, node);
}

void
ward__engine_delete_child(struct ward__engine *e, struct ward__node *node)
{
    assert(node->state == WARD__NODE_ABSENT);
    ward__node_enter(e, node, WARD__NODE_ENDED);
    ward__group_remove(node);
}

void
ward__engine_move_last(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *parent = node->parent;

    (void)e;
    TAILQ_REMOVE(&parent->children, node, sibling);
    TAILQ_INSERT_TAIL(&parent->children, node, sibling);
    node->order = ++parent->last_order;
}

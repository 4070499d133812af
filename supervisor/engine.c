#include "supervisor/engine.h"

#include <assert.h>
#include <stddef.h>

#include "supervisor/group.h"

/* After so many failed starts, or processes that could not be made, in a row. */
enum { PATIENCE = 10 };
enum { DELAY_FIRST_MS = 10, DELAY_MOST_MS = 1000 };

/* ---- the way down: children, process, cleanup; then what the goal says ---- */

/* The n-th in a row waits 10 ms, doubling to a second. */
static int64_t
doubled(uint32_t n)
{
    int64_t delay = DELAY_FIRST_MS;

    while (n-- > 1 && delay < DELAY_MOST_MS)
        delay *= 2;
    return delay < DELAY_MOST_MS ? delay : DELAY_MOST_MS;
}

/* What it used up in a life that is over does not count; till then everybody can see it. */
static void
forget_last_life(struct ward__node *node)
{
    node->restarts = node->failed_starts = node->spawn_errors = 0;
    ward__budget_clear(&node->budget);
}

void
ward__node_start(struct ward__engine *e, struct ward__node *node)
{
    if (node->state == WARD__NODE_ABSENT)
        forget_last_life(node);
    node->goal = WARD__GOAL_NONE;
    node->must_exit = false;
    node->owes_post_stop = false;
    node->is_due = false;
    node->is_shutdown_due = false;
    node->up_at = 0;
    node->delay_ms = 0;
    node->has_process = node->options.kind == WARD__KIND_ACTOR;
    node->starts++;
    ward__group_forget(node);
    ward__budget_clear(&node->intensity); /* of the children, who are new */
    ward__node_enter(e, node, WARD__NODE_STARTING);
}

static void
start_after(struct ward__engine *e, struct ward__node *node, int64_t delay_ms)
{
    node->delay_ms = delay_ms;
    if (delay_ms > 0)
        ward__node_enter(e, node, WARD__NODE_DELAYED);
    else
        ward__node_start(e, node);
}

/* Its message in hand, then what it has; a supervisor has no message. */
void
ward__node_halt(struct ward__engine *e, struct ward__node *node)
{
    ward__group_forget(node);
    if (node->options.kind == WARD__KIND_ACTOR)
        ward__node_enter(e, node, WARD__NODE_HALTING);
    else
        ward__node_advance(e, node);
}

/* Where the parent itself goes down, nobody comes back. */
static bool
is_parent_leaving(const struct ward__node *node)
{
    const struct ward__node *parent = node->parent;

    return parent->state != WARD__NODE_UP && parent->state != WARD__NODE_STARTING;
}

/* A start that was asked for has failed: an error, and no failure. */
static void
be_unstarted(struct ward__node *node)
{
    node->goal = WARD__GOAL_STOP;
    node->why = WARD__ENDED_UNSTARTED;
}

/* Whatever happens to it belongs to the restart of its group, or to the end of its parent. */
static bool
goes_with_others(struct ward__node *node)
{
    if (ward__group_covers(node)) {
        node->goal = ward__group_goal(node);
        return true;
    }
    if (!is_parent_leaving(node))
        return false;
    node->goal = WARD__GOAL_STOP;
    node->why = WARD__ENDED_TEMPORARY;
    return true;
}

/* A child has escalated to this node, which fails with the same failure. */
void
ward__node_fail_for_child(struct ward__engine *e, struct ward__node *node)
{
    if (node->parent == NULL) {
        node->goal = WARD__GOAL_ESCALATE;
        ward__node_advance(e, node);
        return;
    }
    if (node->state != WARD__NODE_UP && node->state != WARD__NODE_STARTING)
        return;
    if (node->state == WARD__NODE_STARTING)
        node->failed_starts++; /* unless it becomes ready yet */
    if (node->options.kind == WARD__KIND_SUPERVISOR && node->is_trial)
        be_unstarted(node);
    else if (!goes_with_others(node))
        node->goal = WARD__GOAL_FAIL;
    ward__node_halt(e, node);
}

/* Does the spec of a node whose life is over stay with its supervisor? */
static bool
is_kept(const struct ward__node *node)
{
    const struct ward__node *supervisor = ward__group_of(node);

    return supervisor != NULL &&
           supervisor->options.policy.group != WARD_SIMPLE_ONE_FOR_ONE &&
           (supervisor->state == WARD__NODE_UP ||
            supervisor->state == WARD__NODE_STARTING) &&
           supervisor->goal == WARD__GOAL_NONE &&
           node->options.restart != WARD_TEMPORARY &&
           !(node->is_new && node->why == WARD__ENDED_UNSTARTED);
}

void
ward__node_leave(struct ward__engine *e, struct ward__node *node)
{
    ward__group_forget(node);
    if (is_kept(node)) {
        node->lives_over++;
        ward__node_enter(e, node, WARD__NODE_ABSENT);
        return;
    }
    ward__node_enter(e, node, WARD__NODE_ENDED);
    if (node->parent == NULL)
        return;
    ward__group_remove(node);
}

static void
end(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *parent = node->parent;

    ward__node_leave(e, node);
    if (parent == NULL)
        return;
    if (parent->state == WARD__NODE_EMPTYING)
        ward__node_advance(e, parent);
    else if (node->goal == WARD__GOAL_ESCALATE)
        ward__node_fail_for_child(e, parent);
    else if (node->why == WARD__ENDED_UNSTARTED && parent->state == WARD__NODE_STARTING &&
             parent->options.kind == WARD__KIND_SUPERVISOR)
        ward__node_fail_for_child(e, parent);
    else if (ward__group_of(node) != NULL)
        ward__group_member_over(e, parent, node);
    ward__node_shut_down_due(e, parent);
}

bool
ward__node_owes_recovery(const struct ward__node *node)
{
    return node->owes_post_stop && node->options.has_post_stop &&
           !node->options.is_brutal;
}

/* The end of a node that is on its way down already. */
void
ward__node_redirect(struct ward__node *node)
{
    if (node->goal == WARD__GOAL_ESCALATE || node->goal == WARD__GOAL_STOP)
        return;
    node->goal = WARD__GOAL_STOP;
    node->why = WARD__ENDED_STOPPED;
}

/* What was to come back, or to be judged, ends with its parent. */
static void
stay_down(struct ward__node *node)
{
    bool has_failed = node->goal == WARD__GOAL_FAIL;

    ward__node_redirect(node);
    if (has_failed)
        node->why = WARD__ENDED_TEMPORARY;
}

/* Neither children nor a process are left. */
static void
settle(struct ward__engine *e, struct ward__node *node)
{
    const struct ward__node *supervisor = ward__group_of(node);
    uint32_t failed = node->failed_starts;
    int64_t delay = failed >= PATIENCE ? doubled(failed - PATIENCE + 1) : 0;

    if (node->parent != NULL && is_parent_leaving(node))
        stay_down(node);
    else if ((node->goal == WARD__GOAL_RESTART || node->goal == WARD__GOAL_FAIL) &&
             ward__group_covers(node))
        node->goal = ward__group_goal(node);
    else if (node->goal == WARD__GOAL_FAIL && node->is_trial)
        be_unstarted(node);
    if (node->delay_ms < delay)
        node->delay_ms = delay;
    switch (node->goal) {
    case WARD__GOAL_NONE:
    case WARD__GOAL_RESTART:
        if (supervisor != NULL && supervisor->phase == WARD__GROUP_DOWN &&
            supervisor->trigger == node)
            ward__group_is_down(e, node);
        else
            start_after(e, node, node->delay_ms);
        break;
    case WARD__GOAL_HOLD:
        ward__group_is_down(e, node);
        break;
    case WARD__GOAL_FAIL:
        ward__node_enter(e, node, WARD__NODE_DECIDING);
        break;
    case WARD__GOAL_STOP:
    case WARD__GOAL_ESCALATE:
        if (ward__node_owes_recovery(node))
            ward__node_enter(e, node, WARD__NODE_RECOVERING);
        else
            end(e, node);
        break;
    }
}

/* For a node that begins no message any more. */
void
ward__node_advance(struct ward__engine *e, struct ward__node *node)
{
    ward__group_forget(node);
    if (!ward__group_is_emptied(e, node))
        return;
    if (!node->has_process) {
        settle(e, node);
    } else if (node->must_exit) {
        ward__node_enter(e, node, WARD__NODE_EXITING);
    } else {
        node->owes_post_stop = false;
        ward__node_enter(e, node, WARD__NODE_FINISHING);
    }
}

/* ---- starts ---- */

void
ward__engine_spawn(struct ward__engine *e, struct ward__node *parent,
                   struct ward__node *node)
{
    assert(parent->state == WARD__NODE_UP || parent->state == WARD__NODE_STARTING);
    node->parent = parent;
    node->order = ++parent->last_order;
    node->is_trial = node->options.kind == WARD__KIND_SUPERVISOR;
    parent->child_count++;
    TAILQ_INSERT_TAIL(&parent->children, node, sibling);
    ward__node_start(e, node);
}

void
ward__node_is_up(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *supervisor = ward__group_of(node);

    node->failed_starts = 0;
    node->spawn_errors = 0;
    node->is_trial = node->is_new = false;
    node->up_at = e->now;
    if (node->state == WARD__NODE_STARTING)
        ward__node_enter(e, node, WARD__NODE_UP);
    if (node->state != WARD__NODE_UP)
        return;
    if (supervisor != NULL && supervisor->current == node)
        ward__group_next(e, supervisor);
}

/* A normal end of its own will: only what is permanent comes back, and that counts. */
static void
end_normally(struct ward__engine *e, struct ward__node *node)
{
    node->why = WARD__ENDED_NORMAL;
    node->goal = WARD__GOAL_STOP;
    if (ward__group_covers(node))
        node->goal = ward__group_goal(node);
    else if (node->options.restart == WARD_PERMANENT && !is_parent_leaving(node))
        node->goal = ward__group_grant(e, node);
}

/* auto_shutdown: a normal end. */
static void
shut_down(struct ward__engine *e, struct ward__node *node)
{
    node->is_shutdown_due = false;
    end_normally(e, node);
    node->has_shut_down = node->goal == WARD__GOAL_RESTART;
    ward__node_halt(e, node);
}

void
ward__node_shut_down_due(struct ward__engine *e, struct ward__node *node)
{
    for (; node != NULL; node = node->parent)
        if (node->state == WARD__NODE_UP && node->is_shutdown_due)
            shut_down(e, node);
}

void
ward__engine_ready(struct ward__engine *e, struct ward__node *node)
{
    node->owes_post_stop = true;
    ward__node_is_up(e, node);
    ward__node_shut_down_due(e, node);
}

void
ward__engine_ignored(struct ward__engine *e, struct ward__node *node)
{
    node->must_exit = true;
    if (node->state == WARD__NODE_STARTING) {
        node->goal = WARD__GOAL_STOP;
        node->why = WARD__ENDED_IGNORED;
    }
    if (node->state == WARD__NODE_STARTING || node->state == WARD__NODE_HALTING)
        ward__node_advance(e, node);
}

bool
ward__engine_spawn_error(struct ward__engine *e, struct ward__node *node)
{
    node->has_process = false;
    if (node->state == WARD__NODE_RECOVERING) {
        ward__engine_recovered(e, node);
        return false;
    }
    if (node->state != WARD__NODE_STARTING) {
        ward__engine_died(e, node);
        return false;
    }
    if (node->starts > 1 && TAILQ_EMPTY(&node->children) &&
        ++node->spawn_errors < PATIENCE) {
        start_after(e, node, doubled(node->spawn_errors));
        return true;
    }
    node->spawn_errors = 0;
    ward__engine_failed(e, node, false);
    return false;
}

/* Of one, or of the group for whose sake it waits. */
static void
end_delay(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *supervisor = ward__group_of(node);

    if (supervisor != NULL && supervisor->phase == WARD__GROUP_DOWN &&
        supervisor->trigger == node) {
        ward__group_delay_over(e, supervisor);
    } else {
        ward__node_start(e, node);
    }
}

void
ward__engine_expired(struct ward__engine *e, struct ward__node *node)
{
    if (node->state == WARD__NODE_DELAYED && !is_parent_leaving(node))
        end_delay(e, node);
}

/* ---- failures ---- */

/* Nothing is to be judged: the goal is known. */
static bool
is_settled_already(struct ward__node *node)
{
    if (goes_with_others(node))
        return true;
    if (!node->is_trial || node->state != WARD__NODE_STARTING)
        return false;
    be_unstarted(node);
    return true;
}

void
ward__engine_failed(struct ward__engine *e, struct ward__node *node, bool is_alive)
{
    bool is_start = !node->owes_post_stop;

    node->has_process = is_alive;
    switch (node->state) {
    case WARD__NODE_STARTING:
        node->failed_starts++;
        node->must_exit = true;
        __attribute__((fallthrough));
    case WARD__NODE_UP:
        if (!is_settled_already(node)) {
            ward__group_forget(node); /* nobody below is started any more */
            ward__node_enter(e, node, WARD__NODE_DECIDING);
            break;
        }
        if (node->goal == WARD__GOAL_HOLD)
            node->must_exit = true;
        ward__node_advance(e, node);
        break;
    case WARD__NODE_HALTING: /* ward asked for this end: nothing is decided */
        node->must_exit =
            is_start || node->goal == WARD__GOAL_RESTART || node->goal == WARD__GOAL_HOLD;
        ward__node_advance(e, node);
        break;
    default:
        if (!is_alive)
            ward__engine_died(e, node);
        break;
    }
}

static enum ward__goal
judge(struct ward__engine *e, struct ward__node *node, ward_directive directive)
{
    switch (directive) {
    case WARD_DIRECTIVE_RESTART:
        if (node->options.restart != WARD_TEMPORARY)
            return ward__group_grant(e, node);
        node->why = WARD__ENDED_TEMPORARY;
        return WARD__GOAL_STOP;
    case WARD_DIRECTIVE_STOP:
        node->why = WARD__ENDED_DECIDED;
        return WARD__GOAL_STOP;
    case WARD_DIRECTIVE_ESCALATE:
        break;
    }
    node->why = WARD__ENDED_DECIDED;
    return WARD__GOAL_ESCALATE;
}

void
ward__engine_directive(struct ward__engine *e, struct ward__node *node,
                       ward_directive directive)
{
    assert(node->state == WARD__NODE_DECIDING);
    if (node->goal != WARD__GOAL_STOP && node->goal != WARD__GOAL_HOLD &&
        !is_settled_already(node))
        node->goal = judge(e, node, directive);
    if (node->goal == WARD__GOAL_RESTART || node->goal == WARD__GOAL_HOLD)
        node->must_exit = true;
    ward__node_advance(e, node);
}

void
ward__engine_died(struct ward__engine *e, struct ward__node *node)
{
    node->has_process = false;
    switch (node->state) {
    case WARD__NODE_HALTING:
        ward__node_advance(e, node);
        break;
    case WARD__NODE_FINISHING:
    case WARD__NODE_EXITING:
        settle(e, node);
        break;
    default:
        break;
    }
}

void
ward__engine_lost(struct ward__engine *e, struct ward__node *node)
{
    node->has_process = false;
    switch (node->state) {
    case WARD__NODE_STARTING:
    case WARD__NODE_UP:
        node->goal = WARD__GOAL_RESTART;
        if (node->options.restart == WARD_TEMPORARY) {
            node->goal = WARD__GOAL_STOP;
            node->why = WARD__ENDED_TEMPORARY;
        }
        ward__node_advance(e, node);
        break;
    case WARD__NODE_RECOVERING:
        ward__engine_recovered(e, node);
        break;
    default:
        ward__engine_died(e, node);
        break;
    }
}

/* ---- ends that somebody asked for ---- */

void
ward__engine_quiet(struct ward__engine *e, struct ward__node *node, enum ward__says says)
{
    bool asked_itself = node->state == WARD__NODE_UP;

    if (!asked_itself && node->state != WARD__NODE_HALTING)
        return;
    if (says == WARD__SAYS_STOP && (asked_itself || node->goal == WARD__GOAL_RESTART))
        end_normally(e, node);
    else if (asked_itself && is_parent_leaving(node))
        ward__node_redirect(node);
    else if (asked_itself)
        node->goal = WARD__GOAL_RESTART;
    ward__node_advance(e, node);
}

void
ward__engine_recovered(struct ward__engine *e, struct ward__node *node)
{
    if (node->state == WARD__NODE_RECOVERING)
        end(e, node);
}

void
ward__engine_stop(struct ward__engine *e, struct ward__node *node)
{
    switch (node->state) {
    case WARD__NODE_NEW:
    case WARD__NODE_ABSENT:
    case WARD__NODE_RECOVERING:
    case WARD__NODE_ENDED:
        return;
    case WARD__NODE_STARTING:
    case WARD__NODE_UP:
        ward__node_redirect(node);
        ward__node_halt(e, node);
        return;
    case WARD__NODE_HELD:
    case WARD__NODE_DELAYED:
        node->is_due = false;
        ward__node_redirect(node);
        settle(e, node);
        return;
    default:
        ward__node_redirect(node);
        return;
    }
}

void
ward__engine_restart(struct ward__engine *e, struct ward__node *node)
{
    if (node->state == WARD__NODE_DELAYED) {
        ward__engine_expired(e, node);
        return;
    }
    if (node->state != WARD__NODE_UP || node->parent == NULL)
        return;
    node->delay_ms = 0;
    node->goal = WARD__GOAL_RESTART;
    ward__node_halt(e, node);
}

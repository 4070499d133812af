#include "supervisor/engine.h"

#include <assert.h>
#include <stddef.h>

/* After so many failed starts, or processes that could not be made, in a row. */
enum { PATIENCE = 10 };
enum { DELAY_FIRST_MS = 10, DELAY_MOST_MS = 1000 };

static void advance(struct ward__engine *e, struct ward__node *node);

const char *
ward__node_state_name(enum ward__node_state state)
{
    static const char *const names[] = {
#define NAME(name) #name,
        WARD__NODE_STATES(NAME)
#undef NAME
    };

    return names[state];
}

static bool
has_effect(enum ward__node_state state)
{
    return state != WARD__NODE_NEW && state != WARD__NODE_UP &&
           state != WARD__NODE_EMPTYING;
}

/* The only writer of a state. */
static void
enter(struct ward__engine *e, struct ward__node *node, enum ward__node_state state)
{
    node->state = state;
    if (!has_effect(state))
        return;
    if (node->is_queued) /* the effect is due behind what happened since */
        TAILQ_REMOVE(&e->queue, node, queued);
    TAILQ_INSERT_TAIL(&e->queue, node, queued);
    node->is_queued = true;
}

void
ward__engine_init(struct ward__engine *engine, struct ward__node *root)
{
    TAILQ_INIT(&engine->queue);
    *root =
        (struct ward__node){.options = {.kind = WARD__KIND_ROOT}, .state = WARD__NODE_UP};
    TAILQ_INIT(&root->children);
}

int
ward__node_init(struct ward__node *node, const struct ward__node_options *options)
{
    *node = (struct ward__node){.options = *options};
    TAILQ_INIT(&node->children);
    return ward__window_init(&node->window, options->max_restarts, options->within_ms);
}

void
ward__node_done(struct ward__node *node)
{
    ward__window_done(&node->window);
}

struct ward__node *
ward__engine_next(struct ward__engine *engine)
{
    struct ward__node *node;

    while ((node = TAILQ_FIRST(&engine->queue)) != NULL) {
        TAILQ_REMOVE(&engine->queue, node, queued);
        node->is_queued = false;
        if (has_effect(node->state))
            return node;
    }
    return NULL;
}

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

static void
start(struct ward__engine *e, struct ward__node *node)
{
    node->goal = WARD__GOAL_NONE;
    node->must_exit = false;
    node->owes_post_stop = false;
    node->has_process = true;
    node->starts++;
    enter(e, node, WARD__NODE_STARTING);
}

static void
start_after(struct ward__engine *e, struct ward__node *node, int64_t delay_ms)
{
    node->delay_ms = delay_ms;
    if (delay_ms > 0)
        enter(e, node, WARD__NODE_DELAYED);
    else
        start(e, node);
}

/* A child has escalated to this node, which fails with the same failure. */
static void
fail_for_child(struct ward__engine *e, struct ward__node *node)
{
    if (node->parent == NULL) {
        node->goal = WARD__GOAL_ESCALATE;
        advance(e, node);
    } else if (node->state == WARD__NODE_UP || node->state == WARD__NODE_STARTING) {
        if (node->state == WARD__NODE_STARTING)
            node->failed_starts++; /* unless it becomes ready yet */
        node->goal = WARD__GOAL_FAIL;
        enter(e, node, WARD__NODE_HALTING);
    }
}

static void
end(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *parent = node->parent;

    enter(e, node, WARD__NODE_ENDED);
    if (parent == NULL)
        return;
    TAILQ_REMOVE(&parent->children, node, sibling);
    if (parent->state == WARD__NODE_EMPTYING)
        advance(e, parent);
    else if (node->goal == WARD__GOAL_ESCALATE)
        fail_for_child(e, parent);
}

/* Neither children nor a process are left. */
static void
settle(struct ward__engine *e, struct ward__node *node)
{
    uint32_t failed = node->failed_starts;

    switch (node->goal) {
    case WARD__GOAL_NONE:
    case WARD__GOAL_RESTART:
        start_after(e, node, failed >= PATIENCE ? doubled(failed - PATIENCE + 1) : 0);
        break;
    case WARD__GOAL_FAIL:
        enter(e, node, WARD__NODE_DECIDING);
        break;
    case WARD__GOAL_STOP:
    case WARD__GOAL_ESCALATE:
        if (node->owes_post_stop && node->options.has_post_stop &&
            !node->options.is_brutal)
            enter(e, node, WARD__NODE_RECOVERING);
        else
            end(e, node);
        break;
    }
}

/* One step further down, for a node that begins no message any more. */
static void
advance(struct ward__engine *e, struct ward__node *node)
{
    struct ward__node *last = TAILQ_LAST(&node->children, ward__node_list);

    if (last != NULL) {
        enter(e, node, WARD__NODE_EMPTYING);
        ward__engine_stop(e, last);
    } else if (!node->has_process) {
        settle(e, node);
    } else if (node->must_exit) {
        enter(e, node, WARD__NODE_EXITING);
    } else {
        node->owes_post_stop = false;
        enter(e, node, WARD__NODE_FINISHING);
    }
}

/* ---- starts ---- */

void
ward__engine_spawn(struct ward__engine *e, struct ward__node *parent,
                   struct ward__node *node)
{
    assert(parent->state == WARD__NODE_UP || parent->state == WARD__NODE_STARTING);
    node->parent = parent;
    TAILQ_INSERT_TAIL(&parent->children, node, sibling);
    start(e, node);
}

void
ward__engine_ready(struct ward__engine *e, struct ward__node *node)
{
    (void)e;
    node->failed_starts = 0;
    node->spawn_errors = 0;
    node->owes_post_stop = true;
    if (node->state == WARD__NODE_STARTING)
        enter(e, node, WARD__NODE_UP);
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
        advance(e, node);
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

void
ward__engine_expired(struct ward__engine *e, struct ward__node *node)
{
    if (node->state == WARD__NODE_DELAYED)
        start(e, node);
}

/* ---- failures ---- */

void
ward__engine_failed(struct ward__engine *e, struct ward__node *node, bool is_alive)
{
    bool is_start = !node->owes_post_stop;

    node->has_process = is_alive;
    switch (node->state) {
    case WARD__NODE_STARTING:
        node->failed_starts++;
        node->must_exit = true;
        enter(e, node, WARD__NODE_DECIDING);
        break;
    case WARD__NODE_UP:
        enter(e, node, WARD__NODE_DECIDING);
        break;
    case WARD__NODE_HALTING: /* ward asked for this end: nothing is decided */
        node->must_exit = is_start || node->goal == WARD__GOAL_RESTART;
        advance(e, node);
        break;
    default:
        if (!is_alive)
            ward__engine_died(e, node);
        break;
    }
}

/* A restart that counts, if the window grants it; else what on_limit says. */
static enum ward__goal
count_restart(struct ward__node *node, int64_t now)
{
    if (ward__window_grant(&node->window, now))
        return WARD__GOAL_RESTART;
    node->why = WARD__ENDED_LIMIT;
    return node->options.on_limit == WARD_DIRECTIVE_ESCALATE ? WARD__GOAL_ESCALATE
                                                             : WARD__GOAL_STOP;
}

static enum ward__goal
judge(struct ward__node *node, ward_directive directive, int64_t now)
{
    switch (directive) {
    case WARD_DIRECTIVE_RESTART:
        if (node->options.restart != WARD_TEMPORARY)
            return count_restart(node, now);
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
                       ward_directive directive, int64_t now)
{
    assert(node->state == WARD__NODE_DECIDING);
    if (node->goal != WARD__GOAL_STOP)
        node->goal = judge(node, directive, now);
    if (node->goal == WARD__GOAL_RESTART)
        node->must_exit = true;
    advance(e, node);
}

void
ward__engine_died(struct ward__engine *e, struct ward__node *node)
{
    node->has_process = false;
    switch (node->state) {
    case WARD__NODE_HALTING:
        advance(e, node);
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
        advance(e, node);
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
ward__engine_quiet(struct ward__engine *e, struct ward__node *node, enum ward__says says,
                   int64_t now)
{
    bool asked_itself = node->state == WARD__NODE_UP;

    if (!asked_itself && node->state != WARD__NODE_HALTING)
        return;
    if (says == WARD__SAYS_STOP && (asked_itself || node->goal == WARD__GOAL_RESTART)) {
        node->why = WARD__ENDED_NORMAL;
        node->goal = WARD__GOAL_STOP;
        if (node->options.restart == WARD_PERMANENT)
            node->goal = count_restart(node, now);
    } else if (asked_itself) {
        node->goal = WARD__GOAL_RESTART;
    }
    advance(e, node);
}

void
ward__engine_recovered(struct ward__engine *e, struct ward__node *node)
{
    if (node->state == WARD__NODE_RECOVERING)
        end(e, node);
}

/* The end of a node that is on its way down already. */
static void
redirect(struct ward__node *node)
{
    if (node->goal == WARD__GOAL_ESCALATE || node->goal == WARD__GOAL_STOP)
        return;
    node->goal = WARD__GOAL_STOP;
    node->why = WARD__ENDED_STOPPED;
}

void
ward__engine_stop(struct ward__engine *e, struct ward__node *node)
{
    switch (node->state) {
    case WARD__NODE_NEW:
    case WARD__NODE_RECOVERING:
    case WARD__NODE_ENDED:
        return;
    case WARD__NODE_STARTING:
    case WARD__NODE_UP:
        redirect(node);
        if (node->parent == NULL)
            advance(e, node);
        else
            enter(e, node, WARD__NODE_HALTING);
        return;
    case WARD__NODE_DELAYED:
        redirect(node);
        settle(e, node);
        return;
    default:
        redirect(node);
        return;
    }
}

void
ward__engine_restart(struct ward__engine *e, struct ward__node *node)
{
    if (node->state != WARD__NODE_UP || node->parent == NULL)
        return;
    node->goal = WARD__GOAL_RESTART;
    enter(e, node, WARD__NODE_HALTING);
}

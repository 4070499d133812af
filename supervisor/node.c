/* Node: what every node has: its record, its state, its place in the queue of the engine. */
#include <stddef.h>

#include "supervisor/group.h"

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
has_effect(const struct ward__node *node)
{
    switch (node->state) {
    case WARD__NODE_NEW:
    case WARD__NODE_EMPTYING:
    case WARD__NODE_HELD:
        return false;
    case WARD__NODE_UP:
        return node->options.kind == WARD__KIND_SUPERVISOR;
    default:
        return true;
    }
}

/* The only writer of a state, but for a child that is adopted. */
void
ward__node_enter(struct ward__engine *e, struct ward__node *node,
                 enum ward__node_state state)
{
    node->state = state;
    if (!has_effect(node))
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
    const struct ward__policy *policy = &options->policy;
    int result;

    *node = (struct ward__node){.options = *options};
    TAILQ_INIT(&node->children);
    result = ward__budget_init(&node->budget, options->max_restarts, options->within_ms,
                               options->slow_max_restarts, options->slow_within_ms);
    if (result == 0 && policy->is_supervisor)
        result = ward__budget_init(&node->intensity, policy->intensity, policy->period_ms,
                                   policy->slow_intensity, policy->slow_period_ms);
    return result;
}

int
ward__node_new_policy(struct ward__node *node, const struct ward__policy *policy)
{
    struct ward__budget intensity;
    int result = ward__budget_init(&intensity, policy->intensity, policy->period_ms,
                                   policy->slow_intensity, policy->slow_period_ms);

    if (result < 0)
        return result;
    ward__budget_done(&node->intensity);
    node->intensity = intensity;
    node->options.policy = *policy;
    return 0;
}

int
ward__node_new_options(struct ward__node *node, const struct ward__node_options *options)
{
    struct ward__budget budget;
    int result = 0;

    if (options->policy.is_supervisor)
        result = ward__node_new_policy(node, &options->policy);
    if (result == 0)
        result = ward__budget_init(&budget, options->max_restarts, options->within_ms,
                                   options->slow_max_restarts, options->slow_within_ms);
    if (result < 0)
        return result;
    ward__budget_done(&node->budget);
    node->budget = budget;
    node->options = *options;
    return 0;
}

void
ward__node_done(struct ward__node *node)
{
    ward__budget_done(&node->budget);
    ward__budget_done(&node->intensity);
}

struct ward__node *
ward__engine_next(struct ward__engine *engine)
{
    struct ward__node *node;

    while ((node = TAILQ_FIRST(&engine->queue)) != NULL) {
        TAILQ_REMOVE(&engine->queue, node, queued);
        node->is_queued = false;
        if (has_effect(node))
            return node;
    }
    return NULL;
}

#include "tests/unit/engine_model_parts.h"

#include <assert.h>

#include <ward/export.h>

/* ---- who belongs to whom ---- */

static bool
is_governed(const struct model *m, int n)
{
    int parent = m->nodes[n].parent;

    return parent >= 0 && m->nodes[parent].options.policy.is_supervisor;
}

static bool
is_group(const struct model *m, int n)
{
    const struct ward__policy *policy = &m->nodes[n].options.policy;

    return policy->is_supervisor &&
           (policy->group == WARD_ONE_FOR_ALL || policy->group == WARD_REST_FOR_ONE);
}

/* Would it come along, if `trigger` were restarted? */
static bool
is_in_range(const struct model *m, int n, int trigger)
{
    int parent = m->nodes[n].parent;

    return parent == m->nodes[trigger].parent && !m->nodes[n].is_over &&
           (m->nodes[parent].options.policy.group == WARD_ONE_FOR_ALL || n >= trigger);
}

bool
model_is_covered(const struct model *m, int n)
{
    const struct model_node *parent;

    if (!is_governed(m, n) || !model_lives(m, m->nodes[n].parent))
        return false;
    parent = &m->nodes[m->nodes[n].parent];
    return parent->phase == WARD__GROUP_DOWN && n != parent->trigger &&
           is_in_range(m, n, parent->trigger);
}

/* ---- grants ---- */

static bool
allows(const struct model_grants *granted, int max, int within, int64_t now)
{
    int used = 0;

    if (max == WARD_INFINITE || within == WARD_ZERO)
        return true;
    for (int i = 0; i < granted->count; i++)
        used += within == WARD_INFINITE || now - granted->at[i] < within;
    return max != WARD_ZERO && used < max;
}

static void
record(struct model_grants *granted, int64_t now)
{
    assert(granted->count < MODEL_GRANTS);
    granted->at[granted->count++] = now;
}

static int
or_default(int value, int otherwise)
{
    return value != 0 ? value : otherwise;
}

static bool
allows_itself(const struct model *m, int n)
{
    const struct model_node *node = &m->nodes[n];
    const struct ward__node_options *o = &node->options;

    return allows(&node->granted, or_default(o->max_restarts, 3),
                  or_default(o->within_ms, 60000), m->now) &&
           (o->slow_max_restarts == 0 ||
            allows(&node->granted, o->slow_max_restarts, o->slow_within_ms, m->now));
}

static bool
supervisor_allows(const struct model *m, int n)
{
    const struct model_node *node = &m->nodes[n];
    const struct ward__policy *o = &node->options.policy;

    return allows(&node->children_granted, o->intensity, o->period_ms, m->now) &&
           (o->slow_intensity == 0 || allows(&node->children_granted, o->slow_intensity,
                                             o->slow_period_ms, m->now));
}

static int64_t
granted_delay(const struct model_node *node)
{
    int64_t delay = node->options.backoff_first_ms;

    for (int i = 0; i < node->restarts && delay < node->options.backoff_most_ms; i++)
        delay *= 2;
    if (delay > node->options.backoff_most_ms)
        delay = node->options.backoff_most_ms;
    if (node->options.backoff_first_ms == 0)
        delay = 0;
    if (node->failed_starts >= 10 && delay < model_wait_after(node->failed_starts - 9))
        delay = model_wait_after(node->failed_starts - 9);
    return delay;
}

static void
trigger_group(struct model *m, int n)
{
    struct model_node *parent = &m->nodes[m->nodes[n].parent];

    if (parent->phase != WARD__GROUP_DOWN) /* else one is going down still */
        parent->current = -1;
    parent->phase = WARD__GROUP_DOWN;
    parent->trigger = n;
    for (int i = 1; i < m->count; i++)
        if (m->nodes[i].parent == m->nodes[n].parent && is_in_range(m, i, n))
            m->nodes[i].is_due = m->nodes[i].is_unwanted = false;
}

void
model_want_counted_restart(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (!allows_itself(m, n)) {
        node->why = WARD__ENDED_LIMIT;
        node->want = node->options.on_limit == WARD_DIRECTIVE_ESCALATE ? MODEL_ESCALATE
                                                                       : MODEL_STOP;
        return;
    }
    if (is_governed(m, n) && !supervisor_allows(m, node->parent)) {
        node->why = WARD__ENDED_INTENSITY;
        node->want = MODEL_ESCALATE;
        return;
    }
    record(&node->granted, m->now);
    if (is_governed(m, n))
        record(&m->nodes[node->parent].children_granted, m->now);
    if (node->was_ready && m->now - node->ready_at >= node->options.healthy_ms)
        node->restarts = 0;
    node->want = MODEL_RESTART;
    node->delay_ms = granted_delay(node);
    node->restarts++;
    if (is_governed(m, n) && is_group(m, node->parent))
        trigger_group(m, n);
}

/* ---- a group goes down ---- */

static bool
is_down(const struct model *m, int n)
{
    return model_is(m, n, WARD__NODE_HELD) || model_is(m, n, WARD__NODE_ABSENT) ||
           model_is(m, n, WARD__NODE_ENDED);
}

/* A covered member goes down with its group, or ends if it is never restarted. */
void
model_take_along(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->is_recovering || node->is_absent || node->is_held ||
        node->want >= MODEL_STOP)
        return;
    node->want = MODEL_HOLD;
    node->delay_ms = 0;
    if (node->options.restart == WARD_TEMPORARY) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_STOPPED;
    } else if (node->is_waiting) {
        node->is_held = true;
    }
    node->is_waiting = false;
}

static void
all_are_down(struct model *m, int n)
{
    struct model_node *trigger = &m->nodes[m->nodes[n].trigger];

    if (trigger->delay_ms > 0) {
        trigger->is_held = false;
        trigger->is_waiting = true;
        trigger->shown = -1;
    } else {
        model_group_start(m, n);
    }
}

/* The next one is taken down, the last one first, when the one before is. */
static bool
step_down(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (!model_is(m, node->trigger, WARD__NODE_HELD) ||
        (node->current >= 0 && !is_down(m, node->current)))
        return false;
    for (int i = m->count - 1; i > n; i--) {
        if (i == node->trigger || !is_in_range(m, i, node->trigger) || is_down(m, i))
            continue;
        node->current = i;
        if (model_lives(m, i))
            m->nodes[i].is_halting = !model_is_supervisor(m, i);
        model_take_along(m, i);
        return true;
    }
    node->current = -1;
    all_are_down(m, n);
    return true;
}

/* ---- a group starts ---- */

void
model_group_start(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    for (int i = n + 1; i < m->count; i++)
        if (m->nodes[i].parent == n &&
            (node->trigger < 0 || is_in_range(m, i, node->trigger)))
            m->nodes[i].is_due =
                !m->nodes[i].is_over && is_down(m, i) && !m->nodes[i].is_unwanted;
    node->phase = WARD__GROUP_START;
    node->trigger = node->current = -1;
}

static void
group_is_through(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->phase = WARD__GROUP_QUIET;
    node->trigger = node->current = -1;
    for (int i = n + 1; i < m->count; i++)
        if (m->nodes[i].parent == n)
            m->nodes[i].is_unwanted = m->nodes[i].is_due = false;
    if (model_is_supervisor(m, n) && !node->was_ready) {
        node->was_ready = true;
        node->ready_at = m->now;
        node->failed_starts = 0;
        node->is_trial = node->is_new = false;
    }
}

static bool
step_start(struct model *m, int n)
{
    int current = m->nodes[n].current;

    if (current >= 0 && !model_is(m, current, WARD__NODE_UP) &&
        !model_is(m, current, WARD__NODE_ABSENT) &&
        !model_is(m, current, WARD__NODE_ENDED))
        return false;
    for (int i = n + 1; i < m->count; i++) {
        if (m->nodes[i].parent != n || !m->nodes[i].is_due || !is_down(m, i))
            continue;
        m->nodes[n].current = i;
        m->nodes[i].is_trial = model_is_supervisor(m, n) && !m->nodes[n].was_ready;
        model_begin_life(m, i);
        return true;
    }
    group_is_through(m, n);
    return true;
}

bool
model_group_step(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->phase == WARD__GROUP_QUIET)
        return false;
    if (!model_lives(m, n)) {
        node->phase = WARD__GROUP_QUIET;
        node->trigger = node->current = -1;
        return true;
    }
    return node->phase == WARD__GROUP_DOWN ? step_down(m, n) : step_start(m, n);
}

/* ---- a member ends for good ---- */

/* The restart of the group is over: nobody comes back for its sake. */
static void
give_up(struct model *m, int n)
{
    for (int i = n + 1; i < m->count; i++) {
        struct model_node *node = &m->nodes[i];
        if (node->parent != n)
            continue;
        node->is_due = false;
        if (!node->is_held && node->want != MODEL_HOLD)
            continue;
        model_stop_alone(m, i);
        model_resolve(m, i);
    }
    group_is_through(m, n);
}

static bool
has_ended_by_itself(const struct model_node *node)
{
    return node->want == MODEL_STOP &&
           (node->why == WARD__ENDED_NORMAL || node->why == WARD__ENDED_TEMPORARY ||
            node->why == WARD__ENDED_LIMIT || node->why == WARD__ENDED_DECIDED);
}

/* One that is still to be started counts. */
static bool
is_active(const struct model *m, int i)
{
    const struct model_node *node = &m->nodes[i];

    return !node->is_over && (!node->is_absent || node->is_due);
}

static bool
has_active_significant_sibling(const struct model *m, int n)
{
    int parent = m->nodes[n].parent;

    for (int i = parent + 1; i < m->count; i++) {
        if (m->nodes[i].parent != parent)
            continue;
        if (m->nodes[i].options.is_significant && is_active(m, i))
            return true;
    }
    return false;
}

void
model_child_is_over(struct model *m, int n, bool was_covered)
{
    const struct model_node *node = &m->nodes[n];
    struct model_node *parent = &m->nodes[node->parent];
    ward_auto_shutdown shutdown = parent->options.policy.auto_shutdown;

    if (shutdown != WARD_NEVER && node->options.is_significant && !was_covered &&
        has_ended_by_itself(node) &&
        (shutdown == WARD_ANY_SIGNIFICANT || !has_active_significant_sibling(m, n)))
        parent->is_shutdown_due = true;
    if (!model_lives(m, node->parent))
        return;
    if ((parent->phase == WARD__GROUP_DOWN && parent->trigger == n) ||
        (parent->phase == WARD__GROUP_START && parent->current == n &&
         node->is_unwanted &&
         !(model_is_supervisor(m, node->parent) &&
           model_is(m, node->parent, WARD__NODE_STARTING))))
        give_up(m, node->parent);
}

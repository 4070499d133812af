#include "tests/unit/engine_model_parts.h"

#include <assert.h>
#include <string.h>

#include <ward/export.h>

/* ---- what is to be done, from the facts ---- */

int
model_youngest_child(const struct model *m, int n)
{
    for (int i = m->count - 1; i > n; i--)
        if (m->nodes[i].parent == n && !m->nodes[i].is_over)
            return i;
    return -1;
}

bool
model_is_supervisor(const struct model *m, int n)
{
    return m->nodes[n].options.kind == WARD__KIND_SUPERVISOR;
}

enum ward__node_state
model_state(const struct model *m, int n)
{
    const struct model_node *node = &m->nodes[n];

    if (node->is_over)
        return WARD__NODE_ENDED;
    if (node->is_absent)
        return WARD__NODE_ABSENT;
    if (node->is_recovering)
        return WARD__NODE_RECOVERING;
    if (node->is_held)
        return WARD__NODE_HELD;
    if (node->is_waiting)
        return WARD__NODE_DELAYED;
    if (node->is_judged_now)
        return WARD__NODE_DECIDING;
    if (node->want == MODEL_LIVE)
        return n == 0 || node->was_ready ? WARD__NODE_UP : WARD__NODE_STARTING;
    if (node->is_halting)
        return WARD__NODE_HALTING;
    if (model_youngest_child(m, n) >= 0)
        return WARD__NODE_EMPTYING;
    if (node->has_process)
        return node->may_not_clean || !node->was_ready ? WARD__NODE_EXITING
                                                       : WARD__NODE_FINISHING;
    return (enum ward__node_state)MODEL_DOWN;
}

bool
model_is(const struct model *m, int n, enum ward__node_state state)
{
    return model_state(m, n) == state;
}

bool
model_lives(const struct model *m, int n)
{
    return model_is(m, n, WARD__NODE_UP) || model_is(m, n, WARD__NODE_STARTING);
}

bool
model_has_effect(const struct model *m, int n, enum ward__node_state state)
{
    if (state == WARD__NODE_UP)
        return model_is_supervisor(m, n);
    return state != WARD__NODE_EMPTYING && state != WARD__NODE_HELD;
}

/* ---- ends of the way down ---- */

/* The shell is to see to its state. */
static void
note(struct model *m, int n)
{
    enum ward__node_state state = model_state(m, n);

    m->nodes[n].shown = (int)state;
    if (!model_has_effect(m, n, state))
        return;
    for (int i = 0; i < m->todo_count; i++)
        if (m->todo[i] == n)
            memmove(&m->todo[i], &m->todo[i + 1],
                    (size_t)(--m->todo_count - i) * sizeof m->todo[0]);
    m->todo[m->todo_count++] = n;
}

int64_t
model_wait_after(int failures_beyond)
{
    static const int64_t waits[] = {10, 20, 40, 80, 160, 320, 640, 1000};

    assert(failures_beyond >= 1);
    return waits[failures_beyond > 8 ? 7 : failures_beyond - 1];
}

void
model_begin_life(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->want = MODEL_LIVE;
    node->has_process = !model_is_supervisor(m, n);
    node->was_ready = node->has_cleaned = node->may_not_clean = false;
    if (node->is_absent) { /* it is a new actor */
        node->granted.count = 0;
        node->restarts = node->failed_starts = node->spawn_errors = 0;
    }
    node->is_waiting = node->is_held = node->is_absent = false;
    node->is_due = node->is_unwanted = false;
    node->is_shutdown_due = false;
    node->phase = WARD__GROUP_QUIET;
    node->trigger = node->current = -1;
    node->children_granted.count = 0; /* its children are new */
    node->delay_ms = 0;
    node->starts++;
    node->shown = -1;
}

/* The delay was granted with the restart. */
static void
live_again(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->delay_ms == 0) {
        model_begin_life(m, n);
        return;
    }
    node->is_waiting = true;
    node->shown = -1;
}

void
model_fail_from_below(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (n == 0) {
        if (model_is(m, 0, WARD__NODE_UP))
            node->want = MODEL_ESCALATE;
        return;
    }
    if (!model_lives(m, n))
        return;
    node->failed_starts += !node->was_ready;
    node->is_halting = !model_is_supervisor(m, n);
    if (node->is_trial && model_is_supervisor(m, n)) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_UNSTARTED;
    } else if (!model_lives(m, node->parent)) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_TEMPORARY;
    } else if (model_is_covered(m, n)) {
        model_take_along(m, n);
    } else {
        node->want = MODEL_FAIL;
    }
}

/* Its place stays, for a start by hand or with its group. */
static bool
stays(const struct model *m, int n)
{
    const struct model_node *node = &m->nodes[n];
    const struct ward__policy *policy;

    if (node->parent < 0)
        return false;
    policy = &m->nodes[node->parent].options.policy;
    return policy->is_supervisor && model_lives(m, node->parent) &&
           policy->group != WARD_SIMPLE_ONE_FOR_ONE &&
           node->options.restart != WARD_TEMPORARY &&
           !(node->is_new && node->why == WARD__ENDED_UNSTARTED);
}

void
model_be_over(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];
    int parent = node->parent;
    bool was_covered = model_is_covered(m, n);

    node->is_recovering = false;
    if (stays(m, n)) {
        node->is_absent = true;
        node->lives_over++;
    } else {
        node->is_over = true;
    }
    note(m, n);
    if (parent < 0)
        return;
    if (node->want == MODEL_ESCALATE)
        model_fail_from_below(m, parent);
    else if (node->why == WARD__ENDED_UNSTARTED && model_is_supervisor(m, parent) &&
             model_is(m, parent, WARD__NODE_STARTING))
        model_fail_from_below(m, parent);
    if (m->nodes[parent].options.policy.is_supervisor && model_lives(m, parent))
        model_child_is_over(m, n, was_covered);
}

static bool
owes_post_stop(const struct model_node *node)
{
    return node->options.has_post_stop && !node->options.is_brutal && node->was_ready &&
           !node->has_cleaned;
}

/* No child, no process: what was it for? */
static void
resolve_wish(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];
    bool is_wanted = node->parent < 0 || model_lives(m, node->parent);

    if (!is_wanted && (node->want == MODEL_RESTART || node->want == MODEL_HOLD)) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_STOPPED;
    }
    if (!is_wanted && node->want == MODEL_FAIL) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_TEMPORARY;
    }
    if ((node->want == MODEL_RESTART || node->want == MODEL_FAIL) &&
        model_is_covered(m, n))
        model_take_along(m, n);
    if (node->want == MODEL_FAIL && node->is_trial) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_UNSTARTED;
    }
    if (node->want == MODEL_RESTART && m->nodes[node->parent].trigger == n)
        node->is_held = true;
    else if (node->want == MODEL_HOLD)
        node->is_held = true;
    else if (node->want == MODEL_RESTART)
        live_again(m, n);
    else if (node->want == MODEL_FAIL)
        node->is_judged_now = true;
    else if (owes_post_stop(node))
        node->is_recovering = true;
    else
        model_be_over(m, n);
}

bool
model_resolve(struct model *m, int n)
{
    if (!model_is(m, n, (enum ward__node_state)MODEL_DOWN))
        return false;
    resolve_wish(m, n);
    if (!model_is(m, n, (enum ward__node_state)MODEL_DOWN) &&
        (int)model_state(m, n) != m->nodes[n].shown)
        note(m, n);
    return true;
}

void
model_stop_alone(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->is_over || node->is_absent || node->is_recovering ||
        node->want >= MODEL_STOP)
        return;
    if (model_lives(m, n) && n > 0 && !model_is_supervisor(m, n))
        node->is_halting = true;
    if (node->is_waiting || node->is_held)
        node->is_due = false;
    node->is_waiting = node->is_held = false;
    node->want = MODEL_STOP;
    node->why = WARD__ENDED_STOPPED;
}

/* One that is absent is forgotten. */
void
model_leave(struct model *m, int n)
{
    m->nodes[n].is_absent = m->nodes[n].is_due = false;
    m->nodes[n].is_over = true;
}

/* It ends by itself. */
void
model_end_normally(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->why = WARD__ENDED_NORMAL;
    if (model_is_covered(m, n)) {
        model_take_along(m, n);
        return;
    }
    node->want = MODEL_STOP;
    if (node->options.restart == WARD_PERMANENT && model_lives(m, node->parent))
        model_want_counted_restart(m, n);
}

/* ---- until nothing changes any more ---- */

/* Stops a child that is not on its way yet, or forgets the last one if it is absent. True if
 * there was such a thing to do. */
static bool
empty(struct model *m, int n)
{
    int last = model_youngest_child(m, n);

    for (int i = m->count - 1; i > n; i--) {
        struct model_node *child = &m->nodes[i];
        bool has_turn = i == last || m->nodes[n].options.policy.stops_at_once;
        if (child->parent == n && !child->is_over && !child->is_absent && has_turn &&
            child->want < MODEL_STOP) {
            model_stop_alone(m, i);
            return true;
        }
    }
    if (!m->nodes[last].is_absent)
        return false;
    model_leave(m, last);
    return true;
}

/* One thing that follows for this node. */
static bool
follow_one(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];
    enum ward__node_state state = model_state(m, n);

    if (model_resolve(m, n))
        return true;
    if ((int)state != node->shown) {
        note(m, n);
        if (state == WARD__NODE_FINISHING)
            node->has_cleaned = true;
        return true;
    }
    if (state == WARD__NODE_EMPTYING)
        return empty(m, n);
    return state != WARD__NODE_ENDED && model_group_step(m, n);
}

/* Its significant children have ended: so does it. */
static bool
shut_down(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (!model_is(m, n, WARD__NODE_UP) || !node->is_shutdown_due)
        return false;
    node->is_shutdown_due = false;
    node->is_halting = !model_is_supervisor(m, n);
    model_end_normally(m, n);
    return true;
}

/* Children before parents. */
void
model_follow(struct model *m)
{
    bool is_more = true;

    while (is_more) {
        is_more = false;
        for (int n = m->count - 1; n >= 0 && !is_more; n--)
            is_more = follow_one(m, n);
        for (int n = m->count - 1; n > 0 && !is_more; n--)
            is_more = shut_down(m, n);
    }
}

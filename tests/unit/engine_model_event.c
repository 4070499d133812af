#include "tests/unit/engine_model_parts.h"

#include <assert.h>

#include <ward/export.h>

/* ---- new nodes ---- */

void
model_init(struct model *m)
{
    m->count = 1;
    m->todo_count = 0;
    m->nodes[0] = (struct model_node){
        .parent = -1, .trigger = -1, .current = -1, .shown = (int)WARD__NODE_UP};
}

static int
new_node(struct model *m, int parent, const struct ward__node_options *options)
{
    int n = m->count++;

    assert(n < MODEL_NODES);
    m->nodes[n] = (struct model_node){.options = *options, .parent = parent};
    return n;
}

int
model_spawn(struct model *m, int parent, const struct ward__node_options *options)
{
    int n = new_node(m, parent, options);

    m->nodes[n].is_trial = model_is_supervisor(m, n);
    model_begin_life(m, n);
    model_follow(m);
    return n;
}

int
model_adopt(struct model *m, int parent, const struct ward__node_options *options)
{
    int n = new_node(m, parent, options);

    m->nodes[n].is_absent = true;
    m->nodes[n].shown = (int)WARD__NODE_ABSENT;
    m->nodes[n].is_trial = true;
    return n;
}

void
model_begin(struct model *m, int n)
{
    model_group_start(m, n);
    model_follow(m);
}

int
model_start_child(struct model *m, int parent, const struct ward__node_options *options)
{
    int n = new_node(m, parent, options);

    m->nodes[n].is_trial = m->nodes[n].is_new = true;
    model_begin_life(m, n);
    model_follow(m);
    return n;
}

/* ---- what workers do ---- */

void
model_ready(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->was_ready = true;
    node->ready_at = m->now;
    node->failed_starts = node->spawn_errors = 0;
    node->is_trial = node->is_new = false;
    model_follow(m);
}

void
model_ignored(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->may_not_clean = true;
    node->is_halting = false;
    if (node->want == MODEL_LIVE) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_IGNORED;
    }
    model_follow(m);
}

/* A failure of one that was alive. */
static void
fail(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->failed_starts += !node->was_ready;
    if (!model_lives(m, node->parent)) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_TEMPORARY;
    } else if (model_is_covered(m, n)) {
        model_take_along(m, n);
        node->may_not_clean |= node->want == MODEL_HOLD;
    } else if (node->is_trial && !node->was_ready) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_UNSTARTED;
    } else {
        node->is_judged_now = true;
    }
}

void
model_failed(struct model *m, int n, bool is_alive)
{
    struct model_node *node = &m->nodes[n];

    node->has_process = is_alive;
    if (model_lives(m, n))
        fail(m, n);
    else if (node->is_halting &&
             (node->want == MODEL_RESTART || node->want == MODEL_HOLD))
        node->may_not_clean = true;
    node->is_halting = false;
    model_follow(m);
}

void
model_directive(struct model *m, int n, ward_directive directive)
{
    struct model_node *node = &m->nodes[n];

    node->is_judged_now = false;
    if (node->want == MODEL_STOP || node->want == MODEL_HOLD) {
        /* somebody wants it stopped, or down: that overtakes the decision */
    } else if (!model_lives(m, node->parent)) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_TEMPORARY;
    } else if (model_is_covered(m, n)) {
        model_take_along(m, n);
    } else if (directive == WARD_DIRECTIVE_STOP) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_DECIDED;
    } else if (directive != WARD_DIRECTIVE_RESTART) {
        node->want = MODEL_ESCALATE;
        node->why = WARD__ENDED_DECIDED;
    } else if (node->options.restart == WARD_TEMPORARY) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_TEMPORARY;
    } else {
        model_want_counted_restart(m, n);
    }
    if (node->want == MODEL_RESTART || node->want == MODEL_HOLD)
        node->may_not_clean = true;
    model_follow(m);
}

void
model_quiet(struct model *m, int n, enum ward__says says)
{
    struct model_node *node = &m->nodes[n];

    bool is_own_wish = node->want == MODEL_LIVE;

    node->is_halting = false;
    if (is_own_wish) {
        node->want = MODEL_RESTART;
        node->delay_ms = 0;
    }
    if (says == WARD__SAYS_STOP && node->want == MODEL_RESTART)
        model_end_normally(m, n);
    if (is_own_wish && node->want == MODEL_RESTART && !model_lives(m, node->parent)) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_STOPPED;
    }
    model_follow(m);
}

/* ---- what becomes of processes ---- */

void
model_died(struct model *m, int n)
{
    m->nodes[n].has_process = false;
    m->nodes[n].is_halting = false;
    model_follow(m);
}

void
model_forced(struct model *m, int n)
{
    m->nodes[n].has_cleaned = true;
    model_died(m, n);
}

void
model_lost(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->is_recovering) {
        model_recovered(m, n);
        return;
    }
    if (model_lives(m, n)) {
        node->want = MODEL_RESTART;
        node->delay_ms = 0;
        if (node->options.restart == WARD_TEMPORARY) {
            node->want = MODEL_STOP;
            node->why = WARD__ENDED_TEMPORARY;
        }
    }
    model_died(m, n);
}

bool
model_spawn_error(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->is_recovering) {
        model_recovered(m, n);
        return false;
    }
    if (!model_is(m, n, WARD__NODE_STARTING)) {
        model_died(m, n);
        return false;
    }
    if (node->starts > 1 && model_youngest_child(m, n) < 0 && node->spawn_errors < 9) {
        node->has_process = false;
        node->is_waiting = true;
        node->delay_ms = model_wait_after(++node->spawn_errors);
        model_follow(m);
        return true;
    }
    node->spawn_errors = 0;
    model_failed(m, n, false);
    return false;
}

void
model_expired(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];
    struct model_node *parent = &m->nodes[n > 0 ? node->parent : 0];

    if (node->is_waiting && model_lives(m, node->parent)) {
        node->is_waiting = false;
        if (parent->phase == WARD__GROUP_DOWN && parent->trigger == n) {
            node->is_held = true;
            node->delay_ms = 0;
        } else {
            model_begin_life(m, n);
        }
    }
    model_follow(m);
}

void
model_recovered(struct model *m, int n)
{
    if (m->nodes[n].is_recovering)
        model_be_over(m, n);
    model_follow(m);
}

/* ---- what others want ---- */

void
model_stop(struct model *m, int n)
{
    model_stop_alone(m, n);
    model_follow(m);
}

void
model_restart(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    if (node->is_waiting) { /* the pause is over */
        model_expired(m, n);
        return;
    }
    if (n > 0 && model_is(m, n, WARD__NODE_UP)) {
        node->want = MODEL_RESTART;
        node->delay_ms = 0;
        node->is_halting = !model_is_supervisor(m, n);
    }
    model_follow(m);
}

void
model_restart_child(struct model *m, int n)
{
    if (m->nodes[n].is_absent) {
        m->nodes[n].is_trial = true;
        model_begin_life(m, n);
    }
    model_follow(m);
}

void
model_terminate_child(struct model *m, int n)
{
    if (m->nodes[m->nodes[n].parent].phase != WARD__GROUP_QUIET)
        m->nodes[n].is_unwanted = true;
    m->nodes[n].is_due &= !m->nodes[n].is_unwanted;
    model_stop_alone(m, n);
    model_follow(m);
}

void
model_delete_child(struct model *m, int n)
{
    if (m->nodes[n].is_absent)
        model_leave(m, n);
    model_follow(m);
}

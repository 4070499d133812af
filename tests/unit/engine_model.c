#include "tests/unit/engine_model.h"

#include <assert.h>
#include <string.h>

#include <ward/export.h>

/* ---- what is to be done, from the facts ---- */

static int
youngest_child(const struct model *m, int n)
{
    for (int i = m->count - 1; i > 0; i--)
        if (m->nodes[i].parent == n && !m->nodes[i].is_over)
            return i;
    return -1;
}

const char *
model_state(const struct model *m, int n)
{
    const struct model_node *node = &m->nodes[n];

    if (node->is_over)
        return "ENDED";
    if (node->is_recovering)
        return "RECOVERING";
    if (node->is_waiting)
        return "DELAYED";
    if (node->is_judged_now)
        return "DECIDING";
    if (node->want == MODEL_LIVE)
        return n == 0 || node->was_ready ? "UP" : "STARTING";
    if (node->is_halting)
        return "HALTING";
    if (youngest_child(m, n) >= 0)
        return "EMPTYING";
    if (node->has_process)
        return node->may_not_clean || !node->was_ready ? "EXITING" : "FINISHING";
    return "DOWN"; /* never seen from outside */
}

static bool
is(const struct model *m, int n, const char *state)
{
    return strcmp(model_state(m, n), state) == 0;
}

/* ---- ends of the way down ---- */

static int64_t
wait_after(int failures_beyond)
{
    static const int64_t waits[] = {10, 20, 40, 80, 160, 320, 640, 1000};

    assert(failures_beyond >= 1);
    return waits[failures_beyond > 8 ? 7 : failures_beyond - 1];
}

static void
begin_life(struct model_node *node)
{
    node->want = MODEL_LIVE;
    node->has_process = true;
    node->was_ready = node->has_cleaned = node->may_not_clean = false;
    node->is_waiting = false;
    node->starts++;
    node->shown = "";
}

/* The tenth failed start in a row is followed by 10 ms, each later one by more. */
static void
live_again(struct model_node *node)
{
    if (node->failed_starts < 10) {
        begin_life(node);
        return;
    }
    node->was_ready = false;
    node->is_waiting = true;
    node->delay_ms = wait_after(node->failed_starts - 9);
    node->shown = "";
}

static void
child_escalated(struct model *m, int parent)
{
    struct model_node *node = &m->nodes[parent];

    if (parent == 0 && is(m, 0, "UP")) {
        node->want = MODEL_ESCALATE;
    } else if (is(m, parent, "UP") || is(m, parent, "STARTING")) {
        node->failed_starts += !node->was_ready;
        node->want = MODEL_FAIL;
        node->is_halting = true;
    }
}

static void
be_over(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->is_recovering = false;
    node->is_over = true;
    if (node->want == MODEL_ESCALATE && node->parent >= 0)
        child_escalated(m, node->parent);
}

/* No child, no process: what was it for? */
static void
resolve(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];
    bool owes = node->options.has_post_stop && !node->options.is_brutal &&
                node->was_ready && !node->has_cleaned;

    if (node->want == MODEL_RESTART)
        live_again(node);
    else if (node->want == MODEL_FAIL)
        node->is_judged_now = true;
    else if (owes)
        node->is_recovering = true;
    else
        be_over(m, n);
}

static void
stop_alone(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];
    bool is_up = is(m, n, "UP") || is(m, n, "STARTING");

    if (node->is_over || node->is_recovering || node->want >= MODEL_STOP)
        return;
    if (is_up && n > 0)
        node->is_halting = true;
    node->is_waiting = false;
    node->want = MODEL_STOP;
    node->why = WARD__ENDED_STOPPED;
}

/* ---- until nothing changes any more ---- */

static void
note(struct model *m, int n)
{
    const char *state = model_state(m, n);

    m->nodes[n].shown = state;
    if (strcmp(state, "UP") == 0 || strcmp(state, "EMPTYING") == 0)
        return;
    for (int i = 0; i < m->todo_count; i++)
        if (m->todo[i] == n)
            memmove(&m->todo[i], &m->todo[i + 1],
                    (size_t)(--m->todo_count - i) * sizeof m->todo[0]);
    m->todo[m->todo_count++] = n;
}

/* One thing that follows from the facts, children before parents; true if there was one. */
static bool
follow(struct model *m)
{
    for (int n = m->count - 1; n >= 0; n--) {
        struct model_node *node = &m->nodes[n];
        if (is(m, n, "DOWN")) {
            resolve(m, n);
            if (!is(m, n, "DOWN"))
                note(m, n);
            return true;
        }
        if (strcmp(model_state(m, n), node->shown) != 0) {
            note(m, n);
            if (is(m, n, "FINISHING"))
                node->has_cleaned = true;
            if (is(m, n, "EMPTYING"))
                stop_alone(m, youngest_child(m, n));
            return true;
        }
        /* The next one, when one has gone. */
        if (is(m, n, "EMPTYING") && m->nodes[youngest_child(m, n)].want < MODEL_STOP) {
            stop_alone(m, youngest_child(m, n));
            return true;
        }
    }
    return false;
}

static void
follow_all(struct model *m)
{
    while (follow(m))
        ;
}

/* ---- events ---- */

void
model_init(struct model *m)
{
    m->count = 1;
    m->todo_count = 0;
    m->nodes[0] = (struct model_node){.parent = -1, .shown = "UP"};
}

int
model_spawn(struct model *m, int parent, const struct ward__node_options *options)
{
    int n = m->count++;

    assert(n < MODEL_NODES);
    m->nodes[n] = (struct model_node){.options = *options, .parent = parent};
    begin_life(&m->nodes[n]);
    follow_all(m);
    return n;
}

void
model_ready(struct model *m, int n)
{
    struct model_node *node = &m->nodes[n];

    node->was_ready = true;
    node->failed_starts = node->spawn_errors = 0;
    follow_all(m);
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
    follow_all(m);
}

void
model_failed(struct model *m, int n, bool is_alive)
{
    struct model_node *node = &m->nodes[n];
    bool is_live = is(m, n, "UP") || is(m, n, "STARTING");

    node->has_process = is_alive;
    if (is_live && !node->was_ready)
        node->failed_starts++;
    if (is_live)
        node->is_judged_now = true;
    if (node->is_halting && node->want == MODEL_RESTART)
        node->may_not_clean = true;
    node->is_halting = false;
    follow_all(m);
}

static bool
is_granted(struct model_node *node, int64_t now)
{
    int max = node->options.max_restarts != 0 ? node->options.max_restarts : 3;
    int within = node->options.within_ms != 0 ? node->options.within_ms : 60000;
    int used = 0;

    if (max == WARD_INFINITE || within == WARD_ZERO)
        return true;
    for (int i = 0; i < node->granted_count; i++)
        used += within == WARD_INFINITE || now - node->granted[i] < within;
    if (max == WARD_ZERO || used >= max)
        return false;
    assert(node->granted_count < MODEL_GRANTS);
    node->granted[node->granted_count++] = now;
    return true;
}

/* It is to be restarted, if that is granted. */
static void
want_counted_restart(struct model_node *node, int64_t now)
{
    node->want = MODEL_RESTART;
    if (is_granted(node, now))
        return;
    node->why = WARD__ENDED_LIMIT;
    node->want =
        node->options.on_limit == WARD_DIRECTIVE_ESCALATE ? MODEL_ESCALATE : MODEL_STOP;
}

void
model_directive(struct model *m, int n, ward_directive directive, int64_t now)
{
    struct model_node *node = &m->nodes[n];

    node->is_judged_now = false;
    if (node->want == MODEL_STOP) {
        /* somebody wants it stopped: that overtakes the decision */
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
        want_counted_restart(node, now);
    }
    if (node->want == MODEL_RESTART)
        node->may_not_clean = true;
    follow_all(m);
}

void
model_quiet(struct model *m, int n, enum ward__says says, int64_t now)
{
    struct model_node *node = &m->nodes[n];
    bool is_own_wish = node->want == MODEL_LIVE;

    node->is_halting = false;
    if (is_own_wish)
        node->want = MODEL_RESTART;
    if (says == WARD__SAYS_STOP && node->want == MODEL_RESTART) {
        node->want = MODEL_STOP;
        node->why = WARD__ENDED_NORMAL;
        if (node->options.restart == WARD_PERMANENT)
            want_counted_restart(node, now);
    }
    follow_all(m);
}

void
model_died(struct model *m, int n)
{
    m->nodes[n].has_process = false;
    m->nodes[n].is_halting = false;
    follow_all(m);
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
    if (is(m, n, "UP") || is(m, n, "STARTING")) {
        node->want = MODEL_RESTART;
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
    if (!is(m, n, "STARTING")) {
        model_died(m, n);
        return false;
    }
    if (node->starts > 1 && youngest_child(m, n) < 0 && node->spawn_errors < 9) {
        node->has_process = false;
        node->is_waiting = true;
        node->delay_ms = wait_after(++node->spawn_errors);
        follow_all(m);
        return true;
    }
    node->spawn_errors = 0;
    model_failed(m, n, false);
    return false;
}

void
model_expired(struct model *m, int n)
{
    if (m->nodes[n].is_waiting)
        begin_life(&m->nodes[n]);
    follow_all(m);
}

void
model_recovered(struct model *m, int n)
{
    if (m->nodes[n].is_recovering)
        be_over(m, n);
    follow_all(m);
}

void
model_stop(struct model *m, int n)
{
    stop_alone(m, n);
    follow_all(m);
}

void
model_restart(struct model *m, int n)
{
    if (n > 0 && is(m, n, "UP")) {
        m->nodes[n].want = MODEL_RESTART;
        m->nodes[n].is_halting = true;
    }
    follow_all(m);
}

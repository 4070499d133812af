#include "tests/unit/engine_play.h"

#include <stdio.h>
#include <string.h>

#include <ward/export.h>

uint64_t play_seed;
bool play_is_traced;

void
play_trace(const char *format, ...)
{
    va_list list;

    if (!play_is_traced)
        return;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
}

const char *
play_state_of(const struct play *p, int n)
{
    return ward__node_state_name(p->actors[n].node->state);
}

bool
play_is(const struct play *p, int n, enum ward__node_state state)
{
    return p->actors[n].node != NULL && p->actors[n].node->state == state;
}

/* ---- comparing ---- */

static bool
is_idle(enum ward__node_state state)
{
    return state == WARD__NODE_DELAYED || state == WARD__NODE_HELD ||
           state == WARD__NODE_ABSENT || state == WARD__NODE_ENDED;
}

static void
compare_node(const struct play *p, int n)
{
    static const enum model_want wants[] = {
        [WARD__GOAL_NONE] = MODEL_LIVE, [WARD__GOAL_RESTART] = MODEL_RESTART,
        [WARD__GOAL_HOLD] = MODEL_HOLD, [WARD__GOAL_FAIL] = MODEL_FAIL,
        [WARD__GOAL_STOP] = MODEL_STOP, [WARD__GOAL_ESCALATE] = MODEL_ESCALATE,
    };
    const struct ward__node *node = p->actors[n].node;
    const struct model_node *expected = &p->model.nodes[n];
    enum ward__node_state state = model_state(&p->model, n);

    CHECK(node->state == state, "node %d: %s, not %s", n, play_state_of(p, n),
          ward__node_state_name(state));
    CHECK(node->why == expected->why, "node %d: why %d, not %d", n, (int)node->why,
          (int)expected->why);
    if (n == 0 || !is_idle(state)) /* there it does not matter what it was for */
        CHECK(wants[node->goal] == expected->want, "node %d: goal %d, not %d", n,
              (int)node->goal, (int)expected->want);
    if (state == WARD__NODE_DELAYED)
        CHECK(node->delay_ms == expected->delay_ms, "node %d: %d ms, not %d", n,
              (int)node->delay_ms, (int)expected->delay_ms);
    if (n > 0 && state != WARD__NODE_ENDED)
        CHECK(node->has_process == expected->has_process, "node %d: process", n);
    if (n > 0)
        CHECK(node->failed_starts == (uint32_t)expected->failed_starts,
              "node %d: %u failed starts, not %d", n, node->failed_starts,
              expected->failed_starts);
    CHECK(node->lives_over == (uint32_t)expected->lives_over, "node %d: %u lives, not %d",
          n, node->lives_over, expected->lives_over);
    if (state == WARD__NODE_UP || state == WARD__NODE_STARTING)
        CHECK(node->phase == expected->phase, "node %d: phase %d, not %d", n,
              (int)node->phase, (int)expected->phase);
}

/* The living children of every node, in start order. */
static void
compare_children(const struct play *p)
{
    const struct ward__node *next[MODEL_NODES];

    for (int n = 0; n < p->count; n++) {
        int parent = p->actors[n].parent;
        next[n] =
            p->actors[n].node != NULL ? TAILQ_FIRST(&p->actors[n].node->children) : NULL;
        if (n == 0 || p->model.nodes[n].is_over)
            continue;
        CHECK(next[parent] != NULL && next[parent] == p->actors[n].node,
              "node %d: child %d", parent, n);
        next[parent] = TAILQ_NEXT(next[parent], sibling);
    }
    for (int n = 0; n < p->count; n++)
        CHECK(next[n] == NULL, "node %d: one child too many", n);
}

static void
check_window(const struct model_grants *granted, int from, int max, int within, int n)
{
    if (max == WARD_INFINITE || within == WARD_ZERO)
        return;
    for (int i = from; i < granted->count; i++) {
        int first = i;
        while (first > 0 && (within == WARD_INFINITE ||
                             granted->at[first - 1] > granted->at[i] - within))
            first--;
        CHECK(max != WARD_ZERO && i - first < max, "node %d: %d restarts granted", n,
              i - first + 1);
    }
}

/* A window grants no more than it says, however it came about. */
static void
check_grants(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];
    const struct model_node *node = &p->model.nodes[n];
    const struct ward__node_options *o = &actor->node->options;

    if (actor->grants_seen > node->granted.count) /* a new life */
        actor->grants_seen = 0;
    if (actor->child_grants_seen > node->children_granted.count)
        actor->child_grants_seen = 0;
    if (actor->grants_seen < node->granted.count) {
        check_window(&node->granted, actor->grants_seen, o->max_restarts, o->within_ms,
                     n);
        if (o->slow_max_restarts != 0)
            check_window(&node->granted, actor->grants_seen, o->slow_max_restarts,
                         o->slow_within_ms, n);
    }
    if (actor->child_grants_seen < node->children_granted.count) {
        check_window(&node->children_granted, actor->child_grants_seen,
                     o->policy.intensity, o->policy.period_ms, n);
        if (o->policy.slow_intensity != 0)
            check_window(&node->children_granted, actor->child_grants_seen,
                         o->policy.slow_intensity, o->policy.slow_period_ms, n);
    }
    actor->grants_seen = node->granted.count;
    actor->child_grants_seen = node->children_granted.count;
}

/* A supervisor that is up: no restart of its group under way means that nobody waits for one;
 * and one that is none has no place for those who have ended. */
static void
check_family(const struct play *p, int n)
{
    const struct ward__node *node = p->actors[n].node;
    const struct ward__node *child;
    bool is_quiet = node->state == WARD__NODE_UP && node->phase == WARD__GROUP_QUIET;

    TAILQ_FOREACH (child, &node->children, sibling) {
        CHECK(child->state != WARD__NODE_ENDED, "node %d has an ended child", n);
        CHECK(child->state != WARD__NODE_HELD || !is_quiet, "node %d: held for ever", n);
        CHECK(child->state != WARD__NODE_ABSENT || node->options.policy.is_supervisor,
              "node %d: an absent child", n);
    }
    if (node->options.kind == WARD__KIND_SUPERVISOR)
        CHECK(node->state != WARD__NODE_HALTING && node->state != WARD__NODE_FINISHING &&
                  node->state != WARD__NODE_EXITING && !node->has_process,
              "node %d: a supervisor is %s", n, play_state_of(p, n));
}

void
play_compare(struct play *p)
{
    for (int n = 0; n < p->count; n++) {
        if (p->actors[n].node == NULL) {
            CHECK(p->model.nodes[n].is_over, "node %d is forgotten and not over", n);
            continue;
        }
        compare_node(p, n);
        check_grants(p, n);
        check_family(p, n);
    }
    compare_children(p);
}

/* ---- events, given to both ---- */

/* An event of a node is about to be reported. */
static struct ward__node *
at(struct play *p, int n, const char *what)
{
    play_trace("  %d: %s\n", n, what);
    p->engine.now = p->model.now = p->now;
    return p->actors[n].node;
}

void
play_birth(struct play *p, int parent, const struct ward__node_options *options,
           play_engine_birth in_engine, play_model_birth in_model)
{
    struct actor *actor = &p->actors[p->count];

    play_trace(
        "  %d is a new child of %d: kind %d group %d auto %d at once %d, %d in %d ms\n",
        p->count, parent, (int)options->kind,
        options->policy.is_supervisor ? (int)options->policy.group : -1,
        (int)options->policy.auto_shutdown, (int)options->policy.stops_at_once,
        options->policy.intensity, options->policy.period_ms);
    play_trace("  restart %d significant %d post_stop %d, %d in %d ms, on limit %d\n",
               (int)options->restart, (int)options->is_significant,
               (int)options->has_post_stop, options->max_restarts, options->within_ms,
               (int)options->on_limit);
    p->engine.now = p->model.now = p->now;
    *actor = (struct actor){.parent = parent, .depth = p->actors[parent].depth + 1};
    actor->is_late = p->actors[parent].node->phase == WARD__GROUP_DOWN;
    actor->node = malloc(sizeof *actor->node);
    assert_non_null(actor->node);
    assert_int_equal(ward__node_init(actor->node, options), 0);
    in_engine(&p->engine, p->actors[parent].node, actor->node);
    assert_int_equal(in_model(&p->model, parent, options), p->count);
    p->count++;
}

void
play_begin(struct play *p, int n)
{
    ward__engine_begin(&p->engine, at(p, n, "begin"));
    model_begin(&p->model, n);
}

void
play_ready(struct play *p, int n)
{
    p->actors[n].stage = UP;
    ward__engine_ready(&p->engine, at(p, n, "ready"));
    model_ready(&p->model, n);
}

void
play_ignored(struct play *p, int n)
{
    p->actors[n].stage = GONE;
    ward__engine_ignored(&p->engine, at(p, n, "ignored"));
    model_ignored(&p->model, n);
}

void
play_spawn_error(struct play *p, int n)
{
    bool is_again = ward__engine_spawn_error(&p->engine, at(p, n, "no process"));

    p->actors[n].stage = NONE;
    CHECK(model_spawn_error(&p->model, n) == is_again, "node %d: tried again?", n);
}

void
play_failed(struct play *p, int n, bool is_alive)
{
    p->actors[n].stage = is_alive ? RAISED : NONE;
    ward__engine_failed(&p->engine, at(p, n, is_alive ? "failed, alive" : "failed, dead"),
                        is_alive);
    model_failed(&p->model, n, is_alive);
}

void
play_directive(struct play *p, int n, ward_directive directive)
{
    struct ward__node *node = at(p, n, "directive");

    play_trace("    %d\n", (int)directive);
    ward__engine_directive(&p->engine, node, directive);
    model_directive(&p->model, n, directive);
}

void
play_died(struct play *p, int n)
{
    p->actors[n].stage = NONE;
    ward__engine_died(&p->engine, at(p, n, "died"));
    model_died(&p->model, n);
}

void
play_recovered(struct play *p, int n)
{
    p->actors[n].stage = NONE;
    ward__engine_recovered(&p->engine, at(p, n, "recovered"));
    model_recovered(&p->model, n);
}

void
play_quiet(struct play *p, int n, enum ward__says says)
{
    struct ward__node *node = at(p, n, "quiet");

    play_trace("    says %d\n", (int)says);
    p->actors[n].stage = QUIET;
    ward__engine_quiet(&p->engine, node, says);
    model_quiet(&p->model, n, says);
}

/* The delay of a node is over, or a timer fires that should have been cancelled. */
void
play_expire(struct play *p, int n)
{
    ward__engine_expired(&p->engine, at(p, n, "expired"));
    model_expired(&p->model, n);
}

void
play_stop(struct play *p, int n)
{
    ward__engine_stop(&p->engine, at(p, n, "stop"));
    model_stop(&p->model, n);
}

void
play_restart(struct play *p, int n)
{
    ward__engine_restart(&p->engine, at(p, n, "restart"));
    model_restart(&p->model, n);
}

void
play_restart_child(struct play *p, int n)
{
    ward__engine_restart_child(&p->engine, at(p, n, "restart child"));
    model_restart_child(&p->model, n);
}

void
play_terminate_child(struct play *p, int n)
{
    ward__engine_terminate_child(&p->engine, at(p, n, "terminate child"));
    model_terminate_child(&p->model, n);
}

void
play_delete_child(struct play *p, int n)
{
    ward__engine_delete_child(&p->engine, at(p, n, "delete child"));
    model_delete_child(&p->model, n);
}

/* How the shell takes a death, whatever it was. */
void
play_die(struct play *p, int n, bool is_lost)
{
    struct actor *actor = &p->actors[n];
    enum ward__node_state state = actor->node->state;
    bool is_asked = actor->stage == GONE || actor->stage == RAISED ||
                    state == WARD__NODE_EXITING || state == WARD__NODE_FINISHING ||
                    state == WARD__NODE_EMPTYING;

    if (actor->stage == CLEANUP) {
        play_recovered(p, n);
    } else if (is_lost) {
        actor->stage = NONE;
        ward__engine_lost(&p->engine, at(p, n, "lost"));
        model_lost(&p->model, n);
    } else if (is_asked) {
        play_died(p, n);
    } else if (state == WARD__NODE_HALTING && actor->is_doomed) {
        actor->stage = NONE;
        actor->node->owes_post_stop = false;
        ward__engine_died(&p->engine, at(p, n, "killed at the deadline"));
        model_forced(&p->model, n);
    } else {
        play_failed(p, n, false);
    }
}

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

static const char *
state_of(const struct play *p, int n)
{
    return ward__node_state_name(p->actors[n].node->state);
}

bool
play_is(const struct play *p, int n, enum ward__node_state state)
{
    return p->actors[n].node != NULL && p->actors[n].node->state == state;
}

/* ---- comparing ---- */

static void
compare_node(const struct play *p, int n)
{
    static const enum model_want wants[] = {
        [WARD__GOAL_NONE] = MODEL_LIVE,         [WARD__GOAL_RESTART] = MODEL_RESTART,
        [WARD__GOAL_FAIL] = MODEL_FAIL,         [WARD__GOAL_STOP] = MODEL_STOP,
        [WARD__GOAL_ESCALATE] = MODEL_ESCALATE,
    };
    const struct ward__node *node = p->actors[n].node;
    const struct model_node *expected = &p->model.nodes[n];

    CHECK(strcmp(state_of(p, n), model_state(&p->model, n)) == 0, "node %d: %s, not %s",
          n, state_of(p, n), model_state(&p->model, n));
    CHECK(node->why == expected->why, "node %d: why %d, not %d", n, (int)node->why,
          (int)expected->why);
    if (node->state != WARD__NODE_DELAYED) /* there it does not matter what it was for */
        CHECK(wants[node->goal] == expected->want, "node %d: goal %d", n,
              (int)node->goal);
    if (node->state == WARD__NODE_DELAYED)
        CHECK(node->delay_ms == expected->delay_ms, "node %d: %d ms", n,
              (int)node->delay_ms);
    if (n > 0 && node->state != WARD__NODE_ENDED)
        CHECK(node->has_process == expected->has_process, "node %d: process", n);
}

/* The living children of every node, in start order. */
static void
compare_children(const struct play *p, int n)
{
    struct ward__node *child = TAILQ_FIRST(&p->actors[n].node->children);

    for (int i = 1; i < p->count; i++) {
        if (p->model.nodes[i].parent != n || p->model.nodes[i].is_over)
            continue;
        CHECK(child == p->actors[i].node, "node %d: child %d", n, i);
        child = TAILQ_NEXT(child, sibling);
    }
    CHECK(child == NULL, "node %d: one child too many", n);
}

void
play_compare(const struct play *p)
{
    for (int n = 0; n < p->count; n++) {
        if (p->actors[n].node == NULL) {
            CHECK(p->model.nodes[n].is_over, "node %d is forgotten and not over", n);
            continue;
        }
        compare_node(p, n);
        compare_children(p, n);
    }
}

/* A window grants no more than it says, however it came about. */
static void
check_grants(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];
    const struct ward__node_options *options = &actor->node->options;
    int64_t within = options->within_ms;
    int used = 0;

    actor->granted[actor->granted_count++] = p->now;
    for (int i = 0; i < actor->granted_count; i++)
        used += within == WARD_INFINITE || p->now - actor->granted[i] < within;
    if (options->max_restarts == WARD_INFINITE || within == WARD_ZERO)
        return;
    CHECK(options->max_restarts != WARD_ZERO && used <= options->max_restarts,
          "node %d: %d restarts granted", n, used);
}

static bool
is_counted_restart(const struct ward__node *node)
{
    return node->goal == WARD__GOAL_RESTART || node->state == WARD__NODE_STARTING ||
           node->state == WARD__NODE_DELAYED;
}

/* ---- events, given to both ---- */

void
play_spawn_error(struct play *p, int n)
{
    struct ward__node *node = p->actors[n].node;
    bool is_again = ward__engine_spawn_error(&p->engine, node);

    play_trace("  %d: no process\n", n);
    p->actors[n].stage = NONE;
    CHECK(model_spawn_error(&p->model, n) == is_again, "node %d: tried again?", n);
}

void
play_failed(struct play *p, int n, bool is_alive)
{
    play_trace("  %d: failed, %s\n", n, is_alive ? "alive" : "dead");
    p->actors[n].stage = is_alive ? RAISED : NONE;
    ward__engine_failed(&p->engine, p->actors[n].node, is_alive);
    model_failed(&p->model, n, is_alive);
}

static void
died(struct play *p, int n)
{
    play_trace("  %d: died\n", n);
    p->actors[n].stage = NONE;
    ward__engine_died(&p->engine, p->actors[n].node);
    model_died(&p->model, n);
}

static void
recovered(struct play *p, int n)
{
    play_trace("  %d: recovered\n", n);
    p->actors[n].stage = NONE;
    ward__engine_recovered(&p->engine, p->actors[n].node);
    model_recovered(&p->model, n);
}

void
play_quiet(struct play *p, int n, enum ward__says says)
{
    struct actor *actor = &p->actors[n];
    bool was_up = play_is(p, n, WARD__NODE_UP);

    play_trace("  %d: quiet %d\n", n, (int)says);
    actor->stage = QUIET;
    p->engine.now = p->now;
    ward__engine_quiet(&p->engine, actor->node, says);
    model_quiet(&p->model, n, says, p->now);
    if (was_up && says == WARD__SAYS_STOP && is_counted_restart(actor->node))
        check_grants(p, n);
}

void
play_stop(struct play *p, int n)
{
    play_trace("  %d: stop\n", n);
    ward__engine_stop(&p->engine, p->actors[n].node);
    model_stop(&p->model, n);
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
        recovered(p, n);
    } else if (is_lost) {
        play_trace("  %d: lost\n", n);
        actor->stage = NONE;
        ward__engine_lost(&p->engine, actor->node);
        model_lost(&p->model, n);
    } else if (is_asked) {
        died(p, n);
    } else if (state == WARD__NODE_HALTING && actor->is_doomed) {
        play_trace("  %d: killed at the deadline\n", n);
        actor->stage = NONE;
        actor->node->owes_post_stop = false;
        ward__engine_died(&p->engine, actor->node);
        model_forced(&p->model, n);
    } else {
        play_failed(p, n, false);
    }
}

/* ---- the shell: effects ---- */

static void
do_start(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    CHECK(actor->stage == NONE, "node %d starts while its process exists", n);
    actor->is_doomed = actor->was_told = false;
    actor->post_stops = 0;
    actor->stage = BORN;
    if (!p->is_closing && random_is(&p->random, 10))
        play_spawn_error(p, n);
}

static void
do_decide(struct play *p, int n)
{
    static const ward_directive directives[] = {
        WARD_DIRECTIVE_RESTART, WARD_DIRECTIVE_RESTART,  WARD_DIRECTIVE_RESTART,
        WARD_DIRECTIVE_RESTART, WARD_DIRECTIVE_ESCALATE, WARD_DIRECTIVE_STOP,
        WARD_DIRECTIVE_RESTART, (ward_directive)77,
    };
    struct ward__node *node = p->actors[n].node;
    ward_directive directive = directives[random_below(&p->random, 8)];

    if (p->is_stubborn)
        directive = WARD_DIRECTIVE_RESTART;
    if (node->goal == WARD__GOAL_STOP)
        directive = WARD_DIRECTIVE_STOP;
    play_trace("  %d: directive %d\n", n, (int)directive);
    p->engine.now = p->now;
    ward__engine_directive(&p->engine, node, directive);
    model_directive(&p->model, n, directive, p->now);
    if (directive == WARD_DIRECTIVE_RESTART && is_counted_restart(node))
        check_grants(p, n);
}

static void
do_halt(struct play *p, int n)
{
    p->actors[n].was_told = true;
    if (p->actors[n].stage == NONE)
        died(p, n);
    else if (p->actors[n].node->options.is_brutal)
        p->actors[n].is_doomed = true;
}

static void
check_alone(struct play *p, int n)
{
    CHECK(TAILQ_EMPTY(&p->actors[n].node->children), "node %d has children", n);
    for (int i = 1; i < p->count; i++)
        CHECK(p->actors[i].node == NULL || p->actors[i].parent != n,
              "node %d: the end of child %d is not through", n, i);
}

static void
do_finish(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    check_alone(p, n);
    if (actor->stage == NONE) {
        died(p, n);
        return;
    }
    CHECK(actor->stage == UP || actor->stage == QUIET || actor->stage == RAISED,
          "node %d: post_stop of one that was not up", n);
    CHECK(actor->post_stops++ == 0, "node %d: post_stop twice", n);
    actor->stage = LAST;
}

static void
do_exit(struct play *p, int n)
{
    check_alone(p, n);
    if (p->actors[n].stage == NONE)
        died(p, n);
}

static void
do_recover(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    check_alone(p, n);
    CHECK(actor->stage == NONE, "node %d: cleanup beside its process", n);
    CHECK(actor->node->options.has_post_stop && !actor->node->options.is_brutal,
          "node %d: cleanup of nothing", n);
    CHECK(actor->post_stops++ == 0, "node %d: post_stop twice", n);
    if (random_is(&p->random, 10))
        recovered(p, n);
    else
        actor->stage = CLEANUP;
}

static void
do_end(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    check_alone(p, n);
    CHECK(actor->stage == NONE, "node %d ends beside its process", n);
    ward__node_done(actor->node);
    free(actor->node);
    actor->node = NULL;
}

static void
carry_out(struct play *p, int n)
{
    play_trace("%d does %s\n", n, state_of(p, n));
    switch (p->actors[n].node->state) {
    case WARD__NODE_STARTING:
        do_start(p, n);
        break;
    case WARD__NODE_DECIDING:
        do_decide(p, n);
        break;
    case WARD__NODE_HALTING:
        do_halt(p, n);
        break;
    case WARD__NODE_FINISHING:
        do_finish(p, n);
        break;
    case WARD__NODE_EXITING:
        do_exit(p, n);
        break;
    case WARD__NODE_RECOVERING:
        do_recover(p, n);
        break;
    case WARD__NODE_ENDED:
        do_end(p, n);
        break;
    default:
        CHECK(play_is(p, n, WARD__NODE_DELAYED), "node %d: an effect of %s", n,
              state_of(p, n));
        break;
    }
}

/* The model's next: those that have no effect any more are passed over, as the shell does. */
static void
take_todo(struct play *p, int n)
{
    struct model *m = &p->model;
    int at = 0;

    while (at < m->todo_count && m->todo[at] != n) {
        const char *state = model_state(m, m->todo[at]);
        bool has_effect = strcmp(state, "UP") != 0 && strcmp(state, "EMPTYING") != 0;
        CHECK(!has_effect, "node %d before %d", n, m->todo[at]);
        at++;
    }
    CHECK(at < m->todo_count, "node %d: an effect the model has not", n);
    memmove(&m->todo[at], &m->todo[at + 1],
            (size_t)(m->todo_count - at - 1) * sizeof(int));
    m->todo_count--;
}

static int
number_of(const struct play *p, const struct ward__node *node)
{
    for (int n = 0; n < p->count; n++)
        if (p->actors[n].node == node)
            return n;
    fail_msg("WARD_SEED=%llu: an effect of a node that is gone",
             (unsigned long long)play_seed);
    return -1;
}

void
play_pump(struct play *p)
{
    struct ward__node *node;

    while ((node = ward__engine_next(&p->engine)) != NULL) {
        int n = number_of(p, node);
        take_todo(p, n);
        carry_out(p, n);
        play_compare(p);
    }
    for (int i = 0; i < p->model.todo_count; i++) {
        const char *state = model_state(&p->model, p->model.todo[i]);
        CHECK(strcmp(state, "UP") == 0 || strcmp(state, "EMPTYING") == 0,
              "node %d: no effect %s", p->model.todo[i], state);
    }
    p->model.todo_count = 0;
}

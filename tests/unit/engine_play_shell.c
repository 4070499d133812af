#include "tests/unit/engine_play.h"

#include <string.h>

#include <ward/export.h>

/* ---- chance ---- */

static int
one_of(struct play *p, const int *values, unsigned count)
{
    return values[random_below(&p->random, count)];
}

static const int windows[] = {WARD_ZERO, WARD_INFINITE, 1, 5, 20, 20, 100, 1000};

static struct ward__policy
random_policy(struct play *p)
{
    static const int intensities[] = {WARD_ZERO, WARD_INFINITE, WARD_INFINITE, 1, 1, 2, 3,
                                      30};
    struct random *random = &p->random;
    struct ward__policy policy = {
        .is_supervisor = true,
        .group = (ward_group)random_below(random, 4),
        .auto_shutdown = (ward_auto_shutdown)random_below(random, 3),
        .stops_at_once = random_is(random, 30),
        .intensity = one_of(p, intensities, 8),
        .period_ms = one_of(p, windows, 8),
    };

    if (random_is(random, 30)) {
        policy.slow_intensity = 2 + (int)random_below(random, 4);
        policy.slow_period_ms = 40;
    }
    return policy;
}

struct ward__node_options
play_options(struct play *p, bool may_be_supervisor)
{
    static const ward_restart_type types[] = {WARD_PERMANENT, WARD_TRANSIENT,
                                              WARD_TRANSIENT, WARD_TEMPORARY};
    static const int maxima[] = {WARD_ZERO, WARD_INFINITE, WARD_INFINITE, 1, 2, 3, 30};
    static const int firsts[] = {0, 0, 1, 5};
    struct random *random = &p->random;
    bool is_supervisor = may_be_supervisor && !p->is_plain && random_is(random, 40);
    struct ward__node_options options = {
        .kind = is_supervisor ? WARD__KIND_SUPERVISOR : WARD__KIND_ACTOR,
        .restart = types[random_below(random, 4)],
        .has_post_stop = !is_supervisor && random_is(random, 60),
        .is_brutal = !is_supervisor && random_is(random, 15),
        .max_restarts = one_of(p, maxima, 7),
        .within_ms = one_of(p, windows, 7),
        .on_limit = random_is(random, 60) ? WARD_DIRECTIVE_STOP : WARD_DIRECTIVE_ESCALATE,
        .backoff_first_ms = one_of(p, firsts, 4),
        .backoff_most_ms = 1 + random_below(random, 40),
        .healthy_ms = random_below(random, 20),
    };

    if (is_supervisor || (!p->is_plain && random_is(random, 30)))
        options.policy = random_policy(p);
    if (random_is(random, 20)) {
        options.slow_max_restarts = 1 + (int)random_below(random, 4);
        options.slow_within_ms = 50;
    }
    if (options.restart != WARD_PERMANENT)
        options.is_significant = random_is(random, 40);
    if (p->is_stubborn) {
        options.restart = WARD_TRANSIENT;
        options.max_restarts = WARD_INFINITE;
        options.policy.intensity = WARD_INFINITE;
        options.slow_max_restarts = options.policy.slow_intensity = 0;
    }
    return options;
}

/* ---- the shell: effects ---- */

/* A supervisor's declared children. */
static void
do_declared(struct play *p, int n)
{
    const struct ward__policy *policy = &p->actors[n].node->options.policy;
    int count = (int)random_below(&p->random, 5);

    if (policy->group == WARD_SIMPLE_ONE_FOR_ONE)
        count = 0;
    for (int i = 0; i < count && p->count < p->most; i++) {
        struct ward__node_options options = play_options(p, p->actors[n].depth < 3);
        play_birth(p, n, &options, ward__engine_adopt, model_adopt);
    }
    play_begin(p, n);
}

static void
do_start(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];
    bool is_supervisor = actor->node->options.kind == WARD__KIND_SUPERVISOR;

    CHECK(actor->stage == NONE, "node %d starts while its process exists", n);
    for (int i = n + 1; i < p->count && is_supervisor; i++)
        CHECK(p->actors[i].node == NULL || p->actors[i].parent != n,
              "node %d starts before child %d has ended", n, i);
    actor->is_doomed = actor->was_told = false;
    actor->post_stops = 0;
    if (is_supervisor) {
        do_declared(p, n);
        return;
    }
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
    play_directive(p, n, directive);
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

/* Taken down with its group: all that come after it and belong to it are down, if nothing has
 * happened since it was told. */
static void
check_reverse_order(const struct play *p, int n)
{
    const struct ward__node *node = p->actors[n].node;
    const struct ward__node *later = node;

    if (p->patience < 100 || node->goal != WARD__GOAL_HOLD ||
        node->parent->phase != WARD__GROUP_DOWN ||
        node->parent->trigger->state != WARD__NODE_HELD ||
        node->parent->falling != node) /* it goes by itself */
        return;
    while ((later = TAILQ_NEXT(later, sibling)) != NULL)
        CHECK(later->state == WARD__NODE_HELD || later->state == WARD__NODE_ABSENT ||
                  p->actors[number_of(p, later)].is_late,
              "node %d goes down before a later one, which is %s", n,
              ward__node_state_name(later->state));
}

static void
do_halt(struct play *p, int n)
{
    check_reverse_order(p, n);
    p->actors[n].was_told = true;
    if (p->actors[n].stage == NONE)
        play_died(p, n);
    else if (p->actors[n].node->options.is_brutal)
        p->actors[n].is_doomed = true;
}

static void
check_alone(struct play *p, int n)
{
    CHECK(TAILQ_EMPTY(&p->actors[n].node->children), "node %d has children", n);
    for (int i = n + 1; i < p->count; i++)
        CHECK(p->actors[i].node == NULL || p->actors[i].parent != n,
              "node %d: the end of child %d is not through", n, i);
}

static void
do_finish(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    check_alone(p, n);
    if (actor->stage == NONE) {
        play_died(p, n);
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
        play_died(p, n);
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
        play_recovered(p, n);
    else
        actor->stage = CLEANUP;
}

static void
do_absent(struct play *p, int n)
{
    check_alone(p, n);
    CHECK(p->actors[n].stage == NONE, "node %d ends beside its process", n);
}

static void
do_end(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    do_absent(p, n);
    ward__node_done(actor->node);
    free(actor->node);
    actor->node = NULL;
}

static void
carry_out(struct play *p, int n)
{
    play_trace("%d does %s\n", n, play_state_of(p, n));
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
    case WARD__NODE_ABSENT:
        do_absent(p, n);
        break;
    case WARD__NODE_ENDED:
        do_end(p, n);
        break;
    default:
        CHECK(play_is(p, n, WARD__NODE_DELAYED) ||
                  (play_is(p, n, WARD__NODE_UP) &&
                   p->actors[n].node->options.kind == WARD__KIND_SUPERVISOR),
              "node %d: an effect of %s", n, play_state_of(p, n));
        break;
    }
}

static bool
has_effect_now(const struct model *m, int n)
{
    return model_has_effect(m, n, model_state(m, n));
}

/* The model's next: those that have no effect any more are passed over, as the shell does. */
static void
take_todo(struct play *p, int n)
{
    struct model *m = &p->model;
    int done = 0;

    while (done < m->todo_count && m->todo[done] != n) {
        CHECK(!has_effect_now(m, m->todo[done]), "node %d before %d", n, m->todo[done]);
        done++;
    }
    CHECK(done < m->todo_count, "node %d: an effect the model has not", n);
    memmove(&m->todo[0], &m->todo[done + 1],
            (size_t)(m->todo_count - done - 1) * sizeof(int));
    m->todo_count -= done + 1;
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
    for (int i = 0; i < p->model.todo_count; i++)
        CHECK(!has_effect_now(&p->model, p->model.todo[i]), "node %d: no effect %s",
              p->model.todo[i],
              ward__node_state_name(model_state(&p->model, p->model.todo[i])));
    p->model.todo_count = 0;
}

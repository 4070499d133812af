/*
 * Engine site: a supervisor with children on the small tree, and what children do.
 *
 * Used by: test_engine_group.c, test_engine_manage.c. Uses: engine_tree.h.
 */
#ifndef WARD_TESTS_UNIT_ENGINE_SITE_H
#define WARD_TESTS_UNIT_ENGINE_SITE_H

#include "tests/unit/engine_tree.h"

/* ---- a supervisor and its children ---- */

static const struct ward__node_options permanent = {
    .kind = WARD__KIND_ACTOR,
    .restart = WARD_PERMANENT,
    .max_restarts = WARD_INFINITE,
    .on_limit = WARD_DIRECTIVE_STOP,
};

static inline struct ward__node_options
of_type(ward_restart_type type, bool is_significant)
{
    struct ward__node_options options = permanent;

    options.restart = type;
    options.is_significant = is_significant;
    return options;
}

static inline struct ward__node_options
supervisor(ward_group group, int intensity)
{
    struct ward__node_options options = permanent;

    options.kind = WARD__KIND_SUPERVISOR;
    options.policy = (struct ward__policy){
        .is_supervisor = true,
        .group = group,
        .stops_at_once = group == WARD_SIMPLE_ONE_FOR_ONE,
        .intensity = intensity,
        .period_ms = 5000,
    };
    return options;
}

static inline struct ward__node *
adopt(struct ward__node *parent, const struct ward__node_options *options)
{
    struct ward__node *node = &tree.nodes[tree.count++];

    assert_in_range(tree.count, 1, NODES);
    assert_int_equal(ward__node_init(node, options), 0);
    ward__engine_adopt(&tree.engine, parent, node);
    return node;
}

static inline struct ward__node *
start_child(struct ward__node *parent, const struct ward__node_options *options)
{
    struct ward__node *node = &tree.nodes[tree.count++];

    assert_in_range(tree.count, 1, NODES);
    assert_int_equal(ward__node_init(node, options), 0);
    ward__engine_start_child(&tree.engine, parent, node);
    return node;
}

/* The supervisor's children, all alike, have been adopted and are up; and so is it. */
static inline void
bring_up(struct ward__node *node, int count, const struct ward__node_options *options)
{
    struct ward__node *first = &tree.nodes[tree.count];

    assert_string_equal(ward__node_state_name(node->state), "STARTING");
    for (int i = 0; i < count; i++)
        adopt(node, options);
    ward__engine_begin(&tree.engine, node);
    for (int i = 0; i < count; i++)
        ready(&first[i]);
    assert_string_equal(ward__node_state_name(node->state), "UP");
    effects();
}

static inline struct ward__node *
site(ward_group group, int intensity, int count, const struct ward__node_options *child)
{
    struct ward__node_options options = supervisor(group, intensity);
    struct ward__node *node = spawn_with(&tree.root, &options);

    effects();
    bring_up(node, count, child);
    return node;
}

/* It was told to halt, and does all it is asked to. */
static inline void
ends(struct ward__node *node)
{
    assert_string_equal(ward__node_state_name(node->state), "HALTING");
    quiet(node, WARD__SAYS_ASKED, tree.engine.now);
    goes(node);
}

/* It stops itself. */
static inline void
leaves(struct ward__node *node)
{
    quiet(node, WARD__SAYS_STOP, tree.engine.now);
    goes(node);
}

/* It dies, and the decider answers restart. */
static inline void
crashes(struct ward__node *node)
{
    dies(node);
    decide(node, RESTART, tree.engine.now);
}

static inline void
assert_state(const struct ward__node *node, const char *state)
{
    assert_string_equal(ward__node_state_name(node->state), state);
}

static inline void
assert_absent(const struct ward__node *node, enum ward__ended_why why)
{
    assert_state(node, "ABSENT");
    assert_int_equal(node->why, why);
}

#endif

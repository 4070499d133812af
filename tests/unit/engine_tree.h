/*
 * Engine tree: a small tree to play scenarios with, its effects as text, and short names for
 * the events.
 *
 * Used by: test_engine.c, test_engine_tree.c, engine_site.h. Uses: engine.h.
 */
#ifndef WARD_TESTS_UNIT_ENGINE_TREE_H
#define WARD_TESTS_UNIT_ENGINE_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ward/export.h>

#include "supervisor/engine.h"

enum { NODES = 16 };

/* A root and some nodes, called a, b, c... in the logs. */
struct tree {
    struct ward__engine engine;
    struct ward__node root;
    struct ward__node nodes[NODES];
    int count;
    char log[2048]; /* of effects: "a:STARTING " */
};

static struct tree tree;

static const struct ward__node_options defaults = {
    .kind = WARD__KIND_ACTOR,
    .restart = WARD_TRANSIENT,
    .has_post_stop = true,
    .max_restarts = WARD_INFINITE,
    .on_limit = WARD_DIRECTIVE_STOP,
};

static inline int
setup(void **state)
{
    (void)state;
    tree.count = 0;
    ward__engine_init(&tree.engine, &tree.root);
    return 0;
}

static inline int
teardown(void **state)
{
    (void)state;
    for (int i = 0; i < tree.count; i++)
        ward__node_done(&tree.nodes[i]);
    return 0;
}

/* The effects that are due, in order, like "a:STARTING b:ENDED". */
static inline const char *
effects(void)
{
    struct ward__node *node;
    size_t size = 0;

    tree.log[0] = '\0';
    while ((node = ward__engine_next(&tree.engine)) != NULL) {
        const char *name = ward__node_state_name(node->state);
        int who = node == &tree.root ? '/' : 'a' + (int)(node - tree.nodes);
        size += (size_t)snprintf(tree.log + size, sizeof tree.log - size, "%s%c:%s",
                                 size > 0 ? " " : "", who, name);
    }
    return tree.log;
}

#define EFFECTS(text) assert_string_equal(effects(), text)

static inline struct ward__node *
spawn_with(struct ward__node *parent, const struct ward__node_options *options)
{
    struct ward__node *node = &tree.nodes[tree.count++];

    assert_in_range(tree.count, 1, NODES);
    assert_int_equal(ward__node_init(node, options), 0);
    ward__engine_spawn(&tree.engine, parent, node);
    return node;
}

static inline struct ward__node *
up_with(struct ward__node *parent, const struct ward__node_options *options)
{
    struct ward__node *node = spawn_with(parent, options);

    effects();
    ward__engine_ready(&tree.engine, node);
    assert_int_equal(node->state, WARD__NODE_UP);
    return node;
}

static inline struct ward__node *
up(struct ward__node *parent)
{
    return up_with(parent, &defaults);
}

/* ---- short names for events ---- */

static inline void
ready(struct ward__node *node)
{
    ward__engine_ready(&tree.engine, node);
}

static inline void
dies(struct ward__node *node) /* by itself */
{
    ward__engine_failed(&tree.engine, node, false);
}

static inline void
raises(struct ward__node *node)
{
    ward__engine_failed(&tree.engine, node, true);
}

static inline void
goes(struct ward__node *node) /* as it was asked to */
{
    ward__engine_died(&tree.engine, node);
}

static inline void
quiet(struct ward__node *node, enum ward__says says, int64_t now)
{
    tree.engine.now = now;
    ward__engine_quiet(&tree.engine, node, says);
}

static inline void
decide(struct ward__node *node, ward_directive directive, int64_t now)
{
    effects();
    tree.engine.now = now;
    ward__engine_directive(&tree.engine, node, directive);
}

static inline void
stop(struct ward__node *node)
{
    ward__engine_stop(&tree.engine, node);
}

static inline void
assert_ended(const struct ward__node *node, enum ward__ended_why why)
{
    assert_string_equal(ward__node_state_name(node->state), "ENDED");
    assert_int_equal(node->why, why);
}

#define RESTART WARD_DIRECTIVE_RESTART
#define STOP WARD_DIRECTIVE_STOP
#define ESCALATE WARD_DIRECTIVE_ESCALATE

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

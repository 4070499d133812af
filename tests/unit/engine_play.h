/*
 * Engine play: one history, given to the engine and to its model alike. It does what the shell
 * does for each effect, hands every event to both, and compares them: states, effects and
 * their order, who has ended and why; and it checks what must hold whatever they agree on.
 *
 * Used by: test_engine_model.c. Uses: engine_model.h, random.h.
 */
#ifndef WARD_TESTS_UNIT_ENGINE_PLAY_H
#define WARD_TESTS_UNIT_ENGINE_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "supervisor/engine.h"
#include "tests/unit/engine_model.h"
#include "tests/unit/random.h"

/* What a worker process has come to; the shell's stages, seen from the worker. */
enum stage { NONE, BORN, UP, RAISED, QUIET, LAST, GONE, CLEANUP };

struct actor {
    struct ward__node *node; /* owned; NULL: forgotten */
    int parent, depth;
    enum stage stage;
    bool is_doomed; /* killed at the deadline of its stop */
    bool was_told;  /* HALT */
    bool is_late;   /* born while its group went down */
    int post_stops; /* of this incarnation */
    int grants_seen, child_grants_seen;
};

struct play {
    struct random random;
    struct ward__engine engine;
    struct model model;
    struct actor actors[MODEL_NODES];
    int count, most;
    int64_t now;
    unsigned patience; /* percent of the events after which effects are carried out */
    unsigned goodness; /* percent of processes that do as they are asked */
    bool is_stubborn;  /* few nodes, whose starts fail again and again */
    bool is_plain;     /* actors only, none of them a supervisor */
    bool is_closing;   /* the root was stopped, and all answer */
};

/* The seed of the history, for the report of a failure; and whether to print it all. */
extern uint64_t play_seed;
extern bool play_is_traced;

void play_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(condition, ...)                                                            \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            print_error("history with WARD_SEED=%llu: ", (unsigned long long)play_seed); \
            print_error(__VA_ARGS__);                                                    \
            fail_msg(" (%s)", #condition);                                               \
        }                                                                                \
    } while (0)

bool play_is(const struct play *p, int n, enum ward__node_state state);
const char *play_state_of(const struct play *p, int n);

void play_compare(struct play *p);
/* Carries out all effects (engine_play_shell.c). */
void play_pump(struct play *p);

/* A child as chance will have it (engine_play_shell.c). */
struct ward__node_options play_options(struct play *p, bool may_be_supervisor);

/* Events. */
typedef void (*play_engine_birth)(struct ward__engine *e, struct ward__node *parent,
                                  struct ward__node *node);
typedef int (*play_model_birth)(struct model *m, int parent,
                                const struct ward__node_options *options);
void play_birth(struct play *p, int parent, const struct ward__node_options *options,
                play_engine_birth in_engine, play_model_birth in_model);
void play_begin(struct play *p, int n);
void play_ready(struct play *p, int n);
void play_ignored(struct play *p, int n);
void play_spawn_error(struct play *p, int n);
void play_failed(struct play *p, int n, bool is_alive);
void play_directive(struct play *p, int n, ward_directive directive);
void play_quiet(struct play *p, int n, enum ward__says says);
void play_died(struct play *p, int n);
void play_recovered(struct play *p, int n);
void play_expire(struct play *p, int n);
void play_stop(struct play *p, int n);
void play_restart(struct play *p, int n);
void play_restart_child(struct play *p, int n);
void play_terminate_child(struct play *p, int n);
void play_delete_child(struct play *p, int n);
/* Its process dies: what that means depends on what it was told. */
void play_die(struct play *p, int n, bool is_lost);

#endif

/*
 * Engine model: what the supervision of actors and supervisors comes to, written a second
 * time, to be slow and obvious. It keeps facts about each node (is there a process, was it
 * ready, what does it go down for) and computes what is to be done from them, from scratch,
 * after every event; a window is a count over the list of all restarts that were ever granted.
 * It shares nothing with the engine but the names of options and states.
 *
 * Used by: test_engine_model.c, engine_play.c. Uses: engine.h for names only.
 */
#ifndef WARD_TESTS_UNIT_ENGINE_MODEL_H
#define WARD_TESTS_UNIT_ENGINE_MODEL_H

#include "supervisor/engine.h"

enum { MODEL_NODES = 64, MODEL_GRANTS = 512 };

enum model_want {
    MODEL_LIVE,
    MODEL_RESTART,
    MODEL_HOLD, /* down with its group */
    MODEL_FAIL,
    MODEL_STOP,
    MODEL_ESCALATE
};

/* All restarts that were ever granted. */
struct model_grants {
    int64_t at[MODEL_GRANTS];
    int count;
};

struct model_node {
    struct ward__node_options options;
    int parent; /* -1: the root */
    bool is_over;
    bool is_absent; /* its life is over, its place stays */

    /* The incarnation. */
    bool has_process;
    bool was_ready;
    bool has_cleaned;   /* post_stop ran, or runs, in the process itself */
    bool may_not_clean; /* this process is not to run it */
    int64_t ready_at;

    /* What it waits for. */
    bool is_judged_now; /* the decider is asked */
    bool is_halting;    /* the message in hand */
    bool is_waiting;    /* a delay */
    bool is_held;       /* its group */
    bool is_recovering; /* post_stop in a fresh process */

    enum model_want want;
    enum ward__ended_why why;
    int starts, failed_starts, spawn_errors, restarts, lives_over;
    int64_t delay_ms; /* granted with the next start, or waited now */
    struct model_grants granted;

    /* As a child of a supervisor. */
    bool is_due, is_trial, is_new, is_unwanted;

    /* As a supervisor. */
    enum ward__group_phase phase;
    int trigger, current; /* -1: none */
    bool is_shutdown_due;
    struct model_grants children_granted;

    int shown; /* its state when it was looked at last; -1: none, to be told anew */
};

struct model {
    int64_t now;
    struct model_node nodes[MODEL_NODES];
    int count;             /* 0 is the root; children are older than later ones */
    int todo[MODEL_NODES]; /* nodes whose state has an effect not yet carried out */
    int todo_count;
};

void model_init(struct model *m);
int model_spawn(struct model *m, int parent, const struct ward__node_options *options);

/* Its state, in the engine's words. */
enum ward__node_state model_state(const struct model *m, int n);
/* Has that state an effect, for such a node? */
bool model_has_effect(const struct model *m, int n, enum ward__node_state state);

void model_ready(struct model *m, int n);
void model_ignored(struct model *m, int n);
void model_failed(struct model *m, int n, bool is_alive);
void model_directive(struct model *m, int n, ward_directive directive);
void model_quiet(struct model *m, int n, enum ward__says says);
void model_died(struct model *m, int n);
/* As died; and ward's KILL at the deadline leaves no post_stop to be made up for. */
void model_forced(struct model *m, int n);
void model_lost(struct model *m, int n);
bool model_spawn_error(struct model *m, int n);
void model_expired(struct model *m, int n);
void model_recovered(struct model *m, int n);
void model_stop(struct model *m, int n);
void model_restart(struct model *m, int n);

int model_adopt(struct model *m, int parent, const struct ward__node_options *options);
void model_begin(struct model *m, int n);
int model_start_child(struct model *m, int parent,
                      const struct ward__node_options *options);
void model_restart_child(struct model *m, int n);
void model_terminate_child(struct model *m, int n);
void model_delete_child(struct model *m, int n);

#endif

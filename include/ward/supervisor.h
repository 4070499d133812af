/*
 * Supervisor: rules for the children of one node, in OTP's terms, declared as data.
 *
 * On a spec without behavior it is a node without a process, whose children are declared here.
 * On an actor's spec the same rules govern what that actor spawns.
 *
 *   static const ward_spec parts[] = {
 *       {.id = "cache", .behavior = &cache, .shutdown_ms = 2000},
 *       {.id = "pool", .supervisor = &pool},
 *       {0},
 *   };
 *   static const ward_supervisor site = {
 *       .group = WARD_REST_FOR_ONE, .intensity = 3, .period_ms = 5000, .children = parts,
 *   };
 *   WARD_REGISTER(site);
 *   ...
 *   ward_spawn(ctx, &ref, &(ward_spec){.id = "site", .supervisor = &site});
 */
#ifndef WARD_SUPERVISOR_H
#define WARD_SUPERVISOR_H

#include <ward/value.h>

WARD_BEGIN

/* Who comes along when a child is restarted. */
typedef enum ward_group {
    WARD_ONE_FOR_ONE = 0, /* nobody */
    WARD_ONE_FOR_ALL, /* all others: stopped in reverse order, then all started in order */
    WARD_REST_FOR_ONE,       /* those that were started after it */
    WARD_SIMPLE_ONE_FOR_ONE, /* a dynamic supervisor: any number of children made from one
                              * template (`children[0]`) by ward_start_child */
} ward_group;

/* Does the supervisor end, normally, when significant children have ended by themselves? */
typedef enum ward_auto_shutdown {
    WARD_NEVER = 0,
    WARD_ANY_SIGNIFICANT, /* when the first one has */
    WARD_ALL_SIGNIFICANT, /* when the last one has */
} ward_auto_shutdown;

/* At most so many restarts within so long: sliding, monotonic; one exactly that old has expired.
 * WARD_ZERO restarts: never; WARD_INFINITE: no limit. */
typedef struct ward_window {
    int max_restarts;
    int within_ms;
} ward_window;

/* The state of one window. */
typedef struct ward_window_use {
    bool is_limited; /* false: it grants always, and the rest is 0 */
    int max_restarts;
    int used;
    int64_t frees_in_ms; /* when one more will be granted: 0: now; -1: never */
} ward_window_use;

typedef struct ward_budget {
    ward_window_use own, own_slow;
    ward_window_use supervisor, supervisor_slow;
} ward_budget;

struct ward_spec;

typedef struct ward_supervisor {
    ward_group group;
    /* More restarts of children than `intensity` within `period_ms`, and it gives up: its
     * children end, and it fails itself with cause `intensity`; started again it has new children, with
     * new references. Each by itself: 0 is 1 restart, 5,000 ms; intensity WARD_INFINITE: no limit. */
    int intensity;
    int period_ms;
    /* A second window, against slow leaks; a restart needs both. 0 restarts: none. */
    ward_window slow;
    ward_auto_shutdown auto_shutdown;
    /* One for one: stop all children at once, each with its own deadline, and not one after the
     * other in reverse order. A dynamic supervisor always does. */
    bool stop_at_once;
    /* Dynamic: how many children there may be; 0: any number. */
    int max_children;
    /* Its children in start order; behind the last an empty spec: {0}. A dynamic supervisor
     * has one, the template. NULL for the rules of an actor. */
    const struct ward_spec *children;
} ward_supervisor;

WARD_END

#endif

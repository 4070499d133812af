/*
 * Window: how many restarts are still granted. Sliding, milliseconds, time passed in: one is
 * granted while fewer than `max` were granted within the last `within_ms`; one that is
 * exactly that old has expired; a refused one is not recorded. It decides nothing else.
 *
 * Used by: engine.c. Uses: nothing.
 */
#ifndef WARD_SUPERVISOR_WINDOW_H
#define WARD_SUPERVISOR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct ward__window {
    int64_t *granted; /* owned: a ring of `max` times, oldest first */
    uint32_t max;
    uint32_t first;
    uint32_t count;
    int64_t within_ms; /* 0: never limits */
    bool is_unlimited;
};

/*
 * `max_restarts` and `within_ms` as in ward_strategy. Everything that can fail does so here.
 * 0; -ENOMEM.
 */
int ward__window_init(struct ward__window *window, int max_restarts, int within_ms);
void ward__window_done(struct ward__window *window);

/* True, and recorded, if a restart is granted at `now`. */
bool ward__window_grant(struct ward__window *window, int64_t now);

/* How many are in the window at `now`. */
uint32_t ward__window_used(const struct ward__window *window, int64_t now);

#endif

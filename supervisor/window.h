/*
 * Window: how many restarts are still granted. Sliding, milliseconds, time passed in: one is
 * granted while fewer than `max` were granted within the last `within_ms`; one that is
 * exactly that old has expired; a refused one is not recorded. It decides nothing else.
 *
 * A budget is two of them: a fast one against bursts and, if it is asked for, a slow one
 * against leaks. What it grants both have granted, and both have recorded.
 *
 * Used by: engine.c, group.c, server.c. Uses: nothing.
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

/* The two halves of a grant: would it be granted, and: record it. */
bool ward__window_allows(struct ward__window *window, int64_t now);
void ward__window_record(struct ward__window *window, int64_t now);

/* How many are in the window at `now`. */
uint32_t ward__window_used(const struct ward__window *window, int64_t now);
/* When one more will be granted: `now`, or when the oldest expires; INT64_MAX: never. */
int64_t ward__window_frees_at(const struct ward__window *window, int64_t now);

struct ward__budget {
    struct ward__window fast, slow;
};

/* A slow window of 0 restarts is none. 0; -ENOMEM, with nothing left to be freed. */
int ward__budget_init(struct ward__budget *budget, int max_restarts, int within_ms,
                      int slow_max_restarts, int slow_within_ms);
void ward__budget_done(struct ward__budget *budget);
/* Nothing was ever granted. */
void ward__budget_clear(struct ward__budget *budget);
bool ward__budget_allows(struct ward__budget *budget, int64_t now);
/* Records one. True if with it four fifths of a window are used up, and were not before. */
bool ward__budget_record(struct ward__budget *budget, int64_t now);

#endif

#include "supervisor/window.h"

#include <errno.h>
#include <stdlib.h>

#include <ward/export.h>

#include "ipc/fault.h"

enum { DEFAULT_MAX = 3, DEFAULT_WITHIN_MS = 60000 };

int
ward__window_init(struct ward__window *window, int max_restarts, int within_ms)
{
    *window = (struct ward__window){0};
    if (max_restarts == 0)
        max_restarts = DEFAULT_MAX;
    if (within_ms == 0)
        within_ms = DEFAULT_WITHIN_MS;
    window->is_unlimited = max_restarts == WARD_INFINITE || within_ms == WARD_ZERO;
    if (max_restarts == WARD_ZERO || window->is_unlimited)
        return 0;
    window->within_ms = within_ms == WARD_INFINITE ? INT64_MAX : within_ms;
    window->granted = WARD__NEW(calloc((size_t)max_restarts, sizeof window->granted[0]));
    if (window->granted == NULL)
        return -ENOMEM;
    window->max = (uint32_t)max_restarts;
    return 0;
}

void
ward__window_done(struct ward__window *window)
{
    free(window->granted);
    *window = (struct ward__window){0};
}

static bool
has_expired(const struct ward__window *window, int64_t granted, int64_t now)
{
    return now - granted >= window->within_ms;
}

bool
ward__window_allows(struct ward__window *window, int64_t now)
{
    if (window->is_unlimited)
        return true;
    while (window->count > 0 &&
           has_expired(window, window->granted[window->first], now)) {
        window->first = (window->first + 1) % window->max;
        window->count--;
    }
    return window->count < window->max;
}

void
ward__window_record(struct ward__window *window, int64_t now)
{
    if (window->is_unlimited)
        return;
    window->granted[(window->first + window->count) % window->max] = now;
    window->count++;
}

bool
ward__window_grant(struct ward__window *window, int64_t now)
{
    if (!ward__window_allows(window, now))
        return false;
    ward__window_record(window, now);
    return true;
}

uint32_t
ward__window_used(const struct ward__window *window, int64_t now)
{
    uint32_t used = window->count;

    for (uint32_t i = 0; i < window->count; i++)
        if (has_expired(window, window->granted[(window->first + i) % window->max], now))
            used--;
    return used;
}

int64_t
ward__window_frees_at(const struct ward__window *window, int64_t now)
{
    uint32_t used = ward__window_used(window, now);
    int64_t oldest;

    if (window->is_unlimited || used < window->max)
        return now;
    if (window->max == 0 || window->within_ms == INT64_MAX)
        return INT64_MAX;
    oldest = window->granted[(window->first + window->count - used) % window->max];
    return oldest + window->within_ms;
}

/* ---- budgets ---- */

int
ward__budget_init(struct ward__budget *budget, int max_restarts, int within_ms,
                  int slow_max_restarts, int slow_within_ms)
{
    int result = ward__window_init(&budget->fast, max_restarts, within_ms);

    if (slow_max_restarts == 0)
        slow_max_restarts = WARD_INFINITE;
    if (result == 0)
        result = ward__window_init(&budget->slow, slow_max_restarts, slow_within_ms);
    if (result < 0)
        ward__budget_done(budget);
    return result;
}

void
ward__budget_done(struct ward__budget *budget)
{
    ward__window_done(&budget->fast);
    ward__window_done(&budget->slow);
}

void
ward__budget_clear(struct ward__budget *budget)
{
    budget->fast.count = budget->slow.count = 0;
}

bool
ward__budget_allows(struct ward__budget *budget, int64_t now)
{
    return ward__window_allows(&budget->fast, now) &&
           ward__window_allows(&budget->slow, now);
}

static bool
crosses_four_fifths(const struct ward__window *window)
{
    return !window->is_unlimited && window->count * 5 >= window->max * 4 &&
           (window->count - 1) * 5 < window->max * 4;
}

bool
ward__budget_record(struct ward__budget *budget, int64_t now)
{
    ward__window_record(&budget->fast, now);
    ward__window_record(&budget->slow, now);
    return crosses_four_fifths(&budget->fast) || crosses_four_fifths(&budget->slow);
}

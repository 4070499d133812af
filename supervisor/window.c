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
ward__window_grant(struct ward__window *window, int64_t now)
{
    if (window->is_unlimited)
        return true;
    while (window->count > 0 &&
           has_expired(window, window->granted[window->first], now)) {
        window->first = (window->first + 1) % window->max;
        window->count--;
    }
    if (window->count >= window->max)
        return false;
    window->granted[(window->first + window->count) % window->max] = now;
    window->count++;
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

#include "supervisor/spare.h"

#include <string.h>

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/system.h"

enum { LOSSES_MOST = 3, AFTER_MS = 2 };

static bool
is_time(const struct ward_system *sys)
{
    const struct ward__spares *spares = &sys->spares;

    return spares->are_wanted && spares->count < WARD__SPARES_MOST &&
           spares->losses < LOSSES_MOST && !sys->is_stopping && !sys->has_stopped &&
           ward__link_is_idle(&sys->link);
}

static void
make_one(struct ward_system *sys)
{
    struct ward__spares *spares = &sys->spares;
    struct ward__incarnation *inc;

    if (!is_time(sys))
        return;
    if (ward__incarnation_new_spare(sys, &inc) < 0)
        spares->losses++;
    else
        spares->waiting[spares->count++] = inc;
}

static void
is_due(struct ward__timer *timer)
{
    struct ward__spares *spares =
        (struct ward__spares *)(void *)((char *)timer -
                                        offsetof(struct ward__spares, due));
    struct ward_system *sys =
        (struct ward_system *)(void *)((char *)spares -
                                       offsetof(struct ward_system, spares));

    make_one(sys);
}

void
ward__spares_refill(struct ward_system *sys)
{
    if (is_time(sys) && !sys->spares.due.is_armed)
        ward__timer_set(&sys->loop, &sys->spares.due, ward__clock_ms() + AFTER_MS,
                        is_due);
}

static void
remove_at(struct ward__spares *spares, size_t at)
{
    spares->count--;
    memmove(&spares->waiting[at], &spares->waiting[at + 1],
            (spares->count - at) * sizeof spares->waiting[0]);
}

/* Descriptors travel with the request to make a process, and the page has the size of the largest
 * frame. */
struct ward__incarnation *
ward__spares_take(struct ward_system *sys, const struct ward__actor *actor)
{
    struct ward__spares *spares = &sys->spares;
    struct ward__incarnation *inc;

    if (spares->count == 0 || actor->fd_count > 0 ||
        actor->frame_bytes != sys->frame_bytes)
        return NULL;
    inc = spares->waiting[0];
    remove_at(spares, 0);
    return inc;
}

void
ward__spares_proved(struct ward_system *sys)
{
    sys->spares.are_wanted = true;
    sys->spares.losses = 0;
}

void
ward__spares_lost(struct ward__incarnation *inc)
{
    struct ward__spares *spares = &inc->sys->spares;

    for (size_t i = 0; i < spares->count; i++) {
        if (spares->waiting[i] != inc)
            continue;
        remove_at(spares, i);
        spares->losses++;
        return;
    }
}

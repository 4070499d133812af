#include "supervisor/spare.h"

#include <poll.h>
#include <string.h>

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/system.h"

enum { REFILL_AFTER_MS = 2, LOSSES_MOST = 3 };

/* ---- making ---- */

/* Who starts on demand comes first at the fork server. */
static bool
is_possible(const struct ward_system *sys)
{
    const struct ward__spares *spares = &sys->spares;

    return spares->are_wanted && spares->count < WARD__SPARES_MOST &&
           spares->losses < LOSSES_MOST && !sys->is_stopping && !sys->has_stopped &&
           ward__link_is_calm(&sys->link);
}

static void
make_one(struct ward_system *sys)
{
    struct ward__spares *spares = &sys->spares;
    struct ward__incarnation *inc;

    if (!is_possible(sys))
        return;
    if (ward__incarnation_new_spare(sys, &inc) < 0)
        spares->losses++;
    else
        spares->waiting[spares->count++] = inc;
}

static void
is_due(struct ward__timer *timer)
{
    make_one((struct ward_system *)(void *)((char *)timer -
                                            offsetof(struct ward_system, spares.due)));
}

void
ward__spares_refill(struct ward_system *sys)
{
    struct ward__timer *due = &sys->spares.due;

    if (is_possible(sys) && !due->is_armed)
        ward__timer_set(&sys->loop, due, ward__clock_ms() + REFILL_AFTER_MS, is_due);
}

void
ward__spares_want(struct ward_system *sys)
{
    sys->spares.are_wanted = true;
    sys->spares.losses = 0;
}

/* ---- taking ---- */

static struct ward__incarnation *
remove_at(struct ward__spares *spares, size_t at)
{
    struct ward__incarnation *inc = spares->waiting[at];

    spares->count--;
    memmove(&spares->waiting[at], &spares->waiting[at + 1],
            (spares->count - at) * sizeof spares->waiting[0]);
    return inc;
}

static struct ward__incarnation *
lose_at(struct ward__spares *spares, size_t at)
{
    spares->losses++;
    return remove_at(spares, at);
}

/* The loop may not have heard of it yet. */
static bool
is_dead(const struct ward__incarnation *inc)
{
    struct pollfd polled = {.fd = inc->pidfd, .events = POLLIN};

    return inc->pidfd >= 0 && poll(&polled, 1, 0) > 0;
}

/* Descriptors travel with the request to make a process; and the page is as large as its frames. */
struct ward__incarnation *
ward__spares_take(struct ward_system *sys, const struct ward__actor *actor)
{
    struct ward__spares *spares = &sys->spares;

    if (actor->fd_count > 0 || actor->frame_bytes != sys->frame_bytes)
        return NULL;
    while (spares->count > 0) {
        if (!is_dead(spares->waiting[0]))
            return remove_at(spares, 0);
        lose_at(spares, 0); /* and the loop sees to its end */
    }
    return NULL;
}

void
ward__spares_taken(struct ward_system *sys)
{
    if (sys->spares.count == 0)
        make_one(sys);
}

bool
ward__spares_give_up(struct ward_system *sys)
{
    struct ward__spares *spares = &sys->spares;
    struct ward__incarnation *inc;

    if (spares->count == 0)
        return false;
    inc = lose_at(spares, spares->count - 1);
    ward__incarnation_kill(inc, WARD__DOOM_KILL, "");
    ward__incarnation_free(inc);
    return true;
}

void
ward__spares_lose(struct ward__incarnation *inc)
{
    struct ward__spares *spares = &inc->sys->spares;

    for (size_t i = 0; i < spares->count; i++) {
        if (spares->waiting[i] != inc)
            continue;
        lose_at(spares, i);
        ward__spares_refill(inc->sys);
        return;
    }
}

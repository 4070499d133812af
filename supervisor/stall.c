#include "supervisor/stall.h"

#include <stddef.h>

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/intake.h"
#include "supervisor/system.h"

/* In so long at least so much of a frame moves, or the rest of it. */
enum { STALL_MS = 5000, STALL_LEAST = 64 * 1024 };

static bool
is_idle(const struct ward__channel *channel)
{
    uint64_t commit = atomic_load(&channel->page->commit);

    return atomic_load(&channel->page->phase) == WARD_PHASE_IDLE &&
           atomic_load(&channel->page->handling) == ward__commit_done(commit);
}

static void
look(const struct ward__incarnation *inc, struct ward__stall *now)
{
    const struct ward__channel *channel = &inc->channel;

    now->is_receiving = ward__framebuf_held(&channel->in) > 0;
    now->is_sending =
        channel->is_blocked && ward__channel_has_unsent(channel, &inc->actor->mailbox);
    now->is_idle = is_idle(channel);
    now->received = channel->received;
    now->written = channel->written;
    now->frames = channel->frames;
    now->commit = atomic_load(&channel->page->commit);
    now->heard = atomic_load(&channel->page->heard);
}

static bool
has_stalled(const struct ward__stall *then, const struct ward__stall *now)
{
    bool half_received = then->is_receiving && now->is_receiving &&
                         now->frames == then->frames &&
                         now->received - then->received < STALL_LEAST;
    bool half_sent = then->is_sending && now->is_sending && then->is_idle &&
                     now->is_idle && now->commit == then->commit &&
                     now->heard == then->heard &&
                     now->written - then->written < STALL_LEAST;

    return half_received || half_sent;
}

static bool
is_timed(const struct ward__incarnation *inc)
{
    return inc->channel.page != NULL && !inc->is_dead && inc->doom == WARD__DOOM_NONE &&
           !inc->channel.is_eof && inc->stage == WARD__STAGE_UP;
}

/* What waits in the socket is looked at first: a slow host must not kill a healthy one. */
static void
is_due(struct ward__timer *timer)
{
    struct ward__incarnation *inc =
        (struct ward__incarnation *)(void *)((char *)timer -
                                             offsetof(struct ward__incarnation, stall) -
                                             offsetof(struct ward__stall, timer));
    struct ward_system *sys = inc->sys;
    struct ward__stall then = inc->stall, now;

    ward__intake_catch_up(inc);
    if (is_timed(inc)) {
        ward__incarnation_write(inc); /* which times what is half way now */
        look(inc, &now);
        if (has_stalled(&then, &now))
            ward__incarnation_kill(inc, WARD__DOOM_STALL, "frame");
    }
    ward__system_pump(sys);
}

void
ward__stall_watch(struct ward__incarnation *inc)
{
    if (inc->stall.timer.is_armed || !is_timed(inc))
        return;
    look(inc, &inc->stall);
    if (inc->stall.is_receiving || inc->stall.is_sending)
        ward__timer_set(&inc->sys->loop, &inc->stall.timer, ward__clock_ms() + STALL_MS,
                        is_due);
}

void
ward__stall_forget(struct ward__incarnation *inc)
{
    ward__timer_cancel(&inc->sys->loop, &inc->stall.timer);
}

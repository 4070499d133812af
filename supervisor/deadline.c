#include "supervisor/deadline.h"

#include <errno.h>
#include <stddef.h>

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/intake.h"
#include "supervisor/life.h"
#include "supervisor/system.h"

struct ward__actor *
ward__actor_at(struct ward__timer *timer, size_t offset)
{
    return (struct ward__actor *)(void *)((char *)timer - offset);
}

void
ward__actor_set_deadline(struct ward__actor *actor, struct ward__timer *timer,
                         int64_t after_ms, void (*fire)(struct ward__timer *timer))
{
    if (after_ms == INT64_MAX)
        ward__timer_cancel(&actor->sys->loop, timer);
    else
        ward__timer_set(&actor->sys->loop, timer, ward__clock_ms() + after_ms, fire);
}

void
ward__actor_start_is_late(struct ward__timer *timer)
{
    struct ward__actor *actor =
        ward__actor_at(timer, offsetof(struct ward__actor, deadline));
    struct ward_system *sys = actor->sys;

    if (actor->now != NULL)
        ward__intake_catch_up(actor->now);
    if (actor->now != NULL && actor->node.state == WARD__NODE_STARTING)
        ward__incarnation_kill(actor->now, WARD__DOOM_START, "start");
    ward__system_pump(sys);
}

/* Its start has so long from now on: what the fork server takes for a crowd is not its fault. */
void
ward__actor_is_born(struct ward__actor *actor)
{
    if (actor->node.state == WARD__NODE_STARTING)
        ward__actor_set_deadline(actor, &actor->deadline, actor->start_ms,
                                 ward__actor_start_is_late);
}

void
ward__actor_force(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;

    if (inc == NULL)
        return;
    if (inc->is_cleanup && inc->pidfd < 0) { /* it was never even made */
        ward__incarnation_free(inc);
        ward__actor_tell(actor, WARD_EVENT_CLEANUP_SKIPPED, NULL);
        ward__engine_recovered(ward__engine_of(actor), &actor->node);
        return;
    }
    ward__incarnation_kill(inc, WARD__DOOM_STOP, "stop");
}

void
ward__actor_stop_is_late(struct ward__timer *timer)
{
    struct ward__actor *actor =
        ward__actor_at(timer, offsetof(struct ward__actor, deadline));
    struct ward_system *sys = actor->sys;
    enum ward__node_state state = actor->node.state;

    if (actor->now != NULL)
        ward__intake_catch_up(actor->now);
    if (actor->node.state == state)
        ward__actor_force(actor);
    ward__system_pump(sys);
}

/* One look at what a silent worker has done: a slow host must not kill a healthy one. */
static void
message_is_late(struct ward__timer *timer)
{
    struct ward__actor *actor =
        ward__actor_at(timer, offsetof(struct ward__actor, progress));
    struct ward__incarnation *inc = actor->now;

    if (inc == NULL || inc->stage != WARD__STAGE_UP)
        return;
    if (ward__channel_progress(&inc->channel, &actor->mailbox) < 0)
        ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, "a page that cannot be");
    else if (actor->mailbox.sent_number > actor->mailbox.done_number &&
             actor->mailbox.done_number == actor->progress_seen && !inc->awaits_room)
        ward__incarnation_kill(inc, WARD__DOOM_MESSAGE, "message");
    ward__actor_watch_progress(actor);
}

void
ward__actor_watch_progress(struct ward__actor *actor)
{
    struct ward__mailbox *box = &actor->mailbox;

    if (actor->message_ms == INT64_MAX || actor->now == NULL ||
        actor->progress.is_armed || box->sent_number == box->done_number)
        return;
    if (actor->now->stage != WARD__STAGE_UP || actor->now->doom != WARD__DOOM_NONE)
        return;
    actor->progress_seen = box->done_number;
    ward__actor_set_deadline(actor, &actor->progress, actor->message_ms, message_is_late);
}

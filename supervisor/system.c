#include "supervisor/system.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/failure.h"
#include "ipc/fault.h"
#include "supervisor/ask.h"
#include "supervisor/change.h"
#include "supervisor/deadline.h"
#include "supervisor/incarnation.h"
#include "supervisor/life.h"
#include "supervisor/root.h"

enum { DEFAULT_STOP_MS = 10000 };
enum { FRAME_DEFAULT = 4 << 20, FRAME_LEAST = 4096, FRAME_MOST = 64 << 20 };
/* Beside the values a frame has an envelope; values packed for the host have none. */
enum { SCRATCH_SLACK = 4096 };

/* ---- beginning and end ---- */

static int
check_options(const ward_system_options *options)
{
    int64_t frame = options->frame_bytes;

    if (frame != 0 && (frame < FRAME_LEAST || frame > FRAME_MOST))
        return -EINVAL;
    return options->stop_ms >= WARD_INFINITE ? 0 : -EINVAL;
}

static int
open_system(ward_system *sys)
{
    int result = ward__loop_init(&sys->loop);

    if (result == 0)
        result = ward__actor_new_root(sys);
    if (result == 0)
        result = ward__link_open(&sys->link, sys);
    if (result == 0)
        ward__loop_quieten(&sys->loop);
    return result;
}

/* What is left of it, however much there was. */
static void
release(ward_system *sys)
{
    struct ward__actor *actor;

    ward__link_close(&sys->link);
    while ((actor = ward__actor_last(sys)) != NULL)
        ward__actor_free(actor);
    ward__actor_free(sys->root);
    sys->root = NULL;
    ward__slots_done(&sys->actors);
    ward__slots_done(&sys->asks);
    ward__notices_done(&sys->notices);
    ward__refset_done(&sys->watched);
    ward__sink_done(&sys->scratch);
    ward__arena_done(&sys->arena);
    ward__loop_done(&sys->loop);
    free(sys->failure);
    free(sys);
}

int
ward_system_new(ward_system **made, const ward_system_options *options)
{
    static const ward_system_options defaults;
    ward_system *sys;
    int result;

    if (options == NULL)
        options = &defaults;
    if (made == NULL || check_options(options) < 0)
        return -EINVAL;
    result = ward__is_in_decider ? -EBUSY : ward_early();
    if (result < 0)
        return result;
    sys = WARD__NEW(calloc(1, sizeof *sys));
    if (sys == NULL)
        return -ENOMEM;
    sys->ctx.verbs = &ward__root_verbs;
    sys->options = *options;
    sys->generation = ward__fork_generation;
    sys->frame_bytes =
        options->frame_bytes != 0 ? (size_t)options->frame_bytes : (size_t)FRAME_DEFAULT;
    RB_INIT(&sys->paths);
    TAILQ_INIT(&sys->changes);
    ward__oom_begin(&sys->oom);
    ward__notices_init(&sys->notices);
    ward__sink_init(&sys->scratch, sys->frame_bytes + SCRATCH_SLACK);
    result = open_system(sys);
    if (result < 0) {
        release(sys);
        return result;
    }
    *made = sys;
    return 0;
}

void
ward_system_free(ward_system *sys)
{
    if (sys == NULL || sys->generation != ward__fork_generation || ward__is_in_decider)
        return;
    if (sys->is_in_callback)
        sys->is_free_due = true;
    else
        release(sys);
}

/* ---- the engine's wishes ---- */

/* Everything ends at once: told, not asked. */
static void
break_down(ward_system *sys)
{
    struct ward__actor *actor;
    uint32_t at = 0;

    sys->is_broken = false;
    ward__link_close(&sys->link);
    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL) {
        if (actor == sys->root)
            continue;
        ward__notice_event(sys, &(ward_event){.kind = WARD_EVENT_STOPPED,
                                              .actor = actor->ref,
                                              .path = actor->path,
                                              .incarnation = actor->incarnation,
                                              .text = "system failed",
                                              .end = WARD_END_KILLED});
    }
    while ((actor = ward__actor_last(sys)) != NULL)
        ward__actor_free(actor);
    ward__engine_init(&sys->engine, &sys->root->node);
    ward__asks_fail_all(sys->root, -WARD_ESTOPPED);
    ward__timer_cancel(&sys->loop, &sys->stop_deadline);
    sys->is_stopping = true;
    sys->has_stopped = true;
}

void
ward__system_fail(ward_system *sys, const ward_failure *failure)
{
    ward_failure record = *failure;

    if (sys->has_failed || sys->has_stopped)
        return;
    record.actor = record.origin = sys->root->ref;
    sys->failure = ward__failure_copy(&record);
    sys->has_failed = true;
    sys->is_broken = true; /* carried out where nobody holds an actor */
}

void
ward__system_pump(ward_system *sys)
{
    struct ward__node *node;

    if (sys->is_pumping)
        return;
    sys->is_pumping = true;
    do {
        while (!sys->is_broken && (node = ward__engine_next(&sys->engine)) != NULL)
            ward__actor_effect(ward__actor_of(node));
        if (!sys->is_broken)
            ward__changes_go_on(sys);
    } while (!sys->is_broken && !TAILQ_EMPTY(&sys->engine.queue));
    sys->is_pumping = false;
    if (sys->is_broken)
        break_down(sys);
}

static void
wake(struct ward__timer *timer)
{
    (void)timer; /* that the loop turned is all */
}

void
ward__system_settle(ward_system *sys)
{
    ward__system_pump(sys);
    ward__loop_quieten(&sys->loop);
    /* Notices queued by this very call are to show at the descriptor, too. */
    if (ward__notices_are_due(&sys->notices))
        ward__timer_set(&sys->loop, &sys->wakeup, 0, wake);
}

int
ward__system_check(const ward_system *sys)
{
    if (sys->generation != ward__fork_generation)
        return -ECHILD;
    return ward__is_in_decider ? -EBUSY : 0;
}

static int
check_outside(const ward_system *sys)
{
    int result = sys != NULL ? ward__system_check(sys) : -EINVAL;

    if (result < 0)
        return result;
    return sys->is_in_callback ? -EDEADLK : 0;
}

/* ---- running ---- */

int
ward__system_run_until(ward_system *sys, bool (*is_over)(void *user), void *user,
                       int64_t deadline)
{
    struct ward__timer alarm = {0};
    int result = 0;

    if (deadline > ward__clock_ms())
        ward__timer_set(&sys->loop, &alarm, deadline, wake);
    for (;;) {
        ward__system_pump(sys);
        if (is_over(user) || sys->has_stopped)
            break;
        if (deadline >= 0 && ward__clock_ms() >= deadline) {
            result = -ETIMEDOUT;
            break;
        }
        ward__loop_turn(&sys->loop, true);
    }
    ward__timer_cancel(&sys->loop, &alarm);
    return result;
}

static int
outcome(const ward_system *sys)
{
    return sys->has_failed ? -WARD_EFAILED : 0;
}

/* Calls what is due. True: the system was freed in a callback, and is gone. */
static bool
dispatch(ward_system *sys)
{
    ward__notices_dispatch(sys);
    if (!sys->is_free_due)
        return false;
    release(sys);
    return true;
}

/* What ends the waiting between two rounds of callbacks. */
struct round {
    ward_system *sys;
    bool (*is_over)(ward_system *sys);
};

static bool
is_round_over(void *user)
{
    const struct round *round = user;

    return ward__notices_are_due(&round->sys->notices) || round->is_over(round->sys);
}

/* Runs loop and callbacks in turn. 1: it was freed. */
static int
run(ward_system *sys, int64_t deadline, bool (*is_over)(ward_system *sys))
{
    struct round round = {sys, is_over};

    ward__loop_turn(&sys->loop, false);
    for (;;) {
        int result = ward__system_run_until(sys, is_round_over, &round, deadline);
        if (dispatch(sys))
            return 1;
        ward__system_pump(sys);
        if (result < 0)
            return result;
        if (!ward__notices_are_due(&sys->notices) && (sys->has_stopped || is_over(sys)))
            return 0;
    }
}

static bool
never(ward_system *sys)
{
    (void)sys;
    return false;
}

static int64_t
deadline_in(int timeout_ms)
{
    return timeout_ms == WARD_INFINITE ? -1 : ward__clock_ms() + timeout_ms;
}

static int
run_for(ward_system *sys, int timeout_ms, bool (*is_over)(ward_system *sys))
{
    int result = check_outside(sys);

    if (result == 0 && timeout_ms < 0 && timeout_ms != WARD_INFINITE)
        result = -EINVAL;
    if (result == 0)
        result = run(sys, deadline_in(timeout_ms), is_over);
    if (result == 1 || result == -ECHILD)
        return result == 1 ? 0 : result;
    ward__system_settle(sys);
    return result == 0 ? outcome(sys) : result;
}

int
ward_run(ward_system *sys)
{
    return run_for(sys, WARD_INFINITE, never);
}

int
ward_run_for(ward_system *sys, int timeout_ms)
{
    return run_for(sys, timeout_ms, never);
}

/* Nothing queued, in hand, starting or restarting. Busy workers are asked to ring. */
static bool
is_settled(ward_system *sys)
{
    struct ward__actor *actor;
    uint32_t at = 0;
    bool is_quiet = true;

    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL) {
        if (actor == sys->root)
            continue;
        if (ward__actor_is_supervisor(actor)) {
            is_quiet &= actor->node.state == WARD__NODE_UP &&
                        actor->node.phase == WARD__GROUP_QUIET && actor->change == NULL;
            continue;
        }
        if (actor->node.state != WARD__NODE_UP || actor->now == NULL ||
            actor->now->stage != WARD__STAGE_UP || actor->now->is_dead ||
            actor->now->doom != WARD__DOOM_NONE || actor->now->channel.is_eof) {
            is_quiet = false;
            continue;
        }
        if (actor->wants_room > 0) { /* the worker may be done and not have rung yet */
            (void)ward__channel_progress(&actor->now->channel, &actor->mailbox);
            ward__actor_room(actor);
            is_quiet = false;
        }
        if (ward__channel_is_idle(&actor->now->channel, &actor->mailbox))
            continue;
        ward__channel_want(&actor->now->channel);
        if (!ward__channel_is_idle(&actor->now->channel, &actor->mailbox))
            is_quiet = false;
    }
    return is_quiet;
}

int
ward_settle(ward_system *sys, int timeout_ms)
{
    return run_for(sys, timeout_ms, is_settled);
}

int
ward_system_dispatch(ward_system *sys)
{
    int result = check_outside(sys);

    if (result < 0)
        return result;
    ward__loop_turn(&sys->loop, false);
    ward__system_pump(sys);
    if (dispatch(sys))
        return 1;
    ward__system_settle(sys);
    if (!sys->has_stopped || ward__notices_are_due(&sys->notices))
        return 0;
    return sys->has_failed ? -WARD_EFAILED : 1;
}

/* ---- waiting for one actor ---- */

struct up_wait {
    ward_system *sys;
    ward_ref ref;
};

static bool
is_up_or_gone(void *user)
{
    const struct up_wait *wait = user;
    const struct ward__actor *actor = ward__actor_find(wait->sys, wait->ref);

    return actor == NULL || actor->node.state == WARD__NODE_UP;
}

int
ward_wait_up(ward_system *sys, ward_ref ref, int timeout_ms)
{
    struct up_wait wait = {sys, ref};
    struct ward__actor *actor;
    int result = check_outside(sys);

    if (result < 0)
        return result;
    if (ward__actor_find(sys, ref) == NULL)
        return -WARD_EUNKNOWN;
    result = ward__system_run_until(sys, is_up_or_gone, &wait, deadline_in(timeout_ms));
    actor = ward__actor_find(sys, ref);
    if (actor == NULL)
        return ward_ref_equal(sys->last_ignored, ref) ? -WARD_EIGNORED : -WARD_ESTART;
    if (result == -ETIMEDOUT)
        ward__engine_stop(ward__engine_of(actor), &actor->node);
    ward__system_settle(sys);
    return result;
}

static bool
is_gone(void *user)
{
    const struct up_wait *wait = user;

    return ward__actor_find(wait->sys, wait->ref) == NULL;
}

int
ward_wait_down(ward_system *sys, ward_ref ref, int timeout_ms)
{
    struct up_wait wait = {sys, ref};
    int result = check_outside(sys);

    if (result == 0)
        result = ward__system_run_until(sys, is_gone, &wait, deadline_in(timeout_ms));
    if (result == 0 || result == -ETIMEDOUT)
        ward__system_settle(sys);
    return result;
}

/* ---- the rest of the surface ---- */

ward_ctx *
ward_system_ctx(ward_system *sys)
{
    return sys != NULL ? &sys->ctx : NULL;
}

int
ward_system_fd(const ward_system *sys)
{
    return sys != NULL ? ward__loop_fd(&sys->loop) : -EINVAL;
}

static void
stop_is_late(struct ward__timer *timer)
{
    ward_system *sys =
        (ward_system *)(void *)((char *)timer - offsetof(ward_system, stop_deadline));
    struct ward__actor *actor;
    uint32_t at = 0;

    sys->is_forced = true;
    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL)
        ward__actor_force(actor);
    ward__system_pump(sys);
}

int
ward_system_stop(ward_system *sys)
{
    int result = sys != NULL ? ward__system_check(sys) : -EINVAL;
    int64_t stop_ms;

    if (result < 0 || sys->is_stopping || sys->has_stopped)
        return result;
    sys->is_stopping = true;
    stop_ms = sys->options.stop_ms == 0 ? DEFAULT_STOP_MS : sys->options.stop_ms;
    if (stop_ms != WARD_INFINITE)
        ward__timer_set(&sys->loop, &sys->stop_deadline,
                        ward__clock_ms() + (stop_ms > 0 ? stop_ms : 0), stop_is_late);
    ward__engine_stop(ward__engine_of(sys->root), &sys->root->node);
    ward__system_settle(sys);
    return 0;
}

const ward_failure *
ward_system_failure(const ward_system *sys)
{
    return sys != NULL && sys->has_failed ? sys->failure : NULL;
}

int64_t
ward_mailbox_count(ward_system *sys, ward_ref ref)
{
    int result = sys != NULL ? ward__system_check(sys) : -EINVAL;
    struct ward__actor *actor;

    if (result < 0)
        return result;
    actor = ward__actor_find(sys, ref);
    if (actor == NULL)
        return -WARD_EUNKNOWN;
    if (actor->now != NULL && actor->now->channel.page != NULL && !actor->now->has_raised)
        (void)ward__channel_progress(&actor->now->channel, &actor->mailbox);
    return (int64_t)ward__mailbox_count(&actor->mailbox);
}

int64_t
ward_process_id(ward_system *sys, ward_ref ref)
{
    int result = sys != NULL ? ward__system_check(sys) : -EINVAL;
    struct ward__actor *actor;

    if (result < 0)
        return result;
    actor = ward__actor_find(sys, ref);
    if (actor == NULL)
        return -WARD_EUNKNOWN;
    return actor->now != NULL ? actor->now->pid : 0;
}

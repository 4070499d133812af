#include "supervisor/run.h"

#include <errno.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/post.h"
#include "supervisor/system.h"

/* ---- waiting ---- */

static bool
is_late(int64_t deadline)
{
    return deadline >= 0 && ward__clock_ms() >= deadline;
}

static void
wake(struct ward__timer *timer)
{
    (void)timer; /* that the loop turned is all */
}

static int
turn_until(ward_system *sys, bool (*is_over)(void *user), void *user, int64_t deadline)
{
    struct ward__timer alarm = {0};
    int result = 0;

    if (deadline > ward__clock_ms())
        ward__timer_set(&sys->loop, &alarm, deadline, wake);
    ward__turn_begin(sys);
    for (;;) {
        ward__incarnations_write_due(sys);
        ward__system_pump(sys);
        if (is_over(user))
            break;
        if (is_late(deadline)) {
            result = -ETIMEDOUT;
            break;
        }
        ward__poll_turn(sys);
    }
    ward__turn_end(sys);
    ward__timer_cancel(&sys->loop, &alarm);
    return result;
}

static int
wait_until(ward_system *sys, bool (*is_over)(void *user), void *user, int64_t deadline)
{
    if (sys->turn.is_threaded)
        return ward__turn_wait(sys, is_over, user, deadline);
    return turn_until(sys, is_over, user, deadline);
}

struct wait {
    ward_system *sys;
    bool (*is_over)(void *user);
    void *user;
};

static bool
is_wait_over(void *user)
{
    const struct wait *wait = user;

    return wait->is_over(wait->user) || wait->sys->has_stopped;
}

int
ward__run_until(ward_system *sys, bool (*is_over)(void *user), void *user,
                int64_t deadline)
{
    struct wait wait = {sys, is_over, user};

    return wait_until(sys, is_wait_over, &wait, deadline);
}

static int64_t
deadline_in(int timeout_ms)
{
    return timeout_ms == WARD_INFINITE ? -1 : ward__clock_ms() + timeout_ms;
}

/* Enters, for what may not be called inside a callback. */
static int
enter_outside(ward_system *sys)
{
    int result = ward__system_enter(sys);

    if (result == 0 && ward__system_is_in_callback(sys)) {
        ward__system_leave(sys);
        result = -EDEADLK;
    }
    return result;
}

/* Who waited for something may now sleep elsewhere. */
static void
leave_to_sleep(ward_system *sys)
{
    if (!sys->turn.is_threaded) /* its thread sees to that */
        ward__loop_rest(&sys->loop);
    ward__system_leave(sys);
}

/* The same for who will not be called when something is due. */
static void
leave_orderly(ward_system *sys)
{
    ward__burial_finish(sys);
    leave_to_sleep(sys);
}

/* ---- callbacks ---- */

/* Without a thread of ward's own: what is due is done. */
static void
turn_once(ward_system *sys)
{
    if (sys->turn.is_threaded)
        return;
    ward__turn_begin(sys);
    ward__loop_turn(&sys->loop, false);
    ward__system_pump(sys);
    ward__turn_end(sys);
}

static void
call_back(ward_system *sys)
{
    ward__turn_hear(&sys->turn);
    if (!sys->turn.is_threaded)
        ward__turn_begin(sys);
    ward__notices_dispatch(sys);
    if (!sys->turn.is_threaded)
        ward__turn_end(sys);
}

/* Calls what is due. True: the system was freed in a callback, and is gone. */
static bool
dispatch(ward_system *sys)
{
    if (sys->is_in_callback || sys->turn.is_closed)
        return false; /* another thread is at it, or frees the system */
    call_back(sys);
    if (!sys->is_free_due)
        return false;
    ward__system_release(sys);
    return true;
}

/* ---- running ---- */

static int
outcome(const ward_system *sys)
{
    return sys->has_failed ? -WARD_EFAILED : 0;
}

struct round {
    ward_system *sys;
    bool (*is_over)(ward_system *sys);
};

/* Callbacks have been called, and no more will come. */
static bool
is_at_end(const struct round *round)
{
    ward_system *sys = round->sys;

    return !sys->is_in_callback && !ward__notices_are_due(&sys->notices) &&
           (sys->has_stopped || round->is_over(sys));
}

/* What ends the waiting between two rounds of callbacks: never the callback of another thread, which
 * needs its turn to return. */
static bool
is_round_over(void *user)
{
    const struct round *round = user;
    bool is_due = ward__notices_are_due(&round->sys->notices);

    return (is_due && !round->sys->is_in_callback) || is_at_end(round);
}

/* Runs loop and callbacks in turn. 1: it was freed. */
static int
run(ward_system *sys, int64_t deadline, bool (*is_over)(ward_system *sys))
{
    struct round round = {sys, is_over};

    turn_once(sys);
    for (;;) {
        int result = wait_until(sys, is_round_over, &round, deadline);
        if (dispatch(sys))
            return 1;
        if (!sys->turn.is_threaded)
            ward__system_pump(sys);
        if (sys->turn.is_closed)
            return -WARD_ESTOPPED;
        if (is_at_end(&round))
            return 0;
        if (result < 0 || is_late(deadline)) /* more may be due for ever */
            return -ETIMEDOUT;
    }
}

static int
run_for(ward_system *sys, int timeout_ms, bool (*is_over)(ward_system *sys))
{
    int result = timeout_ms >= 0 || timeout_ms == WARD_INFINITE ? 0 : -EINVAL;

    if (result == 0)
        result = enter_outside(sys);
    if (result < 0)
        return result;
    result = run(sys, deadline_in(timeout_ms), is_over);
    if (result == 1)
        return 0;
    if (result == 0)
        result = outcome(sys);
    leave_orderly(sys);
    return result;
}

static bool
never(ward_system *sys)
{
    (void)sys;
    return false;
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

int
ward_system_dispatch(ward_system *sys)
{
    int result = enter_outside(sys);

    if (result < 0)
        return result;
    turn_once(sys);
    if (dispatch(sys))
        return 1;
    if (sys->turn.is_closed)
        result = -WARD_ESTOPPED;
    else if (sys->has_stopped && !ward__notices_are_due(&sys->notices))
        result = sys->has_failed ? -WARD_EFAILED : 1;
    leave_to_sleep(sys);
    return result;
}

/* ---- settling ---- */

static bool
is_group_settled(const struct ward__actor *actor)
{
    return actor->node.state == WARD__NODE_UP && actor->node.phase == WARD__GROUP_QUIET &&
           actor->change == NULL;
}

static bool
has_healthy_process(const struct ward__actor *actor)
{
    const struct ward__incarnation *inc = actor->now;

    return actor->node.state == WARD__NODE_UP && inc != NULL &&
           inc->stage == WARD__STAGE_UP && !inc->is_dead &&
           inc->doom == WARD__DOOM_NONE && !inc->channel.is_eof;
}

/* A busy worker is asked to ring. */
static bool
is_actor_settled(struct ward__actor *actor)
{
    bool is_quiet = actor->wants_room == 0;

    if (!has_healthy_process(actor))
        return false;
    if (!is_quiet) /* the worker may be done and not have rung yet */
        ward__actor_room(actor);
    if (ward__channel_is_idle(&actor->now->channel, &actor->mailbox))
        return is_quiet;
    ward__channel_want(&actor->now->channel);
    return is_quiet && ward__channel_is_idle(&actor->now->channel, &actor->mailbox);
}

/* Nothing queued, in hand, starting or restarting. Each one is looked at: all that are busy are to
 * ring. */
static bool
is_settled(ward_system *sys)
{
    struct ward__actor *actor;
    uint32_t at = 0;
    bool is_quiet = true;

    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL) {
        if (actor == sys->root)
            continue;
        is_quiet &= ward__actor_is_supervisor(actor) ? is_group_settled(actor)
                                                     : is_actor_settled(actor);
    }
    return is_quiet;
}

int
ward_settle(ward_system *sys, int timeout_ms)
{
    return run_for(sys, timeout_ms, is_settled);
}

/* ---- waiting for one actor ---- */

struct actor_wait {
    ward_system *sys;
    ward_ref ref;
};

static bool
is_up_or_gone(void *user)
{
    const struct actor_wait *wait = user;
    const struct ward__actor *actor = ward__actor_find(wait->sys, wait->ref);

    return actor == NULL || actor->node.state == WARD__NODE_UP;
}

/* What became of it while it was waited for, with that result. */
static int
up_result(ward_system *sys, ward_ref ref, int result)
{
    struct ward__actor *actor = ward__actor_find(sys, ref);

    if (actor == NULL)
        return ward_ref_equal(sys->last_ignored, ref) ? -WARD_EIGNORED : -WARD_ESTART;
    if (result == -ETIMEDOUT)
        ward__engine_stop(ward__engine_of(actor), &actor->node);
    return result;
}

int
ward_wait_up(ward_system *sys, ward_ref ref, int timeout_ms)
{
    struct actor_wait wait = {sys, ref};
    int result = enter_outside(sys);

    if (result < 0)
        return result;
    if (ward__actor_find(sys, ref) == NULL) {
        result = -WARD_EUNKNOWN;
    } else {
        result = ward__run_until(sys, is_up_or_gone, &wait, deadline_in(timeout_ms));
        result = sys->turn.is_closed ? -WARD_ESTOPPED : up_result(sys, ref, result);
    }
    leave_orderly(sys);
    return result;
}

static bool
is_gone(void *user)
{
    const struct actor_wait *wait = user;

    return ward__actor_find(wait->sys, wait->ref) == NULL;
}

int
ward_wait_down(ward_system *sys, ward_ref ref, int timeout_ms)
{
    struct actor_wait wait = {sys, ref};
    int result = enter_outside(sys);

    if (result < 0)
        return result;
    result = ward__run_until(sys, is_gone, &wait, deadline_in(timeout_ms));
    if (sys->turn.is_closed)
        result = -WARD_ESTOPPED;
    leave_orderly(sys);
    return result;
}

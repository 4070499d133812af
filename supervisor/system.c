#include "supervisor/system.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/failure.h"
#include "ipc/fault.h"
#include "ipc/spec.h"
#include "supervisor/ask.h"
#include "supervisor/change.h"
#include "supervisor/deadline.h"
#include "supervisor/incarnation.h"
#include "supervisor/life.h"
#include "supervisor/root.h"

enum { DEFAULT_STOP_MS = 10000 };
enum { FRAME_DEFAULT = 4 << 20 };
enum { POLL_DEFAULT_US = 50, POLL_MOST_US = 1000 };
enum { CREDIT_MESSAGES = 1024, CREDIT_BYTES = 256 * 1024 };
/* Beside the values a frame has an envelope; values packed for the host have none. */
enum { SCRATCH_SLACK = 4096 };

/* ---- beginning and end ---- */

static uint32_t
poll_limit(const ward_system_options *options)
{
    if (options->poll_us == 0)
        return POLL_DEFAULT_US;
    return options->poll_us == WARD_ZERO ? 0 : (uint32_t)options->poll_us;
}

static int
check_options(const ward_system_options *options)
{
    int64_t frame = options->frame_bytes;
    const char *field;

    if (ward__mailbox_error(&options->mailbox, &field) != NULL)
        return -EINVAL;
    if (options->mailbox_bytes < WARD_INFINITE || options->max_actors < WARD_INFINITE ||
        options->credit.messages < 0 || options->credit.messages > INT32_MAX ||
        options->credit.bytes < 0 || options->credit.bytes > INT32_MAX)
        return -EINVAL;
    if (options->poll_us != WARD_ZERO &&
        (options->poll_us < 0 || options->poll_us > POLL_MOST_US))
        return -EINVAL;
    if (frame != 0 && (frame < WARD__FRAME_LEAST || frame > WARD__FRAME_MOST))
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
    if (result < 0)
        return result;
    ward__loop_quieten(&sys->loop);
    return sys->options.threaded ? ward__turn_start(sys) : 0;
}

/* What is left of it, however much there was. */
void
ward__system_release(ward_system *sys)
{
    struct ward__actor *actor;

    ward__turn_stop(sys);
    ward__link_close(&sys->link);
    while ((actor = ward__actor_last(sys)) != NULL)
        ward__actor_free(actor);
    ward__actor_free(sys->root);
    sys->root = NULL;
    ward__burial_finish(sys);
    ward__slots_done(&sys->actors);
    ward__mailbox_sum_done(&sys->mailbox_sum);
    ward__notices_done(sys);
    ward__asks_done(sys);
    ward__refset_done(&sys->watched);
    ward__sink_done(&sys->scratch);
    ward__arena_done(&sys->arena);
    ward__oom_end(&sys->oom);
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
    sys->ctx.generation = ward__fork_generation;
    sys->frame_bytes =
        options->frame_bytes != 0 ? (size_t)options->frame_bytes : (size_t)FRAME_DEFAULT;
    ward__mailbox_sum_init(&sys->mailbox_sum, options->mailbox_bytes > 0
                                                  ? (uint64_t)options->mailbox_bytes
                                                  : UINT64_MAX);
    sys->credit = (struct ward__purse){
        options->credit.messages != 0 ? options->credit.messages : CREDIT_MESSAGES,
        options->credit.bytes != 0 ? options->credit.bytes : CREDIT_BYTES};
    RB_INIT(&sys->paths);
    TAILQ_INIT(&sys->changes);
    TAILQ_INIT(&sys->undecided);
    ward__burial_init(&sys->burial);
    ward__turn_init(&sys->turn);
    ward__poll_init(&sys->poll, poll_limit(options));
    ward__oom_begin(&sys->oom);
    ward__notices_init(&sys->notices);
    ward__asks_init(sys);
    ward__sink_init(&sys->scratch, WARD__FRAME_MOST + SCRATCH_SLACK);
    result = open_system(sys);
    if (result < 0) {
        ward__system_release(sys);
        return result;
    }
    *made = sys;
    return 0;
}

void
ward_system_free(ward_system *sys)
{
    if (sys == NULL || ward__system_enter(sys) < 0)
        return;
    if (ward__system_is_in_callback(sys)) {
        sys->is_free_due = true;
        ward__system_leave(sys);
        return;
    }
    ward__system_release(sys);
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

static bool
is_for_wards_thread(const struct ward__actor *actor)
{
    return actor->sys->turn.is_threaded && actor->node.state == WARD__NODE_DECIDING &&
           actor->strategy != NULL && actor->strategy->decider != NULL;
}

static void
do_effect(ward_system *sys, struct ward__actor *actor)
{
    if (!is_for_wards_thread(actor)) {
        ward__actor_effect(actor);
    } else if (!actor->is_undecided) {
        TAILQ_INSERT_TAIL(&sys->undecided, actor, undecided);
        actor->is_undecided = true;
    }
}

void
ward__system_pump(ward_system *sys)
{
    struct ward__node *node;

    if (sys->is_pumping || !ward__system_has_work(sys))
        return;
    sys->is_pumping = true;
    do {
        while (!sys->is_broken && (node = ward__engine_next(&sys->engine)) != NULL)
            do_effect(sys, ward__actor_of(node));
        if (!sys->is_broken)
            ward__changes_go_on(sys);
    } while (!sys->is_broken && !TAILQ_EMPTY(&sys->engine.queue));
    sys->is_pumping = false;
    ward__burial_bound(sys);
    if (sys->is_broken && !sys->is_deciding)
        break_down(sys);
}

/* Others call meanwhile, so nothing else is left undone when a decider begins. */
void
ward__system_decide(ward_system *sys)
{
    struct ward__actor *actor;

    while (!sys->turn.is_closed && (actor = TAILQ_FIRST(&sys->undecided)) != NULL) {
        ward__actor_is_decided(actor);
        sys->is_deciding = true;
        ward__actor_effect(actor);
        sys->is_deciding = false;
        ward__system_pump(sys);
    }
}

static void
wake(struct ward__timer *timer)
{
    (void)timer; /* that the loop turned is all */
}

void
ward__system_wake(ward_system *sys)
{
    ward__timer_set(&sys->loop, &sys->wakeup, 0, wake);
}

int
ward__system_enter(ward_system *sys)
{
    int result = sys != NULL ? ward__ctx_check(&sys->ctx) : -EINVAL;

    if (result == 0)
        ward__turn_enter(sys);
    return result;
}

void
ward__system_leave(ward_system *sys)
{
    if (ward__system_has_work(sys))
        ward__system_pump(sys);
    if (sys->turn.is_threaded) {
        if (!TAILQ_EMPTY(&sys->undecided))
            ward__system_wake(sys);
        ward__turn_leave(sys);
        return;
    }
    if (sys->turn.depth > 0)
        return; /* whoever turns looks after all that, and leaves last */
    if (sys->loop.may_be_in_vain)
        ward__loop_quieten(&sys->loop);
    /* Notices queued by this very call are to show at the descriptor, too. */
    if (ward__notices_are_due(&sys->notices))
        ward__system_wake(sys);
}

bool
ward__system_is_in_callback(const ward_system *sys)
{
    return sys->is_in_callback &&
           (!sys->turn.is_threaded || pthread_equal(sys->dispatcher, pthread_self()));
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
    if (sys == NULL)
        return -EINVAL;
    return sys->turn.is_threaded ? sys->turn.bell : ward__loop_fd(&sys->loop);
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

void
ward__system_begin_stop(ward_system *sys)
{
    int64_t stop_ms = sys->options.stop_ms == 0 ? DEFAULT_STOP_MS : sys->options.stop_ms;

    if (sys->is_stopping || sys->has_stopped)
        return;
    sys->is_stopping = true;
    if (stop_ms != WARD_INFINITE)
        ward__timer_set(&sys->loop, &sys->stop_deadline,
                        ward__clock_ms() + (stop_ms > 0 ? stop_ms : 0), stop_is_late);
    ward__engine_stop(ward__engine_of(sys->root), &sys->root->node);
}

int
ward_system_stop(ward_system *sys)
{
    int result = ward__system_enter(sys);

    if (result < 0)
        return result;
    ward__system_begin_stop(sys);
    ward__system_leave(sys);
    return 0;
}

const ward_failure *
ward_system_failure(const ward_system *sys)
{
    ward_system *entered = (ward_system *)(size_t)sys;
    const ward_failure *failure;

    if (ward__system_enter(entered) < 0)
        return NULL;
    failure = sys->has_failed ? sys->failure : NULL;
    ward__system_leave(entered);
    return failure;
}

static int64_t
count_messages(struct ward__actor *actor)
{
    if (actor->now != NULL && actor->now->channel.page != NULL && !actor->now->has_raised)
        (void)ward__channel_progress(&actor->now->channel, &actor->mailbox);
    return (int64_t)ward__mailbox_count(&actor->mailbox);
}

int64_t
ward_mailbox_count(ward_system *sys, ward_ref ref)
{
    int64_t result = ward__system_enter(sys);
    struct ward__actor *actor;

    if (result < 0)
        return result;
    actor = ward__actor_find(sys, ref);
    result = actor != NULL ? count_messages(actor) : -WARD_EUNKNOWN;
    ward__system_leave(sys);
    return result;
}

int64_t
ward_mailbox_dropped(ward_system *sys, ward_ref ref)
{
    int64_t result = ward__system_enter(sys);
    const struct ward__actor *actor;

    if (result < 0)
        return result;
    actor = ward__actor_find(sys, ref);
    result = actor != NULL ? (int64_t)actor->dropped : -WARD_EUNKNOWN;
    ward__system_leave(sys);
    return result;
}

int64_t
ward_process_id(ward_system *sys, ward_ref ref)
{
    int64_t result = ward__system_enter(sys);
    struct ward__actor *actor;

    if (result < 0)
        return result;
    actor = ward__actor_find(sys, ref);
    if (actor == NULL)
        result = -WARD_EUNKNOWN;
    else
        result = actor->now != NULL ? actor->now->pid : 0;
    ward__system_leave(sys);
    return result;
}

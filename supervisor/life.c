#include "supervisor/life.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/failure.h"
#include "supervisor/ask.h"
#include "supervisor/credit.h"
#include "supervisor/deadline.h"
#include "supervisor/death.h"
#include "supervisor/ending.h"
#include "supervisor/incarnation.h"
#include "supervisor/owed.h"
#include "supervisor/post.h"
#include "supervisor/report.h"
#include "supervisor/system.h"

/* A process that was told to exit has this long. */
enum { EXIT_MS = 1000 };

/* ---- telling ---- */

void
ward__actor_tell(struct ward__actor *actor, ward_event_kind kind,
                 const ward_failure *failure)
{
    ward_event event = {.kind = kind, .failure = failure};

    ward__report(actor, &event);
}

static ward_directive
directive_of(enum ward__goal goal)
{
    switch (goal) {
    case WARD__GOAL_STOP:
    case WARD__GOAL_FAIL:
        return WARD_DIRECTIVE_STOP;
    case WARD__GOAL_ESCALATE:
        return WARD_DIRECTIVE_ESCALATE;
    default:
        return WARD_DIRECTIVE_RESTART;
    }
}

/* Failed, then the message that it died of, then the asks that it had begun. */
void
ward__actor_tell_failed(struct ward__actor *actor)
{
    ward__report(actor, &(ward_event){.kind = WARD_EVENT_FAILED,
                                      .failure = actor->failure,
                                      .directive = directive_of(actor->node.goal)});
    ward__report_low(actor);
    if (actor->poison != NULL)
        ward__post_dead_frame(actor, actor->poison_letter, actor->poison,
                              actor->poison_size);
    free(actor->poison);
    actor->poison = NULL;
    if (actor->now == NULL) /* else they fail when it has ended */
        ward__asks_incarnation_over(actor, -WARD_ECRASHED);
}

void
ward__actor_say(struct ward__actor *actor,
                void (*pack)(struct ward__sink *sink, const void *what), const void *what)
{
    if (actor->now == NULL)
        return;
    if (ward__channel_say(&actor->now->channel, pack, what) < 0)
        ward__incarnation_kill(actor->now, WARD__DOOM_MEMORY, "say");
    else
        ward__incarnation_write(actor->now);
}

void
ward__actor_write(struct ward__actor *actor)
{
    if (actor->now != NULL)
        ward__incarnation_write(actor->now);
}

/* ---- what the engine wants ---- */

/* How long one that raised waits for the verdict. One that is killed instead of stopped waits,
 * too: it is not stopped yet. */
static int64_t
verdict_ms(const struct ward__actor *actor)
{
    if (actor->shutdown_ms < EXIT_MS)
        return EXIT_MS;
    return actor->shutdown_ms < INT32_MAX ? actor->shutdown_ms : INT32_MAX;
}

static void
describe_go(struct ward__actor *actor, enum ward__go_mode mode, struct ward__go *go)
{
    *go = (struct ward__go){
        .mode = mode,
        .self = actor->ref,
        .parent = actor->parent->ref,
        .incarnation = actor->incarnation,
        .behavior = actor->behavior_index,
        .done = actor->mailbox.done_number,
        .frame_bytes = actor->frame_bytes,
        .credit = actor->sys->credit,
        .shutdown_ms = verdict_ms(actor),
        .path = actor->path,
        .reason = mode == WARD__GO_CLEANUP ? ward__actor_reason(actor) : "",
        .args = {actor->args, actor->args_size},
        .failure = actor->is_failure_cause ? actor->failure : NULL,
    };
}

/* A process is asked for, and its first frame laid ready. */
static int
make_process(struct ward__actor *actor, enum ward__go_mode mode)
{
    struct ward__go go;

    describe_go(actor, mode, &go);
    return ward__incarnation_new(actor, mode == WARD__GO_CLEANUP, &go);
}

/* Taken along with its group: the cause is the trigger's. */
static void
take_cause(struct ward__actor *actor)
{
    const struct ward__node *parent = actor->node.parent;
    struct ward__actor *trigger;

    if (actor->lives == 0 || parent->trigger == NULL || parent->trigger == &actor->node)
        return;
    trigger = ward__actor_of(parent->trigger);
    if (trigger->failure == NULL)
        return;
    free(actor->failure);
    actor->failure = ward__failure_copy(trigger->failure);
    actor->is_failure_cause = true;
}

static void
start_process(struct ward__actor *actor)
{
    bool is_first = actor->lives == 0;
    int result;

    take_cause(actor);
    actor->incarnation = actor->lives;
    actor->own_reason[0] = '\0';
    result = make_process(actor, is_first ? WARD__GO_START : WARD__GO_RESTART);
    if (result < 0)
        ward__actor_spawn_failed(actor, result, "prepare");
}

/* The declared children, as they were declared; what was added or taken away is forgotten. */
static void
start_supervisor(struct ward__actor *actor)
{
    const ward_spec *spec = actor->supervisor->children;
    bool is_dynamic = actor->supervisor->group == WARD_SIMPLE_ONE_FOR_ONE;

    actor->incarnation = actor->lives++;
    for (; !is_dynamic && spec != NULL && spec->id != NULL; spec++) {
        struct ward__actor *child;
        int result = ward__actor_new(actor, spec, true, &child);
        if (result < 0) {
            ward__actor_spawn_failed(actor, result, "adopt");
            return;
        }
        child->is_declared = true;
        ward__engine_adopt(ward__engine_of(actor), &actor->node, &child->node);
    }
    ward__engine_begin(ward__engine_of(actor), &actor->node);
}

static void
do_start(struct ward__actor *actor)
{
    int result = actor->is_absent ? ward__actor_begin_life(actor) : 0;

    if (result < 0)
        ward__actor_spawn_failed(actor, result, "prepare");
    else if (actor->behavior != NULL)
        start_process(actor);
    else
        start_supervisor(actor);
}

/* A supervisor, all of whose children were started. */
static void
do_up(struct ward__actor *actor)
{
    ward__actor_is_up(actor);
}

static void
pack_verdict(struct ward__sink *sink, const void *what)
{
    ward__wire_verdict(sink, *(const ward_directive *)what);
}

/* Tells one that raised whether to exit now or to wait for FINISH. */
void
ward__actor_say_verdict(struct ward__actor *actor, bool is_exit)
{
    ward_directive verdict = is_exit ? WARD_DIRECTIVE_RESTART : WARD_DIRECTIVE_STOP;

    if (actor->now == NULL || !actor->now->has_raised || actor->now->is_judged)
        return;
    actor->now->is_judged = true;
    ward__actor_say(actor, pack_verdict, &verdict);
}

static ward_directive
ask_decider(struct ward__actor *actor)
{
    const ward_strategy *strategy = actor->strategy;
    ward_directive directive;

    if (strategy == NULL && actor->parent->supervisor == NULL)
        return WARD_DIRECTIVE_STOP;
    if (strategy == NULL || strategy->decider == NULL)
        return WARD_DIRECTIVE_RESTART;
    ward__turn_pause(actor->sys);
    ward__is_in_decider = true;
    directive = strategy->decider(actor->failure);
    ward__is_in_decider = false;
    ward__turn_resume(actor->sys);
    return directive;
}

/* So much of the pause is left out by chance. The engine knows no chance. */
static void
add_jitter(struct ward__actor *actor)
{
    int64_t jitter = actor->node.delay_ms * actor->spec.backoff.jitter_percent / 100;

    if (jitter > 0)
        actor->node.delay_ms -=
            (int64_t)(ward__nonce(&actor->sys->nonces) % (uint64_t)(jitter + 1));
}

static void
do_decide(struct ward__actor *actor)
{
    ward_directive directive = WARD_DIRECTIVE_STOP;

    if (actor->node.goal != WARD__GOAL_STOP && actor->node.goal != WARD__GOAL_HOLD &&
        actor->failure != NULL)
        directive = ask_decider(actor);
    actor->has_escalation = false;
    ward__engine_directive(ward__engine_of(actor), &actor->node, directive);
    add_jitter(actor);
    actor->is_failure_cause = true;
    ward__actor_tell_failed(actor);
    ward__actor_say_verdict(actor, actor->node.must_exit);
}

static void
pack_halt(struct ward__sink *sink, const void *what)
{
    (void)what;
    ward__wire_halt(sink);
}

static void
do_halt(struct ward__actor *actor)
{
    if (actor->now == NULL) {
        ward__engine_died(ward__engine_of(actor), &actor->node);
    } else if (actor->node.options.is_brutal) {
        ward__incarnation_kill(actor->now, WARD__DOOM_STOP, "stop");
    } else {
        ward__actor_set_deadline(actor, &actor->deadline, actor->shutdown_ms,
                                 ward__actor_stop_is_late);
        ward__channel_halt(&actor->now->channel);
        ward__credits_cancel(actor->now);
        ward__actor_say(actor, pack_halt, NULL);
    }
}

static void
pack_finish(struct ward__sink *sink, const void *what)
{
    ward__wire_finish(sink, what);
}

static void
do_finish(struct ward__actor *actor)
{
    struct ward__finish finish = {ward__actor_reason(actor),
                                  actor->is_failure_cause ? actor->failure : NULL};

    if (actor->now == NULL) {
        ward__engine_died(ward__engine_of(actor), &actor->node);
        return;
    }
    actor->now->stage = WARD__STAGE_LAST;
    ward__actor_set_deadline(actor, &actor->deadline, actor->shutdown_ms,
                             ward__actor_stop_is_late);
    ward__actor_say(actor, pack_finish, &finish);
}

static void
do_exit(struct ward__actor *actor)
{
    if (actor->now == NULL) {
        ward__engine_died(ward__engine_of(actor), &actor->node);
        return;
    }
    ward__actor_set_deadline(actor, &actor->deadline, EXIT_MS, ward__actor_stop_is_late);
    ward__actor_say_verdict(actor, true);
}

static void
do_recover(struct ward__actor *actor)
{
    int result =
        actor->sys->is_forced ? -ESHUTDOWN : make_process(actor, WARD__GO_CLEANUP);

    if (result < 0) {
        ward__actor_tell(actor, WARD_EVENT_CLEANUP_SKIPPED, NULL);
        ward__engine_recovered(ward__engine_of(actor), &actor->node);
        return;
    }
    ward__actor_set_deadline(actor, &actor->deadline, actor->shutdown_ms,
                             ward__actor_stop_is_late);
}

static void
delay_over(struct ward__timer *timer)
{
    struct ward__actor *actor =
        ward__actor_at(timer, offsetof(struct ward__actor, delay));

    ward__engine_expired(ward__engine_of(actor), &actor->node);
    ward__system_pump(actor->sys);
}

static void
do_delay(struct ward__actor *actor)
{
    ward__actor_set_deadline(actor, &actor->delay, actor->node.delay_ms, delay_over);
}

/* ---- the end ---- */

/* The life is concluded already: see ward__actor_effect. */
static void
do_absent(struct ward__actor *actor)
{
    (void)actor;
}

static void
do_end(struct ward__actor *actor)
{
    if (actor->parent == NULL) {
        ward__actor_end_root(actor);
        return;
    }
    if (!actor->is_absent)
        ward__actor_conclude(actor);
    ward__actor_free(actor);
}

static void (*const effects[])(struct ward__actor *actor) = {
    [WARD__NODE_STARTING] = do_start, [WARD__NODE_DECIDING] = do_decide,
    [WARD__NODE_HALTING] = do_halt,   [WARD__NODE_FINISHING] = do_finish,
    [WARD__NODE_EXITING] = do_exit,   [WARD__NODE_RECOVERING] = do_recover,
    [WARD__NODE_DELAYED] = do_delay,  [WARD__NODE_ENDED] = do_end,
    [WARD__NODE_UP] = do_up,          [WARD__NODE_ABSENT] = do_absent,
};

void
ward__actor_effect(struct ward__actor *actor)
{
    ward__timer_cancel(&actor->sys->loop, &actor->delay);
    if (actor->node.has_shut_down)
        ward__report_exited(actor);
    actor->node.has_shut_down = false;
    ward__report_low(actor);
    if (actor->lives_ended != actor->node.lives_over) {
        actor->lives_ended = actor->node.lives_over;
        if (!actor->is_absent)
            ward__actor_conclude(actor);
    }
    effects[actor->node.state](actor);
}

/* ---- what its process says ---- */

void
ward__actor_is_up(struct ward__actor *actor)
{
    bool is_again = actor->was_up || actor->lives > 1;

    actor->is_failure_cause = false;
    ward__actor_tell(actor, is_again ? WARD_EVENT_RESTARTED : WARD_EVENT_STARTED, NULL);
    actor->was_up = true;
    ward__owed_up(actor);
}

void
ward__actor_ready(struct ward__actor *actor)
{
    if (actor->node.state ==
        WARD__NODE_STARTING) /* else it is the deadline of its stop */
        ward__timer_cancel(&actor->sys->loop, &actor->deadline);
    ward__engine_ready(ward__engine_of(actor), &actor->node);
    ward__actor_is_up(actor);
    ward__actor_write(actor);
    ward__spares_refill(actor->sys);
}

void
ward__actor_ignored(struct ward__actor *actor)
{
    ward__engine_ignored(ward__engine_of(actor), &actor->node);
}

void
ward__actor_quiet(struct ward__actor *actor, int why, const char *reason)
{
    static const enum ward__says says[] = {[WARD__QUIET_ASKED] = WARD__SAYS_ASKED,
                                           [WARD__QUIET_STOP] = WARD__SAYS_STOP,
                                           [WARD__QUIET_RESTART] = WARD__SAYS_RESTART};
    struct ward__engine *engine = ward__engine_of(actor);

    /* Its page says that the last message is done. */
    if (ward__channel_progress(&actor->now->channel, &actor->mailbox) < 0) {
        ward__incarnation_kill(actor->now, WARD__DOOM_PROTOCOL, "a page that cannot be");
        return;
    }
    if (why == WARD__QUIET_ASKED && actor->node.state == WARD__NODE_UP) {
        ward__incarnation_kill(actor->now, WARD__DOOM_PROTOCOL, "quiet without HALT");
        return;
    }
    ward__timer_cancel(&actor->sys->loop, &actor->deadline);
    if (why == WARD__QUIET_STOP && actor->is_draining) { /* somebody asked for this end */
        ward__engine_stop(engine, &actor->node);
        why = WARD__QUIET_ASKED;
    }
    if (why == WARD__QUIET_STOP)
        strncpy(actor->own_reason, reason, sizeof actor->own_reason - 1);
    ward__engine_quiet(engine, &actor->node, says[why]);
    add_jitter(actor);
    ward__report_low(actor);
    if (why == WARD__QUIET_STOP && actor->node.goal == WARD__GOAL_RESTART)
        ward__report_exited(actor);
}

/* ---- ends that somebody asks for ---- */

static int
drain(struct ward__actor *actor)
{
    const struct ward__body nothing = {.count = 0};
    int result;

    if (actor->is_draining)
        return 0;
    result = ward__post(actor, WARD__TYPE_DRAIN, (ward_ref){0, 0}, &nothing,
                        WARD__PROMISE_OWN);
    if (result == 0)
        actor->is_draining = true;
    return result;
}

int
ward__actor_end(struct ward__actor *actor, int how)
{
    if (actor->behavior == NULL && how == WARD__HOW_DRAIN)
        how = WARD__HOW_STOP; /* a supervisor has nothing to be drained */
    if (actor->behavior == NULL && how == WARD__HOW_KILL)
        return -EINVAL;
    switch (how) {
    case WARD__HOW_STOP:
        actor->is_stopping = true;
        ward__engine_terminate_child(ward__engine_of(actor), &actor->node);
        return 0;
    case WARD__HOW_DRAIN:
        return drain(actor);
    case WARD__HOW_KILL:
        if (actor->now != NULL)
            ward__incarnation_kill(actor->now, WARD__DOOM_KILL, "");
        return 0;
    case WARD__HOW_RESTART:
        ward__engine_restart(ward__engine_of(actor), &actor->node);
        return 0;
    default:
        return -EINVAL;
    }
}

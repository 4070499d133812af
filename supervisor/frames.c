#include "supervisor/frames.h"

#include <errno.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/registry.h"
#include "supervisor/ask.h"
#include "supervisor/blame.h"
#include "supervisor/credit.h"
#include "supervisor/deadline.h"
#include "supervisor/death.h"
#include "supervisor/life.h"
#include "supervisor/manage.h"
#include "supervisor/owed.h"
#include "supervisor/system.h"
#include "supervisor/watch.h"

static ward_letter
letter_of(int result)
{
    return result == -EAGAIN ? WARD_LETTER_MAILBOX_FULL : WARD_LETTER_UNDECODABLE;
}

/* Why an actor that takes no messages, or none, does not get it. */
static ward_letter
why_not(const struct ward__actor *to)
{
    if (to == NULL)
        return WARD_LETTER_UNKNOWN;
    return to->is_draining ? WARD_LETTER_STOPPED : WARD_LETTER_UNHANDLED;
}

/* The message is paid for with the sender's credit, or the sender is at its end. */
static bool
pays(struct ward__incarnation *inc, struct ward__actor *to,
     const struct ward__frame *frame)
{
    int result = ward__credit_spend(inc, to, frame->size);

    if (result == -ENOMEM)
        ward__incarnation_kill(inc, WARD__DOOM_MEMORY, "credit");
    else if (result < 0)
        ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, "a message without credit");
    return result == 0;
}

static enum ward__promise
promise(struct ward__incarnation *inc, struct ward__actor *to)
{
    return ward__credit_covers(inc, to) ? WARD__PROMISE_CREDIT : WARD__PROMISE_NONE;
}

static void
post_tell(struct ward__actor *to, const struct ward__tell *tell,
          enum ward__promise promised)
{
    int result = ward__post(to, tell->type, (ward_ref){0, 0}, &tell->body, promised);

    if (result < 0)
        ward__post_dead(to->sys, letter_of(result), to->ref, to->path, tell->type,
                        tell->body.packed);
}

bool
ward__frame_tell_again(struct ward__incarnation *inc, const struct ward__tell *tell,
                       size_t size)
{
    struct ward__actor *to = ward__credit_spend_again(inc, tell->to, size);

    if (to == NULL)
        return false;
    post_tell(to, tell, WARD__PROMISE_CREDIT);
    return true;
}

static void
handle_tell(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    const struct ward__tell *tell = &frame->as.tell;
    struct ward__actor *to = ward__actor_find(inc->sys, tell->to);

    if (to == NULL || !ward__post_takes(to)) {
        ward__post_dead(inc->sys, why_not(to), tell->to, to != NULL ? to->path : NULL,
                        tell->type, tell->body.packed);
        ward__credit_forget(inc, tell->to);
        return;
    }
    if (!pays(inc, to, frame))
        return;
    post_tell(to, tell, promise(inc, to));
    ward__credit_review(inc, to);
}

static void
refuse(struct ward__incarnation *inc, uint64_t request, int status)
{
    ward__answer_request(inc->actor, inc->actor->incarnation, request, status,
                         (ward_ref){0, 0});
}

static int
code_of(ward_letter why)
{
    if (why == WARD_LETTER_UNKNOWN)
        return -WARD_EUNKNOWN;
    return why == WARD_LETTER_STOPPED ? -WARD_ESTOPPED : -WARD_EUNHANDLED;
}

/* A worker may ask for ever what nobody answers, and each ask takes memory of the host's. */
enum { ASKS_MOST = 64 * 1024 };

static int
ask_for(struct ward__incarnation *inc, const struct ward__ask_from *from,
        struct ward__actor *to, const struct ward__ask_frame *ask)
{
    if (inc->actor->asks_out_count >= ASKS_MOST)
        return -EAGAIN;
    return ward__ask_new(from, to, ask->timeout_ms, ask->type, &ask->body);
}

static void
handle_ask(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    const struct ward__ask_frame *ask = &frame->as.ask;
    struct ward__actor *to = ward__actor_find(inc->sys, ask->to);
    struct ward__ask_from from = {.asker = inc->actor,
                                  .request = ask->request,
                                  .is_blocking = ask->is_blocking,
                                  .promise = WARD__PROMISE_NONE};
    int result;

    if (to == NULL || !ward__post_takes(to)) {
        ward__credit_forget(inc, ask->to);
        refuse(inc, ask->request, code_of(why_not(to)));
        return;
    }
    if (!pays(inc, to, frame))
        return;
    if (to->spec.mailbox.when_full == WARD_WAIT)
        from.promise = promise(inc, to); /* elsewhere the asker can be told the truth */
    result = ask_for(inc, &from, to, ask);
    if (result < 0)
        refuse(inc, ask->request, result);
    ward__credit_review(inc, to);
}

static void
handle_reply(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    const struct ward__reply *reply = &frame->as.reply;
    struct ward_system *sys = inc->sys;

    if (ward__ask_answer(sys, reply->sender, reply->values) < 0)
        ward__post_late_reply(sys, reply->sender, inc->actor->path, reply->values);
}

/* A child of the sender's, or of a supervisor: validated as one of the host's would be. */
static int
start_for(struct ward__incarnation *inc, const struct ward__spawn *spawn, ward_ref *ref)
{
    struct ward__actor *supervisor = ward__actor_find(inc->sys, spawn->to);
    struct ward__actor *child;
    ward_spec spec;
    int result = ward__crossing_end(&spawn->spec, &spec);

    if (result < 0)
        return result;
    if (spawn->to.id == 0)
        return ward__actor_spawn(inc->actor, &spec, ref);
    if (supervisor == NULL)
        return -WARD_EUNKNOWN;
    return ward__manage_start(supervisor, &spec, &child, ref);
}

static void
handle_spawn(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    const struct ward__spawn *spawn = &frame->as.spawn;
    struct ward__actor *asker = inc->actor;
    ward_ref ref = {0, 0};
    int result = start_for(inc, spawn, &ref);

    if (result == 0)
        result = ward__owed_add(ward__actor_find(asker->sys, ref), asker, spawn->request,
                                true);
    if (result < 0)
        ward__answer_request(asker, asker->incarnation, spawn->request, result, ref);
}

static void
handle_end(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    struct ward__actor *actor = ward__actor_find(inc->sys, frame->as.end.ref);

    if (actor != NULL && actor->parent != NULL)
        ward__actor_end(actor, (int)frame->as.end.how);
}

/* The answers to these are in its mailbox whether or not there is room. */
enum { ENDS_WATCHED_MOST = 256 * 1024 };

static bool
watches_too_many(struct ward__incarnation *inc)
{
    const struct ward__mailbox *box = &inc->actor->mailbox;

    if (box->done_number > inc->ends_watched_from) {
        inc->ends_watched_from = box->tail_number;
        inc->ends_watched = 0;
    }
    return ++inc->ends_watched > ENDS_WATCHED_MOST;
}

static void
handle_watch(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    bool is_answered =
        frame->as.watch.on && ward__actor_find(inc->sys, frame->as.watch.ref) == NULL;

    if (is_answered && watches_too_many(inc)) {
        ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, "watches of nobody");
        return;
    }
    if (ward__watch_set(inc->actor, frame->as.watch.ref, frame->as.watch.on) < 0)
        ward__incarnation_kill(inc, WARD__DOOM_MEMORY, "watch");
}

static void
handle_lookup(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    const struct ward__lookup *lookup = &frame->as.lookup;
    struct ward__actor *found = ward__actor_lookup(inc->sys, lookup->path);

    ward__answer_request(inc->actor, inc->actor->incarnation, lookup->request,
                         found != NULL ? 0 : -ENOENT,
                         found != NULL ? found->ref : (ward_ref){0, 0});
}

static void
handle_manage(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    ward__manage_request(inc->actor, &frame->as.manage);
}

static void
handle_credit(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    ward__credit_ask(inc, &frame->as.credit);
}

static void
handle_log(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    ward__notice_event(inc->sys, &(ward_event){.kind = WARD_EVENT_LOG,
                                               .actor = inc->actor->ref,
                                               .path = inc->actor->path,
                                               .incarnation = inc->actor->incarnation,
                                               .text = frame->as.log});
}

static void
handle_unhandled(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    const struct ward__unhandled *unhandled = &frame->as.unhandled;
    struct ward_system *sys = inc->sys;

    ward__ask_fail(sys, unhandled->sender, -WARD_EUNHANDLED);
    ward__post_dead(sys, WARD_LETTER_UNHANDLED, inc->actor->ref, inc->actor->path,
                    unhandled->type, unhandled->values);
}

static void
handle_ready(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    if (frame->as.ready != 0) {
        ward__actor_ignored(inc->actor);
        return;
    }
    inc->ready_at = ward__clock_ms();
    ward__actor_ready(inc->actor);
}

static void
handle_raised(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    struct ward__blame blame;

    ward__blame_raise(&blame, inc, &frame->as.raised, ward__clock_ms());
    if (inc->stage == WARD__STAGE_LAST) { /* in post_stop: an event only */
        ward__notice_event(inc->sys, &(ward_event){.kind = WARD_EVENT_CLEANUP_FAILED,
                                                   .actor = inc->actor->ref,
                                                   .path = inc->actor->path,
                                                   .incarnation = inc->actor->incarnation,
                                                   .failure = &blame.failure});
        return;
    }
    inc->has_raised = true;
    ward__actor_raised(inc->actor, &blame);
}

static void
handle_quiet(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    ward__actor_quiet(inc->actor, (int)frame->as.quiet.why, frame->as.quiet.reason);
}

static void
handle_bye(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    (void)inc; /* the stage GONE says it */
    (void)frame;
}

static void (*const handlers[])(struct ward__incarnation *inc,
                                const struct ward__frame *frame) = {
    [WARD__READY] = handle_ready,   [WARD__TELL] = handle_tell,
    [WARD__ASK] = handle_ask,       [WARD__REPLY] = handle_reply,
    [WARD__SPAWN] = handle_spawn,   [WARD__END] = handle_end,
    [WARD__WATCH] = handle_watch,   [WARD__LOOKUP] = handle_lookup,
    [WARD__LOG] = handle_log,       [WARD__UNHANDLED] = handle_unhandled,
    [WARD__RAISED] = handle_raised, [WARD__QUIET] = handle_quiet,
    [WARD__BYE] = handle_bye,       [WARD__MANAGE] = handle_manage,
    [WARD__CREDIT] = handle_credit,
};

/* The request that the worker blocks on. */
static bool
is_blocking(const struct ward__frame *frame, uint64_t *request)
{
    switch (frame->kind) {
    case WARD__ASK:
        *request = frame->as.ask.request;
        return frame->as.ask.is_blocking;
    case WARD__SPAWN:
        *request = frame->as.spawn.request;
        return true;
    case WARD__LOOKUP:
        *request = frame->as.lookup.request;
        return true;
    case WARD__MANAGE:
        *request = frame->as.manage.request;
        return true;
    case WARD__CREDIT:
        *request = frame->as.credit.request;
        return true;
    default:
        return false;
    }
}

/* Who blocks on a request has read the answer to the one before; who does not read would have the
 * host keep answers without end. */
static bool
is_in_turn(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    uint64_t request;

    if (!is_blocking(frame, &request))
        return true;
    if (inc->answered_at > inc->channel.lane_told) {
        ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, "a request before its answer");
        return false;
    }
    inc->is_asking = true;
    inc->request = request;
    return true;
}

void
ward__frame_handle(struct ward__incarnation *inc, const struct ward__frame *frame)
{
    if (!is_in_turn(inc, frame))
        return;
    handlers[frame->kind](inc, frame);
}

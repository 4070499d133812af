#include "supervisor/ask.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "supervisor/incarnation.h"
#include "supervisor/intake.h"
#include "supervisor/life.h"
#include "supervisor/nonce.h"
#include "supervisor/system.h"

struct ward__ask {
    ward_ref ref;
    struct ward__ask_from from;
    uint32_t incarnation;   /* of the asker */
    struct ward__actor *to; /* borrowed; it ends all its asks before it goes */
    uint64_t number;        /* of the message in the mailbox of `to` */
    struct ward__timer timeout;
    TAILQ_ENTRY(ward__ask) in;  /* of `to` */
    TAILQ_ENTRY(ward__ask) out; /* of the asker */
};

/* So many pieces of memory are kept for asks to come. */
enum { PIECES = 512 };

void
ward__asks_init(struct ward_system *sys)
{
    ward__pool_init(&sys->ask_pieces, sizeof(struct ward__ask), PIECES);
}

void
ward__asks_done(struct ward_system *sys)
{
    ward__slots_done(&sys->asks);
    ward__pool_done(&sys->ask_pieces);
}

static void
ask_free(struct ward__ask *ask)
{
    struct ward_system *sys = ask->from.asker->sys;

    ward__slots_remove(&sys->asks, ask->ref.id);
    ward__timer_cancel(&sys->loop, &ask->timeout);
    TAILQ_REMOVE(&ask->to->asks_in, ask, in);
    TAILQ_REMOVE(&ask->from.asker->asks_out, ask, out);
    ask->from.asker->asks_out_count--;
    if (ask->from.is_blocking)
        ask->from.asker->waits_for = NULL;
    ward__pool_give(&sys->ask_pieces, ask);
}

static void
pack_answer(struct ward__sink *sink, const void *what)
{
    ward__wire_answer(sink, what);
}

/* So much is kept for a worker that asks and does not read the answers. */
enum { ANSWERS_MOST = 64 << 20 };

static bool
is_kept(const struct ward__actor *asker, const struct ward__answer *answer)
{
    size_t unread = asker->now != NULL ? ward__channel_unsaid(&asker->now->channel) : 0;

    return unread == 0 || unread + answer->values.size <= ANSWERS_MOST;
}

static void
say_answer(struct ward__actor *asker, const struct ward__answer *answer)
{
    struct ward__incarnation *inc = asker->now;

    if (inc != NULL && inc->is_asking && inc->request == answer->request) {
        inc->is_asking = false;
        inc->answered_at = inc->channel.lane_said + 1;
    }
    ward__actor_say(asker, pack_answer, answer);
}

/* Ends it: the one way out. */
static void
finish(struct ward__ask *ask, int status, ward_raw values)
{
    struct ward__ask_from from = ask->from;
    struct ward_system *sys = from.asker->sys;
    uint32_t incarnation = ask->incarnation;

    ask_free(ask);
    if (from.waiter != NULL) {
        from.waiter->is_over = true;
        from.waiter->status = status;
        if (status == 0)
            from.waiter->reply = ward__message_copy(WARD_REPLY, values);
        if (status == 0 && from.waiter->reply == NULL)
            from.waiter->status = -ENOMEM;
    } else if (from.notice != NULL) {
        ward__notice_answer(sys, from.notice, status, values);
    } else if (from.asker->incarnation == incarnation) {
        struct ward__answer answer = {
            .request = from.request, .status = status, .values = values};
        if (!is_kept(from.asker, &answer))
            answer = (struct ward__answer){.request = from.request, .status = -ENOBUFS};
        say_answer(from.asker, &answer);
    }
}

static void
timed_out(struct ward__timer *timer)
{
    struct ward__ask *ask =
        (struct ward__ask *)(void *)((char *)timer - offsetof(struct ward__ask, timeout));
    struct ward_system *sys = ask->from.asker->sys;
    ward_ref ref = ask->ref;

    if (ask->to->now != NULL)
        ward__intake_catch_up(ask->to->now); /* which may answer it, and free it */
    ward__ask_fail(sys, ref, -ETIMEDOUT);
    ward__system_pump(sys);
}

/* With many threads the host waits in one of them only. */
static bool
is_one_of_many(const struct ward__actor *asker)
{
    return asker->parent == NULL && asker->sys->turn.is_threaded;
}

/* Of many threads another one can answer whom this one asks. */
bool
ward__ask_is_cycle(const struct ward__actor *asker, const struct ward__actor *to)
{
    while (to != asker && to->waits_for != NULL && !is_one_of_many(asker))
        to = to->waits_for;
    return to == asker;
}

int
ward__ask_new(const struct ward__ask_from *from, struct ward__actor *to,
              int64_t timeout_ms, int64_t type, const struct ward__body *body)
{
    struct ward_system *sys = from->asker->sys;
    struct ward__ask *ask;
    int result;

    if (from->is_blocking && ward__ask_is_cycle(from->asker, to))
        return -EDEADLK;
    ask = ward__pool_take(&sys->ask_pieces);
    if (ask == NULL)
        return -ENOMEM;
    if (ward__slots_add(&sys->asks, ask, &ask->ref.id) < 0) {
        ward__pool_give(&sys->ask_pieces, ask);
        return -ENOMEM;
    }
    ask->ref.nonce = ward__nonce();
    ask->from = *from;
    ask->incarnation = from->asker->incarnation;
    ask->to = to;
    ask->number = 0;
    ask->timeout.is_armed = false;
    TAILQ_INSERT_TAIL(&to->asks_in, ask, in);
    TAILQ_INSERT_TAIL(&from->asker->asks_out, ask, out);
    from->asker->asks_out_count++;
    result = ward__post(to, type, ask->ref, body, from->promise);
    if (result != 0) {
        ask_free(ask);
        return result == WARD__POST_DROPPED ? -EAGAIN : result;
    }
    ask->number = to->mailbox.tail_number;
    if (from->is_blocking && !is_one_of_many(from->asker)) {
        from->asker->waits_for = to;
        from->asker->waits_number = ask->number;
    }
    if (timeout_ms != WARD_INFINITE)
        ward__timer_set(&sys->loop, &ask->timeout, ward__clock_ms() + timeout_ms,
                        timed_out);
    return 0;
}

static struct ward__ask *
find(struct ward_system *sys, ward_ref ref)
{
    struct ward__ask *ask = ward__slots_find(&sys->asks, ref.id);

    return ask != NULL && ask->ref.nonce == ref.nonce ? ask : NULL;
}

int
ward__ask_answer(struct ward_system *sys, ward_ref sender, ward_raw values)
{
    struct ward__ask *ask = find(sys, sender);

    if (ask == NULL)
        return -WARD_EUNKNOWN;
    finish(ask, 0, values);
    return 0;
}

void
ward__ask_fail(struct ward_system *sys, ward_ref sender, int status)
{
    struct ward__ask *ask = find(sys, sender);

    if (ask != NULL)
        finish(ask, status, (ward_raw){NULL, 0});
}

void
ward__asks_incarnation_over(struct ward__actor *actor, int status)
{
    struct ward__ask *ask, *next;

    for (ask = TAILQ_FIRST(&actor->asks_in); ask != NULL; ask = next) {
        next = TAILQ_NEXT(ask, in);
        if (ask->number <= actor->mailbox.done_number)
            finish(ask, status, (ward_raw){NULL, 0});
    }
}

void
ward__asks_dropped(struct ward__actor *actor, uint64_t number)
{
    struct ward__ask *ask, *next;

    for (ask = TAILQ_FIRST(&actor->asks_in); ask != NULL; ask = next) {
        next = TAILQ_NEXT(ask, in);
        if (ask->number > number)
            ask->number--;
        else if (ask->number == number)
            finish(ask, -EAGAIN, (ward_raw){NULL, 0});
    }
}

void
ward__asks_fail_all(struct ward__actor *actor, int status)
{
    struct ward__ask *ask;

    while ((ask = TAILQ_FIRST(&actor->asks_in)) != NULL)
        finish(ask, status, (ward_raw){NULL, 0});
}

void
ward__asks_forget(struct ward__actor *actor)
{
    struct ward__ask *ask;

    while ((ask = TAILQ_FIRST(&actor->asks_out)) != NULL) {
        ward__notice_drop(actor->sys, ask->from.notice);
        ask_free(ask);
    }
}

void
ward__ask_waiter_leaves(struct ward_system *sys, struct ward__ask_waiter *waiter)
{
    struct ward__ask *ask;

    TAILQ_FOREACH (ask, &sys->root->asks_out, out)
        if (ask->from.waiter == waiter) {
            ask_free(ask);
            return;
        }
}

void
ward__answer_request(struct ward__actor *asker, uint32_t incarnation, uint64_t request,
                     int status, ward_ref ref)
{
    struct ward__answer answer = {.request = request, .status = status, .ref = ref};

    if (asker->incarnation == incarnation)
        say_answer(asker, &answer);
}

void
ward__answer_values(struct ward__actor *asker, uint64_t request, ward_raw values)
{
    struct ward__answer answer = {.request = request, .values = values};

    say_answer(asker, &answer);
}

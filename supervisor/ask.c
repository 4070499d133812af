#include "supervisor/ask.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include <ward/error.h>

#include "supervisor/incarnation.h"
#include "supervisor/intake.h"
#include "supervisor/life.h"
#include "supervisor/system.h"

/* Many are under way at a time, so it is small: its answer lies where there was what nobody needs any more. */
struct ward__ask {
    struct ward__notice answer; /* comes first: queued if the answer is called back */
    ward_ref ref;
    struct ward__ask_from from;
    uint32_t incarnation;   /* of the asker */
    int status;             /* that it ended with */
    struct ward__actor *to; /* borrowed; it ends all its asks before it goes */
    uint64_t number;        /* of the message in the mailbox of `to` */
    union {
        struct { /* under way */
            struct ward__timer timeout;
            TAILQ_ENTRY(ward__ask) in;  /* of `to` */
            TAILQ_ENTRY(ward__ask) out; /* of the asker */
        };
        uint8_t room[WARD__NOTICE_ROOM_SIZE]; /* answered */
    };
};

static_assert(offsetof(struct ward__ask, answer) == 0, "the notice comes first");

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

/* From here on nobody finds it. */
static void
close_ask(struct ward__ask *ask)
{
    struct ward__actor *asker = ask->from.asker;

    ward__slots_remove(&asker->sys->asks, ask->ref.id);
    ward__timer_cancel(&asker->sys->loop, &ask->timeout);
    TAILQ_REMOVE(&ask->to->asks_in, ask, in);
    TAILQ_REMOVE(&asker->asks_out, ask, out);
    asker->asks_out_count--;
    if (ask->from.is_blocking)
        asker->waits_for = NULL;
}

static void
drop(struct ward__ask *ask)
{
    close_ask(ask);
    ward__pool_give(&ask->from.asker->sys->ask_pieces, ask);
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

static void
tell_waiter(struct ward__ask_waiter *waiter, int status, ward_raw values)
{
    waiter->is_over = true;
    waiter->status = status;
    if (status != 0)
        return;
    waiter->reply = ward__message_copy(WARD_REPLY, values);
    if (waiter->reply == NULL)
        waiter->status = -ENOMEM;
}

static void
tell_worker(const struct ward__ask *ask, int status, ward_raw values)
{
    struct ward__actor *asker = ask->from.asker;
    struct ward__answer answer = {
        .request = ask->from.request, .status = status, .values = values};

    if (asker->incarnation != ask->incarnation)
        return;
    if (!is_kept(asker, &answer))
        answer = (struct ward__answer){.request = answer.request, .status = -ENOBUFS};
    say_answer(asker, &answer);
}

static void
queue_answer(struct ward__ask *ask, int status, ward_raw values)
{
    ask->status = status;
    if (status == 0 && !ward__notice_keep(&ask->answer, ask->room, values))
        ask->status = -ENOMEM;
    ward__notice_answer(ask->from.asker->sys, &ask->answer);
}

/* Ends it: the one way out. */
static void
finish(struct ward__ask *ask, int status, ward_raw values)
{
    close_ask(ask);
    if (ask->from.on_reply != NULL) {
        queue_answer(ask, status, values);
        return;
    }
    if (ask->from.waiter != NULL)
        tell_waiter(ask->from.waiter, status, values);
    else
        tell_worker(ask, status, values);
    ward__pool_give(&ask->from.asker->sys->ask_pieces, ask);
}

static struct ward__ask *
ask_of(struct ward__notice *answer)
{
    return (struct ward__ask *)(void *)answer;
}

void
ward__ask_call_back(struct ward_system *sys, struct ward__notice *answer)
{
    const struct ward__ask *ask = ask_of(answer);
    ward_message message;
    struct ward_arena arena;
    ward_message *reply = ward__notice_view(answer, WARD_REPLY, &message, &arena);

    ward__turn_pause(sys);
    ask->from.on_reply(&sys->ctx, ask->status, reply, ask->from.user);
    ward__turn_resume(sys);
    ward__arena_done(&arena);
}

void
ward__ask_is_told(struct ward_system *sys, struct ward__notice *answer)
{
    struct ward__ask *ask = ask_of(answer);

    ward__notice_let_go(answer, ask->room);
    ward__pool_give(&sys->ask_pieces, ask);
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
    ask->ref.nonce = ward__nonce(&sys->nonces);
    ask->answer.kind = WARD__NOTICE_ANSWER;
    ask->answer.values = (ward_raw){NULL, 0};
    ask->from = *from;
    ask->incarnation = from->asker->incarnation;
    ask->to = to;
    ask->number = 0;
    ask->timeout.is_armed = false; /* there was something else */
    TAILQ_INSERT_TAIL(&to->asks_in, ask, in);
    TAILQ_INSERT_TAIL(&from->asker->asks_out, ask, out);
    from->asker->asks_out_count++;
    result = ward__post(to, type, ask->ref, body, from->promise);
    if (result != 0) {
        drop(ask);
        return result == WARD__POST_DROPPED ? -EAGAIN : result;
    }
    ask->number = to->mailbox.tail_number;
    if (from->is_blocking && !is_one_of_many(from->asker)) {
        from->asker->waits_for = to;
        from->asker->waits_number = ask->number;
    }
    if (timeout_ms != WARD_INFINITE)
        ward__turn_set_timer(sys, &ask->timeout, timeout_ms, timed_out);
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

    while ((ask = TAILQ_FIRST(&actor->asks_out)) != NULL)
        drop(ask);
}

void
ward__ask_waiter_leaves(struct ward_system *sys, struct ward__ask_waiter *waiter)
{
    struct ward__ask *ask;

    TAILQ_FOREACH (ask, &sys->root->asks_out, out)
        if (ask->from.waiter == waiter) {
            drop(ask);
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

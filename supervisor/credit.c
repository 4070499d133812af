#include "supervisor/credit.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "supervisor/ask.h"
#include "supervisor/deadline.h"
#include "supervisor/life.h"
#include "supervisor/post.h"
#include "supervisor/system.h"

/* One sender's credit with one actor. */
struct ward__credit {
    struct ward__incarnation *sender; /* borrowed */
    struct ward__actor *to;           /* borrowed */
    struct ward__purse left;
    bool is_kept;    /* what is left of it was promised while there was room */
    bool is_owed;    /* in the line for room */
    bool is_waiting; /* the worker waits for `request` to be answered */
    uint64_t request;
    struct ward__timer timeout;
    RB_ENTRY(ward__credit) by_target; /* of the sender's */
    LIST_ENTRY(ward__credit) of_target;
    TAILQ_ENTRY(ward__credit) owed;
};

static int
compare(const struct ward__credit *a, const struct ward__credit *b)
{
    return (a->to->ref.id > b->to->ref.id) - (a->to->ref.id < b->to->ref.id);
}

RB_GENERATE_INTERNAL(ward__credit_tree, ward__credit, by_target, compare,
                     static __attribute__((unused)))

/* ---- records ---- */

static struct ward__credit *
find(struct ward__incarnation *sender, struct ward__actor *to)
{
    struct ward__credit key = {.to = to};
    struct ward__credit *recent = sender->recent_credit;

    if (recent == NULL || recent->to != to)
        recent = RB_FIND(ward__credit_tree, &sender->credits, &key);
    sender->recent_credit = recent;
    return recent;
}

static struct ward__credit *
find_or_make(struct ward__incarnation *sender, struct ward__actor *to)
{
    struct ward__credit *credit = find(sender, to);

    if (credit != NULL)
        return credit;
    credit = WARD__NEW(calloc(1, sizeof *credit));
    if (credit == NULL)
        return NULL;
    credit->sender = sender;
    credit->to = to;
    credit->left = to->sys->credit;
    RB_INSERT(ward__credit_tree, &sender->credits, credit);
    LIST_INSERT_HEAD(&to->credits, credit, of_target);
    to->credit_count++;
    return credit;
}

static void
stop_waiting(struct ward__credit *credit)
{
    struct ward__actor *asker = credit->sender->actor;

    if (!credit->is_waiting)
        return;
    credit->is_waiting = credit->sender->awaits_room = false;
    ward__timer_cancel(&asker->sys->loop, &credit->timeout);
    asker->waits_for = NULL;
    ward__timer_cancel(&asker->sys->loop,
                       &asker->progress); /* its message goes on from here */
    ward__actor_watch_progress(asker);
}

static void
leave_line(struct ward__credit *credit)
{
    if (credit->is_owed)
        TAILQ_REMOVE(&credit->to->owed_credits, credit, owed);
    credit->is_owed = false;
}

static void
forget(struct ward__credit *credit)
{
    stop_waiting(credit);
    leave_line(credit);
    if (credit->sender->recent_credit == credit)
        credit->sender->recent_credit = NULL;
    RB_REMOVE(ward__credit_tree, &credit->sender->credits, credit);
    LIST_REMOVE(credit, of_target);
    credit->to->credit_count--;
    free(credit);
}

/* ---- what is said ---- */

static void
pack_grant(struct ward__sink *sink, const void *what)
{
    ward__wire_grant(sink, what);
}

static void
grant(struct ward__incarnation *sender, ward_ref to, struct ward__purse more)
{
    struct ward__grant frame = {.to = to, .more = more};

    ward__actor_say(sender->actor, pack_grant, &frame);
}

static void
answer(struct ward__credit *credit, int status)
{
    struct ward__actor *asker = credit->sender->actor;

    stop_waiting(credit);
    ward__answer_request(asker, asker->incarnation, credit->request, status,
                         (ward_ref){0, 0});
}

/* ---- granting ---- */

static bool
drops(const struct ward__actor *to)
{
    return to->spec.mailbox.when_full == WARD_DROP_NEW ||
           to->spec.mailbox.when_full == WARD_DROP_OLDEST;
}

static int64_t
part(uint64_t room, uint64_t sharers, int64_t most)
{
    uint64_t share = room / sharers;

    if (share == 0 && room > 0)
        share = 1;
    return share < (uint64_t)most ? (int64_t)share : most;
}

/* Where bytes alone are bounded a sender may be ahead by so many times the messages: sender, host and
 * receiver have two cores at best, and take turns the less often. */
enum { TIMES_AS_MANY = 4 };

/* The most that one sender may have in hand. */
static struct ward__purse
most_of(const struct ward__actor *to)
{
    struct ward__purse most = to->sys->credit;

    if (!drops(to) && to->mailbox.limit_messages == UINT64_MAX)
        most.messages *= TIMES_AS_MANY;
    return most;
}

/* What each of so many senders may have in hand now. A mailbox that drops has always room. */
static struct ward__purse
share_of(const struct ward__actor *to, uint64_t sharers)
{
    struct ward__purse most = most_of(to);
    uint64_t messages, bytes;

    if (drops(to))
        return most;
    ward__post_room(to, &messages, &bytes);
    return (struct ward__purse){part(messages, sharers, most.messages),
                                part(bytes, sharers, most.bytes)};
}

static int64_t
missing(int64_t have, int64_t wanted)
{
    return have < wanted ? wanted - have : 0;
}

/* Grants what there is. True if the sender has something to go on with. */
static bool
refill(struct ward__credit *credit, uint64_t sharers)
{
    struct ward__purse share = share_of(credit->to, sharers);
    struct ward__purse more;

    if (ward__purse_is_empty(&share))
        return !ward__purse_is_empty(&credit->left);
    more = (struct ward__purse){missing(credit->left.messages, share.messages),
                                missing(credit->left.bytes, share.bytes)};
    if (more.messages == 0 && more.bytes == 0)
        return true;
    ward__purse_add(&credit->left, &more);
    credit->is_kept = true;
    grant(credit->sender, credit->to->ref, more);
    return true;
}

/* The same for one that did not ask just now: while it does not read, it gets nothing more to read. */
static bool
refill_unasked(struct ward__credit *credit, uint64_t sharers)
{
    if (!ward__channel_is_backed_up(&credit->sender->channel))
        return refill(credit, sharers);
    credit->sender->is_owed_grants = true;
    ward__incarnation_watch(credit->sender);
    return false;
}

static void
owe(struct ward__credit *credit)
{
    if (!credit->is_owed)
        TAILQ_INSERT_TAIL(&credit->to->owed_credits, credit, owed);
    credit->is_owed = true;
    ward__actor_room(credit->to); /* which has its worker ring when there is some */
}

static bool
is_more_than_half(const struct ward__purse *left, const struct ward__purse *whole)
{
    return left->messages > whole->messages / 2 && left->bytes > whole->bytes / 2;
}

struct ward__actor *
ward__credit_spend_again(struct ward__incarnation *sender, ward_ref to, size_t size)
{
    struct ward__credit *credit = sender->recent_credit;
    struct ward__purse left;

    if (credit == NULL || !ward_ref_equal(credit->to->ref, to) || !credit->is_kept ||
        !ward__post_takes(credit->to))
        return NULL;
    left = credit->left;
    ward__purse_pay(&left, size);
    if (!is_more_than_half(&left, &sender->sys->credit))
        return NULL;
    credit->left = left;
    return credit->to;
}

int
ward__credit_spend(struct ward__incarnation *sender, struct ward__actor *to, size_t size)
{
    struct ward__credit *credit = find_or_make(sender, to);

    if (credit == NULL)
        return -ENOMEM;
    if (ward__purse_is_empty(&credit->left))
        return -WARD_EPROTOCOL;
    if (!credit->is_kept)
        credit->is_kept = !ward__post_is_full(to);
    ward__purse_pay(&credit->left, size);
    return 0;
}

void
ward__credit_review(struct ward__incarnation *sender, struct ward__actor *to)
{
    struct ward__credit *credit = find(sender, to);

    if (credit == NULL || credit->is_owed ||
        is_more_than_half(&credit->left, &to->sys->credit))
        return;
    if (!refill_unasked(credit, 1))
        owe(credit);
}

void
ward__credit_forget(struct ward__incarnation *sender, ward_ref to)
{
    struct ward__grant frame = {.to = to};

    if (ward__channel_is_backed_up(&sender->channel))
        return;
    if (ward__channel_say(&sender->channel, pack_grant, &frame) < 0) {
        ward__incarnation_kill(sender, WARD__DOOM_MEMORY, "say");
        return;
    }
    /* Written at the end of the turn: who floods nobody costs no system call a message. */
    ward__incarnation_write_soon(sender);
}

/* ---- asking ---- */

static void
waited_too_long(struct ward__timer *timer)
{
    struct ward__credit *credit =
        (struct ward__credit *)(void *)((char *)timer -
                                        offsetof(struct ward__credit, timeout));
    struct ward_system *sys = credit->to->sys;

    answer(credit, -ETIMEDOUT);
    ward__system_pump(sys);
}

/* All mailboxes together have no room. Nobody waits for others to get empty: among them is its
 * own. The host's is not. */
static bool
is_all_taken(const struct ward__actor *to)
{
    const struct ward__mailbox_sum *sum = &to->sys->mailbox_sum;

    return to->parent != NULL && sum->bytes >= sum->limit;
}

/* May it wait for the target? Not where the target waits for it, nor when it is to stop. */
static int
may_wait(const struct ward__credit *credit)
{
    const struct ward__actor *to = credit->to;

    if (to->spec.mailbox.when_full != WARD_WAIT || is_all_taken(to))
        return -EAGAIN;
    if (credit->sender->channel.is_halting)
        return -ECANCELED;
    return ward__ask_is_cycle(credit->sender->actor, to) ? -EDEADLK : 0;
}

static void
wait_for_room(struct ward__credit *credit, const struct ward__credit_frame *asked)
{
    struct ward__actor *asker = credit->sender->actor;

    credit->is_waiting = credit->sender->awaits_room = true;
    asker->waits_for = credit->to;
    if (asked->timeout_ms != WARD_INFINITE)
        ward__turn_set_timer(asker->sys, &credit->timeout, asked->timeout_ms,
                             waited_too_long);
}

void
ward__credit_ask(struct ward__incarnation *sender, const struct ward__credit_frame *asked)
{
    struct ward__actor *asker = sender->actor;
    struct ward__actor *to = ward__actor_find(asker->sys, asked->to);
    struct ward__credit *credit = NULL;
    int result = 0;

    if (to != NULL && ward__post_takes(to)) {
        credit = find_or_make(sender, to);
        if (credit == NULL || credit->is_waiting)
            result = credit == NULL ? -ENOMEM : -EAGAIN;
        else
            credit->request = asked->request;
    } else { /* what it sends becomes dead letters */
        grant(sender, asked->to, asker->sys->credit);
    }
    if (result == 0 && credit != NULL && !refill(credit, 1)) {
        result = may_wait(credit);
        if (result == 0)
            wait_for_room(credit, asked);
        owe(credit); /* which may answer it at once */
        if (result == 0)
            return;
    }
    ward__answer_request(asker, asker->incarnation, asked->request, result,
                         (ward_ref){0, 0});
}

/* A promise made while there was room is kept. Each sender has one at most, until there is room
 * again: what it begins a new life with is taken as long as all that is over the bounds could be
 * that of the living. */
bool
ward__credit_covers(struct ward__incarnation *sender, struct ward__actor *to)
{
    const struct ward__credit *credit = find(sender, to);
    const struct ward__purse each = most_of(to);
    uint64_t messages, bytes, each_bytes;

    if (credit != NULL && credit->is_kept)
        return true;
    ward__post_excess(to, &messages, &bytes);
    each_bytes = (uint64_t)each.bytes + to->frame_bytes +
                 (uint64_t)each.messages * ward__post_beside(to);
    return messages <= to->credit_count * (uint64_t)each.messages &&
           bytes <= to->credit_count * each_bytes;
}

/* ---- going on ---- */

bool
ward__credits_are_owed(const struct ward__actor *to)
{
    return !TAILQ_EMPTY(&to->owed_credits);
}

/* Those that wait are served when the mailbox is half empty: one message at a time would cost a
 * round trip each. */
void
ward__credits_go_on(struct ward__actor *to)
{
    struct ward__credit *credit, *next;
    uint64_t sharers = 0;

    if (TAILQ_EMPTY(&to->owed_credits) || !(drops(to) || ward__post_is_half_empty(to)))
        return;
    TAILQ_FOREACH (credit, &to->owed_credits, owed)
        sharers++;
    for (credit = TAILQ_FIRST(&to->owed_credits); credit != NULL; credit = next) {
        next = TAILQ_NEXT(credit, owed);
        if (!refill_unasked(credit, sharers)) {
            if (credit->is_waiting && is_all_taken(to))
                answer(credit, -EAGAIN);
            continue;
        }
        leave_line(credit);
        if (credit->is_waiting)
            answer(credit, 0);
    }
}

void
ward__credits_say(struct ward__incarnation *sender)
{
    struct ward__credit *credit;

    if (!sender->is_owed_grants || ward__channel_is_backed_up(&sender->channel))
        return;
    sender->is_owed_grants = false;
    RB_FOREACH (credit, ward__credit_tree, &sender->credits)
        if (credit->is_owed)
            ward__credits_go_on(credit->to);
}

/* ---- ends ---- */

void
ward__credits_cancel(struct ward__incarnation *sender)
{
    struct ward__credit *credit;

    RB_FOREACH (credit, ward__credit_tree, &sender->credits)
        if (credit->is_waiting)
            answer(credit, -ECANCELED);
}

void
ward__credits_end_target(struct ward__actor *to)
{
    struct ward__credit *credit;

    while ((credit = LIST_FIRST(&to->credits)) != NULL) {
        grant(credit->sender, to->ref, (struct ward__purse){0, 0});
        if (credit->is_waiting)
            answer(credit, 0);
        forget(credit);
    }
}

void
ward__credits_end_sender(struct ward__incarnation *sender)
{
    struct ward__credit *credit;

    while ((credit = RB_ROOT(&sender->credits)) != NULL)
        forget(credit);
}

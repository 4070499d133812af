#include "supervisor/death.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/failure.h"
#include "supervisor/ask.h"
#include "supervisor/blame.h"
#include "supervisor/deadline.h"
#include "supervisor/incarnation.h"
#include "supervisor/intake.h"
#include "supervisor/life.h"
#include "supervisor/post.h"
#include "supervisor/spawn.h"
#include "supervisor/system.h"

/* Behind it the actor ends; nobody's code has run for it. */
static bool
is_drain(struct ward__mailbox *box)
{
    return *ward__mailbox_first_byte(box, WARD__TYPE_AT) == WARD__INT8 &&
           (int8_t)*ward__mailbox_first_byte(box, WARD__TYPE_AT + 1) == WARD__TYPE_DRAIN;
}

/*
 * What becomes of the message in hand. It is dropped, and kept aside for the event; or, where
 * the spec says so and nothing of it has left, it stays in front and is tried again.
 */
static void
take_poison(struct ward__actor *actor, const struct ward__hand *hand,
            struct ward__blame *blame, ward_letter letter)
{
    struct ward__mailbox *box = &actor->mailbox;
    uint8_t *frame = NULL;
    uint8_t *attempt;
    size_t size = 0;

    if (!hand->is_in_hand || is_drain(box))
        return;
    attempt = ward__mailbox_first_byte(box, WARD__ATTEMPT_AT);
    if (ward__mailbox_first(box, &frame, &size) < 0)
        actor->sys->notices.lost++;
    if (frame != NULL && blame != NULL)
        ward__blame_message(blame, frame, size);
    if (letter == WARD_LETTER_POISON && *attempt < actor->redeliver && !hand->was_early) {
        ++*attempt;
        actor->spare_frame = frame; /* the record borrows it until it is copied */
        return;
    }
    ward__mailbox_free_to(box, box->done_number + 1);
    free(actor->poison);
    actor->poison = frame;
    actor->poison_size = size;
    actor->poison_letter = letter;
}

static void
keep_failure(struct ward__actor *actor, const struct ward__blame *blame)
{
    free(actor->failure);
    actor->failure = ward__failure_copy(&blame->failure);
    if (actor->failure == NULL)
        actor->sys->notices.lost++;
    free(actor->spare_frame);
    actor->spare_frame = NULL;
}

void
ward__actor_raised(struct ward__actor *actor, struct ward__blame *blame)
{
    struct ward__incarnation *inc = actor->now;
    bool is_asked = actor->node.state == WARD__NODE_HALTING;
    struct ward__hand hand;

    if (ward__channel_progress(&inc->channel, &actor->mailbox) < 0 ||
        ward__channel_hand(&inc->channel, &actor->mailbox, &hand) < 0) {
        ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, "a page that cannot be");
        return;
    }
    take_poison(actor, &hand, blame, WARD_LETTER_POISON);
    keep_failure(actor, blame);
    ward__timer_cancel(&actor->sys->loop, &actor->deadline);
    ward__engine_failed(ward__engine_of(actor), &actor->node, true);
    if (!is_asked && actor->node.state == WARD__NODE_DECIDING)
        return; /* the event follows the decision */
    actor->is_failure_cause = true;
    ward__actor_tell_failed(actor);
    ward__actor_say_verdict(actor, actor->node.must_exit);
}

/* A process is gone: nothing of it is left but what it said, and what it has not done is to be
 * sent again. */
static void
bury(struct ward__actor *actor)
{
    ward__timer_cancel(&actor->sys->loop, &actor->deadline);
    ward__timer_cancel(&actor->sys->loop, &actor->progress);
    ward__incarnation_bury(actor->now);
    ward__mailbox_rewind(&actor->mailbox);
    ward__asks_forget(actor);
}

void
ward__actor_spawn_failed(struct ward__actor *actor, int error, const char *step)
{
    struct ward__blame blame;
    bool is_again;
    bool is_cleanup = actor->node.state == WARD__NODE_RECOVERING;
    bool is_start = actor->node.state == WARD__NODE_STARTING;

    ward__timer_cancel(&actor->sys->loop, &actor->deadline);
    ward__blame_spawn(&blame, actor, error, step);
    is_again = ward__engine_spawn_error(ward__engine_of(actor), &actor->node);
    if (is_again)
        ward__actor_tell(actor, WARD_EVENT_SPAWN_RETRY, &blame.failure);
    else if (is_start)
        keep_failure(actor, &blame);
    else if (is_cleanup)
        ward__actor_tell(actor, WARD_EVENT_CLEANUP_SKIPPED, NULL);
    if (is_start && actor->behavior != NULL && !is_again &&
        actor->node.state != WARD__NODE_DECIDING)
        ward__actor_tell_failed(actor); /* nothing is decided about it */
}

static void
cleanup_over(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;
    struct ward__blame blame;

    ward__intake_last_words(inc);
    ward__blame_death(&blame, inc, ward__clock_ms());
    if (inc->doom == WARD__DOOM_STOP || inc->doom == WARD__DOOM_SERVER)
        ward__actor_tell(actor, WARD_EVENT_CLEANUP_SKIPPED, NULL);
    else if (inc->stage != WARD__STAGE_GONE)
        ward__actor_tell(actor, WARD_EVENT_CLEANUP_FAILED, &blame.failure);
    bury(actor);
    ward__engine_recovered(ward__engine_of(actor), &actor->node);
}

/* Lost with the fork server: nobody's fault. A message of which something has left already
 * cannot be tried again. */
static void
lost_over(struct ward__actor *actor, const struct ward__hand *hand,
          struct ward__blame *blame)
{
    bool is_wanted =
        actor->node.state == WARD__NODE_UP || actor->node.state == WARD__NODE_STARTING;

    if (hand->was_early)
        take_poison(actor, hand, blame, WARD_LETTER_INTERRUPTED);
    keep_failure(actor, blame);
    bury(actor);
    ward__engine_lost(ward__engine_of(actor), &actor->node);
    if (!is_wanted) {
        ward__asks_incarnation_over(actor, -WARD_ECRASHED);
        return;
    }
    actor->is_failure_cause = true;
    ward__actor_tell_failed(actor);
}

/* It was told to go, or has said all it had to say. True if that is all there is to it. */
static bool
was_expected(struct ward__actor *actor, const struct ward__blame *blame)
{
    struct ward__incarnation *inc = actor->now;
    enum ward__node_state state = actor->node.state;

    if (inc->stage == WARD__STAGE_GONE || inc->has_raised || state == WARD__NODE_EXITING)
        return true;
    if (state == WARD__NODE_FINISHING || state == WARD__NODE_EMPTYING) {
        if (state == WARD__NODE_FINISHING && inc->doom == WARD__DOOM_STOP)
            ward__actor_tell(actor, WARD_EVENT_CLEANUP_SKIPPED, NULL);
        else if (state == WARD__NODE_FINISHING)
            ward__actor_tell(actor, WARD_EVENT_CLEANUP_FAILED, &blame->failure);
        return true;
    }
    if (state == WARD__NODE_HALTING && inc->doom == WARD__DOOM_STOP) {
        if (actor->node.owes_post_stop && actor->node.options.has_post_stop &&
            !actor->node.options.is_brutal)
            ward__actor_tell(actor, WARD_EVENT_CLEANUP_SKIPPED, NULL);
        actor->node.owes_post_stop = false;
        return true;
    }
    return false;
}

/* The message in hand. Where the page cannot be believed it is the first one in flight, and
 * nobody knows what of it has left: or a message that makes the page lie would come again. */
static struct ward__hand
look_at_hand(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;
    const struct ward__mailbox *box = &actor->mailbox;
    struct ward__hand hand = {0};

    if (inc->has_raised)
        return hand; /* it was looked at then */
    if (ward__channel_hand(&inc->channel, box, &hand) < 0) {
        hand.is_in_hand = box->sent_number > box->done_number;
        hand.was_early = hand.is_in_hand;
    }
    return hand;
}

static void
failure_over(struct ward__actor *actor, const struct ward__hand *hand,
             struct ward__blame *blame)
{
    bool is_asked = actor->node.state == WARD__NODE_HALTING;

    take_poison(actor, hand, blame, WARD_LETTER_POISON);
    keep_failure(actor, blame);
    bury(actor);
    ward__engine_failed(ward__engine_of(actor), &actor->node, false);
    if (!is_asked && actor->node.state == WARD__NODE_DECIDING)
        return; /* the event follows the decision */
    actor->is_failure_cause = true;
    ward__actor_tell_failed(actor);
}

/* A process that never became a worker, or died before it learnt of which actor. */
static void
setup_over(struct ward__actor *actor)
{
    bool was_worker = actor->now->exit.step == 0;
    int error = was_worker ? -ECANCELED : actor->now->exit.error;
    const char *step =
        was_worker ? "take the assignment" : ward__spawn_step_name(actor->now->exit.step);

    bury(actor);
    ward__actor_spawn_failed(actor, error, step);
}

void
ward__actor_over(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;
    struct ward__blame blame;
    struct ward__hand hand;
    int status;

    if (inc->exit.step != 0 || ward__incarnation_is_untouched(inc)) {
        setup_over(actor);
        return;
    }
    if (inc->is_cleanup) {
        cleanup_over(actor);
        return;
    }
    ward__intake_last_words(inc);
    hand = look_at_hand(actor);
    ward__blame_death(&blame, inc, ward__clock_ms());
    if (inc->doom == WARD__DOOM_SERVER && !inc->has_exit) {
        lost_over(actor, &hand, &blame);
    } else if (was_expected(actor, &blame)) {
        if (hand.was_early && hand.is_in_hand) {
            take_poison(actor, &hand, NULL, WARD_LETTER_INTERRUPTED);
            ward__post_dead_frame(actor, WARD_LETTER_INTERRUPTED, actor->poison,
                                  actor->poison_size);
            free(actor->poison);
            actor->poison = NULL;
        }
        status = inc->has_raised ? -WARD_ECRASHED : -WARD_ESTOPPED;
        bury(actor);
        ward__asks_incarnation_over(actor, status);
        ward__engine_died(ward__engine_of(actor), &actor->node);
    } else {
        failure_over(actor, &hand, &blame);
    }
}

#include "supervisor/owed.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "supervisor/ask.h"
#include "supervisor/deadline.h"
#include "supervisor/system.h"

/* Who waits for a start has this much more than the start itself. */
enum { OWED_SLACK_MS = 1000 };

static void
answer(struct ward__actor *actor, struct ward__owed *owed, int status)
{
    struct ward__actor *asker = ward__actor_find(actor->sys, owed->asker);

    if (asker != NULL)
        ward__answer_request(asker, owed->incarnation, owed->request, status,
                             status == 0 ? actor->ref : (ward_ref){0, 0});
    free(owed);
}

/* Answers all, or only those that wait until it is up. */
static void
answer_all(struct ward__actor *actor, bool is_over, int status)
{
    struct ward__owed_list left = SLIST_HEAD_INITIALIZER(left);
    struct ward__owed *owed;

    while ((owed = SLIST_FIRST(&actor->owed)) != NULL) {
        SLIST_REMOVE_HEAD(&actor->owed, next);
        if (owed->until_up)
            answer(actor, owed, status);
        else if (is_over)
            answer(actor, owed, 0);
        else
            SLIST_INSERT_HEAD(&left, owed, next);
    }
    actor->owed = left;
    ward__timer_cancel(&actor->sys->loop, &actor->owed_deadline);
}

void
ward__owed_up(struct ward__actor *actor)
{
    answer_all(actor, false, 0);
}

void
ward__owed_ended(struct ward__actor *actor, int status)
{
    answer_all(actor, true, status);
}

void
ward__owed_forget(struct ward__actor *actor)
{
    struct ward__owed *owed;

    while ((owed = SLIST_FIRST(&actor->owed)) != NULL) {
        SLIST_REMOVE_HEAD(&actor->owed, next);
        free(owed);
    }
    ward__timer_cancel(&actor->sys->loop, &actor->owed_deadline);
}

static void
start_is_late(struct ward__timer *timer)
{
    struct ward__actor *actor =
        ward__actor_at(timer, offsetof(struct ward__actor, owed_deadline));

    answer_all(actor, false, -ETIMEDOUT);
    ward__engine_stop(ward__engine_of(actor), &actor->node);
    ward__system_pump(actor->sys);
}

int
ward__owed_add(struct ward__actor *actor, struct ward__actor *asker, uint64_t request,
               bool until_up)
{
    struct ward__owed *owed = WARD__NEW(calloc(1, sizeof *owed));

    if (owed == NULL)
        return -ENOMEM;
    owed->asker = asker->ref;
    owed->incarnation = asker->incarnation;
    owed->request = request;
    owed->until_up = until_up;
    SLIST_INSERT_HEAD(&actor->owed, owed, next);
    /* The start of a supervisor ends by itself: its children have deadlines. */
    if (until_up && actor->behavior != NULL && actor->start_ms != INT64_MAX)
        ward__actor_set_deadline(actor, &actor->owed_deadline,
                                 actor->start_ms + OWED_SLACK_MS, start_is_late);
    return 0;
}

#include "supervisor/ending.h"

#include <stdlib.h>

#include <ward/error.h>

#include "ipc/failure.h"
#include "supervisor/ask.h"
#include "supervisor/life.h"
#include "supervisor/owed.h"
#include "supervisor/post.h"
#include "supervisor/report.h"
#include "supervisor/system.h"
#include "supervisor/watch.h"

const char *
ward__actor_reason(const struct ward__actor *actor)
{
    if (actor->node.goal == WARD__GOAL_ESCALATE && actor->node.why == WARD__ENDED_DECIDED)
        return "escalated";
    switch (actor->node.why) {
    case WARD__ENDED_STOPPED:
        return actor->is_draining && !actor->is_stopping ? "drained" : "stopped";
    case WARD__ENDED_NORMAL:
        return actor->behavior != NULL ? actor->own_reason : "shutdown";
    case WARD__ENDED_INTENSITY:
        return "intensity";
    case WARD__ENDED_UNSTARTED:
        return "not started";
    case WARD__ENDED_LIMIT:
        return "limit";
    case WARD__ENDED_DECIDED:
        return actor->strategy != NULL && actor->strategy->decider != NULL
                   ? "stopped by decider"
                   : "failed";
    case WARD__ENDED_TEMPORARY:
        return "failed";
    case WARD__ENDED_IGNORED:
        return "ignored";
    }
    return "";
}

static ward_end
end_of(const struct ward__actor *actor)
{
    switch (actor->node.why) {
    case WARD__ENDED_STOPPED:
        return WARD_END_STOPPED;
    case WARD__ENDED_NORMAL:
    case WARD__ENDED_IGNORED:
        return WARD_END_NORMAL;
    default:
        return actor->failure != NULL && actor->failure->cause == WARD_CAUSE_KILLED
                   ? WARD_END_KILLED
                   : WARD_END_FAILURE;
    }
}

/* A supervisor has given up: a failure of its own. */
static void
describe_giving_up(struct ward__actor *supervisor, const struct ward__actor *child,
                   ward_failure *record)
{
    *record = (ward_failure){.cause = WARD_CAUSE_INTENSITY,
                             .phase = WARD_PHASE_IDLE,
                             .by = WARD_BY_SELF,
                             .actor = supervisor->ref,
                             .path = supervisor->path,
                             .origin = supervisor->ref,
                             .origin_path = supervisor->path,
                             .incarnation = supervisor->incarnation,
                             .step = "",
                             .raised = "",
                             .text = "too many restarts of its children",
                             .breadcrumb = "",
                             .last = child->failure};
}

static bool
is_handed_up(const struct ward__actor *actor)
{
    const struct ward__node *parent = &actor->parent->node;

    if (actor->node.why == WARD__ENDED_UNSTARTED)
        return actor->parent->behavior == NULL && actor->parent->parent != NULL &&
               (parent->goal == WARD__GOAL_FAIL || parent->why == WARD__ENDED_UNSTARTED);
    return actor->node.goal == WARD__GOAL_ESCALATE &&
           (parent->goal == WARD__GOAL_FAIL || parent->goal == WARD__GOAL_ESCALATE ||
            parent->why == WARD__ENDED_UNSTARTED);
}

/* The parent fails with this failure: the same record, about somebody else. */
static void
hand_up(struct ward__actor *actor)
{
    struct ward__actor *parent = actor->parent;
    ward_failure record;

    if (!is_handed_up(actor) || parent->has_escalation)
        return; /* the first one counts */
    if (actor->node.why == WARD__ENDED_INTENSITY) {
        describe_giving_up(parent, actor, &record);
    } else if (actor->failure != NULL) {
        record = *actor->failure;
        record.actor = parent->ref;
        record.path = parent->path;
    } else {
        return;
    }
    parent->has_escalation = true;
    free(parent->failure);
    parent->failure = ward__failure_copy(&record);
}

void
ward__actor_end_root(struct ward__actor *root)
{
    struct ward_system *sys = root->sys;

    if (root->node.goal == WARD__GOAL_ESCALATE) {
        sys->failure = root->failure;
        root->failure = NULL;
        sys->has_failed = true;
    }
    ward__asks_fail_all(root, -WARD_ESTOPPED);
    ward__timer_cancel(&sys->loop, &sys->stop_deadline);
    sys->has_stopped = true;
}

/* A life is over for good: letters, asks, the event, the name, the watchers, in this order. */
void
ward__actor_conclude(struct ward__actor *actor)
{
    const char *reason = ward__actor_reason(actor);
    ward_end end = end_of(actor);
    bool is_ignored = actor->node.why == WARD__ENDED_IGNORED;

    ward__post_bury(actor);
    ward__asks_fail_all(actor, -WARD_ESTOPPED);
    if (actor->behavior == NULL && actor->node.why == WARD__ENDED_UNSTARTED)
        ward__actor_tell_failed(actor);
    ward__report(actor, &(ward_event){.kind = WARD_EVENT_STOPPED,
                                      .failure = actor->failure,
                                      .text = reason,
                                      .end = end});
    if (actor->node.state == WARD__NODE_ENDED)
        ward__actor_free_name(actor);
    ward__slots_remove(&actor->sys->actors, actor->ref.id);
    ward__watch_tell(actor, end, reason);
    if (is_ignored)
        actor->sys->last_ignored = actor->ref;
    ward__owed_ended(actor, is_ignored ? -WARD_EIGNORED : -WARD_ESTART);
    hand_up(actor);
    ward__actor_end_life(actor);
    ward__actor_room(actor->sys->root); /* what it held may be room for others */
}

#include "supervisor/report.h"

#include "ipc/clock.h"
#include "supervisor/system.h"

static ward_window_use
use_of(const struct ward__window *window, int64_t now)
{
    int64_t at = ward__window_frees_at(window, now);

    if (window->is_unlimited)
        return (ward_window_use){.is_limited = false};
    return (ward_window_use){.is_limited = true,
                             .max_restarts = (int)window->max,
                             .used = (int)ward__window_used(window, now),
                             .frees_in_ms = at == INT64_MAX ? -1 : at - now};
}

void
ward__report_budget(const struct ward__actor *actor, ward_budget *budget)
{
    const struct ward__actor *parent = actor->parent;
    int64_t now = ward__clock_ms();

    *budget = (ward_budget){.own = use_of(&actor->node.budget.fast, now),
                            .own_slow = use_of(&actor->node.budget.slow, now)};
    if (parent == NULL || parent->supervisor == NULL)
        return;
    budget->supervisor = use_of(&parent->node.intensity.fast, now);
    budget->supervisor_slow = use_of(&parent->node.intensity.slow, now);
}

static bool
is_parent_leaving(const struct ward__actor *actor)
{
    enum ward__node_state state = actor->parent->node.state;

    return state != WARD__NODE_UP && state != WARD__NODE_STARTING;
}

/* Which of OTP's reports it is. */
static ward_report
report_of(const struct ward__actor *actor, const ward_event *event)
{
    switch (event->kind) {
    case WARD_EVENT_STARTED:
    case WARD_EVENT_RESTARTED:
        return WARD_REPORT_PROGRESS;
    case WARD_EVENT_EXITED:
        return WARD_REPORT_CHILD_TERMINATED;
    case WARD_EVENT_CLEANUP_FAILED:
    case WARD_EVENT_CLEANUP_SKIPPED:
        return WARD_REPORT_SHUTDOWN_ERROR;
    case WARD_EVENT_FAILED:
        break;
    default:
        return WARD_REPORT_NONE;
    }
    if (event->failure != NULL && event->failure->cause == WARD_CAUSE_INTENSITY &&
        event->failure->origin.id == actor->ref.id)
        return WARD_REPORT_SHUTDOWN;
    if (actor->node.why == WARD__ENDED_UNSTARTED && actor->node.goal == WARD__GOAL_STOP)
        return WARD_REPORT_START_ERROR;
    if (actor->node.goal == WARD__GOAL_STOP &&
        (actor->node.why == WARD__ENDED_STOPPED || is_parent_leaving(actor)))
        return WARD_REPORT_SHUTDOWN_ERROR;
    return WARD_REPORT_CHILD_TERMINATED;
}

/* At once, and then it is on its way by now; by itself; or as the one for whose sake its group
 * restarts. */
static bool
is_coming_back(const struct ward__node *node, const ward_event *event)
{
    bool is_at_once =
        event->kind == WARD_EVENT_FAILED && event->directive == WARD_DIRECTIVE_RESTART;

    return is_at_once || node->goal == WARD__GOAL_RESTART ||
           (node->goal == WARD__GOAL_HOLD && node->parent->trigger == node);
}

void
ward__report(struct ward__actor *actor, const ward_event *event)
{
    ward_event full = *event;

    full.actor = actor->ref;
    full.path = actor->path;
    full.incarnation = actor->incarnation;
    full.report = report_of(actor, event);
    full.attempt = actor->node.restarts;
    full.retry_ms = is_coming_back(&actor->node, event) ? actor->node.delay_ms : -1;
    ward__report_budget(actor, &full.budget);
    ward__notice_event(actor->sys, &full);
}

void
ward__report_low(struct ward__actor *actor)
{
    struct ward__actor *parent = actor->parent;

    if (actor->node.is_low)
        ward__report(actor, &(ward_event){.kind = WARD_EVENT_BUDGET_LOW, .text = "own"});
    actor->node.is_low = false;
    if (parent == NULL || !parent->node.is_intensity_low)
        return;
    parent->node.is_intensity_low = false;
    ward__report(actor,
                 &(ward_event){.kind = WARD_EVENT_BUDGET_LOW, .text = "supervisor"});
}

void
ward__report_exited(struct ward__actor *actor)
{
    const char *reason =
        ward__actor_is_supervisor(actor) ? "shutdown" : actor->own_reason;

    ward__report(actor, &(ward_event){.kind = WARD_EVENT_EXITED, .text = reason});
}

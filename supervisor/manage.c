#include "supervisor/manage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/spec.h"
#include "supervisor/ask.h"
#include "supervisor/owed.h"
#include "supervisor/report.h"
#include "supervisor/system.h"

/* Beside the values an answer has an envelope. */
enum { ANSWER_SLACK = 64 };

/* ---- finding ---- */

struct ward__actor *
ward__manage_find(struct ward__actor *supervisor, const char *id)
{
    char path[WARD_MAX_PATH + 1];
    const char *above = supervisor->parent != NULL ? supervisor->path : "";
    int length = snprintf(path, sizeof path, "%s/%s", above, id);

    if (strchr(id, '/') != NULL || length >= (int)sizeof path)
        return NULL;
    return ward__actor_record(supervisor->sys, path);
}

static bool
is_dynamic(const struct ward__actor *supervisor)
{
    return supervisor->supervisor != NULL &&
           supervisor->supervisor->group == WARD_SIMPLE_ONE_FOR_ONE;
}

static bool
is_going_down(const struct ward__node *node)
{
    return node->goal == WARD__GOAL_STOP || node->goal == WARD__GOAL_ESCALATE;
}

static ward_child_state
state_of(const struct ward__node *node)
{
    switch (node->state) {
    case WARD__NODE_UP:
        return WARD_CHILD_UP;
    case WARD__NODE_ABSENT:
    case WARD__NODE_ENDED:
    case WARD__NODE_NEW:
        return WARD_CHILD_ABSENT;
    case WARD__NODE_HELD:
        return WARD_CHILD_WAITING;
    case WARD__NODE_STARTING:
        return node->is_trial || node->starts == 1 ? WARD_CHILD_STARTING
                                                   : WARD_CHILD_RESTARTING;
    case WARD__NODE_RECOVERING:
        return WARD_CHILD_STOPPING;
    default:
        return is_going_down(node) ? WARD_CHILD_STOPPING : WARD_CHILD_RESTARTING;
    }
}

/* 0 if the child has a spec only; else what OTP calls the reason why not. */
static int
check_absent(const struct ward__actor *child)
{
    switch (state_of(&child->node)) {
    case WARD_CHILD_ABSENT:
        return 0;
    case WARD_CHILD_UP:
    case WARD_CHILD_STARTING:
    case WARD_CHILD_STOPPING:
        return -WARD_ERUNNING;
    default:
        return -WARD_ERESTARTING;
    }
}

/* May its children be changed now? */
static int
check_supervisor(const struct ward__actor *supervisor)
{
    if (supervisor->sys->is_stopping || supervisor->sys->has_stopped)
        return -ESHUTDOWN;
    if (supervisor->supervisor == NULL)
        return -EINVAL;
    return supervisor->node.state == WARD__NODE_UP ? 0 : -WARD_ERESTARTING;
}

/* ---- start ---- */

/* What the caller may not say of a dynamic child: it is the template's. */
static bool
is_dynamic_spec(const ward_spec *spec)
{
    return spec->behavior == NULL && spec->supervisor == NULL && spec->strategy == NULL &&
           spec->restart == WARD_RESTART_DEFAULT && !spec->significant &&
           spec->fd_count == 0 && spec->start_ms == 0 && spec->shutdown_ms == 0 &&
           spec->message_ms == 0 && spec->redeliver == 0 && spec->backoff.first_ms == 0 &&
           spec->backoff.max_ms == 0 && spec->backoff.healthy_ms == 0 &&
           spec->backoff.jitter_percent == 0 && spec->mailbox.bytes == 0 &&
           spec->mailbox.messages == 0 && spec->mailbox.when_full == WARD_REJECT &&
           spec->frame_bytes == 0;
}

static bool
is_full(const struct ward__actor *supervisor)
{
    int most = supervisor->supervisor->max_children;

    return most > 0 && supervisor->node.child_count >= (uint32_t)most;
}

static int
complete_dynamic(struct ward__actor *supervisor, const ward_spec *given, ward_spec *spec,
                 char name[WARD_MAX_ID + 1])
{
    const ward_supervisor *rules = supervisor->supervisor;
    int length;

    if (!is_dynamic_spec(given) || (given->args.data == NULL && given->args.size > 0))
        return -EINVAL;
    *spec = rules->children[0];
    if (given->args.size > 0)
        spec->args = given->args;
    if (given->id != NULL) {
        spec->id = given->id;
        return 0;
    }
    do
        length = snprintf(name, WARD_MAX_ID + 1, "%s-%" PRIu64, rules->children[0].id,
                          ++supervisor->last_child);
    while (length <= WARD_MAX_ID && ward__manage_find(supervisor, name) != NULL);
    spec->id = name;
    return length <= WARD_MAX_ID ? 0 : -ENAMETOOLONG;
}

/* There is a child of that id: in which way? */
static int
already(const struct ward__actor *child, ward_ref *ref)
{
    switch (state_of(&child->node)) {
    case WARD_CHILD_UP:
    case WARD_CHILD_STARTING:
        *ref = child->ref;
        return -WARD_EALREADY_STARTED;
    default:
        return -WARD_EALREADY_PRESENT;
    }
}

int
ward__manage_start(struct ward__actor *supervisor, const ward_spec *given,
                   struct ward__actor **child, ward_ref *ref)
{
    char name[WARD_MAX_ID + 1];
    ward_spec spec = *given;
    struct ward__actor *there;
    int result = check_supervisor(supervisor);

    if (result == 0)
        result = is_dynamic(supervisor) ? complete_dynamic(supervisor, given, &spec, name)
                                        : ward__spec_check(given);
    if (result < 0)
        return result;
    there = spec.id != NULL ? ward__manage_find(supervisor, spec.id) : NULL;
    if (there != NULL)
        return already(there, ref);
    if (is_full(supervisor))
        return -ENOBUFS;
    if (spec.significant &&
        (spec.restart == WARD_RESTART_DEFAULT || spec.restart == WARD_PERMANENT ||
         supervisor->supervisor->auto_shutdown == WARD_NEVER))
        return -EINVAL;
    result = ward__actor_new(supervisor, &spec, false, child);
    if (result < 0)
        return result;
    *ref = (*child)->ref;
    ward__engine_start_child(ward__engine_of(supervisor), &supervisor->node,
                             &(*child)->node);
    return 0;
}

int
ward__manage_restart(struct ward__actor *supervisor, const char *id,
                     struct ward__actor **child)
{
    int result = is_dynamic(supervisor) ? -WARD_EDYNAMIC : check_supervisor(supervisor);

    if (result < 0)
        return result;
    *child = ward__manage_find(supervisor, id);
    if (*child == NULL)
        return -ENOENT;
    result = check_absent(*child);
    if (result == 0)
        result = ward__actor_begin_life(*child);
    if (result < 0)
        return result;
    ward__engine_restart_child(ward__engine_of(supervisor), &(*child)->node);
    return 0;
}

/* ---- end ---- */

int
ward__manage_terminate(struct ward__actor *supervisor, const char *id,
                       struct ward__actor **child)
{
    struct ward__actor *found = ward__manage_find(supervisor, id);

    *child = NULL;
    if (found == NULL)
        return -ENOENT;
    ward__engine_terminate_child(ward__engine_of(supervisor), &found->node);
    if (state_of(&found->node) == WARD_CHILD_ABSENT)
        return 0;
    found->is_stopping = true;
    *child = found;
    return 0;
}

int
ward__manage_delete(struct ward__actor *supervisor, const char *id)
{
    struct ward__actor *child = ward__manage_find(supervisor, id);
    int result;

    if (is_dynamic(supervisor))
        return -WARD_EDYNAMIC;
    if (child == NULL)
        return -ENOENT;
    result = check_absent(child);
    if (result == 0)
        ward__engine_delete_child(ward__engine_of(supervisor), &child->node);
    return result;
}

/* ---- looking ---- */

void
ward__manage_describe(const struct ward__actor *child, ward_child *description)
{
    *description = (ward_child){
        .ref = child->ref,
        .state = state_of(&child->node),
        .is_supervisor = child->supervisor != NULL,
        .incarnation = child->incarnation,
    };
    strncpy(description->id, child->id, WARD_MAX_ID);
}

void
ward__manage_count(const struct ward__actor *supervisor, ward_child_count *count)
{
    const struct ward__node *node;

    *count = (ward_child_count){.specs = supervisor->node.child_count};
    TAILQ_FOREACH (node, &supervisor->node.children, sibling) {
        count->active += node->state == WARD__NODE_UP;
        count->supervisors += node->options.policy.is_supervisor;
    }
    count->workers = count->specs - count->supervisors;
}

void
ward__manage_spec(const struct ward__actor *child, ward_spec *spec)
{
    *spec = child->spec;
    spec->id = child->id;
    spec->args = (ward_bytes){child->args, child->args_size};
    spec->fds = NULL;
    spec->fd_count = 0;
    spec->restart = child->node.options.restart;
}

/* ---- the calls ---- */

static int
find_child(struct ward__actor *of, const char *id, struct ward__actor **child)
{
    *child = ward__manage_find(of, id);
    return *child != NULL ? 0 : -ENOENT;
}

static void
describe_all(struct ward__actor *of, struct ward__managed *managed)
{
    struct ward__node *node;

    TAILQ_FOREACH_REVERSE (node, &of->node.children, ward__node_list, sibling) {
        if (managed->count < managed->capacity)
            ward__manage_describe(ward__actor_of(node),
                                  &managed->children[managed->count]);
        managed->count++;
    }
}

/* What can be said without a child's start or end being waited for. */
static int
look(struct ward__actor *of, enum ward__manage_op op, const char *id,
     struct ward__managed *managed)
{
    struct ward__actor *child;
    ward_spec spec;
    int result = 0;

    switch (op) {
    case WARD__MANAGE_WHICH:
        result = find_child(of, id, &child);
        if (result == 0)
            ward__manage_describe(child, managed->children);
        return result;
    case WARD__MANAGE_WHICH_ALL:
        describe_all(of, managed);
        return 0;
    case WARD__MANAGE_COUNT:
        ward__manage_count(of, managed->counts);
        return 0;
    case WARD__MANAGE_SPEC:
        result = is_dynamic(of) ? -WARD_EDYNAMIC : find_child(of, id, &child);
        if (result < 0)
            return result;
        ward__manage_spec(child, &spec);
        *managed->spec = ward__spec_copy(&spec);
        return *managed->spec != NULL ? 0 : -ENOMEM;
    case WARD__MANAGE_BUDGET:
        ward__report_budget(of, managed->budget);
        return 0;
    default:
        return -EINVAL;
    }
}

int
ward__manage_call(struct ward__actor *of, enum ward__manage_op op, const char *id,
                  struct ward__managed *managed)
{
    struct ward__actor *child;
    int result;

    switch (op) {
    case WARD__MANAGE_TERMINATE:
        return ward__manage_terminate(of, id, &child);
    case WARD__MANAGE_RESTART:
        result = ward__manage_restart(of, id, &child);
        if (result == 0)
            *managed->ref = child->ref;
        return result;
    case WARD__MANAGE_DELETE:
        return ward__manage_delete(of, id);
    default:
        return look(of, op, id, managed);
    }
}

/* ---- the same for a worker ---- */

static void
pack_look(struct ward__sink *sink, struct ward__actor *of, enum ward__manage_op op,
          const struct ward__managed *managed)
{
    struct ward__node *node;
    struct ward__crossing crossing;
    ward_child child;

    switch (op) {
    case WARD__MANAGE_WHICH:
        ward__pack_child(sink, managed->children);
        break;
    case WARD__MANAGE_WHICH_ALL:
        ward__pack_array(sink, of->node.child_count);
        TAILQ_FOREACH_REVERSE (node, &of->node.children, ward__node_list, sibling) {
            ward__manage_describe(ward__actor_of(node), &child);
            ward__pack_child(sink, &child);
        }
        break;
    case WARD__MANAGE_COUNT:
        ward__pack_counts(sink, managed->counts);
        break;
    case WARD__MANAGE_SPEC:
        ward__crossing_begin(&crossing, *managed->spec);
        ward__pack_crossing(sink, &crossing);
        break;
    default:
        ward__pack_budget(sink, managed->budget);
        break;
    }
}

static int
answer_look(struct ward__actor *asker, const struct ward__manage *m,
            struct ward__actor *of)
{
    struct ward__sink *scratch = &asker->sys->scratch;
    ward_spec *spec = NULL;
    struct ward__managed managed = {.children = &(ward_child){.state = WARD_CHILD_UP},
                                    .counts = &(ward_child_count){0},
                                    .spec = &spec,
                                    .budget = &(ward_budget){.own = {0}}};
    int result = look(of, (enum ward__manage_op)m->op, m->id, &managed);

    if (result < 0)
        return result;
    ward__sink_clear(scratch);
    pack_look(scratch, of, (enum ward__manage_op)m->op, &managed);
    ward_childspec_free(spec);
    if (scratch->error == 0 && scratch->size > asker->frame_bytes - ANSWER_SLACK)
        return -EMSGSIZE;
    if (scratch->error < 0)
        return scratch->error;
    ward__answer_values(asker, m->request, (ward_raw){scratch->data, scratch->size});
    return 0;
}

/* 1: it is done, and was no look; 0: it is answered, or will be. */
static int
perform(struct ward__actor *asker, const struct ward__manage *m, struct ward__actor *of)
{
    struct ward__actor *child = NULL;
    int result;

    switch (m->op) {
    case WARD__MANAGE_TERMINATE:
        result = ward__manage_terminate(of, m->id, &child);
        if (result == 0 && child != NULL)
            return ward__owed_add(child, asker, m->request, false);
        return result < 0 ? result : 1;
    case WARD__MANAGE_RESTART:
        result = ward__manage_restart(of, m->id, &child);
        return result < 0 ? result : ward__owed_add(child, asker, m->request, true);
    case WARD__MANAGE_DELETE:
        result = ward__manage_delete(of, m->id);
        return result < 0 ? result : 1;
    default:
        return answer_look(asker, m, of);
    }
}

void
ward__manage_request(struct ward__actor *asker, const struct ward__manage *manage)
{
    struct ward__actor *of = ward__actor_find(asker->sys, manage->of);
    int result = of != NULL ? perform(asker, manage, of) : -WARD_EUNKNOWN;

    if (result != 0)
        ward__answer_request(asker, asker->incarnation, manage->request,
                             result < 0 ? result : 0, (ward_ref){0, 0});
}

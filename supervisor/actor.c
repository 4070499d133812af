#include "supervisor/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/fds.h"
#include "ipc/registry.h"
#include "ipc/spec.h"
#include "supervisor/ask.h"
#include "supervisor/change.h"
#include "supervisor/credit.h"
#include "supervisor/incarnation.h"
#include "supervisor/owed.h"
#include "supervisor/system.h"

enum { DEFAULT_START_MS = 10000, DEFAULT_SHUTDOWN_MS = 5000 };
enum { DEFAULT_INTENSITY = 1, DEFAULT_PERIOD_MS = 5000, DEFAULT_BACKOFF_MAX_MS = 60000 };

static int
compare(const struct ward__actor *a, const struct ward__actor *b)
{
    return strcmp(a->path, b->path);
}

RB_GENERATE_INTERNAL(ward__paths, ward__actor, by_path, compare,
                     static __attribute__((unused)))

struct ward__actor *
ward__actor_of(struct ward__node *node)
{
    return (struct ward__actor *)(void *)((char *)node -
                                          offsetof(struct ward__actor, node));
}

/* ---- finding ---- */

struct ward__actor *
ward__actor_record(struct ward_system *sys, const char *path)
{
    struct ward__actor key = {.path = (char *)(size_t)path};

    return RB_FIND(ward__paths, &sys->paths, &key);
}

struct ward__actor *
ward__actor_lookup(struct ward_system *sys, const char *path)
{
    struct ward__actor *actor = ward__actor_record(sys, path);

    return actor != NULL && !actor->is_absent ? actor : NULL;
}

struct ward__actor *
ward__actor_last(struct ward_system *sys)
{
    struct ward__actor *last = RB_MAX(ward__paths, &sys->paths);

    return last != sys->root ? last : NULL; /* no path is before "/" */
}

struct ward__engine *
ward__engine_of(struct ward__actor *actor)
{
    actor->sys->engine.now = ward__clock_ms();
    return &actor->sys->engine;
}

void
ward__actor_free_name(struct ward__actor *actor)
{
    if (actor->has_name)
        RB_REMOVE(ward__paths, &actor->sys->paths, actor);
    actor->has_name = false;
}

void
ward__actor_is_decided(struct ward__actor *actor)
{
    if (actor->is_undecided)
        TAILQ_REMOVE(&actor->sys->undecided, actor, undecided);
    actor->is_undecided = false;
}

/* ---- making ---- */

/* Zero is the default, WARD_ZERO 0, WARD_INFINITE no limit. */
static int64_t
milliseconds(int option, int64_t when_default)
{
    if (option == 0)
        return when_default;
    if (option == WARD_INFINITE)
        return INT64_MAX;
    return option == WARD_ZERO ? 0 : option;
}

static void
begin(struct ward__actor *actor, struct ward_system *sys)
{
    actor->sys = sys;
    TAILQ_INIT(&actor->asks_in);
    TAILQ_INIT(&actor->asks_out);
    SLIST_INIT(&actor->owed);
    LIST_INIT(&actor->credits);
    TAILQ_INIT(&actor->owed_credits);
    actor->is_absent = true;
}

static void
take_name(struct ward__actor *actor)
{
    RB_INSERT(ward__paths, &actor->sys->paths, actor);
    actor->has_name = true;
}

int
ward__actor_begin_life(struct ward__actor *actor)
{
    struct ward_system *sys = actor->sys;

    if (sys->options.max_actors > 0 &&
        sys->actor_count > (uint64_t)sys->options.max_actors)
        return -ENOBUFS; /* the root is one more */
    if (ward__slots_add(&sys->actors, actor, &actor->ref.id) < 0)
        return -ENOMEM;
    sys->actor_count++;
    actor->ref.nonce = ward__nonce(&sys->nonces);
    actor->is_absent = false;
    actor->incarnation = actor->lives = 0;
    actor->was_up = actor->is_draining = actor->is_stopping = false;
    actor->is_failure_cause = actor->has_escalation = false;
    actor->wants_room = 0;
    free(actor->failure);
    actor->failure = NULL;
    return 0;
}

static void
begin_mailbox(struct ward__actor *actor)
{
    ward__mailbox_init(&actor->mailbox, &actor->spec.mailbox);
    actor->mailbox.sum = &actor->sys->mailbox_sum;
}

void
ward__actor_end_life(struct ward__actor *actor)
{
    if (!actor->is_absent)
        actor->sys->actor_count--;
    ward__credits_end_target(actor);
    if (actor->ref.id != 0)
        ward__slots_remove(&actor->sys->actors, actor->ref.id);
    actor->ref = (ward_ref){0, 0};
    actor->is_absent = true;
    ward__mailbox_done(&actor->mailbox);
    begin_mailbox(actor);
    actor->dropped = 0;
}

int
ward__actor_new_root(struct ward_system *sys)
{
    struct ward__actor *root = WARD__NEW(calloc(1, sizeof *root));

    if (root == NULL)
        return -ENOMEM;
    begin(root, sys);
    ward__engine_init(&sys->engine, &root->node);
    root->path = WARD__NEW(strdup("/"));
    if (root->path == NULL || ward__actor_begin_life(root) < 0) {
        free(root->path);
        free(root);
        return -ENOMEM;
    }
    take_name(root);
    root->id = root->path;
    root->spec.mailbox = sys->options.mailbox;
    root->frame_bytes = sys->frame_bytes;
    begin_mailbox(root);
    sys->root = root;
    sys->ctx.self = root->ref;
    sys->ctx.path = root->path;
    return 0;
}

static int
take_path(struct ward__actor *actor, const char *id)
{
    struct ward__actor *parent = actor->parent;
    const char *above = parent->parent != NULL ? parent->path : "";
    size_t length = strlen(above) + 1 + strlen(id);

    if (length > WARD_MAX_PATH)
        return -ENAMETOOLONG;
    actor->path = WARD__NEW(malloc(length + 1));
    if (actor->path == NULL)
        return -ENOMEM;
    snprintf(actor->path, length + 1, "%s/%s", above, id);
    actor->id = strrchr(actor->path, '/') + 1;
    return ward__actor_record(actor->sys, actor->path) == NULL ? 0 : -EEXIST;
}

static size_t
frame_bytes_of(const struct ward__actor *actor, const ward_spec *spec)
{
    return spec->frame_bytes != 0 ? (size_t)spec->frame_bytes : actor->sys->frame_bytes;
}

static int
take_bytes(struct ward__actor *actor, const ward_spec *spec)
{
    if (spec->args.size > frame_bytes_of(actor, spec))
        return -EMSGSIZE;
    if (spec->args.size > 0) {
        actor->args = WARD__NEW(malloc(spec->args.size));
        if (actor->args == NULL)
            return -ENOMEM;
        memcpy(actor->args, spec->args.data, spec->args.size);
        actor->args_size = spec->args.size;
    }
    for (size_t i = 0; i < spec->fd_count; i++)
        if (WARD__SYS(fcntl(spec->fds[i], F_GETFD)) < 0)
            return -errno; /* before a duplicate takes the number of a closed one */
    for (size_t i = 0; i < spec->fd_count; i++) {
        int fd = WARD__SYS(fcntl(spec->fds[i], F_DUPFD_CLOEXEC, 3));
        if (fd < 0)
            return -errno;
        actor->fds[actor->fd_count++] = fd;
    }
    return 0;
}

static void
drop_bytes(struct ward__actor *actor)
{
    for (size_t i = 0; i < actor->fd_count; i++)
        ward__fd_close(&actor->fds[i]);
    actor->fd_count = 0;
    free(actor->args);
    actor->args = NULL;
}

static int
take_constants(struct ward__actor *actor, const ward_spec *spec)
{
    int result = ward__spec_check(spec);

    if (result < 0)
        return result;
    actor->spec = *spec;
    actor->behavior = spec->behavior;
    actor->strategy = spec->strategy;
    actor->supervisor = spec->supervisor;
    actor->behavior_index =
        ward__registry_index(WARD_REGISTERED_BEHAVIOR, spec->behavior);
    return 0;
}

static int
number_or(int option, int when_default)
{
    return option != 0 ? option : when_default;
}

static void
describe_policy(const ward_supervisor *rules, struct ward__policy *policy)
{
    bool is_dynamic = rules->group == WARD_SIMPLE_ONE_FOR_ONE;

    *policy = (struct ward__policy){
        .is_supervisor = true,
        .group = rules->group,
        .auto_shutdown = rules->auto_shutdown,
        .stops_at_once = rules->stop_at_once || is_dynamic,
        .intensity = number_or(rules->intensity, DEFAULT_INTENSITY),
        .period_ms = number_or(rules->period_ms, DEFAULT_PERIOD_MS),
        .slow_intensity = rules->slow.max_restarts,
        .slow_period_ms = rules->slow.within_ms,
    };
}

static void
describe_backoff(const ward_backoff *backoff, struct ward__node_options *options)
{
    int64_t first = backoff->first_ms;
    int64_t most = number_or(backoff->max_ms, DEFAULT_BACKOFF_MAX_MS);

    if (first == 0)
        return;
    options->backoff_first_ms = first;
    options->backoff_most_ms = most;
    options->healthy_ms = milliseconds(backoff->healthy_ms, (first + most) / 2);
}

static struct ward__node_options
options_of(const struct ward__actor *actor, const ward_spec *spec)
{
    const ward_strategy *strategy = spec->strategy;
    bool is_governed = actor->parent->supervisor != NULL;
    struct ward__node_options options = {
        .kind = spec->behavior != NULL ? WARD__KIND_ACTOR : WARD__KIND_SUPERVISOR,
        .restart = spec->restart,
        .is_significant = spec->significant,
        .has_post_stop = spec->behavior != NULL && spec->behavior->post_stop != NULL,
        .is_brutal = spec->shutdown_ms == WARD_ZERO,
        .max_restarts = WARD_INFINITE,
        .on_limit = WARD_DIRECTIVE_STOP,
    };

    if (options.restart == WARD_RESTART_DEFAULT)
        options.restart = is_governed ? WARD_PERMANENT : WARD_TRANSIENT;
    if (strategy != NULL) {
        options.max_restarts = strategy->max_restarts;
        options.within_ms = strategy->within_ms;
        options.slow_max_restarts = strategy->slow.max_restarts;
        options.slow_within_ms = strategy->slow.within_ms;
    }
    if (strategy != NULL && strategy->on_limit != 0)
        options.on_limit = strategy->on_limit;
    if (spec->supervisor != NULL)
        describe_policy(spec->supervisor, &options.policy);
    describe_backoff(&spec->backoff, &options);
    return options;
}

static int
make_node(struct ward__actor *actor, const ward_spec *spec)
{
    struct ward__node_options options = options_of(actor, spec);

    return ward__node_init(&actor->node, &options);
}

static void
take_numbers(struct ward__actor *actor, const ward_spec *spec)
{
    actor->start_ms = milliseconds(spec->start_ms, DEFAULT_START_MS);
    actor->shutdown_ms = milliseconds(spec->shutdown_ms, DEFAULT_SHUTDOWN_MS);
    actor->message_ms = milliseconds(spec->message_ms, INT64_MAX);
    actor->redeliver = spec->redeliver > 0 ? (unsigned)spec->redeliver : 0;
    actor->frame_bytes = frame_bytes_of(actor, spec);
}

static int
fill(struct ward__actor *actor, const ward_spec *spec)
{
    int result = take_constants(actor, spec);

    if (result == 0)
        result = make_node(actor, spec);
    if (result == 0)
        result = take_path(actor, spec->id);
    if (result == 0)
        result = take_bytes(actor, spec);
    if (result < 0)
        return result;
    take_numbers(actor, spec);
    begin_mailbox(actor);
    return 0;
}

int
ward__actor_new(struct ward__actor *parent, const ward_spec *spec, bool is_absent,
                struct ward__actor **made)
{
    struct ward__actor *actor = WARD__NEW(calloc(1, sizeof *actor));
    int result;

    if (actor == NULL)
        return -ENOMEM;
    begin(actor, parent->sys);
    actor->parent = parent;
    result = fill(actor, spec);
    if (result == 0 && !is_absent)
        result = ward__actor_begin_life(actor);
    if (result < 0) {
        ward__actor_free(actor);
        return result;
    }
    take_name(actor);
    *made = actor;
    return 0;
}

int
ward__actor_spawn(struct ward__actor *parent, const ward_spec *spec, ward_ref *ref)
{
    struct ward_system *sys = parent->sys;
    enum ward__node_state state = parent->node.state;
    struct ward__actor *actor;
    int result;

    if (sys->is_stopping || sys->has_stopped ||
        (state != WARD__NODE_UP && state != WARD__NODE_STARTING))
        return -ESHUTDOWN;
    result = ward__actor_new(parent, spec, false, &actor);
    if (result < 0)
        return result;
    *ref = actor->ref;
    ward__engine_spawn(ward__engine_of(parent), &parent->node, &actor->node);
    return 0;
}

/* ---- changing ---- */

int
ward__actor_new_rules(struct ward__actor *actor, const ward_supervisor *rules)
{
    struct ward__policy policy;
    int result;

    describe_policy(rules, &policy);
    result = ward__node_new_policy(&actor->node, &policy);
    if (result < 0)
        return result;
    actor->supervisor = rules;
    actor->spec.supervisor = rules;
    return 0;
}

int
ward__actor_new_spec(struct ward__actor *actor, const ward_spec *spec)
{
    struct ward__actor made = {.sys = actor->sys, .parent = actor->parent};
    struct ward__node_options options;
    int result = take_constants(&made, spec);

    if (result == 0)
        result = take_bytes(&made, spec);
    options = options_of(actor, spec);
    if (result == 0)
        result = ward__node_new_options(&actor->node, &options);
    if (result < 0) {
        drop_bytes(&made);
        return result;
    }
    drop_bytes(actor);
    actor->args = made.args;
    actor->args_size = made.args_size;
    memcpy(actor->fds, made.fds, sizeof made.fds);
    actor->fd_count = made.fd_count;
    actor->spec = *spec;
    actor->behavior = made.behavior;
    actor->behavior_index = made.behavior_index;
    actor->strategy = made.strategy;
    actor->supervisor = made.supervisor;
    take_numbers(actor, spec);
    ward__mailbox_limit(&actor->mailbox, &spec->mailbox);
    return 0;
}

/* ---- freeing: a record, finished or half made ---- */

void
ward__actor_free(struct ward__actor *actor)
{
    struct ward__loop *loop;

    if (actor == NULL)
        return;
    loop = &actor->sys->loop;
    ward__incarnation_free(actor->now);
    ward__asks_forget(actor);
    ward__asks_fail_all(actor, -WARD_ESTOPPED);
    ward__credits_end_target(actor);
    ward__timer_cancel(loop, &actor->deadline);
    ward__timer_cancel(loop, &actor->delay);
    ward__timer_cancel(loop, &actor->progress);
    ward__owed_forget(actor);
    ward__actor_free_name(actor);
    if (!actor->is_absent)
        actor->sys->actor_count--;
    ward__actor_is_decided(actor);
    if (actor->ref.id != 0)
        ward__slots_remove(&actor->sys->actors, actor->ref.id);
    ward__change_forget(actor);
    drop_bytes(actor);
    ward__mailbox_done(&actor->mailbox);
    ward__node_done(&actor->node);
    free(actor->watchers);
    free(actor->poison);
    free(actor->failure);
    free(actor->path);
    free(actor);
}

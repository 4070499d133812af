#include "supervisor/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/fds.h"
#include "ipc/registry.h"
#include "supervisor/ask.h"
#include "supervisor/incarnation.h"
#include "supervisor/nonce.h"
#include "supervisor/system.h"

enum { DEFAULT_START_MS = 10000, DEFAULT_SHUTDOWN_MS = 5000 };

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
ward__actor_find(struct ward_system *sys, ward_ref ref)
{
    struct ward__actor *actor = ward__slots_find(&sys->actors, ref.id);

    return actor != NULL && actor->ref.nonce == ref.nonce ? actor : NULL;
}

struct ward__actor *
ward__actor_lookup(struct ward_system *sys, const char *path)
{
    struct ward__actor key = {.path = (char *)(size_t)path};

    return RB_FIND(ward__paths, &sys->paths, &key);
}

void
ward__actor_free_name(struct ward__actor *actor)
{
    if (actor->has_name)
        RB_REMOVE(ward__paths, &actor->sys->paths, actor);
    actor->has_name = false;
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
}

static int
take_place(struct ward__actor *actor)
{
    actor->ref.nonce = ward__nonce();
    if (ward__slots_add(&actor->sys->actors, actor, &actor->ref.id) < 0)
        return -ENOMEM;
    RB_INSERT(ward__paths, &actor->sys->paths, actor);
    actor->has_name = true;
    return 0;
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
    if (root->path == NULL || take_place(root) < 0) {
        free(root->path);
        free(root);
        return -ENOMEM;
    }
    root->id = root->path;
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
    return ward__actor_lookup(actor->sys, actor->path) == NULL ? 0 : -EEXIST;
}

static int
take_bytes(struct ward__actor *actor, const ward_spec *spec)
{
    if (spec->args.size > actor->sys->frame_bytes)
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

static int
take_constants(struct ward__actor *actor, const ward_spec *spec)
{
    int strategy = 0;

    actor->behavior = spec->behavior;
    actor->strategy = spec->strategy;
    actor->behavior_index =
        ward__registry_index(WARD_REGISTERED_BEHAVIOR, spec->behavior);
    if (spec->strategy != NULL)
        strategy = ward__registry_index(WARD_REGISTERED_STRATEGY, spec->strategy);
    return actor->behavior_index < 0 || strategy < 0 ? -ENOENT : 0;
}

static int
make_node(struct ward__actor *actor, const ward_spec *spec)
{
    const ward_strategy *strategy = spec->strategy;
    struct ward__node_options options = {
        .kind = WARD__KIND_ACTOR,
        .group = WARD__GROUP_EACH,
        .restart = spec->restart != WARD_RESTART_DEFAULT ? spec->restart : WARD_TRANSIENT,
        .has_post_stop = spec->behavior->post_stop != NULL,
        .is_brutal = spec->shutdown_ms == WARD_ZERO,
        .max_restarts = strategy != NULL ? strategy->max_restarts : WARD_INFINITE,
        .within_ms = strategy != NULL ? strategy->within_ms : 0,
        .on_limit = strategy != NULL && strategy->on_limit != 0 ? strategy->on_limit
                                                                : WARD_DIRECTIVE_STOP,
    };

    return ward__node_init(&actor->node, &options);
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
    actor->start_ms = milliseconds(spec->start_ms, DEFAULT_START_MS);
    actor->shutdown_ms = milliseconds(spec->shutdown_ms, DEFAULT_SHUTDOWN_MS);
    actor->message_ms = milliseconds(spec->message_ms, INT64_MAX);
    actor->redeliver = spec->redeliver > 0 ? (unsigned)spec->redeliver : 0;
    ward__mailbox_init(&actor->mailbox, spec->mailbox.bytes, spec->mailbox.messages);
    return take_place(actor);
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
    actor = WARD__NEW(calloc(1, sizeof *actor));
    if (actor == NULL)
        return -ENOMEM;
    begin(actor, sys);
    actor->parent = parent;
    result = fill(actor, spec);
    if (result < 0) {
        ward__actor_free(actor);
        return result;
    }
    *ref = actor->ref;
    ward__engine_spawn(&sys->engine, &parent->node, &actor->node);
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
    ward__timer_cancel(loop, &actor->deadline);
    ward__timer_cancel(loop, &actor->delay);
    ward__timer_cancel(loop, &actor->progress);
    ward__timer_cancel(loop, &actor->spawn_answer.deadline);
    ward__actor_free_name(actor);
    if (actor->ref.id != 0)
        ward__slots_remove(&actor->sys->actors, actor->ref.id);
    for (size_t i = 0; i < actor->fd_count; i++)
        ward__fd_close(&actor->fds[i]);
    ward__mailbox_done(&actor->mailbox);
    ward__node_done(&actor->node);
    free(actor->watchers);
    free(actor->poison);
    free(actor->failure);
    free(actor->args);
    free(actor->path);
    free(actor);
}

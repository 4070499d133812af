#include "supervisor/root.h"

#include <errno.h>
#include <stddef.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "supervisor/ask.h"
#include "supervisor/change.h"
#include "supervisor/incarnation.h"
#include "supervisor/life.h"
#include "supervisor/manage.h"
#include "supervisor/post.h"
#include "supervisor/run.h"
#include "supervisor/system.h"
#include "supervisor/watch.h"

static ward_system *
system_of(const ward_ctx *ctx)
{
    return (ward_system *)(size_t)ctx;
}

static inline void
root_enter(ward_ctx *ctx)
{
    if (system_of(ctx)->turn.is_threaded)
        ward__turn_enter(system_of(ctx));
}

static inline void
root_leave(ward_ctx *ctx)
{
    if (!ward__system_is_at_rest(system_of(ctx)))
        ward__system_leave(system_of(ctx));
}

/* What a message says, without its type. */
static struct ward__body
body_of(const ward_value *values, size_t count)
{
    return (struct ward__body){.values = values + 1, .count = count - 1};
}

/* ---- sending ---- */

/* Told to nobody, or to one that takes nothing more: a dead letter. */
static int
post_dead(ward_system *sys, ward_letter why, ward_ref to, int64_t type,
          const struct ward__body *body)
{
    const struct ward__actor *actor = ward__actor_find(sys, to);
    struct ward__sink *scratch = &sys->scratch;
    int error;

    ward__sink_clear(scratch);
    ward__pack_body(scratch, body);
    error = scratch->error;
    if (error == 0)
        ward__post_dead(sys, why, to, actor != NULL ? actor->path : NULL, type,
                        (ward_raw){scratch->data, scratch->size});
    return error;
}

/* Room for the frame that was just refused is asked for, and may be there already. */
static void
want_room(struct ward__actor *actor)
{
    if (actor->sys->is_stopping)
        return;
    actor->wants_room = actor->refused;
    ward__actor_room(actor);
}

static int
tell(ward_system *sys, ward_ref to, const ward_value *values, size_t count)
{
    struct ward__actor *actor = ward__actor_find(sys, to);
    const struct ward__body body = body_of(values, count);
    int result;

    if (sys->is_stopping)
        return -ESHUTDOWN;
    if (actor == NULL) {
        result = post_dead(sys, WARD_LETTER_UNKNOWN, to, ward__type_of(values), &body);
        return result < 0 ? result : -WARD_EUNKNOWN;
    }
    if (actor->is_draining)
        return post_dead(sys, WARD_LETTER_STOPPED, to, ward__type_of(values), &body);
    if (ward__actor_is_supervisor(actor))
        return post_dead(sys, WARD_LETTER_UNHANDLED, to, ward__type_of(values), &body);
    result = ward__post(actor, ward__type_of(values), (ward_ref){0, 0}, &body,
                        WARD__PROMISE_NONE);
    if (result == -EAGAIN)
        want_room(actor);
    return result == WARD__POST_DROPPED ? 0 : result;
}

static int
root_tell(ward_ctx *ctx, ward_ref to, const ward_value *values, size_t count)
{
    int result;

    root_enter(ctx);
    result = tell(system_of(ctx), to, values, count);
    root_leave(ctx);
    return result;
}

static bool
is_answered(void *user)
{
    return ((const struct ward__ask_waiter *)user)->is_over;
}

static int
find_asked(ward_system *sys, ward_ref to, struct ward__actor **actor)
{
    if (sys->is_stopping)
        return -ESHUTDOWN;
    *actor = ward__actor_find(sys, to);
    if (*actor == NULL)
        return -WARD_EUNKNOWN;
    if (ward__actor_is_supervisor(*actor))
        return -WARD_EUNHANDLED;
    return (*actor)->is_draining ? -WARD_ESTOPPED : 0;
}

static int
root_ask(ward_ctx *ctx, ward_ref to, ward_message **reply, int timeout_ms,
         const ward_value *values, size_t count)
{
    ward_system *sys = system_of(ctx);
    const struct ward__body body = body_of(values, count);
    struct ward__ask_waiter waiter = {0};
    struct ward__ask_from from = {.waiter = &waiter, .is_blocking = true};
    struct ward__actor *actor;
    int result;

    if (timeout_ms == WARD_INFINITE)
        return -EINVAL;
    if (ward__system_is_in_callback(sys))
        return -EDEADLK;
    result = find_asked(sys, to, &actor);
    if (result < 0)
        return result;
    from.asker = sys->root;
    result = ward__ask_new(&from, actor, timeout_ms, ward__type_of(values), &body);
    if (result == -EAGAIN)
        want_room(actor);
    if (result < 0)
        return result;
    ward__run_until(sys, is_answered, &waiter, -1);
    if (!waiter.is_over) { /* the system has ended meanwhile */
        ward__ask_waiter_leaves(sys, &waiter);
        return -WARD_ESTOPPED;
    }
    if (waiter.status == 0)
        *reply = waiter.reply;
    return waiter.status;
}

static int
root_ask_then(ward_ctx *ctx, ward_ref to, int timeout_ms, ward_on_reply on_reply,
              void *user, const ward_value *values, size_t count)
{
    ward_system *sys = system_of(ctx);
    const struct ward__body body = body_of(values, count);
    struct ward__ask_from from = {.asker = sys->root, .on_reply = on_reply, .user = user};
    struct ward__actor *actor;
    int result = find_asked(sys, to, &actor);

    if (result < 0)
        return result;
    result = ward__ask_new(&from, actor, timeout_ms, ward__type_of(values), &body);
    if (result == -EAGAIN)
        want_room(actor);
    return result;
}

static int
root_reply(ward_ctx *ctx, ward_ref sender, const ward_value *values, size_t count)
{
    ward_system *sys = system_of(ctx);
    struct ward__sink *scratch = &sys->scratch;
    ward_raw packed;

    ward__sink_clear(scratch);
    ward__pack_values(scratch, values, count);
    if (scratch->error < 0)
        return scratch->error;
    if (scratch->size > sys->frame_bytes)
        return -EMSGSIZE;
    packed = (ward_raw){scratch->data, scratch->size};
    if (ward__ask_answer(sys, sender, packed) < 0)
        ward__post_late_reply(sys, sender, sys->root->path, packed);
    return 0;
}

static ward_ref
root_sender_in_hand(const ward_ctx *ctx, int *result)
{
    const ward_system *sys = system_of(ctx);
    bool is_in_hand = sys->has_message_in_hand && ward__system_is_in_callback(sys);

    *result = is_in_hand ? 0 : -EINVAL;
    return is_in_hand ? sys->sender_in_hand : (ward_ref){0, 0};
}

static int
root_flush(ward_ctx *ctx)
{
    ward_system *sys = system_of(ctx);
    struct ward__actor *actor;
    uint32_t at = 0;

    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL)
        if (actor->mailbox.sent < actor->mailbox.tail)
            ward__actor_write(actor);
    return 0;
}

/* ---- the tree ---- */

static int
root_spawn(ward_ctx *ctx, ward_ref *ref, const ward_spec *spec)
{
    return ward__actor_spawn(system_of(ctx)->root, spec, ref);
}

static int
root_end(ward_ctx *ctx, ward_ref ref, enum ward__end_how how)
{
    ward_system *sys = system_of(ctx);
    struct ward__actor *actor = ward__actor_find(sys, ref);

    if (actor == NULL)
        return -WARD_EUNKNOWN;
    if (actor != sys->root)
        return ward__actor_end(actor, (int)how);
    if (how != WARD__HOW_STOP)
        return -EINVAL;
    ward__system_begin_stop(sys);
    return 0;
}

static int
root_watch(ward_ctx *ctx, ward_ref ref, bool on)
{
    return ward__watch_set(system_of(ctx)->root, ref, on);
}

static int
root_lookup(ward_ctx *ctx, const char *path, ward_ref *ref)
{
    struct ward__actor *actor = ward__actor_lookup(system_of(ctx), path);

    if (actor == NULL)
        return -ENOENT;
    *ref = actor->ref;
    return 0;
}

static int
root_start_child(ward_ctx *ctx, ward_ref supervisor, const ward_spec *spec, ward_ref *ref)
{
    struct ward__actor *actor = ward__actor_find(system_of(ctx), supervisor);
    struct ward__actor *child;

    return actor != NULL ? ward__manage_start(actor, spec, &child, ref) : -WARD_EUNKNOWN;
}

static int
root_manage(ward_ctx *ctx, enum ward__manage_op op, ward_ref of, const char *id,
            struct ward__managed *managed)
{
    struct ward__actor *actor = ward__actor_find(system_of(ctx), of);

    return actor != NULL ? ward__manage_call(actor, op, id, managed) : -WARD_EUNKNOWN;
}

int
ward_change(ward_ctx *ctx, ward_ref supervisor, const ward_supervisor *rules)
{
    struct ward__actor *actor;
    int result = ward__ctx_check(ctx);

    if (result == 0 && ctx->verbs != &ward__root_verbs)
        result = -ECHILD;
    if (result < 0)
        return result;
    ward__ctx_enter(ctx);
    actor = ward__actor_find(system_of(ctx), supervisor);
    result = actor != NULL ? ward__change_begin(actor, rules) : -WARD_EUNKNOWN;
    return ward__ctx_leave(ctx, result);
}

const struct ward__verbs ward__root_verbs = {
    .tell = root_tell,
    .enter = root_enter,
    .leave = root_leave,
    .ask = root_ask,
    .ask_then = root_ask_then,
    .reply = root_reply,
    .sender_in_hand = root_sender_in_hand,
    .flush = root_flush,
    .spawn = root_spawn,
    .end = root_end,
    .watch = root_watch,
    .lookup = root_lookup,
    .start_child = root_start_child,
    .manage = root_manage,
};

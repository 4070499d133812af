#include "ipc/context.h"
#include "ipc/spec.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <ward/error.h>

_Thread_local bool ward__is_in_decider;
unsigned ward__fork_generation;

static void
count_fork(void)
{
    ward__fork_generation++;
}

int
ward__fork_watch(void)
{
    static bool watching;

    if (watching)
        return 0;
    if (pthread_atfork(NULL, NULL, count_fork) != 0)
        return -ENOMEM;
    watching = true;
    return 0;
}

/* One verb, entered and left. */
#define CALL(ctx, call) (ward__ctx_enter(ctx), ward__ctx_leave(ctx, (ctx)->verbs->call))

/* A message: its type, then at most 16 values. */
static inline int
check_message(const ward_ctx *ctx, const ward_value *values, size_t count)
{
    int result = ward__ctx_check(ctx);

    if (result < 0)
        return result;
    if (values == NULL || count < 1 || count > WARD_MAX_VALUES)
        return -EINVAL;
    if (values[0].tag == WARD_VALUE_INT)
        return values[0].as.integer >= 0 ? 0 : -EINVAL;
    if (values[0].tag == WARD_VALUE_UINT)
        return values[0].as.unsigned_integer <= INT64_MAX ? 0 : -EINVAL;
    return -EINVAL;
}

static int
check_timeout(int timeout_ms)
{
    return timeout_ms > 0 || timeout_ms == WARD_INFINITE ? 0 : -EINVAL;
}

ward_ref
ward_self(const ward_ctx *ctx)
{
    return ctx != NULL ? ctx->self : (ward_ref){0, 0};
}

ward_ref
ward_parent(const ward_ctx *ctx)
{
    return ctx != NULL ? ctx->parent : (ward_ref){0, 0};
}

const char *
ward_path(const ward_ctx *ctx)
{
    return ctx != NULL ? ctx->path : "";
}

uint32_t
ward_incarnation(const ward_ctx *ctx)
{
    return ctx != NULL ? ctx->incarnation : 0;
}

int
ward_tell_values(ward_ctx *ctx, ward_ref to, const ward_value *values, size_t count)
{
    int result = check_message(ctx, values, count);

    return result < 0 ? result : ctx->verbs->tell(ctx, to, values, count);
}

int
ward_ask_values(ward_ctx *ctx, ward_ref to, ward_message **reply, int timeout_ms,
                const ward_value *values, size_t count)
{
    int result = check_message(ctx, values, count);

    if (result == 0)
        result = reply != NULL ? check_timeout(timeout_ms) : -EINVAL;
    return result < 0 ? result
                      : CALL(ctx, ask(ctx, to, reply, timeout_ms, values, count));
}

int
ward_ask_then_values(ward_ctx *ctx, ward_ref to, int timeout_ms, ward_on_reply on_reply,
                     void *user, const ward_value *values, size_t count)
{
    int result = check_message(ctx, values, count);

    if (result == 0)
        result = on_reply != NULL ? check_timeout(timeout_ms) : -EINVAL;
    return result < 0
               ? result
               : CALL(ctx, ask_then(ctx, to, timeout_ms, on_reply, user, values, count));
}

int
ward_reply_to_values(ward_ctx *ctx, ward_ref sender, const ward_value *values,
                     size_t count)
{
    int result = ward__ctx_check(ctx);

    if (result < 0)
        return result;
    if ((values == NULL && count > 0) || count > WARD_MAX_VALUES)
        return -EINVAL;
    if (sender.id == 0)
        return -WARD_EUNKNOWN;
    return CALL(ctx, reply(ctx, sender, values, count));
}

int
ward_reply_values(ward_ctx *ctx, const ward_value *values, size_t count)
{
    int result = ward__ctx_check(ctx);
    ward_ref sender;

    if (result < 0)
        return result;
    ward__ctx_enter(ctx);
    sender = ctx->verbs->sender_in_hand(ctx, &result);
    ward__ctx_leave(ctx, 0);
    return result < 0 ? result : ward_reply_to_values(ctx, sender, values, count);
}

int
ward_done(ward_ctx *ctx)
{
    return ward_reply_values(ctx, NULL, 0);
}

int
ward_flush(ward_ctx *ctx)
{
    int result = ward__ctx_check(ctx);

    return result < 0 ? result : CALL(ctx, flush(ctx));
}

int
ward_spawn(ward_ctx *ctx, ward_ref *ref, const ward_spec *spec)
{
    int result = ward__ctx_check(ctx);

    if (result < 0)
        return result;
    result = ref != NULL ? ward__spec_check(spec) : -EINVAL;
    return result < 0 ? result : CALL(ctx, spawn(ctx, ref, spec));
}

static int
end_actor(ward_ctx *ctx, ward_ref ref, enum ward__end_how how)
{
    int result = ward__ctx_check(ctx);

    return result < 0 ? result : CALL(ctx, end(ctx, ref, how));
}

int
ward_stop(ward_ctx *ctx, ward_ref ref)
{
    return end_actor(ctx, ref, WARD__HOW_STOP);
}

int
ward_drain(ward_ctx *ctx, ward_ref ref)
{
    return end_actor(ctx, ref, WARD__HOW_DRAIN);
}

int
ward_kill(ward_ctx *ctx, ward_ref ref)
{
    return end_actor(ctx, ref, WARD__HOW_KILL);
}

int
ward_restart(ward_ctx *ctx, ward_ref ref)
{
    return end_actor(ctx, ref, WARD__HOW_RESTART);
}

int
ward_watch(ward_ctx *ctx, ward_ref ref)
{
    int result = ward__ctx_check(ctx);

    return result < 0 ? result : CALL(ctx, watch(ctx, ref, true));
}

int
ward_unwatch(ward_ctx *ctx, ward_ref ref)
{
    int result = ward__ctx_check(ctx);

    return result < 0 ? result : CALL(ctx, watch(ctx, ref, false));
}

int
ward_lookup(ward_ctx *ctx, const char *path, ward_ref *ref)
{
    int result = ward__ctx_check(ctx);

    if (result < 0)
        return result;
    if (path == NULL || ref == NULL)
        return -EINVAL;
    return CALL(ctx, lookup(ctx, path, ref));
}

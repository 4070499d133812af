/*
 * Context: the verbs' one surface and its two implementations. A ward_ctx begins with a
 * table of functions; the worker and the host each have one. The public functions check
 * what is wrong on either side and call through the table.
 *
 * Used by: worker verbs, host verbs. Uses: registry.h.
 */
#ifndef WARD_IPC_CONTEXT_H
#define WARD_IPC_CONTEXT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <ward/verbs.h>

#include "ipc/wire.h"

struct ward__managed;

/* How ward_stop, ward_drain, ward_kill and ward_restart differ. */
enum ward__end_how { WARD__HOW_STOP, WARD__HOW_DRAIN, WARD__HOW_KILL, WARD__HOW_RESTART };

struct ward__verbs {
    /* What most calls are; it enters and leaves by itself. */
    int (*tell)(ward_ctx *ctx, ward_ref to, const ward_value *values, size_t count);
    void (*enter)(ward_ctx *ctx); /* around each of those below; NULL: nothing to do */
    void (*leave)(ward_ctx *ctx);
    int (*ask)(ward_ctx *ctx, ward_ref to, ward_message **reply, int timeout_ms,
               const ward_value *values, size_t count);
    int (*ask_then)(ward_ctx *ctx, ward_ref to, int timeout_ms, ward_on_reply on_reply,
                    void *user, const ward_value *values, size_t count);
    int (*reply)(ward_ctx *ctx, ward_ref sender, const ward_value *values, size_t count);
    ward_ref (*sender_in_hand)(const ward_ctx *ctx, int *result);
    int (*flush)(ward_ctx *ctx);
    int (*spawn)(ward_ctx *ctx, ward_ref *ref, const ward_spec *spec);
    int (*end)(ward_ctx *ctx, ward_ref ref, enum ward__end_how how);
    int (*watch)(ward_ctx *ctx, ward_ref ref, bool on);
    int (*lookup)(ward_ctx *ctx, const char *path, ward_ref *ref);
    int (*start_child)(ward_ctx *ctx, ward_ref supervisor, const ward_spec *spec,
                       ward_ref *ref);
    int (*manage)(ward_ctx *ctx, enum ward__manage_op op, ward_ref of, const char *id,
                  struct ward__managed *managed);
};

struct ward_ctx {
    const struct ward__verbs *verbs; /* borrowed, static */
    unsigned generation;             /* see ward__fork_generation */
    ward_ref self, parent;
    const char *path; /* borrowed from whoever made it */
    uint32_t incarnation;
};

/* A decider is running on this thread: every call of ward's is -EBUSY. */
extern _Thread_local bool ward__is_in_decider
    __attribute__((tls_model("initial-exec"))); /* without a call */

/* Counts the forks that this process came through: a ctx or a system made before a fork is
 * not usable behind it. */
extern unsigned ward__fork_generation;
/* Registers, once, what counts them. 0 or -ENOMEM. */
int ward__fork_watch(void);

/* May it be used here and now? 0; -EINVAL: NULL; -ECHILD; -EBUSY in a decider. */
static inline int
ward__ctx_check(const ward_ctx *ctx)
{
    if (ctx == NULL)
        return -EINVAL;
    if (ctx->generation != ward__fork_generation)
        return -ECHILD;
    return ward__is_in_decider ? -EBUSY : 0;
}

/* Around the call of a verb; `leave` returns `result`. */
static inline void
ward__ctx_enter(ward_ctx *ctx)
{
    if (ctx->verbs->enter != NULL)
        ctx->verbs->enter(ctx);
}

static inline int
ward__ctx_leave(ward_ctx *ctx, int result)
{
    if (ctx->verbs->leave != NULL)
        ctx->verbs->leave(ctx);
    return result;
}

#endif

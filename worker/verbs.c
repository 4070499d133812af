/* The verbs as a worker does them: frames appended to the outbox. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/registry.h"
#include "worker/worker.h"

static struct ward__worker *
worker_of(const ward_ctx *ctx)
{
    return (struct ward__worker *)(size_t)ctx;
}

/* For the functions that only a worker has: is ctx a worker's, and here? */
static int
check_worker(const ward_ctx *ctx)
{
    int result = ward__ctx_check(ctx);

    return result == 0 && ctx->verbs != &ward__worker_verbs ? -ECHILD : result;
}

/* In a post_stop in a fresh process there is nobody who could be asked anything. */
static int
check_not_cleanup(const struct ward__worker *w)
{
    return w->is_cleanup ? -EPERM : 0;
}

/* ---- sending ---- */

/* A message or a reply. */
struct outgoing {
    ward_ref to;
    int64_t type;
    struct ward__body body;
};

static void
pack_tell(struct ward__sink *sink, const void *what)
{
    const struct outgoing *o = what;

    ward__wire_tell(sink, o->to, o->type);
    ward__pack_body(sink, &o->body);
}

static int
left_of(int64_t deadline)
{
    int64_t left = deadline - ward__clock_ms();

    return left > 0 ? (int)left : 0;
}

/* Sends a message, which is paid with credit that was taken. */
static int
send_paid(struct ward__worker *w, struct ward__account *account,
          void (*pack)(struct ward__sink *sink, const void *what), const void *what)
{
    int result = ward__outbox_put(&w->outbox, pack, what);

    if (result == 0)
        ward__credit_charge(w, account, w->outbox.last_size);
    return result;
}

/* The usual way: straight into the outbox. NULL: not without more ado. */
static inline uint8_t *
begin_in_place(const struct ward__outbox *box, const struct outgoing *o)
{
    uint8_t *begun = ward__outbox_room(box, WARD__HEAD_MOST + ward__body_bound(&o->body));

    return begun != NULL ? begun + WARD__FRAME_PREFIX : NULL;
}

/* Behind the head. False: there is something wrong with a value. */
static inline bool
end_in_place(struct ward__outbox *box, uint8_t *at, const struct outgoing *o)
{
    at = ward__put_body(at, &o->body);
    if (at != NULL)
        ward__outbox_packed(box, at);
    return at != NULL;
}

static inline bool
tell_in_place(struct ward__outbox *box, const struct outgoing *o)
{
    uint8_t *at = begin_in_place(box, o);

    return at != NULL && end_in_place(box, ward__put_tell(at, o->to, o->type), o);
}

static inline bool
reply_in_place(struct ward__outbox *box, const struct outgoing *o)
{
    uint8_t *at = begin_in_place(box, o);

    return at != NULL && end_in_place(box, ward__put_reply(at, o->to), o);
}

static int
worker_tell(ward_ctx *ctx, ward_ref to, const ward_value *values, size_t count)
{
    const struct outgoing o = {
        to, ward__type_of(values), {.values = values + 1, .count = count - 1}};
    struct ward__worker *w = worker_of(ctx);
    struct ward__account *account;
    int result = ward__credit_take(w, to, WARD_INFINITE, &account);

    if (result < 0)
        return result;
    if (!tell_in_place(&w->outbox, &o))
        return send_paid(w, account, pack_tell, &o);
    ward__credit_charge(w, account, w->outbox.last_size);
    return 0;
}

static void
pack_ask(struct ward__sink *sink, const void *what)
{
    const struct ward__ask_frame *ask = what;

    ward__wire_ask(sink, ask);
    ward__pack_body(sink, &ask->body);
}

static int
send_ask(struct ward__worker *w, ward_ref to, uint64_t request, int timeout_ms,
         bool is_blocking, const ward_value *values, size_t count)
{
    struct ward__ask_frame ask = {.to = to,
                                  .request = request,
                                  .timeout_ms = timeout_ms,
                                  .is_blocking = is_blocking,
                                  .type = ward__type_of(values),
                                  .body = {.values = values + 1, .count = count - 1}};
    int64_t deadline = timeout_ms != WARD_INFINITE ? ward__clock_ms() + timeout_ms : -1;
    struct ward__account *account;
    int result = ward__credit_take(w, to, timeout_ms, &account);

    if (result < 0)
        return result;
    if (deadline >= 0) /* waiting for room has taken of it */
        ask.timeout_ms = left_of(deadline);
    return send_paid(w, account, pack_ask, &ask);
}

/* A place for a request and its number. */
static int
open_request(struct ward__worker *w, ward_on_reply on_reply, void *user, uint64_t *handle)
{
    struct ward__request *request = WARD__NEW(malloc(sizeof *request));

    if (request == NULL)
        return -ENOMEM;
    *request = (struct ward__request){.on_reply = on_reply, .user = user};
    if (ward__slots_add(&w->requests, request, &request->handle) < 0) {
        free(request);
        return -ENOMEM;
    }
    *handle = request->handle;
    return 0;
}

static void
close_request(struct ward__worker *w, uint64_t handle)
{
    struct ward__request *request = ward__slots_find(&w->requests, handle);

    ward__slots_remove(&w->requests, handle);
    free(request);
}

static int
worker_ask_then(ward_ctx *ctx, ward_ref to, int timeout_ms, ward_on_reply on_reply,
                void *user, const ward_value *values, size_t count)
{
    struct ward__worker *w = worker_of(ctx);
    uint64_t handle;
    int result = check_not_cleanup(w);

    if (result == 0)
        result = open_request(w, on_reply, user, &handle);
    if (result < 0)
        return result;
    result = send_ask(w, to, handle, timeout_ms, false, values, count);
    if (result < 0)
        close_request(w, handle);
    return result;
}

/* Waits for the answer to what was published last. */
static int
await(struct ward__worker *w, uint64_t handle, bool until_halt,
      struct ward__answer *answer)
{
    int result = ward__inbox_await(w, handle, until_halt, answer);

    close_request(w, handle);
    return result < 0 ? result : (int)answer->status;
}

static int
call(struct ward__worker *w, uint64_t *request, bool until_halt,
     void (*pack)(struct ward__sink *sink, const void *what), const void *what,
     struct ward__answer *answer)
{
    int result = open_request(w, NULL, NULL, request);
    bool is_alone = w->outbox.size == w->outbox.committed;

    if (result < 0)
        return result;
    result = ward__outbox_put(&w->outbox, pack, what);
    if (result < 0) {
        close_request(w, *request);
        return result;
    }
    if (is_alone && !until_halt) /* asking for credit does nothing yet */
        ward__outbox_publish_question(&w->outbox);
    else
        ward__outbox_publish(&w->outbox);
    return await(w, *request, until_halt, answer);
}

int
ward__call(struct ward__worker *w, uint64_t *request,
           void (*pack)(struct ward__sink *sink, const void *what), const void *what,
           struct ward__answer *answer)
{
    int result = check_not_cleanup(w);

    if (result == 0 && w->is_halting)
        result = -ECANCELED;
    return result < 0 ? result : call(w, request, true, pack, what, answer);
}

int
ward__call_to_finish(struct ward__worker *w, uint64_t *request,
                     void (*pack)(struct ward__sink *sink, const void *what),
                     const void *what, struct ward__answer *answer)
{
    return call(w, request, false, pack, what, answer);
}

static int
worker_ask(ward_ctx *ctx, ward_ref to, ward_message **reply, int timeout_ms,
           const ward_value *values, size_t count)
{
    struct ward__worker *w = worker_of(ctx);
    struct ward__answer answer;
    ward_message *copy;
    uint64_t handle;
    int result = check_not_cleanup(w);

    if (result == 0 && ward_ref_equal(to, ctx->self))
        result = -EDEADLK;
    if (result == 0 && w->is_halting)
        result = -ECANCELED;
    if (result == 0)
        result = open_request(w, NULL, NULL, &handle);
    if (result < 0)
        return result;
    result = send_ask(w, to, handle, timeout_ms, true, values, count);
    if (result < 0) {
        close_request(w, handle);
        return result;
    }
    ward__outbox_publish(&w->outbox);
    result = await(w, handle, true, &answer);
    if (result < 0)
        return result;
    copy = ward__message_copy(WARD_REPLY, answer.values);
    if (copy == NULL)
        return -ENOMEM;
    *reply = copy;
    return 0;
}

static void
pack_reply(struct ward__sink *sink, const void *what)
{
    const struct outgoing *o = what;

    ward__wire_reply(sink, o->to);
    ward__pack_body(sink, &o->body);
}

static int
worker_reply(ward_ctx *ctx, ward_ref sender, const ward_value *values, size_t count)
{
    const struct outgoing o = {.to = sender, .body = {.values = values, .count = count}};
    struct ward__outbox *box = &worker_of(ctx)->outbox;
    int result = check_not_cleanup(worker_of(ctx));

    if (result < 0)
        return result;
    return reply_in_place(box, &o) ? 0 : ward__outbox_put(box, pack_reply, &o);
}

static ward_ref
worker_sender_in_hand(const ward_ctx *ctx, int *result)
{
    const ward_message *hand = worker_of(ctx)->hand;

    *result = hand != NULL ? 0 : -EINVAL;
    return hand != NULL ? hand->sender : (ward_ref){0, 0};
}

static int
worker_flush(ward_ctx *ctx)
{
    struct ward__worker *w = worker_of(ctx);
    int result = check_not_cleanup(w);

    if (result < 0)
        return result;
    ward__outbox_publish(&w->outbox);
    ward__outbox_flush(&w->outbox);
    return 0;
}

/* ---- the tree ---- */

static void
pack_spawn(struct ward__sink *sink, const void *what)
{
    ward__wire_spawn(sink, what);
}

static int
worker_spawn(ward_ctx *ctx, ward_ref *ref, const ward_spec *spec)
{
    struct ward__worker *w = worker_of(ctx);
    struct ward__answer answer;
    struct ward__spawn spawn = {.to = {0, 0}};
    int result = ward__crossing_begin(&spawn.spec, spec);

    if (result == 0)
        result = ward__call(w, &spawn.request, pack_spawn, &spawn, &answer);
    if (result == -ECANCELED)
        return -ESHUTDOWN;
    if (result == 0)
        *ref = answer.ref;
    return result;
}

static void
pack_end(struct ward__sink *sink, const void *what)
{
    ward__wire_actor_end(sink, what);
}

static int
worker_end(ward_ctx *ctx, ward_ref ref, enum ward__end_how how)
{
    struct ward__end end = {how, ref};
    int result = check_not_cleanup(worker_of(ctx));

    return result < 0 ? result
                      : ward__outbox_put(&worker_of(ctx)->outbox, pack_end, &end);
}

static void
pack_watch(struct ward__sink *sink, const void *what)
{
    ward__wire_watch(sink, what);
}

static int
worker_watch(ward_ctx *ctx, ward_ref ref, bool on)
{
    struct ward__worker *w = worker_of(ctx);
    struct ward__watch watch = {on, ref};
    int result = check_not_cleanup(w);

    if (result == 0 && on)
        result = ward__refset_add(&w->watched, ref);
    if (result == 0 && !on)
        ward__refset_remove(&w->watched, ref);
    return result < 0 ? result : ward__outbox_put(&w->outbox, pack_watch, &watch);
}

static void
pack_lookup(struct ward__sink *sink, const void *what)
{
    ward__wire_lookup(sink, what);
}

static int
worker_lookup(ward_ctx *ctx, const char *path, ward_ref *ref)
{
    struct ward__worker *w = worker_of(ctx);
    struct ward__lookup lookup = {.path = path};
    struct ward__answer answer;
    int result = strlen(path) <= WARD_MAX_PATH ? 0 : -ENOENT;

    if (result == 0)
        result = ward__call(w, &lookup.request, pack_lookup, &lookup, &answer);
    if (result == 0)
        *ref = answer.ref;
    return result;
}

const struct ward__verbs ward__worker_verbs = {
    .tell = worker_tell,
    .ask = worker_ask,
    .ask_then = worker_ask_then,
    .reply = worker_reply,
    .sender_in_hand = worker_sender_in_hand,
    .flush = worker_flush,
    .spawn = worker_spawn,
    .end = worker_end,
    .watch = worker_watch,
    .lookup = worker_lookup,
    .start_child = ward__worker_start_child,
    .manage = ward__worker_manage,
};

/* ---- what only a worker has ---- */

void *
ward_state(ward_ctx *ctx)
{
    struct ward__worker *w;

    if (check_worker(ctx) < 0)
        return NULL;
    w = worker_of(ctx);
    return w->behavior->state_size > 0 ? w->state : NULL;
}

ward_bytes
ward_args(const ward_ctx *ctx)
{
    return check_worker(ctx) == 0 ? worker_of(ctx)->args : (ward_bytes){NULL, 0};
}

int
ward_args_iter(ward_ctx *ctx, ward_iter *it)
{
    int result = check_worker(ctx);

    if (result == 0)
        result = it != NULL ? ward_iter_init(it, worker_of(ctx)->args) : -EINVAL;
    if (result == 0)
        it->arena = &worker_of(ctx)->life;
    return result;
}

const ward_failure *
ward_last_failure(const ward_ctx *ctx)
{
    return check_worker(ctx) == 0 ? worker_of(ctx)->failure : NULL;
}

const char *
ward_stop_reason(const ward_ctx *ctx)
{
    return check_worker(ctx) == 0 ? worker_of(ctx)->stop_reason : "";
}

int
ward_stop_self(ward_ctx *ctx, const char *reason)
{
    int result = check_worker(ctx);
    size_t length = reason != NULL ? strlen(reason) : 0;

    if (result < 0)
        return result;
    result = check_not_cleanup(worker_of(ctx));
    if (result < 0)
        return result;
    if (length < 1 || length > WARD_MAX_ID)
        return -EINVAL;
    memcpy(worker_of(ctx)->own_reason, reason, length + 1);
    return 0;
}

int
ward_raise(ward_ctx *ctx, const char *raised, const char *format, ...)
{
    int result = check_worker(ctx);
    struct ward__raise *raise;
    va_list arguments;

    if (result < 0)
        return result;
    raise = &worker_of(ctx)->raise;
    if (raise->is_set)
        return -WARD_ERAISED; /* the first one counts */
    *raise = (struct ward__raise){.is_set = true, .cause = WARD_CAUSE_RAISE};
    snprintf(raise->raised, sizeof raise->raised, "%s", raised != NULL ? raised : "");
    va_start(arguments, format);
    vsnprintf(raise->text, sizeof raise->text, format, arguments);
    va_end(arguments);
    return -WARD_ERAISED;
}

ward_next
ward_become(ward_ctx *ctx, ward_receive receive)
{
    int result = check_worker(ctx);

    if (result == 0)
        result = check_not_cleanup(worker_of(ctx));
    if (result < 0 || receive == NULL)
        return result < 0 ? result : -EINVAL;
    worker_of(ctx)->receive = receive;
    return WARD_SAME;
}

static void
pack_log(struct ward__sink *sink, const void *what)
{
    ward__wire_log(sink, what);
}

int
ward_log(ward_ctx *ctx, const char *format, ...)
{
    int result = check_worker(ctx);
    char line[1024];
    va_list arguments;

    if (result < 0)
        return result;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return ward__outbox_put(&worker_of(ctx)->outbox, pack_log, line);
}

int
ward_breadcrumb(ward_ctx *ctx, const char *format, ...)
{
    int result = check_worker(ctx);
    va_list arguments;

    if (result < 0)
        return result;
    va_start(arguments, format);
    vsnprintf(worker_of(ctx)->page->breadcrumb, WARD__BREADCRUMB_SIZE, format, arguments);
    va_end(arguments);
    return 0;
}

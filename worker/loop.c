#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/registry.h"
#include "worker/crash.h"
#include "worker/entry.h"
#include "worker/warm.h"
#include "worker/worker.h"

/*
 * The life of a worker: GO, the hooks of the start, READY; then messages one by one. A
 * message is a transaction: `handling` is stored, the handler runs and what it sends is
 * appended to the outbox, then one store commits both. It ends by FINISH, by its own
 * failure, or because the host is gone.
 */

/* ---- becoming an actor ---- */

static _Noreturn void
die_early(int error)
{
    _exit(error);
}

/*
 * A worker that keeps little touches neither its heap nor what libc notes of it, which it shares
 * with its parent until then: three pages less for each of a crowd, and for each restart.
 */
enum { LIFE_ROOM = 1024, SMALL_STATE = 512 };

/* The program's address sanitizer, if it has one, sees what lies in the heap. */
extern void __asan_init(void) __attribute__((weak));

static void *
new_state(struct ward__worker *w, size_t size)
{
    void *state;

    if (size > SMALL_STATE || __asan_init != NULL)
        state = WARD__NEW(calloc(1, size));
    else if ((state = ward__arena_take(&w->life, size)) != NULL)
        memset(state, 0, size);
    if (state == NULL)
        die_early(ENOMEM);
    return state;
}

static void
keep_args(struct ward__worker *w, ward_bytes args)
{
    void *copy = ward__arena_take(&w->life, args.size + 1);

    if (copy == NULL)
        die_early(ENOMEM);
    if (args.size > 0)
        memcpy(copy, args.data, args.size);
    w->args = (ward_bytes){copy, args.size};
}

static void
take_over(struct ward__worker *w, const struct ward__go *go)
{
    w->behavior = ward__registry_object(WARD_REGISTERED_BEHAVIOR, go->behavior);
    if (w->behavior == NULL)
        die_early(ENOENT);
    w->receive = w->behavior->receive;
    w->state = new_state(w, w->behavior->state_size > 0 ? w->behavior->state_size : 1);
    w->ctx.self = go->self;
    w->ctx.parent = go->parent;
    w->ctx.incarnation = go->incarnation;
    w->ctx.path = go->path;
    prctl(PR_SET_NAME, strrchr(w->ctx.path, '/') + 1);
    keep_args(w, go->args);
    w->shutdown_ms = go->shutdown_ms;
    w->credit = go->credit;
    w->failure = go->failure;
    w->is_cleanup = go->mode == WARD__GO_CLEANUP;
    ward__outbox_init(&w->outbox, w->page, w->channel, (size_t)go->frame_bytes, go->done);
}

/* ---- between two messages ---- */

static void
pack_quiet(struct ward__sink *sink, const void *what)
{
    ward__wire_quiet(sink, what);
}

static void
pack_ready(struct ward__sink *sink, const void *what)
{
    ward__wire_ready(sink, *(const int *)what);
}

/* Says QUIET, together with the message that led to it, and waits for FINISH. */
static _Noreturn void
go_quiet(struct ward__worker *w, enum ward__quiet_why why, uint64_t done)
{
    struct ward__quiet_frame quiet = {.why = why, .reason = w->own_reason};
    struct ward__frame frame;

    fflush(NULL);
    ward__outbox_put(&w->outbox, pack_quiet, &quiet);
    ward__outbox_commit(&w->outbox, done);
    w->hand = NULL;
    ward__phase_set(w, WARD_PHASE_STOP);
    ward__inbox_resume(w);
    while (ward__inbox_next(w, &frame, -1) == 1)
        if (frame.kind == WARD__FINISH)
            ward__hooks_finish(w, &frame.as.finish);
    ward__worker_exit(w);
}

/* What a handler returned, save for a message that it did not handle. */
static void
obey(struct ward__worker *w, ward_next next, uint64_t done)
{
    if ((next < 0 || next > WARD_UNHANDLED) && !w->raise.is_set)
        ward__hooks_returned(w, w->behavior->name, next);
    if (w->raise.is_set)
        ward__hooks_fail(w);
    if (next == WARD_STOP || w->own_reason[0] != '\0') {
        if (w->own_reason[0] == '\0')
            strcpy(w->own_reason, "normal");
        go_quiet(w, WARD__QUIET_STOP, done);
    }
    if (next == WARD_RESTART)
        go_quiet(w, WARD__QUIET_RESTART, done);
    if (w->is_halting)
        go_quiet(w, WARD__QUIET_ASKED, done);
    ward__outbox_commit(&w->outbox, done);
}

/* ---- one message ---- */

static void
pack_unhandled(struct ward__sink *sink, const void *what)
{
    ward__wire_unhandled(sink, what);
}

/* Gives back what nobody handled; what the handler sent all the same stays sent. */
static void
give_back(struct ward__worker *w, const struct ward__message_frame *message)
{
    struct ward__unhandled unhandled = {message->type, message->sender, message->values};

    ward__outbox_put(&w->outbox, pack_unhandled, &unhandled);
}

/* The end of a watched actor is told only to an incarnation that watches it. */
static bool
is_for_us(struct ward__worker *w, const struct ward__message_frame *frame)
{
    ward_ref ended = {0, 0};
    ward_message msg;

    if (frame->type != WARD_TERMINATED)
        return true;
    if (ward__message_init(&msg, frame->type, frame->values, &w->arena) < 0 ||
        ward_get(&msg, &ended) < 0)
        return false;
    return ward__refset_remove(&w->watched, ended);
}

static ward_next
run_receive(struct ward__worker *w, const struct ward__message_frame *frame)
{
    ward_message msg;
    ward_next next;

    if (frame->type == WARD__TYPE_DRAIN) {
        strcpy(w->own_reason, "drained");
        return WARD_STOP;
    }
    if (ward__message_init(&msg, frame->type, frame->values, &w->arena) < 0)
        return WARD_UNHANDLED;
    msg.sender = frame->sender;
    msg.attempt = frame->attempt;
    w->hand = &msg;
    next = w->receive(&w->ctx, &msg);
    w->hand = NULL;
    return next;
}

static void
handle_message(struct ward__worker *w, const struct ward__message_frame *frame)
{
    uint64_t number = w->outbox.done + 1;
    ward_next next = WARD_SAME;

    if (atomic_load_explicit(&w->page->halt, memory_order_relaxed) != 0)
        go_quiet(w, WARD__QUIET_ASKED,
                 w->outbox.done); /* HALT is behind it in the socket */
    ward__phase_set(w, WARD_PHASE_RECEIVE);
    atomic_store_explicit(&w->page->handling, (uint32_t)number, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    if (is_for_us(w, frame))
        next = run_receive(w, frame);
    if (next == WARD_UNHANDLED && !w->raise.is_set) {
        give_back(w, frame);
        next = WARD_SAME;
    }
    obey(w, next, number);
    ward__phase_set(w, WARD_PHASE_IDLE);
}

/* ---- the lane ---- */

static void
call_back(struct ward__worker *w, const struct ward__answer *answer)
{
    struct ward__request *request = ward__slots_find(&w->requests, answer->request);
    struct ward__request call;
    ward_message reply;
    bool has_reply;
    ward_next next;

    if (request == NULL)
        return; /* a blocking ask that was cut short */
    call = *request;
    ward__slots_remove(&w->requests, call.handle);
    free(request);
    has_reply = answer->status == 0 &&
                ward__message_init(&reply, WARD_REPLY, answer->values, &w->arena) == 0;
    ward__phase_set(w, WARD_PHASE_CALLBACK);
    next =
        call.on_reply(&w->ctx, (int)answer->status, has_reply ? &reply : NULL, call.user);
    obey(w, next == WARD_UNHANDLED ? WARD_SAME : next, w->outbox.done);
    ward__phase_set(w, WARD_PHASE_IDLE);
}

static void
handle_frame(struct ward__worker *w, const struct ward__frame *frame)
{
    switch (frame->kind) {
    case WARD__MESSAGE:
        handle_message(w, &frame->as.message);
        return;
    case WARD__ANSWER:
        call_back(w, &frame->as.answer);
        break;
    case WARD__GRANT:
        ward__credit_granted(w, &frame->as.grant);
        break;
    case WARD__HALT:
        w->is_halting = true;
        go_quiet(w, WARD__QUIET_ASKED, w->outbox.done);
    case WARD__FINISH:
        ward__hooks_finish(w, &frame->as.finish);
    default:
        break;
    }
    ward__lane_heard(w);
}

/* ---- the whole ---- */

static _Noreturn void
serve(struct ward__worker *w)
{
    struct ward__frame frame;

    while (ward__inbox_has_next(w, &frame) || ward__inbox_next(w, &frame, -1) == 1) {
        handle_frame(w, &frame);
        ward__inbox_resume(w);
        ward__arena_clear(&w->arena);
        ward__outbox_trickle(&w->outbox, w->is_credit_low);
        w->is_credit_low = false;
    }
    ward__worker_exit(w);
}

static void
start(struct ward__worker *w, enum ward__go_mode mode)
{
    int result = ward__hooks_start(w, mode);

    if (result == -WARD_ERAISED)
        ward__hooks_fail(w);
    ward__outbox_put(&w->outbox, pack_ready, &result);
    ward__outbox_commit(&w->outbox, w->outbox.done);
    ward__outbox_flush(&w->outbox); /* messages may be here already */
    if (result == WARD_START_IGNORE)
        ward__worker_exit(w);
    ward__phase_set(w, WARD_PHASE_IDLE);
    ward__lane_heard(w); /* GO */
    if (w->own_reason[0] != '\0')
        go_quiet(w, WARD__QUIET_STOP, w->outbox.done);
    if (w->is_halting)
        go_quiet(w, WARD__QUIET_ASKED, w->outbox.done);
}

void
ward__worker_prepare(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    ward__crash_prepare();
}

void
ward__worker_main(int channel, struct ward__page *page)
{
    static struct ward__worker worker;
    static uint8_t inbox_room[WARD__INBOX_ROOM];
    static max_align_t life_room[LIFE_ROOM / sizeof(max_align_t)];
    struct ward__worker *w = &worker;
    struct ward__frame frame;

    ward__role = WARD__ROLE_WORKER;
    *w = (struct ward__worker){.ctx = {.verbs = &ward__worker_verbs,
                                       .generation = ward__fork_generation,
                                       .path = ""},
                               .channel = channel,
                               .page = page,
                               .stop_reason = ""};
    RB_INIT(&w->accounts);
    ward__framebuf_init(&w->inbox.in, UINT32_MAX);
    ward__framebuf_lend(&w->inbox.in, inbox_room, sizeof inbox_room);
    ward__arena_lend(&w->arena, life_room, sizeof life_room);
    TAILQ_INIT(&w->inbox.later);
    ward__crash_watch(page);
    if (page->has_time)
        ward__warm_up();

    if (ward__inbox_next(w, &frame, -1) != 1 || frame.kind != WARD__GO)
        die_early(EPROTO);
    w->life = w->arena; /* GO lies there */
    w->arena = (struct ward_arena){NULL};
    take_over(w, &frame.as.go);
    if (w->is_cleanup)
        ward__hooks_finish(w, &(struct ward__finish){frame.as.go.reason, w->failure});
    start(w, frame.as.go.mode);
    ward__arena_done(&w->arena);
    ward__inbox_resume(w);
    w->failure = NULL;
    serve(w);
}

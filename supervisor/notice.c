#include "supervisor/notice.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/failure.h"
#include "ipc/fault.h"
#include "ipc/message.h"
#include "supervisor/ask.h"
#include "supervisor/post.h"
#include "supervisor/system.h"
#include "supervisor/watch.h"

enum notice_kind { NOTICE_EVENT, NOTICE_MESSAGE, NOTICE_ANSWER, NOTICE_ROOM };

/* A copy of an event; what its message says lies with the notice. */
struct told {
    ward_event event;
    char *path, *text;     /* owned */
    ward_failure *failure; /* owned */
    int64_t type;          /* of its message */
    unsigned attempt;
};

/* There is one for each ask whose answer is called back, so it is small, and a few values lie in it. Of a
 * message only the values are kept; who reads it makes one of them on the stack. */
struct ward__notice {
    enum notice_kind kind;
    TAILQ_ENTRY(ward__notice) next;
    uint64_t number;
    ward_raw values; /* of EVENT, MESSAGE, ANSWER: in `room`, or owned; no data: none */
    union {
        struct told *event; /* EVENT: owned */
        struct {            /* MESSAGE */
            int64_t type;
            ward_ref sender;
        } message;
        struct { /* ANSWER */
            ward_on_reply on_reply;
            void *user;
            int status;
        } answer;
        ward_ref room; /* ROOM */
    } as;
    uint8_t room[]; /* for a few values */
};

/* So many pieces of memory are kept; values up to this size have room in one. */
enum { PIECES = 512, ROOM = 128 };

void
ward__notices_init(struct ward__notices *notices)
{
    *notices = (struct ward__notices){0};
    TAILQ_INIT(&notices->list);
    ward__pool_init(&notices->pieces, sizeof(struct ward__notice) + ROOM, PIECES);
}

static struct ward__notice *
notice_new(struct ward__notices *notices, enum notice_kind kind)
{
    struct ward__notice *notice = ward__pool_take(&notices->pieces);

    if (notice == NULL)
        return NULL;
    notice->kind = kind;
    notice->values = (ward_raw){NULL, 0};
    return notice;
}

/* Gives it values of its own. False: no memory. */
static bool
copy_values(struct ward__notice *notice, ward_raw values)
{
    uint8_t *to = values.size <= ROOM ? notice->room : WARD__NEW(malloc(values.size));

    if (to == NULL)
        return false;
    memcpy(to, values.data, values.size);
    notice->values = (ward_raw){to, values.size};
    return true;
}

/* The message that they are; NULL: there are none. */
static ward_message *
view(const struct ward__notice *notice, int64_t type, ward_message *message,
     struct ward_arena *arena)
{
    int result;

    *arena = (struct ward_arena){NULL};
    if (notice->values.data == NULL)
        return NULL;
    result = ward__message_init(message, type, notice->values, arena);
    assert(result == 0); /* they were scanned, or packed here */
    return result == 0 ? message : NULL;
}

/* What workers can make without end is bounded: what is beyond is lost, and counted. */
enum { FLOOD_MOST = 64 << 20 };

static bool
is_flood(const struct ward__notice *notice)
{
    ward_event_kind kind;

    if (notice->kind != NOTICE_EVENT)
        return false;
    kind = notice->as.event->event.kind;
    return kind == WARD_EVENT_LOG || kind == WARD_EVENT_DEAD_LETTER;
}

/* Beside what it carries each has a size, and most of them carry little. */
static size_t
size_of(const struct ward__notice *notice)
{
    size_t size = ward__notice_size(notice->values.size);

    if (notice->kind == NOTICE_EVENT)
        size += sizeof *notice->as.event + strlen(notice->as.event->path) +
                strlen(notice->as.event->text);
    return size;
}

static size_t
size_of_messages(const ward_failure *failure)
{
    size_t size = failure->message.size;

    return failure->last != NULL ? size + failure->last->message.size : size;
}

/* What of it counts as made at will. */
static size_t
flood_of(const struct ward__notice *notice)
{
    if (notice->kind != NOTICE_EVENT)
        return 0;
    if (is_flood(notice))
        return size_of(notice);
    return notice->as.event->failure != NULL ? size_of_messages(notice->as.event->failure)
                                             : 0;
}

static void
append(struct ward__notices *notices, struct ward__notice *notice)
{
    TAILQ_INSERT_TAIL(&notices->list, notice, next);
    notice->number = ++notices->last_number;
    notices->flood_bytes += flood_of(notice);
    if (notice->kind == NOTICE_MESSAGE) {
        notices->message_count++;
        notices->message_bytes += size_of(notice);
    }
}

static void
take_out(struct ward__notices *notices, struct ward__notice *notice)
{
    TAILQ_REMOVE(&notices->list, notice, next);
    notices->flood_bytes -= flood_of(notice);
    if (notice->kind == NOTICE_MESSAGE) {
        notices->message_count--;
        notices->message_bytes -= size_of(notice);
    }
}

static void
told_free(struct told *told)
{
    if (told == NULL)
        return;
    free(told->path);
    free(told->text);
    free(told->failure);
    free(told);
}

static void
notice_free(struct ward__notices *notices, struct ward__notice *notice)
{
    if (notice == NULL)
        return;
    if (notice->kind == NOTICE_EVENT)
        told_free(notice->as.event);
    if (notice->values.data != notice->room)
        free((void *)(size_t)notice->values.data);
    ward__pool_give(&notices->pieces, notice);
}

void
ward__notices_done(struct ward__notices *notices)
{
    struct ward__notice *notice;

    while ((notice = TAILQ_FIRST(&notices->list)) != NULL) {
        TAILQ_REMOVE(&notices->list, notice, next);
        notice_free(notices, notice);
    }
    ward__pool_done(&notices->pieces);
}

/* ---- in ---- */

static char *
copy_text(const char *text, bool *is_short)
{
    char *copy = WARD__NEW(strdup(text != NULL ? text : ""));

    if (copy == NULL)
        *is_short = true;
    return copy;
}

/* Every failure is told; where too much waits already, without the bytes of its message. */
static ward_failure *
copy_failure(const struct ward__notices *notices, const ward_failure *failure)
{
    ward_failure lean = *failure, last;

    if (notices->flood_bytes < FLOOD_MOST)
        return ward__failure_copy(failure);
    lean.message = (ward_bytes){NULL, 0};
    if (lean.last != NULL) {
        last = *lean.last;
        last.message = (ward_bytes){NULL, 0};
        lean.last = &last;
    }
    return ward__failure_copy(&lean);
}

static struct told *
copy_told(const struct ward__notices *notices, const ward_event *event)
{
    struct told *told = WARD__NEW(calloc(1, sizeof *told));
    bool is_short = false;

    if (told == NULL)
        return NULL;
    told->path = copy_text(event->path, &is_short);
    told->text = copy_text(event->text, &is_short);
    if (event->failure != NULL) {
        told->failure = copy_failure(notices, event->failure);
        is_short |= told->failure == NULL;
    }
    if (is_short) {
        told_free(told);
        return NULL;
    }
    told->event = *event;
    told->event.path = told->path;
    told->event.text = told->text;
    told->event.failure = told->failure;
    return told;
}

static struct ward__notice *
copy_event(struct ward__notices *notices, const ward_event *event)
{
    struct ward__notice *notice = notice_new(notices, NOTICE_EVENT);
    bool is_short;

    if (notice == NULL)
        return NULL;
    notice->as.event = copy_told(notices, event);
    is_short = notice->as.event == NULL;
    if (!is_short && event->message != NULL) {
        notice->as.event->type = event->message->type;
        notice->as.event->attempt = event->message->attempt;
        is_short = !copy_values(notice, event->message->values);
    }
    if (is_short) {
        notice_free(notices, notice);
        return NULL;
    }
    return notice;
}

void
ward__notice_event(struct ward_system *sys, const ward_event *event)
{
    struct ward__notice *notice;

    if (sys->options.on_event == NULL)
        return;
    notice = copy_event(&sys->notices, event);
    if (notice == NULL || (is_flood(notice) && sys->notices.flood_bytes >= FLOOD_MOST)) {
        notice_free(&sys->notices, notice);
        sys->notices.lost++;
        return;
    }
    append(&sys->notices, notice);
}

int
ward__notice_message(struct ward_system *sys, int64_t type, ward_ref sender,
                     ward_raw values)
{
    struct ward__notice *notice = notice_new(&sys->notices, NOTICE_MESSAGE);

    if (notice == NULL)
        return -ENOMEM;
    if (!copy_values(notice, values)) {
        notice_free(&sys->notices, notice);
        return -ENOMEM;
    }
    notice->as.message.type = type;
    notice->as.message.sender = sender;
    append(&sys->notices, notice);
    return 0;
}

size_t
ward__notice_size(size_t values)
{
    return sizeof(struct ward__notice) + ROOM + (values <= ROOM ? 0 : values);
}

bool
ward__notice_drop_oldest(struct ward_system *sys)
{
    struct ward__notice *notice;

    TAILQ_FOREACH (notice, &sys->notices.list, next)
        if (notice->kind == NOTICE_MESSAGE && notice->as.message.type >= 0)
            break;
    if (notice == NULL)
        return false;
    take_out(&sys->notices, notice);
    ward__ask_fail(sys, notice->as.message.sender, -EAGAIN);
    ward__post_dead(sys, WARD_LETTER_MAILBOX_FULL, sys->root->ref, "/",
                    notice->as.message.type, notice->values);
    notice_free(&sys->notices, notice);
    return true;
}

struct ward__notice *
ward__notice_reserve(struct ward_system *sys, ward_on_reply on_reply, void *user)
{
    struct ward__notice *notice = notice_new(&sys->notices, NOTICE_ANSWER);

    if (notice == NULL)
        return NULL;
    notice->as.answer.on_reply = on_reply;
    notice->as.answer.user = user;
    return notice;
}

void
ward__notice_answer(struct ward_system *sys, struct ward__notice *reserved, int status,
                    ward_raw values)
{
    reserved->as.answer.status = status;
    if (status == 0 && !copy_values(reserved, values))
        reserved->as.answer.status = -ENOMEM;
    append(&sys->notices, reserved);
}

void
ward__notice_drop(struct ward_system *sys, struct ward__notice *reserved)
{
    notice_free(&sys->notices, reserved);
}

void
ward__notice_room(struct ward_system *sys, ward_ref ref)
{
    struct ward__notice *notice;

    if (sys->options.on_room == NULL)
        return;
    notice = notice_new(&sys->notices, NOTICE_ROOM);
    if (notice == NULL) {
        sys->notices.lost++;
        return;
    }
    notice->as.room = ref;
    append(&sys->notices, notice);
}

/* ---- out ---- */

static void
call_message(struct ward_system *sys, struct ward__notice *notice)
{
    ward_message message;
    struct ward_arena arena;

    if (sys->options.on_message == NULL) {
        ward__post_unhandled(sys, notice->as.message.type, notice->as.message.sender,
                             notice->values);
        return;
    }
    if (view(notice, notice->as.message.type, &message, &arena) == NULL)
        return;
    message.sender = notice->as.message.sender;
    if (ward__watch_admits(sys, &message)) {
        sys->sender_in_hand = message.sender;
        sys->has_message_in_hand = true;
        ward__turn_pause(sys);
        sys->options.on_message(&sys->ctx, &message, sys->options.user);
        ward__turn_resume(sys);
        sys->has_message_in_hand = false;
    }
    ward__arena_done(&arena);
}

static void
call_event(struct ward_system *sys, const ward_event *event)
{
    if (sys->options.on_event == NULL)
        return;
    ward__turn_pause(sys);
    sys->options.on_event(&sys->ctx, event, sys->options.user);
    ward__turn_resume(sys);
}

static void
call_told(struct ward_system *sys, struct ward__notice *notice)
{
    struct told *told = notice->as.event;
    ward_message message;
    struct ward_arena arena;

    told->event.message = view(notice, told->type, &message, &arena);
    if (told->event.message != NULL)
        message.attempt = told->attempt;
    call_event(sys, &told->event);
    ward__arena_done(&arena);
}

static void
call_answer(struct ward_system *sys, struct ward__notice *notice)
{
    ward_message message;
    struct ward_arena arena;
    ward_message *reply = view(notice, WARD_REPLY, &message, &arena);

    ward__turn_pause(sys);
    notice->as.answer.on_reply(&sys->ctx, notice->as.answer.status, reply,
                               notice->as.answer.user);
    ward__turn_resume(sys);
    ward__arena_done(&arena);
}

static void
call_room(struct ward_system *sys, struct ward__notice *notice)
{
    ward__turn_pause(sys);
    sys->options.on_room(&sys->ctx, notice->as.room, sys->options.user);
    ward__turn_resume(sys);
}

static void
call(struct ward_system *sys, struct ward__notice *notice)
{
    switch (notice->kind) {
    case NOTICE_EVENT:
        call_told(sys, notice);
        break;
    case NOTICE_MESSAGE:
        call_message(sys, notice);
        break;
    case NOTICE_ANSWER:
        call_answer(sys, notice);
        break;
    case NOTICE_ROOM:
        call_room(sys, notice);
        break;
    }
}

static void
tell_of_losses(struct ward_system *sys)
{
    ward_event event = {.kind = WARD_EVENT_EVENTS_LOST,
                        .path = "/",
                        .text = "",
                        .count = sys->notices.lost};

    sys->notices.lost = 0;
    call_event(sys, &event);
}

void
ward__notices_dispatch(struct ward_system *sys)
{
    uint64_t last = sys->notices.last_number;
    struct ward__notice *notice;

    sys->is_in_callback = true;
    sys->dispatcher = pthread_self();
    while ((notice = TAILQ_FIRST(&sys->notices.list)) != NULL && notice->number <= last &&
           !sys->is_free_due && !sys->turn.is_closed) {
        take_out(&sys->notices, notice);
        call(sys, notice);
        notice_free(&sys->notices, notice);
    }
    ward__actor_room(sys->root);
    if (sys->notices.lost > 0 && !sys->is_free_due && !sys->turn.is_closed)
        tell_of_losses(sys);
    sys->is_in_callback = false;
}

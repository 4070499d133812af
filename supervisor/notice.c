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

/* A copy of an event; what its message says lies with the notice. */
struct told {
    ward_event event;
    char *path, *text;     /* owned */
    ward_failure *failure; /* owned */
    int64_t type;          /* of its message */
    unsigned attempt;
};

/* All but answers, which lie in their asks. Of a message only the values are kept; who reads it makes one of
 * them on the stack. */
struct news {
    struct ward__notice notice; /* comes first */
    union {
        struct told *event; /* EVENT: owned */
        struct {            /* MESSAGE */
            int64_t type;
            ward_ref sender;
        } message;
        ward_ref room; /* ROOM */
    } as;
    uint8_t room[WARD__NOTICE_ROOM_SIZE];
};

static_assert(offsetof(struct news, notice) == 0, "the notice comes first");

/* So many pieces of memory are kept. */
enum { PIECES = 512 };

void
ward__notices_init(struct ward__notices *notices)
{
    *notices = (struct ward__notices){0};
    TAILQ_INIT(&notices->list);
    ward__pool_init(&notices->pieces, sizeof(struct news), PIECES);
}

static struct news *
news_new(struct ward__notices *notices, enum ward__notice_kind kind)
{
    struct news *news = ward__pool_take(&notices->pieces);

    if (news == NULL)
        return NULL;
    news->notice.kind = kind;
    news->notice.values = (ward_raw){NULL, 0};
    return news;
}

static struct news *
news_of(struct ward__notice *notice)
{
    assert(notice->kind != WARD__NOTICE_ANSWER);
    return (struct news *)(void *)notice;
}

static const struct told *
event_of(const struct ward__notice *notice)
{
    return ((const struct news *)(const void *)notice)->as.event;
}

/* What workers can make without end is bounded: what is beyond is lost, and counted. */
enum { FLOOD_MOST = 64 << 20 };

static bool
is_flood(const struct ward__notice *notice)
{
    ward_event_kind kind;

    if (notice->kind != WARD__NOTICE_EVENT)
        return false;
    kind = event_of(notice)->event.kind;
    return kind == WARD_EVENT_LOG || kind == WARD_EVENT_DEAD_LETTER;
}

/* Beside what it carries each has a size, and most of them carry little. */
static size_t
size_of(const struct ward__notice *notice)
{
    size_t size = ward__notice_size(notice->values.size);

    if (notice->kind == WARD__NOTICE_EVENT)
        size += sizeof(struct told) + strlen(event_of(notice)->path) +
                strlen(event_of(notice)->text);
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
    const ward_failure *failure;

    if (notice->kind != WARD__NOTICE_EVENT)
        return 0;
    if (is_flood(notice))
        return size_of(notice);
    failure = event_of(notice)->failure;
    return failure != NULL ? size_of_messages(failure) : 0;
}

static void
append(struct ward__notices *notices, struct ward__notice *notice)
{
    TAILQ_INSERT_TAIL(&notices->list, notice, next);
    notice->number = ++notices->last_number;
    notices->flood_bytes += flood_of(notice);
    if (notice->kind == WARD__NOTICE_MESSAGE) {
        notices->message_count++;
        notices->message_bytes += size_of(notice);
    }
}

static void
take_out(struct ward__notices *notices, struct ward__notice *notice)
{
    TAILQ_REMOVE(&notices->list, notice, next);
    notices->flood_bytes -= flood_of(notice);
    if (notice->kind == WARD__NOTICE_MESSAGE) {
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
news_free(struct ward__notices *notices, struct news *news)
{
    if (news == NULL)
        return;
    if (news->notice.kind == WARD__NOTICE_EVENT)
        told_free(news->as.event);
    ward__notice_let_go(&news->notice, news->room);
    ward__pool_give(&notices->pieces, news);
}

static void
notice_free(struct ward_system *sys, struct ward__notice *notice)
{
    if (notice->kind == WARD__NOTICE_ANSWER)
        ward__ask_is_told(sys, notice);
    else
        news_free(&sys->notices, news_of(notice));
}

void
ward__notices_done(struct ward_system *sys)
{
    struct ward__notices *notices = &sys->notices;
    struct ward__notice *notice;

    while ((notice = TAILQ_FIRST(&notices->list)) != NULL) {
        TAILQ_REMOVE(&notices->list, notice, next);
        notice_free(sys, notice);
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

static struct news *
copy_event(struct ward__notices *notices, const ward_event *event)
{
    struct news *news = news_new(notices, WARD__NOTICE_EVENT);
    bool is_short;

    if (news == NULL)
        return NULL;
    news->as.event = copy_told(notices, event);
    is_short = news->as.event == NULL;
    if (!is_short && event->message != NULL) {
        news->as.event->type = event->message->type;
        news->as.event->attempt = event->message->attempt;
        is_short = !ward__notice_keep(&news->notice, news->room, event->message->values);
    }
    if (is_short) {
        news_free(notices, news);
        return NULL;
    }
    return news;
}

void
ward__notice_event(struct ward_system *sys, const ward_event *event)
{
    struct ward__notices *notices = &sys->notices;
    struct news *news;

    if (sys->options.on_event == NULL)
        return;
    news = copy_event(notices, event);
    if (news == NULL || (is_flood(&news->notice) && notices->flood_bytes >= FLOOD_MOST)) {
        news_free(notices, news);
        notices->lost++;
        return;
    }
    append(notices, &news->notice);
}

int
ward__notice_message(struct ward_system *sys, int64_t type, ward_ref sender,
                     ward_raw values)
{
    struct news *news = news_new(&sys->notices, WARD__NOTICE_MESSAGE);

    if (news == NULL)
        return -ENOMEM;
    if (!ward__notice_keep(&news->notice, news->room, values)) {
        news_free(&sys->notices, news);
        return -ENOMEM;
    }
    news->as.message.type = type;
    news->as.message.sender = sender;
    append(&sys->notices, &news->notice);
    return 0;
}

size_t
ward__notice_size(size_t values)
{
    return sizeof(struct news) + (values <= WARD__NOTICE_ROOM_SIZE ? 0 : values);
}

/* The oldest message that may be dropped; NULL: there is none. */
static struct news *
oldest_message(struct ward__notices *notices)
{
    struct ward__notice *notice;

    TAILQ_FOREACH (notice, &notices->list, next)
        if (notice->kind == WARD__NOTICE_MESSAGE && news_of(notice)->as.message.type >= 0)
            return news_of(notice);
    return NULL;
}

bool
ward__notice_drop_oldest(struct ward_system *sys)
{
    struct news *news = oldest_message(&sys->notices);

    if (news == NULL)
        return false;
    take_out(&sys->notices, &news->notice);
    ward__ask_fail(sys, news->as.message.sender, -EAGAIN);
    ward__post_dead(sys, WARD_LETTER_MAILBOX_FULL, sys->root->ref, "/",
                    news->as.message.type, news->notice.values);
    news_free(&sys->notices, news);
    return true;
}

void
ward__notice_answer(struct ward_system *sys, struct ward__notice *answer)
{
    append(&sys->notices, answer);
}

void
ward__notice_room(struct ward_system *sys, ward_ref ref)
{
    struct news *news;

    if (sys->options.on_room == NULL)
        return;
    news = news_new(&sys->notices, WARD__NOTICE_ROOM);
    if (news == NULL) {
        sys->notices.lost++;
        return;
    }
    news->as.room = ref;
    append(&sys->notices, &news->notice);
}

/* ---- out ---- */

static void
call_message(struct ward_system *sys, struct news *news)
{
    ward_message message;
    struct ward_arena arena;
    ward_ref sender = news->as.message.sender;

    if (sys->options.on_message == NULL) {
        ward__post_unhandled(sys, news->as.message.type, sender, news->notice.values);
        return;
    }
    if (ward__notice_view(&news->notice, news->as.message.type, &message, &arena) == NULL)
        return;
    message.sender = sender;
    if (ward__watch_admits(sys, &message)) {
        sys->sender_in_hand = sender;
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
call_told(struct ward_system *sys, struct news *news)
{
    struct told *told = news->as.event;
    ward_message message;
    struct ward_arena arena;

    told->event.message = ward__notice_view(&news->notice, told->type, &message, &arena);
    if (told->event.message != NULL)
        message.attempt = told->attempt;
    call_event(sys, &told->event);
    ward__arena_done(&arena);
}

static void
call_room(struct ward_system *sys, const struct news *news)
{
    ward__turn_pause(sys);
    sys->options.on_room(&sys->ctx, news->as.room, sys->options.user);
    ward__turn_resume(sys);
}

static void
call(struct ward_system *sys, struct ward__notice *notice)
{
    switch (notice->kind) {
    case WARD__NOTICE_EVENT:
        call_told(sys, news_of(notice));
        break;
    case WARD__NOTICE_MESSAGE:
        call_message(sys, news_of(notice));
        break;
    case WARD__NOTICE_ANSWER:
        ward__ask_call_back(sys, notice);
        break;
    case WARD__NOTICE_ROOM:
        call_room(sys, news_of(notice));
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
        notice_free(sys, notice);
    }
    ward__actor_room(sys->root);
    if (sys->notices.lost > 0 && !sys->is_free_due && !sys->turn.is_closed)
        tell_of_losses(sys);
    sys->is_in_callback = false;
}

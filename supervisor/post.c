#include "supervisor/post.h"

#include <errno.h>
#include <stdlib.h>

#include <ward/error.h>

#include "ipc/frame.h"
#include "supervisor/ask.h"
#include "supervisor/incarnation.h"
#include "supervisor/life.h"
#include "supervisor/system.h"

/* From so many unsent bytes on a message is written at once and not at the next turn. */
enum { WRITE_AT_ONCE = 32 * 1024 };

static bool
is_message_in_hand(const struct ward__actor *actor)
{
    struct ward__hand hand;

    return actor->now != NULL && actor->now->channel.page != NULL &&
           ward__channel_hand(&actor->now->channel, &actor->mailbox, &hand) == 0 &&
           hand.is_in_hand;
}

/* A worker that is idle gets it now; one that is busy gets more at once a little later. */
static void
write_soon(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;
    struct ward__mailbox *box = &actor->mailbox;
    bool is_first;

    if (inc == NULL || inc->stage != WARD__STAGE_UP || inc->channel.is_blocked)
        return;
    is_first = box->sent_number + 1 == box->tail_number &&
               ward__commit_done(atomic_load(&inc->channel.page->commit)) ==
                   (uint32_t)box->sent_number;
    if (is_first || box->tail - box->sent >= WRITE_AT_ONCE) {
        ward__actor_write(actor);
        return;
    }
    inc->channel.is_blocked =
        true; /* so the loop writes when the socket can: at its next turn */
    ward__incarnation_watch(inc);
}

static int
append(struct ward__actor *to, const struct ward__sink *frame, bool is_forced)
{
    int result = ward__mailbox_append(&to->mailbox, frame->data, frame->size,
                                      is_message_in_hand(to), is_forced);

    if (result == -EAGAIN && to->now != NULL && to->now->channel.page != NULL) {
        /* The page may know of room that nobody has looked for. */
        if (ward__channel_progress(&to->now->channel, &to->mailbox) == 0)
            result = ward__mailbox_append(&to->mailbox, frame->data, frame->size,
                                          is_message_in_hand(to), is_forced);
    }
    return result;
}

int
ward__post(struct ward__actor *to, int64_t type, ward_ref sender, ward__pack_list pack,
           const void *what, bool is_forced)
{
    struct ward_system *sys = to->sys;
    struct ward__sink *frame = &sys->scratch;
    size_t begun;
    int result;

    ward__sink_clear(frame);
    begun = ward__wire_begin(frame);
    ward__wire_message(frame, type, sender);
    if (to->parent == NULL) { /* the host needs no envelope */
        ward__sink_clear(frame);
        begun = 0;
    }
    pack(frame, what);
    if (to->parent == NULL)
        return frame->error < 0
                   ? frame->error
                   : ward__notice_message(sys, type, sender,
                                          (ward_raw){frame->data, frame->size});
    result = ward__wire_end(frame, begun, sys->frame_bytes);
    if (result == 0)
        result = append(to, frame, is_forced);
    if (result == 0)
        write_soon(to);
    return result;
}

static void
pack_same(struct ward__sink *sink, const void *what)
{
    ward__pack_raw(sink, *(const ward_raw *)what);
}

int
ward__post_raw(struct ward__actor *to, int64_t type, ward_ref sender, ward_raw values,
               bool is_forced)
{
    return ward__post(to, type, sender, pack_same, &values, is_forced);
}

/* ---- dead letters ---- */

/* What becomes a dead letter: a message of somebody's, tried so often. */
static void
post_dead(struct ward_system *sys, ward_event *event, int64_t type, ward_raw values,
          unsigned attempt)
{
    struct ward_arena arena = {NULL};
    ward_message message;

    if (type == WARD_TERMINATED || type < WARD_REPLY)
        return; /* ward's own: nobody has sent it */
    if (sys->is_stopping && sys->options.quiet_stop)
        return;
    if (ward__message_init(&message, type, values, &arena) < 0)
        return;
    message.attempt = attempt;
    event->kind = WARD_EVENT_DEAD_LETTER;
    event->message = &message;
    ward__notice_event(sys, event);
}

void
ward__post_dead(struct ward_system *sys, ward_letter why, ward_ref to, const char *path,
                int64_t type, ward_raw values)
{
    ward_event event = {.actor = to, .path = path, .letter = why};

    post_dead(sys, &event, type, values, 0);
}

void
ward__post_dead_frame(struct ward__actor *actor, ward_letter why, const uint8_t *frame,
                      size_t size)
{
    ward_event event = {.actor = actor->ref,
                        .path = actor->path,
                        .incarnation = actor->incarnation,
                        .letter = why};
    struct ward_arena arena = {NULL};
    struct ward__frame read;
    ward_bytes bytes = {frame + WARD__FRAME_PREFIX, size - WARD__FRAME_PREFIX};

    if (ward__wire_read(bytes, false, &read, &arena) == 0)
        post_dead(actor->sys, &event, read.as.message.type, read.as.message.values,
                  read.as.message.attempt);
    ward__arena_done(&arena);
}

void
ward__post_unhandled(struct ward_system *sys, int64_t type, ward_ref sender,
                     ward_raw values)
{
    ward__ask_fail(sys, sender, -WARD_EUNHANDLED);
    ward__post_dead(sys, WARD_LETTER_UNHANDLED, sys->ctx.self, "/", type, values);
}

void
ward__post_bury(struct ward__actor *actor, ward_letter why)
{
    struct ward__mailbox *box = &actor->mailbox;
    uint8_t *frame;
    size_t size;

    ward__mailbox_rewind(box);
    while (ward__mailbox_count(box) > 0) {
        if (ward__mailbox_first(box, &frame, &size) == 0) {
            ward__post_dead_frame(actor, why, frame, size);
            free(frame);
        } else {
            actor->sys->notices.lost++;
        }
        ward__mailbox_free_to(box, box->done_number + 1);
    }
}

/* ---- room ---- */

void
ward__actor_room(struct ward__actor *actor)
{
    if (actor->wants_room == 0 || actor->sys->is_stopping)
        return;
    if (!ward__mailbox_has_room(&actor->mailbox, actor->wants_room,
                                is_message_in_hand(actor))) {
        if (actor->now != NULL && actor->now->channel.page != NULL)
            ward__channel_want(&actor->now->channel);
        return;
    }
    actor->wants_room = 0;
    ward__notice_room(actor->sys, actor->ref);
}

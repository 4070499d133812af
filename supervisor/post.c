#include "supervisor/post.h"

#include <errno.h>
#include <stdlib.h>

#include <ward/error.h>

#include "ipc/frame.h"
#include "supervisor/ask.h"
#include "supervisor/credit.h"
#include "supervisor/incarnation.h"
#include "supervisor/life.h"
#include "supervisor/system.h"

/* What was packed lies in memory that is kept for the next, unless it was large. */
enum { SCRATCH_KEPT = 256 * 1024 };

static bool
is_message_in_hand(const struct ward__actor *actor)
{
    const struct ward__mailbox *box = &actor->mailbox;
    struct ward__hand hand;

    if (box->sends_one_by_one) /* what is on its way is as good as in hand */
        return box->sent > box->done;
    return actor->now != NULL && actor->now->channel.page != NULL &&
           ward__channel_hand(&actor->now->channel, box, &hand) == 0 && hand.is_in_hand;
}

/*
 * What workers send to each other is written when this turn has read all that it reads: many to a
 * system call, and no worker is woken for the first of them. The host's own calls and callbacks may
 * take long before they return; and where few messages have room, the first makes room for another
 * one as soon as it is in hand.
 */
static bool
is_for_later(const struct ward__actor *to)
{
    const struct ward__mailbox *box = &to->mailbox;

    return to->sys->turn.depth > 0 && !to->sys->is_in_callback &&
           box->limit_messages == UINT64_MAX &&
           box->limit_bytes > 2 * WARD__WRITE_AT_ONCE && !box->sends_one_by_one;
}

/* A worker that is idle gets it now; one that is busy gets more at once a little later. */
void
ward__post_write(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;
    struct ward__mailbox *box = &actor->mailbox;

    if (inc->unwritten >= WARD__WRITE_AT_ONCE) {
        if (!inc->has_raised)
            (void)ward__channel_progress(&inc->channel, box);
        ward__actor_write(actor);
    } else if (!is_for_later(actor) && box->sent_number + 1 == box->tail_number &&
               ward__channel_done(&inc->channel, box) == box->sent_number) {
        ward__actor_write(actor);
    } else {
        ward__incarnation_write_soon(inc);
    }
}

/* ---- room ---- */

/* What counts against the bounds: for the host, what waits for its callbacks. */
static void
held(const struct ward__actor *to, uint64_t *messages, uint64_t *bytes)
{
    const struct ward__notices *notices = &to->sys->notices;

    if (to->parent != NULL) {
        ward__mailbox_held(&to->mailbox, is_message_in_hand(to), bytes, messages);
        return;
    }
    *messages = notices->message_count;
    *bytes = notices->message_bytes;
}

static uint64_t
left(uint64_t held_now, uint64_t limit)
{
    return held_now < limit ? limit - held_now : 0;
}

void
ward__post_room(const struct ward__actor *to, uint64_t *messages, uint64_t *bytes)
{
    const struct ward__mailbox_sum *sum = &to->sys->mailbox_sum;
    uint64_t in_all = left(sum->bytes, sum->limit);

    held(to, messages, bytes);
    *messages = left(*messages, to->mailbox.limit_messages);
    *bytes = left(*bytes, to->mailbox.limit_bytes);
    if (to->parent != NULL && in_all < *bytes)
        *bytes = in_all; /* the host's own is not among them */
}

bool
ward__post_is_full(const struct ward__actor *to)
{
    uint64_t messages, bytes;

    held(to, &messages, &bytes);
    return messages >= to->mailbox.limit_messages || bytes >= to->mailbox.limit_bytes;
}

bool
ward__post_is_half_empty(const struct ward__actor *to)
{
    uint64_t messages, bytes;

    held(to, &messages, &bytes);
    return messages <= to->mailbox.limit_messages / 2 &&
           bytes <= to->mailbox.limit_bytes / 2;
}

void
ward__post_excess(const struct ward__actor *to, uint64_t *messages, uint64_t *bytes)
{
    held(to, messages, bytes);
    *messages = left(to->mailbox.limit_messages, *messages);
    *bytes = left(to->mailbox.limit_bytes, *bytes);
}

size_t
ward__post_beside(const struct ward__actor *to)
{
    return to->parent == NULL ? ward__notice_size(0) : 0;
}

bool
ward__post_takes(const struct ward__actor *to)
{
    return !to->is_draining && !ward__actor_is_supervisor(to);
}

static bool
has_room(const struct ward__actor *to, size_t size)
{
    const struct ward__mailbox *box = &to->mailbox;
    uint64_t messages, bytes;

    if (to->parent != NULL) /* what is in hand is looked up where it matters */
        return ward__mailbox_has_ample_room(box, size) ||
               ward__mailbox_has_room(box, size, is_message_in_hand(to));
    held(to, &messages, &bytes);
    return messages < box->limit_messages &&
           (bytes == 0 || ward__notice_size(size) <= left(bytes, box->limit_bytes));
}

/* The page may know of room that nobody has looked for. */
static bool
finds_room(struct ward__actor *to, size_t size)
{
    if (has_room(to, size))
        return true;
    if (to->now == NULL || to->now->channel.page == NULL || to->now->has_raised ||
        ward__channel_progress(&to->now->channel, &to->mailbox) < 0)
        return false;
    return has_room(to, size);
}

/* ---- into a mailbox ---- */

/* A message as it is posted. */
struct letter {
    int64_t type;
    ward_ref sender;
    ward_bytes frame; /* the whole of it; for the host its values */
    enum ward__promise promise;
};

static int
put(struct ward__actor *to, const struct letter *letter)
{
    int result;

    if (to->parent == NULL)
        return ward__notice_message(to->sys, letter->type, letter->sender,
                                    (ward_raw){letter->frame.data, letter->frame.size});
    result = ward__mailbox_append(&to->mailbox, letter->frame.data, letter->frame.size);
    if (result == 0)
        ward__post_write_soon(to, letter->frame.size);
    return result;
}

static void
drop_new(struct ward__actor *to, const struct letter *letter)
{
    ward_raw values = {letter->frame.data, letter->frame.size};

    to->dropped++;
    if (to->parent == NULL)
        ward__post_dead(to->sys, WARD_LETTER_MAILBOX_FULL, to->ref, to->path,
                        letter->type, values);
    else
        ward__post_dead_frame(to, WARD_LETTER_MAILBOX_FULL, letter->frame.data,
                              letter->frame.size);
}

/* False: there is none that may be dropped. */
static bool
drop_oldest(struct ward__actor *to)
{
    uint64_t number;
    uint8_t *frame;
    size_t size;

    if (to->parent == NULL) {
        if (!ward__notice_drop_oldest(to->sys))
            return false;
        to->dropped++;
        return true;
    }
    if (ward__mailbox_drop_oldest(&to->mailbox, &number, &frame, &size) < 0)
        return false;
    to->dropped++;
    if (frame != NULL)
        ward__post_dead_frame(to, WARD_LETTER_MAILBOX_FULL, frame, size);
    else
        to->sys->notices.lost++;
    free(frame);
    ward__asks_dropped(to, number);
    return true;
}

/* Where all mailboxes together are full, dropping from this one is of no use. */
static bool
is_sum_full(const struct ward__actor *to, size_t size)
{
    return to->parent != NULL && !ward__mailbox_sum_has_room(&to->mailbox, size);
}

static int
deliver(struct ward__actor *to, const struct letter *letter)
{
    size_t size = letter->frame.size;
    bool is_drop = to->spec.mailbox.when_full == WARD_DROP_NEW ||
                   to->spec.mailbox.when_full == WARD_DROP_OLDEST;

    if (letter->promise == WARD__PROMISE_OWN || finds_room(to, size))
        return put(to, letter);
    if (is_drop && is_sum_full(to, size))
        return -EAGAIN;
    switch (to->spec.mailbox.when_full) {
    case WARD_DROP_OLDEST:
        while (!has_room(to, size))
            if (!drop_oldest(to)) {
                drop_new(to, letter);
                return WARD__POST_DROPPED;
            }
        return put(to, letter);
    case WARD_DROP_NEW:
        drop_new(to, letter);
        return WARD__POST_DROPPED;
    default:
        if (letter->promise == WARD__PROMISE_CREDIT)
            return put(to, letter);
        to->refused = size;
        return -EAGAIN;
    }
}

/* Where the mailbox is full, or ends in the middle: packed first, put in then. */
int
ward__post_packed(struct ward__actor *to, int64_t type, ward_ref sender,
                  const struct ward__body *body, enum ward__promise promise)
{
    struct ward__sink *frame = &to->sys->scratch;
    struct letter letter = {.type = type, .sender = sender, .promise = promise};
    size_t begun;
    int result;

    ward__sink_clear(frame);
    if (to->parent == NULL) { /* the host needs no envelope */
        ward__pack_body(frame, body);
        result = frame->error;
    } else {
        begun = ward__wire_begin(frame);
        ward__wire_message(frame, type, sender);
        ward__pack_body(frame, body);
        result = ward__wire_end(frame, begun, to->frame_bytes);
    }
    letter.frame = (ward_bytes){frame->data, frame->size};
    if (result == 0)
        result = deliver(to, &letter);
    if (frame->capacity > SCRATCH_KEPT)
        ward__sink_done(frame);
    return result;
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
ward__post_late_reply(struct ward_system *sys, ward_ref to, const char *by,
                      ward_raw values)
{
    ward_event event = {.actor = to, .letter = WARD_LETTER_LATE_REPLY, .text = by};

    post_dead(sys, &event, WARD_REPLY, values, 0);
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

/* The next incarnation was to try it again, and there is none. */
static bool
has_killed(struct ward__mailbox *box)
{
    return *ward__mailbox_first_byte(box, WARD__ATTEMPT_AT) > 0;
}

static void
bury_first(struct ward__actor *actor, ward_letter why)
{
    struct ward__mailbox *box = &actor->mailbox;
    uint8_t *frame;
    size_t size;

    if (ward__mailbox_first(box, &frame, &size) == 0) {
        ward__post_dead_frame(actor, why, frame, size);
        free(frame);
    } else {
        actor->sys->notices.lost++;
    }
    ward__mailbox_free_to(box, box->done_number + 1);
}

void
ward__post_bury(struct ward__actor *actor)
{
    struct ward__mailbox *box = &actor->mailbox;

    ward__mailbox_rewind(box);
    if (ward__mailbox_count(box) > 0 && has_killed(box)) {
        bury_first(actor, WARD_LETTER_POISON);
        ward__asks_incarnation_over(actor, -WARD_ECRASHED);
    }
    while (ward__mailbox_count(box) > 0)
        bury_first(actor, WARD_LETTER_STOPPED);
}

/* ---- who waits for room ---- */

static bool
is_awaited(const struct ward__actor *actor)
{
    return actor->wants_room > 0 || ward__credits_are_owed(actor);
}

static void
serve(struct ward__actor *actor)
{
    if (actor->wants_room > 0 && has_room(actor, actor->wants_room)) {
        actor->wants_room = 0;
        if (!actor->sys->is_stopping)
            ward__notice_room(actor->sys, actor->ref);
    }
    ward__credits_go_on(actor);
}

/* Does its worker ring, or has it made room already? */
static bool
has_made_room(struct ward__actor *actor)
{
    struct ward__incarnation *inc = actor->now;

    if (inc == NULL || inc->channel.page == NULL || inc->has_raised ||
        inc->doom != WARD__DOOM_NONE)
        return false;
    return ward__channel_await(&inc->channel, &actor->mailbox);
}

/* Some wait though their own mailbox has room: all together have none, and any may make some. */
static bool
is_starved(struct ward_system *sys)
{
    struct ward__actor *actor;
    uint32_t at = 0;
    bool is_any = false;

    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL) {
        if (!is_awaited(actor))
            continue;
        serve(actor);
        is_any |= is_awaited(actor) && !ward__post_is_full(actor);
    }
    return is_any;
}

static bool
has_any_made_room(struct ward_system *sys)
{
    struct ward__actor *actor;
    uint32_t at = 0;
    bool has_any = false;

    while ((actor = ward__slots_each(&sys->actors, &at)) != NULL)
        has_any |= ward__mailbox_count(&actor->mailbox) > 0 && has_made_room(actor);
    return has_any;
}

static void
serve_all(struct ward_system *sys)
{
    do
        sys->is_starved = is_starved(sys);
    while (sys->is_starved && has_any_made_room(sys));
}

void
ward__actor_room(struct ward__actor *actor)
{
    struct ward_system *sys = actor->sys;

    do
        serve(actor);
    while (is_awaited(actor) && has_made_room(actor));
    if (sys->mailbox_sum.limit != UINT64_MAX && (sys->is_starved || is_awaited(actor)))
        serve_all(sys);
}

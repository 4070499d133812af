#include "supervisor/intake.h"

#include <errno.h>

#include "supervisor/conduct.h"
#include "supervisor/frames.h"
#include "supervisor/poll.h"
#include "supervisor/post.h"
#include "supervisor/system.h"

/* So much is read in one turn, shared by all who have said something; each is read so much at least,
 * and a frame that has begun is read whole. Of those who are asked it is half: while they answer more,
 * the host does something with what they have answered. */
enum { READ_IN_TURN = 64 * 1024, READ_LEAST = 4 * 1024 };
/* While the host asks one question after the other, this many times no more than that: what a flood
 * brings would keep more processes at work, and who is asked waits for a core. */
enum { CAUTIOUS_READS = 1024 };
/* While the host waits for another one. */
enum { READ_SHORT = 1024 };

/* ---- frames ---- */

static void
break_protocol(struct ward__incarnation *inc, const char *rule)
{
    ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, rule);
}

static bool
is_told_again(struct ward__incarnation *inc, ward_bytes bytes)
{
    struct ward__tell tell;

    return inc->stage == WARD__STAGE_UP && ward__wire_read_usual_tell(bytes, &tell) &&
           ward__frame_tell_again(inc, &tell, bytes.size);
}

static void
handle_frame(struct ward__incarnation *inc, ward_bytes bytes)
{
    struct ward__frame frame;
    int next;

    if (bytes.size == 0 /* the doorbell */ || is_told_again(inc, bytes))
        return;
    next = ward__wire_read(bytes, true, &frame, &inc->sys->arena);
    if (next == -ENOMEM) {
        ward__incarnation_kill(inc, WARD__DOOM_MEMORY, "read a frame");
        return;
    }
    if (next < 0) {
        break_protocol(inc, "a frame that is none");
        return;
    }
    next = ward__conduct(inc->stage, &frame, inc->is_cleanup);
    if (next < 0) {
        break_protocol(inc, "a frame out of turn");
        return;
    }
    inc->stage = (enum ward__stage)next;
    ward__frame_handle(inc, &frame);
    ward__arena_clear(&inc->sys->arena);
}

static void
handle_frames(struct ward__incarnation *inc)
{
    ward_bytes bytes;
    int more = 0;

    while (ward__incarnation_is_trusted(inc) &&
           (more = ward__channel_next(&inc->channel, &bytes)) == 1)
        handle_frame(inc, bytes);
    if (more < 0)
        break_protocol(inc, "a frame above the limit");
}

/* What the page says is done is freed; the host may have waited for that room. */
static void
look_at_progress(struct ward__incarnation *inc)
{
    if (!ward__incarnation_is_trusted(inc) || inc->has_raised)
        return; /* what it raised for is settled already */
    if (ward__channel_progress(&inc->channel, &inc->actor->mailbox) < 0)
        break_protocol(inc, "a page that cannot be");
}

/* ---- reading ---- */

static void
take_in(struct ward__incarnation *inc, int64_t got)
{
    if (got == -ENOMEM)
        ward__incarnation_kill(inc, WARD__DOOM_MEMORY, "read");
    else if (got < 0 && got != -ENOBUFS)
        break_protocol(inc, "bytes that were not committed");
    if (inc->channel.is_eof) {
        ward__incarnation_watch(inc); /* it stays readable for ever */
        ward__incarnation_await_death(inc);
    }
    handle_frames(inc);
    look_at_progress(inc);
}

static size_t
read_budget(struct ward__incarnation *inc)
{
    struct ward_system *sys = inc->sys;
    size_t ready = sys->loop.batch_count > 1 ? (size_t)sys->loop.batch_count : 1;
    size_t share = READ_IN_TURN / ready / (TAILQ_EMPTY(&inc->actor->asks_in) ? 1 : 2);

    if (ward__poll_awaited_beside(inc) != NULL) {
        sys->cautious_reads = CAUTIOUS_READS;
        return READ_SHORT;
    }
    if (sys->cautious_reads > 0) {
        sys->cautious_reads--;
        return READ_LEAST;
    }
    return share > READ_LEAST ? share : READ_LEAST;
}

static void
read_some(struct ward__incarnation *inc)
{
    take_in(inc, ward__channel_read(&inc->channel, read_budget(inc)));
}

bool
ward__intake_look(struct ward__incarnation *inc)
{
    uint64_t received = inc->channel.received, done = inc->actor->mailbox.done_number;
    bool is_any;

    if (inc->is_dead || inc->channel.is_eof)
        return false; /* its end is awaited */
    if (ward__channel_glance(&inc->channel, read_budget(inc)) > 0 ||
        ward__channel_is_read(&inc->channel))
        take_in(inc, 0);
    else
        read_some(inc);
    is_any = inc->channel.received > received || inc->actor->mailbox.done_number > done;
    ward__incarnation_go_on(inc);
    return is_any;
}

void
ward__intake_read_known(struct ward__incarnation *inc)
{
    if (inc->channel.arrived < inc->channel.received && !inc->is_dead &&
        !inc->channel.is_eof)
        take_in(inc, ward__channel_read_known(&inc->channel));
}

void
ward__intake_catch_up(struct ward__incarnation *inc)
{
    const struct ward__channel *channel = &inc->channel;
    uint64_t limit = channel->arrived + channel->outbox_size;
    uint64_t before;

    if (inc->pidfd < 0 || inc->is_over_reported)
        return;
    do {
        before = channel->arrived;
        read_some(inc);
    } while (channel->arrived > before && channel->arrived < limit &&
             ward__incarnation_is_trusted(inc));
    /* The doorbell may have been among it, and it rings once. */
    ward__actor_room(inc->actor);
    ward__incarnation_write(inc);
}

void
ward__intake_ready(struct ward__io *watcher, int events)
{
    struct ward__incarnation *inc = watcher->owner;

    if (ward__poll_looks_elsewhere(inc))
        return; /* it is found ready again */
    if (events & WARD__READABLE)
        read_some(inc);
    ward__incarnation_go_on(inc);
}

void
ward__intake_last_words(struct ward__incarnation *inc)
{
    int result;

    if (ward__incarnation_is_trusted(inc)) {
        result = ward__channel_recover(&inc->channel);
        if (result == -ENOMEM || result == -ENOBUFS)
            ward__incarnation_kill(inc, WARD__DOOM_MEMORY, "recover the outbox");
        else if (result < 0)
            break_protocol(inc, "an outbox that cannot be");
    }
    handle_frames(inc);
    /* Whatever it did then, what it had done before is done. */
    if (!inc->has_raised &&
        ward__channel_progress(&inc->channel, &inc->actor->mailbox) < 0)
        break_protocol(inc, "a page that cannot be");
}

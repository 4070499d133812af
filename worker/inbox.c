#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "worker/worker.h"

/* So much is read at a time, from the first time on that less was full: a worker that is told little
 * needs little memory. */
enum { READ_SIZE = 64 * 1024, READ_FIRST = WARD__INBOX_ROOM };

void
ward__lane_heard(struct ward__worker *w)
{
    atomic_store_explicit(&w->page->heard, ++w->heard, memory_order_release);
}

/* The host wants to know of progress: see page.h. It swaps `want` in and then looks at the commit
 * word; we store the commit word and then swap `want` out. One of the two swaps is the
 * second, and sees what was before the first. */
static void
ring_if_wanted(struct ward__worker *w)
{
    if (w->outbox.page == NULL)
        return; /* before GO there is nothing done, and nothing to ring with */
    if (atomic_exchange(&w->page->want, 0) != 0)
        ward__outbox_ring(&w->outbox);
}

/* How long to look before sleeping; the host may change its mind at any time. */
static int64_t
poll_limit(const struct ward__worker *w)
{
    return atomic_load_explicit(&w->page->poll_us, memory_order_relaxed);
}

/* What is there now: as recv, but that a signal does not show. */
static ssize_t
receive_now(struct ward__worker *w, uint8_t *to, size_t size)
{
    ssize_t got;

    do
        got = WARD__SYS(recv(w->channel, to, size, MSG_DONTWAIT));
    while (got < 0 && errno == EINTR);
    return got;
}

/* Does it pay to look before sleeping? */
static bool
is_to_look(const struct ward__worker *w)
{
    return poll_limit(w) > 0 && ward__patience_pays(&w->inbox.patience);
}

/* Looks into the socket for a while. */
static ssize_t
look(struct ward__worker *w, uint8_t *to, size_t size)
{
    struct ward__patience *patience = &w->inbox.patience;
    int64_t begun = ward__clock_us();
    ssize_t got = -1;

    errno = EAGAIN;
    while (got < 0 && errno == EAGAIN && ward__clock_us() - begun < poll_limit(w)) {
        sched_yield(); /* to the host, where it was woken on this very core */
        got = recv(w->channel, to, size, MSG_DONTWAIT);
    }
    /* Who yields a core may get it back much later. */
    if (got < 0 || ward__clock_us() - begun > 2 * poll_limit(w))
        ward__patience_lost(patience);
    else
        ward__patience_won(patience);
    return got;
}

/* Sleeps. 1: readable; 0: the deadline has passed. Not in recv, where the host would wake us for
 * nothing: its reading of what we sent makes room in the socket, and recv wakes up for that, too.
 * `learns`: a short sleep says that looking would have paid, where nobody has looked. */
static int
wait_readable(struct ward__worker *w, int64_t deadline_ms, bool learns)
{
    struct pollfd poller = {.fd = w->channel, .events = POLLIN};
    int64_t limit = poll_limit(w), begun = limit > 0 ? ward__clock_us() : 0;
    int64_t left = -1;
    int ready;

    do {
        if (deadline_ms >= 0)
            left = deadline_ms - ward__clock_ms();
        ready = WARD__SYS(poll(&poller, 1, left > 0 || deadline_ms < 0 ? (int)left : 0));
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        _exit(errno);
    if (learns && limit > 0 && ward__clock_us() - begun < limit)
        ward__patience_slept_shortly(&w->inbox.patience);
    return ready != 0;
}

/* As recv; -1 with EAGAIN: the deadline has passed. */
static ssize_t
receive(struct ward__worker *w, uint8_t *to, size_t size, int64_t deadline_ms)
{
    ssize_t got = receive_now(w, to, size);
    bool looks = got < 0 && errno == EAGAIN && deadline_ms < 0 && is_to_look(w);

    if (looks)
        got = look(w, to, size);
    while (got < 0 && errno == EAGAIN && wait_readable(w, deadline_ms, !looks) != 0)
        got = receive_now(w, to, size);
    return got;
}

/* More bytes from the socket: 1, or 0 at the deadline. */
static int
receive_more(struct ward__worker *w, int64_t deadline_ms)
{
    size_t size = w->inbox.is_busy ? READ_SIZE : READ_FIRST;
    uint8_t *to;
    ssize_t got;

    if (ward__framebuf_room(&w->inbox.in, size, &to, &size) < 0)
        _exit(ENOMEM);
    got = receive(w, to, size, deadline_ms);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got == 0 || (got < 0 && errno == ECONNRESET))
        ward__worker_exit(w); /* the host is gone, or has no use for us */
    if (got < 0)
        _exit(errno);
    w->inbox.is_busy |= (size_t)got == size;
    ward__framebuf_filled(&w->inbox.in, (size_t)got);
    return 1;
}

/* One frame as bytes. */
static int
next_bytes(struct ward__worker *w, ward_bytes *bytes, int64_t deadline_ms)
{
    int more;

    while ((more = ward__framebuf_next(&w->inbox.in, bytes)) == 0)
        if (receive_more(w, deadline_ms) == 0)
            return 0;
    if (more < 0)
        _exit(EPROTO);
    return 1;
}

void
ward__inbox_read(struct ward__worker *w, ward_bytes bytes, struct ward__frame *frame)
{
    int result = ward__wire_read(bytes, false, frame, &w->arena);

    if (result < 0)
        _exit(result == -ENOMEM ? ENOMEM : EPROTO);
}

/* ---- what was put off ---- */

/* Whole frames, prefixes included. */
struct ward__put_off {
    TAILQ_ENTRY(ward__put_off) next;
    size_t capacity, head, tail;
    uint8_t data[];
};

static struct ward__put_off *
more_room(struct ward__worker *w, size_t size)
{
    size_t capacity = size > READ_SIZE ? size : READ_SIZE;
    struct ward__put_off *piece = WARD__NEW(malloc(sizeof *piece + capacity));

    if (piece == NULL)
        _exit(ENOMEM);
    *piece = (struct ward__put_off){.capacity = capacity};
    TAILQ_INSERT_TAIL(&w->inbox.later, piece, next);
    return piece;
}

static void
put_off(struct ward__worker *w, ward_bytes bytes)
{
    struct ward__put_off *piece = TAILQ_LAST(&w->inbox.later, ward__put_off_list);
    size_t size = WARD__FRAME_PREFIX + bytes.size;

    if (piece == NULL || piece->capacity - piece->tail < size)
        piece = more_room(w, size);
    ward__frame_store_length(piece->data + piece->tail, (uint32_t)bytes.size);
    memcpy(piece->data + piece->tail + WARD__FRAME_PREFIX, bytes.data, bytes.size);
    piece->tail += size;
}

/* The first of them; the memory of the one before may go. */
static bool
take_put_off(struct ward__worker *w, ward_bytes *bytes)
{
    struct ward__put_off *piece;

    while ((piece = TAILQ_FIRST(&w->inbox.later)) != NULL && piece->head == piece->tail) {
        TAILQ_REMOVE(&w->inbox.later, piece, next);
        free(piece);
    }
    if (piece == NULL)
        return false;
    bytes->size = ward__frame_load_length(piece->data + piece->head);
    bytes->data = piece->data + piece->head + WARD__FRAME_PREFIX;
    piece->head += WARD__FRAME_PREFIX + bytes->size;
    return true;
}

/* ---- one frame after the other ---- */

int
ward__inbox_next(struct ward__worker *w, struct ward__frame *frame, int64_t deadline_ms)
{
    ward_bytes bytes;
    bool is_put_off = take_put_off(w, &bytes);

    if (!is_put_off && ward__framebuf_next(&w->inbox.in, &bytes) != 1) {
        ward__outbox_flush(&w->outbox);
        ring_if_wanted(w);
        if (next_bytes(w, &bytes, deadline_ms) == 0)
            return 0;
    } else if (atomic_load_explicit(&w->page->want, memory_order_relaxed) != 0) {
        ring_if_wanted(w);
    }
    w->inbox.is_hand_in = !is_put_off;
    ward__inbox_read(w, bytes, frame);
    return 1;
}

/* ---- inside a handler ---- */

/* Keeps the memory that the handler's message lies in: what comes goes elsewhere. */
static void
pin(struct ward__worker *w)
{
    struct ward__inbox *box = &w->inbox;

    if (box->is_pinned || !box->is_hand_in)
        return;
    box->pinned = box->in;
    box->is_pinned = true;
    ward__framebuf_init(&box->in, box->pinned.maximum);
    if (ward__framebuf_feed(&box->in, box->pinned.data + box->pinned.head,
                            ward__framebuf_held(&box->pinned)) < 0)
        _exit(ENOMEM);
}

/* What cannot wait is dealt with, the rest is put off. */
static void
sort(struct ward__worker *w, ward_bytes bytes, enum ward__frame_kind kind)
{
    struct ward__frame frame;

    if (kind != WARD__GRANT && kind != WARD__HALT) {
        put_off(w, bytes);
        return;
    }
    ward__inbox_read(w, bytes, &frame);
    if (kind == WARD__GRANT)
        ward__credit_granted(w, &frame.as.grant);
    else
        w->is_halting = true;
    ward__lane_heard(w);
}

int
ward__inbox_await(struct ward__worker *w, uint64_t request, bool until_halt,
                  struct ward__answer *answer)
{
    struct ward__frame frame;
    ward_bytes bytes;

    pin(w);
    ward__outbox_flush(&w->outbox);
    while (!w->is_halting || !until_halt) {
        enum ward__frame_kind kind;
        next_bytes(w, &bytes, -1);
        kind = ward__wire_kind(bytes);
        if (kind == WARD__ANSWER) {
            ward__inbox_read(w, bytes, &frame);
            if (frame.as.answer.request == request) {
                *answer = frame.as.answer;
                ward__lane_heard(w);
                return 0;
            }
        }
        sort(w, bytes, kind);
    }
    return -ECANCELED;
}

void
ward__inbox_look(struct ward__worker *w)
{
    ward_bytes bytes;

    pin(w);
    while (next_bytes(w, &bytes, 0) == 1)
        sort(w, bytes, ward__wire_kind(bytes));
}

void
ward__inbox_unpin(struct ward__worker *w)
{
    ward__framebuf_done(&w->inbox.pinned);
    w->inbox.is_pinned = false;
}

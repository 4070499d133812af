#include "supervisor/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ward/export.h>

#include "ipc/fault.h"
#include "ipc/frame.h"
#include "ipc/wire.h"

enum { DEFAULT_BYTES = 16 << 20 };

/* Rings have a power of two of bytes. One that is no more small has so many at once: such a one comes
 * and goes with each flood, and is kept for the next, so that its memory is not the system's each time. */
enum {
    SMALLEST_RING = 1024,
    SMALL_RING = 4 * 1024,
    USUAL_RING = 64 * 1024,
    USUAL_RINGS_KEPT = 4,
    LARGE_RING = 256 * 1024
};

void
ward__mailbox_sum_init(struct ward__mailbox_sum *sum, uint64_t limit)
{
    *sum = (struct ward__mailbox_sum){.limit = limit};
    ward__pool_init(&sum->rings, USUAL_RING, USUAL_RINGS_KEPT);
}

void
ward__mailbox_sum_done(struct ward__mailbox_sum *sum)
{
    ward__pool_done(&sum->rings);
}

static bool
is_pooled(const struct ward__mailbox *box, size_t capacity)
{
    return box->sum != NULL && capacity == USUAL_RING;
}

static uint8_t *
ring_new(struct ward__mailbox *box, size_t capacity)
{
    if (is_pooled(box, capacity))
        return ward__pool_take(&box->sum->rings);
    return WARD__NEW(malloc(capacity));
}

static void
ring_free(struct ward__mailbox *box, uint8_t *ring, size_t capacity)
{
    if (is_pooled(box, capacity))
        ward__pool_give(&box->sum->rings, ring);
    else
        free(ring);
}

static uint64_t
limit(int64_t option, uint64_t when_default)
{
    if (option == 0)
        return when_default;
    return option == WARD_INFINITE ? UINT64_MAX : (uint64_t)option;
}

void
ward__mailbox_limit(struct ward__mailbox *box, const ward_mailbox_options *limits)
{
    box->limit_bytes = limit(limits->bytes, DEFAULT_BYTES);
    box->limit_messages = limit(limits->messages, UINT64_MAX);
    box->sends_one_by_one = limits->when_full == WARD_DROP_OLDEST;
}

void
ward__mailbox_init(struct ward__mailbox *box, const ward_mailbox_options *limits)
{
    *box = (struct ward__mailbox){0};
    ward__mailbox_limit(box, limits);
}

static void
add_up(struct ward__mailbox *box, uint64_t more, uint64_t less)
{
    if (box->sum != NULL)
        box->sum->bytes += more - less;
}

void
ward__mailbox_done(struct ward__mailbox *box)
{
    add_up(box, 0, box->tail - box->done);
    box->done = box->sent = box->tail = 0;
    ring_free(box, box->ring, box->capacity);
    box->ring = NULL;
    box->capacity = 0;
}

/* ---- the ring: absolute positions, any piece may wrap around its end ---- */

static void
copy_in(struct ward__mailbox *box, uint64_t position, const uint8_t *from, size_t size)
{
    size_t at = (size_t)position & (box->capacity - 1);
    size_t first = box->capacity - at < size ? box->capacity - at : size;

    memcpy(box->ring + at, from, first);
    memcpy(box->ring, from + first, size - first);
}

static void
copy_out(const struct ward__mailbox *box, uint64_t position, uint8_t *to, size_t size)
{
    size_t at = (size_t)position & (box->capacity - 1);
    size_t first = box->capacity - at < size ? box->capacity - at : size;

    memcpy(to, box->ring + at, first);
    memcpy(to + first, box->ring, size - first);
}

static size_t
frame_size(const struct ward__mailbox *box, uint64_t position)
{
    uint8_t prefix[WARD__FRAME_PREFIX];
    size_t at = (size_t)position & (box->capacity - 1);

    if (box->capacity - at >= sizeof prefix)
        return WARD__FRAME_PREFIX + (size_t)ward__frame_load_length(box->ring + at);
    copy_out(box, position, prefix, sizeof prefix);
    return WARD__FRAME_PREFIX + (size_t)ward__frame_load_length(prefix);
}

/* Into another ring, where all has room. 0; -ENOMEM: it stays where it was. */
static int
move(struct ward__mailbox *box, size_t capacity)
{
    struct ward__mailbox moved = *box;
    size_t size = (size_t)(box->tail - box->done);

    moved.ring = ring_new(box, capacity);
    if (moved.ring == NULL)
        return -ENOMEM;
    moved.capacity = capacity;
    for (uint64_t at = box->done; size > 0;) { /* at most two pieces */
        size_t offset = (size_t)at & (box->capacity - 1);
        size_t piece = box->capacity - offset < size ? box->capacity - offset : size;
        copy_in(&moved, at, box->ring + offset, piece);
        at += piece;
        size -= piece;
    }
    ring_free(box, box->ring, box->capacity);
    *box = moved;
    return 0;
}

static size_t
ring_for(size_t begun, size_t needed)
{
    while (begun < needed)
        begun *= 2;
    return begun > SMALL_RING && begun < USUAL_RING ? USUAL_RING : begun;
}

int
ward__mailbox_grow(struct ward__mailbox *box, size_t needed)
{
    size_t capacity =
        ring_for(box->capacity != 0 ? box->capacity : SMALLEST_RING, needed);

    return capacity == box->capacity ? 0 : move(box, capacity);
}

/* Where little is left of much, into a smaller one: the places of a large ring have left the processor's
 * cache when their turn comes again. Without memory for it nothing changes. */
static void
shrink(struct ward__mailbox *box)
{
    size_t held = (size_t)(box->tail - box->done);

    if (box->capacity > LARGE_RING && held < box->capacity / 8)
        (void)move(box, ring_for(LARGE_RING, 2 * held));
}

/* ---- in ---- */

void
ward__mailbox_held(const struct ward__mailbox *box, bool in_hand, uint64_t *bytes,
                   uint64_t *messages)
{
    *bytes = box->tail - box->done;
    *messages = box->tail_number - box->done_number;
    if (in_hand && *messages > 0) {
        *bytes -= frame_size(box, box->done);
        *messages -= 1;
    }
}

bool
ward__mailbox_has_room(const struct ward__mailbox *box, size_t size, bool in_hand)
{
    uint64_t bytes, messages;

    ward__mailbox_held(box, in_hand, &bytes, &messages);
    return messages < box->limit_messages &&
           ward__mailbox_fits(bytes, box->limit_bytes, size) &&
           ward__mailbox_sum_has_room(box, size);
}

int
ward__mailbox_append(struct ward__mailbox *box, const void *frame, size_t size)
{
    if (ward__mailbox_grow(box, (size_t)(box->tail - box->done) + size) < 0)
        return -ENOMEM;
    copy_in(box, box->tail, frame, size);
    ward__mailbox_packed(box, size);
    return 0;
}

/* ---- out ---- */

bool
ward__mailbox_is_torn(const struct ward__mailbox *box)
{
    return box->sent_left > 0;
}

int
ward__mailbox_unsent(const struct ward__mailbox *box, size_t most, struct iovec pieces[2])
{
    uint64_t unsent = box->tail - box->sent;
    size_t size = box->sent_left, at, first;

    if (unsent == 0 ||
        (box->sends_one_by_one && size == 0 && box->sent_number > box->done_number))
        return 0;
    if (size == 0)
        size = frame_size(box, box->sent);
    if (!box->sends_one_by_one && size < most)
        size = unsent < most ? (size_t)unsent : most;
    at = (size_t)box->sent & (box->capacity - 1);
    first = box->capacity - at < size ? box->capacity - at : size;
    pieces[0] = (struct iovec){box->ring + at, first};
    pieces[1] = (struct iovec){box->ring, size - first};
    return first < size ? 2 : 1;
}

void
ward__mailbox_wrote(struct ward__mailbox *box, size_t size)
{
    if (size == box->tail - box->sent) { /* all there is */
        box->sent = box->tail;
        box->sent_number = box->tail_number;
        box->sent_left = size = 0;
    }
    while (size > 0) {
        size_t step;
        if (box->sent_left == 0)
            box->sent_left = frame_size(box, box->sent);
        step = box->sent_left < size ? box->sent_left : size;
        box->sent += step;
        box->sent_left -= step;
        size -= step;
        if (box->sent_left == 0)
            box->sent_number++;
    }
}

/* ---- done ---- */

void
ward__mailbox_free_to(struct ward__mailbox *box, uint64_t number)
{
    uint64_t before = box->done;

    assert(number <= box->tail_number);
    if (number == box->sent_number && box->sent_left == 0) { /* all that was sent */
        box->done = box->sent;
        box->done_number = number;
    }
    while (box->done_number < number) {
        box->done += frame_size(box, box->done);
        box->done_number++;
    }
    add_up(box, 0, (size_t)(box->done - before));
    if (box->sent < box->done) /* dropped without having been sent */
        ward__mailbox_rewind(box);
    if (box->done == box->tail)
        ward__mailbox_done(box);
    else
        shrink(box);
}

void
ward__mailbox_rewind(struct ward__mailbox *box)
{
    box->sent = box->done;
    box->sent_number = box->done_number;
    box->sent_left = 0;
}

static size_t
smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Moves the bytes before `end` up by `by`, from the last to the first, as they may overlap. */
static void
move_up(struct ward__mailbox *box, uint64_t end, uint64_t size, size_t by)
{
    size_t mask = box->capacity - 1;

    while (size > 0) {
        size_t from = (size_t)(end - 1) & mask, to = (size_t)(end - 1 + by) & mask;
        size_t piece = smallest(from + 1, to + 1, (size_t)size);
        memmove(box->ring + to + 1 - piece, box->ring + from + 1 - piece, piece);
        end -= piece;
        size -= piece;
    }
}

/* Takes out the frame at `at`; what is before it moves up. */
static void
take_out(struct ward__mailbox *box, uint64_t at, size_t length)
{
    bool is_last = box->tail - box->done == length;

    move_up(box, at, at - box->done, length);
    box->done += length;
    box->sent += length;
    box->tail_number--;
    add_up(box, 0, length);
    if (is_last)
        ward__mailbox_done(box);
}

int
ward__mailbox_drop_oldest(struct ward__mailbox *box, uint64_t *number, uint8_t **frame,
                          size_t *size)
{
    uint64_t at = box->sent + box->sent_left;
    uint64_t found = box->sent_number + (box->sent_left > 0) + 1;
    uint8_t type;

    for (; at < box->tail; at += frame_size(box, at), found++) {
        copy_out(box, at + WARD__TYPE_AT, &type, 1);
        if (!ward__wire_is_negative(type))
            break;
    }
    if (at == box->tail)
        return -ENOENT;
    *number = found;
    *size = frame_size(box, at);
    *frame = WARD__NEW(malloc(*size));
    if (*frame != NULL)
        copy_out(box, at, *frame, *size);
    take_out(box, at, *size);
    return 0;
}

int
ward__mailbox_first(const struct ward__mailbox *box, uint8_t **frame, size_t *size)
{
    uint8_t *copy;
    size_t length;

    if (box->done == box->tail)
        return -ENOENT;
    length = frame_size(box, box->done);
    copy = WARD__NEW(malloc(length));
    if (copy == NULL)
        return -ENOMEM;
    copy_out(box, box->done, copy, length);
    *frame = copy;
    *size = length;
    return 0;
}

uint8_t *
ward__mailbox_first_byte(struct ward__mailbox *box, size_t offset)
{
    assert(box->tail - box->done > offset);
    return &box->ring[(size_t)(box->done + offset) & (box->capacity - 1)];
}

uint64_t
ward__mailbox_count(const struct ward__mailbox *box)
{
    return box->tail_number - box->done_number;
}

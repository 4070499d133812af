/*
 * Mailbox frames: frames that are known again when they come out of a mailbox.
 *
 * Used by: test_mailbox.c, test_mailbox_memory.c. Uses: mailbox.h, frame.h.
 */
#ifndef WARD_TESTS_UNIT_MAILBOX_FRAMES_H
#define WARD_TESTS_UNIT_MAILBOX_FRAMES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/frame.h"
#include "supervisor/mailbox.h"

enum { FRAME_MOST = 4096 };

/* Frame number `number` of `size` bytes, prefix included; each has contents of its own. */
static inline const uint8_t *
frame_of(uint64_t number, size_t size)
{
    static uint8_t frame[FRAME_MOST];

    assert_in_range(size, WARD__FRAME_PREFIX, FRAME_MOST);
    ward__frame_store_length(frame, (uint32_t)(size - WARD__FRAME_PREFIX));
    for (size_t i = WARD__FRAME_PREFIX; i < size; i++)
        frame[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
    return frame;
}

static inline struct ward__mailbox
box_of(int64_t bytes, int64_t messages)
{
    struct ward__mailbox box;

    ward__mailbox_init(&box, &(ward_mailbox_options){bytes, messages, WARD_REJECT});
    return box;
}

/* As messages come: refused where there is no room, unless they are ward's own. */
static inline int
offer(struct ward__mailbox *box, const void *frame, size_t size, bool in_hand,
      bool is_own)
{
    if (!is_own && !ward__mailbox_has_room(box, size, in_hand))
        return -EAGAIN;
    return ward__mailbox_append(box, frame, size);
}

static inline void
append(struct ward__mailbox *box, size_t size)
{
    assert_int_equal(offer(box, frame_of(box->tail_number, size), size, false, false), 0);
}

/* What unsent shows, in one piece: its size. */
static inline size_t
unsent(const struct ward__mailbox *box, size_t most, uint8_t *to)
{
    struct iovec pieces[2];
    int count = ward__mailbox_unsent(box, most, pieces);
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        assert_true(pieces[i].iov_len > 0);
        memcpy(to + size, pieces[i].iov_base, pieces[i].iov_len);
        size += pieces[i].iov_len;
    }
    return size;
}

static inline void
assert_first_is(struct ward__mailbox *box, uint64_t number, size_t size)
{
    uint8_t *frame;
    size_t got;

    assert_int_equal(ward__mailbox_first(box, &frame, &got), 0);
    assert_int_equal(got, size);
    assert_memory_equal(frame, frame_of(number, size), size);
    free(frame);
}

#endif

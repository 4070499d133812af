#include "ipc/frame.h"

#include <errno.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

/* Empty frames stand first, last and beside each other. */
static const size_t lengths[] = {0, 1, 5, 0, 0, 130, 3, 0, 64, 0};

enum { FRAMES = COUNT_OF(lengths), MAXIMUM = 130 };

static uint8_t stream[512];
static size_t stream_size;

static uint8_t
content_at(size_t frame, size_t at)
{
    return (uint8_t)(37 * frame + 11 * at + 1);
}

static int
make_stream(void **state)
{
    (void)state;
    stream_size = 0;
    for (size_t i = 0; i < FRAMES; i++) {
        ward__frame_store_length(stream + stream_size, (uint32_t)lengths[i]);
        stream_size += WARD__FRAME_PREFIX;
        for (size_t at = 0; at < lengths[i]; at++)
            stream[stream_size++] = content_at(i, at);
    }
    return 0;
}

/* Takes what is whole, and checks that it is frame `*next` and those behind it. */
static void
take_frames(struct ward__framebuf *buf, size_t *next)
{
    ward_bytes frame;
    int more;

    while ((more = ward__framebuf_next(buf, &frame)) == 1) {
        const uint8_t *data = frame.data;
        assert_true(*next < FRAMES);
        assert_int_equal(frame.size, lengths[*next]);
        for (size_t at = 0; at < frame.size; at++)
            assert_int_equal(data[at], content_at(*next, at));
        (*next)++;
    }
    assert_int_equal(more, 0);
}

/* Puts bytes in as a reader of a socket does. */
static void
put_by_room(struct ward__framebuf *buf, const uint8_t *data, size_t size)
{
    while (size > 0) {
        uint8_t *to;
        size_t room, step;
        assert_int_equal(ward__framebuf_room(buf, 7, &to, &room), 0);
        assert_true(room > 0);
        step = room < size ? room : size;
        memcpy(to, data, step);
        ward__framebuf_filled(buf, step);
        data += step;
        size -= step;
    }
}

static void
put(struct ward__framebuf *buf, size_t from, size_t to, bool by_room)
{
    if (by_room)
        put_by_room(buf, stream + from, to - from);
    else
        assert_int_equal(ward__framebuf_feed(buf, stream + from, to - from), 0);
}

static void
cut_twice(size_t first, size_t second, bool by_room)
{
    struct ward__framebuf buf;
    size_t next = 0;

    ward__framebuf_init(&buf, MAXIMUM);
    put(&buf, 0, first, by_room);
    take_frames(&buf, &next);
    put(&buf, first, second, by_room);
    take_frames(&buf, &next);
    put(&buf, second, stream_size, by_room);
    take_frames(&buf, &next);
    assert_int_equal(next, FRAMES);
    assert_int_equal(ward__framebuf_held(&buf), 0);
    ward__framebuf_done(&buf);
}

static void
every_pair_of_cuts_gives_the_same_frames(void **state)
{
    (void)state;
    for (size_t first = 0; first <= stream_size; first++)
        for (size_t second = first; second <= stream_size; second++) {
            cut_twice(first, second, false);
            cut_twice(first, second, true);
        }
}

static void
every_step_gives_the_same_frames(void **state)
{
    (void)state;
    for (size_t step = 1; step <= stream_size; step++) {
        struct ward__framebuf buf;
        size_t next = 0;
        ward__framebuf_init(&buf, MAXIMUM);
        for (size_t at = 0; at < stream_size; at += step) {
            size_t end = at + step < stream_size ? at + step : stream_size;
            put(&buf, at, end, step % 2 == 0);
            take_frames(&buf, &next);
            if (step % 3 == 0)
                ward__framebuf_shrink(&buf);
        }
        assert_int_equal(next, FRAMES);
        ward__framebuf_done(&buf);
    }
}

static void
frames_that_nobody_took_wait_in_order(void **state)
{
    struct ward__framebuf buf;
    size_t next = 0;

    (void)state;
    ward__framebuf_init(&buf, MAXIMUM);
    for (size_t at = 0; at < stream_size; at++)
        put(&buf, at, at + 1, at % 2 == 0);
    assert_int_equal(ward__framebuf_held(&buf), stream_size);
    take_frames(&buf, &next);
    assert_int_equal(next, FRAMES);
    ward__framebuf_done(&buf);
}

static void
a_frame_that_has_begun_gets_room_for_the_rest(void **state)
{
    const uint8_t begun[] = {0xe8, 3, 0, 0, 'x'}; /* 1,000 bytes, one is there */
    struct ward__framebuf buf;
    uint8_t *to;
    size_t room;

    (void)state;
    ward__framebuf_init(&buf, 1000);
    assert_int_equal(ward__framebuf_feed(&buf, begun, sizeof begun), 0);
    assert_int_equal(ward__framebuf_room(&buf, 16, &to, &room), 0);
    assert_true(room >= 999);
    assert_true(buf.capacity <= WARD__FRAME_PREFIX + 1000 + 16);
    assert_ptr_equal(to, buf.data + buf.tail);
    ward__framebuf_done(&buf);
}

static void
the_maximum_itself_is_a_frame_and_one_more_is_none(void **state)
{
    for (uint32_t maximum = 0; maximum < 300; maximum++) {
        uint8_t bytes[WARD__FRAME_PREFIX + 301] = {0};
        struct ward__framebuf buf;
        ward_bytes frame;
        ward__framebuf_init(&buf, maximum);
        ward__frame_store_length(bytes, maximum);
        assert_int_equal(
            ward__framebuf_feed(&buf, bytes, WARD__FRAME_PREFIX + (size_t)maximum), 0);
        assert_int_equal(ward__framebuf_next(&buf, &frame), 1);
        assert_int_equal(frame.size, maximum);
        ward__frame_store_length(bytes, maximum + 1);
        assert_int_equal(
            ward__framebuf_feed(&buf, bytes, WARD__FRAME_PREFIX + (size_t)maximum + 1),
            0);
        assert_int_equal(ward__framebuf_next(&buf, &frame), -WARD_EPROTOCOL);
        ward__framebuf_done(&buf);
    }
    (void)state;
}

static void
a_length_above_the_maximum_allocates_nothing(void **state)
{
    static const uint32_t wrong[] = {101, 1 << 20, INT32_MAX, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        uint8_t prefix[WARD__FRAME_PREFIX];
        struct ward__framebuf buf;
        ward_bytes frame;
        uint8_t *to;
        size_t room;
        ward__frame_store_length(prefix, wrong[i]);
        ward__framebuf_init(&buf, 100);
        assert_int_equal(ward__framebuf_feed(&buf, prefix, sizeof prefix), 0);
        assert_int_equal(ward__framebuf_room(&buf, 16, &to, &room), 0);
        assert_int_equal(buf.capacity, sizeof prefix + 16);
        for (int again = 0; again < 3; again++)
            assert_int_equal(ward__framebuf_next(&buf, &frame), -WARD_EPROTOCOL);
        assert_int_equal(ward__framebuf_held(&buf), sizeof prefix);
        ward__framebuf_done(&buf);
    }
}

static void
without_memory_nothing_is_lost_and_it_goes_on_later(void **state)
{
    struct ward__framebuf buf;
    uint8_t *to;
    size_t room, next = 0;

    (void)state;
    ward__framebuf_init(&buf, MAXIMUM);
    for (size_t at = 0; at < stream_size; at++) {
        size_t held = ward__framebuf_held(&buf);
        ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
        if (ward__framebuf_feed(&buf, stream + at, 1) < 0) {
            assert_int_equal(ward__framebuf_held(&buf), held);
            assert_int_equal(ward__framebuf_feed(&buf, stream + at, 1), 0);
        }
        ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
        assert_int_equal(ward__framebuf_room(&buf, 1 << 20, &to, &room), -ENOMEM);
        ward__fault_disarm();
        take_frames(&buf, &next);
    }
    assert_int_equal(next, FRAMES);
    ward__framebuf_done(&buf);
}

static void
shrink_gives_back_only_what_holds_nothing(void **state)
{
    struct ward__framebuf buf;
    size_t next = 0;

    (void)state;
    ward__framebuf_init(&buf, MAXIMUM);
    ward__framebuf_shrink(&buf);
    put(&buf, 0, stream_size, false);
    ward__framebuf_shrink(&buf);
    assert_int_equal(ward__framebuf_held(&buf), stream_size);
    take_frames(&buf, &next);
    assert_non_null(buf.data);
    ward__framebuf_shrink(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.capacity, 0);
    assert_int_equal(buf.maximum, MAXIMUM);
    next = 0;
    put(&buf, 0, stream_size, true);
    take_frames(&buf, &next);
    assert_int_equal(next, FRAMES);
    ward__framebuf_done(&buf);
    ward__framebuf_done(&buf);
}

static void
room_that_is_lent_holds_what_fits_and_is_never_freed(void **state)
{
    (void)state;
    for (size_t size = 1; size <= stream_size; size++) {
        struct ward__framebuf buf;
        uint8_t room[sizeof stream];
        size_t next = 0, cut = size / 2 + 1;
        memset(room, 0xee, sizeof room);
        ward__framebuf_init(&buf, MAXIMUM);
        ward__framebuf_lend(&buf, room, size);
        assert_int_equal(ward__framebuf_feed(&buf, stream, cut), 0);
        assert_ptr_equal(buf.data, room);
        if (size < stream_size) {
            ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
            assert_int_equal(ward__framebuf_feed(&buf, stream + cut, stream_size - cut),
                             -ENOMEM);
            ward__fault_disarm();
            assert_int_equal(ward__framebuf_held(&buf), cut);
        }
        put(&buf, cut, stream_size, size % 2 == 0);
        take_frames(&buf, &next);
        assert_int_equal(next, FRAMES);
        for (size_t at = size; at < sizeof room; at++)
            assert_int_equal(room[at], 0xee);
        ward__framebuf_done(&buf);
        assert_null(buf.data);
    }
}

static void
lengths_are_little_endian(void **state)
{
    uint8_t prefix[WARD__FRAME_PREFIX];

    (void)state;
    ward__frame_store_length(prefix, UINT32_C(0x04030201));
    for (int i = 0; i < WARD__FRAME_PREFIX; i++)
        assert_int_equal(prefix[i], i + 1);
    for (int bit = 0; bit < 32; bit++) {
        ward__frame_store_length(prefix, UINT32_C(1) << bit);
        assert_int_equal(ward__frame_load_length(prefix), UINT32_C(1) << bit);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_cuts_gives_the_same_frames),
        cmocka_unit_test(every_step_gives_the_same_frames),
        cmocka_unit_test(frames_that_nobody_took_wait_in_order),
        cmocka_unit_test(a_frame_that_has_begun_gets_room_for_the_rest),
        cmocka_unit_test(the_maximum_itself_is_a_frame_and_one_more_is_none),
        cmocka_unit_test(a_length_above_the_maximum_allocates_nothing),
        cmocka_unit_test(without_memory_nothing_is_lost_and_it_goes_on_later),
        cmocka_unit_test(shrink_gives_back_only_what_holds_nothing),
        cmocka_unit_test(room_that_is_lent_holds_what_fits_and_is_never_freed),
        cmocka_unit_test(lengths_are_little_endian),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, make_stream, NULL);
}

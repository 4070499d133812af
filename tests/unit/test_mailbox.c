/* The byte ring that outlives the process which reads it. */
#include "tests/unit/mailbox_frames.h"

enum { RING_FIRST = 1024 };

/* ---- positions ---- */

static void
an_empty_mailbox_has_no_memory_and_nothing_to_say(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    struct iovec pieces[2];
    uint8_t *frame;
    size_t size;

    (void)state;
    assert_null(box.ring);
    assert_int_equal(ward__mailbox_count(&box), 0);
    assert_int_equal(ward__mailbox_unsent(&box, SIZE_MAX, pieces), 0);
    assert_int_equal(ward__mailbox_first(&box, &frame, &size), -ENOENT);
    assert_false(ward__mailbox_is_torn(&box));
    ward__mailbox_rewind(&box);
    ward__mailbox_free_to(&box, 0);
    ward__mailbox_done(&box);
}

static void
positions_follow_append_wrote_and_free(void **state)
{
    struct ward__mailbox box = box_of(0, 0);

    (void)state;
    append(&box, 10);
    append(&box, 20);
    assert_int_equal(box.tail, 30);
    assert_int_equal(box.tail_number, 2);
    ward__mailbox_wrote(&box, 10);
    assert_int_equal(box.sent, 10);
    assert_int_equal(box.sent_number, 1);
    ward__mailbox_free_to(&box, 1);
    assert_int_equal(box.done, 10);
    assert_int_equal(box.done_number, 1);
    assert_int_equal(ward__mailbox_count(&box), 1);
    ward__mailbox_done(&box);
}

static void
memory_is_given_back_when_empty_and_positions_begin_again(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    uint8_t bytes[64];

    (void)state;
    append(&box, 10);
    ward__mailbox_wrote(&box, 10);
    assert_non_null(box.ring);
    ward__mailbox_free_to(&box, 1);
    assert_null(box.ring);
    assert_int_equal(box.capacity, 0);
    append(&box, 12);
    assert_int_equal(box.done, 0);
    assert_int_equal(box.tail, 12);
    assert_int_equal(box.tail_number, 2);
    assert_int_equal(unsent(&box, SIZE_MAX, bytes), 12);
    assert_memory_equal(bytes, frame_of(1, 12), 12);
    ward__mailbox_done(&box);
}

static void
an_empty_frame_is_a_message_too(void **state)
{
    struct ward__mailbox box = box_of(0, 0);

    (void)state;
    append(&box, WARD__FRAME_PREFIX);
    append(&box, WARD__FRAME_PREFIX);
    ward__mailbox_wrote(&box, 2 * WARD__FRAME_PREFIX);
    assert_int_equal(box.sent_number, 2);
    ward__mailbox_free_to(&box, 2);
    assert_null(box.ring);
}

/* ---- the ring ---- */

static void
frames_come_out_whole_when_the_ring_wraps(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    uint8_t bytes[2 * RING_FIRST];

    (void)state;
    append(&box, 300);
    for (uint64_t n = 1; n < 1000; n++) {
        append(&box, 301);
        ward__mailbox_free_to(&box, n);
        assert_int_equal(box.capacity, RING_FIRST);
        assert_first_is(&box, n, 301);
        ward__mailbox_rewind(&box);
        assert_int_equal(unsent(&box, SIZE_MAX, bytes), 301);
        assert_memory_equal(bytes, frame_of(n, 301), 301);
    }
    ward__mailbox_done(&box);
}

static void
a_prefix_may_lie_across_the_edge(void **state)
{
    (void)state;
    for (size_t lead = RING_FIRST - 8; lead < RING_FIRST; lead++) {
        struct ward__mailbox box = box_of(0, 0);
        append(&box, 500);
        append(&box, lead - 500);
        ward__mailbox_free_to(&box, 1);
        append(&box, 100); /* begins at `lead` */
        append(&box, 50);
        assert_int_equal(box.capacity, RING_FIRST);
        ward__mailbox_wrote(&box, lead - 500 + 100 + 1);
        assert_int_equal(box.sent_left, 49);
        ward__mailbox_free_to(&box, 2);
        assert_first_is(&box, 2, 100);
        ward__mailbox_free_to(&box, 3);
        assert_first_is(&box, 3, 50);
        ward__mailbox_done(&box);
    }
}

static void
it_grows_while_wrapped(void **state)
{
    (void)state;
    for (size_t lead = 4; lead < RING_FIRST - 100; lead++) {
        struct ward__mailbox box = box_of(0, 0);
        size_t sizes[] = {lead, 100, lead, 1500};
        append(&box, sizes[0]);
        append(&box, sizes[1]);
        ward__mailbox_wrote(&box, lead + 50); /* torn while it grows */
        ward__mailbox_free_to(&box, 1);
        append(&box, sizes[2]);
        append(&box, sizes[3]);
        assert_int_equal(box.capacity, lead + 1600 <= 2048 ? 2048 : 4096);
        assert_true(ward__mailbox_is_torn(&box));
        for (uint64_t n = 1; n < 4; n++) {
            assert_first_is(&box, n, sizes[n]);
            ward__mailbox_free_to(&box, n + 1);
        }
        assert_null(box.ring);
    }
}

static void
first_byte_is_the_ring_itself_also_across_the_edge(void **state)
{
    struct ward__mailbox box = box_of(0, 0);

    (void)state;
    append(&box, RING_FIRST - 6);
    ward__mailbox_wrote(&box, RING_FIRST - 6);
    append(&box, 6);
    ward__mailbox_free_to(&box, 1);
    append(&box, 100);
    ward__mailbox_free_to(&box, 2);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(*ward__mailbox_first_byte(&box, i), frame_of(2, 100)[i]);
    *ward__mailbox_first_byte(&box, 6) = 77;
    assert_int_equal(*ward__mailbox_first_byte(&box, 6), 77);
    ward__mailbox_done(&box);
}

/* ---- sending ---- */

static void
a_send_may_be_torn_at_every_byte(void **state)
{
    enum { SIZE = 40, COUNT = 3, ALL = SIZE * COUNT };
    uint8_t bytes[ALL], expected[ALL];

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        memcpy(expected + i * SIZE, frame_of(i, SIZE), SIZE);
    for (size_t cut = 0; cut <= ALL; cut++) {
        struct ward__mailbox box = box_of(0, 0);
        for (int i = 0; i < COUNT; i++)
            append(&box, SIZE);
        ward__mailbox_wrote(&box, cut);
        assert_int_equal(box.sent, cut);
        assert_int_equal(box.sent_number, cut / SIZE);
        assert_int_equal(ward__mailbox_is_torn(&box), cut % SIZE != 0);
        assert_int_equal(unsent(&box, SIZE_MAX, bytes), ALL - cut);
        assert_memory_equal(bytes, expected + cut, ALL - cut);
        ward__mailbox_wrote(&box, ALL - cut);
        assert_int_equal(box.sent_number, COUNT);
        assert_false(ward__mailbox_is_torn(&box));
        ward__mailbox_done(&box);
    }
}

static void
unsent_never_cuts_the_first_frame_but_those_behind_it(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    uint8_t bytes[400];

    (void)state;
    append(&box, 100);
    append(&box, 100);
    append(&box, 100);
    assert_int_equal(unsent(&box, 0, bytes), 100);
    assert_int_equal(unsent(&box, 99, bytes), 100);
    assert_int_equal(unsent(&box, 199, bytes), 199);
    assert_int_equal(unsent(&box, 299, bytes), 299);
    assert_int_equal(unsent(&box, 301, bytes), 300);
    ward__mailbox_wrote(&box, 70);
    assert_int_equal(unsent(&box, 0, bytes), 30);
    assert_int_equal(unsent(&box, 129, bytes), 129);
    ward__mailbox_wrote(&box, 129);
    assert_int_equal(box.sent_number, 1);
    assert_int_equal(unsent(&box, 0, bytes), 1);
    assert_int_equal(unsent(&box, SIZE_MAX, bytes), 101);
    ward__mailbox_done(&box);
}

static void
rewind_sends_what_is_not_done_again_in_order(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    uint8_t bytes[128];

    (void)state;
    append(&box, 30);
    append(&box, 31);
    append(&box, 32);
    ward__mailbox_wrote(&box, 30 + 31 + 5);
    ward__mailbox_free_to(&box, 1);
    ward__mailbox_rewind(&box);
    assert_false(ward__mailbox_is_torn(&box));
    assert_int_equal(box.sent_number, 1);
    assert_int_equal(unsent(&box, SIZE_MAX, bytes), 63);
    assert_memory_equal(bytes, frame_of(1, 31), 31);
    assert_memory_equal(bytes + 31, frame_of(2, 32), 32);
    ward__mailbox_done(&box);
}

static void
freeing_what_was_not_sent_moves_sent_along(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    uint8_t bytes[64];

    (void)state;
    append(&box, 30);
    append(&box, 31);
    ward__mailbox_wrote(&box, 10);
    ward__mailbox_free_to(&box, 1);
    assert_int_equal(box.sent, 30);
    assert_int_equal(box.sent_number, 1);
    assert_false(ward__mailbox_is_torn(&box));
    assert_int_equal(unsent(&box, SIZE_MAX, bytes), 31);
    ward__mailbox_free_to(&box, 1); /* again: nothing */
    assert_int_equal(ward__mailbox_count(&box), 1);
    ward__mailbox_free_to(&box, 2);
    assert_null(box.ring);
}

/* ---- limits ---- */

static void
bytes_are_limited_to_the_byte(void **state)
{
    struct ward__mailbox box = box_of(100, WARD_INFINITE);

    (void)state;
    append(&box, 60);
    assert_true(ward__mailbox_has_room(&box, 40, false));
    assert_false(ward__mailbox_has_room(&box, 41, false));
    assert_int_equal(offer(&box, frame_of(1, 41), 41, false, false), -EAGAIN);
    assert_int_equal(box.tail, 60);
    append(&box, 40);
    assert_false(ward__mailbox_has_room(&box, WARD__FRAME_PREFIX, false));
    ward__mailbox_done(&box);
}

static void
messages_are_limited(void **state)
{
    struct ward__mailbox box = box_of(WARD_INFINITE, 2);

    (void)state;
    append(&box, 10);
    append(&box, 10);
    assert_int_equal(offer(&box, frame_of(2, 10), 10, false, false), -EAGAIN);
    ward__mailbox_free_to(&box, 1);
    append(&box, 10);
    ward__mailbox_done(&box);
}

static void
what_was_sent_and_is_not_done_counts(void **state)
{
    struct ward__mailbox box = box_of(100, 2);

    (void)state;
    append(&box, 50);
    append(&box, 50);
    ward__mailbox_wrote(&box, 100);
    assert_false(ward__mailbox_has_room(&box, 10, false));
    ward__mailbox_done(&box);
}

static void
the_message_in_hand_does_not_count(void **state)
{
    struct ward__mailbox box = box_of(100, 2);

    (void)state;
    append(&box, 60);
    append(&box, 40);
    assert_false(ward__mailbox_has_room(&box, 60, false));
    assert_true(ward__mailbox_has_room(&box, 60, true));
    assert_false(ward__mailbox_has_room(&box, 61, true));
    assert_int_equal(offer(&box, frame_of(2, 60), 60, true, false), 0);
    assert_false(ward__mailbox_has_room(&box, 4, true)); /* two messages beside it */
    ward__mailbox_done(&box);
}

static void
an_empty_mailbox_takes_a_message_of_any_size(void **state)
{
    struct ward__mailbox box = box_of(100, 0);

    (void)state;
    append(&box, 1000);
    assert_false(ward__mailbox_has_room(&box, 10, false));
    assert_true(ward__mailbox_has_room(&box, 1000, true)); /* none but the one in hand */
    ward__mailbox_done(&box);
}

static void
a_message_of_wards_own_has_no_limit(void **state)
{
    struct ward__mailbox box = box_of(10, 1);

    (void)state;
    append(&box, 10);
    assert_int_equal(offer(&box, frame_of(1, 50), 50, false, true), 0);
    assert_int_equal(ward__mailbox_count(&box), 2);
    ward__mailbox_done(&box);
}

static void
the_default_limit_is_16_MiB(void **state)
{
    struct ward__mailbox box = box_of(0, 0);

    (void)state;
    append(&box, 16);
    assert_true(ward__mailbox_has_room(&box, (16 << 20) - 16, false));
    assert_false(ward__mailbox_has_room(&box, (16 << 20) - 15, false));
    ward__mailbox_done(&box);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_mailbox_has_no_memory_and_nothing_to_say),
        cmocka_unit_test(positions_follow_append_wrote_and_free),
        cmocka_unit_test(memory_is_given_back_when_empty_and_positions_begin_again),
        cmocka_unit_test(an_empty_frame_is_a_message_too),
        cmocka_unit_test(frames_come_out_whole_when_the_ring_wraps),
        cmocka_unit_test(a_prefix_may_lie_across_the_edge),
        cmocka_unit_test(it_grows_while_wrapped),
        cmocka_unit_test(first_byte_is_the_ring_itself_also_across_the_edge),
        cmocka_unit_test(a_send_may_be_torn_at_every_byte),
        cmocka_unit_test(unsent_never_cuts_the_first_frame_but_those_behind_it),
        cmocka_unit_test(rewind_sends_what_is_not_done_again_in_order),
        cmocka_unit_test(freeing_what_was_not_sent_moves_sent_along),
        cmocka_unit_test(bytes_are_limited_to_the_byte),
        cmocka_unit_test(messages_are_limited),
        cmocka_unit_test(what_was_sent_and_is_not_done_counts),
        cmocka_unit_test(the_message_in_hand_does_not_count),
        cmocka_unit_test(an_empty_mailbox_takes_a_message_of_any_size),
        cmocka_unit_test(a_message_of_wards_own_has_no_limit),
        cmocka_unit_test(the_default_limit_is_16_MiB),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

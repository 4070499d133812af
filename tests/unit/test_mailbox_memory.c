/* The memory of a mailbox: when it is taken, what it is exchanged for, when it is given back. */
#include "tests/unit/mailbox_frames.h"

#include "ipc/fault.h"

static void
without_memory_nothing_changes(void **state)
{
    struct ward__mailbox box = box_of(0, 0);
    uint8_t *frame = NULL;
    size_t size;

    (void)state;
    assert_non_null(ward__fault_plan_share());
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(offer(&box, frame_of(0, 10), 10, false, false), -ENOMEM);
    assert_int_equal(ward__mailbox_count(&box), 0);
    append(&box, 1000);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(offer(&box, frame_of(1, 100), 100, false, false), -ENOMEM);
    assert_first_is(&box, 0, 1000);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward__mailbox_first(&box, &frame, &size), -ENOMEM);
    assert_null(frame);
    ward__fault_disarm();
    ward__faults = NULL;
    append(&box, 100);
    ward__mailbox_done(&box);
}

/* Grows in the steps of a mailbox that is one of many. */
static void
grow_to_usual(struct ward__mailbox *box)
{
    append(box, 1000);
    assert_int_equal(box->capacity, 1024);
    append(box, 2000);
    assert_int_equal(box->capacity, 4 * 1024);
    append(box, 2000);
    assert_int_equal(box->capacity, 64 * 1024);
    assert_first_is(box, 0, 1000);
    ward__mailbox_free_to(box, 1);
    assert_first_is(box, 1, 2000);
    ward__mailbox_free_to(box, 2);
    assert_first_is(box, 2, 2000);
}

static void
rings_of_the_usual_size_are_kept_for_the_next(void **state)
{
    enum { BOXES = 6, KEPT = 4 };
    struct ward__mailbox boxes[BOXES];
    struct ward__mailbox_sum sum;
    unsigned kept;

    (void)state;
    ward__mailbox_sum_init(&sum, UINT64_MAX);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BOXES; i++) {
            boxes[i] = box_of(0, 0);
            boxes[i].sum = &sum;
            grow_to_usual(&boxes[i]);
        }
        assert_int_equal(sum.rings.count, 0);
        for (int i = 0; i < BOXES; i++)
            ward__mailbox_done(&boxes[i]);
        assert_int_equal(sum.bytes, 0);
        kept = sum.rings.most;
        assert_true(kept == 0 || kept == KEPT);
        assert_int_equal(sum.rings.count, kept);
    }
    ward__mailbox_sum_done(&sum);
}

static void
room_that_is_not_used_leaves_no_memory_behind(void **state)
{
    struct ward__mailbox box = box_of(0, 0);

    (void)state;
    assert_non_null(ward__mailbox_room(&box, 100000));
    ward__mailbox_unused(&box);
    assert_null(box.ring);
    append(&box, 100);
    assert_non_null(ward__mailbox_room(&box, 500));
    ward__mailbox_unused(&box);
    assert_first_is(&box, 0, 100);
    ward__mailbox_done(&box);
}

static void
a_larger_ring_is_no_usual_one(void **state)
{
    struct ward__mailbox_sum sum;
    struct ward__mailbox box = box_of(0, 0);

    (void)state;
    ward__mailbox_sum_init(&sum, UINT64_MAX);
    box.sum = &sum;
    grow_to_usual(&box);
    assert_int_equal(ward__mailbox_grow(&box, 64 * 1024 + 1), 0);
    assert_int_equal(box.capacity, 128 * 1024);
    assert_int_equal(sum.rings.count, sum.rings.most > 0 ? 1 : 0);
    assert_first_is(&box, 2, 2000);
    ward__mailbox_done(&box);
    assert_int_equal(sum.rings.count, sum.rings.most > 0 ? 1 : 0);
    ward__mailbox_sum_done(&sum);
}

/* Four thousand frames of 500 bytes, of which all but the last fifty are sent, and of the next one a piece. */
enum { BURST = 4000, BURST_FRAME = 500, BURST_LEFT = 50, BURST_TORN = 123 };

static struct ward__mailbox
after_a_burst(void)
{
    struct ward__mailbox box = box_of(0, 0);

    for (int i = 0; i < BURST; i++)
        append(&box, BURST_FRAME);
    assert_int_equal(box.capacity, 2 * 1024 * 1024);
    ward__mailbox_wrote(&box, (BURST - BURST_LEFT) * BURST_FRAME + BURST_TORN);
    return box;
}

static void
assert_rest_of_burst(struct ward__mailbox *box)
{
    static uint8_t rest[BURST_LEFT * BURST_FRAME];

    assert_int_equal(ward__mailbox_count(box), BURST_LEFT);
    assert_true(ward__mailbox_is_torn(box));
    assert_int_equal(unsent(box, sizeof rest, rest + BURST_TORN),
                     sizeof rest - BURST_TORN);
    for (int i = 1; i < BURST_LEFT; i++)
        assert_memory_equal(rest + i * BURST_FRAME,
                            frame_of(BURST - BURST_LEFT + i, BURST_FRAME), BURST_FRAME);
    ward__mailbox_rewind(box);
    for (uint64_t number = BURST - BURST_LEFT; number < BURST; number++) {
        assert_first_is(box, number, BURST_FRAME);
        ward__mailbox_free_to(box, number + 1);
    }
    assert_null(box->ring);
}

static void
a_ring_that_little_is_left_in_becomes_smaller(void **state)
{
    struct ward__mailbox box = after_a_burst();

    (void)state;
    ward__mailbox_free_to(&box, BURST - 600);
    assert_int_equal(box.capacity, 2 * 1024 * 1024);
    ward__mailbox_free_to(&box, BURST - 520);
    assert_int_equal(box.capacity, 512 * 1024);
    ward__mailbox_free_to(&box, BURST - 100);
    assert_int_equal(box.capacity, 256 * 1024);
    ward__mailbox_free_to(&box, BURST - BURST_LEFT);
    assert_int_equal(box.capacity, 256 * 1024);
    assert_rest_of_burst(&box);
}

static void
without_memory_for_a_smaller_ring_the_large_one_stays(void **state)
{
    struct ward__mailbox box = after_a_burst();

    (void)state;
    assert_non_null(ward__fault_plan_share());
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    ward__mailbox_free_to(&box, BURST - 100);
    assert_int_equal(box.capacity, 2 * 1024 * 1024);
    ward__fault_disarm();
    ward__faults = NULL;
    ward__mailbox_free_to(&box, BURST - BURST_LEFT);
    assert_int_equal(box.capacity, 256 * 1024);
    assert_rest_of_burst(&box);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(rings_of_the_usual_size_are_kept_for_the_next),
        cmocka_unit_test(room_that_is_not_used_leaves_no_memory_behind),
        cmocka_unit_test(a_larger_ring_is_no_usual_one),
        cmocka_unit_test(a_ring_that_little_is_left_in_becomes_smaller),
        cmocka_unit_test(without_memory_for_a_smaller_ring_the_large_one_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

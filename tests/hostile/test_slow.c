/* Workers that are slow on purpose: a byte at a time, or not at all. */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rig.h"

enum { LARGE = 3 << 20 };

/* ---- H29: slowly ---- */

/* A frame that never ends, one byte at a time. */
static void
write_slowly(ward_ctx *ctx)
{
    static const uint8_t length[] = {0, 0, 8, 0};

    (void)ctx;
    rig_write_committed(length, sizeof length);
    for (;;) {
        rig_write_committed("x", 1);
        poll(NULL, 0, 10);
    }
}

static void
H29_a_frame_that_never_ends_is_ended_by_a_deadline(void **state)
{
    struct rig *r = *state;

    rig_do(r, write_slowly);
    rig_expect(r, WARD_CAUSE_TIMEOUT, "frame");
}

static void
H29_a_frame_that_never_ends_does_not_hold_up_a_stop(void **state)
{
    struct rig *r = *state;

    rig_tell(r, write_slowly);
    rig_linger(r, 300);
    assert_int_equal(r->failed, 0);
    scene_ok(ward_stop(r->ctx, r->evil));
    rig_await_stop(r);
    assert_int_equal(r->failed, 0);
    assert_int_equal(r->end, WARD_END_STOPPED);
}

/* It says that its message is done and that it waits for another, and reads a byte now and then. */
static void
read_slowly(ward_ctx *ctx)
{
    struct ward__page *page = rig_page();
    uint64_t commit = atomic_load(&page->commit);
    char byte;

    (void)ctx;
    atomic_store(&page->commit, ward__commit_pack(ward__commit_tail(commit),
                                                  atomic_load(&page->handling)));
    atomic_store(&page->phase, WARD_PHASE_IDLE);
    for (;;) {
        (void)recv(rig_channel(), &byte, 1, 0);
        poll(NULL, 0, 10);
    }
}

static void
H29_one_that_reads_a_byte_at_a_time_is_ended_by_a_deadline(void **state)
{
    struct rig *r = *state;
    char *large = calloc(1, LARGE);

    r->growth_allowed += 4 * LARGE;
    rig_tell(r, read_slowly);
    scene_ok(ward_tell(r->ctx, r->evil, 1, ((ward_bytes){large, LARGE})));
    free(large);
    rig_await_failures(r, 1);
    rig_expect(r, WARD_CAUSE_TIMEOUT, "frame");
    scene_ok(ward_stop(r->ctx, r->evil));
    rig_await_stop(r);
}

/* A handler that takes long reads nothing meanwhile, and is left alone. */
static void
take_long(ward_ctx *ctx)
{
    (void)ctx;
    poll(NULL, 0, 7000);
    atomic_fetch_add(&rig_board->done, 1);
}

static void
one_that_is_busy_need_not_read(void **state)
{
    struct rig *r = *state;
    char *large = calloc(1, LARGE);

    r->growth_allowed += 2 * LARGE;
    rig_tell(r, take_long);
    scene_ok(ward_tell(r->ctx, r->evil, 1, ((ward_bytes){large, LARGE})));
    free(large);
    while (atomic_load(&rig_board->done) == 0)
        rig_linger(r, 100);
    assert_int_equal(r->failed, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(H29_a_frame_that_never_ends_is_ended_by_a_deadline),
        RIG_TEST(H29_a_frame_that_never_ends_does_not_hold_up_a_stop),
        RIG_TEST(H29_one_that_reads_a_byte_at_a_time_is_ended_by_a_deadline),
        RIG_TEST(one_that_is_busy_need_not_read),
    };

    return rig_main("slow", tests, sizeof tests / sizeof tests[0]);
}

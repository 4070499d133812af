/* What a channel writes, and what it believes of the messages in hand; see test_channel.c. */
#include "supervisor/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/fds.h"
#include "ipc/wire.h"
#include "tests/unit/support.h"

enum { FRAME_BYTES = 1 << 20, DONE = 10 };

static struct ward__channel channel;
static struct ward__mailbox box;
static int worker = -1, memory = -1;
static struct ward__framebuf heard; /* what the worker has read */

static int
open_channel(void **state)
{
    int small = 4096;

    (void)state;
    ward__channel_init(&channel);
    ward__mailbox_init(&box, &(ward_mailbox_options){WARD_INFINITE, 0, WARD_REJECT});
    box.done_number = box.sent_number = box.tail_number = DONE;
    ward__framebuf_init(&heard, FRAME_BYTES);
    if (ward__channel_open(&channel, FRAME_BYTES, &worker, &memory) < 0)
        return -1;
    ward__channel_begin(&channel, DONE);
    return setsockopt(channel.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

static int
close_channel(void **state)
{
    (void)state;
    ward__channel_close(&channel);
    ward__mailbox_done(&box);
    ward__framebuf_done(&heard);
    ward__fd_close(&worker);
    ward__fd_close(&memory);
    return 0;
}

/* ---- what is sent: lane frames hold 'L' and a number, messages 'M' and a number ---- */

struct item {
    char kind;
    uint32_t number;
    size_t size;
};

static void
pack_item(struct ward__sink *sink, const void *what)
{
    const struct item *item = what;
    static const uint8_t filler[4096];

    ward__sink_write(sink, &item->kind, 1);
    ward__sink_write(sink, &item->number, sizeof item->number);
    for (size_t left = item->size; left > 0;) {
        size_t step = left < sizeof filler ? left : sizeof filler;
        ward__sink_write(sink, filler, step);
        left -= step;
    }
}

static void
say(uint32_t number, size_t size)
{
    const struct item item = {'L', number, size};

    assert_int_equal(ward__channel_say(&channel, pack_item, &item), 0);
}

static void
post(uint32_t number, size_t size)
{
    const struct item item = {'M', number, size};
    struct ward__sink sink;
    size_t begun;

    ward__sink_init(&sink, FRAME_BYTES + WARD__FRAME_PREFIX);
    begun = ward__wire_begin(&sink);
    pack_item(&sink, &item);
    assert_int_equal(ward__wire_end(&sink, begun, FRAME_BYTES), 0);
    assert_int_equal(ward__mailbox_append(&box, sink.data, sink.size), 0);
    ward__sink_done(&sink);
}

/* The worker reads at most `most` bytes; how many came. */
static size_t
listen_to(size_t most)
{
    static uint8_t bytes[64 * 1024];
    ssize_t got =
        recv(worker, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);

    if (got < 0)
        return 0;
    assert_int_equal(ward__framebuf_feed(&heard, bytes, (size_t)got), 0);
    return (size_t)got;
}

/* The kind and number of the next frame that the worker has; 0: none. */
static char
hear(uint32_t *number)
{
    ward_bytes frame;
    int more = ward__framebuf_next(&heard, &frame);

    assert_true(more >= 0);
    if (more == 0)
        return 0;
    assert_true(frame.size >= 1 + sizeof *number);
    memcpy(number, (const char *)frame.data + 1, sizeof *number);
    return *(const char *)frame.data;
}

/* Writes and reads until nothing moves any more. */
static void
pump(struct ward__mailbox *messages)
{
    do
        assert_int_equal(ward__channel_write(&channel, messages), 0);
    while (listen_to(SIZE_MAX) > 0);
}

static void
assert_heard(const char *kinds)
{
    uint32_t numbers[2] = {0, 0};

    for (; *kinds != '\0'; kinds++) {
        uint32_t number;
        uint32_t *expected = &numbers[*kinds == 'M'];
        assert_int_equal(hear(&number), *kinds);
        assert_int_equal(number, *expected);
        ++*expected;
    }
    assert_int_equal(ward__framebuf_held(&heard), 0);
}

static void
the_lane_goes_before_messages(void **state)
{
    (void)state;
    post(0, 10);
    post(1, 10);
    say(0, 5);
    say(1, 5);
    assert_int_equal(ward__channel_write(&channel, &box), 0);
    assert_false(channel.is_blocked);
    while (listen_to(SIZE_MAX) > 0)
        continue;
    assert_heard("LLMM");
    assert_int_equal(channel.lane_frames, 2);
    assert_null(channel.lane.data);
}

static void
without_a_mailbox_only_the_lane_is_written(void **state)
{
    (void)state;
    post(0, 10);
    say(0, 5);
    pump(NULL);
    assert_heard("L");
    pump(&box);
    assert_int_equal(box.sent_number, DONE + 1);
}

static void
the_lane_waits_for_the_end_of_a_torn_message(void **state)
{
    (void)state;
    post(0, 300000);
    post(1, 10);
    assert_int_equal(ward__channel_write(&channel, &box), 0);
    assert_true(channel.is_blocked);
    assert_true(ward__mailbox_is_torn(&box));
    say(0, 5);
    pump(&box);
    assert_false(channel.is_blocked);
    assert_heard("MLM");
}

static void
a_torn_lane_is_ended_before_messages_and_takes_more_meanwhile(void **state)
{
    (void)state;
    say(0, 300000);
    post(0, 10);
    assert_int_equal(ward__channel_write(&channel, &box), 0);
    assert_true(channel.is_blocked);
    assert_true(channel.lane_written > 0);
    say(1, 5);
    pump(&box);
    assert_heard("LLM");
    assert_int_equal(channel.lane_written, 0);
}

static void
what_was_written_in_pieces_arrives_whole_and_in_order(void **state)
{
    uint64_t random = 81;
    uint32_t said = 0, posted = 0, lane = 0, messages = 0, number;
    char kind;

    (void)state;
    for (int step = 0; step < 20000 || lane < said || messages < posted; step++) {
        size_t size =
            random_below(&random, 40) == 0 ? 100000 : random_below(&random, 300);
        if (step < 20000 && random_below(&random, 6) == 0)
            say(said++, size);
        if (step < 20000 && random_below(&random, 3) == 0)
            post(posted++, size);
        if (random_below(&random, 2) == 0)
            assert_int_equal(ward__channel_write(&channel, &box), 0);
        listen_to(step < 20000 ? 1 + random_below(&random, 9000) : SIZE_MAX);
        while ((kind = hear(&number)) != 0)
            assert_int_equal(number, kind == 'L' ? lane++ : messages++);
        if (random_below(&random, 10) == 0)
            ward__mailbox_free_to(&box, box.sent_number);
    }
    assert_int_equal(channel.lane_frames, said);
    assert_int_equal(box.sent_number, DONE + posted);
}

/* A worker that reads all the time and is never quite up to date. */
static void
a_lane_that_is_never_empty_takes_no_more_memory_for_it(void **state)
{
    enum { SIZE = 512 * 1024, ROUNDS = 1000 };
    uint32_t number, next = 0;

    (void)state;
    say(0, SIZE);
    for (uint32_t i = 1; i < ROUNDS; i++) {
        say(i, SIZE);
        while (hear(&number) == 0) {
            assert_int_equal(ward__channel_write(&channel, NULL), 0);
            listen_to(SIZE_MAX);
        }
        assert_int_equal(number, next++);
        assert_true(channel.lane.size > channel.lane_written);
        assert_true(channel.lane.capacity <= 8 * SIZE);
    }
}

static void
a_worker_that_closed_its_end_is_a_broken_pipe(void **state)
{
    (void)state;
    ward__fd_close(&worker);
    say(0, 5);
    assert_int_equal(ward__channel_write(&channel, &box), -EPIPE);
    assert_false(channel.is_blocked);
}

static void
failing_calls_are_waited_out_or_tried_again(void **state)
{
    (void)state;
    say(0, 5);
    ward__fault_arm(WARD__ROLE_HOST, 1, EINTR);
    assert_int_equal(ward__channel_write(&channel, NULL), 0);
    ward__fault_disarm();
    listen_to(SIZE_MAX);
    assert_heard("L");
    say(0, 5);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOBUFS);
    assert_int_equal(ward__channel_write(&channel, NULL), 0);
    ward__fault_disarm();
    assert_true(channel.is_blocked);
    pump(NULL);
    assert_heard("L");
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward__channel_say(&channel, pack_item, &(struct item){'L', 0, 5}),
                     -ENOMEM);
    ward__fault_disarm();
    assert_int_equal(channel.lane_frames, 2);
    pump(NULL);
    assert_heard("");
}

/* ---- progress and the message in hand ---- */

/* What the page says: `done` and `handling`, low halves of message numbers. */
static void
claim(uint32_t done, uint32_t handling)
{
    atomic_store(&channel.page->commit, ward__commit_pack(0, done));
    atomic_store(&channel.page->handling, handling);
}

static void
send_messages(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        post(i, 3);
    pump(&box);
    assert_int_equal(box.sent_number, DONE + count);
}

static void
what_is_done_is_freed(void **state)
{
    struct ward__hand hand;

    (void)state;
    send_messages(3);
    post(3, 3);
    for (uint32_t done = 0; done <= 3; done++) {
        claim(DONE + done, DONE + done);
        assert_int_equal(ward__channel_progress(&channel, &box), 0);
        assert_int_equal(box.done_number, DONE + done);
        assert_int_equal(ward__mailbox_count(&box), 4 - done);
        assert_int_equal(ward__channel_hand(&channel, &box, &hand), 0);
        assert_false(hand.is_in_hand);
    }
}

static void
each_lie_about_done_is_a_breach_that_changes_nothing(void **state)
{
    static const uint32_t lies[] = {DONE - 1,          0,          DONE + 4,
                                    DONE + 5,          UINT32_MAX, DONE + 0x7fffffffU,
                                    DONE + 0x80000000U};

    (void)state;
    send_messages(3);
    post(3, 3); /* not sent */
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        claim(lies[i], lies[i]);
        assert_int_equal(ward__channel_progress(&channel, &box), -WARD_EPROTOCOL);
        assert_int_equal(box.done_number, DONE);
        assert_int_equal(ward__mailbox_count(&box), 4);
    }
    claim(DONE + 2, DONE + 2);
    assert_int_equal(ward__channel_progress(&channel, &box), 0);
    claim(DONE + 1, DONE + 1); /* back again */
    assert_int_equal(ward__channel_progress(&channel, &box), -WARD_EPROTOCOL);
    assert_int_equal(box.done_number, DONE + 2);
}

static void
a_message_of_which_only_a_part_was_sent_cannot_be_done(void **state)
{
    (void)state;
    post(0, 300000);
    assert_int_equal(ward__channel_write(&channel, &box), 0);
    assert_true(ward__mailbox_is_torn(&box));
    claim(DONE + 1, DONE + 1);
    assert_int_equal(ward__channel_progress(&channel, &box), -WARD_EPROTOCOL);
}

static void
the_message_in_hand_is_the_one_behind_the_done_ones(void **state)
{
    struct ward__hand hand;

    (void)state;
    send_messages(2);
    claim(DONE, DONE + 1);
    assert_int_equal(ward__channel_progress(&channel, &box), 0);
    assert_int_equal(ward__channel_hand(&channel, &box, &hand), 0);
    assert_true(hand.is_in_hand);
    assert_false(hand.was_early);
    atomic_store(&channel.page->early, DONE + 1);
    assert_int_equal(ward__channel_hand(&channel, &box, &hand), 0);
    assert_true(hand.is_in_hand && hand.was_early);
    claim(DONE + 1, DONE + 2);
    assert_int_equal(ward__channel_progress(&channel, &box), 0);
    assert_int_equal(ward__channel_hand(&channel, &box, &hand), 0);
    assert_true(hand.is_in_hand);
    assert_false(hand.was_early);
}

static void
each_lie_about_the_message_in_hand_is_a_breach(void **state)
{
    static const uint32_t lies[] = {DONE - 1, DONE + 2, DONE + 3, 0, UINT32_MAX};
    struct ward__hand hand;

    (void)state;
    claim(DONE, DONE + 1); /* nothing was ever sent */
    assert_int_equal(ward__channel_hand(&channel, &box, &hand), -WARD_EPROTOCOL);
    post(0, 3); /* and what is queued was not sent either */
    assert_int_equal(ward__channel_hand(&channel, &box, &hand), -WARD_EPROTOCOL);
    pump(&box);
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        claim(DONE, lies[i]);
        assert_int_equal(ward__channel_hand(&channel, &box, &hand), -WARD_EPROTOCOL);
    }
}

static void
message_numbers_above_four_thousand_million_are_understood(void **state)
{
    static const uint64_t nears[] = {UINT32_MAX - 2, UINT32_MAX, (UINT64_C(5) << 32) - 1,
                                     UINT64_C(1) << 40};
    struct ward__hand hand;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(nears); i++) {
        ward__mailbox_done(&box);
        ward__mailbox_init(&box, &(ward_mailbox_options){0, 0, WARD_REJECT});
        box.done_number = box.sent_number = box.tail_number = nears[i];
        for (uint32_t n = 0; n < 6; n++)
            post(n, 3);
        pump(&box);
        for (uint32_t n = 0; n < 6; n++) {
            claim((uint32_t)nears[i] + n, (uint32_t)nears[i] + n + 1);
            assert_int_equal(ward__channel_progress(&channel, &box), 0);
            assert_true(box.done_number == nears[i] + n);
            assert_int_equal(ward__channel_hand(&channel, &box, &hand), 0);
            assert_true(hand.is_in_hand);
        }
    }
}

static void
idle_is_when_nothing_is_under_way(void **state)
{
    (void)state;
    assert_true(ward__channel_is_idle(&channel, &box));
    send_messages(1);
    assert_false(ward__channel_is_idle(&channel, &box));
    claim(DONE + 1, DONE + 1);
    assert_true(ward__channel_is_idle(&channel, &box));
    say(0, 3);
    pump(NULL);
    assert_false(ward__channel_is_idle(&channel, &box));
    atomic_store(&channel.page->heard, 1);
    assert_true(ward__channel_is_idle(&channel, &box));
    atomic_store(&channel.page->commit, ward__commit_pack(8, DONE + 1));
    assert_false(ward__channel_is_idle(&channel, &box));
    assert_int_equal(send(worker, "\4\0\0\0ab", 6, 0), 6);
    assert_int_equal(ward__channel_read(&channel, 100), 6);
    assert_false(ward__channel_is_idle(&channel, &box));
}

static void
want_is_seen_in_the_page(void **state)
{
    (void)state;
    assert_int_equal(atomic_load(&channel.page->want), 0);
    ward__channel_want(&channel);
    assert_int_equal(atomic_load(&channel.page->want), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_channel, close_channel)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_lane_goes_before_messages),
        TEST(without_a_mailbox_only_the_lane_is_written),
        TEST(the_lane_waits_for_the_end_of_a_torn_message),
        TEST(a_torn_lane_is_ended_before_messages_and_takes_more_meanwhile),
        TEST(what_was_written_in_pieces_arrives_whole_and_in_order),
        TEST(a_lane_that_is_never_empty_takes_no_more_memory_for_it),
        TEST(a_worker_that_closed_its_end_is_a_broken_pipe),
        TEST(failing_calls_are_waited_out_or_tried_again),
        TEST(what_is_done_is_freed),
        TEST(each_lie_about_done_is_a_breach_that_changes_nothing),
        TEST(a_message_of_which_only_a_part_was_sent_cannot_be_done),
        TEST(the_message_in_hand_is_the_one_behind_the_done_ones),
        TEST(each_lie_about_the_message_in_hand_is_a_breach),
        TEST(message_numbers_above_four_thousand_million_are_understood),
        TEST(idle_is_when_nothing_is_under_way),
        TEST(want_is_seen_in_the_page),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The host's end of a channel; the other end, socket and page, is played in this process. */
#include "supervisor/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/fds.h"
#include "ipc/wire.h"
#include "tests/unit/support.h"

enum { FRAME_BYTES = 4096, DONE = 10 };

static struct ward__channel channel;
static struct ward__mailbox box;
static int worker = -1, memory = -1;
static size_t fds_before;

static int
open_channel(void **state)
{
    (void)state;
    fds_before = count_open_fds();
    ward__channel_init(&channel);
    ward__mailbox_init(&box, &(ward_mailbox_options){0, 0, WARD_REJECT});
    box.done_number = box.sent_number = box.tail_number = DONE;
    if (ward__channel_open(&channel, FRAME_BYTES, &worker, &memory) < 0)
        return -1;
    ward__channel_begin(&channel, DONE);
    return 0;
}

static int
close_channel(void **state)
{
    (void)state;
    ward__channel_close(&channel);
    ward__channel_close(&channel);
    ward__mailbox_done(&box);
    ward__fd_close(&worker);
    ward__fd_close(&memory);
    return count_open_fds() == fds_before ? 0 : -1;
}

/* ---- the worker, played ---- */

static void
commit(uint64_t tail, uint64_t done)
{
    atomic_store(&channel.page->commit,
                 ward__commit_pack((uint32_t)tail, (uint32_t)done));
}

/* A frame of `length` bytes, all of them `fill`, as it lies in the stream. */
static size_t
make_frame(uint8_t *to, uint32_t length, uint8_t fill)
{
    ward__frame_store_length(to, length);
    memset(to + WARD__FRAME_PREFIX, fill, length);
    return WARD__FRAME_PREFIX + length;
}

static void
assert_next(uint32_t length, uint8_t fill)
{
    ward_bytes frame;

    assert_int_equal(ward__channel_next(&channel, &frame), 1);
    assert_int_equal(frame.size, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(((const uint8_t *)frame.data)[i], fill);
}

static void
assert_no_more(void)
{
    ward_bytes frame;

    assert_int_equal(ward__channel_next(&channel, &frame), 0);
}

static void
write_all(const uint8_t *data, size_t size)
{
    assert_int_equal(write(worker, data, size), (ssize_t)size);
}

/* ---- opening ---- */

static void
the_page_is_sealed_and_says_what_is_agreed(void **state)
{
    const struct ward__page *page = channel.page;
    struct stat file;

    (void)state;
    assert_int_equal(page->version, WARD__PAGE_VERSION);
    assert_true(channel.outbox_size >= FRAME_BYTES + WARD__FRAME_PREFIX);
    assert_int_equal(page->outbox_size, channel.outbox_size);
    assert_int_equal(ward__commit_done(atomic_load(&channel.page->commit)), DONE);
    assert_int_equal(ward__commit_tail(atomic_load(&channel.page->commit)), 0);
    assert_int_equal(fstat(memory, &file), 0);
    assert_int_equal(file.st_size, WARD__PAGE_SIZE + channel.outbox_size);
    assert_int_equal(ftruncate(memory, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(memory, file.st_size + 1), -1);
    assert_true(fcntl(memory, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(worker, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(channel.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(channel.fd, F_GETFL) & O_NONBLOCK);
    assert_false(fcntl(worker, F_GETFL) & O_NONBLOCK);
}

static void
pack_halt(struct ward__sink *sink, const void *what)
{
    (void)what;
    ward__wire_halt(sink);
}

static void
a_failed_opening_leaves_nothing_open(void **state)
{
    int result = -1;
    size_t before = count_open_fds();

    (void)state;
    for (long n = 1; result != 0; n++) {
        struct ward__channel other;
        int other_worker = -1, other_memory = -1;
        ward__channel_init(&other);
        assert_int_equal(ward__channel_say(&other, pack_halt, NULL), 0);
        ward__fault_arm(WARD__ROLE_HOST, n, EMFILE);
        result = ward__channel_open(&other, FRAME_BYTES, &other_worker, &other_memory);
        ward__fault_disarm();
        assert_true(n < 20);
        if (result < 0) {
            assert_int_equal(result, -EMFILE);
            assert_int_equal(count_open_fds(), before);
            assert_null(other.page);
            assert_int_equal(other.fd, -1);
            assert_int_equal(other_worker, -1);
        }
        assert_int_equal(other.lane_frames, 1); /* what was said is not lost */
        assert_true(ward__channel_unsaid(&other) > 0);
        ward__channel_close(&other);
        ward__fd_close(&other_worker);
        ward__fd_close(&other_memory);
    }
}

/* ---- reading ---- */

static void
what_was_committed_is_read_in_pieces_of_any_size(void **state)
{
    static const uint32_t lengths[] = {0, 1, 100, 0, FRAME_BYTES, 7};
    uint8_t stream[FRAME_BYTES + 500];
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        size += make_frame(stream + size, lengths[i], (uint8_t)(i + 1));
    commit(size, DONE);
    for (size_t at = 0, frame = 0; at < size;) {
        size_t piece = at % 97 + 1 < size - at ? at % 97 + 1 : size - at;
        ward_bytes bytes;
        write_all(stream + at, piece);
        at += piece;
        assert_int_equal(ward__channel_read(&channel, 64 * 1024), (int64_t)piece);
        assert_int_equal(channel.received, at);
        while (ward__channel_next(&channel, &bytes) == 1)
            assert_int_equal(bytes.size, lengths[frame++]);
        if (at == size)
            assert_int_equal(frame, COUNT_OF(lengths));
    }
    assert_int_equal(ward__channel_read(&channel, 100), 0);
    assert_false(channel.is_eof);
    ward__fd_close(&worker);
    assert_int_equal(ward__channel_read(&channel, 100), 0);
    assert_true(channel.is_eof);
    assert_no_more();
    assert_null(channel.in.data);
}

static void
a_budget_bounds_what_is_read_at_once(void **state)
{
    uint8_t frame[1000];
    size_t size = make_frame(frame, 900, 1);

    (void)state;
    commit(size, DONE);
    write_all(frame, size);
    assert_int_equal(ward__channel_read(&channel, 50), 50);
    assert_int_equal(ward__channel_read(&channel, 50), (int64_t)size - 50);
    assert_next(900, 1);
}

static void
more_bytes_than_were_committed_are_a_breach(void **state)
{
    uint8_t frame[100];
    size_t size = make_frame(frame, 50, 1);

    (void)state;
    commit(size - 1, DONE);
    write_all(frame, size);
    assert_int_equal(ward__channel_read(&channel, 1000), -WARD_EPROTOCOL);
}

static void
a_frame_above_the_limit_is_a_breach(void **state)
{
    uint8_t prefix[WARD__FRAME_PREFIX];
    ward_bytes frame;

    (void)state;
    commit(sizeof prefix, DONE);
    ward__frame_store_length(prefix, FRAME_BYTES + 1);
    write_all(prefix, sizeof prefix);
    assert_int_equal(ward__channel_read(&channel, 1000), sizeof prefix);
    assert_int_equal(ward__channel_next(&channel, &frame), -WARD_EPROTOCOL);
}

/* ---- looking into the page ---- */

static void
a_glance_takes_what_the_socket_repeats_for_nothing(void **state)
{
    uint8_t frames[200];
    size_t first = make_frame(frames, 50, 1);
    size_t both = first + make_frame(frames + first, 60, 2);

    (void)state;
    memcpy(ward__page_outbox(channel.page), frames, both);
    box.sent_number = box.tail_number = DONE + 2;
    commit(first, DONE);
    assert_true(ward__channel_has_news(&channel, &box));
    assert_false(ward__channel_is_read(&channel));
    assert_int_equal(ward__channel_glance(&channel, 1000), first);
    assert_next(50, 1);
    assert_false(ward__channel_has_news(&channel, &box));
    assert_true(ward__channel_is_read(&channel));
    assert_int_equal(ward__channel_glance(&channel, 1000), 0);
    commit(first, DONE + 1);
    assert_false(ward__channel_has_news(&channel, &box)); /* a part of it */
    commit(first, DONE + 2);
    assert_true(ward__channel_has_news(&channel, &box)); /* all of it */
    commit(both, DONE);
    write_all(frames, both);
    assert_int_equal(ward__channel_read_known(&channel), first);
    assert_no_more();
    assert_int_equal(ward__channel_read(&channel, 1000), both - first);
    assert_next(60, 2);
    assert_no_more();
}

static void
what_a_glance_took_is_not_read_twice_in_one_piece_with_what_is_new(void **state)
{
    uint8_t frames[200];
    size_t first = make_frame(frames, 50, 1);
    size_t both = first + make_frame(frames + first, 60, 2);

    (void)state;
    memcpy(ward__page_outbox(channel.page), frames, both);
    commit(both, DONE);
    assert_int_equal(ward__channel_glance(&channel, first + 7), first + 7);
    write_all(frames, both);
    assert_int_equal(ward__channel_read(&channel, 1000), both);
    assert_next(50, 1);
    assert_next(60, 2);
    assert_no_more();
    assert_int_equal(ward__channel_recover(&channel), 0);
    assert_no_more();
}

static void
a_glance_at_a_page_that_cannot_be_takes_nothing(void **state)
{
    (void)state;
    commit(channel.outbox_size + 1, DONE);
    assert_int_equal(ward__channel_glance(&channel, 1000), 0);
    commit(100, DONE);
    atomic_store(&channel.page->base,
                 1); /* beyond what was heard of: in the socket only */
    assert_int_equal(ward__channel_glance(&channel, 1000), 0);
    atomic_store(&channel.page->base, UINT64_MAX);
    assert_int_equal(ward__channel_glance(&channel, 1000), 0);
    commit((uint64_t)-5, DONE);
    atomic_store(&channel.page->base, 0);
    assert_int_equal(ward__channel_glance(&channel, 1000), 0);
    assert_int_equal(channel.received, 0);
}

static void
descriptors_that_come_along_are_a_breach_and_not_kept(void **state)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    uint8_t frame[16];
    struct iovec part = {frame, make_frame(frame, 3, 1)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    size_t before = count_open_fds();

    (void)state;
    memset(&control, 0, sizeof control);
    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS,
                                      .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &worker, sizeof(int));
    commit(part.iov_len, DONE);
    assert_int_equal(sendmsg(worker, &message, 0), (ssize_t)part.iov_len);
    assert_int_equal(ward__channel_read(&channel, 1000), -WARD_EPROTOCOL);
    assert_int_equal(count_open_fds(), before);
}

static void
reading_without_memory_loses_nothing(void **state)
{
    uint8_t frame[100];
    size_t size = make_frame(frame, 50, 1);

    (void)state;
    commit(size, DONE);
    write_all(frame, size);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward__channel_read(&channel, 1000), -ENOMEM);
    ward__fault_arm(WARD__ROLE_HOST, 2, EINTR); /* the second call is recvmsg */
    assert_int_equal(ward__channel_read(&channel, 1000), (int64_t)size);
    ward__fault_disarm();
    assert_next(50, 1);
}

/* ---- after a death ---- */

/* The stream is `size` bytes; the outbox begins at `base` and the socket got `written`. */
static void
die_with(const uint8_t *stream, size_t size, size_t base, size_t written)
{
    memcpy(ward__page_outbox(channel.page), stream + base, size - base);
    atomic_store(&channel.page->base, base);
    commit(size, DONE);
    if (written > 0)
        write_all(stream, written);
    ward__fd_close(&worker);
}

static void
what_the_socket_did_not_get_is_taken_from_the_page(void **state)
{
    uint8_t stream[200];
    size_t size = make_frame(stream, 30, 1);

    (void)state;
    size += make_frame(stream + size, 0, 0);
    size += make_frame(stream + size, 60, 3);
    for (size_t written = 0; written <= size; written++)
        for (size_t base = 0; base <= written; base += 7) {
            close_channel(NULL);
            open_channel(NULL);
            die_with(stream, size, base, written);
            if (written % 2 == 0)
                assert_int_equal(ward__channel_read(&channel, 1 + written / 2),
                                 written == 0 ? 0 : (int64_t)(1 + written / 2));
            assert_int_equal(ward__channel_recover(&channel), 0);
            assert_int_equal(channel.received, size);
            assert_next(30, 1);
            assert_next(0, 0);
            assert_next(60, 3);
            assert_no_more();
        }
}

static void
what_was_not_committed_is_not_taken(void **state)
{
    uint8_t stream[200];
    size_t size = make_frame(stream, 30, 1);
    size_t more = make_frame(stream + size, 60, 3);

    (void)state;
    die_with(stream, size + more, 0, 10);
    commit(size, DONE);
    assert_int_equal(ward__channel_recover(&channel), 0);
    assert_next(30, 1);
    assert_no_more();
    assert_int_equal(ward__framebuf_held(&channel.in), 0);
}

static void
positions_above_four_gigabytes_are_understood(void **state)
{
    static const uint64_t nears[] = {UINT64_C(1) << 32, (UINT64_C(1) << 32) - 20,
                                     (UINT64_C(7) << 32) - 1, (UINT64_C(1) << 40) + 5};
    uint8_t stream[64];
    size_t size = make_frame(stream, 40, 9);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(nears); i++) {
        close_channel(NULL);
        open_channel(NULL);
        channel.received = nears[i];
        memcpy(ward__page_outbox(channel.page), stream, size);
        atomic_store(&channel.page->base, nears[i]);
        commit(nears[i] + size, DONE);
        write_all(stream, 13);
        ward__fd_close(&worker);
        assert_int_equal(ward__channel_recover(&channel), 0);
        assert_true(channel.received == nears[i] + size);
        assert_next(40, 9);
    }
}

/* A page that contradicts itself: nothing is taken from it. */
static void
assert_lie(uint64_t base, uint64_t tail)
{
    uint8_t stream[64];
    size_t size = make_frame(stream, 40, 9);

    close_channel(NULL);
    open_channel(NULL);
    commit(size, DONE);
    write_all(stream, size);
    assert_int_equal(ward__channel_read(&channel, 1000), (int64_t)size);
    ward__fd_close(&worker);
    atomic_store(&channel.page->base, base);
    commit(tail, DONE);
    assert_int_equal(ward__channel_recover(&channel), -WARD_EPROTOCOL);
    assert_int_equal(channel.received, size);
    assert_next(40, 9);
    assert_no_more();
}

static void
a_page_that_contradicts_itself_is_not_believed(void **state)
{
    size_t size = WARD__FRAME_PREFIX + 40;
    size_t outbox = channel.outbox_size;

    (void)state;
    assert_lie(0, size - 1); /* tail before what was received */
    assert_lie(0, 0);
    assert_lie(0, size + (UINT64_C(1) << 31)); /* half a world ahead is behind */
    assert_lie(size + 1, size + 1);            /* the outbox begins beyond it */
    assert_lie(UINT64_MAX, size + 1);
    assert_lie(0, outbox + 1); /* tail beyond the outbox */
    assert_lie(size, size + outbox + 1);
    assert_lie(UINT64_C(1) << 32, size + 8);
}

static void
the_whole_outbox_can_be_taken(void **state)
{
    size_t outbox = channel.outbox_size;
    uint8_t *bytes = ward__page_outbox(channel.page);
    size_t count = 0;
    ward_bytes frame;

    (void)state;
    for (size_t at = 0; at < outbox; count++) {
        size_t left = outbox - at - WARD__FRAME_PREFIX;
        at += make_frame(bytes + at, (uint32_t)(left < 1000 ? left : 996), 2);
    }
    commit(outbox, DONE);
    ward__fd_close(&worker);
    assert_int_equal(ward__channel_recover(&channel), 0);
    while (ward__channel_next(&channel, &frame) == 1)
        count--;
    assert_int_equal(count, 0);
}

static void
a_recovery_without_memory_can_be_tried_again(void **state)
{
    uint8_t stream[200];
    size_t size = make_frame(stream, 150, 4);
    int result = -1;

    (void)state;
    die_with(stream, size, 0, 60);
    for (long n = 1; result != 0; n++) {
        ward__fault_arm(WARD__ROLE_HOST, n, ENOMEM);
        result = ward__channel_recover(&channel);
        ward__fault_disarm();
        assert_true(result == 0 || result == -ENOMEM || result == -ENOBUFS);
        assert_true(n < 20);
    }
    assert_next(150, 4);
    assert_no_more();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_channel, close_channel)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_page_is_sealed_and_says_what_is_agreed),
        TEST(a_failed_opening_leaves_nothing_open),
        TEST(what_was_committed_is_read_in_pieces_of_any_size),
        TEST(a_budget_bounds_what_is_read_at_once),
        TEST(more_bytes_than_were_committed_are_a_breach),
        TEST(a_frame_above_the_limit_is_a_breach),
        TEST(a_glance_takes_what_the_socket_repeats_for_nothing),
        TEST(what_a_glance_took_is_not_read_twice_in_one_piece_with_what_is_new),
        TEST(a_glance_at_a_page_that_cannot_be_takes_nothing),
        TEST(descriptors_that_come_along_are_a_breach_and_not_kept),
        TEST(reading_without_memory_loses_nothing),
        TEST(what_the_socket_did_not_get_is_taken_from_the_page),
        TEST(what_was_not_committed_is_not_taken),
        TEST(positions_above_four_gigabytes_are_understood),
        TEST(a_page_that_contradicts_itself_is_not_believed),
        TEST(the_whole_outbox_can_be_taken),
        TEST(a_recovery_without_memory_can_be_tried_again),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ipc/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

struct record {
    uint64_t number;
    char text[56];
};

static int ends[2];
static size_t fds_before;

static int
open_pair(void **state)
{
    (void)state;
    fds_before = count_open_fds();
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

/* Nothing may be open that was not open before. */
static int
close_pair(void **state)
{
    (void)state;
    ward__fd_close(&ends[0]);
    ward__fd_close(&ends[1]);
    return count_open_fds() == fds_before ? 0 : -1;
}

static bool
is_same_file(int a, int b)
{
    struct stat of_a, of_b;

    return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* `count` descriptors of files that can be told apart. */
static void
open_files(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fds[i] = memfd_create("file", MFD_CLOEXEC);
        assert_true(fds[i] >= 0);
    }
}

static void
close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ward__fd_close(&fds[i]);
}

static void
a_packet_brings_its_record_and_its_descriptors(void **state)
{
    const struct record sent = {42, "hello"};

    (void)state;
    for (size_t count = 0; count <= WARD__FDS_MAX; count++) {
        int out[WARD__FDS_MAX], in[WARD__FDS_MAX];
        struct record got = {0};
        size_t came = 99;
        open_files(out, count);
        assert_int_equal(ward__packet_send(ends[0], &sent, sizeof sent, out, count), 0);
        assert_int_equal(ward__packet_receive(ends[1], &got, sizeof got, in, &came), 1);
        assert_int_equal(came, count);
        assert_memory_equal(&got, &sent, sizeof got);
        for (size_t i = 0; i < count; i++) {
            assert_true(is_same_file(in[i], out[i]));
            assert_true(fcntl(in[i], F_GETFD) & FD_CLOEXEC);
        }
        close_all(out, count);
        close_all(in, count);
    }
}

static void
packets_stay_apart_and_in_order(void **state)
{
    struct record record = {0};
    int in[WARD__FDS_MAX];
    size_t came;

    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        record.number = i;
        assert_int_equal(
            ward__packet_send(ends[0], &record, sizeof record, &ends[1], i % 2), 0);
    }
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(ward__packet_receive(ends[1], &record, sizeof record, in, &came),
                         1);
        assert_int_equal(record.number, i);
        assert_int_equal(came, i % 2);
        close_all(in, came);
    }
}

static void
a_packet_of_another_size_is_refused_and_its_descriptors_closed(void **state)
{
    static const size_t sizes[] = {1, sizeof(struct record) - 1,
                                   sizeof(struct record) + 1, 1000};
    static const uint8_t bytes[1000];
    struct record got;
    int out[3], in[WARD__FDS_MAX];
    size_t came = 99;

    (void)state;
    open_files(out, COUNT_OF(out));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        size_t before = count_open_fds();
        assert_int_equal(ward__packet_send(ends[0], bytes, sizes[i], out, COUNT_OF(out)),
                         0);
        assert_int_equal(ward__packet_receive(ends[1], &got, sizeof got, in, &came),
                         -EPROTO);
        assert_int_equal(count_open_fds(), before);
        assert_int_equal(came, 99);
    }
    close_all(out, COUNT_OF(out));
}

static void
nothing_there_the_end_and_a_lost_reader_are_told_apart(void **state)
{
    struct record record = {0};
    int in[WARD__FDS_MAX];
    size_t came = 99;
    int result = 0;

    (void)state;
    assert_int_equal(ward__packet_receive(ends[1], &record, sizeof record, in, &came),
                     -EAGAIN);
    for (int i = 0; i < 100000 && result == 0; i++)
        result = ward__packet_send(ends[0], &record, sizeof record, NULL, 0);
    assert_int_equal(result, -EAGAIN);
    ward__fd_close(&ends[0]);
    while ((result = ward__packet_receive(ends[1], &record, sizeof record, in, &came)) ==
           1)
        assert_int_equal(came, 0);
    assert_int_equal(result, 0);
    assert_int_equal(ward__packet_send(ends[1], &record, sizeof record, NULL, 0), -EPIPE);
}

/* Descriptors that do not fit into the table are lost, and the others must not stay. */
static void
a_full_table_is_an_error_and_nothing_stays(void **state)
{
    struct rlimit old, tight;
    struct record record = {0};
    int out[8], in[WARD__FDS_MAX];
    size_t came = 99, before;

    (void)state;
    open_files(out, COUNT_OF(out));
    before = count_open_fds();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    for (rlim_t room = 0; room < COUNT_OF(out); room++) {
        int result;
        assert_int_equal(
            ward__packet_send(ends[0], &record, sizeof record, out, COUNT_OF(out)), 0);
        tight = (struct rlimit){(rlim_t)out[COUNT_OF(out) - 1] + 1 + room, old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        result = ward__packet_receive(ends[1], &record, sizeof record, in, &came);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_int_equal(result, -EMFILE);
        assert_int_equal(came, 99);
        assert_int_equal(count_open_fds(), before);
    }
    close_all(out, COUNT_OF(out));
}

static void
a_failing_call_is_reported_and_nothing_leaks(void **state)
{
    struct record record = {0};
    int in[WARD__FDS_MAX];
    size_t came;

    (void)state;
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOBUFS);
    assert_int_equal(ward__packet_send(ends[0], &record, sizeof record, &ends[0], 1),
                     -ENOBUFS);
    ward__fault_arm(WARD__ROLE_HOST, 1, EINTR); /* tried again */
    assert_int_equal(ward__packet_send(ends[0], &record, sizeof record, &ends[0], 1), 0);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward__packet_receive(ends[1], &record, sizeof record, in, &came),
                     -ENOMEM);
    ward__fault_arm(WARD__ROLE_HOST, 1, EINTR);
    assert_int_equal(ward__packet_receive(ends[1], &record, sizeof record, in, &came), 1);
    ward__fault_disarm();
    assert_int_equal(came, 1);
    close_all(in, came);
}

static void
closing_resets_the_variable_and_keeps_errno(void **state)
{
    int fd = dup(ends[0]);
    int none = -1;

    (void)state;
    errno = EXDEV;
    ward__fd_close(&fd);
    assert_int_equal(fd, -1);
    ward__fd_close(&fd);
    ward__fd_close(&none);
    assert_int_equal(errno, EXDEV);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_packet_brings_its_record_and_its_descriptors),
        TEST(packets_stay_apart_and_in_order),
        TEST(a_packet_of_another_size_is_refused_and_its_descriptors_closed),
        TEST(nothing_there_the_end_and_a_lost_reader_are_told_apart),
        TEST(a_full_table_is_an_error_and_nothing_stays),
        TEST(a_failing_call_is_reported_and_nothing_leaks),
        TEST(closing_resets_the_variable_and_keeps_errno),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

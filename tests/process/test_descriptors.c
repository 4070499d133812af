/* Descriptors of a worker (row 12): those of its spec, numbered from 3, and none of the host's. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LIST, CRASH, HAND_ON };
enum { OPEN = 100, LISTED, RESULT, FIELD };
enum { FDS_MAX = 16, EARLY_FD = 50, NEVER_OPEN = 1000 };

/* ---- workers ---- */

/* Tells the host of each open descriptor, but not of the folder's own; then how many. */
static ward_next
list(ward_ctx *ctx, ward_ref host)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char target[200] = "";
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fd == dirfd(dir))
            continue;
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1) < 0)
            return -errno;
        ward_tell(ctx, host, OPEN, fd, target);
        count++;
    }
    if (dir != NULL)
        closedir(dir);
    return ward_tell(ctx, host, LISTED, count);
}

static ward_next receive(ward_ctx *ctx, const ward_message *msg);

/* In the fresh process after a crash, too. */
static void
list_at_the_end(ward_ctx *ctx)
{
    if (ward_last_failure(ctx) != NULL)
        (void)list(ctx, host_of(ctx));
}

static const ward_behavior holder = {.name = "holder", .receive = receive};
WARD_REGISTER(holder);
static const ward_behavior cleaner = {
    .name = "cleaner", .receive = receive, .post_stop = list_at_the_end};
WARD_REGISTER(cleaner);
static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

/* Spawns one with a descriptor, which is refused, and one without. */
static ward_next
hand_on(ward_ctx *ctx)
{
    static const int fds[] = {3};
    ward_spec spec = {.id = "child",
                      .behavior = &holder,
                      .args = ward_args(ctx),
                      .fds = fds,
                      .fd_count = 1};
    ward_ref ref = {0, 0};
    int result = ward_spawn(ctx, &ref, &spec);

    ward_tell(ctx, host_of(ctx), RESULT, result);
    ward_tell(ctx, host_of(ctx), FIELD, ward_spec_error(&spec));
    spec.fd_count = 0;
    result = ward_spawn(ctx, &ref, &spec);
    return result < 0 ? result : ward_tell(ctx, ref, LIST);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case LIST:
        return list(ctx, host_of(ctx));
    case CRASH:
        return *(volatile int *)0;
    case HAND_ON:
        return hand_on(ctx);
    }
    return WARD_UNHANDLED;
}

/* ---- the host's side ---- */

/* Files that can be told apart by their names: item-0, item-1 ... */
static void
open_items(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof name, "item-%zu", i);
        fds[i] = memfd_create(name, MFD_CLOEXEC);
        assert_true(fds[i] >= 0);
    }
}

static void
close_items(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(close(fds[i]), 0);
}

/*
 * The next list has 0, 1 and 2, then `items` by these numbers from 3 on, and besides these
 * just the socket to the host.
 */
static void
assert_listed(struct harness *h, const size_t *items, size_t count)
{
    int64_t all = await_mail(h, LISTED)->number;
    size_t sockets = 0, standard = 0, ours = 0;

    for (int64_t i = 0; i < all; i++) {
        const struct mail *m = await_mail(h, OPEN);
        char wanted[64];

        if (m->number < 3) {
            standard++;
        } else if (m->number < 3 + (int64_t)count) {
            snprintf(wanted, sizeof wanted, "/memfd:item-%zu (deleted)",
                     items[m->number - 3]);
            assert_string_equal(m->text, wanted);
            ours++;
        } else if (strncmp(m->text, "socket:", 7) == 0) {
            sockets++;
        } else {
            fail_with_log(h, "descriptor %lld of the worker is %s", (long long)m->number,
                          m->text);
        }
    }
    assert_int_equal(standard, 3);
    assert_int_equal(ours, count);
    assert_int_equal(sockets, 1);
}

static void
list_and_assert(struct harness *h, ward_ref ref, const size_t *items, size_t count)
{
    assert_result(ward_tell(h->ctx, ref, LIST), 0);
    assert_listed(h, items, count);
}

static const size_t in_order[FDS_MAX] = {0, 1, 2,  3,  4,  5,  6,  7,
                                         8, 9, 10, 11, 12, 13, 14, 15};

/* First start, crash, ordered restart, an outsider's kill: the same each time, though the host
 * has closed its own long ago. */
static void
assert_kept_with(struct harness *h, size_t count)
{
    int fds[FDS_MAX];
    ward_ref ref;

    open_items(fds, count);
    ref = spawn(h, &(ward_spec){.id = "a",
                                .behavior = &holder,
                                .strategy = &always,
                                .fds = fds,
                                .fd_count = count});
    close_items(fds, count);
    list_and_assert(h, ref, in_order, count);
    ward_tell(h->ctx, ref, CRASH);
    list_and_assert(h, ref, in_order, count);
    ward_restart(h->ctx, ref);
    list_and_assert(h, ref, in_order, count);
    settle(h);
    assert_int_equal(kill((pid_t)ward_process_id(h->sys, ref), SIGKILL), 0);
    await_event(h, WARD_EVENT_FAILED, "/a");
    list_and_assert(h, ref, in_order, count);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 3);
}

static void
no_descriptors_are_none(void **state)
{
    assert_kept_with(*state, 0);
}

static void
one_descriptor_is_number_3_after_every_start(void **state)
{
    assert_kept_with(*state, 1);
}

static void
sixteen_descriptors_are_3_to_18_after_every_start(void **state)
{
    assert_kept_with(*state, FDS_MAX);
}

static void
order_is_the_specs_and_one_may_come_twice(void **state)
{
    struct harness *h = *state;
    static const size_t items[] = {2, 0, 2, 1, 0};
    int fds[3], given[5];
    ward_ref ref;

    open_items(fds, 3);
    for (size_t i = 0; i < 5; i++)
        given[i] = fds[items[i]];
    ref = spawn(
        h, &(ward_spec){.id = "a", .behavior = &holder, .fds = given, .fd_count = 5});
    close_items(fds, 3);
    list_and_assert(h, ref, items, 5);
}

static void
descriptors_of_the_host_are_not_in_the_worker(void **state)
{
    struct harness *h = *state;
    int fds[FDS_MAX], loose[FDS_MAX];
    ward_ref ref, other;

    /* One without CLOEXEC from before ward_early, and some from after it. */
    assert_true(fcntl(EARLY_FD, F_GETFD) >= 0);
    for (size_t i = 0; i < FDS_MAX; i++)
        assert_true((loose[i] = open("/dev/null", O_RDONLY)) >= 0);
    open_items(fds, 2);
    ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &holder, .fds = fds, .fd_count = 2});
    other = spawn(h, &(ward_spec){.id = "b", .behavior = &holder});
    list_and_assert(h, ref, in_order, 2);
    list_and_assert(h, other, NULL, 0); /* nor are those of a sibling */
    close_items(fds, 2);
    close_items(loose, FDS_MAX);
}

static void
worker_cannot_give_descriptors_and_its_children_have_none(void **state)
{
    struct harness *h = *state;
    int fds[2];
    ward_ref ref;

    open_items(fds, 2);
    ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &holder, .fds = fds, .fd_count = 2});
    close_items(fds, 2);
    ward_tell(h->ctx, ref, HAND_ON);
    assert_result(await_mail(h, RESULT)->number, -EINVAL);
    assert_listed(h, NULL, 0);
}

static void
fresh_process_of_post_stop_has_them_too(void **state)
{
    struct harness *h = *state;
    int fds[2];
    ward_ref ref;

    open_items(fds, 2);
    ref = spawn(h,
                &(ward_spec){.id = "a", .behavior = &cleaner, .fds = fds, .fd_count = 2});
    close_items(fds, 2);
    ward_tell(h->ctx, ref, CRASH);
    assert_listed(h, in_order, 2);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

/* ---- what is refused ---- */

static void
assert_refused(struct harness *h, const int *fds, size_t count)
{
    ward_spec spec = {.id = "wide", .behavior = &holder, .fds = fds, .fd_count = count};
    ward_ref ref = {7, 7};

    assert_result(ward_spawn(h->ctx, &ref, &spec), -EINVAL);
    assert_int_equal(ref.id, 7);
    assert_non_null(ward_spec_error(&spec));
    assert_non_null(strstr(ward_spec_error(&spec), "wide"));
    assert_non_null(strstr(ward_spec_error(&spec), "fds"));
    assert_non_null(strstr(ward_spec_error(&spec), "16"));
}

static void
more_than_sixteen_are_refused_and_the_field_is_named(void **state)
{
    struct harness *h = *state;
    int fds[FDS_MAX + 1] = {0};

    assert_refused(h, fds, FDS_MAX + 1);
    assert_refused(h, fds, SIZE_MAX);
    assert_refused(h, NULL, 1);
    assert_no_event(h, WARD_EVENT_STARTED, NULL);
}

/* One that is not open, behind one that is: nothing is kept, and the name stays free. */
static void
closed_descriptor_is_an_error_of_the_spawn(void **state)
{
    struct harness *h = *state;
    int before = open_descriptors(), fds[2];
    ward_ref ref = {7, 7};

    open_items(fds, 1);
    fds[1] = NEVER_OPEN;
    for (int i = 0; i < 10; i++)
        assert_result(
            ward_spawn(
                h->ctx, &ref,
                &(ward_spec){.id = "a", .behavior = &holder, .fds = fds, .fd_count = 2}),
            -EBADF);
    assert_int_equal(ref.id, 7);
    assert_int_equal(open_descriptors(), before + 1);
    ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &holder, .fds = fds, .fd_count = 1});
    list_and_assert(h, ref, in_order, 1);
    close(fds[0]);
}

/* As above, where the closed number is the next one free: ward's own copy of the first takes it,
 * and the second seems to be open. */
static void
closed_descriptor_is_an_error_wherever_it_is(void **state)
{
    struct harness *h = *state;
    int fds[2], result;
    ward_ref ref = {7, 7};

    open_items(fds, 2);
    close(fds[1]);
    result = ward_spawn(
        h->ctx, &ref,
        &(ward_spec){.id = "a", .behavior = &holder, .fds = fds, .fd_count = 2});
    close(fds[0]);
    assert_result(result, -EBADF);
}

/* -EINVAL is "ward_spec_error says which field"; it does, in the worker that was refused. */
static void
worker_is_told_which_field_was_refused(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &holder});

    ward_tell(h->ctx, ref, HAND_ON);
    await_mail(h, RESULT);
    assert_non_null(strstr(await_mail(h, FIELD)->text, "fds"));
}

/* ---- how long they are kept ---- */

static bool
is_hung_up(struct harness *h, const void *fd)
{
    struct pollfd p = {.fd = *(const int *)fd};

    (void)h;
    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

static void
descriptor_is_kept_over_restarts_and_closed_at_the_end(void **state)
{
    struct harness *h = *state;
    int ends[2];
    ward_ref ref;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    ref = spawn(h, &(ward_spec){.id = "a",
                                .behavior = &holder,
                                .strategy = &always,
                                .fds = &ends[1],
                                .fd_count = 1});
    close(ends[1]);
    for (int i = 0; i < 5; i++) {
        ward_tell(h->ctx, ref, CRASH);
        await_event(h, WARD_EVENT_FAILED, "/a");
        assert_false(is_hung_up(h, &ends[0])); /* between two lives */
        await_event(h, WARD_EVENT_RESTARTED, "/a");
        assert_false(is_hung_up(h, &ends[0]));
    }
    ward_stop(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    await_true(h, is_hung_up, &ends[0], "the end of the pipe");
    close(ends[0]);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(no_descriptors_are_none),
        TEST(one_descriptor_is_number_3_after_every_start),
        TEST(sixteen_descriptors_are_3_to_18_after_every_start),
        TEST(order_is_the_specs_and_one_may_come_twice),
        TEST(descriptors_of_the_host_are_not_in_the_worker),
        TEST(worker_cannot_give_descriptors_and_its_children_have_none),
        TEST(fresh_process_of_post_stop_has_them_too),
        TEST(more_than_sixteen_are_refused_and_the_field_is_named),
        TEST(closed_descriptor_is_an_error_of_the_spawn),
        TEST(closed_descriptor_is_an_error_wherever_it_is),
        TEST(worker_is_told_which_field_was_refused),
        TEST(descriptor_is_kept_over_restarts_and_closed_at_the_end),
    };

    if (dup2(STDERR_FILENO, EARLY_FD) != EARLY_FD)
        return 1;
    return harness_main("descriptors", tests, sizeof tests / sizeof tests[0]);
}

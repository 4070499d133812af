/* Processes that are made ahead (row 2): they become whoever starts next, and nobody misses one
 * that dies. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NUMBER = 1, CRASH, READ, NOTHING };
enum { SPARES = 2, SPARES_LOST = 3, MANY = 300 };
enum { LONG_ARGS = 1 << 20, HOGGED_MOST = 256 };

/* ---- workers ---- */

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    char byte = 0;

    switch (ward_message_type(msg)) {
    case NUMBER:
        return ward_reply(ctx, (int64_t)getpid());
    case CRASH:
        return *(volatile int *)0;
    case NOTHING:
        return WARD_SAME;
    case READ:
        return read(3, &byte, 1) == 1 ? ward_reply(ctx, (int64_t)byte) : -EIO;
    default:
        return WARD_UNHANDLED;
    }
}

static const ward_behavior worker = {.name = "worker", .receive = receive};
WARD_REGISTER(worker);
static const ward_strategy once = {
    .name = "once", .max_restarts = 1, .within_ms = WARD_INFINITE};
WARD_REGISTER(once);

static int
fail_at_start(ward_ctx *ctx)
{
    (void)ctx;
    return *(volatile int *)0;
}

static const ward_behavior clumsy = {
    .name = "clumsy", .receive = receive, .pre_start = fail_at_start};
WARD_REGISTER(clumsy);

/* ---- spares ---- */

/* Nobody tells the host when they are. */
static void
await_count(struct harness *h, size_t count)
{
    int64_t deadline = now_ms() + DEADLINE_MS;
    pid_t pids[SPARES + 1];

    while (spares_below(pids, SPARES + 1) != count) {
        if (now_ms() > deadline)
            fail_with_log(h, "not %zu spares", count);
        linger(h, 1);
    }
}

/* Waits until there are all, and which. */
static void
await_spares(struct harness *h, pid_t pids[SPARES])
{
    await_count(h, SPARES);
    spares_below(pids, SPARES);
}

/* A spare that is made takes a moment to give its descriptors away. */
static void
await_descriptors(struct harness *h, int count)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (open_descriptors() != count && now_ms() < deadline)
        linger(h, 1);
    assert_int_equal(open_descriptors(), count);
}

/* A worker, and spares as there are beside one. */
static ward_ref
begin(struct harness *h, pid_t pids[SPARES])
{
    ward_ref ref =
        spawn_up(h, &(ward_spec){.id = "first", .behavior = &worker, .strategy = &once});

    await_spares(h, pids);
    return ref;
}

static bool
is_one_of(pid_t pid, const pid_t pids[SPARES])
{
    for (int i = 0; i < SPARES; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

static void
signal_all(const pid_t pids[SPARES], int number)
{
    for (int i = 0; i < SPARES; i++)
        assert_int_equal(kill(pids[i], number), 0);
}

/* Until it has ended, or is gone. */
static void
await_end(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    if (fd < 0)
        return;
    assert_int_equal(poll(&polled, 1, DEADLINE_MS), 1);
    close(fd);
}

static void
assert_name(pid_t pid, const char *expected)
{
    char path[64], name[32] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(name, sizeof name, file));
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    assert_string_equal(name, expected);
}

/* ---- they become workers ---- */

static void
system_that_makes_no_process_has_none(void **state)
{
    struct harness *h = *state;

    linger(h, 20);
    assert_int_equal(processes_below(), 1); /* the fork server */
}

static void
next_actor_takes_one_and_another_is_made(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES], later[SPARES];
    ward_ref ref;
    pid_t pid;

    begin(h, pids);
    ref = spawn_up(h, &(ward_spec){.id = "second-and-long-named", .behavior = &worker});
    pid = (pid_t)ask_number(h, ref, NUMBER);
    assert_true(is_one_of(pid, pids));
    assert_int_equal(ward_process_id(h->sys, ref), pid);
    assert_name(pid, "second-and-long");
    await_spares(h, later);
    assert_false(is_one_of(pid, later));
}

static void
restart_takes_one(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES];
    ward_ref ref = begin(h, pids);

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/first");
    assert_true(is_one_of((pid_t)ask_number(h, ref, NUMBER), pids));
    assert_name((pid_t)ward_process_id(h->sys, ref), "first");
}

static void
descriptors_come_to_one_that_is_made_for_them(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES];
    int ends[2];
    ward_ref ref;

    begin(h, pids);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "w", 1), 1);
    ref = spawn_up(
        h, &(ward_spec){
               .id = "reader", .behavior = &worker, .fds = &ends[0], .fd_count = 1});
    assert_int_equal(ask_number(h, ref, READ), 'w');
    assert_false(is_one_of((pid_t)ward_process_id(h->sys, ref), pids));
    close(ends[0]);
    close(ends[1]);
}

/* All that this process may have. */
static size_t
hog(int fds[HOGGED_MOST])
{
    size_t count = 0;
    int fd;

    while (count < HOGGED_MOST && (fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
        fds[count++] = fd;
    assert_int_equal(errno, EMFILE);
    return count;
}

/* It comes back at once, with what the dead one had and the spares have. */
static void
actor_that_can_take_none_is_not_kept_down_by_them(void **state)
{
    struct harness *h = *state;
    struct rlimit limit, before;
    int fds[HOGGED_MOST];
    pid_t pids[SPARES];
    size_t count;
    ward_ref ref;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = HOGGED_MOST;
    begin(h, pids);
    ref = spawn_up(h, &(ward_spec){.id = "large",
                                   .behavior = &worker,
                                   .strategy = &once,
                                   .frame_bytes = 8 << 20});
    await_spares(h, pids);
    linger(h, 20);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    count = hog(fds);
    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/large");
    assert_int_equal(count_events(h, WARD_EVENT_SPAWN_RETRY, NULL), 0);
    assert_true(ask_number(h, ref, NUMBER) > 0);
    while (count > 0)
        close(fds[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* The page is as large as the frames. */
static void
larger_frames_need_one_that_is_made_for_them(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES];
    ward_ref ref;

    begin(h, pids);
    ref = spawn_up(
        h, &(ward_spec){.id = "large", .behavior = &worker, .frame_bytes = 8 << 20});
    assert_false(is_one_of((pid_t)ask_number(h, ref, NUMBER), pids));
}

/* More than a socket holds. */
static void
long_arguments_come_to_one(void **state)
{
    struct harness *h = *state;
    char *args = calloc(1, LONG_ARGS);
    pid_t pids[SPARES];
    ward_ref ref;

    assert_non_null(args);
    begin(h, pids);
    ref = spawn_up(
        h, &(ward_spec){.id = "long", .behavior = &worker, .args = {args, LONG_ARGS}});
    assert_true(is_one_of((pid_t)ask_number(h, ref, NUMBER), pids));
    free(args);
}

/* ---- they die ---- */

static void
killed_spare_is_replaced_and_nobody_is_told(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES], later[SPARES];
    size_t events;
    int descriptors;

    begin(h, pids);
    linger(h, 20);
    events = h->event_count;
    descriptors = open_descriptors();
    signal_all(pids, SIGKILL);
    for (int i = 0; i < SPARES; i++)
        await_end(pids[i]);
    do
        await_spares(h, later); /* a dead one counts until it is reaped */
    while (is_one_of(later[0], pids) || is_one_of(later[1], pids));
    await_descriptors(h, descriptors);
    assert_int_equal(h->event_count, events);
}

/* The host has not looked since. */
static void
dead_spare_is_not_taken(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES];
    ward_ref ref;

    begin(h, pids);
    linger(h, 20);
    signal_all(pids, SIGKILL);
    for (int i = 0; i < SPARES; i++)
        await_end(pids[i]);
    ref = spawn_up(h, &(ward_spec){.id = "second", .behavior = &worker});
    assert_false(is_one_of((pid_t)ask_number(h, ref, NUMBER), pids));
    await_spares(h, pids);
}

/* One was killed: until it is gone, and another one is there or none comes any more. */
static void
await_change(struct harness *h, pid_t killed)
{
    enum { MOST_MS = 1000 }; /* a machine with other things to do makes one in less */
    int64_t deadline = now_ms() + MOST_MS;
    pid_t pids[SPARES];

    while (kill(killed, 0) == 0 ||
           (now_ms() < deadline && spares_below(pids, SPARES) < SPARES))
        linger(h, 1);
}

/* Somebody kills each at once. */
static void
spares_that_keep_dying_wait_for_a_start(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES], later[SPARES];
    int killed;

    begin(h, pids);
    for (killed = 0; spares_below(pids, 1) == 1; killed++) {
        kill(pids[0], SIGKILL);
        await_change(h, pids[0]);
    }
    assert_in_range(killed, SPARES_LOST, SPARES_LOST + SPARES);
    assert_int_equal(count_events(h, WARD_EVENT_SPAWN_RETRY, NULL), 0);
    spawn_up(h, &(ward_spec){.id = "second", .behavior = &worker});
    await_spares(h, later);
}

/* As if it could not be forked. */
static void
spare_that_dies_with_its_assignment_unread_is_a_failed_spawn(void **state)
{
    struct harness *h = *state;
    const struct record *r;
    pid_t pids[SPARES];
    ward_ref ref;

    begin(h, pids);
    signal_all(pids, SIGSTOP);
    ref = spawn(h, &(ward_spec){.id = "second", .behavior = &worker});
    assert_true(is_one_of((pid_t)ward_process_id(h->sys, ref), pids));
    signal_all(pids, SIGKILL);
    r = await_event(h, WARD_EVENT_FAILED, "/second");
    assert_int_equal(r->failure.cause, WARD_CAUSE_SPAWN);
    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    assert_string_equal(r->failure.step, "take the assignment");
}

static void
the_same_in_a_restart_is_not_counted(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES];
    ward_ref ref = begin(h, pids);

    signal_all(pids, SIGSTOP);
    ward_tell(h->ctx, ref, CRASH);
    ward_tell(h->ctx, ref, NOTHING); /* lies in the mailbox meanwhile */
    await_event(h, WARD_EVENT_FAILED, "/first");
    linger(h, 20);
    assert_true(is_one_of((pid_t)ward_process_id(h->sys, ref), pids));
    signal_all(pids, SIGKILL);
    await_event(h, WARD_EVENT_SPAWN_RETRY, "/first");
    await_event(h, WARD_EVENT_RESTARTED, "/first");
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    ward_tell(h->ctx, ref, CRASH); /* over the limit of one */
    await_event(h, WARD_EVENT_STOPPED, "/first");
}

static void
arguments_that_are_half_read_are_not_taken(void **state)
{
    struct harness *h = *state;
    char *args = calloc(1, LONG_ARGS);
    const struct record *r;
    pid_t pids[SPARES];

    assert_non_null(args);
    begin(h, pids);
    signal_all(pids, SIGSTOP);
    spawn(h, &(ward_spec){.id = "long", .behavior = &worker, .args = {args, LONG_ARGS}});
    signal_all(pids, SIGKILL);
    r = await_event(h, WARD_EVENT_FAILED, "/long");
    assert_int_equal(r->failure.cause, WARD_CAUSE_SPAWN);
    free(args);
}

/* Once it has read who it is, its death is the actor's. */
static void
spare_that_dies_in_pre_start_has_failed(void **state)
{
    struct harness *h = *state;
    const struct record *r;
    pid_t pids[SPARES];

    begin(h, pids);
    spawn(h, &(ward_spec){.id = "second", .behavior = &clumsy});
    r = await_event(h, WARD_EVENT_FAILED, "/second");
    assert_int_equal(r->failure.cause, WARD_CAUSE_SIGNAL);
    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    await_event(h, WARD_EVENT_STOPPED, "/second");
    assert_int_equal(count_events(h, WARD_EVENT_SPAWN_RETRY, NULL), 0);
}

static void
stopped_spare_ends_by_the_start_deadline(void **state)
{
    struct harness *h = *state;
    const struct record *r;
    pid_t pids[SPARES];

    begin(h, pids);
    signal_all(pids, SIGSTOP);
    spawn(h, &(ward_spec){.id = "second", .behavior = &worker, .start_ms = 50});
    r = await_event(h, WARD_EVENT_FAILED, "/second");
    assert_int_equal(r->failure.cause, WARD_CAUSE_TIMEOUT);
    await_event(h, WARD_EVENT_STOPPED, "/second");
}

/* ---- they leave nothing ---- */

/* The parent of a spare, from the fourth field of its line. */
static pid_t
fork_server_of(pid_t spare)
{
    char path[64];
    FILE *file;
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)spare);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d (%*[^)]) %*c %d", &parent), 1);
    fclose(file);
    return parent;
}

static void
they_go_with_their_fork_server(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES], later[SPARES];
    ward_ref ref = begin(h, pids);

    kill(fork_server_of(pids[0]), SIGKILL);
    await_event(h, WARD_EVENT_FORKSERVER_LOST, NULL);
    await_event(h, WARD_EVENT_RESTARTED, "/first");
    assert_true(ask_number(h, ref, NUMBER) > 0);
    for (int i = 0; i < SPARES; i++)
        await_end(pids[i]); /* the dying are counted, too */
    await_spares(h, later);
    for (int i = 0; i < SPARES; i++)
        assert_false(is_one_of(later[i], pids));
}

/* Some spares die while they are taken: that start fails, or it does not. */
static void
many_starts_leave_nothing(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES], killed = 0;
    int descriptors;

    begin(h, pids);
    linger(h, 20);
    descriptors = open_descriptors();
    for (int i = 0; i < MANY; i++) {
        bool is_killed = i % 3 == 0 && spares_below(pids, 1) == 1;
        bool is_dying = killed != 0 && kill(killed, 0) == 0; /* of an earlier round */
        ward_ref ref;
        int result;

        if (is_killed) {
            killed = pids[0];
            kill(killed, SIGKILL);
        }
        ref = spawn(h, &(ward_spec){.id = "again", .behavior = &worker});
        result = ward_wait_up(h->sys, ref, DEADLINE_MS);
        if (result != 0 && !((is_killed || is_dying) && result == -WARD_ESTART))
            fail_with_log(h, "round %d: %s", i, ward_error_name(result));
        if (i % 2 == 0)
            ward_kill(h->ctx, ref);
        else
            ward_stop(h->ctx, ref);
        assert_result(ward_wait_down(h->sys, ref, DEADLINE_MS), 0);
    }
    await_spares(h, pids);
    await_descriptors(h, descriptors);
    assert_true(workers_end() || processes_below() == 2 + SPARES); /* and "first" */
}

/* Neither wakes anybody: no time is used, and nobody comes and goes. */
static long
switches_of(pid_t pid)
{
    char path[64], line[128];
    long count = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
            break;
    fclose(file);
    return count;
}

static void
idle_spares_sleep(void **state)
{
    struct harness *h = *state;
    pid_t pids[SPARES];
    long before[SPARES + 1];

    begin(h, pids);
    linger(h, 100);
    for (int i = 0; i < SPARES; i++)
        before[i] = switches_of(pids[i]);
    before[SPARES] = switches_of(fork_server_of(pids[0]));
    linger(h, 300);
    for (int i = 0; i < SPARES; i++)
        assert_int_equal(switches_of(pids[i]), before[i]);
    assert_int_equal(switches_of(fork_server_of(pids[0])), before[SPARES]);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(system_that_makes_no_process_has_none),
        TEST(next_actor_takes_one_and_another_is_made),
        TEST(restart_takes_one),
        TEST(descriptors_come_to_one_that_is_made_for_them),
        TEST(larger_frames_need_one_that_is_made_for_them),
        TEST(actor_that_can_take_none_is_not_kept_down_by_them),
        TEST(long_arguments_come_to_one),
        TEST(killed_spare_is_replaced_and_nobody_is_told),
        TEST(dead_spare_is_not_taken),
        TEST(spares_that_keep_dying_wait_for_a_start),
        TEST(spare_that_dies_with_its_assignment_unread_is_a_failed_spawn),
        TEST(the_same_in_a_restart_is_not_counted),
        TEST(arguments_that_are_half_read_are_not_taken),
        TEST(spare_that_dies_in_pre_start_has_failed),
        TEST(stopped_spare_ends_by_the_start_deadline),
        TEST(they_go_with_their_fork_server),
        TEST(many_starts_leave_nothing),
        TEST(idle_spares_sleep),
    };

    return harness_main("spares", tests, sizeof tests / sizeof tests[0]);
}

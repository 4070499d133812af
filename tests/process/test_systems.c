/* Systems: several in one process, the host's own loop, frees and forks, a hanging worker. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORK, CRASH, HANG };
enum { HANDLED = 100 };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case WORK:
        return ward_tell(ctx, host_of(ctx), HANDLED, 1);
    case CRASH:
        return *(volatile int *)0;
    case HANG:
        for (;;)
            pause();
    }
    return WARD_UNHANDLED;
}

static const ward_behavior actor = {.name = "actor", .receive = receive};
WARD_REGISTER(actor);

static ward_directive
escalate(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_ESCALATE;
}

static const ward_strategy upwards = {.name = "upwards", .decider = escalate};
WARD_REGISTER(upwards);

/* Only through the descriptor, until dispatch says something else than 0. */
static int
run_own_loop(ward_system *sys)
{
    struct pollfd polled = {.fd = ward_system_fd(sys), .events = POLLIN};
    int result;

    while ((result = ward_system_dispatch(sys)) == 0)
        if (poll(&polled, 1, DEADLINE_MS) == 0)
            return -ETIMEDOUT;
    return result;
}

static void
two_systems_live_side_by_side(void **state)
{
    struct harness *h = *state;
    ward_system_options options = harness_options(h, NULL);
    ward_ref a = spawn(h, &(ward_spec){.id = "a", .behavior = &actor}), b, host;
    ward_system *other;

    assert_result(ward_system_new(&other, &options), 0);
    host = ward_self(ward_system_ctx(other));
    assert_result(
        ward_spawn(
            ward_system_ctx(other), &b,
            &(ward_spec){.id = "a", .behavior = &actor, .args = {&host, sizeof host}}),
        0);
    ward_tell(ward_system_ctx(other), b, WORK);
    assert_result(ward_settle(other, DEADLINE_MS), 0);
    assert_int_equal(count_mails(h, HANDLED), 1);
    assert_result(ward_tell(h->ctx, b, WORK), -WARD_EUNKNOWN);
    assert_result(ward_system_stop(other), 0);
    assert_result(run_own_loop(other), 1);
    ward_system_free(other);
    ward_tell(h->ctx, a, WORK);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 2);
}

static void
systems_come_and_go_without_a_leak(void **state)
{
    struct harness *h = *state;
    int before = open_descriptors();

    for (int i = 0; i < 200; i++) {
        harness_reopen(h, NULL);
        if (i % 20 == 0)
            spawn(h, &(ward_spec){.id = "a", .behavior = &actor});
    }
    assert_int_equal(open_descriptors(), before);
}

/* Our one child is the zygote. */
static int
descriptors_of_the_zygote(void)
{
    char path[64];
    struct dirent *entry;
    FILE *file;
    DIR *dir;
    int pid = 0, count = 0;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* One actor is asked, crashes, and all ends in order; or, every other time, at once. */
static void
live_a_little(bool in_order)
{
    ward_message *reply = NULL;
    ward_system *sys;
    ward_ref ref;

    assert_result(ward_system_new(&sys, NULL), 0);
    assert_result(ward_spawn(ward_system_ctx(sys), &ref,
                             &(ward_spec){.id = "a", .behavior = &actor}),
                  0);
    assert_result(ward_ask(ward_system_ctx(sys), ref, &reply, DEADLINE_MS, HANG + 1),
                  -WARD_EUNHANDLED);
    assert_result(ward_tell(ward_system_ctx(sys), ref, CRASH), 0);
    assert_result(ward_settle(sys, DEADLINE_MS), 0);
    if (in_order) {
        assert_result(ward_system_stop(sys), 0);
        assert_result(ward_run_for(sys, DEADLINE_MS), 0);
    }
    ward_system_free(sys);
}

/* Neither here nor in the zygote: descriptors, children, memory. */
static void
two_hundred_lives_leave_nothing_behind(void **state)
{
    enum { LIVES = 200, WARM = 20 };
    struct harness *h = *state;
    int descriptors = open_descriptors(), in_zygote = descriptors_of_the_zygote();
    size_t memory = 0;
    int64_t deadline;

    for (int i = 0; i < LIVES; i++) {
        if (i == WARM)
            memory = mallinfo2().uordblks;
        live_a_little(i % 2 == 0);
    }
    /* The smallest piece is 32 bytes; what malloc keeps at hand counts, too, and varies. */
    assert_true(mallinfo2().uordblks < memory + (size_t)(LIVES - WARM) * 32);
    assert_int_equal(open_descriptors(), descriptors);
    ward_system_free(h->sys);
    h->sys = NULL;
    assert_true(processes_end());
    deadline = now_ms() + DEADLINE_MS;
    while (descriptors_of_the_zygote() > in_zygote) /* it buries as they die */
        assert_true(now_ms() < deadline);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void
own_loop_ends_with_1_after_a_stop(void **state)
{
    struct harness *h = *state;

    spawn(h, &(ward_spec){.id = "a", .behavior = &actor});
    assert_result(ward_system_stop(h->sys), 0);
    assert_result(run_own_loop(h->sys), 1);
}

static void
own_loop_ends_with_the_failure_of_the_system(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .strategy = &upwards});

    ward_tell(h->ctx, ref, CRASH);
    assert_result(run_own_loop(h->sys), -WARD_EFAILED);
    assert_non_null(ward_system_failure(h->sys));
    h->expected_end = -WARD_EFAILED;
}

static void
free_it(struct harness *h, const ward_message *msg)
{
    (void)msg;
    ward_system_free(h->sys);
}

/* More than the host takes in at a time lies in its socket meanwhile, and more than that waits behind. */
static void
a_host_that_was_away_keeps_its_fork_server(void **state)
{
    enum { CROWD = 450, AWAY_MS = 5500 };
    struct harness *h = *state;

    for (int i = 0; i < CROWD; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        spawn(h, &(ward_spec){.id = id, .behavior = &actor});
    }
    ward_run_for(h->sys, 1);
    poll(NULL, 0, AWAY_MS);
    settle(h);
    assert_no_event(h, WARD_EVENT_FORKSERVER_LOST, NULL);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, NULL), CROWD);
}

static void
system_can_be_freed_in_a_callback(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &actor});

    h->on_mail = free_it;
    ward_tell(h->ctx, ref, WORK);
    assert_result(run_own_loop(h->sys), 1);
    h->sys = NULL;
}

static void
calls_in_a_forked_child_are_refused(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &actor});
    pid_t pid = fork();
    int status = 0;

    if (pid == 0)
        _exit(ward_tell(h->ctx, ref, WORK) == -ECHILD &&
                      ward_system_dispatch(h->sys) == -ECHILD && ward_early() == -ECHILD
                  ? 0
                  : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
message_that_takes_too_long_ends_the_worker(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .message_ms = 50});
    const ward_failure *f;

    ward_tell(h->ctx, ref, HANG);
    f = &await_event(h, WARD_EVENT_FAILED, "/a")->failure;
    assert_int_equal(f->cause, WARD_CAUSE_TIMEOUT);
    assert_int_equal(f->message_type, HANG);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(two_systems_live_side_by_side),
        TEST(systems_come_and_go_without_a_leak),
        TEST(two_hundred_lives_leave_nothing_behind),
        TEST(own_loop_ends_with_1_after_a_stop),
        TEST(own_loop_ends_with_the_failure_of_the_system),
        TEST(a_host_that_was_away_keeps_its_fork_server),
        TEST(system_can_be_freed_in_a_callback),
        TEST(calls_in_a_forked_child_are_refused),
        TEST(message_that_takes_too_long_ends_the_worker),
    };

    return harness_main("systems", tests, sizeof tests / sizeof tests[0]);
}

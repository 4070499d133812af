/*
 * What a worker prints (row 20). Standard output is a file from before ward_early on, so libc
 * alone would keep whole pages of it back: what is in the file was written out by ward's rule.
 */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a message does after it has printed "whole\n" and "part". */
enum {
    RETURN,
    FAULT,
    ABORT,
    EXIT_AT_ONCE,
    EXIT,
    HANG,
    RAISE,
    ERROR,
    STOP,
    RESTART,
    MANY_THEN_FAULT
};
enum { HANGING = 100 };
enum { LINES = 5000 };

static int output = -1;        /* the file; in the host only */
static char at_the_start[100]; /* what it held after ward_early */

static ward_next
end_in(ward_ctx *ctx, int64_t way)
{
    switch (way) {
    case FAULT:
        return *(volatile int *)0;
    case ABORT:
        abort();
    case EXIT_AT_ONCE:
        _exit(3);
    case EXIT:
        exit(3);
    case HANG:
        ward_tell(ctx, host_of(ctx), HANGING);
        ward_flush(ctx);
        for (;;)
            pause();
    case RAISE:
        return ward_raise(ctx, "Error", "on purpose");
    case ERROR:
        return -EDOM;
    case STOP:
        return WARD_STOP;
    case RESTART:
        return WARD_RESTART;
    }
    return WARD_SAME;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t way = ward_message_type(msg);

    if (way == MANY_THEN_FAULT) {
        for (int i = 0; i < LINES; i++)
            printf("%d\n", i);
        return *(volatile int *)0;
    }
    printf("whole %u\n", ward_incarnation(ctx));
    printf("part");
    return end_in(ctx, way);
}

static const ward_behavior printer = {.name = "printer", .receive = receive};
WARD_REGISTER(printer);

static int
print_and_fail(ward_ctx *ctx)
{
    (void)ctx;
    printf("whole\npart");
    return -EDOM;
}

static const ward_behavior unlucky = {
    .name = "unlucky", .receive = receive, .pre_start = print_and_fail};
WARD_REGISTER(unlucky);

static void
print_at_the_end(ward_ctx *ctx)
{
    printf("\nended, %s", ward_stop_reason(ctx));
}

static const ward_behavior cleaner = {
    .name = "cleaner", .receive = receive, .post_stop = print_at_the_end};
WARD_REGISTER(cleaner);

static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

/* ---- the host's side ---- */

static void
forget_output(void)
{
    assert_int_equal(ftruncate(output, 0), 0);
    assert_int_equal(lseek(output, 0, SEEK_SET), 0); /* all writers share the place */
}

/* All of it, as a string that lives until the next call. */
static const char *
printed(void)
{
    static char text[64 * 1024];
    ssize_t size = pread(output, text, sizeof text - 1, 0);

    assert_true(size >= 0);
    text[size] = '\0';
    return text;
}

/* One actor with one message; it ends of it, or is stopped. */
static void
print_and_end(struct harness *h, const ward_behavior *behavior, int way)
{
    ward_ref ref;

    forget_output();
    ref = spawn(h, &(ward_spec){.id = "a", .behavior = behavior});
    ward_tell(h->ctx, ref, way);
    if (way == RETURN)
        ward_drain(h->ctx, ref);
    await_event(h, WARD_EVENT_STOPPED, "/a");
}

static void
line_before_a_crash_is_seen_and_a_part_is_not(void **state)
{
    struct harness *h = *state;
    static const int ways[] = {FAULT, ABORT, EXIT_AT_ONCE};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        print_and_end(h, &printer, ways[i]);
        assert_string_equal(printed(), "whole 0\n");
    }
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 3);
}

static void
line_is_seen_while_the_handler_still_runs(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &printer});

    forget_output();
    ward_tell(h->ctx, ref, HANG);
    await_mail(h, HANGING);
    assert_string_equal(printed(), "whole 0\n");
    assert_int_equal(kill((pid_t)ward_process_id(h->sys, ref), SIGKILL), 0);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(printed(), "whole 0\n");
}

static void
end_that_is_no_crash_shows_the_part_too(void **state)
{
    struct harness *h = *state;
    static const int ways[] = {RETURN, RAISE, ERROR, STOP, EXIT};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        print_and_end(h, &printer, ways[i]);
        assert_string_equal(printed(), "whole 0\npart");
    }
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/a"), 3);
}

static void
part_that_a_message_left_goes_with_a_later_crash(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &printer});

    forget_output();
    ward_tell(h->ctx, ref, RETURN);
    ward_tell(h->ctx, ref, FAULT);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(printed(), "whole 0\npartwhole 0\n");
}

static void
failed_start_shows_what_it_printed(void **state)
{
    struct harness *h = *state;

    forget_output();
    spawn(h, &(ward_spec){.id = "a", .behavior = &unlucky});
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(printed(), "whole\npart");
}

static void
post_stop_prints_in_the_living_and_in_a_fresh_process(void **state)
{
    struct harness *h = *state;

    print_and_end(h, &cleaner, RETURN);
    assert_string_equal(printed(), "whole 0\npart\nended, drained");
    print_and_end(h, &cleaner, FAULT);
    assert_string_equal(printed(), "whole 0\n\nended, failed");
}

static void
lives_print_one_after_the_other(void **state)
{
    struct harness *h = *state;
    ward_ref ref =
        spawn(h, &(ward_spec){.id = "a", .behavior = &printer, .strategy = &always});

    forget_output();
    ward_tell(h->ctx, ref, FAULT);
    ward_tell(h->ctx, ref, RAISE);
    ward_tell(h->ctx, ref, RESTART);
    ward_tell(h->ctx, ref, FAULT);
    ward_tell(h->ctx, ref, STOP);
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_string_equal(printed(),
                        "whole 0\nwhole 1\npartwhole 2\npartwhole 3\nwhole 4\npart");
}

static void
every_line_before_a_crash_is_seen(void **state)
{
    struct harness *h = *state;
    const char *at;

    print_and_end(h, &printer, MANY_THEN_FAULT);
    at = printed();
    for (int i = 0; i < LINES; i++) {
        char *end;

        assert_int_equal(strtol(at, &end, 10), i);
        assert_int_equal(*end, '\n');
        at = end + 1;
    }
    assert_int_equal(*at, '\0');
}

/* The host had half a line in its buffer when it called ward_early: that is written once, not
 * once more by each process that has a copy of the buffer. */
static void
what_the_host_had_buffered_is_printed_once(void **state)
{
    struct harness *h = *state;

    assert_string_equal(at_the_start, "the host's");
    for (int i = 0; i < 3; i++) {
        print_and_end(h, &printer, STOP);
        assert_string_equal(printed(), "whole 0\npart");
    }
}

/* Calls ward_early with the file as standard output; then has its own back. */
static int
begin_with_a_file(void)
{
    int own = dup(STDOUT_FILENO);

    output = memfd_create("output", MFD_CLOEXEC);
    if (own < 0 || output < 0 || dup2(output, STDOUT_FILENO) < 0)
        return -errno;
    printf("the host's");
    if (ward_early() < 0 || pread(output, at_the_start, sizeof at_the_start - 1, 0) < 0)
        return -ECANCELED;
    if (dup2(own, STDOUT_FILENO) < 0)
        return -errno;
    setvbuf(stdout, NULL, _IOLBF, 0);
    return close(own);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(line_before_a_crash_is_seen_and_a_part_is_not),
        TEST(line_is_seen_while_the_handler_still_runs),
        TEST(end_that_is_no_crash_shows_the_part_too),
        TEST(part_that_a_message_left_goes_with_a_later_crash),
        TEST(failed_start_shows_what_it_printed),
        TEST(post_stop_prints_in_the_living_and_in_a_fresh_process),
        TEST(lives_print_one_after_the_other),
        TEST(every_line_before_a_crash_is_seen),
        TEST(what_the_host_had_buffered_is_printed_once),
    };

    if (begin_with_a_file() < 0)
        return 1;
    return harness_main("output", tests, sizeof tests / sizeof tests[0]);
}

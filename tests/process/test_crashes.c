/* Ways to die, and what the failure record says of each. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    WORK,
    GET_COUNT,
    CRASH_NULL,
    CRASH_ABORT,
    CRASH_EXIT_3,
    CRASH_EXIT_0,
    CRASH_RAISE,
    CRASH_NEGATIVE,
    CRASH_DIVIDE,
    CRASH_STACK,
    CRASH_BUS,
    CRASH_TRAP,
    CRASH_ADDRESS,
    CRASH_EXIT_LIBC,
    HANG,
    AWAIT,
};

enum { HUNG = 100 };
enum { CROWD = 100 };

static const uintptr_t bad_address = 0x123450;

struct crasher {
    int64_t count;
};

static int
overflow_stack(int depth)
{
    volatile char room[4096];

    room[0] = (char)depth;
    return depth < 0 ? 0 : overflow_stack(depth + 1) + room[0];
}

static void
bus_error(void)
{
    FILE *file = tmpfile();
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);

    (void)page[0]; /* beyond the end of the file */
}

static int
divide(volatile int zero)
{
    return 41 / zero;
}

static _Noreturn void
hang(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), HUNG, (int64_t)getpid());
    ward_flush(ctx);
    for (;;)
        pause();
}

static ward_next
crasher_receive(ward_ctx *ctx, const ward_message *msg)
{
    struct crasher *self = ward_state(ctx);
    char byte;

    ward_breadcrumb(ctx, "type %d", (int)ward_message_type(msg));
    switch (ward_message_type(msg)) {
    case WORK:
        self->count++;
        return WARD_SAME;
    case GET_COUNT:
        return ward_reply(ctx, self->count);
    case CRASH_NULL:
        return *(volatile int *)0;
    case CRASH_ADDRESS:
        return *(volatile int *)bad_address;
    case CRASH_ABORT:
        abort();
    case CRASH_EXIT_3:
        _exit(3);
    case CRASH_EXIT_0:
        _exit(0);
    case CRASH_EXIT_LIBC:
        exit(7);
    case CRASH_RAISE:
        return ward_raise(ctx, "ValueError", "cannot process: %s", "bad");
    case CRASH_NEGATIVE:
        return -EDOM;
    case CRASH_DIVIDE:
        return divide(0);
    case CRASH_STACK:
        return overflow_stack(0);
    case CRASH_BUS:
        bus_error();
        break;
    case CRASH_TRAP:
        raise(SIGTRAP);
        break;
    case HANG:
        hang(ctx);
    case AWAIT:
        return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior crasher = {
    .name = "crasher", .state_size = sizeof(struct crasher), .receive = crasher_receive};
WARD_REGISTER(crasher);

static int
exit_in_start(ward_ctx *ctx)
{
    ward_breadcrumb(ctx, "starting");
    _exit(5);
}

static const ward_behavior stillborn = {
    .name = "stillborn", .receive = crasher_receive, .pre_start = exit_in_start};
WARD_REGISTER(stillborn);

static const ward_strategy keep_going = {.name = "keep-going",
                                         .max_restarts = WARD_INFINITE};
WARD_REGISTER(keep_going);

/* ---- what every record of a death in receive says ---- */

static ward_spec
crasher_spec(const char *id)
{
    return (ward_spec){.id = id, .behavior = &crasher, .strategy = &keep_going};
}

/* The bytes of a message: what the sender packed is what the record shows. */
static void
assert_message(const ward_failure *f, int64_t type, int64_t first, const char *second)
{
    ward_iter it;
    ward_iter values;
    int64_t number = 0;
    ward_bytes text = {NULL, 0};

    assert_true(f->has_message);
    assert_int_equal(f->message_type, type);
    assert_int_equal(ward_iter_init(&it, f->message), 0);
    assert_int_equal(ward_iter_next(&it, &values), 1);
    assert_int_equal(ward_iter_left(&values), 2);
    assert_int_equal(ward_iter_next(&values, &number, &text), 1);
    assert_int_equal(number, first);
    assert_int_equal(text.size, strlen(second));
    assert_memory_equal(text.data, second, text.size);
}

/* Crashes an actor in its second message, and looks at all that does not depend on how. */
static const ward_failure *
crash(struct harness *h, int64_t type)
{
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn(h, &spec);
    const struct record *r;
    const ward_failure *f;
    char crumb[32];

    assert_result(ward_tell(h->ctx, ref, WORK), 0);
    assert_result(ward_tell(h->ctx, ref, type, -77, "exact \xc3\xa4 bytes"), 0);
    assert_result(ward_tell(h->ctx, ref, WORK), 0);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    f = &r->failure;
    snprintf(crumb, sizeof crumb, "type %d", (int)type);
    assert_int_equal(r->directive, WARD_DIRECTIVE_RESTART);
    assert_int_equal(f->phase, WARD_PHASE_RECEIVE);
    assert_true(ward_ref_equal(f->actor, ref));
    assert_true(ward_ref_equal(f->origin, ref));
    assert_string_equal(f->path, "/a");
    assert_string_equal(f->origin_path, "/a");
    assert_int_equal(f->incarnation, 0);
    assert_message(f, type, -77, "exact \xc3\xa4 bytes");
    assert_int_equal(f->attempt, 0);
    assert_string_equal(f->breadcrumb, crumb);
    assert_in_range(f->uptime_ms, 0, DEADLINE_MS);
    assert_true(f->user_us >= 0 && f->system_us >= 0);
    assert_true(f->max_rss_kb > 0 || f->cause == WARD_CAUSE_RAISE ||
                f->cause == WARD_CAUSE_ERROR);
    assert_int_equal(f->restarts_used, 0);
    assert_null(f->last);
    assert_non_null(f->text);
    assert_non_null(f->step);
    assert_non_null(f->raised);
    /* It goes on with fresh state and the message behind the poison. */
    assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, "/a")->incarnation, 1);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 1);
    return f;
}

static void
assert_signal(const ward_failure *f, int signal, ward_by by)
{
    assert_int_equal(f->cause, WARD_CAUSE_SIGNAL);
    assert_int_equal(f->signal, signal);
    assert_int_equal(f->by, by);
    assert_int_equal(f->exit_code, 0);
    assert_int_equal(f->error, 0);
    assert_string_equal(f->raised, "");
}

static void
null_dereference_is_a_signal_with_its_address(void **state)
{
    const ward_failure *f = crash(*state, CRASH_NULL);

    assert_signal(f, SIGSEGV, WARD_BY_SELF);
    assert_int_equal(f->fault_address, 0);
    assert_int_equal(f->signal_code, SEGV_MAPERR);
}

static void
bad_address_is_in_the_record(void **state)
{
    const ward_failure *f = crash(*state, CRASH_ADDRESS);

    assert_signal(f, SIGSEGV, WARD_BY_SELF);
    assert_int_equal(f->fault_address, bad_address);
}

static void
abort_is_a_signal_by_itself(void **state)
{
    const ward_failure *f = crash(*state, CRASH_ABORT);

    assert_signal(f, SIGABRT, WARD_BY_SELF);
    assert_int_equal(f->fault_address, 0);
}

static void
division_by_zero_is_a_signal(void **state)
{
    const ward_failure *f = crash(*state, CRASH_DIVIDE);

    assert_signal(f, SIGFPE, WARD_BY_SELF);
    assert_int_equal(f->signal_code, FPE_INTDIV);
    assert_int_not_equal(f->fault_address, 0);
}

static void
stack_overflow_is_a_signal_with_its_address(void **state)
{
    const ward_failure *f = crash(*state, CRASH_STACK);

    assert_signal(f, SIGSEGV, WARD_BY_SELF);
    assert_int_not_equal(f->fault_address, 0);
}

static void
bus_error_is_a_signal(void **state)
{
    const ward_failure *f = crash(*state, CRASH_BUS);

    assert_signal(f, SIGBUS, WARD_BY_SELF);
    assert_int_equal(f->signal_code, BUS_ADRERR);
}

static void
raised_signal_is_by_itself(void **state)
{
    assert_signal(crash(*state, CRASH_TRAP), SIGTRAP, WARD_BY_SELF);
}

static void
exit_is_a_failure_whatever_the_code(void **state)
{
    const ward_failure *f = crash(*state, CRASH_EXIT_0);

    assert_int_equal(f->cause, WARD_CAUSE_EXIT);
    assert_int_equal(f->exit_code, 0);
    assert_int_equal(f->by, WARD_BY_SELF);
    assert_int_equal(f->signal, 0);
}

static void
exit_code_is_in_the_record(void **state)
{
    const ward_failure *f = crash(*state, CRASH_EXIT_3);

    assert_int_equal(f->cause, WARD_CAUSE_EXIT);
    assert_int_equal(f->exit_code, 3);
    assert_int_equal(f->by, WARD_BY_SELF);
}

static void
exit_of_libc_is_the_same_as_the_system_call(void **state)
{
    const ward_failure *f = crash(*state, CRASH_EXIT_LIBC);

    assert_int_equal(f->cause, WARD_CAUSE_EXIT);
    assert_int_equal(f->exit_code, 7);
}

static void
raise_carries_class_and_text(void **state)
{
    const ward_failure *f = crash(*state, CRASH_RAISE);

    assert_int_equal(f->cause, WARD_CAUSE_RAISE);
    assert_string_equal(f->raised, "ValueError");
    assert_string_equal(f->text, "cannot process: bad");
    assert_int_equal(f->by, WARD_BY_SELF);
    assert_int_equal(f->signal, 0);
    assert_int_equal(f->exit_code, 0);
}

static void
negative_return_is_an_error_with_that_code(void **state)
{
    const ward_failure *f = crash(*state, CRASH_NEGATIVE);

    assert_int_equal(f->cause, WARD_CAUSE_ERROR);
    assert_int_equal(f->error, -EDOM);
    assert_int_equal(f->by, WARD_BY_SELF);
    assert_string_not_equal(f->text, "");
}

/* ---- signals from outside ---- */

static const ward_failure *
kill_idle(struct harness *h, int signal)
{
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn_up(h, &spec);
    const ward_failure *f;

    ward_tell(h->ctx, ref, WORK);
    settle(h);
    assert_int_equal(kill((pid_t)ward_process_id(h->sys, ref), signal), 0);
    f = &await_event(h, WARD_EVENT_FAILED, "/a")->failure;
    assert_signal(f, signal, WARD_BY_OUTSIDER);
    assert_int_equal(f->phase, WARD_PHASE_IDLE);
    assert_false(f->has_message);
    assert_int_equal(f->message.size, 0);
    assert_int_equal(f->fault_address, 0);
    assert_true(f->max_rss_kb > 0);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_no_event(h, WARD_EVENT_DEAD_LETTER, NULL);
    return f;
}

static void
outsiders_kill_of_an_idle_actor_has_no_message(void **state)
{
    kill_idle(*state, SIGKILL);
}

static void
outsiders_term_of_an_idle_actor_has_no_message(void **state)
{
    kill_idle(*state, SIGTERM);
}

static void
outsiders_segv_is_not_blamed_on_the_actor(void **state)
{
    kill_idle(*state, SIGSEGV);
}

static void
kill_busy(struct harness *h, int signal)
{
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn(h, &spec);
    const ward_failure *f;
    pid_t pid;

    ward_tell(h->ctx, ref, HANG, -77, "in hand");
    ward_tell(h->ctx, ref, WORK);
    pid = (pid_t)await_mail(h, HUNG)->number;
    assert_int_equal(ward_process_id(h->sys, ref), pid);
    assert_int_equal(kill(pid, signal), 0);
    f = &await_event(h, WARD_EVENT_FAILED, "/a")->failure;
    assert_signal(f, signal, WARD_BY_OUTSIDER);
    assert_int_equal(f->phase, WARD_PHASE_RECEIVE);
    assert_message(f, HANG, -77, "in hand");
    assert_int_equal(await_letter(h, WARD_LETTER_POISON, "/a")->message.type, HANG);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 1);
}

static void
outsiders_kill_makes_the_message_in_hand_poison(void **state)
{
    kill_busy(*state, SIGKILL);
}

static void
outsiders_term_makes_the_message_in_hand_poison(void **state)
{
    kill_busy(*state, SIGTERM);
}

static void
ward_kill_is_a_failure_killed_by_ward(void **state)
{
    struct harness *h = *state;
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn(h, &spec);
    const struct record *r;

    ward_tell(h->ctx, ref, HANG, -77, "in hand");
    await_mail(h, HUNG);
    assert_result(ward_kill(h->ctx, ref), 0);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    assert_int_equal(r->failure.cause, WARD_CAUSE_KILLED);
    assert_int_equal(r->failure.by, WARD_BY_WARD);
    assert_message(&r->failure, HANG, -77, "in hand");
    assert_int_equal(r->directive, WARD_DIRECTIVE_RESTART);
    await_letter(h, WARD_LETTER_POISON, "/a");
    await_event(h, WARD_EVENT_RESTARTED, "/a");
}

/* One signal to their parent may stand for many; every fifth lives on. */
static void
each_of_many_deaths_is_told_as_it_was(void **state)
{
    struct harness *h = *state;
    ward_ref refs[CROWD];
    char path[16];

    for (int i = 0; i < CROWD; i++) {
        ward_spec spec = crasher_spec(path + 1);
        snprintf(path, sizeof path, "/w%d", i);
        refs[i] = spawn_up(h, &spec);
    }
    for (int i = 0; i < CROWD; i++)
        if (i % 5 != 0)
            kill((pid_t)ward_process_id(h->sys, refs[i]), i % 2 ? SIGKILL : SIGTERM);
    for (int i = 0; i < CROWD; i++) {
        snprintf(path, sizeof path, "/w%d", i);
        if (i % 5 != 0)
            assert_int_equal(await_event(h, WARD_EVENT_FAILED, path)->failure.signal,
                             i % 2 ? SIGKILL : SIGTERM);
        assert_int_equal(ask_number(h, refs[i], GET_COUNT), 0);
    }
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), CROWD / 5 * 4);
}

/* ---- the start, the life ---- */

static void
exit_in_pre_start_is_a_failure_of_the_start(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &stillborn});
    const struct record *r = await_event(h, WARD_EVENT_FAILED, "/a");

    assert_int_equal(r->failure.cause, WARD_CAUSE_EXIT);
    assert_int_equal(r->failure.exit_code, 5);
    assert_int_equal(r->failure.phase, WARD_PHASE_START);
    assert_int_equal(r->failure.by, WARD_BY_SELF);
    assert_int_equal(r->failure.uptime_ms, 0);
    assert_string_equal(r->failure.breadcrumb, "starting");
    assert_false(r->failure.has_message);
    assert_true(r->failure.max_rss_kb > 0);
    assert_int_equal(r->directive, WARD_DIRECTIVE_STOP);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->end, WARD_END_FAILURE);
    assert_no_event(h, WARD_EVENT_STARTED, "/a");
    assert_result(ward_process_id(h->sys, ref), -WARD_EUNKNOWN);
}

static void
each_incarnation_counts_up_and_says_so(void **state)
{
    struct harness *h = *state;
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn(h, &spec);

    for (uint32_t i = 0; i < 5; i++) {
        ward_tell(h->ctx, ref, CRASH_NULL);
        assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.incarnation, i);
        assert_int_equal(await_event(h, WARD_EVENT_RESTARTED, "/a")->incarnation, i + 1);
    }
}

static void
uptime_is_from_ready_to_the_end(void **state)
{
    struct harness *h = *state;
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn_up(h, &spec);
    int64_t start = now_ms(), lived;

    linger(h, 60);
    ward_tell(h->ctx, ref, CRASH_NULL);
    lived = await_event(h, WARD_EVENT_FAILED, "/a")->failure.uptime_ms;
    assert_in_range(lived, 55, now_ms() - start + 100);
}

/* It has no hook to run, and is sent what waited before it has said that it is ready. */
static void
it_is_ready_before_it_handles_what_waited(void **state)
{
    struct harness *h = *state;
    ward_spec spec = crasher_spec("a");
    int ends[2];
    ward_ref ref;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spec.fds = &ends[0];
    spec.fd_count = 1;
    ref = spawn_up(h, &spec);
    ward_tell(h->ctx, ref, CRASH_NULL);
    ward_tell(h->ctx, ref, AWAIT);
    ward_tell(h->ctx, ref, WORK);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_int_equal(write(ends[1], "w", 1), 1);
    assert_int_equal(ask_number(h, ref, GET_COUNT), 1);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, NULL), 1);
    close(ends[0]);
    close(ends[1]);
}

/* It dies of the first message that waited: not of its start, and not as one that was nobody's. */
static void
death_by_what_waited_is_a_failure(void **state)
{
    struct harness *h = *state;
    ward_spec spec = crasher_spec("a");
    ward_ref ref = spawn_up(h, &spec);
    const ward_failure *f;

    for (int i = 0; i < 3; i++)
        ward_tell(h->ctx, ref, CRASH_NULL);
    ward_tell(h->ctx, ref, WORK);
    for (uint32_t i = 0; i < 3; i++) {
        f = &await_event(h, WARD_EVENT_FAILED, "/a")->failure;
        assert_int_equal(f->incarnation, i);
        assert_int_equal(f->phase, WARD_PHASE_RECEIVE);
        assert_int_equal(f->message_type, CRASH_NULL);
        await_event(h, WARD_EVENT_RESTARTED, "/a");
    }
    assert_int_equal(ask_number(h, ref, GET_COUNT), 1);
    assert_int_equal(count_events(h, WARD_EVENT_SPAWN_RETRY, NULL), 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(null_dereference_is_a_signal_with_its_address),
        TEST(bad_address_is_in_the_record),
        TEST(abort_is_a_signal_by_itself),
        TEST(division_by_zero_is_a_signal),
        TEST(stack_overflow_is_a_signal_with_its_address),
        TEST(bus_error_is_a_signal),
        TEST(raised_signal_is_by_itself),
        TEST(exit_is_a_failure_whatever_the_code),
        TEST(exit_code_is_in_the_record),
        TEST(exit_of_libc_is_the_same_as_the_system_call),
        TEST(raise_carries_class_and_text),
        TEST(negative_return_is_an_error_with_that_code),
        TEST(outsiders_kill_of_an_idle_actor_has_no_message),
        TEST(outsiders_term_of_an_idle_actor_has_no_message),
        TEST(outsiders_segv_is_not_blamed_on_the_actor),
        TEST(outsiders_kill_makes_the_message_in_hand_poison),
        TEST(outsiders_term_makes_the_message_in_hand_poison),
        TEST(ward_kill_is_a_failure_killed_by_ward),
        TEST(each_of_many_deaths_is_told_as_it_was),
        TEST(exit_in_pre_start_is_a_failure_of_the_start),
        TEST(each_incarnation_counts_up_and_says_so),
        TEST(uptime_is_from_ready_to_the_end),
        TEST(it_is_ready_before_it_handles_what_waited),
        TEST(death_by_what_waited_is_a_failure),
    };

    return harness_main("crashes", tests, sizeof tests / sizeof tests[0]);
}

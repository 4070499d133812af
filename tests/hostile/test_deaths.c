/* Workers that die badly, or will not: the cause is told right, and nobody else is harmed. */
#include "tests/hostile/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- H01 to H04: faults ---- */

static void
fault(ward_ctx *ctx)
{
    (void)ctx;
    scene_fault();
}

static void
H01_a_null_dereference_is_a_signal_of_its_own(void **state)
{
    struct rig *r = *state;

    rig_do(r, fault);
    rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
    assert_int_equal(r->last.signal, SIGSEGV);
    assert_int_equal(r->last.by, WARD_BY_SELF);
    assert_int_equal(r->last.phase, WARD_PHASE_RECEIVE);
    assert_int_equal(r->last.fault_address, 0);
    assert_true(r->last.has_message);
    assert_int_equal(r->poison, 1);
    assert_int_equal(r->restarted, 1);
}

static void
give_up(ward_ctx *ctx)
{
    (void)ctx;
    abort();
}

static void
block(int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void
give_up_with_abort_blocked(ward_ctx *ctx)
{
    (void)ctx;
    block(SIGABRT);
    abort();
}

static void
H02_abort_is_told_even_where_it_is_blocked(void **state)
{
    static const deed deeds[] = {give_up, give_up_with_abort_blocked};
    struct rig *r = *state;

    for (size_t i = 0; i < 2; i++) {
        rig_do(r, deeds[i]);
        rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
        assert_int_equal(r->last.signal, SIGABRT);
        assert_int_equal(r->last.by, WARD_BY_SELF);
    }
}

static void
ignore_fault(ward_ctx *ctx)
{
    (void)ctx;
    signal(SIGSEGV, SIG_IGN);
    scene_fault();
}

static void
block_fault(ward_ctx *ctx)
{
    (void)ctx;
    block(SIGSEGV);
    scene_fault();
}

static void
H03_a_fault_that_is_ignored_or_blocked_kills_all_the_same(void **state)
{
    static const deed deeds[] = {ignore_fault, block_fault};
    struct rig *r = *state;

    for (size_t i = 0; i < 2; i++) {
        rig_do(r, deeds[i]);
        rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
        assert_int_equal(r->last.signal, SIGSEGV);
        assert_int_equal(r->last.by, WARD_BY_SELF);
    }
}

static int
recurse(volatile char *above)
{
    volatile char here[4096];

    here[0] = above[0];
    if (here[0] != 0) /* never */
        return 0;
    return recurse(here) + here[0];
}

static void
recurse_for_ever(ward_ctx *ctx)
{
    volatile char bottom[1] = {0};

    (void)ctx;
    recurse(bottom);
}

static void
spin_in_handler(int signal)
{
    (void)signal;
    for (;;)
        continue;
}

static void
recurse_and_spin(ward_ctx *ctx)
{
    struct sigaction action = {.sa_handler = spin_in_handler, .sa_flags = SA_ONSTACK};

    sigaction(SIGSEGV, &action, NULL); /* on the stack that ward has made */
    recurse_for_ever(ctx);
}

static void
H04_a_stack_that_overflows_is_a_fault(void **state)
{
    struct rig *r = *state;

    rig_do(r, recurse_for_ever);
    rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
    assert_int_equal(r->last.signal, SIGSEGV);
}

static void
H04_a_fault_handler_that_spins_meets_the_deadline_of_its_message(void **state)
{
    struct rig *r = *state;

    rig_spawn(r, &(ward_spec){.message_ms = 100}, NULL);
    rig_do(r, recurse_and_spin);
    rig_expect(r, WARD_CAUSE_TIMEOUT, "message");
}

/* ---- H06: exits before it is ready ---- */

static void
exit_as_told(ward_ctx *ctx)
{
    (void)ctx;
    _exit((int)atomic_load(&rig_board->numbers[0]));
}

static void
H06_an_exit_before_ready_is_a_failed_start_with_its_code(void **state)
{
    static const int codes[] = {0, 1, 12, 71, 127, 125, 253, 254};
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        r->stopped = 0;
        atomic_store(&rig_board->numbers[0], (unsigned)codes[i]);
        rig_spawn(r, &(ward_spec){.restart = WARD_TEMPORARY}, exit_as_told);
        rig_await_stop(r);
        assert_int_equal(r->failed, i + 1);
        rig_expect(r, WARD_CAUSE_EXIT, NULL);
        assert_int_equal(r->last.phase, WARD_PHASE_START);
        assert_int_equal(r->last.exit_code, codes[i]);
    }
    assert_int_equal(r->retries, 0);
}

/* Where the steps of a spawn say what failed is memory that both sides share. */
static size_t
anonymous_shared_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    size_t count = 0;

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, " rw-s ") != NULL && strstr(line, "/dev/zero") != NULL;
    if (maps != NULL)
        fclose(maps);
    return count;
}

/* Writes all over the page and leaves as a step that failed does. */
static void
pretend_a_failed_step(ward_ctx *ctx)
{
    struct ward__page *page = rig_page();

    (void)ctx;
    atomic_store(&rig_board->numbers[0], anonymous_shared_mappings());
    memset(page, 3, WARD__PAGE_SIZE);
    _exit(127);
}

static void
H06_an_exit_of_pre_start_is_never_a_failed_spawn(void **state)
{
    struct rig *r = *state;

    rig_spawn(r, &(ward_spec){.restart = WARD_TEMPORARY}, pretend_a_failed_step);
    rig_await_stop(r);
    assert_int_equal(r->failed, 1);
    assert_int_not_equal(r->last.cause, WARD_CAUSE_SPAWN);
    assert_int_equal(r->last.phase, WARD_PHASE_START);
    assert_int_equal(r->retries, 0);
    assert_int_equal(atomic_load(&rig_board->numbers[0]), anonymous_shared_mappings());
}

/* ---- H07: an outsider ---- */

static void
H07_a_signal_from_outside_is_an_outsiders(void **state)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV};
    struct rig *r = *state;

    rig_spawn(r, NULL, NULL);
    for (unsigned i = 0; i < 3; i++) {
        scene_ok(ward_settle(r->sys, SCENE_PATIENCE_MS));
        kill((pid_t)ward_process_id(r->sys, r->evil), signals[i]);
        rig_await_failures(r, i + 1);
        rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
        assert_int_equal(r->last.signal, signals[i]);
        assert_int_equal(r->last.by, WARD_BY_OUTSIDER);
        assert_int_equal(r->last.phase, WARD_PHASE_IDLE);
        assert_false(r->last.has_message);
    }
    assert_int_equal(r->poison, 0);
}

/* ---- H08: in the middle of a large send ---- */

enum { LARGE = 3 << 20, LARGE_TYPE = 9 };

static void
send_much(ward_ctx *ctx)
{
    char *bytes = malloc(LARGE);
    ward_bytes much = {bytes, LARGE};
    ward_ref host;
    unsigned parts[4];

    for (int i = 0; i < 4; i++)
        parts[i] = atomic_load(&rig_board->numbers[i]);
    memcpy(&host, parts, sizeof host);
    memset(bytes, 7, LARGE);
    ward_tell(ctx, host, LARGE_TYPE, ward_incarnation(ctx), much);
    atomic_fetch_add(&rig_board->done, 1);
    free(bytes);
}

/* While the host does not read, the worker is stuck in its write; killed there, its message was
 * done and what it sent is whole. */
static void
H08_a_message_cut_off_in_the_socket_arrives_whole(void **state)
{
    struct rig *r = *state;
    ward_ref host = ward_self(r->ctx);
    unsigned parts[4];
    uint32_t random = 8;

    r->growth_allowed = 16 << 20;
    memcpy(parts, &host, sizeof host);
    for (int i = 0; i < 4; i++)
        atomic_store(&rig_board->numbers[i], parts[i]);
    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    for (unsigned i = 0; i < 20; i++) {
        unsigned before = r->mails;
        int64_t pid = ward_process_id(r->sys, r->evil);
        rig_tell(r, send_much);
        while (atomic_load(&rig_board->done) == i)
            poll(NULL, 0, 1);
        poll(NULL, 0, (int)(scene_random(&random) % 4));
        kill((pid_t)pid, SIGKILL);
        rig_await_failures(r, i + 1);
        scene_ok(ward_settle(r->sys, SCENE_PATIENCE_MS));
        assert_int_equal(r->mails + r->poison, i + 1);
        if (r->mails > before)
            assert_true(r->mail_size > LARGE);
    }
    assert_true(r->mails > 0);
}

/* ---- H17, H18, H20: it will not end ---- */

static void
spin_deaf(ward_ctx *ctx)
{
    sigset_t all;

    (void)ctx;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;)
        continue;
}

static void
H17_a_busy_loop_deaf_to_signals_is_one_timeout(void **state)
{
    struct rig *r = *state;
    int64_t begun = scene_now_ms();

    rig_spawn(r, &(ward_spec){.message_ms = 200}, NULL);
    rig_do(r, spin_deaf);
    rig_expect(r, WARD_CAUSE_TIMEOUT, "message");
    assert_true(scene_now_ms() - begun < 1500);
    rig_linger(r, 500);
    assert_int_equal(r->failed, 1);
    assert_int_equal(r->poison, 1);
}

static void
H18_a_stop_that_is_ignored_ends_by_force(void **state)
{
    struct rig *r = *state;
    int64_t begun;

    rig_spawn(r, &(ward_spec){.shutdown_ms = 200}, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    rig_tell(r, spin_deaf);
    rig_linger(r, 50);
    begun = scene_now_ms();
    scene_ok(ward_stop(r->ctx, r->evil));
    rig_await_stop(r);
    assert_true(scene_now_ms() - begun < 1500);
    assert_int_equal(r->failed, 0);
    assert_int_equal(r->end, WARD_END_STOPPED);
    assert_string_equal(r->reason, "stopped");
}

static const ward_strategy patient = {.name = "patient",
                                      .max_restarts = 3,
                                      .within_ms = 60000,
                                      .on_limit = WARD_DIRECTIVE_ESCALATE};
WARD_REGISTER(patient);

static void
H20_a_start_that_hangs_is_tried_as_often_as_allowed_and_escalates(void **state)
{
    struct rig *r = *state;

    r->may_fail_system = true;
    rig_spawn(r, &(ward_spec){.start_ms = 100, .strategy = &patient}, spin_deaf);
    rig_await_stop(r);
    assert_int_equal(r->failed, 4);
    rig_expect(r, WARD_CAUSE_TIMEOUT, "start");
    assert_int_equal(r->last.phase, WARD_PHASE_START);
    assert_int_equal(ward_run_for(r->sys, SCENE_PATIENCE_MS), -WARD_EFAILED);
}

/* ---- H41: groups of processes ---- */

static void
kill_own_group(ward_ctx *ctx)
{
    (void)ctx;
    kill(0, SIGKILL);
    pause();
}

static void
H41_a_worker_that_kills_its_group_kills_itself_alone(void **state)
{
    struct rig *r = *state;

    rig_do(r, kill_own_group);
    rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
    assert_int_equal(r->last.signal, SIGKILL);
}

static void
ignore(int signal)
{
    (void)signal;
}

static void
H41_a_signal_to_the_group_of_the_host_reaches_no_worker(void **state)
{
    struct sigaction action = {.sa_handler = ignore}, before;
    struct rig *r = *state;
    int64_t pid;

    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    pid = ward_process_id(r->sys, r->evil);
    setpgid(0, 0); /* else the runner of the tests would have it, too */
    sigaction(SIGTERM, &action, &before);
    kill(0, SIGTERM);
    rig_linger(r, 100);
    sigaction(SIGTERM, &before, NULL);
    assert_int_equal(r->failed, 0);
    assert_int_equal(ward_process_id(r->sys, r->evil), pid);
}

static void
kill_group_of_parent(ward_ctx *ctx)
{
    (void)ctx;
    kill(-getpgid(getppid()), SIGKILL);
    pause();
}

/* Without a sandbox it can; the host is told, and is not held up. The last test: zygote and
 * all may be gone. */
static void
H41_a_worker_that_kills_the_group_of_its_parent_cannot_kill_the_host(void **state)
{
    struct rig *r = *state;
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    r->may_fail_system = true;
    rig_tell(r, kill_group_of_parent);
    while (ward_system_failure(r->sys) == NULL) {
        assert_true(scene_now_ms() < deadline);
        if (ward_run_for(r->sys, 100) == 0)
            break;
    }
    assert_int_equal(ward_system_failure(r->sys)->cause, WARD_CAUSE_FORKSERVER);
}

/* ---- H43: descriptors that another thread of the host opens ---- */

static _Atomic bool is_over;

static void *
open_and_close(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_over)) {
        int fds[16];
        for (int i = 0; i < 16; i++)
            fds[i] = open("/dev/null", O_RDONLY); /* without CLOEXEC */
        for (int i = 0; i < 16; i++)
            close(fds[i]);
    }
    return NULL;
}

static void
count_descriptors(ward_ctx *ctx)
{
    (void)ctx;
    /* Standard ones, the channel, and the folder that is read. */
    atomic_store(&rig_board->numbers[0], (unsigned)scene_descriptors(getpid()));
    atomic_fetch_add(&rig_board->done, 1);
}

static void
H43_no_worker_sees_a_descriptor_of_a_thread_of_the_host(void **state)
{
    struct rig *r = *state;
    pthread_t thread;

    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, open_and_close, NULL), 0);
    for (int i = 0; i < 50; i++) {
        rig_spawn(r, NULL, count_descriptors);
        scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
        assert_int_equal(atomic_load(&rig_board->numbers[0]), 4);
        r->stopped = 0;
        scene_ok(ward_stop(r->ctx, r->evil));
        rig_await_stop(r);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(H01_a_null_dereference_is_a_signal_of_its_own),
        RIG_TEST(H02_abort_is_told_even_where_it_is_blocked),
        RIG_TEST(H03_a_fault_that_is_ignored_or_blocked_kills_all_the_same),
        RIG_TEST(H04_a_stack_that_overflows_is_a_fault),
        RIG_TEST(H04_a_fault_handler_that_spins_meets_the_deadline_of_its_message),
        RIG_TEST(H06_an_exit_before_ready_is_a_failed_start_with_its_code),
        RIG_TEST(H06_an_exit_of_pre_start_is_never_a_failed_spawn),
        RIG_TEST(H07_a_signal_from_outside_is_an_outsiders),
        RIG_TEST(H08_a_message_cut_off_in_the_socket_arrives_whole),
        RIG_TEST(H17_a_busy_loop_deaf_to_signals_is_one_timeout),
        RIG_TEST(H18_a_stop_that_is_ignored_ends_by_force),
        RIG_TEST(H20_a_start_that_hangs_is_tried_as_often_as_allowed_and_escalates),
        RIG_TEST(H41_a_worker_that_kills_its_group_kills_itself_alone),
        RIG_TEST(H41_a_signal_to_the_group_of_the_host_reaches_no_worker),
        RIG_TEST(H43_no_worker_sees_a_descriptor_of_a_thread_of_the_host),
        RIG_TEST(H41_a_worker_that_kills_the_group_of_its_parent_cannot_kill_the_host),
    };

    return rig_main("deaths", tests, sizeof tests / sizeof tests[0]);
}

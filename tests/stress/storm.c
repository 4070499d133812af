#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/system.h"
#include "supervisor/zygote.h"

enum { NUMBER = 1 };
enum { BURST = 20, TURN_MS = 2, MOST = 1 << 20 };

static struct storm_board *board; /* every process of the system inherits it */

/* ---- in the workers ---- */

enum { MARKS_EACH = 1 << 16, ALONE_AT = STORM_SLOTS * MARKS_EACH };

static int
lock_byte(int fd, int how, int type, off_t at)
{
    struct flock lock = {
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    return fcntl(fd, how, &lock);
}

/* Two locks: one that daemons inherit, for this incarnation; one of this process alone, which
 * a predecessor that still lives would hold. */
static void
leave_marks(enum storm_slot slot)
{
    unsigned incarnation = atomic_fetch_add(&board->incarnations[slot], 1);
    int fd = open(board->marks, O_RDWR | O_CLOEXEC);

    if (fd < 0 ||
        lock_byte(fd, F_OFD_SETLK, F_RDLCK, (off_t)slot * MARKS_EACH + incarnation) < 0)
        _exit(99);
    if (lock_byte(fd, F_SETLK, F_WRLCK, ALONE_AT + (off_t)slot) < 0)
        atomic_fetch_add(&board->overlaps, 1);
    atomic_store(&board->workers[slot], getpid());
    scene_leave_daemon();
    atomic_fetch_add(&board->starts, 1);
}

static ward_ref
target_of(ward_ctx *ctx)
{
    ward_ref target = {0, 0};

    if (ward_args(ctx).size == sizeof target)
        memcpy(&target, ward_args(ctx).data, sizeof target);
    return target;
}

static ward_next
pass_on(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;

    if (ward_get(msg, &number) < 0)
        return WARD_UNHANDLED;
    return ward_tell(ctx, target_of(ctx), NUMBER, number);
}

static int
helper_start(ward_ctx *ctx)
{
    (void)ctx;
    leave_marks(STORM_HELPER);
    return 0;
}

static const ward_behavior helper = {
    .name = "helper", .receive = pass_on, .pre_start = helper_start};
WARD_REGISTER(helper);

static int
relay_start(ward_ctx *ctx)
{
    ward_ref child;

    leave_marks(STORM_RELAY);
    return ward_spawn(
        ctx, &child,
        &(ward_spec){.id = "helper", .behavior = &helper, .strategy = &scene_stubborn});
}

static const ward_behavior relay = {
    .name = "relay", .receive = pass_on, .pre_start = relay_start};
WARD_REGISTER(relay);

static int
sink_start(ward_ctx *ctx)
{
    (void)ctx;
    leave_marks(STORM_SINK);
    return 0;
}

static const ward_behavior sink = {
    .name = "sink", .receive = pass_on, .pre_start = sink_start};
WARD_REGISTER(sink);

/* ---- in the host program ---- */

static uint8_t seen[MOST];
static int64_t last_seen;

static void
arrived(ward_ctx *ctx, const ward_message *msg, void *user)
{
    int64_t number = 0;

    (void)ctx;
    (void)user;
    if (ward_get(msg, &number) < 0 || number <= last_seen || number >= MOST ||
        seen[number]++)
        atomic_fetch_add(&board->disorder, 1);
    last_seen = number;
    atomic_fetch_add(&board->arrived, 1);
}

static void
note_letter(const ward_event *event)
{
    int64_t number = 0;

    if (event->letter != WARD_LETTER_POISON) {
        atomic_fetch_add(&board->other_letters, 1);
        return;
    }
    if (ward_get(event->message, &number) < 0 || number >= MOST || seen[number]++)
        atomic_fetch_add(&board->disorder, 1);
    atomic_fetch_add(&board->poison, 1);
}

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    const ward_system *sys = *(ward_system **)user;

    (void)ctx;
    if (event->kind == WARD_EVENT_DEAD_LETTER)
        note_letter(event);
    if (event->kind == WARD_EVENT_FAILED &&
        event->failure->cause != WARD_CAUSE_FORKSERVER) {
        atomic_fetch_add(&board->failures, 1);
    }
    if (event->kind == WARD_EVENT_STOPPED && strcmp(event->text, "limit") == 0)
        atomic_fetch_add(&board->limits, 1);
    if (event->kind == WARD_EVENT_FORKSERVER_LOST) {
        atomic_store(&board->server, sys->link.server.pid);
        atomic_fetch_add(&board->servers_lost, 1);
    }
}

static ward_ref
spawn(ward_system *sys, const char *id, const ward_behavior *behavior, ward_ref target)
{
    ward_ref ref = {0, 0};

    if (ward_spawn(ward_system_ctx(sys), &ref,
                   &(ward_spec){.id = id,
                                .behavior = behavior,
                                .strategy = &scene_stubborn,
                                .args = {&target, sizeof target}}) < 0)
        _exit(98);
    return ref;
}

/* The load: numbers in bursts, until the test has enough or the system has. */
static int
serve(ward_system *sys, ward_ref to)
{
    unsigned next = 1;
    int result = -ETIMEDOUT;

    while (result == -ETIMEDOUT && !atomic_load(&board->please_stop)) {
        for (int i = 0; i < BURST && next < MOST; i++)
            if (ward_tell(ward_system_ctx(sys), to, NUMBER, next) == 0)
                atomic_store(&board->told, next++);
        result = ward_run_for(sys, TURN_MS);
        atomic_store(&board->server, sys->link.server.pid);
        if (atomic_load(&board->starts) >= STORM_SLOTS &&
            atomic_load(&board->arrived) > 0)
            atomic_store(&board->phase, STORM_RUNNING);
    }
    return result;
}

/* A child that the host merely forked: it keeps what it was given. */
static void
cast_shadow(void)
{
    if (fork() == 0)
        for (;;)
            pause();
}

static _Noreturn void
host_program(bool has_shadow)
{
    ward_system *sys = NULL;
    ward_ref sink_ref, relay_ref;
    int result;

    if (ward_early() < 0 ||
        ward_system_new(&sys, &(ward_system_options){.on_event = note,
                                                     .on_message = arrived,
                                                     .user = &sys}) < 0)
        _exit(97);
    atomic_store(&board->zygote, ward__zygote_pid());
    atomic_store(&board->server, sys->link.server.pid);
    close(STDIN_FILENO); /* the pipe is for the others */
    open("/dev/null", O_RDONLY);
    sink_ref = spawn(sys, "sink", &sink, ward_self(ward_system_ctx(sys)));
    relay_ref = spawn(sys, "relay", &relay, sink_ref);
    if (has_shadow)
        cast_shadow();
    result = serve(sys, relay_ref);
    if (result == -ETIMEDOUT)
        result = ward_settle(sys, SCENE_PATIENCE_MS);
    atomic_store(&board->result, result);
    if (ward_system_failure(sys) != NULL)
        atomic_store(&board->cause, (int)ward_system_failure(sys)->cause);
    if (result == 0 && (ward_system_stop(sys) < 0 || ward_run(sys) < 0))
        atomic_store(&board->result, -EIO);
    ward_system_free(sys);
    atomic_store(&board->phase, STORM_OVER);
    _exit(0);
}

/* ---- in the test ---- */

static void
open_board(void)
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    assert_ptr_not_equal(board, MAP_FAILED);
    atomic_store(&board->cause, -1);
    strcpy(board->marks, "/tmp/ward-marks-XXXXXX");
}

void
storm_begin(struct storm *storm, bool has_shadow)
{
    int ends[2];

    open_board();
    *storm = (struct storm){.board = board, .has_shadow = has_shadow};
    storm->marks = mkostemp(board->marks, O_CLOEXEC);
    assert_true(storm->marks >= 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    storm->held = ends[0];
    fflush(NULL);
    storm->host = fork();
    assert_true(storm->host >= 0);
    if (storm->host == 0) {
        setpgid(0, 0); /* so that the test can clear up the shadow */
        dup2(ends[1], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        host_program(has_shadow);
    }
    close(ends[1]);
}

void
storm_await_more(_Atomic unsigned *count, unsigned more)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;
    unsigned wanted = atomic_load(count) + more;

    while (atomic_load(count) < wanted) {
        assert_true(scene_now_ms() < deadline);
        poll(NULL, 0, 1); /* shared memory wakes nobody */
    }
}

void
storm_await_running(struct storm *storm)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (atomic_load(&storm->board->phase) == STORM_BORN) {
        assert_true(scene_now_ms() < deadline);
        poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(&storm->board->phase), STORM_RUNNING);
}

bool
storm_is_gone(struct storm *storm)
{
    return scene_pipe_ends(storm->held, SCENE_GONE_MS);
}

bool
storm_are_gone(struct storm *storm, enum storm_slot slot, unsigned up_to)
{
    int64_t deadline = scene_now_ms() + SCENE_GONE_MS;
    struct flock lock;

    do {
        lock = (struct flock){.l_type = F_WRLCK,
                              .l_whence = SEEK_SET,
                              .l_start = (off_t)slot * MARKS_EACH,
                              .l_len = up_to};
        assert_int_equal(fcntl(storm->marks, F_OFD_GETLK, &lock), 0);
        if (lock.l_type == F_UNLCK)
            return true;
        poll(NULL, 0, 1); /* a blocking lock has no deadline */
    } while (scene_now_ms() < deadline);
    return false;
}

int
storm_collect(struct storm *storm)
{
    int status = 0;

    assert_int_equal(waitpid(storm->host, &status, 0), storm->host);
    if (storm->has_shadow)
        kill(-storm->host, SIGKILL);
    storm->host = 0;
    return status;
}

void
storm_stop(struct storm *storm)
{
    atomic_store(&storm->board->please_stop, 1);
    assert_int_equal(storm_collect(storm), 0);
    scene_ok(atomic_load(&storm->board->result));
    assert_true(storm_is_gone(storm));
    assert_int_equal(atomic_load(&storm->board->arrived) +
                         atomic_load(&storm->board->poison),
                     atomic_load(&storm->board->told));
}

void
storm_end(struct storm *storm)
{
    assert_int_equal(atomic_load(&storm->board->disorder), 0);
    assert_int_equal(atomic_load(&storm->board->overlaps), 0);
    assert_int_equal(atomic_load(&storm->board->limits), 0);
    unlink(storm->board->marks);
    close(storm->marks);
    close(storm->held);
    munmap(storm->board, sizeof *storm->board);
}

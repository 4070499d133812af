#include "tests/hostile/rig.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/wire.h"

enum { DEED = 1, PING, COUNT };

struct rig_board *rig_board;

/* ---- the workers ---- */

/* A deed crosses as a number: host and worker are copies of one image. */
static void
run_deed(ward_ctx *ctx, uint64_t number)
{
    deed what;

    memcpy(&what, &number, sizeof what);
    what(ctx);
}

static int
evil_start(ward_ctx *ctx)
{
    uint64_t number = 0;

    if (ward_args(ctx).size == sizeof number)
        memcpy(&number, ward_args(ctx).data, sizeof number);
    if (number != 0)
        run_deed(ctx, number);
    return 0;
}

static ward_next
evil_receive(ward_ctx *ctx, const ward_message *msg)
{
    uint64_t number;

    if (ward_message_type(msg) != DEED || ward_get(msg, &number) < 0)
        return WARD_UNHANDLED;
    run_deed(ctx, number);
    return WARD_SAME;
}

static const ward_behavior evil = {
    .name = "evil", .receive = evil_receive, .pre_start = evil_start};
WARD_REGISTER(evil);

static ward_next
good_receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t *count = ward_state(ctx);

    if (ward_message_type(msg) == COUNT)
        return ward_reply(ctx, *count);
    ++*count;
    return WARD_SAME;
}

static const ward_behavior good = {
    .name = "good", .state_size = sizeof(int64_t), .receive = good_receive};
WARD_REGISTER(good);

/* ---- what the host is told ---- */

static void
note_failure(struct rig *r, const ward_failure *failure)
{
    r->failed++;
    r->last = *failure;
    snprintf(r->last_step, sizeof r->last_step, "%s", failure->step);
    r->last.step = r->last_step;
    r->last.path = r->last.origin_path = r->last.raised = r->last.text = "";
    r->last.message.data = NULL;
    r->last.last = NULL;
}

static void
note_stop(struct rig *r, const ward_event *event)
{
    r->stopped++;
    r->end = event->end;
    snprintf(r->reason, sizeof r->reason, "%s", event->text);
}

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct rig *r = user;

    (void)ctx;
    if (event->kind == WARD_EVENT_LOG)
        r->logs_in_order += strtoull(event->text, NULL, 10) == r->logs;
    r->logs += event->kind == WARD_EVENT_LOG;
    r->lost += event->kind == WARD_EVENT_EVENTS_LOST ? event->count : 0;
    if (!ward_ref_equal(event->actor, r->evil))
        return;
    r->restarted += event->kind == WARD_EVENT_RESTARTED;
    r->retries += event->kind == WARD_EVENT_SPAWN_RETRY;
    r->skipped += event->kind == WARD_EVENT_CLEANUP_SKIPPED;
    if (event->kind == WARD_EVENT_FAILED)
        note_failure(r, event->failure);
    if (event->kind == WARD_EVENT_STOPPED)
        note_stop(r, event);
    if (event->kind == WARD_EVENT_DEAD_LETTER && event->letter == WARD_LETTER_POISON)
        r->poison++;
    else if (event->kind == WARD_EVENT_DEAD_LETTER)
        r->other_letters++;
}

static void
note_mail(ward_ctx *ctx, const ward_message *msg, void *user)
{
    struct rig *r = user;

    (void)ctx;
    r->mails++;
    r->mail_type = ward_message_type(msg);
    r->mail_size = ward_message_raw(msg).size;
    if (ward_get(msg, &r->mail_number) < 0)
        r->mail_number = 0;
}

/* ---- life ---- */

int
rig_setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    memset(rig_board, 0, sizeof *rig_board);
    r->descriptors = scene_descriptors(getpid());
    r->growth_allowed = 1 << 20;
    scene_ok(ward_system_new(
        &r->sys,
        &(ward_system_options){.on_event = note, .on_message = note_mail, .user = r}));
    r->ctx = ward_system_ctx(r->sys);
    scene_ok(ward_spawn(r->ctx, &r->good, &(ward_spec){.id = "good", .behavior = &good}));
    scene_ok(ward_wait_up(r->sys, r->good, SCENE_PATIENCE_MS));
    r->good_pid = ward_process_id(r->sys, r->good);
    r->resident = scene_resident(getpid());
    *state = r;
    return 0;
}

/* The sibling is the same process and has done all that it was told. */
static void
assert_good_is_well(struct rig *r)
{
    ward_message *reply = NULL;
    int64_t count = -1;

    assert_int_equal(ward_process_id(r->sys, r->good), r->good_pid);
    scene_ok(ward_ask(r->ctx, r->good, &reply, SCENE_PATIENCE_MS, COUNT));
    scene_ok(ward_get(reply, &count));
    ward_message_free(reply);
    assert_int_equal(count, r->pinged);
}

static int64_t
allowed(const struct rig *r)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)r;
    return INT64_MAX; /* a sanitizer keeps what was freed */
#else
    return r->growth_allowed;
#endif
}

int
rig_teardown(void **state)
{
    struct rig *r = *state;

    if (!r->may_fail_system) {
        assert_good_is_well(r);
        assert_true(scene_resident(getpid()) - r->resident <= allowed(r));
        scene_ok(ward_system_stop(r->sys));
        scene_ok(ward_run_for(r->sys, SCENE_PATIENCE_MS));
    }
    ward_system_free(r->sys);
    assert_int_equal(scene_descriptors(getpid()), r->descriptors);
    free(r);
    return 0;
}

int
rig_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
    rig_board = mmap(NULL, sizeof *rig_board, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rig_board == MAP_FAILED || ward_early() < 0)
        return 1;
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

/* ---- doing ---- */

static uint64_t
number_of(deed what)
{
    uint64_t number = 0;

    memcpy(&number, &what, sizeof what);
    return number;
}

void
rig_spawn(struct rig *r, const ward_spec *more, deed at_start)
{
    uint64_t number = at_start != NULL ? number_of(at_start) : 0;
    ward_spec spec = {0};

    if (more != NULL)
        spec = *more;
    spec.id = "evil";
    spec.behavior = &evil;
    if (spec.strategy == NULL)
        spec.strategy = &scene_stubborn;
    if (spec.shutdown_ms == 0)
        spec.shutdown_ms = 500;
    spec.args = (ward_bytes){&number, sizeof number};
    scene_ok(ward_spawn(r->ctx, &r->evil, &spec));
}

void
rig_tell(struct rig *r, deed what)
{
    if (r->evil.id == 0)
        rig_spawn(r, NULL, NULL);
    scene_ok(ward_tell(r->ctx, r->evil, DEED, number_of(what)));
}

void
rig_turn(struct rig *r, int64_t deadline)
{
    if (ward_tell(r->ctx, r->good, PING) == 0)
        r->pinged++;
    scene_turn(r->sys, deadline);
}

void
rig_linger(struct rig *r, int ms)
{
    int64_t deadline = scene_now_ms() + ms;

    if (ward_tell(r->ctx, r->good, PING) == 0)
        r->pinged++;
    while (scene_now_ms() < deadline)
        ward_run_for(r->sys, (int)(deadline - scene_now_ms()));
}

void
rig_await_failures(struct rig *r, unsigned count)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (r->failed < count)
        rig_turn(r, deadline);
}

void
rig_await_stop(struct rig *r)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (r->stopped == 0)
        rig_turn(r, deadline);
}

void
rig_do(struct rig *r, deed what)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;
    unsigned failed = r->failed, restarted = r->restarted;

    rig_tell(r, what);
    rig_await_failures(r, failed + 1);
    while (r->restarted == restarted && r->stopped == 0)
        rig_turn(r, deadline);
    assert_int_equal(r->failed, failed + 1);
}

void
rig_expect(const struct rig *r, ward_cause cause, const char *step)
{
    if (r->last.cause != cause || (step != NULL && strcmp(r->last_step, step) != 0))
        print_error("failure '%s', step '%s'\n", ward_cause_name(r->last.cause),
                    r->last_step);
    assert_int_equal(r->last.cause, cause);
    if (step != NULL)
        assert_string_equal(r->last_step, step);
}

/* ---- in the worker ---- */

int
rig_channel(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int highest = -1;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (atoi(entry->d_name) > highest && atoi(entry->d_name) != dirfd(dir))
            highest = atoi(entry->d_name);
    closedir(dir);
    return highest;
}

struct ward__page *
rig_page(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long from = 0;
    char line[400];

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "memfd:ward") != NULL && sscanf(line, "%lx-", &from) == 1)
            break;
    if (maps != NULL)
        fclose(maps);
    return (struct ward__page *)from;
}

void
rig_write(const void *bytes, size_t size)
{
    int channel = rig_channel();

    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(channel, (const char *)bytes + done, size - done);
        if (wrote <= 0)
            _exit(90);
        done += (size_t)wrote;
    }
}

void
rig_write_committed(const void *bytes, size_t size)
{
    struct ward__page *page = rig_page();
    uint64_t commit = atomic_load(&page->commit);

    atomic_store(&page->commit,
                 ward__commit_pack(ward__commit_tail(commit) + (uint32_t)size,
                                   ward__commit_done(commit)));
    rig_write(bytes, size);
}

void
rig_write_frame(void (*pack)(struct ward__sink *sink))
{
    struct ward__sink sink;
    size_t begun;

    ward__sink_init(&sink, 1 << 20);
    begun = ward__wire_begin(&sink);
    pack(&sink);
    if (ward__wire_end(&sink, begun, 1 << 20) < 0)
        _exit(91);
    rig_write_committed(sink.data, sink.size);
    ward__sink_done(&sink);
}

_Noreturn void
rig_spin(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;)
        pause();
}

#include "member.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LETTERS = 128, STEPS = 8192 };

struct entry {
    _Atomic char step; /* written last */
    char letter;
    int64_t process;
    int64_t at_ms;
};

static struct shared {
    _Atomic int count;
    struct entry entries[STEPS];
    _Atomic int starts[LETTERS];
    struct plan plans[LETTERS];
} * shared; /* owned: one mapping of all processes */

void
member_begin(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
}

int
member_setup(void **state)
{
    memset(shared, 0, sizeof *shared);
    return harness_setup(state);
}

void
pass(int ms)
{
    poll(NULL, 0, ms);
}

/* ---- plans ---- */

struct plan *
plan(char letter)
{
    return &shared->plans[letter & (LETTERS - 1)];
}

void
plan_starts(char letter, int from, enum start how)
{
    for (int i = from - 1; i < PLANNED_STARTS; i++)
        plan(letter)->starts[i] = (unsigned char)how;
}

/* ---- the log ---- */

static char
letter_of(const char *path)
{
    return path[strlen(path) - 1];
}

static void
log_step(ward_ctx *ctx, enum step step)
{
    int i = atomic_fetch_add(&shared->count, 1);

    if (i >= STEPS)
        return;
    shared->entries[i].letter = letter_of(ward_path(ctx));
    shared->entries[i].process = getpid();
    shared->entries[i].at_ms = now_ms();
    atomic_store(&shared->entries[i].step, (char)step);
}

static int
entry_count(void)
{
    int count = atomic_load(&shared->count);

    return count < STEPS ? count : STEPS;
}

int
starts_of(char letter)
{
    return atomic_load(&shared->starts[letter & (LETTERS - 1)]);
}

void
trace_clear(void)
{
    for (int i = 0; i < entry_count(); i++)
        atomic_store(&shared->entries[i].step, 0);
    atomic_store(&shared->count, 0);
}

void
assert_trace_at(struct harness *h, const char *kinds, const char *expected,
                const char *file, int line)
{
    char trace[2000] = "";
    size_t used = 0;

    for (int i = 0; i < entry_count() && used + 4 < sizeof trace; i++) {
        char step = atomic_load(&shared->entries[i].step);
        if (step == 0 || strchr(kinds, step) == NULL)
            continue;
        if (used > 0)
            trace[used++] = ' ';
        trace[used++] = step;
        trace[used++] = shared->entries[i].letter;
        trace[used] = '\0';
    }
    if (strcmp(trace, expected) != 0)
        fail_with_log_at(h, file, line, "the steps were '%s', expected '%s'", trace,
                         expected);
}

struct steps
steps_of(enum step step, char letter)
{
    struct steps s = {0};

    for (int i = 0; i < entry_count(); i++) {
        const struct entry *e = &shared->entries[i];
        if (atomic_load(&e->step) != (char)step || (letter != 0 && e->letter != letter))
            continue;
        if (s.count++ == 0)
            s.first_ms = e->at_ms;
        s.last_ms = e->at_ms;
        s.process = e->process;
    }
    return s;
}

/* The log wakes nobody, so we look every few milliseconds. */
void
await_steps(struct harness *h, enum step step, char letter, int count)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (steps_of(step, letter).count < count) {
        if (now_ms() > deadline)
            fail_with_log(h, "step %c%c did not happen %d times", (char)step,
                          letter == 0 ? '*' : letter, count);
        linger(h, 5);
    }
}

/* ---- the behavior ---- */

static _Noreturn void
wait_for_ever(void)
{
    for (;;)
        pause();
}

static int
member_start(ward_ctx *ctx)
{
    char letter = letter_of(ward_path(ctx));
    int n = atomic_fetch_add(&shared->starts[letter & (LETTERS - 1)], 1);

    log_step(ctx, BEGUN);
    switch (plan(letter)->starts[n < PLANNED_STARTS ? n : PLANNED_STARTS - 1]) {
    case START_FAILS:
        return -EIO;
    case START_CRASHES:
        return *(volatile int *)0;
    case START_EXITS:
        _exit(0);
    case START_IGNORES:
        return WARD_START_IGNORE;
    case START_HANGS:
        wait_for_ever();
    }
    log_step(ctx, UP);
    return 0;
}

static void
member_stop(ward_ctx *ctx)
{
    const struct plan *p = plan(letter_of(ward_path(ctx)));

    log_step(ctx, TERM);
    if (p->end_ms > 0)
        pass(p->end_ms);
    if (p->end == END_HANGS)
        wait_for_ever();
    log_step(ctx, DONE);
    if (p->end == END_EXITS)
        _exit(7);
    if (p->end == END_CRASHES)
        (void)*(volatile int *)0;
}

static _Noreturn void
hold(ward_ctx *ctx, int64_t type)
{
    int ends[2];
    char byte;

    log_step(ctx, HELD);
    if (type == READ && pipe(ends) == 0)
        (void)!read(ends[0], &byte, 1);
    if (type == FREEZE)
        raise(SIGSTOP);
    for (volatile unsigned turns = 0; type == BUSY; turns++)
        continue;
    wait_for_ever();
}

static ward_next
litter(void)
{
    if (fork() == 0)
        wait_for_ever();
    return *(volatile int *)0;
}

static ward_next
leave_with(ward_ctx *ctx, const ward_message *msg)
{
    const char *reason;

    return ward_get(msg, &reason) < 0 ? WARD_UNHANDLED : ward_stop_self(ctx, reason);
}

static ward_next
member_receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t type = ward_message_type(msg);
    int code;

    switch (type) {
    case PING:
        return ward_reply(ctx, ward_incarnation(ctx));
    case CRASH:
        return *(volatile int *)0;
    case EXIT:
        if (ward_get(msg, &code) == 0)
            _exit(code);
        break;
    case ABORT:
        abort();
    case KILL:
        raise(SIGKILL);
        break;
    case LEAVE:
        return WARD_STOP;
    case LEAVE_WITH:
        return leave_with(ctx, msg);
    case HOLD:
    case BUSY:
    case READ:
    case FREEZE:
        hold(ctx, type);
    case LITTER:
        return litter();
    }
    return WARD_UNHANDLED;
}

const ward_behavior member = {.name = "member",
                              .receive = member_receive,
                              .pre_start = member_start,
                              .post_stop = member_stop};
WARD_REGISTER(member);

/* ---- the tree ---- */

ward_ref
start_tree(struct harness *h, const ward_supervisor *supervisor)
{
    return spawn_up(h, &(ward_spec){.id = "s", .supervisor = supervisor});
}

ward_child
child_of(struct harness *h, ward_ref supervisor, const char *id)
{
    ward_child child = {0};
    int result = ward_which_child(h->ctx, supervisor, id, &child);

    if (result != 0)
        fail_with_log(h, "ward_which_child %s: %s", id, ward_error_name(result));
    assert_string_equal(child.id, id);
    return child;
}

int64_t
process_of(struct harness *h, ward_ref supervisor, const char *id)
{
    int64_t process = ward_process_id(h->sys, child_of(h, supervisor, id).ref);

    if (process <= 0)
        fail_with_log(h, "%s has no process: %lld", id, (long long)process);
    return process;
}

void
tell_child(struct harness *h, ward_ref supervisor, const char *id, int64_t type)
{
    assert_result(ward_tell(h->ctx, child_of(h, supervisor, id).ref, type), 0);
}

void
assert_counts_at(struct harness *h, ward_ref supervisor, size_t specs, size_t active,
                 const char *file, int line)
{
    ward_child_count count = {99, 99, 99, 99};
    int result = ward_count_children(h->ctx, supervisor, &count);

    if (result != 0 || count.specs != specs || count.active != active ||
        count.supervisors + count.workers != specs)
        fail_with_log_at(h, file, line,
                         "%s: %zu specs, %zu active, %zu supervisors, %zu workers; "
                         "expected %zu specs, %zu active",
                         ward_error_name(result), count.specs, count.active,
                         count.supervisors, count.workers, specs, active);
}

struct count {
    ward_event_kind kind;
    const char *path;
    size_t count;
};

static bool
has_count(struct harness *h, const void *arg)
{
    const struct count *c = arg;

    return count_events(h, c->kind, c->path) >= c->count;
}

void
await_count(struct harness *h, ward_event_kind kind, const char *path, size_t count)
{
    await_true(h, has_count, &(struct count){kind, path, count}, ward_event_name(kind));
}

void
stop_tree(struct harness *h, ward_ref supervisor)
{
    int result;

    assert_result(ward_stop(h->ctx, supervisor), 0);
    result = ward_wait_down(h->sys, supervisor, DEADLINE_MS);
    if (result != 0)
        fail_with_log(h, "its stop: %s", ward_error_name(result));
    settle(h);
}

void
await_given_up(struct harness *h, const char *path)
{
    const struct record *r = await_event(h, WARD_EVENT_FAILED, path);

    if (r->failure.cause != WARD_CAUSE_INTENSITY)
        fail_with_log(h, "%s failed with cause %s", path,
                      ward_cause_name(r->failure.cause));
    assert_non_null(r->failure.last);
    r = await_event(h, WARD_EVENT_STOPPED, path);
    assert_int_equal(r->end, WARD_END_FAILURE);
}

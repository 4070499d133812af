#include "stage.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { LETTERS = 26, ENTRIES = 4096 };

static struct stage {
    struct part parts[LETTERS];
    _Atomic int in_stop; /* how many are in their post_stop, or were */
    _Atomic int length;
    char log[ENTRIES][2];
} * stage; /* shared by all processes */

/* ---- in the members ---- */

static char
letter_of(ward_ctx *ctx)
{
    return strrchr(ward_path(ctx), '/')[1];
}

static void
note(char what, char letter)
{
    int at = atomic_fetch_add(&stage->length, 1);

    if (at < ENTRIES) {
        stage->log[at][0] = what;
        stage->log[at][1] = letter;
    }
}

static void
spend(int ms)
{
    poll(NULL, 0, ms);
}

static bool
is_between(int number, int from, int to)
{
    return from > 0 && number >= from && number <= to;
}

static int
enter(ward_ctx *ctx)
{
    struct part *p = part(letter_of(ctx));
    int number = atomic_fetch_add(&p->starts, 1) + 1;

    p->started_at = now_ms();
    if (is_between(number, p->fails_from, p->fails_to))
        return -EIO;
    if (is_between(number, p->ignores_from, p->ignores_to))
        return WARD_START_IGNORE;
    note('+', letter_of(ctx));
    return 0;
}

static void
go(ward_ctx *ctx)
{
    struct part *p = part(letter_of(ctx));
    int64_t deadline = now_ms() + 3000;

    atomic_fetch_add(&stage->in_stop, 1);
    while (stage->in_stop < p->meets && now_ms() < deadline)
        spend(1);
    if (stage->in_stop < p->meets)
        return; /* they did not come: nothing is logged */
    if (p->stop_ms > 0)
        spend(p->stop_ms);
    if (p->crashes_in_stop)
        raise(SIGABRT);
    note('-', letter_of(ctx));
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case CRASH:
        return *(volatile int *)0;
    case LEAVE:
        return WARD_STOP;
    case PING:
        ward_reply(ctx, (int)part(letter_of(ctx))->starts); /* if it was asked */
        return WARD_SAME;
    }
    return WARD_UNHANDLED;
}

const ward_behavior member = {
    .name = "member", .receive = receive, .pre_start = enter, .post_stop = go};
WARD_REGISTER(member);

const ward_spec nobody[] = {{0}};

/* ---- script and log ---- */

struct part *
part(char letter)
{
    assert(letter >= 'a' && letter <= 'z');
    return &stage->parts[letter - 'a'];
}

const char *
played(void)
{
    static char text[3 * ENTRIES + 1];
    int length = stage->length < ENTRIES ? stage->length : ENTRIES;

    for (int i = 0; i < length; i++) {
        text[3 * i] = stage->log[i][0];
        text[3 * i + 1] = stage->log[i][1];
        text[3 * i + 2] = ' ';
    }
    text[length == 0 ? 0 : 3 * length - 1] = '\0';
    return text;
}

void
assert_log_at(struct harness *h, const char *expected, const char *file, int line)
{
    if (strcmp(played(), expected) != 0)
        fail_with_log_at(h, file, line, "the members did '%s', expected '%s'", played(),
                         expected);
}

/* ---- life ---- */

int
stage_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    if (stage == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    return harness_main(name, tests, count);
}

int
stage_setup(void **state)
{
    memset(stage, 0, sizeof *stage);
    return harness_setup(state);
}

/* ---- doing ---- */

ward_ref
open_tree(struct harness *h, const ward_supervisor *supervisor)
{
    return spawn_up(h, &(ward_spec){.id = "s", .supervisor = supervisor});
}

void
crash(struct harness *h, const char *path)
{
    assert_result(ward_tell(h->ctx, find(h, path), CRASH), 0);
}

void
leave(struct harness *h, const char *path)
{
    assert_result(ward_tell(h->ctx, find(h, path), LEAVE), 0);
}

const struct record *
crash_told(struct harness *h, const char *path)
{
    crash(h, path);
    return await_event(h, WARD_EVENT_FAILED, path);
}

const struct record *
crash_restarts(struct harness *h, const char *path)
{
    const struct record *failed = crash_told(h, path);

    if (failed->directive != WARD_DIRECTIVE_RESTART)
        fail_with_log(h, "%s was answered with %s, expected restart", path,
                      ward_directive_name(failed->directive));
    await_event(h, WARD_EVENT_RESTARTED, path);
    return failed;
}

void
assert_alive(struct harness *h, const char *path, int starts)
{
    int64_t got = ask_number(h, find(h, path), PING);

    if (got != starts)
        fail_with_log(h, "%s was started %lld times, expected %d", path, (long long)got,
                      starts);
}

void
assert_down(struct harness *h, ward_ref ref)
{
    if (ward_wait_down(h->sys, ref, DEADLINE_MS) != 0)
        fail_with_log(h, "it is not down");
}

void
assert_gave_up(struct harness *h, const char *path, const char *culprit)
{
    const struct record *r = await_event(h, WARD_EVENT_FAILED, path);

    if (r->failure.cause != WARD_CAUSE_INTENSITY || r->failure.last == NULL)
        fail_with_log(h, "%s failed with cause %s, %s a last failure", path,
                      ward_cause_name(r->failure.cause),
                      r->failure.last == NULL ? "without" : "with");
    assert_int_equal(r->report, WARD_REPORT_SHUTDOWN);
    assert_string_equal(r->failure.last->origin_path, culprit);
    assert_int_equal(r->failure.last->cause, WARD_CAUSE_SIGNAL);
    assert_int_equal(r->failure.last->signal, SIGSEGV);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, path)->end, WARD_END_FAILURE);
}

/* ---- children ---- */

ward_child
child_of(struct harness *h, ward_ref supervisor, const char *id)
{
    ward_child child = {0};

    assert_result(ward_which_child(h->ctx, supervisor, id, &child), 0);
    assert_string_equal(child.id, id);
    return child;
}

void
assert_state_at(struct harness *h, ward_ref supervisor, const char *id,
                ward_child_state expected, const char *file, int line)
{
    ward_child child = child_of(h, supervisor, id);

    if (child.state != expected)
        fail_with_log_at(h, file, line, "%s is %s, expected %s", id,
                         ward_child_state_name(child.state),
                         ward_child_state_name(expected));
    if (expected == WARD_CHILD_ABSENT && (child.ref.id != 0 || child.ref.nonce != 0))
        fail_with_log_at(h, file, line, "%s is absent and has a reference", id);
}

void
assert_counts_at(struct harness *h, ward_ref supervisor, const char *expected,
                 const char *file, int line)
{
    ward_child_count count = {0};
    char got[100];

    assert_result(ward_count_children(h->ctx, supervisor, &count), 0);
    snprintf(got, sizeof got, "%zu %zu %zu %zu", count.specs, count.active,
             count.supervisors, count.workers);
    if (strcmp(got, expected) != 0)
        fail_with_log_at(h, file, line, "there are %s children, expected %s", got,
                         expected);
}

ward_ref
start_child_up(struct harness *h, ward_ref supervisor, const ward_spec *spec)
{
    ward_ref ref = {0, 0};

    assert_result(ward_start_child(h->ctx, supervisor, spec, &ref), 0);
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    return ref;
}

ward_ref
restart_child_up(struct harness *h, ward_ref supervisor, const char *id)
{
    ward_ref ref = {0, 0};

    assert_result(ward_restart_child(h->ctx, supervisor, id, &ref), 0);
    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    return ref;
}

void
terminate_child_down(struct harness *h, ward_ref supervisor, const char *id)
{
    ward_ref ref = child_of(h, supervisor, id).ref;

    assert_result(ward_terminate_child(h->ctx, supervisor, id), 0);
    assert_down(h, ref);
}

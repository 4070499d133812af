/* Ten thousand deaths leave nothing behind: no descriptor, no zombie, no memory. */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/system.h"

enum { DIE = 1, COUNT };

enum manner { NULL_WRITE, ABORT, EXIT, RAISE, OUTSIDER, MANNERS };

/* ---- the victim ---- */

static ward_next
die(ward_ctx *ctx, int manner)
{
    switch (manner) {
    case NULL_WRITE:
        scene_fault();
        break;
    case ABORT:
        abort();
    case EXIT:
        _exit(3);
    case RAISE:
        return ward_raise(ctx, "Tired", "of all this");
    default:
        break;
    }
    return WARD_UNHANDLED;
}

static ward_next
victim_receive(ward_ctx *ctx, const ward_message *msg)
{
    int manner = 0;

    if (ward_message_type(msg) != DIE || ward_get(msg, &manner) < 0)
        return WARD_UNHANDLED;
    return die(ctx, manner);
}

static const ward_behavior victim = {.name = "victim", .receive = victim_receive};
WARD_REGISTER(victim);

/* ---- the host's side ---- */

struct deaths {
    ward_system *sys;
    ward_ref ref;
    unsigned failed, restarted, letters;
    ward_cause cause; /* of the last one */
    int signal, exit_code;
};

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct deaths *deaths = user;

    (void)ctx;
    deaths->restarted += event->kind == WARD_EVENT_RESTARTED;
    deaths->letters += event->kind == WARD_EVENT_DEAD_LETTER;
    if (event->kind != WARD_EVENT_FAILED)
        return;
    deaths->failed++;
    deaths->cause = event->failure->cause;
    deaths->signal = event->failure->signal;
    deaths->exit_code = event->failure->exit_code;
}

static void
assert_manner(const struct deaths *deaths, enum manner manner)
{
    static const struct {
        ward_cause cause;
        int signal, exit_code;
    } expected[] = {
        [NULL_WRITE] = {WARD_CAUSE_SIGNAL, SIGSEGV, 0},
        [ABORT] = {WARD_CAUSE_SIGNAL, SIGABRT, 0},
        [EXIT] = {WARD_CAUSE_EXIT, 0, 3},
        [RAISE] = {WARD_CAUSE_RAISE, 0, 0},
        [OUTSIDER] = {WARD_CAUSE_SIGNAL, SIGKILL, 0},
    };

    assert_int_equal(deaths->cause, expected[manner].cause);
    assert_int_equal(deaths->signal, expected[manner].signal);
    assert_int_equal(deaths->exit_code, expected[manner].exit_code);
}

/* One death, from the message to the next incarnation. */
static void
die_once(struct deaths *deaths, enum manner manner)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;
    unsigned before = deaths->failed;
    int64_t pid = ward_process_id(deaths->sys, deaths->ref);

    assert_true(pid > 0);
    if (manner == OUTSIDER)
        assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    else
        scene_ok(ward_tell(ward_system_ctx(deaths->sys), deaths->ref, DIE, (int)manner));
    while (deaths->failed == before)
        scene_turn(deaths->sys, deadline);
    scene_ok(ward_settle(deaths->sys, SCENE_PATIENCE_MS));
    assert_int_equal(deaths->failed, before + 1);
    assert_int_equal(deaths->restarted, deaths->failed);
    assert_manner(deaths, manner);
    assert_int_not_equal(ward_process_id(deaths->sys, deaths->ref), pid);
}

/* ---- what there is of everything ---- */

struct belongings {
    int descriptors;
    size_t children;
    int64_t resident;
};

enum { HOST, ZYGOTE, FORKSERVER, PROCESSES };

/* Not at once: after a death the fork server looks for orphans, with a descriptor. */
static void
look(ward_system *sys, struct belongings have[PROCESSES])
{
    pid_t pids[PROCESSES] = {getpid(), ward__zygote_pid(), sys->link.server.pid};

    ward_run_for(sys, 200);
    for (int i = 0; i < PROCESSES; i++)
        have[i] = (struct belongings){scene_descriptors(pids[i]), scene_children(pids[i]),
                                      scene_resident(pids[i])};
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLACK = INT32_MAX }; /* a sanitizer keeps what was freed */
#else
enum { SLACK = 64 * 1024 };
#endif

static void
assert_no_growth(const struct belongings before[PROCESSES],
                 const struct belongings after[PROCESSES])
{
    static const char *const names[] = {"host", "zygote", "fork server"};

    for (int i = 0; i < PROCESSES; i++) {
        int64_t growth = after[i].resident - before[i].resident;
        print_message("%s: %d descriptors, %zu children, %lld bytes more\n", names[i],
                      after[i].descriptors, after[i].children, (long long)growth);
        assert_true(before[i].descriptors >= 0);
        assert_int_equal(after[i].descriptors, before[i].descriptors);
        assert_int_equal(after[i].children, before[i].children);
        assert_true(growth <= SLACK);
    }
}

/* ---- tests ---- */

static void
ten_thousand_crashes_leave_nothing_behind(void **state)
{
    struct belongings early[PROCESSES], late[PROCESSES];
    struct deaths deaths = {0};
    int rounds = scene_rounds(10000);

    (void)state;
    scene_ok(ward_system_new(&deaths.sys,
                             &(ward_system_options){.on_event = note, .user = &deaths}));
    scene_ok(ward_spawn(
        ward_system_ctx(deaths.sys), &deaths.ref,
        &(ward_spec){.id = "victim", .behavior = &victim, .strategy = &scene_stubborn}));
    scene_ok(ward_wait_up(deaths.sys, deaths.ref, SCENE_PATIENCE_MS));
    for (int i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            look(deaths.sys, early);
        die_once(&deaths, (enum manner)(i % MANNERS));
    }
    look(deaths.sys, late);
    assert_no_growth(early, late);
    /* The outsider meets it idle: nothing is poison then. */
    assert_int_equal(deaths.letters, rounds - rounds / MANNERS);
    ward_system_free(deaths.sys);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_crashes_leave_nothing_behind),
    };

    if (ward_early() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * One system call or allocation fails, of the host, the zygote, the fork server or a worker:
 * the first, the second, and so on until a whole play has gone by. Whatever a call answers
 * then, the host lives, nothing hangs, nothing is left behind, and afterwards all is well.
 * The calls that fail are those on the paths of ipc/fault.h.
 */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/fault.h"

enum { PING = 1, CRASH, RELAY };
enum { PLAY_MS = 40000, ANSWER_MS = 8000, TRY_MS = 500 };

/* ---- the actors ---- */

static ward_next
echo_receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case PING:
        ward_reply(ctx, ward_incarnation(ctx));
        return WARD_SAME;
    case CRASH:
        scene_fault();
        return WARD_SAME;
    default:
        return WARD_UNHANDLED;
    }
}

static const ward_behavior fault_echo = {.name = "fault_echo", .receive = echo_receive};
WARD_REGISTER(fault_echo);

struct parent_state {
    ward_ref child;
};

static int
parent_pre_start(ward_ctx *ctx)
{
    struct parent_state *state = ward_state(ctx);

    return ward_spawn(ctx, &state->child,
                      &(ward_spec){.id = "child", .behavior = &fault_echo});
}

static ward_next
relay(ward_ctx *ctx)
{
    struct parent_state *state = ward_state(ctx);
    ward_message *reply = NULL;
    int result = ward_ask(ctx, state->child, &reply, ANSWER_MS / 2, PING);

    ward_message_free(reply);
    return result < 0 ? (ward_next)result : (ward_reply(ctx, 1), WARD_SAME);
}

static ward_next
parent_receive(ward_ctx *ctx, const ward_message *msg)
{
    return ward_message_type(msg) == RELAY ? relay(ctx) : echo_receive(ctx, msg);
}

static const ward_behavior fault_parent = {.name = "fault_parent",
                                           .state_size = sizeof(struct parent_state),
                                           .pre_start = parent_pre_start,
                                           .receive = parent_receive};
WARD_REGISTER(fault_parent);

/* ---- the play, in a host of its own ---- */

/* How a play ended, as an exit code. */
enum ending {
    WELL,      /* a call failed, and all was well in the end */
    UNTOUCHED, /* there were fewer calls than that */
    NO_ZYGOTE, /* it was the zygote's: no process can be made any more, and ward says so */
    UNWELL
};

/* What is to fail: one call; or (role -1) of the host's allocations those beyond n more pages. */
struct trial {
    int role;
    long n;
    int error;
};

struct play {
    ward_system *sys;
    ward_ref actor;
    int64_t end;
};

static _Noreturn void
give_up(const char *where, int64_t result)
{
    fprintf(stderr, "%s: %s\n", where, ward_error_name((int)result));
    _exit(UNWELL);
}

static const ward_spec parent_spec = {
    .id = "parent", .behavior = &fault_parent, .strategy = &scene_stubborn};

/* Asks until there is an answer: whatever failed, it failed once. */
static int
ask_until_answered(struct play *p, int64_t type)
{
    int result = -ETIMEDOUT;

    while (scene_now_ms() < p->end) {
        ward_message *reply = NULL;
        result = ward_ask(ward_system_ctx(p->sys), p->actor, &reply, ANSWER_MS, type);
        ward_message_free(reply);
        if (result == 0 || ward_system_failure(p->sys) != NULL)
            break;
        if (result == -WARD_EUNKNOWN || result == -WARD_ESTOPPED)
            ward_spawn(ward_system_ctx(p->sys), &p->actor, &parent_spec);
        ward_run_for(p->sys, 10);
    }
    return result;
}

static void
perform(struct play *p)
{
    ward_ctx *ctx = ward_system_ctx(p->sys);
    int result = ward_spawn(ctx, &p->actor, &parent_spec);

    if (result < 0 && ward_spawn(ctx, &p->actor, &parent_spec) < 0)
        give_up("a second spawn", result);
    ward_wait_up(p->sys, p->actor, ANSWER_MS);
    for (int type = PING; type <= RELAY; type++) {
        ward_message *reply = NULL;
        ward_tell(ctx, p->actor, PING);
        ward_ask(ctx, p->actor, &reply, ANSWER_MS, type);
        ward_message_free(reply);
    }
    ward_restart(ctx, p->actor);
    ward_run_for(p->sys, TRY_MS / 50);
    ask_until_answered(p, PING);
}

static int
close_play(struct play *p, int before)
{
    int left;

    ward_system_stop(p->sys);
    if (ward_run_for(p->sys, ANSWER_MS) == -ETIMEDOUT)
        give_up("the stop", -ETIMEDOUT);
    ward_system_free(p->sys);
    left = scene_descriptors(getpid());
    if (left > before + 2) { /* the zygote's socket and its pidfd */
        fprintf(stderr, "%d descriptors are left, there were %d\n", left, before);
        return UNWELL;
    }
    return WELL;
}

static int
play_with_fault(const struct trial *t)
{
    struct play p = {.end = scene_now_ms() + PLAY_MS / 2};
    int before = scene_descriptors(getpid());
    int result, ending;
    long failed;

    if (ward__fault_plan_share() == NULL)
        give_up("the plan", -ENOMEM);
    ward__fault_arm((enum ward__role)t->role, t->n, t->error);
    result = ward_system_new(&p.sys, NULL);
    if (result < 0) /* once more: the fault is spent */
        result = ward_system_new(&p.sys, NULL);
    if (result < 0)
        return t->role == WARD__ROLE_ZYGOTE && result == -EPIPE
                   ? NO_ZYGOTE
                   : (give_up("new", result), 0);
    perform(&p);
    failed = atomic_load(&ward__faults->failed);
    ward__fault_disarm();
    result = ask_until_answered(&p, RELAY);
    if (result < 0 && t->role == WARD__ROLE_ZYGOTE && ward_system_failure(p.sys) != NULL)
        return close_play(&p, before) == WELL ? NO_ZYGOTE : UNWELL;
    if (result < 0)
        give_up("well again", result);
    ending = close_play(&p, before);
    return ending == WELL && failed == 0 ? UNTOUCHED : ending;
}

/* ---- a host that gets no memory at all ---- */

struct hoard {
    struct hoard *next;
};

static rlim_t
address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return (rlim_t)(pages * sysconf(_SC_PAGESIZE));
}

/* Takes what the heap has, to the last byte, and limits what can be added to it. */
static struct hoard *
take_memory(long pages_left)
{
    struct rlimit limit;
    struct hoard *all = NULL;

    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = address_space();
    setrlimit(RLIMIT_AS, &limit);
    for (size_t size = 1 << 20; size >= sizeof *all; size /= 2) {
        struct hoard *piece;
        while ((piece = malloc(size)) != NULL) {
            piece->next = all;
            all = piece;
        }
    }
    limit.rlim_cur = address_space() + (rlim_t)(pages_left * sysconf(_SC_PAGESIZE));
    setrlimit(RLIMIT_AS, &limit);
    return all;
}

static void
give_all_back(struct hoard *all)
{
    struct rlimit limit;

    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
    while (all != NULL) {
        struct hoard *next = all->next;
        free(all);
        all = next;
    }
}

/* Spawns, sends, crashes and asks, with whatever result. */
static void
stagger(struct play *p)
{
    ward_ctx *ctx = ward_system_ctx(p->sys);

    for (int i = 0; i < 300; i++) {
        char id[24];
        ward_ref ref;
        ward_message *reply = NULL;
        snprintf(id, sizeof id, "poor-%d", i);
        ward_spawn(ctx, &ref, &(ward_spec){.id = id, .behavior = &fault_echo});
        ward_tell(ctx, p->actor, i % 100 == 0 ? CRASH : PING);
        if (i % 10 == 0)
            ward_ask(ctx, p->actor, &reply, TRY_MS, PING);
        ward_message_free(reply);
        ward_run_for(p->sys, 0);
    }
}

static int
play_without_memory(const struct trial *t)
{
    struct play p = {.end = scene_now_ms() + PLAY_MS / 2};
    int before = scene_descriptors(getpid());
    struct hoard *all;

    if (ward_system_new(&p.sys, &(ward_system_options){.frame_bytes = 4096}) < 0)
        return UNWELL;
    perform(&p);
    all = take_memory(t->n);
    stagger(&p);
    give_all_back(all);
    if (ask_until_answered(&p, RELAY) < 0)
        return UNWELL;
    return close_play(&p, before);
}

/* ---- watching a play ---- */

/* The last descriptor of the pipe is standard input of all processes of the play. */
static pid_t
begin_play(const struct trial *t, int *left)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(PLAY_MS / 1000);
        exit(t->role < 0 ? play_without_memory(t) : play_with_fault(t));
    }
    close(ends[1]);
    *left = ends[0];
    return pid;
}

static int
run_play(const struct trial *t)
{
    int left, status;
    pid_t pid = begin_play(t, &left);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) >= UNWELL) {
        print_error("role %d, call %ld, %s: status %x\n", t->role, t->n,
                    ward_error_name(-t->error), (unsigned)status);
        fail();
    }
    assert_true(scene_pipe_ends(left, SCENE_GONE_MS));
    close(left);
    return WEXITSTATUS(status);
}

/* Every call of that kind of process, with every error; in the gate the errors take turns. */
static void
fail_every_call(enum ward__role role, long at_least)
{
    static const int errors[] = {EMFILE, ENOMEM, EAGAIN};
    size_t stride = scene_rounds(100) == 100 ? 1 : 3;

    for (size_t first = 0; first < 3; first += stride) {
        struct trial t = {.role = role};
        do {
            t.n++;
            t.error = errors[(first + (size_t)t.n) % 3];
        } while (run_play(&t) != UNTOUCHED);
        assert_true(t.n > at_least);
    }
}

static void
each_call_of_the_host(void **state)
{
    (void)state;
    fail_every_call(WARD__ROLE_HOST, 50);
}

static void
each_call_of_the_zygote(void **state)
{
    (void)state;
    fail_every_call(WARD__ROLE_ZYGOTE, 3);
}

static void
each_call_of_the_fork_server(void **state)
{
    (void)state;
    fail_every_call(WARD__ROLE_FORKSERVER, 20);
}

static void
each_call_of_the_workers(void **state)
{
    (void)state;
    fail_every_call(WARD__ROLE_WORKER, 50);
}

/* No allocation succeeds, or a few more do. */
static void
a_host_without_memory_lives_on(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("no limit of the address space fits the sanitizer's shadow\n");
    skip();
#endif
    for (long pages = 1; pages <= 4096; pages += 1 + pages / 16)
        assert_int_equal(run_play(&(struct trial){.role = -1, .n = pages}), WELL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_of_the_host),
        cmocka_unit_test(each_call_of_the_zygote),
        cmocka_unit_test(each_call_of_the_fork_server),
        cmocka_unit_test(each_call_of_the_workers),
        cmocka_unit_test(a_host_without_memory_lives_on),
    };

    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}

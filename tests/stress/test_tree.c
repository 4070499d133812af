/*
 * A tree five deep with two hundred workers, in groups of every kind, under random kills. In the
 * end all is up again, and every end and restart on the way is told with its reason.
 */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BRANCHES = 3, INNER = 13, LEAVES = 27, WORKERS = 200 };
enum { STORM_MS = 60000, CALM_MS = 60000, PAUSE_MS = 4 };

/* ---- the tree, made before anything is forked ---- */

static ward_next
leaf_receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    (void)msg;
    return WARD_SAME;
}

static const ward_behavior tree_leaf = {.name = "tree_leaf", .receive = leaf_receive};
WARD_REGISTER(tree_leaf);

static ward_supervisor inner[INNER], leaves[LEAVES];
static ward_spec inner_parts[INNER][BRANCHES + 1], leaf_parts[LEAVES][9];
static char names[16][4];
static int workers;

static void
describe_rules(ward_supervisor *rules, int i, const ward_spec *parts)
{
    static const ward_group groups[] = {WARD_ONE_FOR_ONE, WARD_ONE_FOR_ALL,
                                        WARD_REST_FOR_ONE};

    *rules = (ward_supervisor){
        .group = groups[i % 3], .intensity = 10, .period_ms = 500, .children = parts};
    ward_register(WARD_REGISTERED_SUPERVISOR, rules);
}

/* The children of inner node i are 3i+1 to 3i+3; from INNER on they are leaves. */
static void
describe_tree(void)
{
    for (int i = 0; i < 16; i++)
        snprintf(names[i], sizeof names[i], "%c", 'a' + i);
    for (int i = 0; i < LEAVES; i++) {
        int count = WORKERS / LEAVES + (i < WORKERS % LEAVES);
        for (int w = 0; w < count; w++, workers++)
            leaf_parts[i][w] = (ward_spec){.id = names[w],
                                           .behavior = &tree_leaf,
                                           .shutdown_ms = w % 3 == 0 ? WARD_ZERO : 0};
        describe_rules(&leaves[i], i, leaf_parts[i]);
    }
    for (int i = 0; i < INNER; i++) {
        for (int b = 0; b < BRANCHES; b++) {
            int child = BRANCHES * i + b + 1;
            inner_parts[i][b] = (ward_spec){
                .id = names[b],
                .supervisor = child < INNER ? &inner[child] : &leaves[child - INNER]};
        }
        describe_rules(&inner[i], i, inner_parts[i]);
    }
}

/* ---- what is told ---- */

struct told {
    ward_system *sys;
    ward_ref top;
    int failed, restarted, stopped, gave_up, unexplained;
};

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct told *told = user;

    (void)ctx;
    told->restarted += event->kind == WARD_EVENT_RESTARTED;
    if (event->kind == WARD_EVENT_STOPPED) {
        told->stopped++;
        told->unexplained += event->text[0] == '\0';
    }
    if (event->kind != WARD_EVENT_FAILED)
        return;
    told->failed++;
    if (event->failure->cause == WARD_CAUSE_INTENSITY) {
        told->gave_up++;
        told->unexplained += event->failure->last == NULL;
    } else if (event->failure->cause != WARD_CAUSE_SIGNAL &&
               event->failure->cause != WARD_CAUSE_KILLED) {
        told->unexplained++;
    }
}

/* ---- walking ---- */

struct walk {
    ward_ref refs[WORKERS];
    int up, supervisors, others;
};

static void
walk_below(struct told *told, ward_ref supervisor, struct walk *walk)
{
    ward_child children[16];
    int count = ward_which_children(ward_system_ctx(told->sys), supervisor, children, 16);

    for (int i = 0; i < count; i++) {
        if (children[i].state != WARD_CHILD_UP) {
            walk->others++;
        } else if (children[i].is_supervisor) {
            walk->supervisors++;
            walk_below(told, children[i].ref, walk);
        } else {
            assert_true(walk->up < WORKERS);
            walk->refs[walk->up++] = children[i].ref;
        }
    }
}

static bool
is_whole(struct told *told)
{
    struct walk walk = {.up = 0};

    walk_below(told, told->top, &walk);
    return walk.up == WORKERS && walk.supervisors == INNER - 1 + LEAVES &&
           walk.others == 0;
}

static void
kill_one(struct told *told, uint32_t *random)
{
    struct walk walk = {.up = 0};
    ward_ref ref;
    int64_t process;

    walk_below(told, told->top, &walk);
    if (walk.up == 0)
        return;
    ref = walk.refs[scene_random(random) % (uint32_t)walk.up];
    process = ward_process_id(told->sys, ref);
    if (process > 0 && scene_random(random) % 2 == 0)
        kill((pid_t)process, scene_random(random) % 2 == 0 ? SIGKILL : SIGSEGV);
    else
        ward_kill(ward_system_ctx(told->sys), ref);
}

static void
a_tree_under_random_kills_is_whole_in_the_end(void **state)
{
    struct told told = {.failed = 0};
    ward_system_options options = {.on_event = note, .user = &told, .frame_bytes = 4096};
    uint32_t random = (uint32_t)scene_now_ms() | 1;
    int64_t end = scene_now_ms() + scene_rounds(STORM_MS);

    (void)state;
    print_message("seed %u\n", random);
    describe_tree();
    assert_int_equal(workers, WORKERS);
    scene_ok(ward_system_new(&told.sys, &options));
    scene_ok(ward_spawn(
        ward_system_ctx(told.sys), &told.top,
        &(ward_spec){.id = "top", .supervisor = &inner[0], .strategy = &scene_stubborn}));
    scene_ok(ward_wait_up(told.sys, told.top, CALM_MS));
    assert_true(is_whole(&told));
    while (scene_now_ms() < end) {
        kill_one(&told, &random);
        ward_run_for(told.sys, (int)(scene_random(&random) % (2 * PAUSE_MS)));
    }
    scene_ok(ward_settle(told.sys, CALM_MS));
    assert_true(is_whole(&told));
    print_message("%d failures, %d restarts, %d ends, %d times a supervisor gave up\n",
                  told.failed, told.restarted, told.stopped, told.gave_up);
    assert_int_equal(told.unexplained, 0);
    assert_true(told.failed > 100);
    scene_ok(ward_system_stop(told.sys));
    scene_ok(ward_run(told.sys));
    ward_system_free(told.sys);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_under_random_kills_is_whole_in_the_end),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}

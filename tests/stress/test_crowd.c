/* Thousands of dynamic children under one supervisor: started, crashed by the hundred, counted,
 * stopped all at once. What a restart costs among them, against among few, is printed. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CRASH = 1 };
enum { CROWD_MS = 300000, FEW = 100, SAMPLES = 401 };

static ward_next
crowd_receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    if (ward_message_type(msg) != CRASH)
        return WARD_UNHANDLED;
    scene_fault();
    return WARD_SAME;
}

static const ward_behavior crowd_member = {.name = "crowd_member",
                                           .receive = crowd_receive};
WARD_REGISTER(crowd_member);

static const ward_spec crowd_template[] = {
    {.id = "m", .behavior = &crowd_member, .mailbox = {.bytes = 4096}},
    {0},
};
static const ward_supervisor crowd = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                      .intensity = WARD_INFINITE,
                                      .children = crowd_template};
WARD_REGISTER(crowd);

struct crowd {
    ward_system *sys;
    ward_ref supervisor;
    ward_ref *members;
    int count;
    int started, restarted, failed, stopped;
    int64_t end;
};

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct crowd *c = user;

    (void)ctx;
    c->started += event->kind == WARD_EVENT_STARTED;
    c->restarted += event->kind == WARD_EVENT_RESTARTED;
    c->failed += event->kind == WARD_EVENT_FAILED;
    c->stopped += event->kind == WARD_EVENT_STOPPED;
}

static void
add_members(struct crowd *c, int count)
{
    for (; c->count < count; c->count++)
        scene_ok(ward_start_child(ward_system_ctx(c->sys), c->supervisor,
                                  &(ward_spec){.id = NULL}, &c->members[c->count]));
    while (c->started < count + 1)
        scene_turn(c->sys, c->end);
}

static int64_t
now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t
restart_one(struct crowd *c, int i)
{
    int target = c->restarted + 1;
    int64_t begun = now_us();

    ward_tell(ward_system_ctx(c->sys), c->members[i], CRASH);
    while (c->restarted < target)
        scene_turn(c->sys, c->end);
    return now_us() - begun;
}

static int64_t
median(int64_t *costs)
{
    qsort(costs, SAMPLES, sizeof costs[0], compare);
    return costs[SAMPLES / 2];
}

/* Restarts in both by turns, so that the machine's moods hit both. */
static void
compare_costs(struct crowd *few, struct crowd *many)
{
    static int64_t among_few[SAMPLES], among_many[SAMPLES];
    int64_t few_us, many_us;

    for (int i = 0; i < SAMPLES; i++) {
        among_few[i] = restart_one(few, i % few->count);
        among_many[i] = restart_one(many, (int)((int64_t)i * many->count / SAMPLES));
    }
    few_us = median(among_few);
    many_us = median(among_many);
    print_message("a restart among %d: %ld us, among %d: %ld us, ratio %.2f\n",
                  few->count, (long)few_us, many->count, (long)many_us,
                  (double)many_us / (double)few_us);
}

static void
crash_some(struct crowd *c, int some)
{
    int target = c->restarted + some;

    for (int i = 0; i < some; i++)
        ward_tell(ward_system_ctx(c->sys), c->members[i], CRASH);
    while (c->restarted < target)
        scene_turn(c->sys, c->end);
    assert_int_equal(c->failed, c->restarted);
}

static void
assert_count(struct crowd *c)
{
    ward_child_count count;

    scene_ok(ward_count_children(ward_system_ctx(c->sys), c->supervisor, &count));
    assert_int_equal(count.specs, c->count);
    assert_int_equal(count.active, c->count);
    assert_int_equal(count.workers, c->count);
}

static void
begin(struct crowd *c, int most)
{
    struct rlimit limit;
    ward_system_options options = {
        .on_event = note, .user = c, .frame_bytes = 4096, .stop_ms = CROWD_MS};

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_true(limit.rlim_cur > 2 * (rlim_t)most + 100);
    c->end = scene_now_ms() + CROWD_MS;
    c->members = calloc((size_t)most, sizeof *c->members);
    assert_non_null(c->members);
    scene_ok(ward_system_new(&c->sys, &options));
    scene_ok(ward_spawn(ward_system_ctx(c->sys), &c->supervisor,
                        &(ward_spec){.id = "crowd", .supervisor = &crowd}));
}

static void
finish(struct crowd *c)
{
    int count = c->count;

    scene_ok(ward_system_stop(c->sys));
    scene_ok(ward_run(c->sys));
    assert_int_equal(c->stopped, count + 1);
    ward_system_free(c->sys);
    free(c->members);
}

static void
a_crowd_starts_crashes_is_counted_and_stops(void **state)
{
    struct crowd few = {.count = 0}, many = {.count = 0};
    int most = scene_rounds(8000);

    (void)state;
    begin(&few, most);
    begin(&many, most);
    add_members(&few, FEW);
    add_members(&many, most);
    assert_count(&many);
    crash_some(&many, most / 8);
    assert_count(&many);
    scene_ok(ward_settle(many.sys, CROWD_MS)); /* what these deaths left is swept */
    compare_costs(&few, &many);
    finish(&few);
    finish(&many);
    assert_int_equal(scene_children(getpid()), 1); /* the zygote */
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_starts_crashes_is_counted_and_stops),
    };

    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}

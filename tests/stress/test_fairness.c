/*
 * One worker floods; what others ask one another is answered all the same. Idle and flooded are
 * measured by turns in one run, and the medians of the rounds are compared, because the machine
 * has moods. So is what two workers that compute and send nothing make of it: that much is the
 * scheduler's, where there are fewer processors than processes.
 */
#include "scene.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PING = 1, PROBE, FLOOD, NOISE };
enum { SAMPLES = 300, BURST = 100, MOST_ROUNDS = 20, WARM_UP_MS = 20 };
enum { MOST_TIMES_IDLE = 10, TRIES = 3 };

enum variant { SINK, HOST, LOGS, NOBODY, ITSELF, SPINNERS };

/* Shared by all processes. */
struct board {
    _Atomic int is_flooding;
    int64_t samples[SAMPLES]; /* microseconds, by the prober */
};

static struct board *board;

static int64_t
now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* ---- the workers ---- */

static void
take_sample(ward_ctx *ctx, ward_ref echo, int64_t *sample)
{
    ward_message *reply = NULL;
    int64_t begun = now_us();

    scene_ok(ward_ask(ctx, echo, &reply, SCENE_PATIENCE_MS, PING, 1));
    *sample = now_us() - begun;
    ward_message_free(reply);
}

static ward_next
probe(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref echo;

    if (ward_get(msg, &echo) < 0)
        return WARD_UNHANDLED;
    for (int i = 0; i < SAMPLES; i++)
        take_sample(ctx, echo, &board->samples[i]);
    return ward_done(ctx);
}

static void
send_noise(ward_ctx *ctx, enum variant variant, ward_ref target)
{
    static const char noise[100];
    ward_ref nobody = {.id = 1000000 + (uint64_t)rand(), .nonce = 1};

    switch (variant) {
    case LOGS:
        ward_log(ctx, "a line of noise, as long as the other messages are, more or less");
        break;
    case NOBODY:
        ward_tell(ctx, nobody, NOISE, ((ward_bytes){noise, sizeof noise}));
        break;
    default:
        ward_tell(ctx, target, NOISE, ((ward_bytes){noise, sizeof noise}));
    }
}

/* A burst, and itself once more. */
static ward_next
flood(ward_ctx *ctx, const ward_message *msg)
{
    int64_t variant;
    ward_ref target;

    if (ward_get(msg, &variant, &target) < 0)
        return WARD_UNHANDLED;
    while (variant == SPINNERS && board->is_flooding)
        ;
    for (int i = 0; i < BURST && board->is_flooding; i++)
        send_noise(ctx, (enum variant)variant, target);
    if (board->is_flooding)
        ward_tell(ctx, ward_self(ctx), FLOOD, variant, target);
    return WARD_SAME;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case PING:
        return ward_done(ctx);
    case PROBE:
        return probe(ctx, msg);
    case FLOOD:
        return flood(ctx, msg);
    case NOISE:
        return WARD_SAME;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior member = {.name = "member", .receive = receive};
WARD_REGISTER(member);

/* ---- the host ---- */

struct host {
    ward_system *sys;
    ward_ctx *ctx;
    ward_ref echo, prober, flooder, sink;
    int64_t noise; /* what of the flood was seen: logs, letters, messages */
    bool is_probed;
};

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct host *h = user;

    (void)ctx;
    h->noise += event->kind == WARD_EVENT_LOG || event->kind == WARD_EVENT_DEAD_LETTER;
}

static void
heard(ward_ctx *ctx, const ward_message *msg, void *user)
{
    struct host *h = user;

    (void)ctx;
    (void)msg;
    h->noise++;
}

static ward_ref
spawn(struct host *h, const char *id)
{
    ward_ref ref;

    scene_ok(ward_spawn(h->ctx, &ref, &(ward_spec){.id = id, .behavior = &member}));
    scene_ok(ward_wait_up(h->sys, ref, SCENE_PATIENCE_MS));
    return ref;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Of sorted samples the one below which so many percent are. */
static int64_t
percentile(int64_t *samples, int count, int percent)
{
    qsort(samples, (size_t)count, sizeof samples[0], compare);
    return samples[count * percent / 100];
}

static int64_t
probe_from_host(struct host *h)
{
    static int64_t samples[SAMPLES];

    for (int i = 0; i < SAMPLES; i++) {
        take_sample(h->ctx, h->echo, &samples[i]);
        ward_run_for(h->sys, 0);
    }
    return percentile(samples, SAMPLES, 99);
}

static ward_next
probed(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)reply;
    scene_ok(status);
    *(bool *)user = true;
    return WARD_SAME;
}

static int64_t
probe_from_worker(struct host *h)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    h->is_probed = false;
    scene_ok(ward_ask_then(h->ctx, h->prober, SCENE_PATIENCE_MS, probed, &h->is_probed,
                           PROBE, h->echo));
    while (!h->is_probed)
        scene_turn(h->sys, deadline);
    return percentile(board->samples, SAMPLES, 99);
}

static void
begin_flood(struct host *h, enum variant variant)
{
    ward_ref target = h->sink;

    if (variant == HOST)
        target = ward_self(h->ctx);
    else if (variant == ITSELF)
        target = h->flooder;
    atomic_store(&board->is_flooding, 1);
    scene_ok(ward_tell(h->ctx, h->flooder, FLOOD, (int)variant, target));
    if (variant == SPINNERS)
        scene_ok(ward_tell(h->ctx, h->sink, FLOOD, (int)variant, target));
    ward_run_for(h->sys, WARM_UP_MS);
}

static void
end_flood(struct host *h)
{
    atomic_store(&board->is_flooding, 0);
    scene_ok(ward_settle(h->sys, SCENE_PATIENCE_MS));
}

/* ---- tests ---- */

/* The 99th percentiles of one kind of asks, in all rounds. */
struct series {
    int64_t idle[MOST_ROUNDS], computing[MOST_ROUNDS], flooded[MOST_ROUNDS];
};

static bool
is_served(struct series *s, int rounds, const char *from)
{
    int64_t idle = percentile(s->idle, rounds, 50);
    int64_t computing = percentile(s->computing, rounds, 50);
    int64_t flooded = percentile(s->flooded, rounds, 50);

    print_message("  from a %s: p99 %ld us idle, %ld us computing, %ld us flooded, ratio "
                  "%.1f\n",
                  from, (long)idle, (long)computing, (long)flooded,
                  (double)flooded / (double)idle);
    return scene_rounds(20) < 20 || flooded <= MOST_TIMES_IDLE * idle;
}

static void
measure(struct host *h, int64_t *from_host, int64_t *from_worker)
{
    *from_host = probe_from_host(h);
    *from_worker = probe_from_worker(h);
}

static bool
is_fair(enum variant variant)
{
    int rounds = scene_rounds(20) == 20 ? 11 : 3;
    struct series by_host, by_worker;
    struct host h = {0};
    bool is_host_served, is_worker_served;

    scene_ok(ward_system_new(
        &h.sys,
        &(ward_system_options){.on_event = note, .on_message = heard, .user = &h}));
    h.ctx = ward_system_ctx(h.sys);
    h.echo = spawn(&h, "echo");
    h.prober = spawn(&h, "prober");
    h.flooder = spawn(&h, "flooder");
    h.sink = spawn(&h, "sink");
    for (int i = 0; i < rounds; i++) {
        measure(&h, &by_host.idle[i], &by_worker.idle[i]);
        begin_flood(&h, SPINNERS);
        measure(&h, &by_host.computing[i], &by_worker.computing[i]);
        end_flood(&h);
        begin_flood(&h, variant);
        measure(&h, &by_host.flooded[i], &by_worker.flooded[i]);
        end_flood(&h);
    }
    is_host_served = is_served(&by_host, rounds, "host");
    is_worker_served = is_served(&by_worker, rounds, "worker");
    ward_system_free(h.sys);
    return is_host_served && is_worker_served;
}

/* What is unfair is so each time. */
static void
compare_with_idle(enum variant variant)
{
    for (int i = 1; !is_fair(variant); i++) {
        assert_true(i < TRIES);
        print_message("  again: the machine may have been busy\n");
    }
}

static void
while_one_floods_a_sink(void **state)
{
    (void)state;
    compare_with_idle(SINK);
}

static void
while_one_floods_the_host(void **state)
{
    (void)state;
    compare_with_idle(HOST);
}

static void
while_one_floods_the_log(void **state)
{
    (void)state;
    compare_with_idle(LOGS);
}

static void
while_one_floods_nobody(void **state)
{
    (void)state;
    compare_with_idle(NOBODY);
}

static void
while_one_floods_itself(void **state)
{
    (void)state;
    compare_with_idle(ITSELF);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_one_floods_a_sink),
        cmocka_unit_test(while_one_floods_the_host),
        cmocka_unit_test(while_one_floods_the_log),
        cmocka_unit_test(while_one_floods_nobody),
        cmocka_unit_test(while_one_floods_itself),
    };

    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    if (board == MAP_FAILED || ward_early() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

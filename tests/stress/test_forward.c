/*
 * A worker forwards a million numbers while it dies again and again. Each number arrives, or
 * is the poison dead letter of a death; never both, never twice, and in order.
 */
#include "scene.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER = 1, CRASH_AT, BLOCK_UNTIL };

enum mode { PLAIN, CRASHES, FLUSHES };

struct plan {
    ward_ref to;
    enum mode mode;
    uint32_t one_in;  /* CRASHES, FLUSHES: so rarely it crashes */
    int64_t crash_at; /* this number crashes it, always; 0: none does */
};

/* ---- the worker ---- */

struct forwarder {
    uint32_t random;
};

static int
forwarder_start(ward_ctx *ctx)
{
    struct forwarder *self = ward_state(ctx);

    self->random = (uint32_t)getpid() * 2654435761u + 1;
    return 0;
}

static ward_next
forward(ward_ctx *ctx, const ward_message *msg)
{
    struct forwarder *self = ward_state(ctx);
    struct plan plan;
    int64_t number;
    bool is_last;
    int result;

    memcpy(&plan, ward_args(ctx).data, sizeof plan);
    if (ward_get(msg, &number) < 0)
        return WARD_UNHANDLED;
    is_last = number == plan.crash_at ||
              (plan.mode != PLAIN && scene_random(&self->random) % plan.one_in == 0);
    if (is_last && scene_random(&self->random) % 2)
        scene_fault(); /* before it was forwarded, or after */
    result = ward_tell(ctx, plan.to, NUMBER, number);
    if (result == 0 && plan.mode == FLUSHES)
        result = ward_flush(ctx);
    if (is_last)
        scene_fault();
    return result;
}

static const ward_behavior forwarder = {.name = "forwarder",
                                        .state_size = sizeof(struct forwarder),
                                        .receive = forward,
                                        .pre_start = forwarder_start};
WARD_REGISTER(forwarder);

/* ---- the host: what became of each number ---- */

enum { ARRIVED = 1, POISON = 2 };

struct ledger {
    ward_system *sys;
    ward_ref first; /* whom the host tells, and who dies */
    uint8_t *fate;  /* of each number */
    int64_t count, told;
    int64_t last;
    int64_t arrived, poison, other_letters;
    int64_t doubled, disordered, flushed_and_poison;
    unsigned failures, restarts;
};

static void
book(struct ledger *l, int64_t number, int fate)
{
    if (number < 1 || number > l->count) {
        l->disordered++;
        return;
    }
    l->doubled += (l->fate[number] & fate) != 0;
    l->fate[number] = (uint8_t)(l->fate[number] | fate);
    l->flushed_and_poison += l->fate[number] == (ARRIVED | POISON);
}

static void
arrive(ward_ctx *ctx, const ward_message *msg, void *user)
{
    struct ledger *l = user;
    int64_t number = 0;

    (void)ctx;
    scene_ok(ward_get(msg, &number));
    l->disordered += number <= l->last;
    l->last = number;
    l->arrived++;
    book(l, number, ARRIVED);
}

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct ledger *l = user;
    int64_t number = 0;

    (void)ctx;
    l->failures += event->kind == WARD_EVENT_FAILED;
    l->restarts += event->kind == WARD_EVENT_RESTARTED;
    if (event->kind != WARD_EVENT_DEAD_LETTER)
        return;
    if (event->letter != WARD_LETTER_POISON) {
        l->other_letters++;
        return;
    }
    scene_ok(ward_get(event->message, &number));
    l->poison++;
    book(l, number, POISON);
}

static struct ledger *
open_ledger(int64_t count)
{
    struct ledger *l = calloc(1, sizeof *l);

    assert_non_null(l);
    l->count = count;
    l->fate = calloc((size_t)count + 1, 1);
    assert_non_null(l->fate);
    scene_ok(ward_system_new(
        &l->sys,
        &(ward_system_options){.on_event = note, .on_message = arrive, .user = l}));
    return l;
}

static ward_ref
spawn(struct ledger *l, const char *id, const struct plan *plan)
{
    ward_ref ref = {0, 0};

    scene_ok(ward_spawn(ward_system_ctx(l->sys), &ref,
                        &(ward_spec){.id = id,
                                     .behavior = &forwarder,
                                     .strategy = &scene_stubborn,
                                     .args = {plan, sizeof *plan}}));
    scene_ok(ward_wait_up(l->sys, ref, SCENE_PATIENCE_MS));
    return ref;
}

static ward_ref
host_of(struct ledger *l)
{
    return ward_self(ward_system_ctx(l->sys));
}

/* Tells as many numbers as there is room for, at most `most`. */
static void
tell_some(struct ledger *l, int most)
{
    while (most-- > 0 && l->told < l->count) {
        int result = ward_tell(ward_system_ctx(l->sys), l->first, NUMBER, l->told + 1);
        if (result == -EAGAIN)
            return;
        scene_ok(result);
        l->told++;
    }
}

/* Every number has met its fate, one of two. */
static void
close_ledger(struct ledger *l)
{
    scene_ok(ward_settle(l->sys, 10 * SCENE_PATIENCE_MS));
    print_message("%lld numbers: %lld arrived, %lld poison; %u failures\n",
                  (long long)l->count, (long long)l->arrived, (long long)l->poison,
                  l->failures);
    assert_int_equal(l->doubled, 0);
    assert_int_equal(l->disordered, 0);
    assert_int_equal(l->other_letters, 0);
    assert_int_equal(l->arrived + l->poison - l->flushed_and_poison, l->count);
    assert_true(l->restarts <= l->failures); /* some were killed before they were up */
    ward_system_free(l->sys);
    free(l->fate);
    free(l);
}

/* ---- killed from outside, at any moment ---- */

static void
kill_at_random(struct ledger *l, uint32_t *random)
{
    int64_t pid = ward_process_id(l->sys, l->first);

    if (scene_random(random) % 2 == 0 && pid > 0)
        kill((pid_t)pid, SIGKILL);
}

/* So many nanoseconds, to kill between any two instructions. */
static void
any_moment(uint32_t ns)
{
    ppoll(NULL, 0, &(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void
run_storm(struct ledger *l)
{
    uint32_t random = 4711;

    while (l->told < l->count) {
        tell_some(l, 1 + (int)(scene_random(&random) % 300));
        any_moment(scene_random(&random) % 100000);
        kill_at_random(l, &random);
        scene_turn(l->sys, scene_now_ms() + SCENE_PATIENCE_MS);
    }
}

static void
every_number_arrives_once_or_is_poison_under_sigkill(void **state)
{
    struct ledger *l = open_ledger(scene_rounds(1000000));
    struct plan plan = {.to = host_of(l)};

    (void)state;
    l->first = spawn(l, "forwarder", &plan);
    run_storm(l);
    close_ledger(l);
}

static void
the_same_through_a_second_worker(void **state)
{
    struct ledger *l = open_ledger(scene_rounds(1000000));
    struct plan plan = {.to = host_of(l)};

    (void)state;
    plan.to = spawn(l, "second", &plan);
    l->first = spawn(l, "first", &plan);
    run_storm(l);
    close_ledger(l);
}

/* ---- it dies by itself, of random messages ---- */

static void
run_load(struct ledger *l)
{
    while (l->told < l->count) {
        tell_some(l, 1000);
        scene_turn(l->sys, scene_now_ms() + SCENE_PATIENCE_MS);
    }
}

static void
every_number_arrives_once_or_is_poison_under_null_dereferences(void **state)
{
    struct ledger *l = open_ledger(scene_rounds(1000000));
    struct plan plan = {.to = host_of(l), .mode = CRASHES, .one_in = 1000};

    (void)state;
    l->first = spawn(l, "forwarder", &plan);
    run_load(l);
    assert_true(l->flushed_and_poison == 0);
    close_ledger(l);
}

/* What was flushed has left even if its message then turns out to be poison. */
static void
a_flushed_number_arrives_even_if_it_is_poison(void **state)
{
    struct ledger *l = open_ledger(scene_rounds(1000000));
    struct plan plan = {.to = host_of(l), .mode = FLUSHES, .one_in = 1000};

    (void)state;
    l->first = spawn(l, "forwarder", &plan);
    run_load(l);
    scene_ok(ward_settle(l->sys, 10 * SCENE_PATIENCE_MS));
    assert_true(l->flushed_and_poison > 0);
    assert_true(l->flushed_and_poison < l->poison);
    close_ledger(l);
}

/* ---- one that is known beforehand ---- */

static void
of_ten_thousand_in_flight_only_the_one_that_crashes_is_missing(void **state)
{
    struct ledger *l = open_ledger(10000);
    struct plan plan = {.to = host_of(l), .crash_at = 5000};

    (void)state;
    l->first = spawn(l, "forwarder", &plan);
    tell_some(l, 10000);
    assert_int_equal(l->told, 10000);
    scene_ok(ward_settle(l->sys, SCENE_PATIENCE_MS));
    assert_int_equal(l->poison, 1);
    assert_int_equal(l->fate[5000], POISON);
    assert_int_equal(l->failures, 1);
    close_ledger(l);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_arrives_once_or_is_poison_under_sigkill),
        cmocka_unit_test(the_same_through_a_second_worker),
        cmocka_unit_test(every_number_arrives_once_or_is_poison_under_null_dereferences),
        cmocka_unit_test(a_flushed_number_arrives_even_if_it_is_poison),
        cmocka_unit_test(of_ten_thousand_in_flight_only_the_one_that_crashes_is_missing),
    };

    if (ward_early() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

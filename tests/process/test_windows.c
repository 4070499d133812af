/*
 * The window over time (row 24), on real processes. A decision is dated when the decider has
 * returned, so a decider can choose the very millisecond: it waits for it, busily. Where the
 * machine was too slow to hit that millisecond nothing is said, and the play begins again.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

enum { CRASH };
enum { WITHIN_MS = 300, SHORT_MS = 20, PLAYS = 30, MOST = 8 };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    return ward_message_type(msg) == CRASH ? *(volatile int *)0 : WARD_UNHANDLED;
}

static const ward_behavior crasher = {.name = "crasher", .receive = receive};
WARD_REGISTER(crasher);

/* One decision: not before `earliest` and, as the event was there by then, not after `latest`. */
struct moment {
    int64_t earliest, latest;
    uint32_t used; /* restarts_used of the record */
};

static struct {
    int64_t wait_for; /* the decider returns at this time */
    struct moment now;
} play;

static ward_directive
wait_and_restart(const ward_failure *failure)
{
    int64_t aim = play.wait_for > 0 ? play.wait_for : now_ms() + 1;

    while (now_ms() < aim)
        continue; /* the first instant of that millisecond */
    play.now.used = failure->restarts_used;
    play.now.earliest = now_ms();
    return WARD_DIRECTIVE_RESTART;
}

static const ward_strategy one = {.name = "one",
                                  .decider = wait_and_restart,
                                  .max_restarts = 1,
                                  .within_ms = WITHIN_MS};
WARD_REGISTER(one);
static const ward_strategy two = {.name = "two",
                                  .decider = wait_and_restart,
                                  .max_restarts = 2,
                                  .within_ms = WITHIN_MS};
WARD_REGISTER(two);
static const ward_strategy one_in_a_moment = {.name = "one-in-a-moment",
                                              .decider = wait_and_restart,
                                              .max_restarts = 1,
                                              .within_ms = SHORT_MS};
WARD_REGISTER(one_in_a_moment);
static const ward_strategy one_but_no_limit = {
    .name = "one-but-no-limit", .max_restarts = 1, .within_ms = WARD_ZERO};
WARD_REGISTER(one_but_no_limit);

static void
note_the_time(struct harness *h, const ward_event *event)
{
    (void)h;
    if (event->kind == WARD_EVENT_FAILED)
        play.now.latest = now_ms();
}

static ward_ref
spawn_crasher(struct harness *h, const ward_strategy *strategy)
{
    h->on_event = note_the_time;
    return spawn_up(h,
                    &(ward_spec){.id = "a", .behavior = &crasher, .strategy = strategy});
}

/* A failure that is decided at that time, or a little later; 0: at any. */
static ward_directive
fail_at(struct harness *h, ward_ref ref, int64_t time, struct moment *moment)
{
    const struct record *r;

    play.wait_for = time;
    play.now = (struct moment){0};
    assert_result(ward_tell(h->ctx, ref, CRASH), 0);
    r = await_event(h, WARD_EVENT_FAILED, "/a");
    *moment = play.now;
    if (r->directive == WARD_DIRECTIVE_RESTART)
        await_event(h, WARD_EVENT_RESTARTED, "/a");
    else
        assert_string_equal(await_event(h, WARD_EVENT_STOPPED, "/a")->text, "limit");
    return r->directive;
}

static void
end_it(struct harness *h, ward_ref ref)
{
    if (ward_stop(h->ctx, ref) == 0)
        await_event(h, WARD_EVENT_STOPPED, "/a");
}

static bool
is_known(const struct moment *moment)
{
    return moment->earliest == moment->latest;
}

/* ---- the edge ---- */

/* False: the time was missed. */
static bool
see_one_exactly_that_old(struct harness *h)
{
    ward_ref ref = spawn_crasher(h, &one);
    struct moment first, second;
    ward_directive directive;

    assert_int_equal(fail_at(h, ref, 0, &first), WARD_DIRECTIVE_RESTART);
    directive = fail_at(h, ref, first.earliest + WITHIN_MS, &second);
    end_it(h, ref);
    if (!is_known(&first) || second.earliest != first.earliest + WITHIN_MS)
        return false;
    assert_int_equal(directive, WARD_DIRECTIVE_RESTART);
    return true;
}

static void
one_exactly_that_old_has_expired(void **state)
{
    for (int i = 0; i < PLAYS; i++)
        if (see_one_exactly_that_old(*state))
            return;
    skip_as_too_busy();
}

static bool
see_one_a_millisecond_younger(struct harness *h)
{
    ward_ref ref = spawn_crasher(h, &one);
    struct moment first, second;
    ward_directive directive;

    assert_int_equal(fail_at(h, ref, 0, &first), WARD_DIRECTIVE_RESTART);
    directive = fail_at(h, ref, first.earliest + WITHIN_MS - 1, &second);
    end_it(h, ref);
    if (second.latest - first.earliest >= WITHIN_MS)
        return false;
    assert_int_equal(directive, WARD_DIRECTIVE_STOP);
    assert_int_equal(second.used, 1);
    return true;
}

static void
one_a_millisecond_younger_counts(void **state)
{
    for (int i = 0; i < PLAYS; i++)
        if (see_one_a_millisecond_younger(*state))
            return;
    skip_as_too_busy();
}

/* ---- sliding ---- */

/*
 * Two in 300 ms. At 0, 200 and 350 they are granted; at 450 they are not, as 200 and 350 are
 * inside. A window that began anew at 300 would have granted that one.
 */
static bool
see_it_slide(struct harness *h)
{
    ward_ref ref = spawn_crasher(h, &two);
    struct moment m[4];
    ward_directive third, fourth;

    assert_int_equal(fail_at(h, ref, 0, &m[0]), WARD_DIRECTIVE_RESTART);
    assert_int_equal(fail_at(h, ref, m[0].earliest + 200, &m[1]), WARD_DIRECTIVE_RESTART);
    third = fail_at(h, ref, m[0].latest + 350, &m[2]);
    assert_int_equal(third, WARD_DIRECTIVE_RESTART); /* however late it comes */
    fourth = fail_at(h, ref, m[0].earliest + 450, &m[3]);
    end_it(h, ref);
    if (m[3].latest - m[1].earliest >= WITHIN_MS)
        return false;
    assert_int_equal(fourth, WARD_DIRECTIVE_STOP);
    return true;
}

static void
window_slides_and_does_not_begin_anew(void **state)
{
    for (int i = 0; i < PLAYS; i++)
        if (see_it_slide(*state))
            return;
    skip_as_too_busy();
}

static void
failures_slower_than_the_window_are_all_granted(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_crasher(h, &one_in_a_moment);
    struct moment last;

    assert_int_equal(fail_at(h, ref, 0, &last), WARD_DIRECTIVE_RESTART);
    for (int i = 0; i < 40; i++)
        assert_int_equal(fail_at(h, ref, last.latest + SHORT_MS, &last),
                         WARD_DIRECTIVE_RESTART);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/a"), 41);
}

static void
window_of_nothing_never_limits(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_crasher(h, &one_but_no_limit);

    for (int i = 0; i < 20; i++)
        ward_tell(h->ctx, ref, CRASH);
    for (int i = 0; i < 20; i++)
        await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_no_event(h, WARD_EVENT_STOPPED, NULL);
}

/* ---- any times at all ---- */

/* At random times: what was granted and refused fits the rule, as far as the times are known. */
static void
every_answer_fits_the_rule(void **state)
{
    struct harness *h = *state;
    uint32_t random = 4711;

    for (int round = 0; round < 6; round++) {
        ward_ref ref = spawn_crasher(h, &two);
        struct moment granted[MOST];
        size_t count = 0;
        ward_directive directive = WARD_DIRECTIVE_RESTART;

        while (directive == WARD_DIRECTIVE_RESTART && count < MOST) {
            size_t surely = 0, perhaps = 0;
            struct moment m;

            random = random * 1664525 + 1013904223;
            directive = fail_at(h, ref, now_ms() + (random >> 16) % 200, &m);
            for (size_t i = 0; i < count; i++) {
                surely += m.latest - granted[i].earliest < WITHIN_MS;
                perhaps += m.earliest - granted[i].latest < WITHIN_MS;
            }
            if (directive == WARD_DIRECTIVE_RESTART)
                assert_true(surely < 2);
            else
                assert_true(perhaps >= 2);
            granted[count++] = m;
        }
        end_it(h, ref);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(one_exactly_that_old_has_expired),
        TEST(one_a_millisecond_younger_counts),
        TEST(window_slides_and_does_not_begin_anew),
        TEST(failures_slower_than_the_window_are_all_granted),
        TEST(window_of_nothing_never_limits),
        TEST(every_answer_fits_the_rule),
    };

    return harness_main("windows", tests, sizeof tests / sizeof tests[0]);
}

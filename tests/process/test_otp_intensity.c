/* OTP's rows of section D: how many restarts a supervisor grants, and how it gives up. */
#include "stage.h"

#include <signal.h>
#include <string.h>

enum { LONG_MS = 60000, WINDOW_MS = 600, PLAYS = 20 };

static const ward_spec one_part[] = {{.id = "a", .behavior = &member}, {0}};
static const ward_spec two_parts[] = {
    {.id = "a", .behavior = &member}, {.id = "b", .behavior = &member}, {0}};
static const ward_spec three_parts[] = {{.id = "a", .behavior = &member},
                                        {.id = "b", .behavior = &member},
                                        {.id = "c", .behavior = &member},
                                        {0}};

/* ---- D2 ---- */

static const ward_supervisor never = {
    .intensity = WARD_ZERO, .period_ms = LONG_MS, .children = one_part};
WARD_REGISTER(never);

static void
D2_zero(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &never);

    crash(h, "/s/a");
    assert_gave_up(h, "/s", "/s/a");
    assert_down(h, ref);
    assert_int_equal(part('a')->starts, 1);
    assert_log(h, "+a -a");
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
}

/* ---- D4 ---- */

static const ward_supervisor one_in_a_while = {
    .intensity = 1, .period_ms = 200, .children = one_part};
WARD_REGISTER(one_in_a_while);

static void
D4_window_expiry(void **state)
{
    struct harness *h = *state;

    open_tree(h, &one_in_a_while);
    for (int i = 0; i < 4; i++) {
        const struct record *r = crash_restarts(h, "/s/a");
        assert_int_equal(r->budget.supervisor.used, 1);
        linger(h, 220);
    }
    assert_alive(h, "/s/a", 5);
    assert_no_event(h, WARD_EVENT_FAILED, "/s");
}

/* ---- D5 ---- */

static const ward_supervisor two_in_a_while = {
    .intensity = 2, .period_ms = WINDOW_MS, .children = one_part};
WARD_REGISTER(two_in_a_while);

static void
linger_until(struct harness *h, int64_t time)
{
    int64_t left = time - now_ms();

    if (left > 0)
        linger(h, (int)left);
}

/*
 * In OTP's proportions at 0, 360, 660 and 670 of 600 ms. The fourth is refused, as the second and
 * the third are inside; a window that began anew at 600 would have granted it. False: this
 * machine was too slow for the fourth.
 */
static bool
see_it_slide(struct harness *h)
{
    size_t failed_before = count_events(h, WARD_EVENT_FAILED, "/s");
    ward_ref ref = open_tree(h, &two_in_a_while);
    int64_t first, second, fourth;

    crash_restarts(h, "/s/a");
    first = now_ms();
    linger_until(h, first + WINDOW_MS * 6 / 10);
    second = now_ms();
    crash_restarts(h, "/s/a");
    linger_until(h, first + WINDOW_MS * 11 / 10);
    crash_restarts(h, "/s/a");
    crash_told(h, "/s/a");
    fourth = now_ms();
    if (fourth - second >= WINDOW_MS) {
        ward_stop(h->ctx, ref);
        assert_down(h, ref);
        await_event(h, WARD_EVENT_STOPPED, "/s"); /* not the next play's */
        return false;
    }
    assert_gave_up(h, "/s", "/s/a");
    assert_down(h, ref);
    assert_int_equal(count_events(h, WARD_EVENT_FAILED, "/s"), failed_before + 1);
    return true;
}

static void
D5_sliding(void **state)
{
    for (int i = 0; i < PLAYS; i++)
        if (see_it_slide(*state))
            return;
    skip_as_too_busy();
}

/* ---- D6 ---- */

static const ward_spec shared_parts[] = {{.id = "ok", .behavior = &member},
                                         {.id = "a", .behavior = &member},
                                         {.id = "b", .behavior = &member},
                                         {0}};
static const ward_supervisor five = {
    .intensity = 5, .period_ms = LONG_MS, .children = shared_parts};
WARD_REGISTER(five);

static size_t
count_granted(struct harness *h)
{
    size_t count = 0;

    for (size_t i = 0; i < h->event_count; i++)
        count += h->events[i].kind == WARD_EVENT_FAILED &&
                 h->events[i].directive == WARD_DIRECTIVE_RESTART;
    return count;
}

static size_t
count_word(const char *word)
{
    size_t count = 0;

    for (const char *at = played(); (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

/* Two restarts run at once, so the one that is under way when the other is refused may be over
 * before its pre_start. */
static void
D6_shared_budget(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &five);
    int starts;

    part('a')->fails_from = part('b')->fails_from = 2;
    part('a')->fails_to = part('b')->fails_to = FOREVER;
    crash(h, "/s/a");
    crash(h, "/s/b");
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s")->failure.cause,
                     WARD_CAUSE_INTENSITY);
    assert_down(h, ref);
    await_event(h, WARD_EVENT_STOPPED, "/s");
    assert_int_equal(count_granted(h), 5);
    starts = part('a')->starts + part('b')->starts;
    assert_in_range(starts, 6, 7);
    assert_int_equal(part('o')->starts, 1);
    assert_int_equal(count_word("-o"), 1);
}

/* ---- D7 ---- */

static const ward_spec workers[] = {{.id = "w", .behavior = &member}, {0}};
static const ward_supervisor inner = {
    .intensity = 1, .period_ms = LONG_MS, .children = workers};
WARD_REGISTER(inner);
static const ward_spec inner_part[] = {{.id = "sub", .supervisor = &inner}, {0}};
static const ward_supervisor outer = {
    .intensity = 1, .period_ms = LONG_MS, .children = inner_part};
WARD_REGISTER(outer);

static void
D7_product(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &outer);

    await_event(h, WARD_EVENT_STARTED, "/s/sub/w");
    for (int life = 0; life < 2; life++) {
        crash_restarts(h, "/s/sub/w");
        crash_told(h, "/s/sub/w");
        if (life == 0) {
            const struct record *r = await_event(h, WARD_EVENT_FAILED, "/s/sub");
            assert_int_equal(r->failure.cause, WARD_CAUSE_INTENSITY);
            assert_int_equal(r->directive, WARD_DIRECTIVE_RESTART);
            await_event(h, WARD_EVENT_STARTED, "/s/sub/w");
        }
    }
    assert_down(h, ref);
    assert_int_equal(part('w')->starts, 4);
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s")->failure.cause,
                     WARD_CAUSE_INTENSITY);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s")->end, WARD_END_FAILURE);
    assert_int_equal(count_events(h, WARD_EVENT_RESTARTED, "/s/sub"), 1);
}

/* ---- D9 ---- */

static const ward_supervisor never_for_one = {
    .intensity = WARD_ZERO, .period_ms = LONG_MS, .children = three_parts};
WARD_REGISTER(never_for_one);
static const ward_supervisor never_for_all = {.group = WARD_ONE_FOR_ALL,
                                              .intensity = WARD_ZERO,
                                              .period_ms = LONG_MS,
                                              .children = three_parts};
WARD_REGISTER(never_for_all);
static const ward_supervisor never_for_rest = {.group = WARD_REST_FOR_ONE,
                                               .intensity = WARD_ZERO,
                                               .period_ms = LONG_MS,
                                               .children = three_parts};
WARD_REGISTER(never_for_rest);

/* The post_stop of the crashed one comes first, in a fresh process. */
static void
survivors_end_in_reverse(struct harness *h, const ward_supervisor *supervisor)
{
    ward_ref ref = open_tree(h, supervisor);

    crash(h, "/s/b");
    assert_gave_up(h, "/s", "/s/b");
    assert_down(h, ref);
    assert_log(h, "+a +b +c -b -c -a");
    assert_no_event(h, WARD_EVENT_RESTARTED, NULL);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/c")->end, WARD_END_STOPPED);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->end, WARD_END_STOPPED);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/b")->end, WARD_END_FAILURE);
}

static void
D9_survivors_on_exceed_one_for_one(void **state)
{
    survivors_end_in_reverse(*state, &never_for_one);
}

static void
D9_survivors_on_exceed_one_for_all(void **state)
{
    survivors_end_in_reverse(*state, &never_for_all);
}

static void
D9_survivors_on_exceed_rest_for_one(void **state)
{
    survivors_end_in_reverse(*state, &never_for_rest);
}

/* ---- D10 ---- */

static const ward_supervisor slow_group = {
    .group = WARD_ONE_FOR_ALL, .intensity = 1, .period_ms = 100, .children = two_parts};
WARD_REGISTER(slow_group);

/* As in OTP: the window is one of time, and the stop of b takes longer. */
static void
D10_slow_stop_dilutes_rate(void **state)
{
    struct harness *h = *state;

    part('b')->stop_ms = 250;
    open_tree(h, &slow_group);
    for (int i = 0; i < 4; i++) {
        crash_restarts(h, "/s/a");
        await_event(h, WARD_EVENT_RESTARTED, "/s/b");
    }
    assert_alive(h, "/s/a", 5);
    assert_alive(h, "/s/b", 5);
    assert_no_event(h, WARD_EVENT_FAILED, "/s");
    part('b')->stop_ms = 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(D2_zero),
        STAGE_TEST(D4_window_expiry),
        STAGE_TEST(D5_sliding),
        STAGE_TEST(D6_shared_budget),
        STAGE_TEST(D7_product),
        STAGE_TEST(D9_survivors_on_exceed_one_for_one),
        STAGE_TEST(D9_survivors_on_exceed_one_for_all),
        STAGE_TEST(D9_survivors_on_exceed_rest_for_one),
        STAGE_TEST(D10_slow_stop_dilutes_rate),
    };

    return stage_main("otp_intensity", tests, sizeof tests / sizeof tests[0]);
}

/* OTP's rows of section F: a supervisor that ends because its significant children did. */
#include "stage.h"

#include <errno.h>
#include <string.h>

enum { LONG_MS = 60000, QUIET_MS = 150 };

/* ---- F1 ---- */

static const ward_spec b_matters[] = {
    {.id = "a", .behavior = &member},
    {.id = "b", .behavior = &member, .restart = WARD_TRANSIENT, .significant = true},
    {.id = "c", .behavior = &member},
    {0}};
static const ward_supervisor any = {.intensity = 3,
                                    .period_ms = LONG_MS,
                                    .auto_shutdown = WARD_ANY_SIGNIFICANT,
                                    .children = b_matters};
WARD_REGISTER(any);

static void
assert_ended_normally(struct harness *h, ward_ref ref, const char *path)
{
    const struct record *r;

    assert_down(h, ref);
    r = await_event(h, WARD_EVENT_STOPPED, path);
    if (r->end != WARD_END_NORMAL)
        fail_with_log(h, "%s ended %s (%s), expected normal", path, ward_end_name(r->end),
                      r->text);
    assert_no_event(h, WARD_EVENT_FAILED, path);
}

static void
F1_any_transient_normal(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &any);

    leave(h, "/s/b");
    assert_ended_normally(h, ref, "/s");
    assert_log(h, "+a +b +c -b -c -a");
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/b")->end, WARD_END_NORMAL);
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/a")->end, WARD_END_STOPPED);
}

/* ---- F2 ---- */

static void
F2_any_abnormal_transient(void **state)
{
    struct harness *h = *state;

    open_tree(h, &any);
    crash_restarts(h, "/s/b");
    linger(h, QUIET_MS);
    assert_alive(h, "/s/b", 2);
    assert_alive(h, "/s/a", 1);
    assert_no_event(h, WARD_EVENT_STOPPED, NULL);
}

static const ward_spec b_is_temporary[] = {
    {.id = "a", .behavior = &member},
    {.id = "b", .behavior = &member, .restart = WARD_TEMPORARY, .significant = true},
    {0}};
static const ward_supervisor any_temporary = {.intensity = 3,
                                              .period_ms = LONG_MS,
                                              .auto_shutdown = WARD_ANY_SIGNIFICANT,
                                              .children = b_is_temporary};
WARD_REGISTER(any_temporary);

static void
F2_any_abnormal_temporary(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &any_temporary);

    crash(h, "/s/b");
    assert_ended_normally(h, ref, "/s");
    assert_log(h, "+a +b -b -a");
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/b")->end, WARD_END_FAILURE);
}

/* ---- F4 and F7 ---- */

static const ward_spec both_matter[] = {
    {.id = "a", .behavior = &member, .restart = WARD_TRANSIENT, .significant = true},
    {.id = "b", .behavior = &member, .restart = WARD_TRANSIENT, .significant = true},
    {.id = "c", .behavior = &member},
    {0}};
static const ward_supervisor all_of_both = {.intensity = WARD_INFINITE,
                                            .period_ms = LONG_MS,
                                            .auto_shutdown = WARD_ALL_SIGNIFICANT,
                                            .children = both_matter};
WARD_REGISTER(all_of_both);

static void
F4_last_one_removed_by_api(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &all_of_both);

    leave(h, "/s/b");
    await_event(h, WARD_EVENT_STOPPED, "/s/b");
    terminate_child_down(h, ref, "a");
    linger(h, QUIET_MS);
    assert_alive(h, "/s/c", 1);
    assert_counts(h, ref, "3 1 0 3");
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
}

static void
F4_all_ends_with_the_last(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &all_of_both);

    leave(h, "/s/b");
    await_event(h, WARD_EVENT_STOPPED, "/s/b");
    linger(h, QUIET_MS);
    assert_alive(h, "/s/c", 1);
    leave(h, "/s/a");
    assert_ended_normally(h, ref, "/s");
    assert_log(h, "+a +b +c -b -a -c");
}

static void
F7_restarting_counts_as_active(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &all_of_both);

    part('a')->fails_from = 2;
    part('a')->fails_to = FOREVER;
    crash_told(h, "/s/a");
    await_event(h, WARD_EVENT_FAILED, "/s/a");
    leave(h, "/s/b");
    await_event(h, WARD_EVENT_STOPPED, "/s/b");
    linger(h, QUIET_MS);
    assert_state(h, ref, "a", WARD_CHILD_RESTARTING);
    assert_alive(h, "/s/c", 1);
    assert_no_event(h, WARD_EVENT_STOPPED, "/s");
    part('a')->fails_to = 0;
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    leave(h, "/s/a");
    assert_ended_normally(h, ref, "/s");
}

/* ---- F6 ---- */

static const ward_spec c_matters[] = {
    {.id = "c", .behavior = &member, .restart = WARD_TRANSIENT, .significant = true},
    {.id = "d", .behavior = &member},
    {0}};
static const ward_supervisor inner = {.intensity = 3,
                                      .period_ms = LONG_MS,
                                      .auto_shutdown = WARD_ANY_SIGNIFICANT,
                                      .children = c_matters};
WARD_REGISTER(inner);
static const ward_spec inner_matters[] = {
    {.id = "a", .behavior = &member},
    {.id = "sub", .supervisor = &inner, .restart = WARD_TRANSIENT, .significant = true},
    {0}};
static const ward_supervisor outer = {.intensity = 3,
                                      .period_ms = LONG_MS,
                                      .auto_shutdown = WARD_ANY_SIGNIFICANT,
                                      .children = inner_matters};
WARD_REGISTER(outer);
static const ward_spec inner_does_not[] = {
    {.id = "a", .behavior = &member},
    {.id = "sub", .supervisor = &inner, .restart = WARD_TRANSIENT},
    {0}};
static const ward_supervisor indifferent = {.intensity = 3,
                                            .period_ms = LONG_MS,
                                            .auto_shutdown = WARD_ANY_SIGNIFICANT,
                                            .children = inner_does_not};
WARD_REGISTER(indifferent);

static void
F6_nested_significant(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &outer);

    leave(h, "/s/sub/c");
    assert_ended_normally(h, ref, "/s");
    assert_log(h, "+a +c +d -c -d -a");
    assert_int_equal(await_event(h, WARD_EVENT_STOPPED, "/s/sub")->end, WARD_END_NORMAL);
}

static void
F6_nested_not_significant(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &indifferent);

    leave(h, "/s/sub/c");
    assert_ended_normally(h, find(h, "/s/sub"), "/s/sub");
    linger(h, QUIET_MS);
    assert_alive(h, "/s/a", 1);
    assert_state(h, ref, "sub", WARD_CHILD_ABSENT);
    assert_counts(h, ref, "2 1 1 1");
    assert_log(h, "+a +c +d -c -d");
}

/* ---- F8 ---- */

static const ward_spec permanent_part[] = {
    {.id = "a", .behavior = &member, .restart = WARD_PERMANENT, .significant = true},
    {0}};
static const ward_spec default_part[] = {
    {.id = "a", .behavior = &member, .significant = true}, {0}};
static const ward_spec transient_part[] = {
    {.id = "a", .behavior = &member, .restart = WARD_TRANSIENT, .significant = true},
    {0}};
static const ward_spec plain_part[] = {
    {.id = "a", .behavior = &member, .restart = WARD_TRANSIENT}, {0}};

static const ward_supervisor bad_permanent = {.auto_shutdown = WARD_ANY_SIGNIFICANT,
                                              .children = permanent_part};
WARD_REGISTER(bad_permanent);
static const ward_supervisor bad_default = {.auto_shutdown = WARD_ALL_SIGNIFICANT,
                                            .children = default_part};
WARD_REGISTER(bad_default);
static const ward_supervisor bad_never = {.children = transient_part};
WARD_REGISTER(bad_never);
static const ward_supervisor bad_simple = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                           .auto_shutdown = WARD_ANY_SIGNIFICANT,
                                           .children = plain_part};
WARD_REGISTER(bad_simple);

static void
assert_refused(struct harness *h, const ward_supervisor *supervisor, const char *word)
{
    const char *error = ward_check_specs(supervisor);
    ward_ref ref = {7, 7};

    if (error == NULL || strstr(error, word) == NULL)
        fail_with_log(h, "ward_check_specs said '%s', expected a word about %s",
                      error == NULL ? "nothing" : error, word);
    assert_result(
        ward_spawn(h->ctx, &ref, &(ward_spec){.id = "s", .supervisor = supervisor}),
        -EINVAL);
    assert_int_equal(ref.id, 7);
}

static void
F8_invalid_combinations(void **state)
{
    struct harness *h = *state;

    assert_refused(h, &bad_permanent, "significant");
    assert_refused(h, &bad_default, "significant");
    assert_refused(h, &bad_never, "significant");
    assert_refused(h, &bad_simple, "auto_shutdown");
    assert_null(ward_check_specs(&any));
    assert_null(ward_check_specs(&all_of_both));
}

static const ward_supervisor plain = {.children = plain_part};
WARD_REGISTER(plain);

static void
assert_child_refused(struct harness *h, ward_ref supervisor, ward_restart_type restart)
{
    ward_spec spec = {
        .id = "x", .behavior = &member, .restart = restart, .significant = true};
    ward_ref child = {7, 7};

    assert_result(ward_start_child(h->ctx, supervisor, &spec, &child), -EINVAL);
    assert_int_equal(child.id, 7);
}

static void
F8_invalid_combinations_of_start_child(void **state)
{
    struct harness *h = *state;
    ward_ref ref = open_tree(h, &any);

    assert_child_refused(h, ref, WARD_PERMANENT);
    assert_child_refused(h, ref, WARD_RESTART_DEFAULT);
    assert_counts(h, ref, "3 3 0 3");
    ref = spawn_up(h, &(ward_spec){.id = "n", .supervisor = &plain});
    assert_child_refused(h, ref, WARD_TRANSIENT);
    assert_counts(h, ref, "1 1 0 1");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(F1_any_transient_normal),
        STAGE_TEST(F2_any_abnormal_transient),
        STAGE_TEST(F2_any_abnormal_temporary),
        STAGE_TEST(F4_last_one_removed_by_api),
        STAGE_TEST(F4_all_ends_with_the_last),
        STAGE_TEST(F6_nested_significant),
        STAGE_TEST(F6_nested_not_significant),
        STAGE_TEST(F7_restarting_counts_as_active),
        STAGE_TEST(F8_invalid_combinations),
        STAGE_TEST(F8_invalid_combinations_of_start_child),
    };

    return stage_main("otp_auto_shutdown", tests, sizeof tests / sizeof tests[0]);
}

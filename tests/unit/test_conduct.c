/* Which frames a worker may send when: every cell of the table. */
#include "supervisor/conduct.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ward/behavior.h>

enum { BAD = -1 };

#define BORN WARD__STAGE_BORN
#define UP WARD__STAGE_UP
#define RAISED WARD__STAGE_RAISED
#define QUIET WARD__STAGE_QUIET
#define LAST WARD__STAGE_LAST
#define GONE WARD__STAGE_GONE

struct row {
    const char *frame;
    enum ward__frame_kind kind;
    int64_t ready;
    int next[WARD__STAGE_COUNT]; /* from BORN, UP, RAISED, QUIET, LAST, GONE */
    int cleanup;                 /* from LAST, in a process that only cleans up */
};

/* READY twice: the kind alone does not say what it is. */
static const struct row rows[] = {
    {"READY", WARD__READY, 0, {UP, BAD, BAD, BAD, BAD, BAD}, BAD},
    {"READY, ignore", WARD__READY, 1, {GONE, BAD, BAD, BAD, BAD, BAD}, BAD},
    {"TELL", WARD__TELL, 0, {BORN, UP, BAD, BAD, LAST, BAD}, LAST},
    {"ASK", WARD__ASK, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"REPLY", WARD__REPLY, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"SPAWN", WARD__SPAWN, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"END", WARD__END, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"WATCH", WARD__WATCH, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"LOOKUP", WARD__LOOKUP, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"MANAGE", WARD__MANAGE, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"CREDIT", WARD__CREDIT, 0, {BORN, UP, BAD, BAD, LAST, BAD}, BAD},
    {"LOG", WARD__LOG, 0, {BORN, UP, BAD, BAD, LAST, BAD}, LAST},
    {"UNHANDLED", WARD__UNHANDLED, 0, {BAD, UP, BAD, BAD, BAD, BAD}, BAD},
    {"RAISED", WARD__RAISED, 0, {RAISED, RAISED, BAD, BAD, LAST, BAD}, LAST},
    {"QUIET", WARD__QUIET, 0, {BAD, QUIET, BAD, BAD, BAD, BAD}, BAD},
    {"BYE", WARD__BYE, 0, {BAD, BAD, BAD, BAD, GONE, BAD}, GONE},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static struct ward__frame
frame_of(const struct row *row)
{
    struct ward__frame frame = {.kind = row->kind};

    if (row->kind == WARD__READY)
        frame.as.ready = row->ready;
    return frame;
}

static int
after(enum ward__stage stage, enum ward__frame_kind kind, bool is_cleanup)
{
    struct ward__frame frame = {.kind = kind};

    return ward__conduct(stage, &frame, is_cleanup);
}

static void
every_cell_is_as_the_table_says(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        for (int stage = 0; stage < WARD__STAGE_COUNT; stage++) {
            struct ward__frame frame = frame_of(&rows[i]);
            int next = ward__conduct((enum ward__stage)stage, &frame, false);
            if (next != rows[i].next[stage])
                fail_msg("%s in %s: %d, not %d", rows[i].frame,
                         ward__stage_name((enum ward__stage)stage), next,
                         rows[i].next[stage]);
        }
}

static void
every_kind_a_worker_can_send_has_a_row(void **state)
{
    (void)state;
    for (int kind = WARD__READY; kind <= WARD__CREDIT; kind++) {
        int found = 0;
        for (int i = 0; i < ROWS; i++)
            found += rows[i].kind == (enum ward__frame_kind)kind;
        assert_int_equal(found, kind == WARD__READY ? 2 : 1);
    }
}

static void
every_stage_answers_every_kind_with_a_stage_or_bad(void **state)
{
    (void)state;
    for (int kind = 0; kind <= UINT8_MAX; kind++)
        for (int stage = 0; stage < WARD__STAGE_COUNT; stage++)
            for (int is_cleanup = 0; is_cleanup < 2; is_cleanup++) {
                int next = after((enum ward__stage)stage, (enum ward__frame_kind)kind,
                                 is_cleanup);
                assert_in_range(next + 1, 0, WARD__STAGE_COUNT);
            }
}

static void
cleanup_may_only_tell_log_raise_and_say_bye(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        struct ward__frame frame = frame_of(&rows[i]);
        if (ward__conduct(LAST, &frame, true) != rows[i].cleanup)
            fail_msg("%s in cleanup", rows[i].frame);
    }
}

static void
no_code_of_pre_start_but_zero_is_ready(void **state)
{
    static const int64_t codes[] = {1, -1, WARD_START_IGNORE, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct ward__frame frame = {.kind = WARD__READY, .as.ready = codes[i]};
        assert_int_equal(ward__conduct(BORN, &frame, false), GONE);
    }
}

static void
ready_twice_breaks_the_protocol(void **state)
{
    (void)state;
    assert_int_equal(after(BORN, WARD__READY, false), UP);
    assert_int_equal(after(UP, WARD__READY, false), BAD);
}

static void
who_has_raised_or_said_quiet_is_silent_until_finish(void **state)
{
    (void)state;
    for (int kind = WARD__READY; kind <= WARD__CREDIT; kind++) {
        assert_int_equal(after(RAISED, (enum ward__frame_kind)kind, false), BAD);
        assert_int_equal(after(QUIET, (enum ward__frame_kind)kind, false), BAD);
    }
}

static void
nothing_comes_after_bye(void **state)
{
    (void)state;
    for (int kind = WARD__READY; kind <= WARD__CREDIT; kind++)
        for (int is_cleanup = 0; is_cleanup < 2; is_cleanup++)
            assert_int_equal(after(GONE, (enum ward__frame_kind)kind, is_cleanup), BAD);
}

static void
bye_needs_finish(void **state)
{
    (void)state;
    for (int stage = 0; stage < WARD__STAGE_COUNT; stage++)
        assert_int_equal(after((enum ward__stage)stage, WARD__BYE, false),
                         stage == LAST ? (int)GONE : BAD);
}

static void
stages_have_names(void **state)
{
    (void)state;
    assert_string_equal(ward__stage_name(BORN), "BORN");
    assert_string_equal(ward__stage_name(GONE), "GONE");
    assert_string_equal(ward__stage_name(WARD__STAGE_COUNT), "?");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_the_table_says),
        cmocka_unit_test(every_kind_a_worker_can_send_has_a_row),
        cmocka_unit_test(every_stage_answers_every_kind_with_a_stage_or_bad),
        cmocka_unit_test(cleanup_may_only_tell_log_raise_and_say_bye),
        cmocka_unit_test(no_code_of_pre_start_but_zero_is_ready),
        cmocka_unit_test(ready_twice_breaks_the_protocol),
        cmocka_unit_test(who_has_raised_or_said_quiet_is_silent_until_finish),
        cmocka_unit_test(nothing_comes_after_bye),
        cmocka_unit_test(bye_needs_finish),
        cmocka_unit_test(stages_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

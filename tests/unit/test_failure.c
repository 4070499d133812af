#include "ipc/failure.h"

#include <errno.h>
#include <limits.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

static const ward_failure inner = {
    .cause = WARD_CAUSE_SIGNAL,
    .signal = 11,
    .fault_address = 8,
    .text = "inner",
    .path = "/in",
    .message = {"\x90", 1},
};

/* Every field has a value that no other one has. */
static const ward_failure full = {
    .cause = WARD_CAUSE_INTENSITY,
    .phase = WARD_PHASE_RECOVERY,
    .by = WARD_BY_OUTSIDER,
    .actor = {1, 2},
    .path = "/path",
    .origin = {3, 4},
    .origin_path = "/origin",
    .incarnation = UINT32_MAX,
    .signal = INT_MAX,
    .signal_code = INT_MIN,
    .fault_address = UINT64_MAX,
    .exit_code = 7,
    .error = -8,
    .step = "step",
    .raised = "raised",
    .text = "text",
    .breadcrumb = "breadcrumb",
    .has_message = true,
    .message_type = INT64_MIN,
    .message = {"\x92\1\2", 3},
    .attempt = UINT_MAX,
    .uptime_ms = 101,
    .user_us = 102,
    .system_us = INT64_MAX,
    .max_rss_kb = 104,
    .restarts_used = 105,
    .last = &inner,
};

static void
assert_same(const ward_failure *a, const ward_failure *b)
{
    assert_true(a->cause == b->cause && a->phase == b->phase && a->by == b->by);
    assert_true(ward_ref_equal(a->actor, b->actor));
    assert_string_equal(a->path, b->path != NULL ? b->path : "");
    assert_true(ward_ref_equal(a->origin, b->origin));
    assert_string_equal(a->origin_path, b->origin_path != NULL ? b->origin_path : "");
    assert_true(a->incarnation == b->incarnation && a->signal == b->signal);
    assert_true(a->signal_code == b->signal_code && a->fault_address == b->fault_address);
    assert_true(a->exit_code == b->exit_code && a->error == b->error);
    assert_string_equal(a->step, b->step != NULL ? b->step : "");
    assert_string_equal(a->raised, b->raised != NULL ? b->raised : "");
    assert_string_equal(a->text, b->text != NULL ? b->text : "");
    assert_string_equal(a->breadcrumb, b->breadcrumb != NULL ? b->breadcrumb : "");
    assert_true(a->has_message == b->has_message && a->message_type == b->message_type);
    assert_int_equal(a->message.size, b->message.size);
    if (b->message.size > 0)
        assert_memory_equal(a->message.data, b->message.data, b->message.size);
    assert_true(a->attempt == b->attempt && a->uptime_ms == b->uptime_ms);
    assert_true(a->user_us == b->user_us && a->system_us == b->system_us);
    assert_true(a->max_rss_kb == b->max_rss_kb && a->restarts_used == b->restarts_used);
    assert_true((a->last == NULL) == (b->last == NULL));
    if (b->last != NULL)
        assert_same(a->last, b->last);
}

static struct ward__sink
packed(const ward_failure *failure)
{
    struct ward__sink sink;

    ward__sink_init(&sink, 1 << 20);
    ward__pack_failure(&sink, failure);
    assert_int_equal(sink.error, 0);
    return sink;
}

/* Takes a record out of a copy of exactly that size, which is then freed. */
static const ward_failure *
take(const uint8_t *data, size_t size, struct ward_arena *arena, int *error)
{
    struct ward__taker in = {.cursor = {data, data + size}, .arena = arena};
    const ward_failure *f = ward__take_failure(&in);

    *error = in.error;
    if (in.error == 0)
        assert_ptr_equal(in.cursor.at, in.cursor.end);
    return f;
}

static void
a_record_comes_back_with_every_field(void **state)
{
    const ward_failure bare = {.cause = WARD_CAUSE_EXIT};
    const ward_failure *const samples[] = {&full, &inner, &bare};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct ward__sink sink = packed(samples[i]);
        struct ward_arena arena = {NULL};
        int error;
        const ward_failure *f = take(sink.data, sink.size, &arena, &error);
        assert_int_equal(error, 0);
        assert_non_null(f);
        assert_same(f, samples[i]);
        ward__arena_done(&arena);
        ward__sink_done(&sink);
    }
}

static void
no_failure_is_nil(void **state)
{
    struct ward__sink sink = packed(NULL);
    struct ward_arena arena = {NULL};
    int error;

    (void)state;
    assert_int_equal(sink.size, 1);
    assert_null(take(sink.data, sink.size, &arena, &error));
    assert_int_equal(error, 0);
    ward__sink_done(&sink);
}

static void
the_crash_before_the_last_one_is_left_out(void **state)
{
    ward_failure middle = inner;
    ward_failure outer = full;
    struct ward__sink sink;
    struct ward_arena arena = {NULL};
    const ward_failure *f;
    int error;

    (void)state;
    middle.last = &inner;
    outer.last = &middle;
    sink = packed(&outer);
    f = take(sink.data, sink.size, &arena, &error);
    assert_int_equal(error, 0);
    assert_non_null(f->last);
    assert_null(f->last->last);
    ward__arena_done(&arena);
    ward__sink_done(&sink);
}

static void
a_cut_or_changed_record_is_refused_or_still_one(void **state)
{
    struct ward__sink sink = packed(&full);
    struct ward_arena arena = {NULL};
    const ward_failure *f;
    int error;

    (void)state;
    for (size_t size = 0; size < sink.size; size++) {
        uint8_t *cut = exact_copy(sink.data, size);
        (void)take(cut, size, &arena, &error);
        assert_true(error < 0);
        free(cut);
    }
    for (size_t at = 0; at < sink.size; at++)
        for (int value = 0; value < 256; value++) {
            uint8_t *data = exact_copy(sink.data, sink.size);
            struct ward__taker in = {.cursor = {data, data + sink.size}, .arena = &arena};
            data[at] = (uint8_t)value;
            f = ward__take_failure(&in);
            if (in.error == 0 && f != NULL) {
                assert_true(strlen(f->text) < sink.size);
                assert_true(strcmp(ward_cause_name(f->cause), "?") != 0);
                assert_true(strcmp(ward_phase_name(f->phase), "?") != 0);
                assert_true(strcmp(ward_by_name(f->by), "?") != 0);
            }
            ward__arena_clear(&arena);
            free(data);
        }
    ward__arena_done(&arena);
    ward__sink_done(&sink);
}

static void
an_error_of_the_taker_stays(void **state)
{
    const uint8_t data[] = {1, 2, 3, 0xc0, 0xa1, 'x'};
    struct ward_arena arena = {NULL};
    struct ward__taker in = {.cursor = {data, data + sizeof data}, .arena = &arena};

    (void)state;
    assert_int_equal(ward__take_uint(&in, 9), 1);
    assert_false(ward__take_bool(&in));
    assert_int_equal(in.error, -WARD_ETYPE);
    ward__taker_fail(&in, -ENOMEM);
    assert_int_equal(ward__take_uint(&in, 9), 0);
    assert_int_equal(ward__take_int(&in, 0, 9), 0);
    assert_string_equal(ward__take_string(&in, 9), "");
    assert_int_equal(ward__take_bytes(&in).size, 0);
    assert_int_equal(ward__take_list(&in).size, 0);
    assert_int_equal(ward__take_ref(&in).id, 0);
    assert_null(ward__take_failure(&in));
    assert_int_equal(in.error, -WARD_ETYPE);
}

static void
a_taken_string_is_bounded_and_has_no_nul_inside(void **state)
{
    const uint8_t data[] = {0xa3, 'a', 'b', 'c', 0xa3, 'a', 0, 'c', 0xc0};
    struct ward_arena arena = {NULL};
    struct ward__taker in = {.cursor = {data, data + 4}, .arena = &arena};

    (void)state;
    assert_string_equal(ward__take_string(&in, 3), "abc");
    in = (struct ward__taker){.cursor = {data, data + 4}, .arena = &arena};
    assert_string_equal(ward__take_string(&in, 2), "");
    assert_int_equal(in.error, -WARD_EPROTOCOL);
    in = (struct ward__taker){.cursor = {data + 4, data + 8}, .arena = &arena};
    assert_string_equal(ward__take_string(&in, 3), "");
    assert_int_equal(in.error, -WARD_EPROTOCOL);
    in = (struct ward__taker){.cursor = {data + 8, data + 9}, .arena = &arena};
    assert_string_equal(ward__take_string(&in, 3), "");
    assert_int_equal(in.error, 0);
    ward__arena_done(&arena);
}

static void
without_memory_the_taker_says_so(void **state)
{
    static char text[5000];
    ward_failure f = full;
    struct ward__sink sink;
    struct ward_arena arena = {NULL};
    int error = -1;

    (void)state;
    memset(text, 't', sizeof text - 1);
    f.text = text;
    sink = packed(&f);
    for (long n = 1; error != 0; n++) {
        ward__fault_arm(WARD__ROLE_HOST, n, ENOMEM);
        (void)take(sink.data, sink.size, &arena, &error);
        assert_true(error == 0 || error == -ENOMEM);
        assert_true(n < 100);
        ward__arena_done(&arena);
    }
    ward__fault_disarm();
    ward__sink_done(&sink);
}

/* ---- the copy ---- */

static void
a_copy_stands_alone(void **state)
{
    ward_failure sample = full;
    char text[] = "changes later";
    ward_failure *copy;

    (void)state;
    sample.text = text;
    copy = ward__failure_copy(&sample);
    assert_non_null(copy);
    text[0] = '!';
    assert_string_equal(copy->text, "changes later");
    assert_ptr_not_equal(copy->path, sample.path);
    assert_ptr_not_equal(copy->message.data, sample.message.data);
    assert_ptr_not_equal(copy->last, sample.last);
    copy->text = sample.text;
    assert_same(copy, &sample);
    free(copy);
    for (size_t length = 0; length < 40; length++) {
        static char filler[40];
        memset(filler, 'f', length);
        filler[length] = '\0';
        sample.step = filler;
        copy = ward__failure_copy(&sample);
        assert_same(copy, &sample);
        free(copy);
    }
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_null(ward__failure_copy(&full));
    ward__fault_disarm();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_with_every_field),
        cmocka_unit_test(no_failure_is_nil),
        cmocka_unit_test(the_crash_before_the_last_one_is_left_out),
        cmocka_unit_test(a_cut_or_changed_record_is_refused_or_still_one),
        cmocka_unit_test(an_error_of_the_taker_stays),
        cmocka_unit_test(a_taken_string_is_bounded_and_has_no_nul_inside),
        cmocka_unit_test(without_memory_the_taker_says_so),
        cmocka_unit_test(a_copy_stands_alone),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

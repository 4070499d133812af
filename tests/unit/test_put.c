#include "ipc/put.h"

#include <errno.h>
#include <stdlib.h>

#include <ward/builder.h>
#include <ward/error.h>

#include "ipc/pack.h"
#include "tests/unit/support.h"

/* Puts the values and compares with what a sink makes of them, piece by piece. */
static void
compare(const ward_value *values, size_t count)
{
    const struct ward__body body = {.values = values, .count = count};
    uint64_t bound = ward__body_bound(&body);
    uint8_t *memory = malloc((size_t)bound), *end;
    struct ward__sink sink;

    assert_non_null(memory);
    ward__sink_init(&sink, 1 << 20);
    ward__pack_body(&sink, &body);
    end = ward__put_body(memory, &body);
    assert_int_equal(end == NULL, sink.error < 0);
    if (end != NULL) {
        assert_int_equal(end - memory, sink.size);
        assert_memory_equal(memory, sink.data, sink.size);
        assert_true(sink.size <= bound);
    }
    ward__sink_done(&sink);
    free(memory);
}

static const int64_t numbers[] = {
    INT64_MIN, INT32_MIN, INT16_MIN, -129, -128, -33,   -32,   -1,        0,
    1,         127,       128,       255,  256,  65535, 65536, INT32_MAX, INT64_MAX};

static void
numbers_are_put_as_they_are_packed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const ward_value values[] = {ward_value_int(numbers[i]),
                                     ward_value_uint((uint64_t)numbers[i]),
                                     ward_value_double((double)numbers[i]),
                                     ward_value_bool(numbers[i] > 0), ward_value_nil()};
        compare(values, sizeof values / sizeof values[0]);
    }
}

static void
bytes_and_strings_of_every_length_are(void **state)
{
    static const size_t sizes[] = {0, 1, 31, 32, 64, 255, 256, 65535, 65536, 70000};
    static char data[70001];

    (void)state;
    memset(data, 'x', sizeof data - 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ward_value values[] = {ward_value_bytes(ward_bytes_of(data, sizes[i])),
                               ward_value_string(data + (sizeof data - 1 - sizes[i])),
                               ward_value_ref((ward_ref){i, i}), ward_value_string(NULL)};
        compare(values, sizeof values / sizeof values[0]);
    }
}

static void
as_many_values_as_a_message_takes_are(void **state)
{
    ward_value values[20];

    (void)state;
    for (size_t count = 0; count <= 20; count++) {
        for (size_t i = 0; i < count; i++)
            values[i] = ward_value_int((int64_t)i * 100);
        compare(values, count);
    }
}

static void
what_is_built_or_raw_is_looked_at_before(void **state)
{
    ward_builder *list = ward_builder_new();
    const ward_value good[] = {ward_value_built(list),
                               ward_value_raw((ward_raw){"\x92\1\2", 3})};
    const ward_value bad[] = {
        ward_value_raw((ward_raw){"\x92\1", 2}), ward_value_raw((ward_raw){"\1\2", 2}),
        ward_value_raw((ward_raw){"", 0}),       ward_value_raw((ward_raw){NULL, 0}),
        ward_value_raw((ward_raw){NULL, 3}),     ward_value_built(NULL),
        ward_value_bytes((ward_bytes){NULL, 3}), {.tag = (enum ward_value_tag)99}};

    (void)state;
    assert_int_equal(ward_open_array(list), 0);
    assert_int_equal(ward_add(list, 1, "two", 3.0), 0);
    assert_int_equal(ward_close(list), 0);
    compare(good, sizeof good / sizeof good[0]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        compare(&bad[i], 1);
    ward_builder_free(list);
}

static void
what_is_larger_than_anything_has_a_bound_beyond_it(void **state)
{
    static const size_t sizes[] = {(size_t)UINT32_MAX + 1, SIZE_MAX - 4, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const ward_value values[] = {ward_value_bytes(ward_bytes_of("", sizes[i])),
                                     ward_value_raw((ward_raw){"", sizes[i]})};
        const struct ward__body body = {.values = values, .count = 2};
        ward_bytes tail;
        assert_true(ward__body_bound(&body) > UINT32_MAX);
        assert_int_equal(ward__value_tail(&values[0], &tail), -EMSGSIZE);
    }
}

static void
what_is_packed_is_put_as_it_is(void **state)
{
    const struct ward__body body = {.packed = {"\x92\1\2", 3}};
    uint8_t memory[3];

    (void)state;
    assert_int_equal(ward__body_bound(&body), 3);
    assert_ptr_equal(ward__put_body(memory, &body), memory + 3);
    assert_memory_equal(memory, "\x92\1\2", 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_put_as_they_are_packed),
        cmocka_unit_test(bytes_and_strings_of_every_length_are),
        cmocka_unit_test(as_many_values_as_a_message_takes_are),
        cmocka_unit_test(what_is_built_or_raw_is_looked_at_before),
        cmocka_unit_test(what_is_larger_than_anything_has_a_bound_beyond_it),
        cmocka_unit_test(what_is_packed_is_put_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

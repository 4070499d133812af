#include "ipc/pack.h"

#include <errno.h>
#include <math.h>

#include <msgpack.h>
#include <ward/builder.h>
#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/read.h"
#include "ipc/scan.h"
#include "tests/unit/documents.h"
#include "tests/unit/support.h"

/* ---- sinks ---- */

static void
a_fixed_sink_takes_all_that_fits_and_nothing_of_what_does_not(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 40; capacity++)
        for (size_t size = 0; size <= capacity + 1; size++) {
            uint8_t *memory = malloc(capacity + 1);
            const uint8_t bytes[41] = {1, 2, 3};
            struct ward__sink sink;
            assert_non_null(memory);
            memory[capacity] = 0xee;
            ward__sink_fixed(&sink, memory, capacity);
            ward__sink_write(&sink, bytes, size / 2);
            ward__sink_write(&sink, bytes + size / 2, size - size / 2);
            assert_int_equal(sink.error, size > capacity ? -EMSGSIZE : 0);
            assert_int_equal(sink.size, size > capacity ? size / 2 : size);
            assert_memory_equal(memory, bytes, sink.size);
            assert_int_equal(memory[capacity], 0xee);
            free(memory);
        }
}

static void
a_growing_sink_takes_its_maximum_and_not_one_byte_more(void **state)
{
    static const size_t maxima[] = {1, 255, 256, 257, 511, 1000, 100000};
    const uint8_t byte = 7;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(maxima); i++) {
        struct ward__sink sink;
        ward__sink_init(&sink, maxima[i]);
        assert_null(sink.data);
        for (size_t n = 0; n < maxima[i]; n++)
            ward__sink_write(&sink, &byte, 1);
        assert_int_equal(sink.error, 0);
        assert_int_equal(sink.size, maxima[i]);
        assert_true(sink.capacity <= maxima[i]);
        ward__sink_write(&sink, &byte, 1);
        assert_int_equal(sink.error, -EMSGSIZE);
        assert_int_equal(sink.size, maxima[i]);
        ward__sink_clear(&sink);
        ward__sink_write(&sink, &byte, 1);
        assert_int_equal(sink.error, 0);
        assert_int_equal(sink.size, 1);
        ward__sink_done(&sink);
        ward__sink_done(&sink);
        assert_null(sink.data);
        assert_int_equal(sink.maximum, maxima[i]);
    }
}

static void
a_size_above_the_maximum_allocates_nothing(void **state)
{
    volatile size_t above[] = {SIZE_MAX, 1001}; /* the compiler would find them out */
    struct ward__sink sink;

    (void)state;
    ward__sink_init(&sink, 1000);
    ward__sink_write(&sink, "", above[0]);
    assert_int_equal(sink.error, -EMSGSIZE);
    ward__sink_clear(&sink);
    ward__sink_write(&sink, "", above[1]);
    assert_int_equal(sink.error, -EMSGSIZE);
    assert_null(sink.data);
    assert_int_equal(sink.capacity, 0);
}

static void
a_counting_sink_counts_what_another_one_holds(void **state)
{
    const ward_value values[] = {ward_value_string("four"), ward_value_double(4.0),
                                 ward_value_ref((ward_ref){1, 2})};
    struct ward__sink counting, growing;

    (void)state;
    ward__sink_counting(&counting);
    ward__sink_init(&growing, 1000);
    ward__pack_values(&counting, values, COUNT_OF(values));
    ward__pack_values(&growing, values, COUNT_OF(values));
    assert_int_equal(counting.error, 0);
    assert_int_equal(counting.size, growing.size);
    assert_null(counting.data);
    ward__sink_done(&growing);
}

static void
the_first_error_stays_and_what_follows_is_swallowed(void **state)
{
    uint8_t memory[4];
    struct ward__sink sink;

    (void)state;
    ward__sink_fixed(&sink, memory, sizeof memory);
    ward__pack_uint(&sink, 1);
    ward__sink_fail(&sink, -EINVAL);
    ward__sink_fail(&sink, -ENOMEM);
    ward__pack_uint(&sink, 2);
    ward__pack_string(&sink, "much too long for it");
    assert_int_equal(sink.error, -EINVAL);
    assert_int_equal(sink.size, 1);
}

static void
without_memory_a_sink_keeps_what_it_has(void **state)
{
    const uint8_t bytes[300] = {9, 8, 7};
    struct ward__sink sink;

    (void)state;
    ward__sink_init(&sink, 10000);
    ward__sink_write(&sink, bytes, 200);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    ward__sink_write(&sink, bytes, 300);
    ward__fault_disarm();
    assert_int_equal(sink.error, -ENOMEM);
    assert_int_equal(sink.size, 200);
    assert_memory_equal(sink.data, bytes, 200);
    ward__sink_done(&sink);
}

/* ---- values, as msgpack-c reads them ---- */

static msgpack_object
unpack(msgpack_unpacked *unpacked, const struct ward__sink *sink)
{
    size_t used = 0;

    assert_int_equal(sink->error, 0);
    assert_int_equal(
        msgpack_unpack_next(unpacked, (const char *)sink->data, sink->size, &used),
        MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(used, sink->size);
    return unpacked->data;
}

static void
numbers_agree_with_msgpack_c(void **state)
{
    uint64_t random = 21;
    msgpack_unpacked unpacked;
    struct ward__sink sink;

    (void)state;
    ward__sink_init(&sink, 1000);
    msgpack_unpacked_init(&unpacked);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_next(&random) >> random_below(&random, 64);
        ward_value value = ward_value_uint(bits);
        msgpack_object object;
        ward__sink_clear(&sink);
        ward__pack_value(&sink, &value);
        object = unpack(&unpacked, &sink);
        assert_int_equal(object.type, MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_true(object.via.u64 == bits);
        value = ward_value_int(-(int64_t)(bits >> 1) - 1);
        ward__sink_clear(&sink);
        ward__pack_value(&sink, &value);
        object = unpack(&unpacked, &sink);
        assert_int_equal(object.type, MSGPACK_OBJECT_NEGATIVE_INTEGER);
        assert_true(object.via.i64 == -(int64_t)(bits >> 1) - 1);
        value = ward_value_double((double)bits / 3);
        ward__sink_clear(&sink);
        ward__pack_value(&sink, &value);
        object = unpack(&unpacked, &sink);
        assert_int_equal(object.type, MSGPACK_OBJECT_FLOAT64);
        assert_memory_equal(&object.via.f64, &value.as.real, sizeof(double));
    }
    msgpack_unpacked_destroy(&unpacked);
    ward__sink_done(&sink);
}

static void
strings_and_bytes_of_every_length_agree_with_msgpack_c(void **state)
{
    static const size_t edges[] = {0, 1, 31, 32, 33, 255, 256, 65535, 65536, 70000};
    static uint8_t body[70000];
    msgpack_unpacked unpacked;
    struct ward__sink sink;

    (void)state;
    ward__sink_init(&sink, 100000);
    msgpack_unpacked_init(&unpacked);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        ward_value value = ward_value_bytes((ward_bytes){body, edges[i]});
        msgpack_object object;
        ward__sink_clear(&sink);
        ward__pack_value(&sink, &value);
        object = unpack(&unpacked, &sink);
        assert_int_equal(object.type, MSGPACK_OBJECT_BIN);
        assert_int_equal(object.via.bin.size, edges[i]);
        assert_memory_equal(object.via.bin.ptr, body, edges[i]);
        value.tag = WARD_VALUE_STRING;
        ward__sink_clear(&sink);
        ward__pack_value(&sink, &value);
        object = unpack(&unpacked, &sink);
        assert_int_equal(object.type, MSGPACK_OBJECT_STR);
        assert_int_equal(object.via.str.size, edges[i]);
        assert_memory_equal(object.via.str.ptr, body, edges[i]);
    }
    msgpack_unpacked_destroy(&unpacked);
    ward__sink_done(&sink);
}

static void
small_values_agree_with_msgpack_c(void **state)
{
    const ward_value values[] = {
        ward_value_nil(),
        ward_value_bool(true),
        ward_value_bool(false),
        ward_value_string(NULL),
        ward_value_ref((ward_ref){0, 0}),
        ward_value_ref((ward_ref){UINT64_C(0x0102030405060708), 9}),
        ward_value_double((double)NAN),
        ward_value_double(-(double)INFINITY),
    };
    msgpack_unpacked unpacked;
    msgpack_object_array array;
    struct ward__sink sink;

    (void)state;
    ward__sink_init(&sink, 1000);
    ward__pack_values(&sink, values, COUNT_OF(values));
    msgpack_unpacked_init(&unpacked);
    array = unpack(&unpacked, &sink).via.array;
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(array.size, COUNT_OF(values));
    assert_int_equal(array.ptr[0].type, MSGPACK_OBJECT_NIL);
    assert_true(array.ptr[1].via.boolean);
    assert_false(array.ptr[2].via.boolean);
    assert_int_equal(array.ptr[3].type, MSGPACK_OBJECT_NIL);
    assert_int_equal(array.ptr[4].type, MSGPACK_OBJECT_NIL);
    assert_int_equal(array.ptr[5].type, MSGPACK_OBJECT_EXT);
    assert_int_equal(array.ptr[5].via.ext.type, WARD__EXT_REF);
    assert_int_equal(array.ptr[5].via.ext.size, 16);
    assert_memory_equal(array.ptr[5].via.ext.ptr, "\1\2\3\4\5\6\7\x8\0\0\0\0\0\0\0\x9",
                        16);
    assert_true(isnan(array.ptr[6].via.f64));
    assert_true(isinf(array.ptr[7].via.f64) && array.ptr[7].via.f64 < 0);
    msgpack_unpacked_destroy(&unpacked);
    ward__sink_done(&sink);
}

static void
raw_documents_pass_unchanged(void **state)
{
    uint64_t random = 22;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        msgpack_sbuffer out;
        struct ward__sink sink;
        ward_value value;
        msgpack_sbuffer_init(&out);
        document_pack(&out, &random, (unsigned)i % 5);
        value = ward_value_raw((ward_raw){out.data, out.size});
        ward__sink_init(&sink, 10 << 20);
        ward__pack_value(&sink, &value);
        assert_int_equal(sink.error, 0);
        assert_int_equal(sink.size, out.size);
        assert_memory_equal(sink.data, out.data, out.size);
        msgpack_sbuffer_destroy(&out);
        ward__sink_done(&sink);
    }
}

static void
a_bad_value_fails_the_sink(void **state)
{
    ward_value wrong_tag = ward_value_nil();
    const ward_value values[] = {
        ward_value_raw((ward_raw){"", 0}),
        ward_value_raw((ward_raw){NULL, 3}),
        ward_value_raw((ward_raw){NULL, 0}),
        ward_value_raw((ward_raw){"\1\2", 2}),
        ward_value_raw((ward_raw){"\xc1", 1}),
        ward_value_raw((ward_raw){"\x92\1", 2}),
        ward_value_raw((ward_raw){"\xdd\xff\xff\xff\xff", 5}),
        ward_value_built(NULL),
        ward_value_bytes((ward_bytes){NULL, 5}),
    };
    struct ward__sink sink;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        ward__sink_init(&sink, 1000);
        ward__pack_value(&sink, &values[i]);
        assert_int_equal(sink.error, -EINVAL);
        ward__sink_done(&sink);
    }
    wrong_tag.tag = (enum ward_value_tag)77;
    ward__sink_init(&sink, 1000);
    ward__pack_value(&sink, &wrong_tag);
    assert_int_equal(sink.error, -EINVAL);
    ward__sink_done(&sink);
}

static void
a_body_of_more_than_four_gigabytes_is_too_large(void **state)
{
    ward_value value = ward_value_bytes((ward_bytes){"", (size_t)UINT32_MAX + 1});
    struct ward__sink sink;

    (void)state;
    ward__sink_counting(&sink);
    ward__pack_value(&sink, &value);
    assert_int_equal(sink.error, -EMSGSIZE);
}

static void
a_builder_is_packed_only_when_it_is_one_whole_value(void **state)
{
    ward_builder *b = ward_builder_new();
    ward_value value = ward_value_built(b);
    struct ward__sink sink;

    (void)state;
    ward__sink_init(&sink, 1000);
    ward__pack_value(&sink, &value); /* empty */
    assert_int_equal(sink.error, -EINVAL);
    ward__sink_clear(&sink);
    ward_open_array(b);
    ward__pack_value(&sink, &value); /* open */
    assert_int_equal(sink.error, -EINVAL);
    ward__sink_clear(&sink);
    ward_add(b, 5);
    ward_close(b);
    ward__pack_value(&sink, &value);
    assert_int_equal(sink.error, 0);
    assert_int_equal(ward__scan(sink.data, sink.size), (int64_t)sink.size);
    ward_add(b, 6); /* two values */
    ward__sink_clear(&sink);
    ward__pack_value(&sink, &value);
    assert_int_equal(sink.error, -EINVAL);
    ward__sink_done(&sink);
    ward_builder_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_sink_takes_all_that_fits_and_nothing_of_what_does_not),
        cmocka_unit_test(a_growing_sink_takes_its_maximum_and_not_one_byte_more),
        cmocka_unit_test(a_size_above_the_maximum_allocates_nothing),
        cmocka_unit_test(a_counting_sink_counts_what_another_one_holds),
        cmocka_unit_test(the_first_error_stays_and_what_follows_is_swallowed),
        cmocka_unit_test(without_memory_a_sink_keeps_what_it_has),
        cmocka_unit_test(numbers_agree_with_msgpack_c),
        cmocka_unit_test(strings_and_bytes_of_every_length_agree_with_msgpack_c),
        cmocka_unit_test(small_values_agree_with_msgpack_c),
        cmocka_unit_test(raw_documents_pass_unchanged),
        cmocka_unit_test(a_bad_value_fails_the_sink),
        cmocka_unit_test(a_body_of_more_than_four_gigabytes_is_too_large),
        cmocka_unit_test(a_builder_is_packed_only_when_it_is_one_whole_value),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The iterators of ipc/message.c; its getters are in test_message.c. */
#include <errno.h>

#include <ward/builder.h>
#include <ward/error.h>
#include <ward/message.h>

#include "ipc/message.h"
#include "ipc/pack.h"
#include "tests/unit/documents.h"
#include "tests/unit/support.h"

static ward_builder *b;
static struct ward_arena arena;

static int
begin(void **state)
{
    (void)state;
    b = ward_builder_new();
    arena = (struct ward_arena){NULL};
    return b != NULL ? 0 : -1;
}

static int
end(void **state)
{
    (void)state;
    ward_builder_free(b);
    ward__arena_done(&arena);
    return 0;
}

/* The builder's values as those of a message; the builder is closed. */
static ward_message
message_of_built(void)
{
    ward_bytes bytes = ward_builder_bytes(b);
    ward_message msg;

    assert_int_equal(ward_builder_error(b), 0);
    assert_int_equal(
        ward__message_init(&msg, 1, (ward_raw){bytes.data, bytes.size}, &arena), 0);
    return msg;
}

static void
an_array_is_walked_to_its_end(void **state)
{
    ward_message msg;
    ward_iter list, whole;
    int64_t number, sum = 0;
    int more, last;

    (void)state;
    ward_open_array(b);
    ward_open_array(b);
    for (int i = 1; i <= 100; i++)
        ward_add(b, i);
    ward_close(b);
    ward_add(b, 7);
    ward_close(b);
    msg = message_of_built();
    assert_int_equal(ward_get(&msg, &list, &last), 0);
    assert_int_equal(last, 7);
    assert_false(ward_iter_is_map(&list));
    for (size_t left = 100; left > 0; left--) {
        assert_int_equal(ward_iter_left(&list), left);
        assert_int_equal(ward_iter_next(&list, &number), 1);
        sum += number;
    }
    more = ward_iter_next(&list, &number);
    assert_int_equal(more, 0);
    assert_int_equal(ward_iter_skip(&list), 0);
    assert_int_equal(ward_iter_peek(&list), -ENODATA);
    assert_int_equal(ward_iter_left(&list), 0);
    assert_int_equal(sum, 5050);
    ward_message_iter(&msg, &whole);
    assert_int_equal(ward_iter_left(&whole), 2);
    assert_int_equal(ward_iter_skip(&whole), 1);
    assert_int_equal(ward_iter_next(&whole, &last), 1);
    assert_int_equal(ward_iter_next(&whole, &last), 0);
}

static void
a_map_is_walked_in_pairs(void **state)
{
    ward_message msg;
    ward_iter map, inner;
    const char *key;
    int value;

    (void)state;
    ward_open_array(b);
    ward_open_map(b);
    ward_add(b, "one", 1, "two");
    ward_open_array(b);
    ward_add(b, 21, 22);
    ward_close(b);
    ward_add(b, "three", 3);
    ward_close(b);
    ward_close(b);
    msg = message_of_built();
    assert_int_equal(ward_get(&msg, &map), 0);
    assert_true(ward_iter_is_map(&map));
    assert_int_equal(ward_iter_left(&map), 6);
    assert_int_equal(ward_iter_next(&map, &key, &value), 1);
    assert_string_equal(key, "one");
    assert_int_equal(ward_iter_next(&map, &key, &inner), 1);
    assert_string_equal(key, "two");
    assert_int_equal(ward_iter_next(&inner, &value), 1);
    assert_int_equal(ward_iter_next(&inner, &value), 1);
    assert_int_equal(value, 22);
    assert_int_equal(ward_iter_next(&inner, &value), 0);
    assert_int_equal(ward_iter_next(&map, &key, &value), 1);
    assert_string_equal(key, "three");
    assert_int_equal(value, 3);
    assert_int_equal(ward_iter_next(&map, &key, &value), 0);
}

static void
after_an_error_the_iterator_stands_where_it_was(void **state)
{
    ward_message msg;
    ward_iter it;
    int a = 9, c = 9;
    const char *text = NULL;

    (void)state;
    ward_open_array(b);
    ward_add(b, 1, "two", 3);
    ward_close(b);
    msg = message_of_built();
    ward_message_iter(&msg, &it);
    assert_int_equal(ward_iter_next(&it, &a, &c), -WARD_ETYPE);
    assert_int_equal(ward_iter_next(&it, &a, &text, &c, &c), -ENODATA);
    assert_true(a == 9 && c == 9 && text == NULL);
    assert_int_equal(ward_iter_left(&it), 3);
    assert_int_equal(ward_iter_next(&it, &a, &text, &c), 1);
    assert_true(a == 1 && c == 3);
    assert_string_equal(text, "two");
}

static void
peek_tells_every_kind_and_takes_nothing(void **state)
{
    static const int kinds[] = {
        WARD_VALUE_NIL,    WARD_VALUE_BOOL,   WARD_VALUE_UINT,  WARD_VALUE_INT,
        WARD_VALUE_DOUBLE, WARD_VALUE_STRING, WARD_VALUE_BYTES, WARD_VALUE_REF,
        WARD_VALUE_RAW,    WARD_VALUE_BUILT,  WARD_VALUE_BUILT,
    };
    ward_message msg;
    ward_iter it;

    (void)state;
    ward_open_array(b);
    ward_add(b, ward_value_nil(), ward_value_bool(true), 1, -1, 1.5, "s",
             ((ward_bytes){"b", 1}), ((ward_ref){1, 2}), ((ward_raw){"\xd4\x09x", 3}));
    ward_open_array(b);
    ward_add(b, 1);
    ward_close(b);
    ward_open_map(b);
    ward_close(b);
    ward_close(b);
    msg = message_of_built();
    ward_message_iter(&msg, &it);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        assert_int_equal(ward_iter_peek(&it), kinds[i]);
        assert_int_equal(ward_iter_peek(&it), kinds[i]);
        assert_int_equal(ward_iter_skip(&it), 1);
    }
    assert_int_equal(ward_iter_peek(&it), -ENODATA);
}

static void
bytes_of_ones_own_are_walked_too(void **state)
{
    static const uint8_t bad[] = {1, 2, 0x92, 3};
    ward_iter it, untouched;
    const char *text;
    ward_bytes bytes;
    int number;

    (void)state;
    ward_add(b, 1, "text", ward_value_nil(), 4);
    assert_int_equal(ward_iter_init(&it, ward_builder_bytes(b)), 0);
    assert_int_equal(ward_iter_left(&it), 4);
    assert_int_equal(ward_iter_next(&it, &number), 1);
    assert_int_equal(ward_iter_next(&it, &text), -EINVAL);
    assert_int_equal(ward_iter_next(&it, &bytes, &text, &number), 1);
    assert_int_equal(bytes.size, 4);
    assert_null(text);
    assert_int_equal(number, 4);
    assert_int_equal(ward_iter_next(&it, &number), 0);

    memset(&it, 0x11, sizeof it);
    memcpy(&untouched, &it, sizeof it);
    assert_int_equal(ward_iter_init(&it, (ward_bytes){bad, sizeof bad}), -WARD_EPROTOCOL);
    assert_memory_equal(&it, &untouched, sizeof it);
    assert_int_equal(ward_iter_init(&it, (ward_bytes){"", 0}), 0);
    assert_int_equal(ward_iter_left(&it), 0);
}

/* Descends into everything; the number of scalars. */
static size_t
walk(ward_iter *it)
{
    size_t scalars = 0;
    ward_iter inner;
    int kind;

    while ((kind = ward_iter_peek(it)) >= 0) {
        if (kind == WARD_VALUE_BUILT) {
            assert_int_equal(ward_iter_next(it, &inner), 1);
            scalars += walk(&inner);
            assert_ptr_equal(inner.at, it->at);
        } else {
            assert_int_equal(ward_iter_skip(it), 1);
            scalars++;
        }
    }
    assert_int_equal(kind, -ENODATA);
    return scalars;
}

static size_t
scalars_of(const msgpack_object *object)
{
    size_t count = 0;

    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++)
            count += scalars_of(&object->via.array.ptr[i]);
        return count;
    }
    if (object->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < object->via.map.size; i++)
            count += scalars_of(&object->via.map.ptr[i].key) +
                     scalars_of(&object->via.map.ptr[i].val);
        return count;
    }
    return 1;
}

static void
any_document_is_walked_to_its_end(void **state)
{
    uint64_t random = 51;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        msgpack_sbuffer out;
        msgpack_unpacked unpacked;
        ward_iter it;
        uint8_t *data;
        msgpack_sbuffer_init(&out);
        document_pack(&out, &random, (unsigned)i % 6);
        data = exact_copy(out.data, out.size);
        msgpack_unpacked_init(&unpacked);
        msgpack_unpack_next(&unpacked, out.data, out.size, NULL);
        assert_int_equal(ward_iter_init(&it, (ward_bytes){data, out.size}), 0);
        assert_int_equal(walk(&it), scalars_of(&unpacked.data));
        assert_ptr_equal(it.at, data + out.size);
        msgpack_unpacked_destroy(&unpacked);
        msgpack_sbuffer_destroy(&out);
        free(data);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_array_is_walked_to_its_end),
        TEST(a_map_is_walked_in_pairs),
        TEST(after_an_error_the_iterator_stands_where_it_was),
        TEST(peek_tells_every_kind_and_takes_nothing),
        TEST(bytes_of_ones_own_are_walked_too),
        TEST(any_document_is_walked_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>

#include <msgpack.h>
#include <ward/builder.h>
#include <ward/message.h>

#include "ipc/fault.h"
#include "ipc/scan.h"
#include "tests/unit/support.h"

static ward_builder *b;

static int
make_builder(void **state)
{
    (void)state;
    b = ward_builder_new();
    return b != NULL ? 0 : -1;
}

static int
free_builder(void **state)
{
    (void)state;
    ward_builder_free(b);
    return 0;
}

static void
nested_values_unpack_as_they_were_built(void **state)
{
    msgpack_unpacked unpacked;
    msgpack_object_map map;
    ward_bytes bytes;

    (void)state;
    assert_int_equal(ward_open_map(b), 0);
    assert_int_equal(ward_add(b, "name", "parser"), 0);
    assert_int_equal(ward_add(b, "sizes"), 0);
    assert_int_equal(ward_open_array(b), 0);
    assert_int_equal(ward_add(b, 1, -2, 3.5), 0);
    assert_int_equal(ward_close(b), 0);
    assert_int_equal(ward_add(b, "none"), 0);
    assert_int_equal(ward_open_map(b), 0);
    assert_int_equal(ward_close(b), 0);
    assert_int_equal(ward_close(b), 0);
    assert_int_equal(ward_builder_error(b), 0);

    bytes = ward_builder_bytes(b);
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, bytes.data, bytes.size, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_MAP);
    map = unpacked.data.via.map;
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.ptr[0].val.via.str.ptr, "parser", 6);
    assert_int_equal(map.ptr[1].val.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(map.ptr[1].val.via.array.size, 3);
    assert_int_equal(map.ptr[1].val.via.array.ptr[0].via.u64, 1);
    assert_int_equal(map.ptr[1].val.via.array.ptr[1].via.i64, -2);
    assert_true(map.ptr[1].val.via.array.ptr[2].via.f64 == 3.5);
    assert_int_equal(map.ptr[2].val.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(map.ptr[2].val.via.map.size, 0);
    msgpack_unpacked_destroy(&unpacked);
}

/* ---- a random walk beside a model: how many values each open level holds ---- */

struct model {
    size_t counts[WARD_MAX_DEPTH + 1]; /* [0]: values that stand alone */
    bool is_map[WARD_MAX_DEPTH + 1];
    unsigned depth;
};

static void
walk_step(struct model *m, uint64_t *random)
{
    size_t choice = random_below(random, 8);

    if (choice < 2 && m->depth < WARD_MAX_DEPTH) {
        assert_int_equal(choice == 0 ? ward_open_array(b) : ward_open_map(b), 0);
        m->counts[m->depth]++;
        m->depth++;
        m->is_map[m->depth] = choice == 1;
        m->counts[m->depth] = 0;
    } else if (choice < 4 && m->depth > 0 &&
               !(m->is_map[m->depth] && m->counts[m->depth] % 2 != 0)) {
        assert_int_equal(ward_close(b), 0);
        m->depth--;
    } else {
        assert_int_equal(ward_add(b, (uint64_t)choice, "text"), 0);
        m->counts[m->depth] += 2;
    }
}

static void
walk_end(struct model *m)
{
    while (m->depth > 0) {
        assert_int_equal(ward_builder_error(b), -EINVAL);
        if (m->is_map[m->depth] && m->counts[m->depth] % 2 != 0)
            assert_int_equal(ward_add(b, ward_value_nil()), 0);
        assert_int_equal(ward_close(b), 0);
        m->depth--;
    }
}

static void
random_builds_unpack_with_msgpack_c(void **state)
{
    uint64_t random = 31;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct model m = {.depth = 0};
        msgpack_unpacked unpacked;
        ward_bytes bytes;
        size_t at = 0, count = 0;
        ward_builder_clear(b);
        for (size_t steps = random_below(&random, 60); steps > 0; steps--)
            walk_step(&m, &random);
        walk_end(&m);
        assert_int_equal(ward_builder_error(b), 0);
        bytes = ward_builder_bytes(b);
        assert_int_equal(ward__scan_all(bytes.data, bytes.size), (int64_t)m.counts[0]);
        msgpack_unpacked_init(&unpacked);
        while (at < bytes.size) {
            assert_int_equal(msgpack_unpack_next(&unpacked, bytes.data, bytes.size, &at),
                             MSGPACK_UNPACK_SUCCESS);
            count++;
        }
        assert_int_equal(count, m.counts[0]);
        msgpack_unpacked_destroy(&unpacked);
    }
}

/* ---- errors ---- */

/* After an error every call returns it, the bytes stay, and clear makes all good. */
static void
assert_stuck(int error)
{
    size_t size = ward_builder_bytes(b).size;

    assert_int_equal(ward_builder_error(b), error);
    assert_int_equal(ward_add(b, 1), error);
    assert_int_equal(ward_open_array(b), error);
    assert_int_equal(ward_open_map(b), error);
    assert_int_equal(ward_close(b), error);
    assert_int_equal(ward_builder_error(b), error);
    assert_int_equal(ward_builder_bytes(b).size, size);
    ward_builder_clear(b);
    assert_int_equal(ward_builder_error(b), 0);
    assert_int_equal(ward_builder_bytes(b).size, 0);
    assert_int_equal(ward_add(b, 1), 0);
}

static void
closing_what_is_not_open_sticks(void **state)
{
    (void)state;
    assert_int_equal(ward_close(b), -EINVAL);
    assert_stuck(-EINVAL);
}

static void
a_key_without_a_value_sticks(void **state)
{
    (void)state;
    ward_open_map(b);
    ward_add(b, "a", 1, "b");
    assert_int_equal(ward_close(b), -EINVAL);
    assert_stuck(-EINVAL);
    ward_builder_clear(b);
    ward_open_map(b);
    ward_open_array(b); /* a key too */
    ward_close(b);
    assert_int_equal(ward_close(b), -EINVAL);
    assert_stuck(-EINVAL);
}

static void
a_bad_value_sticks(void **state)
{
    (void)state;
    assert_int_equal(ward_add(b, 1, ((ward_raw){"\xc1", 1}), 3), -EINVAL);
    assert_stuck(-EINVAL);
    assert_int_equal(ward_add_values(b, NULL, 1), -EINVAL);
    assert_stuck(-EINVAL);
    assert_int_equal(ward_add_values(b, NULL, 0), 0);
}

static void
an_error_of_a_builder_inside_another_comes_through(void **state)
{
    ward_builder *inner = ward_builder_new();

    (void)state;
    ward_close(inner);
    assert_int_equal(ward_add(b, inner), -EINVAL);
    ward_builder_clear(b);
    ward_builder_clear(inner);
    ward_open_array(inner);
    ward_add(inner, 1, 2);
    ward_close(inner);
    ward_open_array(b);
    assert_int_equal(ward_add(b, inner, inner), 0);
    ward_close(b);
    assert_int_equal(ward_builder_error(b), 0);
    assert_int_equal(ward__scan(ward_builder_bytes(b).data, ward_builder_bytes(b).size),
                     (int64_t)ward_builder_bytes(b).size);
    ward_builder_free(inner);
}

static void
depth_is_bounded_exactly(void **state)
{
    (void)state;
    for (int i = 0; i < WARD_MAX_DEPTH; i++)
        assert_int_equal(i % 2 == 0 ? ward_open_array(b) : ward_open_map(b), 0);
    assert_int_equal(ward_open_array(b), -E2BIG);
    assert_stuck(-E2BIG);
    ward_builder_clear(b);
    for (int i = 0; i < WARD_MAX_DEPTH; i++)
        assert_int_equal(ward_open_array(b), 0);
    assert_int_equal(ward_add(b, 1), 0);
    for (int i = 0; i < WARD_MAX_DEPTH; i++)
        assert_int_equal(ward_close(b), 0);
    assert_int_equal(ward_builder_error(b), 0);
}

static void
without_memory_the_error_sticks(void **state)
{
    (void)state;
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_null(ward_builder_new());
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward_add(b, 1), -ENOMEM);
    assert_stuck(-ENOMEM);
    ward_builder_free(b);
    b = ward_builder_new();
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward_open_map(b), -ENOMEM);
    assert_stuck(-ENOMEM);
    ward__fault_disarm();
}

static void
what_is_larger_than_any_frame_is_refused(void **state)
{
    static uint8_t mebibyte[1 << 20];
    int result = 0;
    int added = 0;

    (void)state;
    while (added <= 64 && result == 0) {
        result = ward_add(b, ((ward_bytes){mebibyte, sizeof mebibyte}));
        added += result == 0;
    }
    assert_int_equal(result, -EMSGSIZE);
    assert_int_equal(added, 63);
}

static void
free_takes_nothing(void **state)
{
    (void)state;
    ward_builder_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_builder, free_builder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nested_values_unpack_as_they_were_built),
        TEST(random_builds_unpack_with_msgpack_c),
        TEST(closing_what_is_not_open_sticks),
        TEST(a_key_without_a_value_sticks),
        TEST(a_bad_value_sticks),
        TEST(an_error_of_a_builder_inside_another_comes_through),
        TEST(depth_is_bounded_exactly),
        TEST(without_memory_the_error_sticks),
        TEST(what_is_larger_than_any_frame_is_refused),
        TEST(free_takes_nothing),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

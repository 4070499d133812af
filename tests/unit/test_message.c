#include "ipc/message.h"

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdalign.h>
#include <stddef.h>

#include <ward/builder.h>
#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/pack.h"
#include "tests/unit/support.h"

static struct ward__sink sink;
static struct ward_arena arena;

static int
begin(void **state)
{
    (void)state;
    ward__sink_init(&sink, 1 << 20);
    arena = (struct ward_arena){NULL};
    return 0;
}

static int
end(void **state)
{
    (void)state;
    ward__sink_done(&sink);
    ward__arena_done(&arena);
    return 0;
}

/* A message of these values, in memory of exactly their size. */
static ward_message
message_of(const ward_value *values, size_t count)
{
    ward_message msg;

    ward__sink_clear(&sink);
    ward__pack_values(&sink, values, count);
    assert_int_equal(sink.error, 0);
    assert_int_equal(
        ward__message_init(&msg, 5, (ward_raw){sink.data, sink.size}, &arena), 0);
    return msg;
}

#define MESSAGE(...) message_of(WARD__VALUES(__VA_ARGS__))

/* ---- integers: every width at its edges ---- */

struct width {
    enum ward_slot_tag tag;
    size_t size;
    bool is_signed;
    int64_t min;
    uint64_t max;
};

static const struct width widths[] = {
    {WARD_SLOT_I8, 1, true, INT8_MIN, INT8_MAX},
    {WARD_SLOT_I16, 2, true, INT16_MIN, INT16_MAX},
    {WARD_SLOT_I32, 4, true, INT32_MIN, INT32_MAX},
    {WARD_SLOT_I64, 8, true, INT64_MIN, INT64_MAX},
    {WARD_SLOT_LONGLONG, sizeof(long long), true, LLONG_MIN, LLONG_MAX},
    {WARD_SLOT_U8, 1, false, 0, UINT8_MAX},
    {WARD_SLOT_U16, 2, false, 0, UINT16_MAX},
    {WARD_SLOT_U32, 4, false, 0, UINT32_MAX},
    {WARD_SLOT_U64, 8, false, 0, UINT64_MAX},
    {WARD_SLOT_ULONGLONG, sizeof(unsigned long long), false, 0, ULLONG_MAX},
};

/* Reads one value and looks at the bytes in and behind the slot. */
static void
read_integer(const struct width *width, ward_value value, bool fits)
{
    uint64_t cell[2] = {UINT64_C(0xa5a5a5a5a5a5a5a5), UINT64_C(0xa5a5a5a5a5a5a5a5)};
    const uint64_t before = cell[0];
    const ward_slot slot = {width->tag, &cell[0]};
    uint64_t bits = value.as.unsigned_integer;
    ward_message msg = message_of(&value, 1);

    assert_int_equal(ward_get_slots(&msg, &slot, 1), fits ? 0 : -ERANGE);
    assert_memory_equal(cell, fits ? &bits : &before, width->size);
    assert_memory_equal((char *)cell + width->size, (const char *)&before,
                        8 - width->size);
    assert_true(cell[1] == before);
}

static void
every_integer_width_takes_its_range_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(widths); i++) {
        const struct width *width = &widths[i];
        for (int bit = 0; bit < 64; bit++)
            for (uint64_t off = 0; off < 3; off++) {
                uint64_t number = (UINT64_C(1) << bit) - 1 + off;
                int64_t below = -(int64_t)(number / 2) - 1;
                read_integer(width, ward_value_uint(number), number <= width->max);
                read_integer(width, ward_value_int(below), below >= width->min);
            }
        read_integer(width, ward_value_uint(UINT64_MAX), width->max == UINT64_MAX);
        read_integer(width, ward_value_int(INT64_MIN), width->min == INT64_MIN);
        read_integer(width, ward_value_uint(0), true);
    }
}

/* ---- every getter on every kind of value ---- */

enum kind {
    NIL,
    BOOL,
    ZERO,
    TWO,
    MINUS,
    REAL,
    HUGE,
    TEXT,
    HOLE,
    BIN,
    REF,
    EXT,
    LIST,
    MAP,
    KINDS
};

static const char *const encoded[KINDS] = {
    [NIL] = "\xc0",
    [BOOL] = "\xc3",
    [ZERO] = "",
    [TWO] = "\x02",
    [MINUS] = "\xff",
    [REAL] = "",
    [HUGE] = "",
    [TEXT] = "\xa2hi",
    [HOLE] = "",
    [BIN] = "\xc4\x02hi",
    [REF] = "",
    [EXT] = "\xd4\x05x",
    [LIST] = "\x92\x01\x02",
    [MAP] = "\x81\x01\x02",
};

static ward_value
value_of(enum kind kind)
{
    static const char hole[] = {'a', '\0', 'b'};
    ward_value text = ward_value_string("hi");

    switch (kind) {
    case ZERO:
        return ward_value_int(0);
    case REAL:
        return ward_value_double(1.5);
    case HUGE:
        return ward_value_double(1e300);
    case HOLE:
        text.as.bytes = (ward_bytes){hole, sizeof hole};
        return text;
    case REF:
        return ward_value_ref((ward_ref){7, 8});
    default:
        return ward_value_raw((ward_raw){encoded[kind], strlen(encoded[kind])});
    }
}

#define E (-WARD_ETYPE)
#define R (-ERANGE)
#define S (-EILSEQ)
#define INTEGER_ROW                                                                      \
    {                                                                                    \
        E, E, 0, 0, 0, E, E, E, E, E, E, E, E, E                                         \
    }
#define UNSIGNED_ROW                                                                     \
    {                                                                                    \
        E, E, 0, 0, R, E, E, E, E, E, E, E, E, E                                         \
    }

/* Columns as in enum kind. */
static const int expected[][KINDS] = {
    [WARD_SLOT_BOOL] = {E, 0, 0, R, E, E, E, E, E, E, E, E, E, E},
    [WARD_SLOT_I8] = INTEGER_ROW,
    [WARD_SLOT_I16] = INTEGER_ROW,
    [WARD_SLOT_I32] = INTEGER_ROW,
    [WARD_SLOT_I64] = INTEGER_ROW,
    [WARD_SLOT_LONGLONG] = INTEGER_ROW,
    [WARD_SLOT_U8] = UNSIGNED_ROW,
    [WARD_SLOT_U16] = UNSIGNED_ROW,
    [WARD_SLOT_U32] = UNSIGNED_ROW,
    [WARD_SLOT_U64] = UNSIGNED_ROW,
    [WARD_SLOT_ULONGLONG] = UNSIGNED_ROW,
    [WARD_SLOT_FLOAT] = {E, E, 0, 0, 0, 0, R, E, E, E, E, E, E, E},
    [WARD_SLOT_DOUBLE] = {E, E, 0, 0, 0, 0, 0, E, E, E, E, E, E, E},
    [WARD_SLOT_STRING] = {0, E, E, E, E, E, E, 0, S, E, E, E, E, E},
    [WARD_SLOT_BYTES] = {E, E, E, E, E, E, E, 0, 0, 0, E, E, E, E},
    [WARD_SLOT_REF] = {0, E, E, E, E, E, E, E, E, E, 0, E, E, E},
    [WARD_SLOT_RAW] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    [WARD_SLOT_ITER] = {E, E, E, E, E, E, E, E, E, E, E, E, 0, 0},
};

static void
every_getter_takes_its_kinds_and_writes_nothing_else(void **state)
{
    (void)state;
    for (size_t tag = 0; tag < COUNT_OF(expected); tag++)
        for (int kind = 0; kind < KINDS; kind++) {
            ward_value value = value_of((enum kind)kind);
            ward_message msg = message_of(&value, 1);
            uint64_t cell[8], before[8];
            const ward_slot slot = {(enum ward_slot_tag)tag, cell};
            int result;
            memset(cell, 0x5a, sizeof cell);
            memcpy(before, cell, sizeof cell);
            result = ward_get_slots(&msg, &slot, 1);
            if (result != expected[tag][kind])
                fail_msg("slot %zu, kind %d: %d instead of %d", tag, kind, result,
                         expected[tag][kind]);
            assert_true((memcmp(cell, before, sizeof cell) != 0) == (result == 0));
        }
}

static void
an_unknown_slot_is_invalid(void **state)
{
    int number = 4;
    const ward_slot slot = {(enum ward_slot_tag)99, &number};
    ward_message msg = MESSAGE(1);

    (void)state;
    assert_int_equal(ward_get_slots(&msg, &slot, 1), -EINVAL);
    assert_int_equal(ward_get_slots(NULL, &slot, 1), -EINVAL);
    assert_int_equal(ward_get_slots(&msg, NULL, 1), -EINVAL);
    assert_int_equal(number, 4);
}

static void
what_was_sent_comes_back(void **state)
{
    const char bytes[] = {1, 0, 2};
    ward_message msg;
    bool yes, no, one;
    signed char small;
    unsigned short mid;
    long long wide;
    unsigned long long widest;
    float single;
    double real, from_int;
    const char *text, *none;
    ward_bytes data, text_bytes;
    ward_ref ref;

    (void)state;
    msg = MESSAGE(ward_value_bool(true), ward_value_bool(false), 1, (signed char)-5,
                  60000, LLONG_MIN, ULLONG_MAX, 0.5F, 1e300, -3, "text",
                  (const char *)NULL, ((ward_bytes){bytes, 3}), "xy", ((ward_ref){1, 2}));
    assert_int_equal(ward_message_count(&msg), 15);
    assert_int_equal(ward_get(&msg, &yes, &no, &one, &small, &mid, &wide, &widest,
                              &single, &real, &from_int, &text, &none, &data, &text_bytes,
                              &ref),
                     0);
    assert_true(yes && !no && one && small == -5 && mid == 60000);
    assert_true(wide == LLONG_MIN && widest == ULLONG_MAX);
    assert_true(single == 0.5F && real == 1e300 && from_int == -3.0);
    assert_string_equal(text, "text");
    assert_null(none);
    assert_int_equal(data.size, 3);
    assert_memory_equal(data.data, bytes, 3);
    assert_int_equal(text_bytes.size, 2);
    assert_true(ward_ref_equal(ref, (ward_ref){1, 2}));
}

static void
a_float_takes_what_a_float_can_hold(void **state)
{
    float f = 0;
    ward_message msg = MESSAGE((double)FLT_MAX, -(double)FLT_MAX, (double)INFINITY,
                               (double)NAN, UINT64_MAX, INT64_MIN);
    float all[6];

    (void)state;
    assert_int_equal(ward_get(&msg, &all[0], &all[1], &all[2], &all[3], &all[4], &all[5]),
                     0);
    assert_true(all[0] == FLT_MAX && all[1] == -FLT_MAX);
    assert_true(isinf(all[2]) && isnan(all[3]));
    assert_true(all[4] == 0x1p64F && all[5] == -0x1p63F);
    msg = MESSAGE(nextafter((double)FLT_MAX, INFINITY));
    assert_int_equal(ward_get(&msg, &f), -ERANGE);
    msg = MESSAGE(-nextafter((double)FLT_MAX, INFINITY));
    assert_int_equal(ward_get(&msg, &f), -ERANGE);
    assert_true(f == 0);
}

/* ---- all or none ---- */

static void
one_wrong_value_and_none_is_written(void **state)
{
    enum { VALUES = 16 };

    (void)state;
    for (size_t wrong = 0; wrong < VALUES; wrong++) {
        ward_value values[VALUES];
        ward_slot slots[VALUES];
        uint8_t numbers[VALUES];
        ward_message msg;
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = ward_value_uint(i == wrong ? 256 : i);
            numbers[i] = 200;
            slots[i] = (ward_slot){WARD_SLOT_U8, &numbers[i]};
        }
        msg = message_of(values, VALUES);
        assert_int_equal(ward_get_slots(&msg, slots, VALUES), -ERANGE);
        for (size_t i = 0; i < VALUES; i++)
            assert_int_equal(numbers[i], 200);
        assert_int_equal(ward_get_slots(&msg, slots, wrong), 0);
        for (size_t i = 0; i < wrong; i++)
            assert_int_equal(numbers[i], i);
    }
}

static void
more_than_there_is_is_no_data_and_less_is_fine(void **state)
{
    int a = 9, c = 9, d = 9;
    ward_iter b;
    ward_message msg;
    ward_builder *list = ward_builder_new();

    (void)state;
    ward_open_array(list);
    ward_add(list, 5, 6, 7);
    ward_close(list);
    msg = MESSAGE(1, list, 3);
    assert_int_equal(ward_get(&msg, &a, &b, &c, &d), -ENODATA);
    assert_true(a == 9 && c == 9 && d == 9);
    assert_int_equal(ward_get(&msg, &a), 0);
    assert_int_equal(a, 1);
    assert_int_equal(ward_get(&msg, &a, &b, &c), 0);
    assert_int_equal(c, 3);
    assert_int_equal(ward_get_slots(&msg, &(ward_slot){WARD_SLOT_I32, &a}, 0), 0);
    ward_builder_free(list);
}

/* ---- strings and the arena ---- */

static void
strings_of_every_size_end_in_a_nul_and_stay_until_the_arena_is_cleared(void **state)
{
    enum { LONGEST = 5000 };
    static char text[LONGEST + 1];
    const char *kept[64];
    size_t count = 0;

    (void)state;
    memset(text, 'x', LONGEST);
    for (size_t length = 0; length <= LONGEST; length += 1 + length / 8) {
        ward_value value = ward_value_string(text);
        ward_message msg;
        value.as.bytes.size = length;
        msg = message_of(&value, 1);
        assert_int_equal(ward_get(&msg, &kept[count]), 0);
        assert_int_equal(strlen(kept[count]), length);
        count++;
    }
    for (size_t i = 1; i < count; i++)
        assert_true(strlen(kept[i]) > strlen(kept[i - 1]));
    ward__arena_clear(&arena);
    assert_null(arena.chunks);
}

static void
a_small_arena_is_used_again(void **state)
{
    void *first = ward__arena_take(&arena, 10);
    struct ward__chunk *chunk = arena.chunks;

    (void)state;
    assert_non_null(first);
    for (int i = 0; i < 1000; i++) {
        ward__arena_clear(&arena);
        assert_ptr_equal(ward__arena_take(&arena, 10), first);
        assert_ptr_equal(arena.chunks, chunk);
    }
    assert_non_null(ward__arena_take(&arena, 100000));
    ward__arena_clear(&arena);
    assert_null(arena.chunks);
    ward__arena_clear(&arena);
    assert_non_null(ward__arena_take(&arena, 0));
}

static void
pieces_of_an_arena_are_aligned_and_apart(void **state)
{
    uint64_t random = 41;
    uint8_t *pieces[500];
    size_t sizes[500];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        sizes[i] = 1 + random_below(&random, i % 50 == 0 ? 9000 : 100);
        pieces[i] = ward__arena_take(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(pieces[i][at], i & 0xff);
}

static void
what_is_lent_to_an_arena_comes_first_and_is_never_freed(void **state)
{
    max_align_t room[512 / sizeof(max_align_t)];
    uint8_t *end = (uint8_t *)(room + COUNT_OF(room)), *pieces[60];
    size_t inside = 0;

    (void)state;
    ward__arena_lend(&arena, room, sizeof room);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = ward__arena_take(&arena, 40);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)i, 40);
        if (pieces[i] > (uint8_t *)room && pieces[i] < end) {
            assert_true(pieces[i] + 40 <= end);
            inside++;
            assert_int_equal(inside, i + 1);
        }
    }
    assert_in_range(inside, 8, 11);
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t at = 0; at < 40; at++)
            assert_int_equal(pieces[i][at], i);
    ward__arena_clear(&arena);
    assert_null(arena.chunks);
    ward__arena_lend(&arena, room, sizeof room);
    ward__arena_done(&arena);
    assert_null(arena.chunks);
}

static void
a_string_without_memory_is_an_error(void **state)
{
    const char *text = NULL;
    ward_message msg = MESSAGE("text");

    (void)state;
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_int_equal(ward_get(&msg, &text), -ENOMEM);
    assert_null(text);
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_null(ward__message_copy(1, ward_message_raw(&msg)));
    ward__fault_disarm();
    assert_int_equal(ward_get(&msg, &text), 0);
}

/* ---- whole messages ---- */

static void
what_is_no_array_is_no_message(void **state)
{
    static const char *const wrong[] = {"\xc0",  "\x01", "\x81\x01\x02",
                                        "\xa1x", "\xdc", ""};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ward_message msg;
        ward_raw raw = {wrong[i], strlen(wrong[i])};
        assert_int_equal(ward__message_init(&msg, 1, raw, &arena), -WARD_EPROTOCOL);
        assert_null(ward__message_copy(1, raw));
    }
}

static void
a_copy_outlives_what_it_was_made_of(void **state)
{
    ward_message msg = MESSAGE("text", 7);
    ward_message *copy = ward__message_copy(-2, ward_message_raw(&msg));
    const char *text;
    int number;

    (void)state;
    assert_non_null(copy);
    memset(sink.data, 0xc1, sink.size);
    assert_int_equal(ward_message_type(copy), WARD_REPLY);
    assert_int_equal(ward_message_count(copy), 2);
    assert_int_equal(ward_message_attempt(copy), 0);
    assert_true(ward_ref_equal(ward_sender(copy), (ward_ref){0, 0}));
    assert_int_equal(ward_get(copy, &text, &number), 0);
    assert_string_equal(text, "text");
    assert_int_equal(number, 7);
    ward_message_free(copy);
    ward_message_free(NULL);
}

static ward_message
terminated(int64_t type, ward_value last)
{
    ward_message msg =
        MESSAGE(((ward_ref){3, 4}), "/a/b", (int)WARD_END_KILLED, "limit", 1, last);

    msg.type = type;
    return msg;
}

static void
the_end_of_an_actor_is_read_as_a_whole_or_not_at_all(void **state)
{
    ward_terminated t = {.cause = 77};
    ward_message msg = terminated(5, ward_value_string("in a line"));

    (void)state;
    assert_int_equal(ward_get_terminated(&msg, &t), -EINVAL);
    msg = terminated(WARD_TERMINATED, ward_value_int(3));
    assert_int_equal(ward_get_terminated(&msg, &t), -EINVAL);
    assert_int_equal(ward_get_terminated(NULL, &t), -EINVAL);
    assert_int_equal(ward_get_terminated(&msg, NULL), -EINVAL);
    assert_int_equal(t.cause, 77);
    msg = terminated(WARD_TERMINATED, ward_value_string("in a line"));
    assert_int_equal(ward_get_terminated(&msg, &t), 0);
    assert_true(ward_ref_equal(t.actor, (ward_ref){3, 4}));
    assert_string_equal(t.path, "/a/b");
    assert_int_equal(t.end, WARD_END_KILLED);
    assert_string_equal(t.reason, "limit");
    assert_int_equal(t.cause, 1);
    assert_string_equal(t.failure, "in a line");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_integer_width_takes_its_range_and_no_more),
        TEST(every_getter_takes_its_kinds_and_writes_nothing_else),
        TEST(an_unknown_slot_is_invalid),
        TEST(what_was_sent_comes_back),
        TEST(a_float_takes_what_a_float_can_hold),
        TEST(one_wrong_value_and_none_is_written),
        TEST(more_than_there_is_is_no_data_and_less_is_fine),
        TEST(strings_of_every_size_end_in_a_nul_and_stay_until_the_arena_is_cleared),
        TEST(a_small_arena_is_used_again),
        TEST(pieces_of_an_arena_are_aligned_and_apart),
        TEST(what_is_lent_to_an_arena_comes_first_and_is_never_freed),
        TEST(a_string_without_memory_is_an_error),
        TEST(what_is_no_array_is_no_message),
        TEST(a_copy_outlives_what_it_was_made_of),
        TEST(the_end_of_an_actor_is_read_as_a_whole_or_not_at_all),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

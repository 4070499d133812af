#include "ipc/scan.h"

#include <sys/mman.h>

#include <ward/error.h>

#include "tests/unit/documents.h"
#include "tests/unit/support.h"

enum { DOCUMENTS = 4000, NOISES = 400000 };

static size_t
msgpack_length(const char *data, size_t size)
{
    msgpack_unpacked unpacked;
    size_t used = 0;

    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, data, size, &used),
                     MSGPACK_UNPACK_SUCCESS);
    msgpack_unpacked_destroy(&unpacked);
    return used;
}

static void
what_msgpack_c_packs_is_scanned_to_the_same_length(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int i = 0; i < DOCUMENTS; i++) {
        msgpack_sbuffer out;
        uint8_t *data;
        size_t first, size;
        msgpack_sbuffer_init(&out);
        document_pack(&out, &random, (unsigned)i % 7);
        first = out.size;
        document_pack(&out, &random, 1); /* what stands behind is none of its business */
        size = out.size;
        data = exact_copy(out.data, size);
        assert_int_equal(msgpack_length(out.data, size), first);
        assert_int_equal(ward__scan(data, size), (int64_t)first);
        assert_int_equal(ward__scan(data, first), (int64_t)first);
        assert_int_equal(ward__scan_all(data, size), 2);
        free(data);
        msgpack_sbuffer_destroy(&out);
    }
}

static void
a_document_cut_at_any_byte_is_refused(void **state)
{
    uint64_t random = 2;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        msgpack_sbuffer out;
        msgpack_sbuffer_init(&out);
        document_pack(&out, &random, (unsigned)i % 5);
        for (size_t size = 0; size < out.size && size < 1500; size++) {
            uint8_t *cut = exact_copy(out.data, size);
            assert_int_equal(ward__scan(cut, size), -WARD_EPROTOCOL);
            free(cut);
        }
        assert_int_equal(ward__scan((uint8_t *)out.data, out.size - 1), -WARD_EPROTOCOL);
        assert_int_equal(ward__scan_all((uint8_t *)out.data, out.size), 1);
        msgpack_sbuffer_destroy(&out);
    }
}

/* ---- a second opinion: the format's table, followed recursively ---- */

static uint64_t
number_at(const uint8_t *at, size_t width)
{
    uint64_t number = 0;

    while (width-- > 0)
        number = number << 8 | *at++;
    return number;
}

static int64_t opinion(const uint8_t *data, size_t size, unsigned depth);

static int64_t
opinion_of_items(const uint8_t *data, size_t size, size_t at, uint64_t count,
                 unsigned depth)
{
    if (at > size || (count > 0 && depth + 1 >= WARD__SCAN_DEPTH))
        return -1;
    while (count-- > 0) {
        int64_t used = opinion(data + at, size - at, depth + 1);
        if (used < 0)
            return -1;
        at += (size_t)used;
    }
    return (int64_t)at;
}

static int64_t
opinion_of_body(size_t size, size_t head, uint64_t body)
{
    return head <= size && body <= size - head ? (int64_t)(head + body) : -1;
}

/* What begins with a byte from 0xc0 to 0xdf. */
static int64_t
opinion_of_led(const uint8_t *data, size_t size, unsigned depth)
{
    static const uint8_t widths[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2,  4, 4, 8, 1, 2, 4, 8,
                                       1, 2, 4, 8, 1, 2, 4, 8, 16, 1, 2, 4, 2, 4, 2, 4};
    uint8_t first = data[0];
    size_t width = widths[first - 0xc0];
    size_t head = 1 + width;
    uint64_t number;

    if (first == 0xc1)
        return -1;
    if (first >= 0xd4 && first <= 0xd8)
        return opinion_of_body(size, 2, width);
    if (size < head)
        return -1;
    number = number_at(data + 1, width);
    if ((first >= 0xc4 && first <= 0xc6) || (first >= 0xd9 && first <= 0xdb))
        return opinion_of_body(size, head, number);
    if (first >= 0xc7 && first <= 0xc9)
        return opinion_of_body(size, head + 1, number);
    if (first >= 0xdc)
        return opinion_of_items(data, size, head, first >= 0xde ? 2 * number : number,
                                depth);
    return (int64_t)head;
}

static int64_t
opinion(const uint8_t *data, size_t size, unsigned depth)
{
    if (size == 0)
        return -1;
    if (data[0] < 0x80 || data[0] >= 0xe0)
        return 1;
    if (data[0] < 0x90)
        return opinion_of_items(data, size, 1, 2 * (data[0] & 15U), depth);
    if (data[0] < 0xa0)
        return opinion_of_items(data, size, 1, data[0] & 15U, depth);
    if (data[0] < 0xc0)
        return opinion_of_body(size, 1, data[0] & 31U);
    return opinion_of_led(data, size, depth);
}

/* Noise of which every second byte begins something with a head. */
static void
noise_is_judged_as_the_table_of_the_format_says(void **state)
{
    uint64_t random = 3;
    int accepted = 0;

    (void)state;
    for (int i = 0; i < NOISES; i++) {
        uint8_t noise[24];
        size_t size = 1 + random_below(&random, sizeof noise);
        int64_t expected;
        for (size_t at = 0; at < size; at++) {
            uint64_t number = random_next(&random);
            noise[at] =
                (uint8_t)(number >> 40 & 1 ? 0x80 | (number & 0x5f) : number & 0x0f);
        }
        expected = opinion(noise, size, 0);
        accepted += expected > 0;
        assert_int_equal(ward__scan(noise, size),
                         expected > 0 ? expected : -WARD_EPROTOCOL);
    }
    assert_in_range(accepted, NOISES / 10, NOISES * 9 / 10);
}

/* ---- bounds ---- */

static void
five_bytes_that_promise_four_thousand_million_are_refused(void **state)
{
    static const uint8_t leads[] = {0xdd, 0xdf, 0xdb, 0xc6, 0xc9};
    enum { BEHIND = 1 << 20 };
    uint8_t *data = calloc(1, 5 + BEHIND);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < COUNT_OF(leads); i++) {
        data[0] = leads[i];
        memset(data + 1, 0xff, 4);
        assert_int_equal(ward__scan(data, 5), -WARD_EPROTOCOL);
        assert_int_equal(ward__scan(data, 5 + BEHIND), -WARD_EPROTOCOL);
    }
    free(data);
}

/* `depth` arrays or maps in one another, and a number in the innermost. */
static size_t
nest(uint8_t *data, size_t depth, bool is_map)
{
    size_t size = 0;

    for (size_t i = 0; i < depth; i++) {
        data[size++] = is_map ? 0x81 : 0x91;
        if (is_map)
            data[size++] = 7;
    }
    data[size++] = 1;
    return size;
}

static void
depth_is_bounded_exactly(void **state)
{
    uint8_t data[256];

    (void)state;
    for (int is_map = 0; is_map <= 1; is_map++) {
        size_t most = WARD__SCAN_DEPTH - 1;
        size_t size = nest(data, most, is_map);
        assert_int_equal(ward__scan(data, size), (int64_t)size);
        size = nest(data, most + 1, is_map);
        assert_int_equal(ward__scan(data, size), -WARD_EPROTOCOL);
        size = nest(data, 100, is_map);
        assert_int_equal(ward__scan(data, size), -WARD_EPROTOCOL);
    }
}

static void
levels_that_are_closed_count_no_more(void **state)
{
    uint8_t data[1024] = {0x9a}; /* ten values */
    size_t size = 1;

    (void)state;
    for (int i = 0; i < 10; i++)
        size += nest(data + size, WARD__SCAN_DEPTH - 2, i % 2 != 0);
    assert_int_equal(ward__scan(data, size), (int64_t)size);
    size = 1;
    for (int i = 0; i < 10; i++)
        size += nest(data + size, WARD__SCAN_DEPTH - (i == 9 ? 1 : 2), false);
    assert_int_equal(ward__scan(data, size), -WARD_EPROTOCOL);
}

static void
nodes_are_bounded_exactly(void **state)
{
    size_t most = WARD__SCAN_NODES - 1; /* the array itself is one */
    uint8_t *data = malloc(5 + most + 1);

    (void)state;
    assert_non_null(data);
    memset(data, 0xc0, 5 + most + 1);
    data[0] = 0xdd;
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t count = most + extra;
        for (int i = 0; i < 4; i++)
            data[1 + i] = (uint8_t)(count >> (24 - 8 * i));
        assert_int_equal(ward__scan(data, 5 + count),
                         extra == 0 ? (int64_t)(5 + count) : -WARD_EPROTOCOL);
    }
    free(data);
}

static void
open_levels_cannot_owe_more_together_than_is_left(void **state)
{
    /* Two values are owed; the inner array promises all seven bytes that are left. */
    uint8_t data[] = {0x92, 0x97, 1, 2, 3, 4, 5, 6, 7};

    (void)state;
    assert_int_equal(ward__scan(data, sizeof data), -WARD_EPROTOCOL);
    data[1] = 0x96;
    assert_int_equal(ward__scan(data, sizeof data), sizeof data);
    data[0] = 0x81; /* a map: its key promises as much, and the value is missing */
    data[1] = 0x97;
    assert_int_equal(ward__scan(data, sizeof data), -WARD_EPROTOCOL);
    data[1] = 0x83;
    assert_int_equal(ward__scan(data, sizeof data), sizeof data);
}

/* Behind the head stands memory that must not be touched: there is too little of it. */
static void
a_promise_is_refused_before_anything_behind_it_is_read(void **state)
{
    static const char *const heads[] = {"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff",
                                        "\x92\xdc\x10\x00", "\x81\xde\x08\x00",
                                        "\x91\x92\xdc\x10\x00"};
    enum { PAGE = 4096 };
    uint8_t *pages =
        mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        size_t size = heads[i][0] == '\x92' || heads[i][0] == '\x81' ? 4 : 5;
        uint8_t *at = pages + PAGE - size;
        memcpy(at, heads[i], size);
        assert_int_equal(ward__scan(at, size + PAGE), -WARD_EPROTOCOL);
    }
    munmap(pages, 2 * PAGE);
}

static void
the_byte_that_means_nothing_is_refused_everywhere(void **state)
{
    uint8_t data[] = {0x93, 1, 0x82, 1, 2, 3, 4, 5};
    static const size_t places[] = {0, 1, 2, 3, 4, 5, 6, 7};

    (void)state;
    assert_int_equal(ward__scan(data, sizeof data), sizeof data);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        uint8_t kept = data[places[i]];
        data[places[i]] = 0xc1;
        assert_int_equal(ward__scan(data, sizeof data), -WARD_EPROTOCOL);
        data[places[i]] = kept;
    }
}

static void
nothing_is_no_value_but_an_empty_sequence(void **state)
{
    uint8_t *none = exact_copy("", 0);

    (void)state;
    assert_int_equal(ward__scan(none, 0), -WARD_EPROTOCOL);
    assert_int_equal(ward__scan_all(none, 0), 0);
    free(none);
}

static void
a_sequence_with_a_bad_end_is_refused(void **state)
{
    const uint8_t data[] = {1, 0x92, 2, 3, 0xa1};

    (void)state;
    assert_int_equal(ward__scan_all(data, 4), 2);
    assert_int_equal(ward__scan_all(data, 5), -WARD_EPROTOCOL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_msgpack_c_packs_is_scanned_to_the_same_length),
        cmocka_unit_test(a_document_cut_at_any_byte_is_refused),
        cmocka_unit_test(noise_is_judged_as_the_table_of_the_format_says),
        cmocka_unit_test(five_bytes_that_promise_four_thousand_million_are_refused),
        cmocka_unit_test(depth_is_bounded_exactly),
        cmocka_unit_test(levels_that_are_closed_count_no_more),
        cmocka_unit_test(nodes_are_bounded_exactly),
        cmocka_unit_test(open_levels_cannot_owe_more_together_than_is_left),
        cmocka_unit_test(a_promise_is_refused_before_anything_behind_it_is_read),
        cmocka_unit_test(the_byte_that_means_nothing_is_refused_everywhere),
        cmocka_unit_test(nothing_is_no_value_but_an_empty_sequence),
        cmocka_unit_test(a_sequence_with_a_bad_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

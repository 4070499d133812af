#include "ipc/read.h"

#include <errno.h>

#include <ward/error.h>

#include "tests/unit/documents.h"
#include "tests/unit/support.h"

enum { DOCUMENTS = 4000 };

/* ---- against msgpack-c ---- */

static void
compare_body(const struct ward__head *head, const void *data, uint32_t size)
{
    assert_int_equal(head->length, size);
    assert_memory_equal(head->body, data, size);
}

static void
compare_scalar(const struct ward__head *head, const msgpack_object *object)
{
    static const enum ward__kind kinds[] = {
        [MSGPACK_OBJECT_NIL] = WARD__NIL,
        [MSGPACK_OBJECT_BOOLEAN] = WARD__BOOL,
        [MSGPACK_OBJECT_POSITIVE_INTEGER] = WARD__UINT,
        [MSGPACK_OBJECT_NEGATIVE_INTEGER] = WARD__INT,
        [MSGPACK_OBJECT_FLOAT32] = WARD__DOUBLE,
        [MSGPACK_OBJECT_FLOAT64] = WARD__DOUBLE,
        [MSGPACK_OBJECT_STR] = WARD__STR,
        [MSGPACK_OBJECT_BIN] = WARD__BIN,
        [MSGPACK_OBJECT_EXT] = WARD__EXT,
        [MSGPACK_OBJECT_ARRAY] = WARD__ARRAY,
        [MSGPACK_OBJECT_MAP] = WARD__MAP,
    };

    assert_int_equal(head->kind, kinds[object->type]);
    if (head->kind == WARD__BOOL)
        assert_int_equal(head->as.boolean, object->via.boolean);
    else if (head->kind == WARD__UINT)
        assert_true(head->as.u == object->via.u64);
    else if (head->kind == WARD__INT)
        assert_true(head->as.i == object->via.i64);
    else if (head->kind == WARD__DOUBLE)
        assert_memory_equal(&head->as.d, &object->via.f64, sizeof(double));
    else if (head->kind == WARD__STR)
        compare_body(head, object->via.str.ptr, object->via.str.size);
    else if (head->kind == WARD__BIN)
        compare_body(head, object->via.bin.ptr, object->via.bin.size);
    else if (head->kind == WARD__EXT)
        compare_body(head, object->via.ext.ptr, object->via.ext.size);
    if (head->kind == WARD__EXT)
        assert_int_equal(head->ext_type, object->via.ext.type);
}

static void
compare(struct ward__cursor *in, const msgpack_object *object)
{
    struct ward__head head;

    assert_int_equal(ward__read_head(in, &head), 0);
    compare_scalar(&head, object);
    if (head.kind == WARD__ARRAY) {
        assert_int_equal(head.length, object->via.array.size);
        for (uint32_t i = 0; i < head.length; i++)
            compare(in, &object->via.array.ptr[i]);
    } else if (head.kind == WARD__MAP) {
        assert_int_equal(head.length, object->via.map.size);
        for (uint32_t i = 0; i < head.length; i++) {
            compare(in, &object->via.map.ptr[i].key);
            compare(in, &object->via.map.ptr[i].val);
        }
    }
}

static void
every_value_reads_as_msgpack_c_reads_it(void **state)
{
    uint64_t random = 11;

    (void)state;
    for (int i = 0; i < DOCUMENTS; i++) {
        msgpack_sbuffer out;
        msgpack_unpacked unpacked;
        struct ward__cursor in;
        uint8_t *data;
        msgpack_sbuffer_init(&out);
        document_pack(&out, &random, (unsigned)i % 6);
        data = exact_copy(out.data, out.size);
        in = (struct ward__cursor){data, data + out.size};
        msgpack_unpacked_init(&unpacked);
        assert_int_equal(msgpack_unpack_next(&unpacked, out.data, out.size, NULL),
                         MSGPACK_UNPACK_SUCCESS);
        compare(&in, &unpacked.data);
        assert_ptr_equal(in.at, in.end);
        msgpack_unpacked_destroy(&unpacked);
        msgpack_sbuffer_destroy(&out);
        free(data);
    }
}

static void
a_head_cut_at_any_byte_is_refused_and_the_cursor_stays(void **state)
{
    uint64_t random = 12;

    (void)state;
    for (int i = 0; i < DOCUMENTS; i++) {
        msgpack_sbuffer out;
        msgpack_sbuffer_init(&out);
        document_pack(&out, &random, 0);
        for (size_t size = 0; size < out.size && size < 600; size++) {
            uint8_t *cut = exact_copy(out.data, size);
            struct ward__cursor in = {cut, cut + size};
            struct ward__head head = {.length = 4711};
            assert_int_equal(ward__read_head(&in, &head),
                             size == 0 ? -ENODATA : -WARD_EPROTOCOL);
            assert_ptr_equal(in.at, cut);
            assert_int_equal(head.length, 4711);
            free(cut);
        }
        msgpack_sbuffer_destroy(&out);
    }
}

/* ---- each typed read on each kind ---- */

struct sample {
    const char *bytes;
    size_t size;
    enum ward__kind kind;
    bool is_ref;
};

#define SAMPLE(bytes, ...)                                                               \
    {                                                                                    \
        bytes, sizeof(bytes) - 1, __VA_ARGS__                                            \
    }
#define BODY_16 "\0\0\0\0\0\0\0\5\1\2\3\4\5\6\7\x8"

static const struct sample samples[] = {
    SAMPLE("\xc0", WARD__NIL, true),
    SAMPLE("\xc3", WARD__BOOL, false),
    SAMPLE("\x07", WARD__UINT, false),
    SAMPLE("\xcf\0\0\0\0\0\0\0\x7", WARD__UINT, false),
    SAMPLE("\xff", WARD__INT, false),
    SAMPLE("\xcb\x3f\xf0\0\0\0\0\0\0", WARD__DOUBLE, false),
    SAMPLE("\xa2hi", WARD__STR, false),
    SAMPLE("\xc4\2hi", WARD__BIN, false),
    SAMPLE("\xd8\1" BODY_16, WARD__EXT, true),
    SAMPLE("\xc7\x10\1" BODY_16, WARD__EXT, true),
    SAMPLE("\xd8\2" BODY_16, WARD__EXT, false),
    SAMPLE("\xd7\1\0\0\0\0\0\0\0\0", WARD__EXT, false),
    SAMPLE("\x93\1\2\3", WARD__ARRAY, false),
    SAMPLE("\x81\1\2", WARD__MAP, false),
};

/* How many bytes were taken; 0 if the read failed with `expected`. */
static size_t
moved(const struct sample *sample, const struct ward__cursor *in, int result,
      bool is_right)
{
    if (is_right) {
        assert_int_equal(result, 0);
        assert_true(in->at > (const uint8_t *)sample->bytes);
        return (size_t)(in->at - (const uint8_t *)sample->bytes);
    }
    assert_true(result == -WARD_ETYPE || result == -ERANGE);
    assert_ptr_equal(in->at, sample->bytes);
    return 0;
}

static struct ward__cursor
cursor_of(const struct sample *sample)
{
    const uint8_t *data = (const uint8_t *)sample->bytes;

    return (struct ward__cursor){data, data + sample->size};
}

static void
a_typed_read_takes_its_kind_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        const struct sample *s = &samples[i];
        struct ward__cursor in = cursor_of(s);
        bool is_integer = s->kind == WARD__UINT || s->kind == WARD__INT;
        uint64_t u = 99;
        int64_t n = 99;
        ward_bytes bytes = {NULL, 99};
        ward_ref ref = {99, 99};
        uint32_t count = 99;

        moved(s, &in, ward__read_uint(&in, 7, &u), s->kind == WARD__UINT);
        assert_int_equal(u, s->kind == WARD__UINT ? 7 : 99);
        in = cursor_of(s);
        moved(s, &in, ward__read_int(&in, -1, 7, &n), is_integer);
        assert_int_equal(n, s->kind == WARD__UINT ? 7 : is_integer ? -1 : 99);
        in = cursor_of(s);
        moved(s, &in, ward__read_bytes(&in, &bytes),
              s->kind == WARD__STR || s->kind == WARD__BIN);
        assert_int_equal(bytes.size, bytes.data != NULL ? 2 : 99);
        in = cursor_of(s);
        moved(s, &in, ward__read_ref(&in, &ref), s->is_ref);
        assert_int_equal(ref.id, s->kind == WARD__NIL ? 0 : s->is_ref ? 5 : 99);
        if (s->is_ref && s->kind == WARD__EXT)
            assert_true(ref.nonce == UINT64_C(0x0102030405060708));
        in = cursor_of(s);
        moved(s, &in, ward__read_array(&in, &count), s->kind == WARD__ARRAY);
        assert_int_equal(count, s->kind == WARD__ARRAY ? 3 : 99);
        in = cursor_of(s);
        moved(s, &in, ward__read_nil(&in), s->kind == WARD__NIL);
    }
}

static void
any_value_is_skipped_or_taken_raw_as_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct ward__cursor in = cursor_of(&samples[i]);
        ward_raw raw;
        assert_int_equal(ward__skip(&in), 0);
        assert_ptr_equal(in.at, in.end);
        assert_int_equal(ward__skip(&in), -ENODATA);
        in = cursor_of(&samples[i]);
        assert_int_equal(ward__read_raw(&in, &raw), 0);
        assert_ptr_equal(raw.data, samples[i].bytes);
        assert_int_equal(raw.size, samples[i].size);
        assert_ptr_equal(in.at, in.end);
    }
}

static void
nothing_left_is_no_data_to_every_read(void **state)
{
    struct ward__cursor in = cursor_of(&(struct sample){.bytes = ""});
    uint64_t u;
    int64_t n;
    ward_bytes bytes;
    ward_raw raw;
    ward_ref ref;
    uint32_t count;

    (void)state;
    assert_int_equal(ward__read_uint(&in, 7, &u), -ENODATA);
    assert_int_equal(ward__read_int(&in, 0, 7, &n), -ENODATA);
    assert_int_equal(ward__read_bytes(&in, &bytes), -ENODATA);
    assert_int_equal(ward__read_ref(&in, &ref), -ENODATA);
    assert_int_equal(ward__read_array(&in, &count), -ENODATA);
    assert_int_equal(ward__read_nil(&in), -ENODATA);
    assert_int_equal(ward__read_raw(&in, &raw), -ENODATA);
}

/* ---- ranges ---- */

static struct ward__cursor
pack_number(msgpack_sbuffer *out, bool is_unsigned, uint64_t bits)
{
    msgpack_packer packer;
    const uint8_t *data;

    msgpack_sbuffer_clear(out);
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    if (is_unsigned)
        msgpack_pack_uint64(&packer, bits);
    else
        msgpack_pack_int64(&packer, (int64_t)bits);
    data = (const uint8_t *)out->data;
    return (struct ward__cursor){data, data + out->size};
}

static void
an_unsigned_number_is_bounded_exactly(void **state)
{
    msgpack_sbuffer out;

    (void)state;
    msgpack_sbuffer_init(&out);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t max = UINT64_C(1) << bit;
        uint64_t number = 0;
        struct ward__cursor in = pack_number(&out, true, max);
        assert_int_equal(ward__read_uint(&in, max, &number), 0);
        assert_true(number == max);
        in = pack_number(&out, true, max + 1);
        assert_int_equal(ward__read_uint(&in, max, &number), -ERANGE);
        assert_true(number == max);
    }
    msgpack_sbuffer_destroy(&out);
}

static void
a_signed_number_is_bounded_exactly(void **state)
{
    static const int64_t edges[] = {INT64_MIN, INT32_MIN, -129,      -128,     -33,
                                    -32,       -1,        0,         127,      128,
                                    255,       256,       INT32_MAX, INT64_MAX};
    msgpack_sbuffer out;
    int64_t number = 0;
    struct ward__cursor in;

    (void)state;
    msgpack_sbuffer_init(&out);
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        int64_t edge = edges[i];
        in = pack_number(&out, false, (uint64_t)edge);
        assert_int_equal(ward__read_int(&in, edge, edge, &number), 0);
        assert_true(number == edge);
        in = pack_number(&out, false, (uint64_t)edge);
        if (edge > INT64_MIN)
            assert_int_equal(ward__read_int(&in, INT64_MIN, edge - 1, &number), -ERANGE);
        if (edge < INT64_MAX)
            assert_int_equal(ward__read_int(&in, edge + 1, INT64_MAX, &number), -ERANGE);
        assert_ptr_equal(in.at, out.data);
    }
    in = pack_number(&out, true, (uint64_t)INT64_MAX + 1);
    assert_int_equal(ward__read_int(&in, INT64_MIN, INT64_MAX, &number), -ERANGE);
    in = pack_number(&out, true, UINT64_MAX);
    assert_int_equal(ward__read_int(&in, -1, -1, &number), -ERANGE);
    msgpack_sbuffer_destroy(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_reads_as_msgpack_c_reads_it),
        cmocka_unit_test(a_head_cut_at_any_byte_is_refused_and_the_cursor_stays),
        cmocka_unit_test(a_typed_read_takes_its_kind_only),
        cmocka_unit_test(any_value_is_skipped_or_taken_raw_as_a_whole),
        cmocka_unit_test(nothing_left_is_no_data_to_every_read),
        cmocka_unit_test(an_unsigned_number_is_bounded_exactly),
        cmocka_unit_test(a_signed_number_is_bounded_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

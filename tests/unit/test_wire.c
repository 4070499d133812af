#include "ipc/wire.h"

#include <errno.h>

#include <msgpack.h>

#include <ward/error.h>
#include <ward/spec.h>

#include "ipc/fault.h"
#include "ipc/frame.h"
#include "tests/unit/support.h"
#include "tests/unit/wire_samples.h"

enum { FRAME_BYTES = 1 << 20 };

static struct ward__sink sink;
static struct ward_arena arena;

static int
begin(void **state)
{
    (void)state;
    ward__sink_init(&sink, FRAME_BYTES + 64);
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

/* A sample's bytes, without the prefix, in memory of exactly their size; to be freed. */
static uint8_t *
make(const struct wire_sample *sample, size_t *size)
{
    size_t begun;

    ward__sink_clear(&sink);
    begun = ward__wire_begin(&sink);
    sample->pack(&sink);
    assert_int_equal(ward__wire_end(&sink, begun, FRAME_BYTES), 0);
    *size = sink.size - WARD__FRAME_PREFIX;
    assert_int_equal(ward__frame_load_length(sink.data), *size);
    return exact_copy(sink.data + WARD__FRAME_PREFIX, *size);
}

static int
read_frame(const uint8_t *data, size_t size, bool is_from_worker,
           struct ward__frame *frame)
{
    uint8_t *exact = exact_copy(data, size);
    int result;

    ward__arena_clear(&arena);
    result = ward__wire_read((ward_bytes){exact, size}, is_from_worker, frame, &arena);
    free(exact);
    return result;
}

/* ---- the tests ---- */

static void
every_kind_comes_back_as_it_was_sent(void **state)
{
    bool seen[WARD__CREDIT + 1] = {false};

    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct ward__frame frame;
        size_t size;
        uint8_t *data = make(&wire_samples[i], &size);
        bool is_from_worker = wire_samples[i].kind >= WARD__READY;
        assert_int_equal(
            ward__wire_read((ward_bytes){data, size}, is_from_worker, &frame, &arena), 0);
        assert_int_equal(frame.kind, wire_samples[i].kind);
        wire_samples[i].check(&frame);
        seen[frame.kind] = true;
        assert_int_equal(
            ward__wire_read((ward_bytes){data, size}, !is_from_worker, &frame, &arena),
            -WARD_EPROTOCOL);
        free(data);
    }
    for (int kind = 0; kind <= WARD__CREDIT; kind++)
        assert_int_equal(seen[kind], (kind >= WARD__GO && kind <= WARD__GRANT) ||
                                         kind >= WARD__READY);
}

/* What the host packed is not scanned: of a list at the end it is only known where it lies. */
static bool
ends_with_a_list_of_the_hosts(const struct ward__frame *frame, ward_raw *list)
{
    if (frame->kind != WARD__MESSAGE && frame->kind != WARD__ANSWER)
        return false;
    *list =
        frame->kind == WARD__MESSAGE ? frame->as.message.values : frame->as.answer.values;
    return true;
}

static void
check_other_length(const uint8_t *data, size_t size, bool is_from_worker)
{
    struct ward__frame frame;
    ward_raw list;
    int result = read_frame(data, size, is_from_worker, &frame);

    if (result == 0 && !is_from_worker && ends_with_a_list_of_the_hosts(&frame, &list))
        assert_true(list.size > 0 && list.size < size);
    else
        assert_int_equal(result, -WARD_EPROTOCOL);
}

static void
a_frame_cut_short_or_too_long_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        size_t size;
        uint8_t *data = make(&wire_samples[i], &size);
        bool is_from_worker = wire_samples[i].kind >= WARD__READY;
        for (size_t cut = 1; cut < size; cut++)
            check_other_length(data, cut, is_from_worker);
        ward__sink_write(&sink, "\xc0", 1);
        check_other_length(sink.data + WARD__FRAME_PREFIX, size + 1, is_from_worker);
        free(data);
    }
}

/* The head of every sample is one byte: 0x90 and how many fields follow. */
static void
a_wrong_number_of_fields_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct ward__frame frame;
        size_t size;
        uint8_t *data = make(&wire_samples[i], &size);
        bool is_from_worker = wire_samples[i].kind >= WARD__READY;
        assert_int_equal(data[0] & 0xf0, 0x90);
        ward__sink_write(&sink, "\xc0\xc0\xc0", 3);
        for (uint8_t count = 0; count < 16; count++) {
            uint8_t *head = sink.data + WARD__FRAME_PREFIX;
            for (size_t more = 0; more <= 3 && count != (data[0] & 15); more++) {
                head[0] = 0x90 | count;
                assert_int_equal(read_frame(head, size + more, is_from_worker, &frame),
                                 -WARD_EPROTOCOL);
            }
        }
        free(data);
    }
}

static void
an_unknown_kind_is_refused(void **state)
{
    struct ward__frame frame;

    (void)state;
    for (int kind = 0; kind < 128; kind++) {
        const uint8_t bare[] = {0x91, (uint8_t)kind};
        bool is_bare = kind == WARD__HALT || kind == WARD__BYE;
        for (int from = 0; from <= 1; from++)
            assert_int_equal(read_frame(bare, 2, from, &frame),
                             is_bare && from == (kind == WARD__BYE) ? 0
                                                                    : -WARD_EPROTOCOL);
    }
    assert_int_equal(read_frame((const uint8_t *)"\x91\xff", 2, true, &frame),
                     -WARD_EPROTOCOL);
    assert_int_equal(read_frame((const uint8_t *)"\x91\xcd\x01\x05", 4, false, &frame),
                     -WARD_EPROTOCOL);
    assert_int_equal(read_frame((const uint8_t *)"\x90", 1, true, &frame),
                     -WARD_EPROTOCOL);
    assert_int_equal(read_frame((const uint8_t *)"\x05", 1, false, &frame),
                     -WARD_EPROTOCOL);
}

/* What may be read after one byte was changed: strings end, values are one value. */
static void
look_around(const struct ward__frame *frame)
{
    if (frame->kind == WARD__LOG)
        assert_true(strlen(frame->as.log) < FRAME_BYTES);
    if (frame->kind == WARD__SPAWN)
        assert_true(strlen(frame->as.spawn.spec.id) <= WARD_MAX_ID);
    if (frame->kind == WARD__LOOKUP)
        assert_true(strlen(frame->as.lookup.path) <= WARD_MAX_PATH);
    if (frame->kind == WARD__MESSAGE)
        assert_true(frame->as.message.attempt <= WARD__ATTEMPT_MAX);
    if (frame->kind == WARD__GO && frame->as.go.failure != NULL)
        assert_non_null(ward_cause_name(frame->as.go.failure->cause));
}

static void
one_changed_byte_is_refused_or_still_a_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct ward__frame frame;
        size_t size;
        uint8_t *data = make(&wire_samples[i], &size);
        bool is_from_worker = wire_samples[i].kind >= WARD__READY;
        for (size_t at = 0; at < size; at++) {
            uint8_t kept = data[at];
            for (int value = 0; value < 256; value++) {
                int result;
                data[at] = (uint8_t)value;
                ward__arena_clear(&arena);
                result = ward__wire_read((ward_bytes){data, size}, is_from_worker, &frame,
                                         &arena);
                assert_true(result == 0 || result == -WARD_EPROTOCOL);
                if (result == 0)
                    look_around(&frame);
            }
            data[at] = kept;
        }
        free(data);
    }
}

static void
the_attempt_stands_where_it_is_said_to(void **state)
{
    static const int64_t types[] = {INT64_MIN, INT32_MIN, -129,     -33, -32,
                                    -1,        0,         127,      128, 255,
                                    256,       INT32_MAX, INT64_MAX};
    const ward_ref senders[] = {
        {0, 0}, {1, 0}, {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(types) * COUNT_OF(senders); i++) {
        int64_t type = types[i / COUNT_OF(senders)];
        ward_ref sender = senders[i % COUNT_OF(senders)];
        struct ward__frame frame;
        size_t begun;
        ward__sink_clear(&sink);
        begun = ward__wire_begin(&sink);
        ward__wire_message(&sink, type, sender);
        ward__pack_values(&sink, WARD__VALUES(1, "two"));
        assert_int_equal(ward__wire_end(&sink, begun, FRAME_BYTES), 0);
        for (int attempt = 0; attempt <= WARD__ATTEMPT_MAX; attempt += 127) {
            sink.data[WARD__ATTEMPT_AT] = (uint8_t)attempt;
            assert_int_equal(read_frame(sink.data + WARD__FRAME_PREFIX,
                                        sink.size - WARD__FRAME_PREFIX, false, &frame),
                             0);
            assert_int_equal(frame.as.message.attempt, attempt);
            assert_true(frame.as.message.type == type);
            assert_true(ward_ref_equal(frame.as.message.sender, sender));
        }
    }
}

static void
a_frame_above_the_limit_leaves_the_sink_as_it_was(void **state)
{
    uint8_t memory[64];
    struct ward__sink fixed;
    size_t begun;

    (void)state;
    ward__sink_clear(&sink);
    ward__sink_write(&sink, "before", 6);
    begun = ward__wire_begin(&sink);
    ward__wire_lookup(&sink,
                      &(struct ward__lookup){
                          13, "/x"}); /* 5 bytes: head, kind, number, and a string of 2 */
    assert_int_equal(ward__wire_end(&sink, begun, 5), -EMSGSIZE);
    assert_int_equal(sink.size, 6);
    assert_int_equal(sink.error, 0);
    begun = ward__wire_begin(&sink);
    ward__wire_lookup(&sink, &(struct ward__lookup){13, "/x"});
    assert_int_equal(ward__wire_end(&sink, begun, 6), 0);
    assert_int_equal(sink.size, 6 + WARD__FRAME_PREFIX + 6);
    for (size_t capacity = 0; capacity <= 10; capacity++) {
        ward__sink_fixed(&fixed, memory, capacity);
        begun = ward__wire_begin(&fixed);
        ward__wire_lookup(&fixed, &(struct ward__lookup){13, "/x"});
        assert_int_equal(ward__wire_end(&fixed, begun, 64),
                         capacity < 10 ? -EMSGSIZE : 0);
        assert_int_equal(fixed.size, capacity < 10 ? 0 : 10);
    }
}

static void
strings_have_their_longest(void **state)
{
    static char text[WARD_MAX_PATH + 2];

    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        struct ward__frame frame;
        ward__sink_clear(&sink);
        memset(text, 'p', sizeof text);
        text[WARD_MAX_PATH + extra] = '\0';
        ward__wire_lookup(&sink, &(struct ward__lookup){1, text});
        assert_int_equal(read_frame(sink.data, sink.size, true, &frame),
                         extra == 0 ? 0 : -WARD_EPROTOCOL);
        ward__sink_clear(&sink);
        text[WARD_MAX_ID + extra] = '\0';
        ward__wire_quiet(&sink, &(struct ward__quiet_frame){0, text});
        assert_int_equal(read_frame(sink.data, sink.size, true, &frame),
                         extra == 0 ? 0 : -WARD_EPROTOCOL);
    }
}

static void
without_memory_a_frame_is_no_breach_of_protocol(void **state)
{
    static char text[5000];
    struct ward__frame frame;

    (void)state;
    memset(text, 't', sizeof text - 1);
    ward__sink_clear(&sink);
    ward__wire_raised(
        &sink,
        &(struct ward__raised){.cause = WARD_CAUSE_RAISE, .raised = text, .text = text});
    for (long n = 1; n <= 2; n++) {
        ward__fault_arm(WARD__ROLE_HOST, n, ENOMEM);
        assert_int_equal(read_frame(sink.data, sink.size, true, &frame), -ENOMEM);
    }
    ward__fault_disarm();
    assert_int_equal(read_frame(sink.data, sink.size, true, &frame), 0);
}

/* ---- heads, and the usual frames read in one go ---- */

static const int64_t message_types[] = {INT64_MIN, -129, -1,  0,     1,        126,
                                        127,       128,  255, 65536, INT64_MAX};
static const ward_ref message_senders[] = {
    {0, 0}, {0, 7}, {7, 0}, {1, 2}, {UINT64_MAX, UINT64_MAX - 1}};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The same by msgpack-c: a head of so many fields, and what is in it. */
static void
pack_ref_by_library(msgpack_packer *packer, ward_ref ref)
{
    uint8_t packed[WARD__REF_SIZE];

    if (ward_ref_equal(ref, (ward_ref){0, 0})) {
        msgpack_pack_nil(packer);
        return;
    }
    ward__ref_store(packed, ref);
    msgpack_pack_ext(packer, 16, WARD__EXT_REF);
    msgpack_pack_ext_body(packer, packed + 2, 16);
}

static void
compare_head(const msgpack_sbuffer *by_library, const uint8_t *head, const uint8_t *end)
{
    assert_int_equal(end - head, by_library->size);
    assert_memory_equal(head, by_library->data, by_library->size);
    assert_true(WARD__FRAME_PREFIX + (end - head) <= WARD__HEAD_MOST);
}

/* The array and the kind that a head begins with. */
static void
begin_head(msgpack_sbuffer *out, msgpack_packer *packer, size_t fields,
           enum ward__frame_kind kind)
{
    msgpack_sbuffer_init(out);
    msgpack_packer_init(packer, out, msgpack_sbuffer_write);
    msgpack_pack_array(packer, fields);
    msgpack_pack_uint64(packer, kind);
}

static void
check_message_head(int64_t type, ward_ref ref)
{
    uint8_t head[WARD__HEAD_MOST];
    msgpack_sbuffer out;
    msgpack_packer packer;

    begin_head(&out, &packer, 5, WARD__MESSAGE);
    msgpack_pack_uint64(&packer, 0);
    msgpack_pack_int64(&packer, type);
    pack_ref_by_library(&packer, ref);
    compare_head(&out, head, ward__put_message(head, type, ref));
    msgpack_sbuffer_destroy(&out);
}

static void
check_tell_head(int64_t type, ward_ref ref)
{
    uint8_t head[WARD__HEAD_MOST];
    msgpack_sbuffer out;
    msgpack_packer packer;

    begin_head(&out, &packer, 4, WARD__TELL);
    pack_ref_by_library(&packer, ref);
    msgpack_pack_int64(&packer, type);
    compare_head(&out, head, ward__put_tell(head, ref, type));
    msgpack_sbuffer_destroy(&out);
}

static void
check_reply_head(ward_ref ref)
{
    uint8_t head[WARD__HEAD_MOST];
    msgpack_sbuffer out;
    msgpack_packer packer;

    begin_head(&out, &packer, 3, WARD__REPLY);
    pack_ref_by_library(&packer, ref);
    compare_head(&out, head, ward__put_reply(head, ref));
    msgpack_sbuffer_destroy(&out);
}

static void
heads_are_what_msgpack_c_makes_of_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(message_types); i++)
        for (size_t j = 0; j < COUNT(message_senders); j++) {
            check_message_head(message_types[i], message_senders[j]);
            check_tell_head(message_types[i], message_senders[j]);
            check_reply_head(message_senders[j]);
        }
}

/* What follows a head: lists, good and bad ones, and what is none. */
static const ward_raw behind[] = {
    {"\x90", 1},     {"\x91\xc3", 2},   {"\x92\1\x91\2", 4}, {"\x91", 1},
    {"\x90\x90", 2}, {"\x91\xc1", 2},   {"\xc0", 1},         {"\x81\1\2", 3},
    {"", 0},         {"\xdc\0\1\1", 4}, {"\x91\xc4\2\1", 4},
};

/* In one go or field by field: the same result. */
static void
compare_ways(void)
{
    uint8_t *exact = exact_copy(sink.data, sink.size);
    const ward_bytes bytes = {exact, sink.size};
    struct ward__frame at_once = {.size = 0}, by_fields = {.size = 0};
    int result = ward__wire_read(bytes, true, &at_once, &arena);

    assert_int_equal(result, ward__wire_read_any(bytes, true, &by_fields, &arena));
    free(exact);
    if (result < 0)
        return;
    assert_int_equal(at_once.kind, by_fields.kind);
    assert_int_equal(at_once.size, by_fields.size);
    assert_memory_equal(&at_once.as, &by_fields.as,
                        at_once.kind == WARD__TELL ? sizeof at_once.as.tell
                                                   : sizeof at_once.as.reply);
}

static void
the_usual_verbs_read_as_all_others_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(message_types); i++)
        for (size_t j = 0; j < COUNT(message_senders); j++)
            for (size_t k = 0; k < COUNT(behind); k++) {
                ward__sink_clear(&sink);
                ward__wire_tell(&sink, message_senders[j], message_types[i]);
                ward__pack_raw(&sink, behind[k]);
                compare_ways();
                ward__sink_clear(&sink);
                ward__wire_reply(&sink, message_senders[j]);
                ward__pack_raw(&sink, behind[k]);
                compare_ways();
            }
}

/* Cut short anywhere, or with any one byte changed. */
static void
a_damaged_verb_reads_as_damaged_either_way(void **state)
{
    (void)state;
    for (size_t size = 0; size < 24; size++)
        for (size_t at = 0; at < 24; at++)
            for (unsigned byte = 0; byte < 256; byte += 5) {
                ward__sink_clear(&sink);
                ward__wire_tell(&sink, message_senders[3], 7);
                ward__pack_raw(&sink, behind[1]);
                sink.data[at] = (uint8_t)byte;
                sink.size = size;
                compare_ways();
                ward__sink_clear(&sink);
                ward__wire_reply(&sink, message_senders[3]);
                ward__pack_raw(&sink, behind[1]);
                sink.data[at] = (uint8_t)byte;
                sink.size = size;
                compare_ways();
            }
}

/* A program that is no fork of ours may pack in any form that msgpack has. */
static void
pack_long_form(int64_t type, ward_ref sender)
{
    uint8_t type_bytes[9] = {0xd3}, ref[WARD__REF_SIZE];

    ward__sink_clear(&sink);
    ward__sink_write(&sink, "\xdc\x00\x05\xcd\x00", 5);
    ward__sink_write(&sink, &(uint8_t){WARD__MESSAGE}, 1);
    ward__sink_write(&sink, "\xcc\x03", 2);
    for (int i = 0; i < 8; i++)
        type_bytes[1 + i] = (uint8_t)((uint64_t)type >> 8 * (7 - i));
    ward__sink_write(&sink, type_bytes, sizeof type_bytes);
    ward__ref_store(ref, sender);
    ward__sink_write(&sink, "\xc7\x10", 2);
    ward__sink_write(&sink, ref + 1, sizeof ref - 1);
    ward__sink_write(&sink, "\xdc\x00\x01\xc3", 4);
}

static void
pack_short_form(int64_t type, ward_ref sender)
{
    ward__sink_clear(&sink);
    ward__wire_message(&sink, type, sender);
    sink.data[WARD__ATTEMPT_AT - WARD__FRAME_PREFIX] = 3;
    ward__sink_write(&sink, "\x91\xc3", 2);
}

static void
a_message_in_any_msgpack_form_reads_the_same(void **state)
{
    struct ward__frame usual, other;

    (void)state;
    for (size_t i = 0; i < COUNT(message_types); i++)
        for (size_t j = 0; j < COUNT(message_senders); j++) {
            const struct ward__message_frame *a = &usual.as.message,
                                             *b = &other.as.message;
            pack_short_form(message_types[i], message_senders[j]);
            assert_int_equal(read_frame(sink.data, sink.size, false, &usual), 0);
            pack_long_form(message_types[i], message_senders[j]);
            assert_int_equal(read_frame(sink.data, sink.size, false, &other), 0);
            assert_int_equal(usual.kind, other.kind);
            assert_true(a->type == b->type && a->type == message_types[i]);
            assert_true(ward_ref_equal(a->sender, b->sender));
            assert_true(ward_ref_equal(a->sender, message_senders[j]));
            assert_int_equal(a->attempt, 3);
            assert_int_equal(b->attempt, 3);
            assert_int_equal(a->values.size, 2);
            assert_int_equal(b->values.size, 4);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_comes_back_as_it_was_sent),
        TEST(a_frame_cut_short_or_too_long_is_refused),
        TEST(a_wrong_number_of_fields_is_refused),
        TEST(an_unknown_kind_is_refused),
        TEST(one_changed_byte_is_refused_or_still_a_frame),
        TEST(the_attempt_stands_where_it_is_said_to),
        TEST(a_frame_above_the_limit_leaves_the_sink_as_it_was),
        TEST(strings_have_their_longest),
        TEST(without_memory_a_frame_is_no_breach_of_protocol),
        TEST(heads_are_what_msgpack_c_makes_of_them),
        TEST(the_usual_verbs_read_as_all_others_do),
        TEST(a_damaged_verb_reads_as_damaged_either_way),
        TEST(a_message_in_any_msgpack_form_reads_the_same),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

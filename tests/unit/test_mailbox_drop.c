/* A mailbox that sends one by one and drops the oldest, against a plain list. */
#include "supervisor/mailbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/frame.h"
#include "ipc/wire.h"
#include "tests/unit/random.h"

enum { STEPS = 300, SIZE_LEAST = 12, SIZE_MOST = 900 };

struct item {
    size_t size;
    unsigned seed;
    bool is_own; /* ward's: not to be dropped */
};

/* What is not done, first to last; of the first `sent` bytes are sent. */
struct list {
    struct item items[STEPS];
    size_t count, bytes, sent;
    uint64_t done_number;
};

static uint8_t
byte_of(const struct item *item, size_t offset)
{
    uint8_t prefix[WARD__FRAME_PREFIX];

    ward__frame_store_length(prefix, (uint32_t)(item->size - WARD__FRAME_PREFIX));
    if (offset < WARD__FRAME_PREFIX)
        return prefix[offset];
    if (offset == WARD__TYPE_AT)
        return item->is_own ? 0xd0 : (uint8_t)(item->seed & 0x7f);
    return (uint8_t)(item->seed + offset * 5);
}

static void
assert_is(const struct item *item, const uint8_t *frame, size_t size)
{
    assert_int_equal(size, item->size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(frame[i], byte_of(item, i));
}

static void
remove_item(struct list *list, size_t at)
{
    list->bytes -= list->items[at].size;
    list->count--;
    memmove(&list->items[at], &list->items[at + 1],
            (list->count - at) * sizeof list->items[0]);
}

static void
step_append(struct list *list, struct ward__mailbox *box, struct random *random)
{
    struct item *item = &list->items[list->count];
    uint8_t frame[SIZE_MOST];

    item->size = SIZE_LEAST + random_below(random, SIZE_MOST - SIZE_LEAST);
    item->seed = random_below(random, 1000);
    item->is_own = random_is(random, 15);
    for (size_t i = 0; i < item->size; i++)
        frame[i] = byte_of(item, i);
    assert_int_equal(ward__mailbox_append(box, frame, item->size), 0);
    list->count++;
    list->bytes += item->size;
}

/* The first one only, or the rest of it. */
static void
step_send(struct list *list, struct ward__mailbox *box, struct random *random)
{
    struct iovec pieces[2];
    int count = ward__mailbox_unsent(box, random_below(random, 2000), pieces);
    size_t offered = 0;

    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < pieces[i].iov_len; j++, offered++)
            assert_int_equal(((uint8_t *)pieces[i].iov_base)[j],
                             byte_of(&list->items[0], list->sent + offered));
    assert_int_equal(offered, list->count > 0 ? list->items[0].size - list->sent : 0);
    if (offered > 0 && random_is(random, 50))
        offered = random_below(random, (unsigned)offered + 1);
    ward__mailbox_wrote(box, offered);
    list->sent += offered;
}

static void
step_drop(struct list *list, struct ward__mailbox *box)
{
    size_t at = list->sent > 0;
    uint64_t number;
    uint8_t *frame = NULL;
    size_t size;
    int result = ward__mailbox_drop_oldest(box, &number, &frame, &size);

    while (at < list->count && list->items[at].is_own)
        at++;
    assert_int_equal(result, at < list->count ? 0 : -ENOENT);
    if (result < 0)
        return;
    assert_int_equal(number, list->done_number + at + 1);
    assert_is(&list->items[at], frame, size);
    free(frame);
    remove_item(list, at);
}

static void
step_done(struct list *list, struct ward__mailbox *box)
{
    if (list->count == 0 || list->sent < list->items[0].size)
        return;
    remove_item(list, 0);
    list->sent = 0;
    ward__mailbox_free_to(box, ++list->done_number);
}

static void
compare(const struct list *list, struct ward__mailbox *box)
{
    bool is_sent = list->count > 0 && list->sent == list->items[0].size;
    uint64_t bytes, messages;
    uint8_t *frame;
    size_t size;

    assert_int_equal(box->tail - box->done, list->bytes);
    assert_int_equal(box->sum->bytes, list->bytes);
    assert_int_equal(box->sent - box->done, list->sent);
    assert_int_equal(box->done_number, list->done_number);
    assert_int_equal(box->tail_number, list->done_number + list->count);
    assert_int_equal(box->sent_number, list->done_number + is_sent);
    assert_int_equal(ward__mailbox_is_torn(box), list->sent > 0 && !is_sent);
    assert_int_equal(box->ring == NULL, list->count == 0);
    ward__mailbox_held(box, true, &bytes, &messages);
    assert_int_equal(messages, list->count > 0 ? list->count - 1 : 0);
    if (list->count == 0)
        return;
    assert_int_equal(bytes, list->bytes - list->items[0].size);
    assert_int_equal(ward__mailbox_first(box, &frame, &size), 0);
    assert_is(&list->items[0], frame, size);
    free(frame);
}

static void
play(uint64_t seed)
{
    struct random random = {seed};
    struct ward__mailbox_sum sum;
    struct list list = {0};
    unsigned appends = 15 + random_below(&random, 45);
    struct ward__mailbox box;

    ward__mailbox_sum_init(&sum, UINT64_MAX);
    ward__mailbox_init(&box, &(ward_mailbox_options){.when_full = WARD_DROP_OLDEST});
    box.sum = &sum;
    for (int i = 0; i < STEPS; i++) {
        unsigned dice = random_below(&random, 100);
        if (dice < appends)
            step_append(&list, &box, &random);
        else if (dice < appends + 15)
            step_send(&list, &box, &random);
        else if (dice < appends + 25)
            step_done(&list, &box);
        else if (dice < 98)
            step_drop(&list, &box);
        else {
            ward__mailbox_rewind(&box);
            list.sent = 0;
        }
        compare(&list, &box);
    }
    ward__mailbox_done(&box);
    assert_int_equal(sum.bytes, 0);
    ward__mailbox_sum_done(&sum);
}

/* The seed that is being played, for the report of a failure. */
static uint64_t playing;
static bool is_over;

static void
it_agrees_with_a_list_that_drops(void **state)
{
    uint64_t rounds = random_rounds(20000), first = 0;

    (void)state;
    if (random_replay(&first))
        rounds = 1;
    for (playing = first; playing < first + rounds; playing++)
        play(playing);
    is_over = true;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_list_that_drops),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (!is_over)
        fprintf(stderr, "replay with WARD_SEED=%llu\n", (unsigned long long)playing);
    return failed;
}

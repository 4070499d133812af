/* The mailbox against a plain list of all frames that there ever were. */
#include "supervisor/mailbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/frame.h"
#include "tests/unit/random.h"

enum { STEPS = 400, FRAMES_MOST = STEPS, SIZE_MOST = 700, QUEUED_MOST = 32 * 1024 };

/* Frame i is sizes[i] bytes long. Of all of them, `done` are freed, `sent` bytes of the rest
 * are sent. */
struct list {
    size_t sizes[FRAMES_MOST];
    size_t count, done;
    size_t sent; /* bytes, counted from the first that is not done */
    size_t limit_bytes, limit_messages;
};

static uint8_t
byte_of(const struct list *list, size_t frame, size_t offset)
{
    uint8_t prefix[WARD__FRAME_PREFIX];

    if (offset >= WARD__FRAME_PREFIX)
        return (uint8_t)(frame * 17 + offset * 3);
    ward__frame_store_length(prefix, (uint32_t)(list->sizes[frame] - WARD__FRAME_PREFIX));
    return prefix[offset];
}

static size_t
bytes_between(const struct list *list, size_t from, size_t to)
{
    size_t sum = 0;

    for (size_t i = from; i < to; i++)
        sum += list->sizes[i];
    return sum;
}

/* Bytes missing to the end of the frame that is torn. */
static size_t
torn_left(const struct list *list)
{
    size_t sent = list->sent;

    for (size_t i = list->done; i < list->count && sent > 0; i++) {
        if (sent < list->sizes[i])
            return list->sizes[i] - sent;
        sent -= list->sizes[i];
    }
    return 0;
}

static size_t
whole_sent(const struct list *list)
{
    size_t whole = list->done, sum = 0;

    while (whole < list->count && sum + list->sizes[whole] <= list->sent)
        sum += list->sizes[whole++];
    return whole;
}

/* False: the ring's end is in the way. */
static bool
pack_in_place(struct ward__mailbox *box, const uint8_t *frame, size_t size)
{
    uint8_t *at = ward__mailbox_room(box, size);

    if (at == NULL)
        return false;
    memcpy(at, frame, size);
    ward__mailbox_packed(box, size);
    return true;
}

static void
step_append(struct list *list, struct ward__mailbox *box, struct random *random)
{
    size_t size =
        WARD__FRAME_PREFIX + random_below(random, SIZE_MOST - WARD__FRAME_PREFIX);
    bool in_hand = random_is(random, 30), is_forced = random_is(random, 10);
    size_t first = list->done + (in_hand && list->done < list->count);
    size_t bytes = bytes_between(list, first, list->count);
    uint8_t frame[SIZE_MOST];
    bool fits;

    if (random_is(random, 30))
        size = WARD__FRAME_PREFIX + random_below(random, 20);
    fits = list->count - first < list->limit_messages &&
           (bytes == 0 || bytes + size <= list->limit_bytes);
    assert_int_equal(ward__mailbox_has_room(box, size, in_hand), fits);
    list->sizes[list->count] = size;
    for (size_t i = 0; i < size; i++)
        frame[i] = byte_of(list, list->count, i);
    if (!fits && !is_forced)
        return;
    if (!random_is(random, 50) || !pack_in_place(box, frame, size))
        assert_int_equal(ward__mailbox_append(box, frame, size), 0);
    list->count++;
}

/* What is offered for sending must be the next bytes of the list, as much as may be. */
static void
step_send(struct list *list, struct ward__mailbox *box, struct random *random)
{
    size_t most = random_below(random, 3000), expected = torn_left(list);
    size_t at = whole_sent(list), offered = 0, frame = at;
    size_t offset = list->sent - bytes_between(list, list->done, at);
    struct iovec pieces[2];
    int count = ward__mailbox_unsent(box, most, pieces);

    if (expected == 0 && at < list->count)
        expected = list->sizes[at];
    if (expected > 0 && expected < most) {
        size_t all = bytes_between(list, list->done, list->count) - list->sent;
        expected = all < most ? all : most;
    }
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < pieces[i].iov_len; j++, offered++) {
            assert_int_equal(((uint8_t *)pieces[i].iov_base)[j],
                             byte_of(list, frame, offset));
            if (++offset == list->sizes[frame]) {
                offset = 0;
                frame++;
            }
        }
    assert_int_equal(offered, expected);
    if (offered > 0 && random_is(random, 60))
        offered = random_below(random, (unsigned)offered + 1);
    ward__mailbox_wrote(box, offered);
    list->sent += offered;
}

static void
step_free(struct list *list, struct ward__mailbox *box, struct random *random)
{
    size_t upto = random_is(random, 90) ? whole_sent(list) : list->count;
    size_t number = list->done;
    size_t freed;

    if (upto > number)
        number += random_below(random, (unsigned)(upto - number) + 1);
    freed = bytes_between(list, list->done, number);
    ward__mailbox_free_to(box, number);
    list->sent = list->sent > freed ? list->sent - freed : 0;
    list->done = number;
}

static void
compare(const struct list *list, struct ward__mailbox *box)
{
    uint64_t done = box->done; /* it begins again at 0 when it is empty */
    uint8_t *frame;
    size_t size;

    assert_int_equal(box->sent, done + list->sent);
    assert_int_equal(box->tail, done + bytes_between(list, list->done, list->count));
    assert_int_equal(box->done_number, list->done);
    assert_int_equal(box->sent_number, whole_sent(list));
    assert_int_equal(box->tail_number, list->count);
    assert_int_equal(box->sent_left, torn_left(list));
    assert_int_equal(ward__mailbox_is_torn(box), torn_left(list) > 0);
    assert_int_equal(ward__mailbox_count(box), list->count - list->done);
    assert_int_equal(box->ring == NULL, list->count == list->done);
    if (list->count == list->done) {
        assert_int_equal(ward__mailbox_first(box, &frame, &size), -ENOENT);
        return;
    }
    assert_int_equal(ward__mailbox_first(box, &frame, &size), 0);
    assert_int_equal(size, list->sizes[list->done]);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(frame[i], byte_of(list, list->done, i));
        assert_int_equal(*ward__mailbox_first_byte(box, i), frame[i]);
    }
    free(frame);
}

static void
play(uint64_t seed)
{
    struct random random = {seed};
    struct list list = {.limit_bytes = 100 + random_below(&random, QUEUED_MOST),
                        .limit_messages = 1 + random_below(&random, 60)};
    unsigned appends = 20 + random_below(&random, 50);
    struct ward__mailbox box;

    ward__mailbox_init(&box, &(ward_mailbox_options){(int64_t)list.limit_bytes,
                                                     (int64_t)list.limit_messages,
                                                     WARD_REJECT});
    for (int i = 0; i < STEPS; i++) {
        unsigned dice = random_below(&random, 100);
        if (dice < appends)
            step_append(&list, &box, &random);
        else if (dice < appends + (98 - appends) / 2)
            step_send(&list, &box, &random);
        else if (dice < 98)
            step_free(&list, &box, &random);
        else {
            ward__mailbox_rewind(&box);
            list.sent = 0;
        }
        compare(&list, &box);
    }
    ward__mailbox_done(&box);
}

/* The seed that is being played, for the report of a failure. */
static uint64_t playing;
static bool is_over;

static void
say_seed(void)
{
    if (!is_over)
        fprintf(stderr, "replay with WARD_SEED=%llu\n", (unsigned long long)playing);
}

static void
it_agrees_with_a_list_of_frames(void **state)
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
        cmocka_unit_test(it_agrees_with_a_list_of_frames),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    say_seed();
    return failed;
}

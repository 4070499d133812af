/*
 * Outbox against channel: a worker's outbox writes, dies at a random point between any two
 * steps, and the host recovers. All that was committed arrives once and in order, and
 * nothing else does. No process and no thread: send() and madvise() are replaced, so that they
 * take a random part of the bytes, let the host read, or do not return.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/fds.h"
#include "supervisor/channel.h"
#include "tests/unit/support.h"
#include "worker/outbox.h"

enum { FRAME_BYTES = 4096, LIVES = 3000 };

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
int __real_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice);

static uint64_t chance = 91;
static struct ward__channel channel;
static struct ward__outbox outbox;
static int worker_end;
static jmp_buf death;
static int steps_to_live;

/* The ledger. A frame carries its number and its size tells where it ends. */
static uint32_t appended;  /* frames given to the outbox */
static uint32_t committed; /* frames that a commit or a publication covers */
static uint32_t arrived;   /* frames that the host has got */
static uint32_t in_put;    /* frames that stood there when the put in hand began */
static bool is_putting;
static uint32_t done, handling;
static uint32_t glances; /* that found something */

/* One step of the worker's is over; it may be its last. */
static void
step(void)
{
    if (--steps_to_live <= 0)
        longjmp(death, 1);
}

/* ---- the host ---- */

static void
take_frames(void)
{
    ward_bytes frame;
    int more;

    while ((more = ward__channel_next(&channel, &frame)) == 1) {
        uint32_t number;
        if (frame.size == 0)
            continue; /* the doorbell */
        assert_true(frame.size >= sizeof number);
        memcpy(&number, frame.data, sizeof number);
        assert_int_equal(number, arrived);
        arrived++;
    }
    assert_int_equal(more, 0);
}

/* Straight from the page; the socket repeats it. */
static void
glance(size_t budget)
{
    uint64_t received = channel.received;
    int64_t got = ward__channel_glance(&channel, budget);

    assert_true(got >= 0 && (uint64_t)got <= budget);
    assert_int_equal(channel.received, received + (uint64_t)got);
    glances += got > 0;
}

static void
host_reads(void)
{
    size_t budget = 1 + random_below(&chance, 20000);

    if (random_below(&chance, 3) == 0)
        glance(budget);
    if (random_below(&chance, 3) == 0 && channel.arrived < channel.received)
        assert_true(ward__channel_read_known(&channel) >= 0);
    assert_true(ward__channel_read(&channel, budget) >= 0);
    if (random_below(&chance, 3) != 0)
        take_frames();
}

/* ---- the worker ---- */

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
    ssize_t sent;

    if (fd != worker_end)
        return __real_send(fd, data, size, flags);
    if (is_putting) /* so the outbox was full, and what stood there is published */
        committed = in_put;
    step();
    if (random_below(&chance, 20) == 0) {
        errno = EINTR;
        return -1;
    }
    size = 1 + random_below(&chance, size);
    while ((sent = __real_send(fd, data, size, flags | MSG_DONTWAIT)) < 0 &&
           errno == EAGAIN)
        host_reads();
    step();
    return sent;
}

int
__wrap_madvise(void *at, size_t size, int advice)
{
    int result = __real_madvise(at, size, advice);

    if ((uint8_t *)at == ward__page_outbox(channel.page))
        step();
    return result;
}

static void
pack_number(struct ward__sink *sink, const void *what)
{
    const size_t *size = what;
    static const uint8_t filler[FRAME_BYTES];

    ward__sink_write(sink, &appended, sizeof appended);
    ward__sink_write(sink, filler, *size);
}

static void
put_one(void)
{
    size_t size = random_below(&chance, random_below(&chance, 3) == 0 ? 4000 : 200);

    in_put = appended;
    is_putting = true;
    assert_int_equal(ward__outbox_put(&outbox, pack_number, &size), 0);
    is_putting = false;
    appended++;
    step();
}

/* One message: some frames, perhaps published early, perhaps forgotten, then the commit. */
static void
handle_one(void)
{
    atomic_store(&channel.page->handling, ++handling);
    step();
    for (size_t frames = random_below(&chance, 40); frames > 0; frames--) {
        if (random_below(&chance, 9) == 0)
            ward__outbox_flush(&outbox); /* what is not committed stays */
        else
            put_one();
    }
    if (random_below(&chance, 8) == 0) {
        ward__outbox_publish(&outbox);
        committed = appended;
        step();
        ward__outbox_flush(&outbox);
        step();
    }
    if (random_below(&chance, 10) == 0) {
        ward__outbox_rollback(&outbox);
        appended = committed;
        step();
    }
    ward__outbox_commit(&outbox, ++done);
    committed = appended;
    step();
}

static void
live(void)
{
    for (;;) {
        handle_one();
        if (random_below(&chance, 2) == 0)
            ward__outbox_trickle(&outbox, false);
        if (random_below(&chance, 5) == 0)
            ward__outbox_flush(&outbox);
        if (random_below(&chance, 10) == 0)
            ward__outbox_ring(&outbox);
        step();
        if (random_below(&chance, 3) == 0)
            host_reads();
        if (random_below(&chance, 3) == 0)
            glance(1 + random_below(&chance, 20000));
    }
}

static void
live_and_die(void)
{
    if (setjmp(death) == 0)
        live();
    ward__fd_close(&worker_end);
}

/* ---- one life ---- */

static void
begin_life(uint64_t position, uint32_t number)
{
    int memory = -1;

    ward__channel_init(&channel);
    assert_int_equal(ward__channel_open(&channel, FRAME_BYTES, &worker_end, &memory), 0);
    ward__channel_begin(&channel, number);
    ward__fd_close(&memory);
    ward__outbox_init(&outbox, channel.page, worker_end, FRAME_BYTES, number);
    /* As if so much had gone before. */
    channel.received = channel.arrived = position;
    outbox.base = position;
    atomic_store(&channel.page->base, position);
    atomic_store(&channel.page->commit, ward__commit_pack((uint32_t)position, number));
    appended = committed = arrived = in_put = 0;
    done = handling = number;
    is_putting = false;
    steps_to_live = 1 + (int)random_below(&chance, 700);
}

static void
check_hand(uint32_t number)
{
    struct ward__mailbox box;
    struct ward__hand hand;

    ward__mailbox_init(&box, &(ward_mailbox_options){0, 0, WARD_REJECT});
    box.done_number =
        ward__extend(number, ward__commit_done(atomic_load(&channel.page->commit)));
    box.sent_number = box.tail_number = box.done_number + 1;
    assert_true((uint32_t)box.done_number == done ||
                (uint32_t)box.done_number == done - 1);
    assert_int_equal(ward__channel_hand(&channel, &box, &hand), 0);
    assert_int_equal(hand.is_in_hand, handling != (uint32_t)box.done_number);
}

static void
what_was_committed_arrives_once_and_in_order_whenever_it_dies(void **state)
{
    static const uint64_t positions[] = {0, UINT32_MAX - 1000,
                                         (UINT64_C(3) << 32) - 70000};
    uint32_t torn = 0, from_page = 0;

    (void)state;
    for (int life = 0; life < LIVES; life++) {
        uint32_t number = life % 5 == 0 ? UINT32_MAX - 3 : (uint32_t)life;
        begin_life(positions[life % 3], number);
        live_and_die();
        if (random_below(&chance, 2) == 0)
            host_reads();
        take_frames();
        torn += ward__framebuf_held(&channel.in) > 0;
        from_page += arrived < committed;
        assert_true(arrived <= committed);
        assert_int_equal(ward__channel_recover(&channel), 0);
        take_frames();
        assert_int_equal(ward__framebuf_held(&channel.in), 0);
        assert_int_equal(arrived, committed);
        check_hand(number);
        ward__channel_close(&channel);
    }
    /* The interesting deaths did happen. */
    assert_true(torn > LIVES / 20);
    assert_true(from_page > LIVES / 4);
    assert_true(glances > LIVES / 4);
}

static void
a_worker_that_goes_on_loses_nothing_either(void **state)
{
    (void)state;
    begin_life(0, 0);
    steps_to_live = 100000;
    live_and_die();
    assert_int_equal(ward__channel_recover(&channel), 0);
    take_frames();
    assert_int_equal(arrived, committed);
    assert_true(channel.received > 10 * channel.outbox_size);
    ward__channel_close(&channel);
}

static void
a_frame_that_is_too_large_leaves_the_outbox_as_it_was(void **state)
{
    size_t fits = FRAME_BYTES - sizeof appended, too_large = fits + 1;

    (void)state;
    begin_life(0, 0);
    steps_to_live = INT32_MAX;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ward__outbox_put(&outbox, pack_number, &too_large), -EMSGSIZE);
        assert_int_equal(ward__outbox_put(&outbox, pack_number, &fits), 0);
        appended++;
    }
    ward__outbox_commit(&outbox, 1);
    ward__fd_close(&worker_end);
    assert_int_equal(ward__channel_recover(&channel), 0);
    take_frames();
    assert_int_equal(arrived, appended);
    ward__channel_close(&channel);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_arrives_once_and_in_order_whenever_it_dies),
        cmocka_unit_test(a_worker_that_goes_on_loses_nothing_either),
        cmocka_unit_test(a_frame_that_is_too_large_leaves_the_outbox_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

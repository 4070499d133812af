/* Workers that write into the page they share with the host: the host believes none of it. */
#include "tests/hostile/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ipc/wire.h"

/* ---- one word at a time ---- */

enum word { COMMIT, DONE, TAIL, BASE, HANDLING, EARLY, HEARD, PHASE, WANT, WORDS };

static const char *const names[] = {"commit", "done",  "tail",  "base", "handling",
                                    "early",  "heard", "phase", "step", "want"};

static void
scribble(struct ward__page *page, enum word word, uint64_t value)
{
    uint64_t commit = atomic_load(&page->commit);

    switch (word) {
    case COMMIT:
        atomic_store(&page->commit, value);
        break;
    case DONE:
        atomic_store(&page->commit,
                     ward__commit_pack(ward__commit_tail(commit), (uint32_t)value));
        break;
    case TAIL:
        atomic_store(&page->commit,
                     ward__commit_pack((uint32_t)value, ward__commit_done(commit)));
        break;
    case BASE:
        atomic_store(&page->base, value);
        break;
    case HANDLING:
        atomic_store(&page->handling, (uint32_t)value);
        break;
    case EARLY:
        atomic_store(&page->early, (uint32_t)value);
        break;
    case HEARD:
        atomic_store(&page->heard, (uint32_t)value);
        break;
    case PHASE:
        atomic_store(&page->phase, (int32_t)value);
        break;
    case WANT:
    case WORDS:
        atomic_store(&page->want, (uint32_t)value);
        break;
    }
}

static uint64_t
odd_value(uint32_t *random)
{
    static const uint64_t odd[] = {
        0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff, 1ull << 32, ~0ull};
    uint32_t choice = scene_random(random) % 16;

    if (choice < sizeof odd / sizeof odd[0])
        return odd[choice];
    return (uint64_t)scene_random(random) << 32 | scene_random(random);
}

/* How: numbers[0] the word, [1] the seed, [2] what then. */
enum then { THEN_DIE, THEN_RETURN, THEN_RAISE };

static void
scribble_as_told(ward_ctx *ctx)
{
    uint32_t random = atomic_load(&rig_board->numbers[1]) | 1;
    enum then then = (enum then)atomic_load(&rig_board->numbers[2]);

    for (int i = 0; i < 5; i++)
        scene_random(&random);
    scribble(rig_page(), (enum word)atomic_load(&rig_board->numbers[0]),
             odd_value(&random));
    atomic_fetch_add(&rig_board->done, 1);
    if (then == THEN_RAISE)
        ward_raise(ctx, "Scribbler", "has had its fun");
    else if (then == THEN_DIE)
        abort();
}

/* Whatever it wrote: the host is well, the sibling too, and this actor still serves or is
 * ended within a time. */
static void
survive(struct rig *r, enum word word, uint32_t seed, enum then then)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;
    unsigned before = atomic_load(&rig_board->done);

    atomic_store(&rig_board->numbers[0], word);
    atomic_store(&rig_board->numbers[1], seed);
    atomic_store(&rig_board->numbers[2], then);
    rig_tell(r, scribble_as_told);
    while (atomic_load(&rig_board->done) == before)
        rig_turn(r, deadline);
    rig_linger(r, 5);
    if (r->failed > 0 && r->last.cause != WARD_CAUSE_PROTOCOL &&
        r->last.cause != WARD_CAUSE_RAISE && r->last.cause != WARD_CAUSE_SIGNAL)
        print_error("word %s: cause %s\n", names[word], ward_cause_name(r->last.cause));
    assert_true(r->failed == 0 || r->last.cause == WARD_CAUSE_PROTOCOL ||
                r->last.cause == WARD_CAUSE_RAISE || r->last.cause == WARD_CAUSE_SIGNAL);
}

static void
scribble_all(struct rig *r, enum then then)
{
    static const ward_spec quick = {.shutdown_ms = 50, .message_ms = 500};

    for (int word = 0; word < WORDS; word++)
        for (uint32_t seed = 1; seed <= (uint32_t)scene_rounds(200); seed++) {
            rig_spawn(r, &quick, NULL);
            scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
            survive(r, (enum word)word, seed, then);
            scene_ok(ward_stop(r->ctx, r->evil));
            r->stopped = 0;
            rig_await_stop(r);
            r->failed = 0;
        }
}

static void
H38_any_word_of_the_page_may_lie_while_its_worker_lives(void **state)
{
    scribble_all(*state, THEN_RETURN);
}

static void
H38_any_word_of_the_page_may_lie_when_its_worker_dies(void **state)
{
    scribble_all(*state, THEN_DIE);
}

static void
H38_any_word_of_the_page_may_lie_when_its_worker_raises(void **state)
{
    scribble_all(*state, THEN_RAISE);
}

/* What cannot be. (That nothing was in hand can be: such a lie costs a restart each time.) */
static void
lie_and_die(ward_ctx *ctx)
{
    (void)ctx;
    scribble(rig_page(), (enum word)atomic_load(&rig_board->numbers[0]),
             UINT64_C(0x1234567812345678));
    abort();
}

/* What was in hand cannot be known then; but it must not kill one incarnation after the
 * other. */
static void
H38_a_message_that_makes_the_page_lie_is_not_tried_for_ever(void **state)
{
    static const enum word lies[] = {HANDLING, DONE, COMMIT};
    struct rig *r = *state;

    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        atomic_store(&rig_board->numbers[0], lies[i]);
        rig_tell(r, lie_and_die);
        rig_await_failures(r, (unsigned)i + 1);
        scene_ok(ward_settle(r->sys, 2000));
        assert_int_equal(r->failed, i + 1);
        assert_int_equal(r->poison, i + 1);
    }
}

/* ---- all of it, all the time ---- */

static void
scribble_for_ever(ward_ctx *ctx)
{
    struct ward__page *page = rig_page();
    uint32_t random = (uint32_t)getpid() | 1;

    (void)ctx;
    for (;;)
        scribble(page, (enum word)(scene_random(&random) % WORDS), odd_value(&random));
}

static void
H38_a_page_that_changes_all_the_time_harms_nobody(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < scene_rounds(400); i++) {
        rig_spawn(r, &(ward_spec){.shutdown_ms = 20}, NULL);
        scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
        rig_tell(r, scribble_for_ever);
        rig_tell(r, scribble_for_ever);
        rig_linger(r, 5);
        ward_mailbox_count(r->sys, r->evil);
        if (i % 2)
            ward_kill(r->ctx, r->evil);
        r->stopped = 0;
        scene_ok(ward_stop(r->ctx, r->evil));
        rig_await_stop(r);
    }
}

/* ---- one that the host waits for ---- */

enum { ANSWER = 1, TALK };

static ward_next
talk(ward_ctx *ctx, ward_ref to)
{
    ward_message *reply;

    while (atomic_load(&rig_board->done) == 0) {
        if (ward_ask(ctx, to, &reply, SCENE_PATIENCE_MS, ANSWER) < 0)
            return WARD_STOP;
        ward_message_free(reply);
        atomic_fetch_add(&rig_board->numbers[0], 1);
    }
    return WARD_SAME;
}

static ward_next
talker_receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;

    if (ward_message_type(msg) == ANSWER)
        return ward_reply(ctx, 1);
    return ward_get(msg, &to) < 0 ? WARD_UNHANDLED : talk(ctx, to);
}

static const ward_behavior talker = {.name = "talker", .receive = talker_receive};
WARD_REGISTER(talker);

static void
claim_bytes_for_ever(ward_ctx *ctx)
{
    struct ward__page *page = rig_page();
    uint64_t commit = atomic_load(&page->commit);

    (void)ctx;
    atomic_store(&page->base, ward__commit_tail(commit) + 50); /* not to be seen here */
    atomic_store(&page->commit, ward__commit_pack(ward__commit_tail(commit) + 100,
                                                  ward__commit_done(commit)));
    rig_spin();
}

/* The host looks first for the answer that it waits for; what others say is not for later. */
static void
H38_a_page_that_claims_an_answer_keeps_nobody_else_waiting(void **state)
{
    struct rig *r = *state;
    ward_message *reply = NULL;
    ward_ref one, two;
    unsigned talked;

    scene_ok(ward_spawn(r->ctx, &one, &(ward_spec){.id = "one", .behavior = &talker}));
    scene_ok(ward_spawn(r->ctx, &two, &(ward_spec){.id = "two", .behavior = &talker}));
    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    scene_ok(ward_tell(r->ctx, one, TALK, two));
    rig_tell(r, claim_bytes_for_ever);
    rig_linger(r, 20);
    talked = atomic_load(&rig_board->numbers[0]);
    assert_int_equal(ward_ask(r->ctx, r->evil, &reply, 200, ANSWER), -ETIMEDOUT);
    assert_true(atomic_load(&rig_board->numbers[0]) > talked + 50);
    atomic_store(&rig_board->done, 1);
    ward_message_free(reply);
    scene_ok(ward_kill(r->ctx, r->evil));
}

/* ---- the memory itself ---- */

static void
punch_a_hole(ward_ctx *ctx)
{
    (void)ctx;
    madvise(rig_page(), WARD__PAGE_SIZE, MADV_REMOVE);
    abort();
}

static void
H38_a_hole_in_the_page_is_no_fault_of_the_host(void **state)
{
    struct rig *r = *state;

    rig_spawn(r, &(ward_spec){.restart = WARD_TEMPORARY}, NULL);
    rig_tell(r, punch_a_hole);
    rig_await_stop(r);
    assert_int_equal(r->failed, 1);
}

static void
cut_off_the_page(ward_ctx *ctx)
{
    char path[80];
    struct ward__page *page = rig_page();
    int fd;

    (void)ctx;
    snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", (unsigned long)page,
             (unsigned long)page + WARD__PAGE_SIZE + page->outbox_size);
    fd = open(path, O_RDWR);
    if (fd >= 0 && ftruncate(fd, 0) == 0)
        atomic_fetch_add(&rig_board->done, 1);
    abort();
}

static void
H38_the_page_cannot_be_cut_off(void **state)
{
    struct rig *r = *state;

    rig_do(r, cut_off_the_page);
    rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
    assert_int_equal(atomic_load(&rig_board->done), 0);
}

/* ---- H36: what a worker leaves behind ---- */

static void
leave_a_child(void (*child)(void))
{
    if (fork() == 0) {
        setsid();
        child();
        _exit(0);
    }
}

static void
hold(void)
{
    for (;;)
        pause();
}

static void
die_and_leave_a_holder(ward_ctx *ctx)
{
    (void)ctx;
    leave_a_child(hold);
    abort();
}

static void
H36_a_death_is_seen_at_once_though_a_child_holds_the_socket(void **state)
{
    struct rig *r = *state;
    int64_t begun;

    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    begun = scene_now_ms();
    rig_do(r, die_and_leave_a_holder);
    assert_true(scene_now_ms() - begun < 500);
    rig_expect(r, WARD_CAUSE_SIGNAL, NULL);
}

/* It goes on to commit and to write when its parent is dead: what the host takes of that is
 * bounded. */
static void
write_on(void)
{
    struct ward__page *page = rig_page();
    int channel = rig_channel();
    static const uint8_t bells[64 * 1024];
    struct ward__page copy;

    memcpy(&copy, page, sizeof copy);
    for (;;) {
        uint64_t commit = atomic_load(&page->commit);
        atomic_store(&page->commit,
                     ward__commit_pack(ward__commit_tail(commit) + sizeof bells,
                                       ward__commit_done(commit)));
        for (size_t done = 0; done < sizeof bells;) {
            ssize_t wrote = write(channel, bells, sizeof bells - done);
            if (wrote <= 0)
                _exit(0);
            done += (size_t)wrote;
        }
    }
}

static void
die_and_leave_a_writer(ward_ctx *ctx)
{
    (void)ctx;
    leave_a_child(write_on);
    poll(NULL, 0, 2);
    abort();
}

static void
H36_a_child_that_goes_on_writing_does_not_hold_up_the_host(void **state)
{
    struct rig *r = *state;

    r->growth_allowed = 6 << 20; /* an outbox, for a moment */
    for (int i = 0; i < 20; i++) {
        int64_t begun = scene_now_ms();
        rig_do(r, die_and_leave_a_writer);
        assert_true(scene_now_ms() - begun < 1000);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(H36_a_death_is_seen_at_once_though_a_child_holds_the_socket),
        RIG_TEST(H36_a_child_that_goes_on_writing_does_not_hold_up_the_host),
        RIG_TEST(H38_any_word_of_the_page_may_lie_while_its_worker_lives),
        RIG_TEST(H38_any_word_of_the_page_may_lie_when_its_worker_dies),
        RIG_TEST(H38_any_word_of_the_page_may_lie_when_its_worker_raises),
        RIG_TEST(H38_a_message_that_makes_the_page_lie_is_not_tried_for_ever),
        RIG_TEST(H38_a_page_that_changes_all_the_time_harms_nobody),
        RIG_TEST(H38_a_page_that_claims_an_answer_keeps_nobody_else_waiting),
        RIG_TEST(H38_a_hole_in_the_page_is_no_fault_of_the_host),
        RIG_TEST(H38_the_page_cannot_be_cut_off),
    };

    return rig_main("page", tests, sizeof tests / sizeof tests[0]);
}

/* Workers that flood: what they may take of the host's memory while it is busy elsewhere. */
#include "tests/hostile/rig.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/wire.h"

enum { MIB = 1 << 20 };

static const ward_ref nobody = {77, 78};

/* The host waits in a call and calls nothing back. */
static void
host_is_deaf(struct rig *r, int ms)
{
    assert_int_equal(ward_wait_down(r->sys, r->good, ms), -ETIMEDOUT);
}

static void
assert_growth(struct rig *r, int64_t most)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    most = INT64_MAX;
#endif
    assert_true(scene_resident(getpid()) - r->resident <= most);
    r->growth_allowed = INT64_MAX; /* much of it is kept by the allocator */
}

/* ---- messages, events, asks ---- */

static void
tell_host_for_ever(ward_ctx *ctx)
{
    for (;;)
        ward_tell(ctx, ward_parent(ctx), 1);
}

static void
small_messages_to_a_deaf_host_are_bounded(void **state)
{
    struct rig *r = *state;

    rig_tell(r, tell_host_for_ever);
    host_is_deaf(r, 1500);
    assert_growth(r, 48 * MIB);
    scene_ok(ward_stop(r->ctx, r->evil));
    rig_await_stop(r);
}

/* Tells itself a large message that is its death. */
static void
die_of_much(ward_ctx *ctx)
{
    static char much[3 * MIB];
    deed what = die_of_much;
    uint64_t number = 0;

    memcpy(&number, &what, sizeof what);
    ward_tell(ctx, ward_self(ctx), 1, number, ((ward_bytes){much, sizeof much}));
    ward_flush(ctx);
    scene_fault();
}

static void
failures_that_a_deaf_host_is_not_told_are_bounded(void **state)
{
    struct rig *r = *state;

    rig_tell(r, die_of_much);
    host_is_deaf(r, 2000);
    assert_growth(r, 128 * MIB);
    scene_ok(ward_stop(r->ctx, r->evil));
    rig_await_stop(r);
    assert_true(r->failed > 0);
}

enum { LINES = 300000 };

static void
log_much(ward_ctx *ctx)
{
    for (int i = 0; i < LINES; i++)
        ward_log(ctx, "%d", i);
    ward_flush(ctx); /* the last of them are in the socket */
    atomic_store(&rig_board->done, 1);
}

/* Those that are lost are the last ones, and counted. */
static void
lines_that_a_deaf_host_is_not_told_are_bounded_and_counted(void **state)
{
    struct rig *r = *state;

    rig_tell(r, log_much);
    for (int i = 0; i < 200 && atomic_load(&rig_board->done) == 0; i++)
        host_is_deaf(r, 100);
    host_is_deaf(r, 1000);
    assert_growth(r, 128 * MIB);
    scene_ok(ward_settle(r->sys, SCENE_PATIENCE_MS));
    assert_true(r->lost > 0);
    assert_int_equal(r->logs + r->lost, LINES);
    assert_int_equal(r->logs_in_order, r->logs);
}

static ward_next
count_refusal(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)reply;
    (void)user;
    if (status == -EAGAIN)
        atomic_fetch_add(&rig_board->numbers[0], 1);
    return WARD_SAME;
}

enum { ASKS = 70000, ASKS_MOST = 64 * 1024, UNANSWERED = 2 };

static void
ask_in_vain(ward_ctx *ctx)
{
    ward_ref good;

    if (ward_lookup(ctx, "/good", &good) < 0)
        _exit(92);
    for (int i = 0; i < ASKS; i++)
        while (ward_ask_then(ctx, good, WARD_INFINITE, count_refusal, NULL, UNANSWERED) <
               0)
            continue;
}

static void
asks_that_nobody_answers_are_bounded(void **state)
{
    struct rig *r = *state;

    rig_tell(r, ask_in_vain);
    scene_ok(ward_settle(r->sys, SCENE_PATIENCE_MS));
    assert_int_equal(atomic_load(&rig_board->numbers[0]), ASKS - ASKS_MOST);
    r->pinged += ASKS_MOST;
    assert_growth(r, 48 * MIB);
}

/* ---- frames that a worker of ours would not send ---- */

static uint64_t request; /* in the worker only */

static void
pack_lookup(struct ward__sink *sink)
{
    ward__wire_lookup(sink, &(struct ward__lookup){++request, "/none"});
}

static void
pack_manage(struct ward__sink *sink)
{
    ward__wire_manage(sink,
                      &(struct ward__manage){++request, WARD__MANAGE_WHICH, nobody, ""});
}

static void
pack_credit(struct ward__sink *sink)
{
    ward__wire_credit(sink, &(struct ward__credit_frame){++request, nobody, 1});
}

static void
pack_spawn(struct ward__sink *sink)
{
    ward__wire_spawn(
        sink,
        &(struct ward__spawn){
            .request = ++request,
            .spec = {.id = "child", .behavior = -1, .strategy = -1, .supervisor = -1}});
}

static void
pack_watch(struct ward__sink *sink)
{
    ward__wire_watch(sink, &(struct ward__watch){true, nobody});
}

static ward_ref target; /* in the worker only */

static void
pack_tell(struct ward__sink *sink)
{
    ward__wire_tell(sink, target, 1);
    ward__pack_array(sink, 0);
}

static void
pack_wait(struct ward__sink *sink)
{
    ward__wire_credit(sink, &(struct ward__credit_frame){++request, target, -2});
}

/* So many of them, or for ever; nothing is read. */
static void
flood(void (*pack)(struct ward__sink *sink), int count)
{
    struct ward__sink sink;

    ward__sink_init(&sink, MIB);
    while (count != 0) {
        ward__sink_clear(&sink);
        for (int i = 0; i < 1000 && count != 0; i++, count--) {
            size_t begun = ward__wire_begin(&sink);
            pack(&sink);
            ward__wire_end(&sink, begun, MIB);
        }
        rig_write_committed(sink.data, sink.size);
    }
    ward__sink_done(&sink);
    rig_spin();
}

static void
flood_lookups(ward_ctx *ctx)
{
    (void)ctx;
    flood(pack_lookup, -1);
}

static void
flood_manages(ward_ctx *ctx)
{
    (void)ctx;
    flood(pack_manage, -1);
}

static void
flood_credits(ward_ctx *ctx)
{
    (void)ctx;
    flood(pack_credit, -1);
}

static void
flood_spawns(ward_ctx *ctx)
{
    (void)ctx;
    flood(pack_spawn, -1);
}

static void
flood_watches(ward_ctx *ctx)
{
    (void)ctx;
    flood(pack_watch, -1);
}

static void
requests_whose_answers_are_not_read_are_a_breach(void **state)
{
    static const deed deeds[] = {flood_lookups, flood_manages, flood_credits,
                                 flood_spawns};
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        rig_do(r, deeds[i]);
        rig_expect(r, WARD_CAUSE_PROTOCOL, "a request before its answer");
    }
    assert_growth(r, 16 * MIB);
}

static void
watches_whose_answers_are_not_read_are_a_breach(void **state)
{
    struct rig *r = *state;

    rig_do(r, flood_watches);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "watches of nobody");
    assert_growth(r, 96 * MIB);
}

/* ---- credit ---- */

/* To one that takes nothing: no more is granted. */
static void
tell_itself_too_much(ward_ctx *ctx)
{
    target = ward_self(ctx);
    flood(pack_tell, 2000);
}

/* Dies as one that had just begun the next message. */
static void
die_with_the_next_in_hand(ward_ctx *ctx)
{
    struct ward__page *page = rig_page();
    struct pollfd polled = {.fd = rig_channel(), .events = POLLIN};
    uint64_t commit = atomic_load(&page->commit);
    uint32_t number = atomic_load(&page->handling);

    (void)ctx;
    poll(&polled, 1, 300); /* or it is here already */
    atomic_store(&page->commit, ward__commit_pack(ward__commit_tail(commit), number));
    atomic_store(&page->handling, number + 1);
    abort();
}

static void
a_drain_outlives_who_dies_of_it(void **state)
{
    struct rig *r = *state;

    rig_tell(r, die_with_the_next_in_hand);
    scene_ok(ward_drain(r->ctx, r->evil));
    rig_await_stop(r);
    assert_string_equal(r->reason, "drained");
    assert_int_equal(r->failed, 1);
}

static void
more_than_was_granted_is_a_breach(void **state)
{
    struct rig *r = *state;

    rig_spawn(r, &(ward_spec){.mailbox = {.messages = 5}}, NULL);
    rig_do(r, tell_itself_too_much);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a message without credit");
    scene_ok(ward_settle(r->sys, SCENE_PATIENCE_MS));
    assert_in_range(r->other_letters, 1018, 1030); /* it handles none of them */
}

/* Tells itself half of what it may, and breaks the rules if the first grant is as many messages as that;
 * if not it aborts. */
static void
expect_grant(ward_ctx *ctx, int64_t messages)
{
    struct ward__framebuf in;
    struct ward__frame frame;
    struct ward_arena arena = {NULL};
    ward_bytes bytes;
    uint8_t *to;
    size_t size;

    target = ward_self(ctx);
    for (int i = 0; i < 512; i++)
        rig_write_frame(pack_tell);
    ward__framebuf_init(&in, MIB);
    for (;;) {
        ssize_t got;
        while (ward__framebuf_next(&in, &bytes) == 1)
            if (ward__wire_read(bytes, false, &frame, &arena) == 0 &&
                frame.kind == WARD__GRANT) {
                if (frame.as.grant.more.messages != messages)
                    abort();
                rig_write_committed("\1\0\0\0\xff", 5);
                rig_spin();
            }
        if (ward__framebuf_room(&in, 4096, &to, &size) < 0)
            abort();
        got = recv(rig_channel(), to, size, 0);
        if (got <= 0)
            abort();
        ward__framebuf_filled(&in, (size_t)got);
    }
}

static void
expect_all_again(ward_ctx *ctx)
{
    expect_grant(ctx, 512);
}

static void
expect_four_times_as_many(ward_ctx *ctx)
{
    expect_grant(ctx, 4 * 1024 - 512);
}

static void
check_grant(struct rig *r, ward_mailbox_options mailbox, deed expect)
{
    rig_spawn(r, &(ward_spec){.mailbox = mailbox}, NULL);
    rig_do(r, expect);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame that is none");
}

static void
who_sends_to_one_with_bounded_bytes_is_granted_four_times_the_messages(void **state)
{
    check_grant(*state, (ward_mailbox_options){.bytes = MIB}, expect_four_times_as_many);
}

static void
who_sends_to_one_with_bounded_messages_is_granted_what_it_began_with(void **state)
{
    check_grant(*state, (ward_mailbox_options){.messages = 100000}, expect_all_again);
}

static void
who_sends_to_one_that_drops_is_granted_what_it_began_with(void **state)
{
    check_grant(*state, (ward_mailbox_options){.when_full = WARD_DROP_OLDEST},
                expect_all_again);
}

static void
wait_for_itself(ward_ctx *ctx)
{
    target = ward_self(ctx);
    flood(pack_wait, 100000);
}

static void
waiting_for_itself_without_end_is_a_breach(void **state)
{
    struct rig *r = *state;

    rig_do(r, wait_for_itself);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a request before its answer");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(small_messages_to_a_deaf_host_are_bounded),
        RIG_TEST(failures_that_a_deaf_host_is_not_told_are_bounded),
        RIG_TEST(lines_that_a_deaf_host_is_not_told_are_bounded_and_counted),
        RIG_TEST(asks_that_nobody_answers_are_bounded),
        RIG_TEST(requests_whose_answers_are_not_read_are_a_breach),
        RIG_TEST(watches_whose_answers_are_not_read_are_a_breach),
        RIG_TEST(a_drain_outlives_who_dies_of_it),
        RIG_TEST(more_than_was_granted_is_a_breach),
        RIG_TEST(who_sends_to_one_with_bounded_bytes_is_granted_four_times_the_messages),
        RIG_TEST(who_sends_to_one_with_bounded_messages_is_granted_what_it_began_with),
        RIG_TEST(who_sends_to_one_that_drops_is_granted_what_it_began_with),
        RIG_TEST(waiting_for_itself_without_end_is_a_breach),
    };

    return rig_main("flow", tests, sizeof tests / sizeof tests[0]);
}

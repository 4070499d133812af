/* Workers that break the protocol: each is its own failure, and nobody else's. */
#include "tests/hostile/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/frame.h"
#include "ipc/wire.h"

/* ---- H26: bytes that are no frames ---- */

static void
write_noise(ward_ctx *ctx)
{
    uint8_t noise[4096];
    uint32_t random = 99;

    (void)ctx;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)scene_random(&random);
    rig_write(noise, sizeof noise);
    rig_spin();
}

static void
H26_noise_is_a_protocol_failure(void **state)
{
    struct rig *r = *state;

    rig_do(r, write_noise);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "bytes that were not committed");
}

static void
H26_noise_in_a_handler_makes_its_message_poison(void **state)
{
    struct rig *r = *state;

    rig_do(r, write_noise);
    assert_int_equal(r->poison, 1);
    assert_int_equal(r->failed, 1);
}

static void
count(ward_ctx *ctx)
{
    (void)ctx;
    atomic_fetch_add(&rig_board->done, 1);
}

/* What it had done before, unknown to the host so far, stays done. */
static void
H26_noise_does_not_undo_what_was_done(void **state)
{
    enum { BEFORE = 50, BEHIND = 10 };
    struct rig *r = *state;

    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    for (int i = 0; i < BEFORE; i++)
        rig_tell(r, count);
    rig_tell(r, write_noise);
    for (int i = 0; i < BEHIND; i++)
        rig_tell(r, count);
    rig_await_failures(r, 1);
    scene_ok(ward_settle(r->sys, SCENE_PATIENCE_MS));
    rig_expect(r, WARD_CAUSE_PROTOCOL, NULL);
    assert_int_equal(r->failed, 1);
    assert_int_equal(r->poison, 1);
    assert_int_equal(atomic_load(&rig_board->done), BEFORE + BEHIND);
}

static void
write_committed_noise(ward_ctx *ctx)
{
    static const uint8_t noise[] = {4, 0, 0, 0, 0xc1, 0xc1, 0xc1, 0xc1};

    (void)ctx;
    rig_write_committed(noise, sizeof noise);
    rig_spin();
}

static void
H26_noise_that_was_committed_is_a_frame_that_is_none(void **state)
{
    struct rig *r = *state;

    rig_do(r, write_committed_noise);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame that is none");
}

/* Every cut of a frame, its length put right: each is a frame that is none. */
static int cut; /* in the worker only */

static void
write_cut_frame(ward_ctx *ctx)
{
    struct ward__sink sink;
    uint32_t size;
    size_t begun;

    ward__sink_init(&sink, 1024);
    begun = ward__wire_begin(&sink);
    ward__wire_tell(&sink, ward_self(ctx), 1);
    ward__pack_array(&sink, 2);
    ward__pack_string(&sink, "some text");
    ward__pack_uint(&sink, 70000);
    ward__wire_end(&sink, begun, 1024);
    cut = (int)(ward_incarnation(ctx) % (sink.size - 5)) + 1;
    size = (uint32_t)sink.size - 4 - (uint32_t)cut;
    ward__frame_store_length(sink.data, size);
    rig_write_committed(sink.data, size + 4);
    rig_spin();
}

static void
H26_a_frame_that_is_cut_anywhere_is_none(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < 40; i++) {
        rig_do(r, write_cut_frame);
        rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame that is none");
    }
}

static void
pack_wrong_types(struct ward__sink *sink)
{
    ward__pack_array(sink, 3); /* a TELL has four fields */
    ward__pack_uint(sink, WARD__TELL);
    ward__pack_string(sink, "to whom");
    ward__pack_string(sink, "what");
}

static void
write_wrong_types(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_wrong_types);
    rig_spin();
}

static void
H26_wrong_types_are_a_protocol_failure(void **state)
{
    struct rig *r = *state;

    rig_do(r, write_wrong_types);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame that is none");
}

/* ---- H27: lengths ---- */

static void
announce_too_much(ward_ctx *ctx)
{
    static const uint8_t length[] = {0xff, 0xff, 0xff, 0xff, 0x93};

    (void)ctx;
    rig_write_committed(length, sizeof length);
    rig_spin();
}

static void
H27_a_frame_above_the_limit_is_refused_by_its_length(void **state)
{
    struct rig *r = *state;

    rig_do(r, announce_too_much);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame above the limit");
}

/* A head that promises four thousand million values in five bytes. */
static void
announce_many_values(ward_ctx *ctx)
{
    static const uint8_t frame[] = {5, 0, 0, 0, 0xdd, 0xff, 0xff, 0xff, 0xff};

    (void)ctx;
    rig_write_committed(frame, sizeof frame);
    rig_spin();
}

static void
H27_more_values_than_bytes_are_refused(void **state)
{
    struct rig *r = *state;

    rig_do(r, announce_many_values);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame that is none");
}

/* ---- H32: valid frames out of turn ---- */

static void
pack_ready(struct ward__sink *sink)
{
    ward__wire_ready(sink, 0);
}

static void
pack_bye(struct ward__sink *sink)
{
    ward__wire_bye(sink);
}

static void
pack_halt(struct ward__sink *sink)
{
    ward__wire_halt(sink);
}

static void
pack_quiet(struct ward__sink *sink)
{
    ward__wire_quiet(sink, &(struct ward__quiet_frame){WARD__QUIET_STOP, "enough"});
}

static void
pack_raised(struct ward__sink *sink)
{
    ward__wire_raised(sink, &(struct ward__raised){.cause = WARD_CAUSE_RAISE,
                                                   .phase = WARD_PHASE_RECEIVE,
                                                   .raised = "Lie",
                                                   .text = "not really"});
}

static void
pack_spawn(struct ward__sink *sink)
{
    ward__wire_spawn(
        sink,
        &(struct ward__spawn){.spec = {.id = "child", .strategy = -1, .supervisor = -1}});
}

static void
ready_twice(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_ready);
    rig_spin();
}

static void
bye_early(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_bye);
    rig_spin();
}

static void
speak_as_the_host(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_halt);
    rig_spin();
}

static void
spawn_after_quiet(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_quiet);
    rig_write_frame(pack_spawn);
    rig_spin();
}

static void
ready_after_raised(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_raised);
    rig_write_frame(pack_ready);
    rig_spin();
}

static void
quiet_twice(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_quiet);
    rig_write_frame(pack_quiet);
    rig_spin();
}

static void
H32_ready_twice_is_out_of_turn(void **state)
{
    struct rig *r = *state;

    rig_do(r, ready_twice);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame out of turn");
}

static void
H32_bye_early_is_out_of_turn(void **state)
{
    struct rig *r = *state;

    rig_do(r, bye_early);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame out of turn");
}

static void
H32_a_frame_of_the_host_is_none_of_a_worker(void **state)
{
    struct rig *r = *state;

    rig_do(r, speak_as_the_host);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame that is none");
}

/* It has announced its end already: what comes now ends it at once, and no more. */
static void
H32_a_spawn_after_quiet_makes_no_child(void **state)
{
    struct rig *r = *state;
    ward_ref child;

    rig_tell(r, spawn_after_quiet);
    rig_await_stop(r);
    assert_true(ward_lookup(r->ctx, "/evil/child", &child) < 0);
    assert_int_equal(r->restarted, 0);
}

static void
H32_quiet_twice_ends_it_once(void **state)
{
    struct rig *r = *state;

    rig_tell(r, quiet_twice);
    rig_await_stop(r);
    assert_int_equal(r->stopped, 1);
}

static void
H32_ready_after_raised_is_one_failure(void **state)
{
    struct rig *r = *state;

    rig_do(r, ready_after_raised);
    rig_linger(r, 200);
    assert_int_equal(r->failed, 1);
    assert_int_equal(r->restarted, 1);
}

static ward_ref host;

static void
pack_mail(struct ward__sink *sink)
{
    ward__wire_tell(sink, host, 1);
    ward__pack_array(sink, 0);
}

/* Of messages to one actor, one behind the other, not each is looked at as any frame is. */
static void
mail_around_raised(ward_ctx *ctx)
{
    host = ward_parent(ctx);
    for (int i = 0; i < 3; i++)
        rig_write_frame(pack_mail);
    rig_write_frame(pack_raised);
    rig_write_frame(pack_mail);
    rig_spin();
}

static void
H32_a_message_after_raised_does_not_arrive(void **state)
{
    struct rig *r = *state;

    rig_do(r, mail_around_raised);
    rig_linger(r, 50);
    assert_int_equal(r->mails, 3);
}

static void
bye_at_start(ward_ctx *ctx)
{
    bye_early(ctx);
}

static void
quiet_at_start(ward_ctx *ctx)
{
    (void)ctx;
    rig_write_frame(pack_quiet);
    rig_spin();
}

static void
H32_the_end_before_the_start_is_a_failure_of_the_start(void **state)
{
    static const ward_strategy once = {
        .name = "once", .max_restarts = WARD_ZERO, .within_ms = 1000};
    static const deed deeds[] = {bye_at_start, quiet_at_start};
    struct rig *r = *state;

    (void)once;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        rig_spawn(r, &(ward_spec){.restart = WARD_TEMPORARY}, deeds[i]);
        rig_await_failures(r, (unsigned)i + 1);
        rig_await_stop(r);
        rig_expect(r, WARD_CAUSE_PROTOCOL, "a frame out of turn");
        assert_int_equal(r->last.phase, WARD_PHASE_START);
        r->stopped = 0;
    }
}

/* ---- H35: the socket ---- */

static void
close_it(ward_ctx *ctx)
{
    (void)ctx;
    close(rig_channel());
    rig_spin();
}

static void
shut_for_writing(ward_ctx *ctx)
{
    (void)ctx;
    shutdown(rig_channel(), SHUT_WR);
    rig_spin();
}

static void
shut_for_reading(ward_ctx *ctx)
{
    (void)ctx;
    shutdown(rig_channel(), SHUT_RD);
    rig_spin();
}

static void
shut_both(ward_ctx *ctx)
{
    (void)ctx;
    shutdown(rig_channel(), SHUT_RDWR);
    rig_spin();
}

static void
H35_one_that_closes_its_socket_is_killed(void **state)
{
    struct rig *r = *state;

    rig_do(r, close_it);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a closed socket");
}

static void
H35_one_that_shuts_its_socket_is_killed(void **state)
{
    struct rig *r = *state;

    rig_do(r, shut_both);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a closed socket");
}

static void
H35_one_that_will_write_no_more_is_killed(void **state)
{
    struct rig *r = *state;

    rig_do(r, shut_for_writing);
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a closed socket");
}

/* It is found out by the next message to it. */
static void
H35_one_that_will_read_no_more_is_killed(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < 400 && r->failed == 0; i++) {
        rig_tell(r,
                 shut_for_reading); /* the first one written behind the shutdown tells */
        rig_linger(r, 50);
    }
    rig_expect(r, WARD_CAUSE_PROTOCOL, "a closed socket");
}

/* ---- descriptors ---- */

static void
send_descriptor(ward_ctx *ctx)
{
    struct ward__page *page = rig_page();
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 8)];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int) * 8),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {.iov_base = (char[4]){0}, .iov_len = 4}; /* a doorbell */
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    uint64_t commit = atomic_load(&page->commit);
    int fds[8] = {0, 1, 2, 0, 1, 2, 0, 1};

    (void)ctx;
    memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
    atomic_store(&page->commit, ward__commit_pack(ward__commit_tail(commit) + 4,
                                                  ward__commit_done(commit)));
    sendmsg(rig_channel(), &message, 0);
    rig_spin();
}

/* Within a moment: beside the worker the host has spares, and makes new ones. */
static void
expect_descriptors(struct rig *r, int count)
{
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    while (scene_descriptors(getpid()) != count && scene_now_ms() < deadline)
        ward_run_for(r->sys, 1);
    assert_int_equal(scene_descriptors(getpid()), count);
}

static void
H12_descriptors_that_a_worker_sends_are_its_failure_and_are_not_kept(void **state)
{
    struct rig *r = *state;
    int before;

    rig_spawn(r, NULL, NULL);
    scene_ok(ward_wait_up(r->sys, r->evil, SCENE_PATIENCE_MS));
    ward_run_for(r->sys, 50); /* until all spares are made */
    before = scene_descriptors(getpid());
    rig_do(r, send_descriptor);
    rig_expect(r, WARD_CAUSE_PROTOCOL, NULL);
    expect_descriptors(r, before);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(H12_descriptors_that_a_worker_sends_are_its_failure_and_are_not_kept),
        RIG_TEST(H26_noise_is_a_protocol_failure),
        RIG_TEST(H26_noise_in_a_handler_makes_its_message_poison),
        RIG_TEST(H26_noise_does_not_undo_what_was_done),
        RIG_TEST(H26_noise_that_was_committed_is_a_frame_that_is_none),
        RIG_TEST(H26_a_frame_that_is_cut_anywhere_is_none),
        RIG_TEST(H26_wrong_types_are_a_protocol_failure),
        RIG_TEST(H27_a_frame_above_the_limit_is_refused_by_its_length),
        RIG_TEST(H27_more_values_than_bytes_are_refused),
        RIG_TEST(H32_ready_twice_is_out_of_turn),
        RIG_TEST(H32_bye_early_is_out_of_turn),
        RIG_TEST(H32_a_frame_of_the_host_is_none_of_a_worker),
        RIG_TEST(H32_a_spawn_after_quiet_makes_no_child),
        RIG_TEST(H32_quiet_twice_ends_it_once),
        RIG_TEST(H32_a_message_after_raised_does_not_arrive),
        RIG_TEST(H32_ready_after_raised_is_one_failure),
        RIG_TEST(H32_the_end_before_the_start_is_a_failure_of_the_start),
        RIG_TEST(H35_one_that_closes_its_socket_is_killed),
        RIG_TEST(H35_one_that_shuts_its_socket_is_killed),
        RIG_TEST(H35_one_that_will_write_no_more_is_killed),
        RIG_TEST(H35_one_that_will_read_no_more_is_killed),
    };

    return rig_main("protocol", tests, sizeof tests / sizeof tests[0]);
}

#include "tests/unit/wire_samples.h"

#include <errno.h>
#include <limits.h>

#include <ward/error.h>
#include <ward/spec.h>
#include <ward/strategy.h>

#include "tests/unit/support.h"

static const ward_ref alice = {0x0102030405060708, 0x1112131415161718};
static const ward_ref bob = {1, UINT64_MAX};
static const ward_failure last = {
    .cause = WARD_CAUSE_EXIT, .exit_code = 3, .text = "inner"};
static const ward_failure failure = {
    .cause = WARD_CAUSE_INTENSITY,
    .path = "/a/b",
    .actor = {1, 2},
    .text = "outer",
    .has_message = true,
    .message = {"\x91\x01", 2},
    .last = &last,
};

static void
pack_list(struct ward__sink *sink)
{
    const ward_value values[] = {ward_value_int(1), ward_value_string("two")};

    ward__pack_values(sink, values, COUNT_OF(values));
}

static void
check_list(ward_raw raw)
{
    assert_int_equal(raw.size, 6);
    assert_memory_equal(raw.data, "\x92\x01\xa3two", 6);
}

static void
pack_go(struct ward__sink *sink)
{
    ward__wire_go(sink, &(struct ward__go){.mode = WARD__GO_RESTART,
                                           .self = alice,
                                           .parent = bob,
                                           .incarnation = UINT32_MAX,
                                           .behavior = INT32_MAX,
                                           .done = UINT64_MAX,
                                           .frame_bytes = 4096,
                                           .shutdown_ms = WARD_INFINITE,
                                           .credit = {256, 1 << 20},
                                           .path = "/a/b",
                                           .reason = "why",
                                           .args = {"\0x", 2},
                                           .failure = &failure});
}

static void
check_go(const struct ward__frame *frame)
{
    const struct ward__go *go = &frame->as.go;

    assert_int_equal(go->mode, WARD__GO_RESTART);
    assert_true(ward_ref_equal(go->self, alice));
    assert_true(ward_ref_equal(go->parent, bob));
    assert_true(go->incarnation == UINT32_MAX && go->behavior == INT32_MAX);
    assert_true(go->done == UINT64_MAX && go->frame_bytes == 4096);
    assert_int_equal(go->shutdown_ms, WARD_INFINITE);
    assert_int_equal(go->credit.messages, 256);
    assert_int_equal(go->credit.bytes, 1 << 20);
    assert_string_equal(go->path, "/a/b");
    assert_string_equal(go->reason, "why");
    assert_int_equal(go->args.size, 2);
    assert_non_null(go->failure);
    assert_string_equal(go->failure->text, "outer");
    assert_int_equal(go->failure->last->exit_code, 3);
}

static void
pack_message(struct ward__sink *sink)
{
    ward__wire_message(sink, -7, alice);
    pack_list(sink);
}

static void
check_message(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.message.attempt, 0);
    assert_int_equal(frame->as.message.type, -7);
    assert_true(ward_ref_equal(frame->as.message.sender, alice));
    check_list(frame->as.message.values);
}

static void
pack_answer(struct ward__sink *sink)
{
    ward__wire_answer(
        sink, &(struct ward__answer){9, -WARD_ECRASHED, alice, {"\x92\x01\xa3two", 6}});
}

static void
check_answer(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.answer.request, 9);
    assert_int_equal(frame->as.answer.status, -WARD_ECRASHED);
    assert_true(ward_ref_equal(frame->as.answer.ref, alice));
    check_list(frame->as.answer.values);
}

static void
pack_empty_answer(struct ward__sink *sink)
{
    ward__wire_answer(sink, &(struct ward__answer){.request = 10});
}

static void
check_empty_answer(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.answer.request, 10);
    assert_int_equal(frame->as.answer.status, 0);
    assert_true(ward_ref_equal(frame->as.answer.ref, (ward_ref){0, 0}));
    assert_int_equal(frame->as.answer.values.size, 0);
}

static void
pack_verdict(struct ward__sink *sink)
{
    ward__wire_verdict(sink, WARD_DIRECTIVE_ESCALATE);
}

static void
check_verdict(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.verdict, WARD_DIRECTIVE_ESCALATE);
}

static void
pack_halt(struct ward__sink *sink)
{
    ward__wire_halt(sink);
}

static void
check_nothing(const struct ward__frame *frame)
{
    (void)frame;
}

static void
pack_finish(struct ward__sink *sink)
{
    ward__wire_finish(sink, &(struct ward__finish){"stopped", NULL});
}

static void
check_finish(const struct ward__frame *frame)
{
    assert_string_equal(frame->as.finish.reason, "stopped");
    assert_null(frame->as.finish.failure);
}

static void
pack_ready(struct ward__sink *sink)
{
    ward__wire_ready(sink, 1);
}

static void
check_ready(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.ready, 1);
}

static void
pack_tell(struct ward__sink *sink)
{
    ward__wire_tell(sink, alice, INT64_MAX);
    pack_list(sink);
}

static void
check_tell(const struct ward__frame *frame)
{
    assert_true(ward_ref_equal(frame->as.tell.to, alice));
    assert_true(frame->as.tell.type == INT64_MAX);
    check_list(frame->as.tell.body.packed);
}

static void
pack_ask(struct ward__sink *sink)
{
    ward__wire_ask(sink, &(struct ward__ask_frame){.to = alice,
                                                   .request = 11,
                                                   .timeout_ms = INT_MAX,
                                                   .is_blocking = true,
                                                   .type = 12});
    pack_list(sink);
}

static void
check_ask(const struct ward__frame *frame)
{
    const struct ward__ask_frame *ask = &frame->as.ask;

    assert_true(ward_ref_equal(ask->to, alice));
    assert_true(ask->request == 11 && ask->timeout_ms == INT_MAX && ask->is_blocking);
    assert_int_equal(ask->type, 12);
    check_list(ask->body.packed);
}

static void
pack_reply(struct ward__sink *sink)
{
    ward__wire_reply(sink, alice);
    pack_list(sink);
}

static void
check_reply(const struct ward__frame *frame)
{
    assert_true(ward_ref_equal(frame->as.reply.sender, alice));
    check_list(frame->as.reply.values);
}

static void
pack_spawn(struct ward__sink *sink)
{
    const struct ward__crossing spec = {
        .id = "id",
        .behavior = 2,
        .supervisor = -1,
        .strategy = -1,
        .significant = true,
        .restart = WARD_TEMPORARY,
        .first_ms = 5,
        .max_ms = 6,
        .healthy_ms = 7,
        .jitter_percent = 9,
        .start_ms = 4,
        .shutdown_ms = WARD_ZERO,
        .redeliver = 100,
        .message_ms = WARD_INFINITE,
        .mailbox_messages = 8,
        .mailbox_bytes = INT64_MAX,
        .args = {"\1\2\3", 3},
    };

    ward__wire_spawn(sink, &(struct ward__spawn){1, alice, spec});
}

static void
check_spawn(const struct ward__frame *frame)
{
    const struct ward__crossing *s = &frame->as.spawn.spec;

    assert_true(frame->as.spawn.request == 1);
    assert_true(ward_ref_equal(frame->as.spawn.to, alice));
    assert_string_equal(s->id, "id");
    assert_true(s->behavior == 2 && s->supervisor == -1 && s->strategy == -1);
    assert_true(s->significant && s->first_ms == 5 && s->max_ms == 6);
    assert_true(s->healthy_ms == 7 && s->jitter_percent == 9);
    assert_true(s->restart == WARD_TEMPORARY && s->start_ms == 4);
    assert_true(s->shutdown_ms == WARD_ZERO && s->message_ms == WARD_INFINITE);
    assert_true(s->redeliver == 100 && s->mailbox_bytes == INT64_MAX);
    assert_int_equal(s->mailbox_messages, 8);
    assert_memory_equal(s->args.data, "\1\2\3", 3);
}

static void
pack_manage(struct ward__sink *sink)
{
    ward__wire_manage(sink,
                      &(struct ward__manage){14, WARD__MANAGE_DELETE, alice, "child"});
}

static void
check_manage(const struct ward__frame *frame)
{
    const struct ward__manage *m = &frame->as.manage;

    assert_true(m->request == 14 && m->op == WARD__MANAGE_DELETE);
    assert_true(ward_ref_equal(m->of, alice));
    assert_string_equal(m->id, "child");
}

static void
pack_end(struct ward__sink *sink)
{
    ward__wire_actor_end(sink, &(struct ward__end){3, alice});
}

static void
check_end(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.end.how, 3);
    assert_true(ward_ref_equal(frame->as.end.ref, alice));
}

static void
pack_watch(struct ward__sink *sink)
{
    ward__wire_watch(sink, &(struct ward__watch){true, alice});
}

static void
check_watch(const struct ward__frame *frame)
{
    assert_true(frame->as.watch.on);
    assert_true(ward_ref_equal(frame->as.watch.ref, alice));
}

static void
pack_lookup(struct ward__sink *sink)
{
    ward__wire_lookup(sink, &(struct ward__lookup){13, "/x"});
}

static void
check_lookup(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.lookup.request, 13);
    assert_string_equal(frame->as.lookup.path, "/x");
}

static void
pack_log(struct ward__sink *sink)
{
    ward__wire_log(sink, "a line");
}

static void
check_log(const struct ward__frame *frame)
{
    assert_string_equal(frame->as.log, "a line");
}

static void
pack_unhandled(struct ward__sink *sink)
{
    ward__wire_unhandled(sink,
                         &(struct ward__unhandled){-1, alice, {"\x92\x01\xa3two", 6}});
}

static void
check_unhandled(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.unhandled.type, -1);
    assert_true(ward_ref_equal(frame->as.unhandled.sender, alice));
    check_list(frame->as.unhandled.values);
}

static void
pack_raised(struct ward__sink *sink)
{
    ward__wire_raised(sink, &(struct ward__raised){.cause = WARD_CAUSE_ERROR,
                                                   .phase = WARD_PHASE_CALLBACK,
                                                   .error = -EIO,
                                                   .user_us = 1,
                                                   .system_us = 2,
                                                   .max_rss_kb = 3,
                                                   .raised = "Class",
                                                   .text = "text"});
}

static void
check_raised(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.raised.cause, WARD_CAUSE_ERROR);
    assert_int_equal(frame->as.raised.phase, WARD_PHASE_CALLBACK);
    assert_int_equal(frame->as.raised.error, -EIO);
    assert_int_equal(frame->as.raised.user_us, 1);
    assert_int_equal(frame->as.raised.system_us, 2);
    assert_int_equal(frame->as.raised.max_rss_kb, 3);
    assert_string_equal(frame->as.raised.raised, "Class");
    assert_string_equal(frame->as.raised.text, "text");
}

static void
pack_quiet(struct ward__sink *sink)
{
    ward__wire_quiet(sink, &(struct ward__quiet_frame){WARD__QUIET_RESTART, NULL});
}

static void
check_quiet(const struct ward__frame *frame)
{
    assert_int_equal(frame->as.quiet.why, WARD__QUIET_RESTART);
    assert_string_equal(frame->as.quiet.reason, "");
}

static void
pack_bye(struct ward__sink *sink)
{
    ward__wire_bye(sink);
}

static void
pack_grant(struct ward__sink *sink)
{
    ward__wire_grant(sink, &(struct ward__grant){alice, {7, INT64_MAX}});
}

static void
check_grant(const struct ward__frame *frame)
{
    assert_true(ward_ref_equal(frame->as.grant.to, alice));
    assert_int_equal(frame->as.grant.more.messages, 7);
    assert_true(frame->as.grant.more.bytes == INT64_MAX);
}

static void
pack_credit(struct ward__sink *sink)
{
    ward__wire_credit(sink, &(struct ward__credit_frame){UINT64_MAX, bob, 1500});
}

static void
check_credit(const struct ward__frame *frame)
{
    assert_true(frame->as.credit.request == UINT64_MAX);
    assert_true(ward_ref_equal(frame->as.credit.to, bob));
    assert_int_equal(frame->as.credit.timeout_ms, 1500);
}

const struct wire_sample wire_samples[] = {
    {WARD__GO, pack_go, check_go},
    {WARD__MESSAGE, pack_message, check_message},
    {WARD__ANSWER, pack_answer, check_answer},
    {WARD__ANSWER, pack_empty_answer, check_empty_answer},
    {WARD__VERDICT, pack_verdict, check_verdict},
    {WARD__HALT, pack_halt, check_nothing},
    {WARD__FINISH, pack_finish, check_finish},
    {WARD__GRANT, pack_grant, check_grant},
    {WARD__READY, pack_ready, check_ready},
    {WARD__TELL, pack_tell, check_tell},
    {WARD__ASK, pack_ask, check_ask},
    {WARD__REPLY, pack_reply, check_reply},
    {WARD__SPAWN, pack_spawn, check_spawn},
    {WARD__END, pack_end, check_end},
    {WARD__WATCH, pack_watch, check_watch},
    {WARD__LOOKUP, pack_lookup, check_lookup},
    {WARD__MANAGE, pack_manage, check_manage},
    {WARD__LOG, pack_log, check_log},
    {WARD__UNHANDLED, pack_unhandled, check_unhandled},
    {WARD__RAISED, pack_raised, check_raised},
    {WARD__QUIET, pack_quiet, check_quiet},
    {WARD__BYE, pack_bye, check_nothing},
    {WARD__CREDIT, pack_credit, check_credit},
};

const size_t wire_sample_count = COUNT_OF(wire_samples);

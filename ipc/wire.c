#include "ipc/wire.h"

#include <errno.h>
#include <limits.h>

#include <ward/error.h>
#include <ward/spec.h>

#include "ipc/failure.h"
#include "ipc/frame.h"
#include "ipc/scan.h"

/* ---- packing ---- */

int
ward__wire_give_up(struct ward__sink *sink, size_t begun)
{
    int error = sink->error;

    sink->size = begun;
    sink->error = 0;
    return error;
}

static void
head(struct ward__sink *sink, enum ward__frame_kind kind, size_t fields)
{
    ward__pack_array(sink, fields + 1);
    ward__pack_uint(sink, (uint64_t)kind);
}

static void
pack_purse(struct ward__sink *sink, const struct ward__purse *purse)
{
    ward__pack_array(sink, 2);
    ward__pack_int(sink, purse->messages);
    ward__pack_int(sink, purse->bytes);
}

void
ward__wire_go(struct ward__sink *sink, const struct ward__go *go)
{
    head(sink, WARD__GO, 14);
    ward__pack_uint(sink, WARD__WIRE_VERSION);
    ward__pack_uint(sink, (uint64_t)go->mode);
    ward__pack_ref(sink, go->self);
    ward__pack_ref(sink, go->parent);
    ward__pack_uint(sink, go->incarnation);
    ward__pack_int(sink, go->behavior);
    ward__pack_uint(sink, go->done);
    ward__pack_uint(sink, go->frame_bytes);
    ward__pack_int(sink, go->shutdown_ms);
    pack_purse(sink, &go->credit);
    ward__pack_string(sink, go->path);
    ward__pack_string(sink, go->reason);
    ward__pack_bytes(sink, go->args);
    ward__pack_failure(sink, go->failure);
}

void
ward__wire_message(struct ward__sink *sink, int64_t type, ward_ref sender)
{
    uint8_t bytes[WARD__HEAD_MOST];

    ward__sink_write_put(sink, bytes, ward__put_message(bytes, type, sender));
}

void
ward__wire_answer(struct ward__sink *sink, const struct ward__answer *answer)
{
    head(sink, WARD__ANSWER, 4);
    ward__pack_uint(sink, answer->request);
    ward__pack_int(sink, answer->status);
    ward__pack_ref(sink, answer->ref);
    if (answer->values.size > 0)
        ward__pack_raw(sink, answer->values);
    else
        ward__pack_nil(sink);
}

void
ward__wire_verdict(struct ward__sink *sink, int64_t directive)
{
    head(sink, WARD__VERDICT, 1);
    ward__pack_int(sink, directive);
}

void
ward__wire_halt(struct ward__sink *sink)
{
    head(sink, WARD__HALT, 0);
}

void
ward__wire_finish(struct ward__sink *sink, const struct ward__finish *finish)
{
    head(sink, WARD__FINISH, 2);
    ward__pack_string(sink, finish->reason);
    ward__pack_failure(sink, finish->failure);
}

void
ward__wire_grant(struct ward__sink *sink, const struct ward__grant *grant)
{
    head(sink, WARD__GRANT, 2);
    ward__pack_ref(sink, grant->to);
    pack_purse(sink, &grant->more);
}

void
ward__wire_ready(struct ward__sink *sink, int64_t code)
{
    head(sink, WARD__READY, 1);
    ward__pack_int(sink, code);
}

void
ward__wire_tell(struct ward__sink *sink, ward_ref to, int64_t type)
{
    uint8_t bytes[WARD__HEAD_MOST];

    ward__sink_write_put(sink, bytes, ward__put_tell(bytes, to, type));
}

void
ward__wire_ask(struct ward__sink *sink, const struct ward__ask_frame *ask)
{
    head(sink, WARD__ASK, 6);
    ward__pack_ref(sink, ask->to);
    ward__pack_uint(sink, ask->request);
    ward__pack_int(sink, ask->timeout_ms);
    ward__pack_bool(sink, ask->is_blocking);
    ward__pack_int(sink, ask->type);
}

void
ward__wire_reply(struct ward__sink *sink, ward_ref sender)
{
    uint8_t bytes[WARD__HEAD_MOST];

    ward__sink_write_put(sink, bytes, ward__put_reply(bytes, sender));
}

void
ward__wire_spawn(struct ward__sink *sink, const struct ward__spawn *spawn)
{
    head(sink, WARD__SPAWN, 3);
    ward__pack_uint(sink, spawn->request);
    ward__pack_ref(sink, spawn->to);
    ward__pack_crossing(sink, &spawn->spec);
}

void
ward__wire_actor_end(struct ward__sink *sink, const struct ward__end *end)
{
    head(sink, WARD__END, 2);
    ward__pack_int(sink, end->how);
    ward__pack_ref(sink, end->ref);
}

void
ward__wire_watch(struct ward__sink *sink, const struct ward__watch *watch)
{
    head(sink, WARD__WATCH, 2);
    ward__pack_uint(sink, watch->on);
    ward__pack_ref(sink, watch->ref);
}

void
ward__wire_lookup(struct ward__sink *sink, const struct ward__lookup *lookup)
{
    head(sink, WARD__LOOKUP, 2);
    ward__pack_uint(sink, lookup->request);
    ward__pack_string(sink, lookup->path);
}

void
ward__wire_manage(struct ward__sink *sink, const struct ward__manage *manage)
{
    head(sink, WARD__MANAGE, 4);
    ward__pack_uint(sink, manage->request);
    ward__pack_int(sink, manage->op);
    ward__pack_ref(sink, manage->of);
    ward__pack_string(sink, manage->id);
}

void
ward__wire_log(struct ward__sink *sink, const char *text)
{
    head(sink, WARD__LOG, 1);
    ward__pack_string(sink, text);
}

void
ward__wire_credit(struct ward__sink *sink, const struct ward__credit_frame *credit)
{
    head(sink, WARD__CREDIT, 3);
    ward__pack_uint(sink, credit->request);
    ward__pack_ref(sink, credit->to);
    ward__pack_int(sink, credit->timeout_ms);
}

void
ward__wire_unhandled(struct ward__sink *sink, const struct ward__unhandled *u)
{
    head(sink, WARD__UNHANDLED, 3);
    ward__pack_int(sink, u->type);
    ward__pack_ref(sink, u->sender);
    ward__pack_raw(sink, u->values);
}

void
ward__wire_raised(struct ward__sink *sink, const struct ward__raised *raised)
{
    head(sink, WARD__RAISED, 8);
    ward__pack_int(sink, raised->cause);
    ward__pack_int(sink, raised->phase);
    ward__pack_int(sink, raised->error);
    ward__pack_int(sink, raised->user_us);
    ward__pack_int(sink, raised->system_us);
    ward__pack_int(sink, raised->max_rss_kb);
    ward__pack_string(sink, raised->raised);
    ward__pack_string(sink, raised->text);
}

void
ward__wire_quiet(struct ward__sink *sink, const struct ward__quiet_frame *quiet)
{
    head(sink, WARD__QUIET, 2);
    ward__pack_int(sink, quiet->why);
    ward__pack_string(sink, quiet->reason);
}

void
ward__wire_bye(struct ward__sink *sink)
{
    head(sink, WARD__BYE, 0);
}

/* ---- reading ---- */

static int64_t
take_int(struct ward__taker *in, int64_t min, int64_t max)
{
    return ward__take_int(in, min, max);
}

static uint32_t
take_u32(struct ward__taker *in)
{
    return (uint32_t)ward__take_uint(in, UINT32_MAX);
}

static struct ward__purse
take_purse(struct ward__taker *in)
{
    struct ward__purse purse;

    ward__take_array(in, 2);
    purse.messages = take_int(in, 0, INT64_MAX);
    purse.bytes = take_int(in, 0, INT64_MAX);
    return purse;
}

static void
take_go(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__go *go = &frame->as.go;

    if (ward__take_uint(in, UINT32_MAX) != WARD__WIRE_VERSION)
        ward__taker_fail(in, -WARD_EPROTOCOL);
    go->mode = (enum ward__go_mode)ward__take_uint(in, WARD__GO_CLEANUP);
    go->self = ward__take_ref(in);
    go->parent = ward__take_ref(in);
    go->incarnation = take_u32(in);
    go->behavior = take_int(in, 0, INT32_MAX);
    go->done = ward__take_uint(in, UINT64_MAX);
    go->frame_bytes = ward__take_uint(in, UINT32_MAX);
    go->shutdown_ms = take_int(in, WARD_INFINITE, INT_MAX);
    go->credit = take_purse(in);
    go->path = ward__take_string(in, WARD_MAX_PATH);
    go->reason = ward__take_string(in, SIZE_MAX);
    go->args = ward__take_bytes(in);
    go->failure = ward__take_failure(in);
}

static void
take_message(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__message_frame *message = &frame->as.message;

    message->attempt = (unsigned)ward__take_uint(in, WARD__ATTEMPT_MAX);
    message->type = take_int(in, INT64_MIN, INT64_MAX);
    message->sender = ward__take_ref(in);
    message->values = ward__take_list(in);
}

static void
take_answer(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__answer *answer = &frame->as.answer;

    answer->request = ward__take_uint(in, UINT64_MAX);
    answer->status = take_int(in, INT_MIN, 0);
    answer->ref = ward__take_ref(in);
    if (ward__read_nil(&in->cursor) == 0)
        answer->values = (ward_raw){NULL, 0};
    else
        answer->values = ward__take_list(in);
}

static void
take_verdict(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.verdict = take_int(in, WARD_DIRECTIVE_RESTART, WARD_DIRECTIVE_ESCALATE);
}

static void
take_nothing(struct ward__taker *in, struct ward__frame *frame)
{
    (void)in;
    (void)frame;
}

static void
take_finish(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.finish.reason = ward__take_string(in, SIZE_MAX);
    frame->as.finish.failure = ward__take_failure(in);
}

static void
take_grant(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.grant.to = ward__take_ref(in);
    frame->as.grant.more = take_purse(in);
}

static void
take_ready(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.ready = take_int(in, 0, 1);
}

static void
take_tell(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.tell.to = ward__take_ref(in);
    frame->as.tell.type = take_int(in, 0, INT64_MAX);
    frame->as.tell.body = (struct ward__body){.packed = ward__take_list(in)};
}

static void
take_ask(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__ask_frame *ask = &frame->as.ask;

    ask->to = ward__take_ref(in);
    ask->request = ward__take_uint(in, UINT64_MAX);
    ask->timeout_ms = take_int(in, WARD_INFINITE, INT_MAX);
    ask->is_blocking = ward__take_bool(in);
    ask->type = take_int(in, 0, INT64_MAX);
    ask->body = (struct ward__body){.packed = ward__take_list(in)};
}

static void
take_reply(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.reply.sender = ward__take_ref(in);
    frame->as.reply.values = ward__take_list(in);
}

static void
take_spawn(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__spawn *spawn = &frame->as.spawn;

    spawn->request = ward__take_uint(in, UINT64_MAX);
    spawn->to = ward__take_ref(in);
    ward__take_crossing(in, &spawn->spec);
}

static void
take_end(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.end.how = take_int(in, 0, 3);
    frame->as.end.ref = ward__take_ref(in);
}

static void
take_watch(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.watch.on = ward__take_uint(in, 1) == 1;
    frame->as.watch.ref = ward__take_ref(in);
}

static void
take_lookup(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.lookup.request = ward__take_uint(in, UINT64_MAX);
    frame->as.lookup.path = ward__take_string(in, WARD_MAX_PATH);
}

static void
take_manage(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__manage *manage = &frame->as.manage;

    manage->request = ward__take_uint(in, UINT64_MAX);
    manage->op = take_int(in, WARD__MANAGE_TERMINATE, WARD__MANAGE_BUDGET);
    manage->of = ward__take_ref(in);
    manage->id = ward__take_string(in, WARD_MAX_ID);
}

static void
take_log(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.log = ward__take_string(in, SIZE_MAX);
}

static void
take_unhandled(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.unhandled.type = take_int(in, INT64_MIN, INT64_MAX);
    frame->as.unhandled.sender = ward__take_ref(in);
    frame->as.unhandled.values = ward__take_list(in);
}

static void
take_raised(struct ward__taker *in, struct ward__frame *frame)
{
    struct ward__raised *raised = &frame->as.raised;

    raised->cause = take_int(in, WARD_CAUSE_RAISE, WARD_CAUSE_ERROR);
    raised->phase = take_int(in, WARD_PHASE_START, WARD_PHASE_RECOVERY);
    raised->error = take_int(in, INT_MIN, 0);
    raised->user_us = take_int(in, 0, INT64_MAX);
    raised->system_us = take_int(in, 0, INT64_MAX);
    raised->max_rss_kb = take_int(in, 0, INT64_MAX);
    raised->raised = ward__take_string(in, SIZE_MAX);
    raised->text = ward__take_string(in, SIZE_MAX);
}

static void
take_quiet(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.quiet.why = take_int(in, WARD__QUIET_ASKED, WARD__QUIET_RESTART);
    frame->as.quiet.reason = ward__take_string(in, WARD_MAX_ID);
}

static void
take_credit(struct ward__taker *in, struct ward__frame *frame)
{
    frame->as.credit.request = ward__take_uint(in, UINT64_MAX);
    frame->as.credit.to = ward__take_ref(in);
    frame->as.credit.timeout_ms = take_int(in, WARD_INFINITE, INT_MAX);
}

struct reader {
    uint32_t fields; /* behind the kind */
    void (*take)(struct ward__taker *in, struct ward__frame *frame);
};

static const struct reader readers[] = {
    [WARD__GO] = {14, take_go},        [WARD__MESSAGE] = {4, take_message},
    [WARD__ANSWER] = {4, take_answer}, [WARD__VERDICT] = {1, take_verdict},
    [WARD__HALT] = {0, take_nothing},  [WARD__FINISH] = {2, take_finish},
    [WARD__READY] = {1, take_ready},   [WARD__TELL] = {3, take_tell},
    [WARD__ASK] = {6, take_ask},       [WARD__REPLY] = {2, take_reply},
    [WARD__SPAWN] = {3, take_spawn},   [WARD__END] = {2, take_end},
    [WARD__WATCH] = {2, take_watch},   [WARD__LOOKUP] = {2, take_lookup},
    [WARD__LOG] = {1, take_log},       [WARD__UNHANDLED] = {3, take_unhandled},
    [WARD__RAISED] = {8, take_raised}, [WARD__QUIET] = {2, take_quiet},
    [WARD__BYE] = {0, take_nothing},   [WARD__MANAGE] = {4, take_manage},
    [WARD__GRANT] = {2, take_grant},   [WARD__CREDIT] = {3, take_credit},
};

enum ward__frame_kind
ward__wire_kind(ward_bytes bytes)
{
    const uint8_t *data = bytes.data;
    struct ward__cursor in = {data, data + bytes.size};
    uint64_t kind;
    uint32_t count;

    if (ward__read_array(&in, &count) < 0 ||
        ward__read_uint(&in, WARD__CREDIT, &kind) < 0)
        return (enum ward__frame_kind)0;
    return (enum ward__frame_kind)kind;
}

static bool
read_usual_reply(ward_bytes bytes, struct ward__reply *reply)
{
    enum { VALUES = 2 + WARD__REF_SIZE };
    const uint8_t *at = bytes.data;

    if (bytes.size <= VALUES || at[0] != 0x93 || at[1] != WARD__REPLY ||
        ward__ref_load(at + 2, WARD__REF_SIZE, &reply->sender) == 0 ||
        !ward__scan_is_short_list(at + VALUES, bytes.size - VALUES))
        return false;
    reply->values = (ward_raw){at + VALUES, bytes.size - VALUES};
    return true;
}

/* What most of a worker's frames are. */
bool
ward__wire_read_usual_verb(ward_bytes bytes, struct ward__frame *frame)
{
    frame->size = bytes.size;
    frame->kind = WARD__TELL;
    if (ward__wire_read_usual_tell(bytes, &frame->as.tell))
        return true;
    frame->kind = WARD__REPLY;
    return read_usual_reply(bytes, &frame->as.reply);
}

int
ward__wire_read_any(ward_bytes bytes, bool is_from_worker, struct ward__frame *frame,
                    struct ward_arena *arena)
{
    const uint8_t *data = bytes.data;
    struct ward__taker in = {.cursor = {data, data + bytes.size},
                             .arena = arena,
                             .is_trusted = !is_from_worker};
    const struct reader *reader;
    uint64_t kind;
    uint32_t count;

    if (ward__read_array(&in.cursor, &count) < 0)
        return -WARD_EPROTOCOL;
    kind = ward__take_uint(&in, sizeof readers / sizeof readers[0] - 1);
    reader = &readers[kind];
    if (in.error < 0 || reader->take == NULL || count != reader->fields + 1 ||
        is_from_worker != (kind >= WARD__READY))
        return -WARD_EPROTOCOL;
    frame->kind = (enum ward__frame_kind)kind;
    frame->size = bytes.size;
    reader->take(&in, frame);
    if (in.error == -ENOMEM)
        return -ENOMEM;
    return in.error < 0 || in.cursor.at != in.cursor.end ? -WARD_EPROTOCOL : 0;
}

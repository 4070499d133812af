/* One frame from either side. The first byte says from which. */
#include <ward/error.h>
#include <ward/message.h>
#include <ward/spec.h>

#include "ipc/scan.h"
#include "ipc/wire.h"
#include "tests/fuzz/fuzz.h"

/* A list that a frame hands on can be sent on: it is one array. */
static void
check_list(ward_raw list, struct ward_arena *arena)
{
    ward_message msg;

    MUST(ward__scan(list.data, list.size) == (int64_t)list.size);
    MUST(ward__message_init(&msg, 0, list, arena) == 0);
}

/* What the host sends it has scanned, and the worker does not scan it again. Were it anything
 * else, it still would not be read beyond its end. */
static void
read_list(ward_raw list, struct ward_arena *arena)
{
    ward_message msg;
    ward_iter all;
    ward_raw value;

    if (ward__message_init(&msg, 0, list, arena) < 0)
        return;
    ward_message_iter(&msg, &all);
    while (ward_iter_next(&all, &value) > 0)
        MUST(value.size <= list.size);
}

static void
check_from_host(const struct ward__frame *frame, struct ward_arena *arena)
{
    char line[256];

    switch (frame->kind) {
    case WARD__GO:
        MUST(strlen(frame->as.go.path) <= WARD_MAX_PATH);
        if (frame->as.go.failure != NULL)
            MUST(ward_failure_format(frame->as.go.failure, line, sizeof line) > 0);
        break;
    case WARD__MESSAGE:
        MUST(frame->as.message.attempt <= WARD__ATTEMPT_MAX);
        read_list(frame->as.message.values, arena);
        break;
    case WARD__ANSWER:
        MUST(frame->as.answer.status <= 0);
        if (frame->as.answer.values.size > 0)
            read_list(frame->as.answer.values, arena);
        break;
    case WARD__FINISH:
        MUST(strlen(frame->as.finish.reason) < SIZE_MAX);
        break;
    case WARD__GRANT:
        MUST(frame->as.grant.more.messages >= 0 && frame->as.grant.more.bytes >= 0);
        break;
    default:
        MUST(frame->kind == WARD__VERDICT || frame->kind == WARD__HALT);
        break;
    }
}

static void
check_from_worker(const struct ward__frame *frame, struct ward_arena *arena)
{
    MUST(frame->kind >= WARD__READY && frame->kind <= WARD__CREDIT);
    if (frame->kind == WARD__TELL)
        check_list(frame->as.tell.body.packed, arena);
    else if (frame->kind == WARD__ASK)
        check_list(frame->as.ask.body.packed, arena);
    else if (frame->kind == WARD__REPLY)
        check_list(frame->as.reply.values, arena);
    else if (frame->kind == WARD__UNHANDLED)
        check_list(frame->as.unhandled.values, arena);
    else if (frame->kind == WARD__SPAWN)
        MUST(strlen(frame->as.spawn.spec.id) <= WARD_MAX_ID);
    else if (frame->kind == WARD__LOOKUP)
        MUST(strlen(frame->as.lookup.path) <= WARD_MAX_PATH);
    else if (frame->kind == WARD__MANAGE)
        MUST(strlen(frame->as.manage.id) <= WARD_MAX_ID);
    else if (frame->kind == WARD__QUIET)
        MUST(strlen(frame->as.quiet.reason) <= WARD_MAX_ID);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    bool is_from_worker = fuzz_byte(&in) & 1;
    uint8_t *exact = fuzz_exact(in.data, in.size);
    struct ward_arena arena = {NULL};
    struct ward__frame frame;
    int result =
        ward__wire_read((ward_bytes){exact, in.size}, is_from_worker, &frame, &arena);

    MUST(result == 0 || result == -WARD_EPROTOCOL);
    if (result == 0 && is_from_worker)
        check_from_worker(&frame, &arena);
    else if (result == 0)
        check_from_host(&frame, &arena);
    ward__arena_done(&arena);
    free(exact);
    return 0;
}

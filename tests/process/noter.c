#include "noter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Notes the numbers it gets; a closed gate holds it until a byte comes on its descriptor 3. */
struct noter {
    uint32_t count;
    int64_t numbers[KEPT];
};

static ward_next
close_gate(ward_ctx *ctx)
{
    char byte;

    ward_tell(ctx, host_of(ctx), CLOSED);
    ward_flush(ctx);
    return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
}

/* To a host that does not listen it can be said in a log only. */
static ward_next
tell_result(ward_ctx *ctx, int64_t count, int result)
{
    int told = ward_tell(ctx, host_of(ctx), FILLED, count,
                         result < 0 ? ward_error_name(result) : "");

    return told == -EAGAIN ? ward_log(ctx, "%d", (int)count) : told;
}

/* Tells numbers until one is refused: how many were taken, and the refusal. */
static ward_next
fill(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int64_t from, count, i;
    int result = 0;

    if (ward_get(msg, &to, &from, &count) < 0)
        return WARD_UNHANDLED;
    for (i = 0; i < count; i++) {
        result = ward_tell(ctx, to, NUMBER, from + i);
        if (result < 0)
            break;
    }
    return tell_result(ctx, i, result);
}

static ward_next
ask(ward_ctx *ctx, const ward_message *msg)
{
    ward_message *reply = NULL;
    ward_ref to;
    int64_t type, timeout_ms;
    int result;

    if (ward_get(msg, &to, &type, &timeout_ms) < 0)
        return WARD_UNHANDLED;
    result = ward_ask(ctx, to, &reply, (int)timeout_ms, type, 0);
    ward_message_free(reply);
    return tell_result(ctx, 1, result);
}

static ward_next
note(ward_ctx *ctx, const ward_message *msg)
{
    struct noter *self = ward_state(ctx);
    int64_t number;

    if (ward_get(msg, &number) < 0 || self->count == KEPT)
        return WARD_UNHANDLED;
    self->numbers[self->count++] = number;
    if (ward_sender(msg).id != 0)
        return ward_done(ctx);
    return WARD_SAME;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    const struct noter *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case NUMBER:
        return note(ctx, msg);
    case CLOSE_GATE:
        return close_gate(ctx);
    case REPORT:
        return ward_reply(
            ctx, ((ward_bytes){self->numbers, self->count * sizeof self->numbers[0]}));
    case FILL:
        return fill(ctx, msg);
    case ASK:
        return ask(ctx, msg);
    case CRASH:
        *(volatile int *)0 = 1;
    }
    return WARD_UNHANDLED;
}

static void
say_stopped(ward_ctx *ctx)
{
    ward_tell(ctx, host_of(ctx), STOPPED);
}

const ward_behavior noter = {.name = "noter",
                             .state_size = sizeof(struct noter),
                             .receive = receive,
                             .post_stop = say_stopped};
static const ward_strategy again = {.name = "again", .max_restarts = WARD_INFINITE};
WARD_REGISTER(noter);
WARD_REGISTER(again);

struct gated
spawn_gated(struct harness *h, const char *id, ward_mailbox_options mailbox)
{
    struct gated gated;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    gated.gate = ends[1];
    gated.ref = spawn(h, &(ward_spec){.id = id,
                                      .behavior = &noter,
                                      .fds = ends,
                                      .fd_count = 1,
                                      .mailbox = mailbox});
    close(ends[0]);
    assert_result(ward_tell(h->ctx, gated.ref, CLOSE_GATE), 0);
    await_mail(h, CLOSED);
    return gated;
}

void
open_gate(struct gated *gated)
{
    assert_int_equal(write(gated->gate, "x", 1), 1);
    close(gated->gate);
}

ward_ref
spawn_noter(struct harness *h, const char *id)
{
    return spawn_up(h, &(ward_spec){.id = id, .behavior = &noter, .strategy = &again});
}

void
assert_numbers(struct harness *h, ward_ref ref, int64_t from, size_t count)
{
    ward_message *reply = NULL;
    ward_bytes bytes = {NULL, 0};

    assert_result(ward_ask(h->ctx, ref, &reply, DEADLINE_MS, REPORT), 0);
    assert_result(ward_get(reply, &bytes), 0);
    assert_int_equal(bytes.size, count * sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        memcpy(&number, (const char *)bytes.data + i * sizeof number, sizeof number);
        assert_int_equal(number, from + (int64_t)i);
    }
    ward_message_free(reply);
}

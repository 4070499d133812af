#include "bench/ours.h"

#include <stdio.h>
#include <stdlib.h>

const uint8_t ours_payload[BENCH_PAYLOAD] = {'w', 'a', 'r', 'd'};

/* ---- in the worker ---- */

struct taker {
    int64_t taken, awaited;
    ward_ref asker; /* to be told when that many are */
    uint64_t bytes;
};

static ward_next
take(ward_ctx *ctx, const ward_message *msg)
{
    struct taker *self = ward_state(ctx);
    ward_bytes bytes;

    if (ward_get(msg, &bytes) < 0)
        return WARD_UNHANDLED;
    self->bytes += bytes.size;
    return ++self->taken == self->awaited ? ward_reply_to(ctx, self->asker, self->taken)
                                          : WARD_SAME;
}

static ward_next
await(ward_ctx *ctx, const ward_message *msg)
{
    struct taker *self = ward_state(ctx);

    if (ward_get(msg, &self->awaited) < 0)
        return WARD_UNHANDLED;
    self->asker = ward_sender(msg);
    return self->taken >= self->awaited ? ward_reply(ctx, self->taken) : WARD_SAME;
}

static ward_next
send_many(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;
    int64_t count;

    if (ward_get(msg, &to, &count) < 0)
        return WARD_UNHANDLED;
    for (int64_t i = 0; i < count; i++) {
        int result = ward_tell(ctx, to, OURS_TAKE,
                               ward_bytes_of(ours_payload, sizeof ours_payload));
        if (result < 0)
            return result;
    }
    return WARD_SAME;
}

static ward_next
worker_receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_bytes bytes;

    switch (ward_message_type(msg)) {
    case OURS_TAKE:
        return take(ctx, msg);
    case OURS_ECHO:
        if (ward_get(msg, &bytes) < 0)
            return WARD_UNHANDLED;
        return ward_reply(ctx, bytes);
    case OURS_COUNT:
        return ward_reply(ctx, ((struct taker *)ward_state(ctx))->taken);
    case OURS_AWAIT:
        return await(ctx, msg);
    case OURS_SEND:
        return send_many(ctx, msg);
    case OURS_CRASH:
        *(volatile int *)0 = 1;
    }
    return WARD_UNHANDLED;
}

const ward_behavior ours_worker = {.name = "bench-worker",
                                   .state_size = sizeof(struct taker),
                                   .receive = worker_receive};
WARD_REGISTER(ours_worker);

const ward_strategy ours_always = {.name = "bench-always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(ours_always);

/* ---- in the host ---- */

int
ours_open(ward_system **sys, const ward_system_options *options)
{
    int result = ward_system_new(sys, options);

    return result < 0 ? bench_fail(ward_error_name(result), 0) : 0;
}

int
ours_spawn_spec(ward_system *sys, const ward_spec *spec, ward_ref *ref)
{
    int result = ward_spawn(ward_system_ctx(sys), ref, spec);

    if (result == 0)
        result = ward_wait_up(sys, *ref, OURS_ANSWER_MS);
    return result < 0 ? bench_fail(ward_error_name(result), 0) : 0;
}

int
ours_spawn(ward_system *sys, const char *id, const ward_behavior *behavior, ward_ref *ref)
{
    return ours_spawn_spec(
        sys, &(ward_spec){.id = id, .behavior = behavior, .strategy = &ours_always}, ref);
}

int
ours_worker_up(ward_system *sys, const char *id, ward_ref *ref)
{
    return ours_spawn(sys, id, &ours_worker, ref);
}

int
ours_echo(ward_ctx *ctx, ward_ref ref)
{
    ward_message *reply;
    ward_bytes bytes;
    int result = ward_ask(ctx, ref, &reply, OURS_ANSWER_MS, OURS_ECHO,
                          ward_bytes_of(ours_payload, sizeof ours_payload));

    if (result < 0)
        return bench_fail(ward_error_name(result), 0);
    result = ward_get(reply, &bytes);
    ward_message_free(reply);
    return result == 0 && bytes.size == sizeof ours_payload
               ? 0
               : bench_fail("an answer that is none", 0);
}

int
ours_await_taken(ward_ctx *ctx, ward_ref ref, long count)
{
    ward_message *reply;
    int result = ward_ask(ctx, ref, &reply, OURS_ANSWER_MS, OURS_AWAIT, count);

    if (result < 0)
        return bench_fail(ward_error_name(result), 0);
    ward_message_free(reply);
    return 0;
}

/* ---- many ---- */

int
ours_crowd_open(struct ours_crowd *crowd, long count)
{
    *crowd = (struct ours_crowd){.count = count};
    crowd->refs = calloc((size_t)count, sizeof *crowd->refs);
    if (crowd->refs == NULL || bench_descriptors(2 * count + 64) < 0)
        return -1;
    return ours_open(&crowd->sys, NULL);
}

int
ours_crowd_up(struct ours_crowd *crowd)
{
    ward_spec spec = {.behavior = &ours_worker, .strategy = &ours_always};
    int result = 0;
    char id[32];

    for (long i = 0; result == 0 && i < crowd->count; i++) {
        snprintf(id, sizeof id, "w%ld", i);
        spec.id = id;
        result = ward_spawn(ward_system_ctx(crowd->sys), &crowd->refs[i], &spec);
    }
    for (long i = 0; result == 0 && i < crowd->count; i++)
        result = ward_wait_up(crowd->sys, crowd->refs[i], OURS_ANSWER_MS);
    return result < 0 ? bench_fail(ward_error_name(result), 0) : 0;
}

void
ours_crowd_close(struct ours_crowd *crowd)
{
    ward_system_free(crowd->sys);
    free(crowd->refs);
}

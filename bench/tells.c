#include <errno.h>
#include <stdlib.h>

#include "bench/figures.h"
#include "bench/ours.h"
#include "bench/peers.h"
#include "bench/raw.h"

/* A full mailbox says so, and the loop has its turn. */
static int
tell(ward_system *sys, ward_ref ref, ward_bytes bytes)
{
    int result;

    while ((result = ward_tell(ward_system_ctx(sys), ref, OURS_TAKE, bytes)) == -EAGAIN)
        ward_run_for(sys, 1);
    return result < 0 ? bench_fail(ward_error_name(result), 0) : 0;
}

/* So many messages to one worker, until it has read them all: messages per second. */
static int
one_way(long count, ward_bytes bytes, int64_t mailbox_bytes, double *per_second)
{
    const ward_spec spec = {
        .id = "taker", .behavior = &ours_worker, .mailbox = {.bytes = mailbox_bytes}};
    ward_system *sys;
    ward_ref ref;
    double begun;

    if (ours_open(&sys, NULL) < 0 || ours_spawn_spec(sys, &spec, &ref) < 0)
        return -1;
    begun = bench_now_us();
    for (long i = 0; i < count; i++)
        if (tell(sys, ref, bytes) < 0)
            return -1;
    if (ours_await_taken(ward_system_ctx(sys), ref, count) < 0)
        return -1;
    *per_second = (double)count / (bench_now_us() - begun) * 1e6;
    ward_system_free(sys);
    return 0;
}

static int
tell_64(const struct bench_size *size, double *values)
{
    return one_way(size->count, ward_bytes_of(ours_payload, sizeof ours_payload), 0,
                   values);
}

const struct bench_figure bench_tell_64 = {
    .lines = {{"tell_64", "/s", 6, true}},
    .count = 2000000,
    .tiny_count = 2000,
    .contenders = {{"ward", tell_64},
                   {"ZeroMQ", peer_zeromq},
                   {"nng", peer_nng_less},
                   {"Python", peer_python_less},
                   {"raw, one a write", raw_tell},
                   {"raw, 64 a write", raw_tell_batches}},
};

static int
worker_to_worker(const struct bench_size *size, double *values)
{
    ward_system *sys;
    ward_ref from, to;
    double begun;

    if (ours_open(&sys, NULL) < 0 || ours_worker_up(sys, "from", &from) < 0 ||
        ours_worker_up(sys, "to", &to) < 0)
        return -1;
    begun = bench_now_us();
    for (long left = size->count; left > 0; left -= 100)
        if (ward_tell(ward_system_ctx(sys), from, OURS_SEND, to, 100) < 0)
            return bench_fail("tell", 0);
    if (ours_await_taken(ward_system_ctx(sys), to, size->count) < 0)
        return -1;
    values[0] = (double)size->count / (bench_now_us() - begun) * 1e6;
    ward_system_free(sys);
    return 0;
}

const struct bench_figure bench_tell_worker_to_worker = {
    .lines = {{"tell_worker_to_worker", "/s", 3, true}},
    .count = 3000000,
    .tiny_count = 2000,
    .contenders = {{"ward", worker_to_worker},
                   {"ZeroMQ", peer_zeromq},
                   {"nng", peer_nng_less},
                   {"raw, one a write", raw_tell}},
};

static int
tells_1m(const struct bench_size *size, int64_t mailbox_bytes, double *values)
{
    enum { MESSAGE = 1000000 };
    void *data = calloc(1, MESSAGE);

    if (data == NULL ||
        one_way(size->count, ward_bytes_of(data, MESSAGE), mailbox_bytes, values) < 0)
        return -1;
    values[0] *= MESSAGE;
    free(data);
    return 0;
}

/* A mailbox that a processor's cache can hold, where nobody gains by a longer queue. */
static int
tell_1m(const struct bench_size *size, double *values)
{
    return tells_1m(size, 4 << 20, values);
}

static int
tell_1m_default(const struct bench_size *size, double *values)
{
    return tells_1m(size, 0, values);
}

const struct bench_figure bench_tell_1m = {
    .lines = {{"tell_1m", "bytes/s", 0.75, true}},
    .count = 2000,
    .tiny_count = 5,
    .contenders = {{"ward", tell_1m},
                   {"raw", raw_tell_1m},
                   {"ward, default mailbox", tell_1m_default},
                   {"raw, copied once", raw_tell_1m_copied},
                   {"ZeroMQ", peer_zeromq},
                   {"nng", peer_nng},
                   {"Python", peer_python}},
};

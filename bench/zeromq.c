#include <errno.h>
#include <stdio.h>

#include <zmq.h>

#include "bench/bench.h"
#include "bench/pair.h"

static void *zmq_end;
static zmq_msg_t received;

int
pair_open(const char *name, bool is_listening, int most_waiting)
{
    void *context = zmq_ctx_new();
    char address[80];
    int result, without_limit = 0; /* the fastest, and there is memory for all */

    (void)most_waiting;
    snprintf(address, sizeof address, "ipc://@%s", name);
    zmq_end = zmq_socket(context, ZMQ_PAIR);
    if (zmq_end == NULL ||
        zmq_setsockopt(zmq_end, ZMQ_SNDHWM, &without_limit, sizeof without_limit) < 0 ||
        zmq_setsockopt(zmq_end, ZMQ_RCVHWM, &without_limit, sizeof without_limit) < 0)
        return bench_fail("ZeroMQ", errno);
    result = is_listening ? zmq_bind(zmq_end, address) : zmq_connect(zmq_end, address);
    zmq_msg_init(&received);
    return result < 0 ? bench_fail(address, errno) : 0;
}

int
pair_send(void *data, size_t size)
{
    return zmq_send(zmq_end, data, size, 0) < 0 ? bench_fail("zmq_send", errno) : 0;
}

/* The message itself, not a copy of it. */
long
pair_receive(void **data)
{
    int size = zmq_msg_recv(&received, zmq_end, 0);

    if (size < 0)
        return bench_fail("zmq_msg_recv", errno);
    *data = zmq_msg_data(&received);
    return size;
}

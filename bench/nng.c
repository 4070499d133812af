#include <stdio.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "bench/bench.h"
#include "bench/pair.h"

static nng_socket nng_end;
static nng_msg *received; /* owned; or NULL */

static int
fail(int error)
{
    return bench_fail(nng_strerror(error), 0);
}

int
pair_open(const char *name, bool is_listening, int most_waiting)
{
    char address[80];
    int error = nng_pair0_open(&nng_end);

    snprintf(address, sizeof address, "abstract://%s", name);
    if (error == 0)
        error = nng_socket_set_int(nng_end, NNG_OPT_SENDBUF, most_waiting);
    if (error == 0)
        error = nng_socket_set_int(nng_end, NNG_OPT_RECVBUF, most_waiting);
    if (error == 0)
        error = is_listening ? nng_listen(nng_end, address, NULL, 0)
                             : nng_dial(nng_end, address, NULL, NNG_FLAG_NONBLOCK);
    return error != 0 ? fail(error) : 0;
}

int
pair_send(void *data, size_t size)
{
    int error = nng_send(nng_end, data, size, 0);

    return error != 0 ? fail(error) : 0;
}

/* The message itself, not a copy of it. */
long
pair_receive(void **data)
{
    int error;

    nng_msg_free(received);
    received = NULL;
    error = nng_recvmsg(nng_end, &received, 0);
    if (error != 0)
        return fail(error);
    *data = nng_msg_body(received);
    return (long)nng_msg_len(received);
}

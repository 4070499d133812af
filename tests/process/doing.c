/* The harness, continued: what a test does with the tree in one word. */
#include <string.h>

#include "harness.h"

ward_ref
spawn(struct harness *h, const ward_spec *spec)
{
    ward_spec full = *spec;
    ward_ref ref = {0, 0};

    if (full.args.size == 0)
        full.args = (ward_bytes){&h->self, sizeof h->self};
    assert_result(ward_spawn(h->ctx, &ref, &full), 0);
    return ref;
}

ward_ref
spawn_up(struct harness *h, const ward_spec *spec)
{
    ward_ref ref = spawn(h, spec);

    assert_result(ward_wait_up(h->sys, ref, DEADLINE_MS), 0);
    return ref;
}

int64_t
ask_number(struct harness *h, ward_ref ref, int64_t type)
{
    ward_message *reply = NULL;
    int64_t number = 0;
    int result = ward_ask(h->ctx, ref, &reply, DEADLINE_MS, type);

    if (result != 0)
        fail_with_log(h, "ward_ask of type %lld: %s", (long long)type,
                      ward_error_name(result));
    result = ward_get(reply, &number);
    ward_message_free(reply);
    assert_result(result, 0);
    return number;
}

ward_ref
find(struct harness *h, const char *path)
{
    ward_ref ref = {0, 0};

    assert_result(ward_lookup(h->ctx, path, &ref), 0);
    return ref;
}

ward_ref
host_of(ward_ctx *ctx)
{
    ward_bytes args = ward_args(ctx);
    ward_ref host = {0, 0};

    if (args.size >= sizeof host)
        memcpy(&host, args.data, sizeof host);
    return host;
}

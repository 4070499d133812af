/* Management calls as a worker makes them: a question to the host, and its answer. */
#include <errno.h>

#include "ipc/managed.h"
#include "worker/worker.h"

static void
pack_manage(struct ward__sink *sink, const void *what)
{
    ward__wire_manage(sink, what);
}

int
ward__worker_manage(ward_ctx *ctx, enum ward__manage_op op, ward_ref of, const char *id,
                    struct ward__managed *managed)
{
    struct ward__worker *w = (struct ward__worker *)ctx;
    struct ward__manage manage = {.op = op, .of = of, .id = id};
    struct ward__answer answer;
    int result = ward__call(w, &manage.request, pack_manage, &manage, &answer);

    if (result < 0)
        return result;
    if (managed->ref != NULL)
        *managed->ref = answer.ref;
    return ward__managed_take(managed, op, answer.values, &w->arena);
}

static void
pack_spawn(struct ward__sink *sink, const void *what)
{
    ward__wire_spawn(sink, what);
}

int
ward__worker_start_child(ward_ctx *ctx, ward_ref supervisor, const ward_spec *spec,
                         ward_ref *ref)
{
    struct ward__worker *w = (struct ward__worker *)ctx;
    struct ward__spawn spawn = {.to = supervisor};
    struct ward__answer answer;
    int result = ward__crossing_begin(&spawn.spec, spec);

    if (result < 0)
        return result;
    answer.ref = (ward_ref){0, 0};
    result = ward__call(w, &spawn.request, pack_spawn, &spawn, &answer);
    if (answer.ref.id != 0)
        *ref = answer.ref; /* also with -WARD_EALREADY_STARTED */
    return result;
}

#include "ipc/managed.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/context.h"
#include "ipc/fault.h"
#include "ipc/read.h"

/* ---- crossing ---- */

enum { CHILD_FIELDS = 5, COUNT_FIELDS = 4, USE_FIELDS = 4, BUDGET_WINDOWS = 4 };

void
ward__pack_child(struct ward__sink *sink, const ward_child *child)
{
    ward__pack_array(sink, CHILD_FIELDS);
    ward__pack_string(sink, child->id);
    ward__pack_ref(sink, child->ref);
    ward__pack_int(sink, (int64_t)child->state);
    ward__pack_bool(sink, child->is_supervisor);
    ward__pack_uint(sink, child->incarnation);
}

void
ward__pack_counts(struct ward__sink *sink, const ward_child_count *counts)
{
    ward__pack_array(sink, COUNT_FIELDS);
    ward__pack_uint(sink, counts->specs);
    ward__pack_uint(sink, counts->active);
    ward__pack_uint(sink, counts->supervisors);
    ward__pack_uint(sink, counts->workers);
}

static void
pack_use(struct ward__sink *sink, const ward_window_use *use)
{
    ward__pack_array(sink, USE_FIELDS);
    ward__pack_bool(sink, use->is_limited);
    ward__pack_int(sink, use->max_restarts);
    ward__pack_int(sink, use->used);
    ward__pack_int(sink, use->frees_in_ms);
}

void
ward__pack_budget(struct ward__sink *sink, const ward_budget *budget)
{
    ward__pack_array(sink, BUDGET_WINDOWS);
    pack_use(sink, &budget->own);
    pack_use(sink, &budget->own_slow);
    pack_use(sink, &budget->supervisor);
    pack_use(sink, &budget->supervisor_slow);
}

static uint32_t
take_array(struct ward__taker *in, uint32_t expected)
{
    uint32_t count = 0;

    if (in->error == 0 && ward__read_array(&in->cursor, &count) < 0)
        ward__taker_fail(in, -WARD_EPROTOCOL);
    if (in->error == 0 && expected != UINT32_MAX && count != expected)
        ward__taker_fail(in, -WARD_EPROTOCOL);
    return in->error == 0 ? count : 0;
}

static void
take_child(struct ward__taker *in, ward_child *child)
{
    take_array(in, CHILD_FIELDS);
    *child = (ward_child){.state = WARD_CHILD_ABSENT};
    strcpy(child->id, ward__take_string(in, WARD_MAX_ID));
    child->ref = ward__take_ref(in);
    child->state = (ward_child_state)ward__take_int(in, 1, WARD_CHILD_ABSENT);
    child->is_supervisor = ward__take_bool(in);
    child->incarnation = (uint32_t)ward__take_uint(in, UINT32_MAX);
}

static void
take_children(struct ward__taker *in, struct ward__managed *managed)
{
    uint32_t count = take_array(in, UINT32_MAX);
    ward_child none;

    for (uint32_t i = 0; i < count && in->error == 0; i++)
        take_child(in, i < managed->capacity ? &managed->children[i] : &none);
    managed->count = count;
}

static void
take_counts(struct ward__taker *in, ward_child_count *counts)
{
    take_array(in, COUNT_FIELDS);
    counts->specs = ward__take_uint(in, SIZE_MAX);
    counts->active = ward__take_uint(in, SIZE_MAX);
    counts->supervisors = ward__take_uint(in, SIZE_MAX);
    counts->workers = ward__take_uint(in, SIZE_MAX);
}

static void
take_use(struct ward__taker *in, ward_window_use *use)
{
    take_array(in, USE_FIELDS);
    use->is_limited = ward__take_bool(in);
    use->max_restarts = (int)ward__take_int(in, 0, INT_MAX);
    use->used = (int)ward__take_int(in, 0, INT_MAX);
    use->frees_in_ms = ward__take_int(in, -1, INT64_MAX);
}

static void
take_budget(struct ward__taker *in, ward_budget *budget)
{
    take_array(in, BUDGET_WINDOWS);
    take_use(in, &budget->own);
    take_use(in, &budget->own_slow);
    take_use(in, &budget->supervisor);
    take_use(in, &budget->supervisor_slow);
}

static void
take_spec(struct ward__taker *in, ward_spec **made)
{
    struct ward__crossing crossing = {.id = ""};
    ward_spec spec;

    ward__take_crossing(in, &crossing);
    if (in->error < 0)
        return;
    if (ward__crossing_end(&crossing, &spec) < 0) {
        ward__taker_fail(in, -WARD_EPROTOCOL);
        return;
    }
    *made = ward__spec_copy(&spec);
    if (*made == NULL)
        ward__taker_fail(in, -ENOMEM);
}

int
ward__managed_take(struct ward__managed *managed, enum ward__manage_op op,
                   ward_raw values, struct ward_arena *arena)
{
    const uint8_t *data = values.data;
    struct ward__taker in = {.cursor = {data, data + values.size}, .arena = arena};

    switch (op) {
    case WARD__MANAGE_WHICH:
        take_child(&in, managed->children);
        break;
    case WARD__MANAGE_WHICH_ALL:
        take_children(&in, managed);
        break;
    case WARD__MANAGE_COUNT:
        take_counts(&in, managed->counts);
        break;
    case WARD__MANAGE_SPEC:
        take_spec(&in, managed->spec);
        break;
    case WARD__MANAGE_BUDGET:
        take_budget(&in, managed->budget);
        break;
    default:
        break;
    }
    return in.error;
}

ward_spec *
ward__spec_copy(const ward_spec *spec)
{
    size_t id_size = spec->id != NULL ? strlen(spec->id) + 1 : 0;
    char *memory = WARD__NEW(malloc(sizeof *spec + id_size + spec->args.size));
    ward_spec *copy = (ward_spec *)(void *)memory;

    if (memory == NULL)
        return NULL;
    *copy = *spec;
    memory += sizeof *spec;
    if (id_size > 0)
        copy->id = memcpy(memory, spec->id, id_size);
    if (spec->args.size > 0)
        copy->args.data = memcpy(memory + id_size, spec->args.data, spec->args.size);
    return copy;
}

/* ---- the calls ---- */

void
ward_childspec_free(ward_spec *spec)
{
    free(spec);
}

static int
manage(ward_ctx *ctx, enum ward__manage_op op, ward_ref of, const char *id,
       struct ward__managed *managed)
{
    int result = ward__ctx_check(ctx);

    if (result < 0)
        return result;
    if (id == NULL || strlen(id) > WARD_MAX_ID)
        return id == NULL ? -EINVAL : -ENOENT;
    ward__ctx_enter(ctx);
    return ward__ctx_leave(ctx, ctx->verbs->manage(ctx, op, of, id, managed));
}

int
ward_start_child(ward_ctx *ctx, ward_ref supervisor, const ward_spec *spec, ward_ref *ref)
{
    int result = ward__ctx_check(ctx);

    if (result == 0 && (spec == NULL || ref == NULL))
        result = -EINVAL;
    if (result < 0)
        return result;
    ward__ctx_enter(ctx);
    return ward__ctx_leave(ctx, ctx->verbs->start_child(ctx, supervisor, spec, ref));
}

int
ward_terminate_child(ward_ctx *ctx, ward_ref supervisor, const char *id)
{
    return manage(ctx, WARD__MANAGE_TERMINATE, supervisor, id,
                  &(struct ward__managed){0});
}

int
ward_restart_child(ward_ctx *ctx, ward_ref supervisor, const char *id, ward_ref *ref)
{
    if (ref == NULL)
        return -EINVAL;
    return manage(ctx, WARD__MANAGE_RESTART, supervisor, id,
                  &(struct ward__managed){.ref = ref});
}

int
ward_delete_child(ward_ctx *ctx, ward_ref supervisor, const char *id)
{
    return manage(ctx, WARD__MANAGE_DELETE, supervisor, id, &(struct ward__managed){0});
}

int
ward_which_child(ward_ctx *ctx, ward_ref supervisor, const char *id, ward_child *child)
{
    if (child == NULL)
        return -EINVAL;
    return manage(ctx, WARD__MANAGE_WHICH, supervisor, id,
                  &(struct ward__managed){.children = child, .capacity = 1});
}

int
ward_which_children(ward_ctx *ctx, ward_ref supervisor, ward_child *children,
                    size_t capacity)
{
    struct ward__managed managed = {.children = children, .capacity = capacity};
    int result = children != NULL || capacity == 0 ? 0 : -EINVAL;

    if (result == 0)
        result = manage(ctx, WARD__MANAGE_WHICH_ALL, supervisor, "", &managed);
    return result < 0 ? result : (int)managed.count;
}

int
ward_count_children(ward_ctx *ctx, ward_ref supervisor, ward_child_count *count)
{
    if (count == NULL)
        return -EINVAL;
    return manage(ctx, WARD__MANAGE_COUNT, supervisor, "",
                  &(struct ward__managed){.counts = count});
}

int
ward_get_childspec(ward_ctx *ctx, ward_ref supervisor, const char *id, ward_spec **spec)
{
    if (spec == NULL)
        return -EINVAL;
    return manage(ctx, WARD__MANAGE_SPEC, supervisor, id,
                  &(struct ward__managed){.spec = spec});
}

int
ward_get_budget(ward_ctx *ctx, ward_ref ref, ward_budget *budget)
{
    if (budget == NULL)
        return -EINVAL;
    return manage(ctx, WARD__MANAGE_BUDGET, ref, "",
                  &(struct ward__managed){.budget = budget});
}

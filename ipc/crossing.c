#include "ipc/crossing.h"

#include <errno.h>
#include <limits.h>

#include <ward/error.h>

#include "ipc/registry.h"

enum { CROSSING_FIELDS = 19 };

static int64_t
number_of(enum ward_registered kind, const void *object, int *result)
{
    int number = object != NULL ? ward__registry_index(kind, object) : -1;

    if (object != NULL && number < 0)
        *result = -ENOENT;
    return number;
}

int
ward__crossing_begin(struct ward__crossing *crossing, const ward_spec *spec)
{
    int result = spec->fd_count > 0 ? -EINVAL : 0;

    *crossing = (struct ward__crossing){
        .id = spec->id != NULL ? spec->id : "",
        .behavior = number_of(WARD_REGISTERED_BEHAVIOR, spec->behavior, &result),
        .supervisor = number_of(WARD_REGISTERED_SUPERVISOR, spec->supervisor, &result),
        .strategy = number_of(WARD_REGISTERED_STRATEGY, spec->strategy, &result),
        .restart = spec->restart,
        .significant = spec->significant,
        .first_ms = spec->backoff.first_ms,
        .max_ms = spec->backoff.max_ms,
        .healthy_ms = spec->backoff.healthy_ms,
        .jitter_percent = spec->backoff.jitter_percent,
        .start_ms = spec->start_ms,
        .shutdown_ms = spec->shutdown_ms,
        .message_ms = spec->message_ms,
        .redeliver = spec->redeliver,
        .mailbox_bytes = spec->mailbox.bytes,
        .mailbox_messages = spec->mailbox.messages,
        .when_full = spec->mailbox.when_full,
        .frame_bytes = spec->frame_bytes,
        .args = spec->args,
    };
    return result;
}

static const void *
object_of(enum ward_registered kind, int64_t number, int *result)
{
    const void *object = number >= 0 ? ward__registry_object(kind, number) : NULL;

    if (number >= 0 && object == NULL)
        *result = -ENOENT;
    return object;
}

int
ward__crossing_end(const struct ward__crossing *crossing, ward_spec *spec)
{
    int result = 0;

    *spec = (ward_spec){
        .id = crossing->id[0] != '\0' ? crossing->id : NULL,
        .behavior = object_of(WARD_REGISTERED_BEHAVIOR, crossing->behavior, &result),
        .supervisor =
            object_of(WARD_REGISTERED_SUPERVISOR, crossing->supervisor, &result),
        .strategy = object_of(WARD_REGISTERED_STRATEGY, crossing->strategy, &result),
        .restart = (ward_restart_type)crossing->restart,
        .significant = crossing->significant,
        .backoff = {(int)crossing->first_ms, (int)crossing->max_ms,
                    (int)crossing->healthy_ms, (int)crossing->jitter_percent},
        .args = crossing->args,
        .start_ms = (int)crossing->start_ms,
        .shutdown_ms = (int)crossing->shutdown_ms,
        .message_ms = (int)crossing->message_ms,
        .redeliver = (int)crossing->redeliver,
        .mailbox = {crossing->mailbox_bytes, crossing->mailbox_messages,
                    (ward_when_full)crossing->when_full},
        .frame_bytes = crossing->frame_bytes,
    };
    return result;
}

void
ward__pack_crossing(struct ward__sink *sink, const struct ward__crossing *c)
{
    ward__pack_array(sink, CROSSING_FIELDS);
    ward__pack_string(sink, c->id);
    ward__pack_int(sink, c->behavior);
    ward__pack_int(sink, c->supervisor);
    ward__pack_int(sink, c->strategy);
    ward__pack_int(sink, c->restart);
    ward__pack_bool(sink, c->significant);
    ward__pack_int(sink, c->first_ms);
    ward__pack_int(sink, c->max_ms);
    ward__pack_int(sink, c->healthy_ms);
    ward__pack_int(sink, c->jitter_percent);
    ward__pack_int(sink, c->start_ms);
    ward__pack_int(sink, c->shutdown_ms);
    ward__pack_int(sink, c->message_ms);
    ward__pack_int(sink, c->redeliver);
    ward__pack_int(sink, c->mailbox_bytes);
    ward__pack_int(sink, c->mailbox_messages);
    ward__pack_int(sink, c->when_full);
    ward__pack_int(sink, c->frame_bytes);
    ward__pack_bytes(sink, c->args);
}

static int64_t
take_option(struct ward__taker *in)
{
    return ward__take_int(in, WARD_INFINITE, INT_MAX);
}

/* Whether the numbers make sense is for the check of the spec to say. */
void
ward__take_crossing(struct ward__taker *in, struct ward__crossing *c)
{
    ward__take_array(in, CROSSING_FIELDS);
    c->id = ward__take_string(in, WARD_MAX_ID);
    c->behavior = ward__take_int(in, -1, INT32_MAX);
    c->supervisor = ward__take_int(in, -1, INT32_MAX);
    c->strategy = ward__take_int(in, -1, INT32_MAX);
    c->restart = ward__take_int(in, 0, WARD_TEMPORARY);
    c->significant = ward__take_bool(in);
    c->first_ms = take_option(in);
    c->max_ms = take_option(in);
    c->healthy_ms = take_option(in);
    c->jitter_percent = take_option(in);
    c->start_ms = take_option(in);
    c->shutdown_ms = take_option(in);
    c->message_ms = take_option(in);
    c->redeliver = ward__take_int(in, WARD_ZERO, 100);
    c->mailbox_bytes = ward__take_int(in, WARD_INFINITE, INT64_MAX);
    c->mailbox_messages = ward__take_int(in, WARD_INFINITE, INT64_MAX);
    c->when_full = ward__take_int(in, WARD_REJECT, WARD_WAIT);
    c->frame_bytes = ward__take_int(in, 0, INT64_MAX);
    c->args = ward__take_bytes(in);
}

#include "ipc/failure.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/text.h"

/* ---- the record ---- */

enum { FAILURE_FIELDS = 28 };

static void
pack_failure(struct ward__sink *sink, const ward_failure *f, unsigned depth)
{
    if (f == NULL || depth > 1) {
        ward__pack_nil(sink);
        return;
    }
    ward__pack_array(sink, FAILURE_FIELDS);
    ward__pack_uint(sink, f->cause);
    ward__pack_uint(sink, f->phase);
    ward__pack_uint(sink, f->by);
    ward__pack_ref(sink, f->actor);
    ward__pack_string(sink, f->path);
    ward__pack_ref(sink, f->origin);
    ward__pack_string(sink, f->origin_path);
    ward__pack_uint(sink, f->incarnation);
    ward__pack_int(sink, f->signal);
    ward__pack_int(sink, f->signal_code);
    ward__pack_uint(sink, f->fault_address);
    ward__pack_int(sink, f->exit_code);
    ward__pack_int(sink, f->error);
    ward__pack_string(sink, f->step);
    ward__pack_string(sink, f->raised);
    ward__pack_string(sink, f->text);
    ward__pack_string(sink, f->breadcrumb);
    ward__pack_bool(sink, f->has_message);
    ward__pack_int(sink, f->message_type);
    ward__pack_bytes(sink, f->message);
    ward__pack_uint(sink, f->attempt);
    ward__pack_int(sink, f->uptime_ms);
    ward__pack_int(sink, f->user_us);
    ward__pack_int(sink, f->system_us);
    ward__pack_int(sink, f->max_rss_kb);
    ward__pack_uint(sink, f->restarts_used);
    ward__pack_uint(sink, 0); /* room for what a later version adds */
    pack_failure(sink, f->last, depth + 1);
}

void
ward__pack_failure(struct ward__sink *sink, const ward_failure *failure)
{
    pack_failure(sink, failure, 0);
}

static int
take_code(struct ward__taker *in)
{
    return (int)ward__take_int(in, INT_MIN, INT_MAX);
}

static int64_t
take_count(struct ward__taker *in)
{
    return ward__take_int(in, INT64_MIN, INT64_MAX);
}

static void
take_fields(struct ward__taker *in, ward_failure *f)
{
    f->cause = (ward_cause)ward__take_uint(in, WARD_CAUSE_UNKNOWN);
    f->phase = (ward_phase)ward__take_uint(in, WARD_PHASE_RECOVERY);
    f->by = (ward_by)ward__take_uint(in, WARD_BY_OUTSIDER);
    f->actor = ward__take_ref(in);
    f->path = ward__take_string(in, SIZE_MAX);
    f->origin = ward__take_ref(in);
    f->origin_path = ward__take_string(in, SIZE_MAX);
    f->incarnation = (uint32_t)ward__take_uint(in, UINT32_MAX);
    f->signal = take_code(in);
    f->signal_code = take_code(in);
    f->fault_address = ward__take_uint(in, UINT64_MAX);
    f->exit_code = take_code(in);
    f->error = take_code(in);
    f->step = ward__take_string(in, SIZE_MAX);
    f->raised = ward__take_string(in, SIZE_MAX);
    f->text = ward__take_string(in, SIZE_MAX);
    f->breadcrumb = ward__take_string(in, SIZE_MAX);
    f->has_message = ward__take_bool(in);
    f->message_type = take_count(in);
    f->message = ward__take_bytes(in);
    f->attempt = (unsigned)ward__take_uint(in, UINT_MAX);
    f->uptime_ms = take_count(in);
    f->user_us = take_count(in);
    f->system_us = take_count(in);
    f->max_rss_kb = take_count(in);
    f->restarts_used = (uint32_t)ward__take_uint(in, UINT32_MAX);
    ward__take_uint(in, UINT32_MAX);
}

/* `last` nests one level deep: that is all that pack_failure makes. */
static const ward_failure *
take_failure(struct ward__taker *in, unsigned depth)
{
    ward_failure *f;
    uint32_t count;

    if (in->error < 0 || ward__read_nil(&in->cursor) == 0)
        return NULL;
    f = ward__arena_take(in->arena, sizeof *f);
    if (f == NULL)
        ward__taker_fail(in, -ENOMEM);
    else if (depth > 1 || ward__read_array(&in->cursor, &count) < 0 ||
             count != FAILURE_FIELDS)
        ward__taker_fail(in, -WARD_EPROTOCOL);
    if (in->error < 0)
        return NULL;
    memset(f, 0, sizeof *f);
    take_fields(in, f);
    f->last = take_failure(in, depth + 1);
    return f;
}

const ward_failure *
ward__take_failure(struct ward__taker *in)
{
    return take_failure(in, 0);
}

/* ---- a copy in one piece ---- */

static size_t
string_size(const char *text)
{
    return (text != NULL ? strlen(text) : 0) + 1;
}

static const char *
put_string(char **at, const char *text)
{
    size_t size = string_size(text);
    char *copy = *at;

    memcpy(copy, text != NULL ? text : "", size);
    *at += size;
    return copy;
}

static size_t
copy_size(const ward_failure *f)
{
    size_t size = sizeof *f + f->message.size + string_size(f->path) +
                  string_size(f->origin_path) + string_size(f->step) +
                  string_size(f->raised) + string_size(f->text) +
                  string_size(f->breadcrumb);

    return (size + 15) & ~(size_t)15;
}

static ward_failure *
copy_into(char *memory, const ward_failure *from)
{
    ward_failure *f = (ward_failure *)(void *)memory;
    char *at = memory + sizeof *f;

    *f = *from;
    f->path = put_string(&at, from->path);
    f->origin_path = put_string(&at, from->origin_path);
    f->step = put_string(&at, from->step);
    f->raised = put_string(&at, from->raised);
    f->text = put_string(&at, from->text);
    f->breadcrumb = put_string(&at, from->breadcrumb);
    if (from->message.size > 0)
        memcpy(at, from->message.data, from->message.size);
    f->message.data = at;
    f->last = NULL;
    return f;
}

ward_failure *
ward__failure_copy(const ward_failure *failure)
{
    size_t own = copy_size(failure);
    size_t last = failure->last != NULL ? copy_size(failure->last) : 0;
    char *memory = WARD__NEW(malloc(own + last));
    ward_failure *copy;

    if (memory == NULL)
        return NULL;
    copy = copy_into(memory, failure);
    if (failure->last != NULL)
        copy->last = copy_into(memory + own, failure->last);
    return copy;
}

/* ---- in one line ---- */

static void
say_cause(struct ward__text *line, const ward_failure *f)
{
    const char *signal_name = sigabbrev_np(f->signal);

    switch (f->cause) {
    case WARD_CAUSE_EXIT:
        ward__say(line, "exit %d", f->exit_code);
        break;
    case WARD_CAUSE_SIGNAL:
        ward__say(line, "signal %d (SIG%s)", f->signal,
                  signal_name != NULL ? signal_name : "?");
        if (f->signal_code > 0 && (f->signal == SIGSEGV || f->signal == SIGBUS ||
                                   f->signal == SIGFPE || f->signal == SIGILL))
            ward__say(line, " at 0x%" PRIx64, f->fault_address);
        break;
    case WARD_CAUSE_RAISE:
        ward__say(line, "%s: %s", f->raised, f->text);
        break;
    default:
        ward__say(line, "%s", ward_cause_name(f->cause));
        if (f->error != 0) {
            ward__say(line, " ");
            ward__say_error(line, f->error);
        }
        if (f->step != NULL && f->step[0] != '\0')
            ward__say(line, " in step %s", f->step);
        if (f->text != NULL && f->text[0] != '\0')
            ward__say(line, ": %s", f->text);
        break;
    }
}

int
ward_failure_format(const ward_failure *f, char *buffer, size_t size)
{
    struct ward__text line = ward__text_in(buffer, size);

    ward__say(&line, "%s #%" PRIu32 ": ", f->origin_path != NULL ? f->origin_path : "?",
              f->incarnation);
    say_cause(&line, f);
    ward__say(&line, ", %s", ward_phase_name(f->phase));
    if (f->has_message)
        ward__say(&line, " of message %" PRId64, f->message_type);
    ward__say(&line, ", by %s", ward_by_name(f->by));
    if (!ward_ref_equal(f->actor, f->origin))
        ward__say(&line, ", escalated to %s", f->path != NULL ? f->path : "?");
    return (int)line.at;
}

/* What is wrong with a spec, said so that it can be mended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ward/verbs.h>

#include "ipc/fault.h"
#include "ipc/registry.h"
#include "ipc/spec.h"

enum { SPEC_FDS_MAX = 16 };
/* Deeper than this it is a supervisor inside itself. */
enum { SPEC_DEPTH_MAX = 64 };

static _Thread_local char complaint[256];
static _Thread_local int complaint_code;

static const char *
complain(const ward_spec *spec, const char *field, const char *expected)
{
    snprintf(complaint, sizeof complaint, "spec \"%.63s\": %s %s",
             spec != NULL && spec->id != NULL ? spec->id : "", field, expected);
    complaint_code = -EINVAL;
    return complaint;
}

static const char *
not_registered(const ward_spec *spec, const char *field)
{
    complain(spec, field, "is not registered: WARD_REGISTER it");
    complaint_code = -ENOENT;
    return complaint;
}

static bool
is_id(const char *id)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-_.");

    return length >= 1 && length <= WARD_MAX_ID && id[length] == '\0' &&
           strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

static bool
is_count(int64_t value)
{
    return value >= WARD_INFINITE;
}

static bool
is_window(ward_window window)
{
    return window.max_restarts >= WARD_INFINITE && window.max_restarts <= 65536 &&
           is_count(window.within_ms);
}

static const char *
check_strategy(const ward_spec *spec)
{
    const ward_strategy *strategy = spec->strategy;

    if (strategy == NULL)
        return NULL;
    if (!is_window(strategy->slow))
        return complain(spec, "strategy.slow",
                        "must be 0 to 65536 restarts within so long");
    if (strategy->max_restarts < WARD_INFINITE || strategy->max_restarts > 65536)
        return complain(spec, "strategy.max_restarts",
                        "must be 0 to 65536, or WARD_INFINITE");
    if (!is_count(strategy->within_ms))
        return complain(spec, "strategy.within_ms", "must not be negative");
    if (strategy->on_limit != 0 && strategy->on_limit != WARD_DIRECTIVE_STOP &&
        strategy->on_limit != WARD_DIRECTIVE_ESCALATE)
        return complain(spec, "strategy.on_limit", "must be stop or escalate");
    return NULL;
}

const char *
ward__mailbox_error(const ward_mailbox_options *mailbox, const char **field)
{
    *field = "mailbox.bytes";
    if (!is_count(mailbox->bytes) || mailbox->bytes == WARD_ZERO)
        return "must be positive, or WARD_INFINITE";
    *field = "mailbox.messages";
    if (!is_count(mailbox->messages) || mailbox->messages == WARD_ZERO)
        return "must be positive, or WARD_INFINITE";
    *field = "mailbox.when_full";
    if (mailbox->when_full < WARD_REJECT || mailbox->when_full > WARD_WAIT)
        return "must be one of enum ward_when_full";
    return NULL;
}

static const char *
check_numbers(const ward_spec *spec)
{
    const char *error, *field;

    if (spec->restart < WARD_RESTART_DEFAULT || spec->restart > WARD_TEMPORARY)
        return complain(spec, "restart", "is no restart type");
    if (!is_count(spec->start_ms) || spec->start_ms == WARD_ZERO)
        return complain(spec, "start_ms", "must be positive, or WARD_INFINITE");
    if (!is_count(spec->shutdown_ms))
        return complain(spec, "shutdown_ms", "must not be negative");
    if (!is_count(spec->message_ms) || spec->message_ms == WARD_ZERO)
        return complain(spec, "message_ms", "must be positive, or WARD_INFINITE");
    if (spec->redeliver < WARD_ZERO || spec->redeliver > 100)
        return complain(spec, "redeliver", "must be 0 to 100");
    error = ward__mailbox_error(&spec->mailbox, &field);
    if (error != NULL)
        return complain(spec, field, error);
    if (spec->frame_bytes != 0 &&
        (spec->frame_bytes < WARD__FRAME_LEAST || spec->frame_bytes > WARD__FRAME_MOST))
        return complain(spec, "frame_bytes", "must be 4 KiB to 64 MiB");
    return NULL;
}

static const char *
check_backoff(const ward_spec *spec)
{
    const ward_backoff *backoff = &spec->backoff;

    if (backoff->first_ms < 0)
        return complain(spec, "backoff.first_ms", "must not be negative");
    if (backoff->max_ms < 0 ||
        (backoff->max_ms != 0 && backoff->max_ms < backoff->first_ms))
        return complain(spec, "backoff.max_ms", "must not be below first_ms");
    if (!is_count(backoff->healthy_ms))
        return complain(spec, "backoff.healthy_ms", "must not be negative");
    if (backoff->jitter_percent < 0 || backoff->jitter_percent > 100)
        return complain(spec, "backoff.jitter_percent", "must be 0 to 100");
    return NULL;
}

static const char *check_supervisor(const ward_spec *spec, unsigned depth);

/* What makes no difference whether it is an actor's or a supervisor's. */
static const char *
check_common(const ward_spec *spec)
{
    const char *error = check_strategy(spec);

    if (error == NULL)
        error = check_numbers(spec);
    if (error == NULL)
        error = check_backoff(spec);
    if (error == NULL && spec->significant && spec->restart == WARD_PERMANENT)
        error = complain(spec, "significant", "is not for a permanent child");
    return error;
}

static const char *
check_actor(const ward_spec *spec)
{
    if (spec->behavior->receive == NULL || spec->behavior->name == NULL)
        return complain(spec, "behavior", "must have a name and receive");
    if (ward__registry_index(WARD_REGISTERED_BEHAVIOR, spec->behavior) < 0)
        return not_registered(spec, "behavior");
    if (spec->args.data == NULL && spec->args.size > 0)
        return complain(spec, "args", "have a size but no data");
    if (spec->fd_count > 0 && ward__role == WARD__ROLE_WORKER)
        return complain(spec, "fds", "are the host's to give");
    if (spec->fd_count > SPEC_FDS_MAX)
        return complain(spec, "fds", "must be at most 16 descriptors");
    if (spec->fds == NULL && spec->fd_count > 0)
        return complain(spec, "fds", "are NULL, and have a count: up to 16 are expected");
    return NULL;
}

static const char *
check_spec(const ward_spec *spec, unsigned depth)
{
    const char *error = NULL;

    if (spec == NULL)
        return complain(spec, "is NULL:", "a spec is required");
    if (spec->id == NULL || !is_id(spec->id))
        return complain(spec, "id",
                        "must be 1 to 63 of letters, digits, '-', '_' and '.'");
    if (spec->behavior == NULL && spec->supervisor == NULL)
        return complain(spec, "behavior", "is required (or supervisor)");
    if (spec->behavior != NULL)
        error = check_actor(spec);
    if (error == NULL && spec->strategy != NULL &&
        ward__registry_index(WARD_REGISTERED_STRATEGY, spec->strategy) < 0)
        return not_registered(spec, "strategy");
    if (error == NULL)
        error = check_common(spec);
    if (error == NULL && spec->supervisor != NULL)
        error = check_supervisor(spec, depth + 1);
    return error;
}

static const char *
check_rules(const ward_spec *spec)
{
    const ward_supervisor *rules = spec->supervisor;
    bool is_dynamic = rules->group == WARD_SIMPLE_ONE_FOR_ONE;

    if (rules->group < WARD_ONE_FOR_ONE || rules->group > WARD_SIMPLE_ONE_FOR_ONE)
        return complain(spec, "supervisor.group", "is no group");
    if (rules->intensity < WARD_INFINITE || rules->intensity > 65536)
        return complain(spec, "supervisor.intensity",
                        "must be 0 to 65536, or WARD_INFINITE");
    if (!is_count(rules->period_ms))
        return complain(spec, "supervisor.period_ms", "must be positive");
    if (!is_window(rules->slow))
        return complain(spec, "supervisor.slow",
                        "must be 0 to 65536 restarts within so long");
    if (rules->auto_shutdown < WARD_NEVER || rules->auto_shutdown > WARD_ALL_SIGNIFICANT)
        return complain(spec, "supervisor.auto_shutdown", "is none");
    if (rules->auto_shutdown != WARD_NEVER && is_dynamic)
        return complain(spec, "supervisor.auto_shutdown",
                        "is not for a dynamic supervisor");
    if (rules->max_children < 0)
        return complain(spec, "supervisor.max_children", "must not be negative");
    if (rules->max_children > 0 && !is_dynamic)
        return complain(spec, "supervisor.max_children", "is for a dynamic supervisor");
    if (rules->stop_at_once && rules->group != WARD_ONE_FOR_ONE && !is_dynamic)
        return complain(spec, "supervisor.stop_at_once", "is for one for one");
    if (spec->behavior != NULL && rules->children != NULL)
        return complain(spec, "supervisor.children",
                        "must be NULL: an actor spawns its children in pre_start");
    if (is_dynamic && (rules->children == NULL || rules->children[0].id == NULL ||
                       rules->children[1].id != NULL))
        return complain(spec, "supervisor.children",
                        "of a dynamic supervisor must be one template, and {0}");
    return NULL;
}

static const char *
check_child(const ward_spec *spec, const ward_spec *child, unsigned depth)
{
    const ward_supervisor *rules = spec->supervisor;
    const char *error = check_spec(child, depth);

    if (error != NULL)
        return error;
    if (child->significant && rules->auto_shutdown == WARD_NEVER)
        return complain(child, "significant", "needs a supervisor with auto_shutdown");
    if (child->significant && child->restart == WARD_RESTART_DEFAULT)
        return complain(child, "significant", "is not for a permanent child");
    for (const ward_spec *other = rules->children; other != child; other++)
        if (strcmp(other->id, child->id) == 0)
            return complain(child, "id", "is there twice");
    return NULL;
}

static bool
is_last(const ward_spec *spec)
{
    return spec->id == NULL && spec->behavior == NULL && spec->supervisor == NULL;
}

static const char *
check_supervisor(const ward_spec *spec, unsigned depth)
{
    const ward_spec *child = spec->supervisor->children;
    const char *error;

    if (depth > SPEC_DEPTH_MAX)
        return complain(spec, "supervisor", "is inside itself, or deeper than 64");
    if (ward__registry_index(WARD_REGISTERED_SUPERVISOR, spec->supervisor) < 0)
        return not_registered(spec, "supervisor");
    error = check_rules(spec);
    for (; error == NULL && child != NULL && !is_last(child); child++)
        error = check_child(spec, child, depth);
    return error;
}

const char *
ward_spec_error(const ward_spec *spec)
{
    return check_spec(spec, 0);
}

const char *
ward_check_specs(const ward_supervisor *supervisor)
{
    ward_spec spec = {.id = "supervisor", .supervisor = supervisor};

    if (supervisor == NULL)
        return complain(NULL, "supervisor", "is NULL: one is required");
    return check_spec(&spec, 0);
}

int
ward__spec_check(const ward_spec *spec)
{
    return check_spec(spec, 0) == NULL ? 0 : complaint_code;
}

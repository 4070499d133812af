/* What is wrong with a spec, said so that it can be mended. */
#include <stdio.h>
#include <string.h>

#include <ward/verbs.h>

#include "ipc/fault.h"

enum { SPEC_FDS_MAX = 16 };

static _Thread_local char complaint[256];

static const char *
complain(const ward_spec *spec, const char *field, const char *expected)
{
    snprintf(complaint, sizeof complaint, "spec \"%.63s\": %s %s",
             spec != NULL && spec->id != NULL ? spec->id : "", field, expected);
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

static const char *
check_strategy(const ward_spec *spec)
{
    const ward_strategy *strategy = spec->strategy;

    if (strategy == NULL)
        return NULL;
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

static const char *
check_numbers(const ward_spec *spec)
{
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
    if (!is_count(spec->mailbox.bytes) || spec->mailbox.bytes == WARD_ZERO)
        return complain(spec, "mailbox.bytes", "must be positive, or WARD_INFINITE");
    if (!is_count(spec->mailbox.messages) || spec->mailbox.messages == WARD_ZERO)
        return complain(spec, "mailbox.messages", "must be positive, or WARD_INFINITE");
    return NULL;
}

const char *
ward_spec_error(const ward_spec *spec)
{
    const char *error;

    if (spec == NULL)
        return complain(spec, "is NULL:", "a spec is required");
    if (spec->id == NULL || !is_id(spec->id))
        return complain(spec, "id",
                        "must be 1 to 63 of letters, digits, '-', '_' and '.'");
    if (spec->behavior == NULL)
        return complain(spec, "behavior", "is required");
    if (spec->behavior->receive == NULL || spec->behavior->name == NULL)
        return complain(spec, "behavior", "must have a name and receive");
    if (spec->args.data == NULL && spec->args.size > 0)
        return complain(spec, "args", "have a size but no data");
    if (spec->fd_count > 0 && ward__role == WARD__ROLE_WORKER)
        return complain(spec, "fds", "are the host's to give");
    if (spec->fd_count > SPEC_FDS_MAX || (spec->fds == NULL && spec->fd_count > 0))
        return complain(spec, "fds", "must be at most 16 descriptors");
    error = check_strategy(spec);
    return error != NULL ? error : check_numbers(spec);
}

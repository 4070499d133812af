#include "supervisor/watch.h"

#include <errno.h>
#include <stdlib.h>

#include "ipc/fault.h"
#include "supervisor/post.h"
#include "supervisor/system.h"

struct ending {
    ward_ref actor;
    const char *path;
    ward_end end;
    const char *reason;
    const ward_failure *failure; /* or NULL */
};

/* Without memory the watcher is not told; the host is told that something was lost. */
static void
tell(struct ward__actor *watcher, const struct ending *ending)
{
    const ward_failure *failure = ending->failure;
    char line[256] = "";
    ward_value values[6];
    const struct ward__body body = {.values = values,
                                    .count = sizeof values / sizeof values[0]};

    if (failure != NULL)
        ward_failure_format(failure, line, sizeof line);
    values[0] = ward_value_ref(ending->actor);
    values[1] = ward_value_string(ending->path);
    values[2] = ward_value_int(ending->end);
    values[3] = ward_value_string(ending->reason);
    values[4] = ward_value_int(failure != NULL ? (int64_t)failure->cause : -1);
    values[5] = ward_value_string(line);
    if (ward__post(watcher, WARD_TERMINATED, (ward_ref){0, 0}, &body, WARD__PROMISE_OWN) <
        0)
        watcher->sys->notices.lost++;
}

static bool
is_same(const struct ward__watcher *entry, const struct ward__actor *watcher)
{
    return ward_ref_equal(entry->ref, watcher->ref) &&
           entry->incarnation == watcher->incarnation;
}

static void
forget(struct ward__actor *target, const struct ward__actor *watcher)
{
    for (size_t i = 0; i < target->watcher_count; i++) {
        if (!is_same(&target->watchers[i], watcher))
            continue;
        target->watchers[i] = target->watchers[--target->watcher_count];
        return;
    }
}

/* Watches end with the incarnation of the watcher; nobody says so to the target. */
static void
sweep(struct ward__actor *target)
{
    size_t i = 0;

    while (i < target->watcher_count) {
        const struct ward__watcher *entry = &target->watchers[i];
        const struct ward__actor *watcher = ward__actor_find(target->sys, entry->ref);
        if (watcher != NULL && watcher->incarnation == entry->incarnation)
            i++;
        else
            target->watchers[i] = target->watchers[--target->watcher_count];
    }
}

static int
remember(struct ward__actor *target, const struct ward__actor *watcher)
{
    for (size_t i = 0; i < target->watcher_count; i++)
        if (is_same(&target->watchers[i], watcher))
            return 0;
    if (target->watcher_count == target->watcher_capacity)
        sweep(target);
    if (target->watcher_count == target->watcher_capacity) {
        size_t capacity =
            target->watcher_capacity != 0 ? 2 * target->watcher_capacity : 4;
        struct ward__watcher *watchers =
            WARD__NEW(realloc(target->watchers, capacity * sizeof *watchers));
        if (watchers == NULL)
            return -ENOMEM;
        target->watchers = watchers;
        target->watcher_capacity = capacity;
    }
    target->watchers[target->watcher_count++] =
        (struct ward__watcher){watcher->ref, watcher->incarnation};
    return 0;
}

int
ward__watch_set(struct ward__actor *watcher, ward_ref ref, bool on)
{
    struct ward_system *sys = watcher->sys;
    struct ward__actor *target = ward__actor_find(sys, ref);
    bool is_root = watcher->parent == NULL;

    if (is_root && !on)
        ward__refset_remove(&sys->watched, ref);
    if (is_root && on && ward__refset_add(&sys->watched, ref) < 0)
        return -ENOMEM;
    if (!on) {
        if (target != NULL)
            forget(target, watcher);
        return 0;
    }
    if (target != NULL)
        return remember(target, watcher);
    tell(watcher, &(struct ending){ref, "", WARD_END_STOPPED, "unknown", NULL});
    return 0;
}

void
ward__watch_tell(struct ward__actor *actor, ward_end end, const char *reason)
{
    const struct ending ending = {actor->ref, actor->path, end, reason, actor->failure};

    for (size_t i = 0; i < actor->watcher_count; i++) {
        const struct ward__watcher *entry = &actor->watchers[i];
        struct ward__actor *watcher = ward__actor_find(actor->sys, entry->ref);
        if (watcher != NULL && watcher->incarnation == entry->incarnation)
            tell(watcher, &ending);
    }
    free(actor->watchers);
    actor->watchers = NULL;
    actor->watcher_count = actor->watcher_capacity = 0;
}

bool
ward__watch_admits(struct ward_system *sys, const ward_message *message)
{
    ward_ref ended;

    if (message->type != WARD_TERMINATED)
        return true;
    return ward_get(message, &ended) == 0 && ward__refset_remove(&sys->watched, ended);
}

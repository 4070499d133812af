/* The tree as text: a line for each child, in start order. */
#include <errno.h>
#include <inttypes.h>

#include <ward/manage.h>

#include "ipc/text.h"
#include "supervisor/incarnation.h"
#include "supervisor/manage.h"
#include "supervisor/report.h"
#include "supervisor/system.h"

static const char *
group_name(ward_group group)
{
    static const char *const names[] = {"one for one", "one for all", "rest for one",
                                        "dynamic"};

    return names[group];
}

static void
say_use(struct ward__text *text, const char *whose, const ward_window_use *use)
{
    if (use->is_limited)
        ward__say(text, ", %s %d of %d", whose, use->used, use->max_restarts);
}

static void
say_actor(struct ward__text *text, const struct ward__actor *actor)
{
    ward_child child;
    ward_budget budget;

    ward__manage_describe(actor, &child);
    ward__report_budget(actor, &budget);
    ward__say(text, "%s  %s", actor->id, ward_child_state_name(child.state));
    if (child.state != WARD_CHILD_ABSENT)
        ward__say(text, " #%" PRIu32, child.incarnation);
    if (actor->now != NULL && actor->now->pid != 0)
        ward__say(text, ", process %d", (int)actor->now->pid);
    if (ward__mailbox_count(&actor->mailbox) > 0)
        ward__say(text, ", %" PRIu64 " messages",
                  (uint64_t)ward__mailbox_count(&actor->mailbox));
    say_use(text, "restarts", &budget.own);
    if (actor->supervisor == NULL)
        return;
    ward__say(text, ", %s", group_name(actor->supervisor->group));
    if (actor->node.intensity.fast.max > 0)
        ward__say(text, ", intensity %" PRIu32 " of %" PRIu32,
                  ward__window_used(&actor->node.intensity.fast, actor->sys->engine.now),
                  actor->node.intensity.fast.max);
}

static void
say_tree(struct ward__text *text, const struct ward__actor *actor, int depth)
{
    struct ward__node *node;

    ward__say(text, "%*s", 2 * depth, "");
    if (actor->parent != NULL)
        say_actor(text, actor);
    else
        ward__say(text, "/");
    ward__say(text, "\n");
    TAILQ_FOREACH (node, &actor->node.children, sibling)
        say_tree(text, ward__actor_of(node), depth + 1);
}

int
ward_dump(ward_system *sys, char *buffer, size_t size)
{
    int result = buffer != NULL || size == 0 ? 0 : -EINVAL;
    struct ward__text text;

    if (result == 0)
        result = ward__system_enter(sys);
    if (result < 0)
        return result;
    text = ward__text_in(buffer, size);
    ward__engine_of(sys->root); /* the clock, for the windows */
    say_tree(&text, sys->root, 0);
    ward__system_leave(sys);
    return (int)text.at;
}

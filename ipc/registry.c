#include "ipc/registry.h"

#include <errno.h>

struct table {
    const void *objects[WARD__REGISTRY_MAX]; /* borrowed for ever */
    int count;
    int frozen; /* how many the zygote knows; -1: it is not forked yet */
};

static struct table tables[] = {
    [WARD_REGISTERED_BEHAVIOR] = {.frozen = -1},
    [WARD_REGISTERED_STRATEGY] = {.frozen = -1},
    [WARD_REGISTERED_SUPERVISOR] = {.frozen = -1},
};

static int
find(const struct table *table, const void *object)
{
    for (int i = 0; i < table->count; i++)
        if (table->objects[i] == object)
            return i;
    return -ENOENT;
}

static int
check(enum ward_registered kind, const void *object)
{
    const ward_behavior *behavior = object;
    const ward_strategy *strategy = object;

    if (object == NULL)
        return -EINVAL;
    switch (kind) {
    case WARD_REGISTERED_BEHAVIOR:
        return behavior->name != NULL && behavior->receive != NULL ? 0 : -EINVAL;
    case WARD_REGISTERED_STRATEGY:
        return strategy->name != NULL ? 0 : -EINVAL;
    case WARD_REGISTERED_SUPERVISOR:
        return 0;
    }
    return -EINVAL;
}

int
ward_register(enum ward_registered kind, const void *object)
{
    struct table *table;

    if (check(kind, object) < 0)
        return -EINVAL;
    table = &tables[kind];
    if (find(table, object) >= 0)
        return 0;
    if (table->count == WARD__REGISTRY_MAX)
        return -ENOSPC;
    table->objects[table->count++] = object;
    return 0;
}

void
ward__registry_freeze(void)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (tables[i].frozen < 0)
            tables[i].frozen = tables[i].count;
}

int
ward__registry_index(enum ward_registered kind, const void *object)
{
    const struct table *table = &tables[kind];
    int index = find(table, object);

    if (index >= 0 && table->frozen >= 0 && index >= table->frozen)
        return -ENOENT;
    return index;
}

const void *
ward__registry_object(enum ward_registered kind, int64_t index)
{
    const struct table *table = &tables[kind];

    return index >= 0 && index < table->count ? table->objects[index] : NULL;
}

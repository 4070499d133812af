#include "ipc/slots.h"

#include <errno.h>
#include <stdlib.h>

#include "ipc/fault.h"

void
ward__slots_done(struct ward__slots *table)
{
    free(table->slots);
    *table = (struct ward__slots){0};
}

static int
grow(struct ward__slots *table)
{
    uint32_t capacity = table->capacity != 0 ? 2 * table->capacity : 16;
    struct ward__slot *slots =
        WARD__NEW(realloc(table->slots, capacity * sizeof table->slots[0]));

    if (slots == NULL)
        return -ENOMEM;
    table->slots = slots;
    table->capacity = capacity;
    return 0;
}

int
ward__slots_add(struct ward__slots *table, void *item, uint64_t *handle)
{
    struct ward__slot *slot;
    uint32_t index;

    if (table->first_free != 0) {
        index = table->first_free - 1;
        table->first_free = table->slots[index].next_free;
    } else {
        if (table->size == table->capacity && grow(table) < 0)
            return -ENOMEM;
        index = table->size++;
        table->slots[index].use = 0;
    }
    slot = &table->slots[index];
    *slot = (struct ward__slot){.item = item, .use = slot->use + 1};
    table->count++;
    *handle = (uint64_t)slot->use << 32 | (index + 1);
    return 0;
}

void
ward__slots_remove(struct ward__slots *table, uint64_t handle)
{
    struct ward__slot *slot = ward__slots_at(table, handle);

    if (slot == NULL || slot->item == NULL)
        return;
    slot->item = NULL;
    slot->next_free = table->first_free;
    table->first_free = (uint32_t)handle;
    table->count--;
}

void *
ward__slots_each(const struct ward__slots *table, uint32_t *at)
{
    while (*at < table->size) {
        void *item = table->slots[(*at)++].item;
        if (item != NULL)
            return item;
    }
    return NULL;
}

/*
 * Slots: a table from 64-bit handles to pointers. A handle is a place and how often it was
 * used, so a handle that was given back never finds a later one. Lookup is one comparison.
 * Only adding can fail, and then nothing has changed.
 *
 * Used by: actors, asks, a worker's requests. Uses: nothing.
 */
#ifndef WARD_IPC_SLOTS_H
#define WARD_IPC_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct ward__slot {
    void *item;         /* borrowed; NULL: free */
    uint32_t use;       /* how often this place was given out */
    uint32_t next_free; /* 1 + its index; 0: none */
};

/* Zeroed is empty. */
struct ward__slots {
    struct ward__slot *slots; /* owned */
    uint32_t size;            /* places in use or free */
    uint32_t capacity;
    uint32_t first_free; /* 1 + its index; 0: none */
    uint32_t count;      /* places in use */
};

void ward__slots_done(struct ward__slots *table);

/* Adds an item; its handle is never 0. 0; -ENOMEM. */
int ward__slots_add(struct ward__slots *table, void *item, uint64_t *handle);

/* The place of a handle, free or not, or NULL. */
static inline struct ward__slot *
ward__slots_at(const struct ward__slots *table, uint64_t handle)
{
    uint32_t place = (uint32_t)handle;

    if (place == 0 || place > table->size)
        return NULL;
    if (table->slots[place - 1].use != (uint32_t)(handle >> 32))
        return NULL;
    return &table->slots[place - 1];
}

/* The item, or NULL. */
static inline void *
ward__slots_find(const struct ward__slots *table, uint64_t handle)
{
    struct ward__slot *slot = ward__slots_at(table, handle);

    return slot != NULL ? slot->item : NULL;
}

/* Takes it out; a handle that is not there is fine. */
void ward__slots_remove(struct ward__slots *table, uint64_t handle);

/* The items in no order: begin with *at = 0; NULL at the end. Removing the item that was just
 * given is fine. */
void *ward__slots_each(const struct ward__slots *table, uint32_t *at);

#endif

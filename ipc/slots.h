/*
 * Slots: a table from 64-bit handles to pointers. A handle is a place and how often it was
 * used, so a handle that was given back never finds a later one. Lookup is one comparison.
 * Only adding can fail, and then nothing has changed.
 *
 * Used by: actors, asks, a worker's requests. Uses: nothing.
 */
#ifndef WARD_IPC_SLOTS_H
#define WARD_IPC_SLOTS_H

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

/* The item, or NULL. */
void *ward__slots_find(const struct ward__slots *table, uint64_t handle);

/* Takes it out; a handle that is not there is fine. */
void ward__slots_remove(struct ward__slots *table, uint64_t handle);

/* The items in no order: begin with *at = 0; NULL at the end. Removing the item that was just
 * given is fine. */
void *ward__slots_each(const struct ward__slots *table, uint32_t *at);

#endif

/*
 * Pool: pieces of memory of one size, which come and go often. What is given back is kept for the
 * next who takes one, up to a number; the sanitizer for memory sees every piece come and go.
 *
 * Used by: ask.c, notice.c, mailbox.c. Uses: fault.h.
 */
#ifndef WARD_IPC_POOL_H
#define WARD_IPC_POOL_H

#include <stddef.h>

struct ward__pool {
    size_t size;    /* of a piece */
    unsigned most;  /* so many are kept */
    unsigned count; /* so many are */
    void *first;    /* owned: each begins with the address of the next */
};

/* `size` is at least that of an address. */
void ward__pool_init(struct ward__pool *pool, size_t size, unsigned most);
/* Frees those that are kept. */
void ward__pool_done(struct ward__pool *pool);

/* A piece, with anything in it; NULL without memory. */
void *ward__pool_take(struct ward__pool *pool);
/* NULL is fine. */
void ward__pool_give(struct ward__pool *pool, void *piece);

#endif

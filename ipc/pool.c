#include "ipc/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/fault.h"

void
ward__pool_init(struct ward__pool *pool, size_t size, unsigned most)
{
    assert(size >= sizeof pool->first);
#ifdef __SANITIZE_ADDRESS__
    most = 0;
#endif
    *pool = (struct ward__pool){.size = size, .most = most};
}

void *
ward__pool_take(struct ward__pool *pool)
{
    void *piece = pool->first;

    if (piece == NULL)
        return WARD__NEW(malloc(pool->size));
    memcpy(&pool->first, piece, sizeof pool->first);
    pool->count--;
    return piece;
}

void
ward__pool_give(struct ward__pool *pool, void *piece)
{
    if (piece == NULL || pool->count >= pool->most) {
        free(piece);
        return;
    }
    memcpy(piece, &pool->first, sizeof pool->first);
    pool->first = piece;
    pool->count++;
}

void
ward__pool_done(struct ward__pool *pool)
{
    pool->most = 0;
    while (pool->count > 0)
        free(ward__pool_take(pool));
}

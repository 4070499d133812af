#include "supervisor/nonce.h"

#include <stdlib.h>

uint64_t
ward__nonce(void)
{
    /* One system call for many; each thread has its own. */
    static _Thread_local uint64_t pool[64];
    static _Thread_local unsigned left;
    uint64_t nonce = 0;

    while (nonce == 0) {
        if (left == 0) {
            arc4random_buf(pool, sizeof pool);
            left = sizeof pool / sizeof pool[0];
        }
        nonce = pool[--left];
    }
    return nonce;
}

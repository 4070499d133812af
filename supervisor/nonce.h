/*
 * Nonces: what makes a reference impossible to guess. The kernel gives many in one system call.
 *
 * Used by: actor.c, ask.c, life.c. Uses: the kernel's random numbers.
 */
#ifndef WARD_SUPERVISOR_NONCE_H
#define WARD_SUPERVISOR_NONCE_H

#include <stdint.h>

enum { WARD__NONCES = 256 };

/* Zeroed has none yet. */
struct ward__nonces {
    uint64_t drawn[WARD__NONCES];
    unsigned left;
};

void ward__nonces_draw(struct ward__nonces *nonces);

/* 64 random bits, never 0. */
static inline uint64_t
ward__nonce(struct ward__nonces *nonces)
{
    uint64_t nonce;

    do {
        if (nonces->left == 0)
            ward__nonces_draw(nonces);
        nonce = nonces->drawn[--nonces->left];
    } while (nonce == 0);
    return nonce;
}

#endif

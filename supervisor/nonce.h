/* Nonces: what makes a reference impossible to guess. Used by: actor.c, ask.c. */
#ifndef WARD_SUPERVISOR_NONCE_H
#define WARD_SUPERVISOR_NONCE_H

#include <stdint.h>

/* 64 random bits, never 0. */
uint64_t ward__nonce(void);

#endif

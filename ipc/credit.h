/*
 * Credit: how much one sender may send to one actor before it is told of more room. Sender and
 * supervisor count by the same rule, the sender what it sends, the supervisor what arrives; grants are
 * added on the supervisor's side first, so an honest sender never has more than is known of it.
 *
 * Used by: worker/credit.c, supervisor/credit.c. Uses: nothing.
 */
#ifndef WARD_IPC_CREDIT_H
#define WARD_IPC_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ward__purse {
    int64_t messages, bytes;
};

/* The last message that is sent may be larger than what is left: then the bytes are below 0. */
static inline bool
ward__purse_is_empty(const struct ward__purse *purse)
{
    return purse->messages < 1 || purse->bytes < 1;
}

static inline void
ward__purse_pay(struct ward__purse *purse, size_t bytes)
{
    purse->messages--;
    purse->bytes -= (int64_t)bytes;
}

static inline void
ward__purse_add(struct ward__purse *purse, const struct ward__purse *more)
{
    purse->messages += more->messages;
    purse->bytes += more->bytes;
}

#endif

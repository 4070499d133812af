/*
 * Patience: whether it pays to look again and again before going to sleep. It does where what was
 * waited for came soon the last times; a wait in vain makes it pay less, a short sleep more. Only
 * counts; how one looks is for those who wait.
 *
 * Used by: inbox.c (worker), poll.c (supervisor). Uses: nothing.
 */
#ifndef WARD_IPC_PATIENCE_H
#define WARD_IPC_PATIENCE_H

#include <stdbool.h>

enum { WARD__PATIENCE_MOST = 8, WARD__PATIENCE_DOUBT_MOST = 1023 };

/* All zero: it does not pay yet. */
struct ward__patience {
    unsigned luck;
    unsigned doubt; /* how many short sleeps it took the last time to try again */
    unsigned owed;  /* how many of them are missing */
};

static inline bool
ward__patience_pays(const struct ward__patience *patience)
{
    return patience->luck > 0;
}

/* It was found while looking, and soon. */
static inline void
ward__patience_won(struct ward__patience *patience)
{
    if (patience->luck < WARD__PATIENCE_MOST)
        patience->luck++;
    else
        patience->doubt = 0;
}

/* It was not. Where looking never pays it is tried more and more seldom. */
static inline void
ward__patience_lost(struct ward__patience *patience)
{
    patience->luck /= 2;
    if (patience->luck > 0)
        return;
    patience->doubt = 2 * patience->doubt + 1;
    if (patience->doubt > WARD__PATIENCE_DOUBT_MOST)
        patience->doubt = WARD__PATIENCE_DOUBT_MOST;
    patience->owed = patience->doubt;
}

/* Nobody looked, and the sleep was so short that looking would have found it. */
static inline void
ward__patience_slept_shortly(struct ward__patience *patience)
{
    if (patience->owed > 0)
        patience->owed--;
    else
        ward__patience_won(patience);
}

/* In a loop that looks: the other thread of the core may run. */
static inline void
ward__patience_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif

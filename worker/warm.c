#include "worker/warm.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 8192, HEAP_BYTES = 4096, PAGE_BYTES = 4096 };

/* What is called from GO on, and in a crash. The kernel maps the pages around each, too. */
static void (*const called[])(void) = {
    (void (*)(void))strrchr, (void (*)(void))memcmp,
    (void (*)(void))sigaction, /* and beside it what returns from a handler */
};

static void
touch_stack(void)
{
    volatile uint8_t room[STACK_BYTES];

    for (size_t at = 0; at < sizeof room; at += PAGE_BYTES)
        room[at] = 0;
}

static void
touch_heap(void)
{
    volatile uint8_t *room = malloc(HEAP_BYTES);

    if (room != NULL)
        room[0] = room[HEAP_BYTES - 1] = 0;
    free((void *)(uintptr_t)room);
}

static void
touch_code(void)
{
    for (size_t i = 0; i < sizeof called / sizeof called[0]; i++)
        (void)*(const volatile uint8_t *)(uintptr_t)called[i];
}

void
ward__warm_up(void)
{
    touch_stack();
    touch_heap();
    touch_code();
}

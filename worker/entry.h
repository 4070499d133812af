/*
 * Entry: where a forked process becomes a worker. The steps of the spawn are behind it; it has
 * one descriptor that talks to the host and one shared page.
 *
 * Used by: supervisor/spawn.c. Uses: loop.h.
 */
#ifndef WARD_WORKER_ENTRY_H
#define WARD_WORKER_ENTRY_H

#include "ipc/page.h"

/* Runs one actor and never returns. */
_Noreturn void ward__worker_main(int channel, struct ward__page *page);

#endif

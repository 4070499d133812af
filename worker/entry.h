/*
 * Entry: where a forked process becomes a worker. The steps of the spawn are behind it; it has
 * one descriptor that talks to the host and one shared page.
 *
 * Used by: supervisor/spawn.c, supervisor/zygote.c. Uses: loop.h, crash.h.
 */
#ifndef WARD_WORKER_ENTRY_H
#define WARD_WORKER_ENTRY_H

#include "ipc/page.h"

/* [zygote] Does once what each worker would have to do for itself, and inherits instead: how a crash
 * is noted, and lines of standard output. */
void ward__worker_prepare(void);

/* Runs one actor and never returns. */
_Noreturn void ward__worker_main(int channel, struct ward__page *page);

#endif

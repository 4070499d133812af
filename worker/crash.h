/*
 * Crash notes: on a fault, a signal handler notes in the page what only this process can
 * know (address, code, sender) and lets the signal kill it after all, with its own status and
 * core dump. It repairs and reports nothing.
 *
 * Used by: loop.c. Uses: page.h.
 */
#ifndef WARD_WORKER_CRASH_H
#define WARD_WORKER_CRASH_H

#include "ipc/page.h"

/* Installs the handlers, on a stack of their own, so that an overflow is noted too. */
void ward__crash_watch(struct ward__page *page);

#endif

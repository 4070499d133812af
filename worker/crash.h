/*
 * Crash notes: on a fault, a signal handler notes in the page what only this process can
 * know (address, code, sender) and lets the signal kill it after all, with its own status and
 * core dump. It repairs and reports nothing.
 *
 * Used by: loop.c, entry.h. Uses: page.h.
 */
#ifndef WARD_WORKER_CRASH_H
#define WARD_WORKER_CRASH_H

#include "ipc/page.h"

/* [zygote] Installs the handlers, on a stack of their own, so that an overflow is noted too. Every
 * worker inherits them. */
void ward__crash_prepare(void);

/* [worker] From here on there is a page to note it in. */
void ward__crash_watch(struct ward__page *page);

#endif

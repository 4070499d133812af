/*
 * Root: the verbs as the host does them, at once and on its own tree.
 *
 * Used by: system.c. Uses: actor.h, life.h, post.h, ask.h, watch.h.
 */
#ifndef WARD_SUPERVISOR_ROOT_H
#define WARD_SUPERVISOR_ROOT_H

#include "ipc/context.h"

extern const struct ward__verbs ward__root_verbs;

#endif

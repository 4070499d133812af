/*
 * Registry: the constants that cross a process boundary by number. All processes of a program
 * are forked from one image, so a number means the same object in each; what was
 * registered after the zygote was forked is unknown to it and has no number.
 *
 * Used by: verbs of both sides. Uses: nothing.
 */
#ifndef WARD_IPC_REGISTRY_H
#define WARD_IPC_REGISTRY_H

#include <ward/register.h>

enum { WARD__REGISTRY_MAX = 1024 };

/* The zygote is about to be forked: what comes later has no number. */
void ward__registry_freeze(void);

/* The number of an object, or -ENOENT. */
int ward__registry_index(enum ward_registered kind, const void *object);

/* The object of a number, or NULL. */
const void *ward__registry_object(enum ward_registered kind, int64_t index);

#endif

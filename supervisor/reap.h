/*
 * Reap: the children of this process, by pid, and an end for those that nobody knows. Used
 * where this process is a subreaper: what a dead worker or fork server leaves behind
 * becomes its child without being asked for.
 *
 * Used by: zygote.c, forkserver.c. Uses: /proc.
 */
#ifndef WARD_SUPERVISOR_REAP_H
#define WARD_SUPERVISOR_REAP_H

#include <stdbool.h>
#include <sys/types.h>

/* Is this child one that is to live? */
typedef bool (*ward__is_known)(pid_t pid, void *user);

/* Kills and reaps every child that is not known, once around. How many were there, or at least
 * may have been where it could not look; 0: none. */
int ward__reap_strangers(ward__is_known is_known, void *user);

/* Ends all children, and what they leave, until there are none. */
void ward__reap_all(void);

#endif

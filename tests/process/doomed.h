/*
 * A host that is killed: this program once more, as another process with a system of its own,
 * which says when it is ready, dies of SIGKILL, and must leave nothing behind.
 *
 * Used by: test_otp_start.c, test_otp_isolation.c. Uses: member.h.
 */
#ifndef WARD_TESTS_PROCESS_DOOMED_H
#define WARD_TESTS_PROCESS_DOOMED_H

#include "member.h"

/* What that host does before it is ready to be killed. */
typedef void (*doom)(struct harness *h);

/* In main, first: true if this is that host, which has run until its death. */
bool doomed_main(int argc, char **argv, doom begin);

/* Starts it, kills it, and waits until all below it have ended and are reaped. */
void kill_a_host(void);

#endif

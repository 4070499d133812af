/*
 * What a test leaves behind: open descriptors, and processes below this one. The zygote is
 * there from the first to the last test and is not counted.
 *
 * Used by: harness.c. Uses: /proc.
 */
#ifndef WARD_TESTS_PROCESS_REMAINS_H
#define WARD_TESTS_PROCESS_REMAINS_H

/* Remembers the children of this process: after ward_early that is the zygote. */
void remains_begin(void);

/* What each open descriptor is, to stderr. */
void print_descriptors(void);

#endif

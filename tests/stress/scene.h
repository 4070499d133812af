/*
 * Scene: what the tests that kill share: how many rounds to go, a look at other processes,
 * and proofs that somebody is gone. A process is gone when a pipe that it held has ended, or
 * a byte that it had locked is free: never because it is missing in a list.
 *
 * Used by: the tests of this folder and of hostile. Uses: cmocka, /proc.
 */
#ifndef WARD_TESTS_STRESS_SCENE_H
#define WARD_TESTS_STRESS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include <ward/ward.h>

enum { SCENE_PATIENCE_MS = 20000, SCENE_GONE_MS = 2000 };

/* The full number under WARD_SOAK, else a twentieth. */
int scene_rounds(int soak);

int64_t scene_now_ms(void);

/* Pseudo-random numbers; the same seed gives the same ones. */
uint32_t scene_random(uint32_t *state);

/* Open descriptors of a process; -1: it is none. */
int scene_descriptors(pid_t pid);
/* Children of a process, zombies too. */
size_t scene_children(pid_t pid);
/* Resident memory that was written to, in bytes, exactly; -1: it is none. Pages of program
 * files are not counted: they come and go, and whose they are depends on others. */
int64_t scene_resident(pid_t pid);

/* Waits until no writer of that pipe is left: true, or false at the deadline. */
bool scene_pipe_ends(int fd, int timeout_ms);

/* A daemon as badly behaved as they come: its own session, no parent, deaf to signals. It
 * inherits all descriptors. */
void scene_leave_daemon(void);

/* Writes to address 0. Compilers see through simpler ways to do that. */
void scene_fault(void);

/* The strategy with which most actors here run: restart, as often as it takes. */
extern const ward_strategy scene_stubborn;

/* Waits for something to be due, dispatches it, and fails the test at the deadline. */
void scene_turn(ward_system *sys, int64_t deadline);

/* Asserts a result by name. */
#define scene_ok(result) scene_ok_at((result), __FILE__, __LINE__)
void scene_ok_at(int64_t result, const char *file, int line);

#endif

/*
 * Stage: members of a tree that follow a script, and one log of what they did, in the order in
 * which they did it. Both lie in memory that all processes share, so host and members can
 * compare what events, ordered for each actor only, cannot.
 *
 *   part('b')->fails_from = 2;                    its second start fails, and no other
 *   part('b')->fails_to = 2;
 *   open_tree(h, &all);                           "/s", a supervisor of members
 *   crash(h, "/s/b");
 *   assert_log(h, "+a +b +c -c -a");
 *
 * A member is known by the first letter of its id; "+a": it is through its pre_start, "-a": it
 * is through its post_stop. Post_stop runs in a fresh process for one that died and ends.
 *
 * Used by: the tests of supervisors. Uses: the harness.
 */
#ifndef WARD_TESTS_PROCESS_STAGE_H
#define WARD_TESTS_PROCESS_STAGE_H

#include <stdatomic.h>

#include "harness.h"

/* What a member understands. PING is answered with a number: how often it was started. */
enum { CRASH = 1, LEAVE, PING };

/* The script of the members of one letter. Starts are numbered from 1. */
struct part {
    _Atomic int starts;         /* how often pre_start was called */
    _Atomic int64_t started_at; /* the last time: now_ms */
    _Atomic int fails_from, fails_to;
    _Atomic int ignores_from, ignores_to;
    _Atomic int stop_ms; /* post_stop takes so long */
    _Atomic int meets; /* post_stop waits until it runs in so many of them, 3 s at most */
    _Atomic bool crashes_in_stop;
};

enum { FOREVER = 1000000 };

extern const ward_behavior member;

/* A supervisor of no children. */
extern const ward_spec nobody[];

struct part *part(char letter);

/* What was logged so far, "+a +b -b"; until the next call. */
const char *played(void);

#define assert_log(h, expected) assert_log_at((h), (expected), __FILE__, __LINE__)
void assert_log_at(struct harness *h, const char *expected, const char *file, int line);

/* ---- life ---- */

#define STAGE_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, stage_setup, harness_teardown)

/* As harness_main. */
int stage_main(const char *name, const struct CMUnitTest *tests, size_t count);

/* An empty script and log, then harness_setup. */
int stage_setup(void **state);

/* ---- doing ---- */

/* A supervisor "/s" that is up. */
ward_ref open_tree(struct harness *h, const ward_supervisor *supervisor);

void crash(struct harness *h, const char *path);
void leave(struct harness *h, const char *path);

/* Crashes it, and waits for what is decided. */
const struct record *crash_told(struct harness *h, const char *path);
/* Crashes it, which must restart it, and waits for that; the failure. */
const struct record *crash_restarts(struct harness *h, const char *path);

/* It answers, and has been started so many times. */
void assert_alive(struct harness *h, const char *path, int starts);

void assert_down(struct harness *h, ward_ref ref);

/* The supervisor failed with cause intensity, because of a crash of `culprit`, and has ended. */
void assert_gave_up(struct harness *h, const char *path, const char *culprit);

/* ---- children ---- */

ward_child child_of(struct harness *h, ward_ref supervisor, const char *id);

#define assert_state(h, supervisor, id, expected)                                        \
    assert_state_at((h), (supervisor), (id), (expected), __FILE__, __LINE__)
void assert_state_at(struct harness *h, ward_ref supervisor, const char *id,
                     ward_child_state expected, const char *file, int line);

/* OTP's count: "specs active supervisors workers". */
#define assert_counts(h, supervisor, expected)                                           \
    assert_counts_at((h), (supervisor), (expected), __FILE__, __LINE__)
void assert_counts_at(struct harness *h, ward_ref supervisor, const char *expected,
                      const char *file, int line);

/* As ward_start_child and ward_restart_child, which must succeed, and waits until it is up. */
ward_ref start_child_up(struct harness *h, ward_ref supervisor, const ward_spec *spec);
ward_ref restart_child_up(struct harness *h, ward_ref supervisor, const char *id);

/* As ward_terminate_child, and waits until it is gone. */
void terminate_child_down(struct harness *h, ward_ref supervisor, const char *id);

#endif

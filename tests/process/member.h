/*
 * What the tests of OTP's rows share: one behavior, `member`, that does what it is told and
 * writes each step of its life into a log that all processes share, so that the order between
 * actors can be seen. The log also holds the plans, how each start and each end is to go. A
 * member is known by the last letter of its path: "/s/a" is 'a'.
 *
 * Used by: test_otp_*.c. Uses: harness.h, ward.
 */
#ifndef WARD_TESTS_PROCESS_MEMBER_H
#define WARD_TESTS_PROCESS_MEMBER_H

#include "harness.h"

/* Messages to a member. */
enum {
    PING, /* answers its incarnation */
    CRASH,
    EXIT,       /* _exit with the number in the message */
    ABORT,      /* abort() */
    KILL,       /* SIGKILL to itself */
    LEAVE,      /* a normal end */
    LEAVE_WITH, /* the same with the reason in the message */
    HOLD,       /* keeps the message in hand, waiting for nothing */
    BUSY,       /* the same in a loop */
    READ,       /* the same in a read */
    FREEZE,     /* SIGSTOP to itself */
    LITTER,     /* forks a process that keeps all descriptors, then crashes */
};

/* How one start goes. */
enum start {
    STARTS,
    START_FAILS,
    START_CRASHES,
    START_EXITS,
    START_IGNORES,
    START_HANGS
};

/* How its post_stop goes, after `end_ms`. */
enum end { ENDS, END_EXITS, END_CRASHES, END_HANGS };

enum { PLANNED_STARTS = 16 };

struct plan {
    unsigned char
        starts[PLANNED_STARTS]; /* enum start, one for each; the last for all more */
    enum end end;
    int end_ms;
};

/* Steps in the log. */
enum step {
    BEGUN = '(', /* pre_start was called */
    UP = '+',    /* and returns 0 */
    TERM = '[',  /* post_stop was called */
    DONE = '-',  /* and returns */
    HELD = '!',  /* the message is in hand */
};

#define UPS_AND_ENDS "+-"

extern const ward_behavior member;

#define MEMBER(...)                                                                      \
    {                                                                                    \
        .behavior = &member, .shutdown_ms = 3000, __VA_ARGS__                            \
    }

/* A supervisor and its children: TREE(name, RULES(.intensity = 3), MEMBER(.id = "a"), ...); */
#define RULES(...) __VA_ARGS__
#define TREE(name, rules, ...)                                                           \
    static const ward_spec name##_parts[] = {__VA_ARGS__, {0}};                          \
    static const ward_supervisor name = {rules, .children = name##_parts};               \
    WARD_REGISTER(name)

/* A test with an empty log and no plans. */
#define ROW(name) cmocka_unit_test_setup_teardown(name, member_setup, harness_teardown)

/* Makes the log; first in main, before ward_early. */
void member_begin(void);
int member_setup(void **state);

/* ---- plans ---- */

struct plan *plan(char letter);

/* Its starts from that one on, 1 being the first, go this way. */
void plan_starts(char letter, int from, enum start how);

/* ---- the log ---- */

/* How often a member's pre_start was called. */
int starts_of(char letter);

/* The steps of these kinds since the last trace_clear are exactly "+a +b -a". */
#define assert_trace(h, kinds, expected)                                                 \
    assert_trace_at((h), (kinds), (expected), __FILE__, __LINE__)
void assert_trace_at(struct harness *h, const char *kinds, const char *expected,
                     const char *file, int line);
void trace_clear(void);

/* How many such steps there are, of one member or (0) of all; the time of the first and of the
 * last, and the process of the last. */
struct steps {
    int count;
    int64_t first_ms, last_ms;
    int64_t process;
};
struct steps steps_of(enum step step, char letter);

/* Runs the system until there are that many. */
void await_steps(struct harness *h, enum step step, char letter, int count);

/* ---- the tree ---- */

/* Spawns a supervisor called "s" below the host and waits until it is up. */
ward_ref start_tree(struct harness *h, const ward_supervisor *supervisor);

/* Child of a supervisor; must be there. */
ward_child child_of(struct harness *h, ward_ref supervisor, const char *id);
int64_t process_of(struct harness *h, ward_ref supervisor, const char *id);
void tell_child(struct harness *h, ward_ref supervisor, const char *id, int64_t type);

#define assert_counts(h, supervisor, specs, active)                                      \
    assert_counts_at((h), (supervisor), (specs), (active), __FILE__, __LINE__)
void assert_counts_at(struct harness *h, ward_ref supervisor, size_t specs, size_t active,
                      const char *file, int line);

/* Runs the system until there were so many of these events. */
void await_count(struct harness *h, ward_event_kind kind, const char *path, size_t count);

/* Stops it and waits for its end. */
void stop_tree(struct harness *h, ward_ref supervisor);

/* The supervisor gave up: it failed with cause `intensity` and has ended. */
void await_given_up(struct harness *h, const char *path);

/* [any process] Time passes. */
void pass(int ms);

#endif

/*
 * Rig: what the hostile tests share: a system with one worker that does evil on request and a
 * sibling that does its work meanwhile; a record of what the host was told; and a teardown
 * that finds out whether anybody else was harmed. The cases and their numbers are those of
 * the list of hostile workers.
 *
 *   static void
 *   write_noise(ward_ctx *ctx)                       runs in the worker, inside a handler
 *   ...
 *   static void
 *   H26_noise_is_a_protocol_failure(void **state)
 *   {
 *       struct rig *r = *state;
 *       rig_do(r, write_noise);
 *       rig_expect(r, WARD_CAUSE_PROTOCOL, NULL);
 *   }
 *
 * Used by: the tests of this folder. Uses: tests/stress/scene.h, ward.
 */
#ifndef WARD_TESTS_HOSTILE_RIG_H
#define WARD_TESTS_HOSTILE_RIG_H

#include "ipc/page.h"
#include "tests/stress/scene.h"

typedef void (*deed)(ward_ctx *ctx);

struct rig {
    ward_system *sys; /* owned */
    ward_ctx *ctx;
    ward_ref evil, good;
    int64_t good_pid;
    int64_t pinged; /* how often the sibling was told */
    int descriptors;
    int64_t resident;
    int64_t growth_allowed;
    bool may_fail_system; /* the deed is one that takes all workers along */

    /* What was told of the evil one. */
    unsigned failed, restarted, stopped, poison, other_letters, retries, skipped;
    ward_failure last;
    char last_step[64];
    ward_end end;
    char reason[64];
    /* What came to the host. */
    unsigned mails;
    int64_t mail_type, mail_number;
    size_t mail_size;
    uint64_t logs, lost;
    uint64_t logs_in_order; /* those that say how many there were before */
};

/* Memory that host and workers share; zeroed before each test. */
struct rig_board {
    _Atomic unsigned done; /* deeds that the worker counts */
    _Atomic unsigned numbers[8];
};
extern struct rig_board *rig_board;

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int rig_main(const char *name, const struct CMUnitTest *tests, size_t count);
int rig_setup(void **state);
int rig_teardown(void **state);

/* Starts the evil one. Of the spec, id and behavior are filled in, and strategy and deadlines
 * where they are 0. `at_start` is done in pre_start; NULL: nothing is. */
void rig_spawn(struct rig *r, const ward_spec *more, deed at_start);

/* Tells it to do that. The first time it is started, if it was not. */
void rig_tell(struct rig *r, deed what);
/* Runs the system, the sibling at work, until so many failures of the evil one were told. */
void rig_await_failures(struct rig *r, unsigned count);
void rig_await_stop(struct rig *r);
/* Tells it to do that and waits for one more failure, and for it to be up again. */
void rig_do(struct rig *r, deed what);
/* One turn with the sibling at work. */
void rig_turn(struct rig *r, int64_t deadline);
/* Runs for so long: only to see that something does not happen. */
void rig_linger(struct rig *r, int ms);

/* Asserts what the last failure said; step NULL: any. */
void rig_expect(const struct rig *r, ward_cause cause, const char *step);

/* ---- in the worker ---- */

/* Its channel: the highest descriptor that is open. */
int rig_channel(void);
/* The page, by the list of mappings. */
struct ward__page *rig_page(void);
/* Writes bytes there, uncommitted. */
void rig_write(const void *bytes, size_t size);
/* Commits bytes at the end of the stream, and writes them: the host must read them. */
void rig_write_committed(const void *bytes, size_t size);
/* One frame, packed by that function, committed. */
struct ward__sink;
void rig_write_frame(void (*pack)(struct ward__sink *sink));
/* For ever, signals blocked. */
_Noreturn void rig_spin(void);

#endif

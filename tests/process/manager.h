/*
 * An actor that makes the calls of manage.h on order and answers what they said; and the same
 * calls to be made in any other process.
 *
 * Used by: test_otp_manage.c. Uses: member.h.
 */
#ifndef WARD_TESTS_PROCESS_MANAGER_H
#define WARD_TESTS_PROCESS_MANAGER_H

#include "member.h"

enum op {
    START_CHILD,
    TERMINATE,
    RESTART_CHILD,
    DELETE,
    WHICH,
    LIST,
    COUNT,
    SPEC,
    BUDGET
};
enum { OPS = BUDGET + 1 };

/* Messages to a manager: an order (op, supervisor, id, start_ms), the same told, or to die. */
enum { ORDER, ORDER_TOLD, ORDER_FORKED, DIE };
/* Messages of it to the host. */
enum { BEGINS = 100, RESULT };

/* What an op found; `number` and `text` depend on it. */
struct answer {
    int result;
    int64_t number;
    const char *text;
    ward_ref ref;
};

/* What an out parameter holds that was not written. */
extern const ward_ref unwritten;

extern const ward_behavior manager;

/* [both] Makes the call here. */
struct answer carry_out(ward_ctx *ctx, enum op op, ward_ref supervisor, const char *id,
                        int start_ms);

/* [both] Makes it in a child that is merely forked: 42 if it was -ECHILD there. */
int carry_out_forked(ward_ctx *ctx, enum op op, ward_ref supervisor);

ward_ref spawn_manager(struct harness *h, const char *id);

/* Has the manager make it, and waits for the answer; a start that is planned to hang gets a
 * short deadline. */
struct answer order(struct harness *h, ward_ref m, enum op op, ward_ref supervisor,
                    const char *id);

#define assert_order(h, m, op, s, id, expected)                                          \
    assert_result(order((h), (m), (op), (s), (id)).result, (expected))

#endif

/*
 * Strategy: how failures of one child are answered.
 *
 *   static ward_directive
 *   judge(const ward_failure *failure)
 *   {
 *       return failure->cause == WARD_CAUSE_SIGNAL ? WARD_DIRECTIVE_RESTART
 *                                                  : WARD_DIRECTIVE_ESCALATE;
 *   }
 *   static const ward_strategy careful = {
 *       .name = "careful", .decider = judge, .max_restarts = 5, .within_ms = 60000,
 *   };
 *   WARD_REGISTER(careful);
 */
#ifndef WARD_STRATEGY_H
#define WARD_STRATEGY_H

#include <ward/failure.h>
#include <ward/supervisor.h>

WARD_BEGIN

typedef enum ward_directive {
    WARD_DIRECTIVE_RESTART = 1, /* a new process with initial behavior and zeroed state */
    WARD_DIRECTIVE_STOP,        /* the actor ends */
    WARD_DIRECTIVE_ESCALATE, /* the actor ends, and its parent fails with this failure */
} ward_directive;

/*
 * Runs in the host, on the thread that runs ward, once for each failure. It sees the failure
 * only, which ward_failure_format may put into words; calls that tell, ask, change or wait are -EBUSY
 * inside it. Anything it returns that is no directive counts as WARD_DIRECTIVE_ESCALATE.
 */
typedef ward_directive (*ward_decider)(const ward_failure *failure);

typedef struct ward_strategy {
    /* For logs and errors; required. */
    const char *name;
    /* NULL: restart. */
    ward_decider decider;
    /* A restart is granted while fewer than this many were granted within the last
     * within_ms. Each by itself: 0 is 3 restarts, 60,000 ms. WARD_ZERO: never; WARD_INFINITE: no limit. */
    int max_restarts;
    int within_ms;
    /* A second window, against slow leaks; a restart needs both. 0 restarts: none. */
    ward_window slow;
    /* What happens when no more restarts are granted: WARD_DIRECTIVE_STOP (also when 0) or
     * WARD_DIRECTIVE_ESCALATE. */
    ward_directive on_limit;
} ward_strategy;

/* [any process] "restart", "stop", "escalate"; "?" for anything else. */
WARD_API const char *ward_directive_name(ward_directive directive);

WARD_END

#endif

/* Failures as native code has them: the process is gone, and the kernel says why. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "guide.h"

ward_next
guide_fail_on_value(ward_ctx *ctx, const char *task)
{
    (void)ctx;
    (void)task;
    *(volatile int *)0 = 1;
    return WARD_SAME;
}

ward_next
guide_fail_on_purpose(ward_ctx *ctx)
{
    (void)ctx;
    abort();
}

ward_directive
guide_decide(const ward_failure *failure)
{
    if (failure->cause == WARD_CAUSE_SIGNAL && failure->signal == SIGSEGV) {
        printf("  SIGSEGV — restarting: %s\n", failure->text);
        return WARD_DIRECTIVE_RESTART;
    }
    if (failure->cause == WARD_CAUSE_SIGNAL && failure->signal == SIGABRT) {
        printf("  SIGABRT — stopping: %s\n", failure->text);
        return WARD_DIRECTIVE_STOP;
    }
    return WARD_DIRECTIVE_ESCALATE;
}

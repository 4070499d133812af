/* Failures as exceptions are: with a class and a text. */
#include <stdio.h>
#include <string.h>

#include "guide.h"

ward_next
guide_fail_on_value(ward_ctx *ctx, const char *task)
{
    return ward_raise(ctx, "ValueError", "Cannot process: %s", task);
}

ward_next
guide_fail_on_purpose(ward_ctx *ctx)
{
    return ward_raise(ctx, "RuntimeError", "Intentional crash!");
}

ward_directive
guide_decide(const ward_failure *failure)
{
    if (strcmp(failure->raised, "ValueError") == 0) {
        printf("  ValueError — restarting: %s\n", failure->text);
        return WARD_DIRECTIVE_RESTART;
    }
    if (strcmp(failure->raised, "RuntimeError") == 0) {
        printf("  RuntimeError — stopping: %s\n", failure->text);
        return WARD_DIRECTIVE_STOP;
    }
    return WARD_DIRECTIVE_ESCALATE;
}

/* The two ways to fail in the guide, and the decider that tells them apart. */
#ifndef GUIDE_H
#define GUIDE_H

#include <ward/ward.h>

/* A task that cannot be processed. */
ward_next guide_fail_on_value(ward_ctx *ctx, const char *task);
/* What CRASH_ON_PURPOSE asks for. */
ward_next guide_fail_on_purpose(ward_ctx *ctx);
/* Restart after the first, stop after the second, escalate after anything else. */
ward_directive guide_decide(const ward_failure *failure);

#endif

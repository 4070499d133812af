/*
 * The supervision guide in three parts: a worker that restarts on failure, one whose decider
 * tells failures apart and whose hooks tell its story, and a team whose members fail alone.
 * How its workers fail is another file's: guide_raised.c reports failures, guide_native.c
 * really crashes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ward/ward.h>

#include "guide.h"

/* ---- messages ---- */

enum { PROCESS, GET_PROCESSED, CRASH_ON_PURPOSE };
enum { DELEGATE_WORK, GET_REPORT };

/* ---- the worker: no error handling anywhere ---- */

struct worker {
    uint64_t processed;
};

static ward_next
process(ward_ctx *ctx, const ward_message *msg)
{
    struct worker *self = ward_state(ctx);
    const char *task;

    if (ward_get(msg, &task) < 0)
        return WARD_UNHANDLED;
    if (strcmp(task, "bad") == 0)
        return guide_fail_on_value(ctx, task);
    printf("  [%s] Processed: %s\n", ward_path(ctx), task);
    self->processed++;
    return WARD_SAME;
}

static ward_next
worker_receive(ward_ctx *ctx, const ward_message *msg)
{
    struct worker *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case PROCESS:
        return process(ctx, msg);
    case GET_PROCESSED:
        return ward_reply(ctx, self->processed);
    case CRASH_ON_PURPOSE:
        return guide_fail_on_purpose(ctx);
    }
    return WARD_UNHANDLED;
}

static const ward_behavior worker = {
    .name = "worker", .state_size = sizeof(struct worker), .receive = worker_receive};
WARD_REGISTER(worker);

/* ---- the same worker with hooks ---- */

static int
say_started(ward_ctx *ctx)
{
    printf("  [%s] Started\n", ward_path(ctx));
    return 0;
}

static void
say_stopped(ward_ctx *ctx)
{
    printf("  [%s] Stopped\n", ward_path(ctx));
}

static void
say_restarting(ward_ctx *ctx, const ward_failure *cause)
{
    printf("  [%s] Restarting after: %s\n", ward_path(ctx), cause->text);
}

static const ward_behavior resilient_worker = {
    .name = "resilient-worker",
    .state_size = sizeof(struct worker),
    .receive = worker_receive,
    .pre_start = say_started,
    .post_stop = say_stopped,
    .pre_restart = say_restarting,
};
WARD_REGISTER(resilient_worker);

/* ---- strategies ---- */

static const ward_strategy always_restart = {
    .name = "always-restart", .max_restarts = 3, .within_ms = 60000};
WARD_REGISTER(always_restart);

static const ward_strategy selective = {
    .name = "selective", .decider = guide_decide, .max_restarts = 5, .within_ms = 60000};
WARD_REGISTER(selective);

/* ---- a parent and its children ---- */

enum { TEAM_SIZE = 3 };

struct team {
    ward_ref workers[TEAM_SIZE];
};

static int
team_start(ward_ctx *ctx)
{
    struct team *self = ward_state(ctx);

    for (int i = 0; i < TEAM_SIZE; i++) {
        char id[32];
        int result;
        snprintf(id, sizeof id, "worker-%d", i);
        result = ward_spawn(
            ctx, &self->workers[i],
            &(ward_spec){.id = id, .behavior = &worker, .strategy = &always_restart});
        if (result < 0)
            return result;
    }
    return 0;
}

static ward_next
team_receive(ward_ctx *ctx, const ward_message *msg)
{
    struct team *self = ward_state(ctx);
    const char *task;
    uint32_t index;
    char report[64];

    switch (ward_message_type(msg)) {
    case DELEGATE_WORK:
        if (ward_get(msg, &task, &index) < 0)
            return WARD_UNHANDLED;
        return ward_tell(ctx, self->workers[index % TEAM_SIZE], PROCESS, task);
    case GET_REPORT:
        snprintf(report, sizeof report, "Team has %d workers", TEAM_SIZE);
        return ward_reply(ctx, report);
    }
    return WARD_UNHANDLED;
}

static const ward_behavior team = {.name = "team",
                                   .state_size = sizeof(struct team),
                                   .pre_start = team_start,
                                   .receive = team_receive};
WARD_REGISTER(team);

/* ---- running it ---- */

enum { PATIENCE_MS = 5000 };

static int
basic_supervision(ward_system *sys)
{
    ward_ctx *ctx = ward_system_ctx(sys);
    ward_ref ref;
    int result;

    printf("── Basic supervision ──\n");
    result = ward_spawn(ctx, &ref,
                        &(ward_spec){.id = "basic-worker",
                                     .behavior = &worker,
                                     .strategy = &always_restart});
    if (result < 0)
        return result;
    ward_tell(ctx, ref, PROCESS, "hello");
    ward_tell(ctx, ref, PROCESS, "bad");   /* fails, is restarted */
    ward_tell(ctx, ref, PROCESS, "world"); /* goes on after that */
    return ward_settle(sys, PATIENCE_MS);
}

static int
selective_strategy(ward_system *sys)
{
    ward_ctx *ctx = ward_system_ctx(sys);
    ward_ref ref;
    int result;

    printf("\n── Selective strategy + lifecycle hooks ──\n");
    result = ward_spawn(ctx, &ref,
                        &(ward_spec){.id = "selective-worker",
                                     .behavior = &resilient_worker,
                                     .strategy = &selective});
    if (result < 0)
        return result;
    ward_tell(ctx, ref, PROCESS, "good");
    ward_tell(ctx, ref, PROCESS, "bad");   /* ValueError: restart */
    ward_tell(ctx, ref, CRASH_ON_PURPOSE); /* RuntimeError: stop */
    return ward_settle(sys, PATIENCE_MS);
}

static int
supervision_tree(ward_system *sys)
{
    ward_ctx *ctx = ward_system_ctx(sys);
    ward_message *reply;
    const char *report;
    ward_ref ref;
    int result;

    printf("\n── Supervision tree ──\n");
    result = ward_spawn(ctx, &ref, &(ward_spec){.id = "team", .behavior = &team});
    if (result < 0)
        return result;
    ward_tell(ctx, ref, DELEGATE_WORK, "task-a", 0);
    ward_tell(ctx, ref, DELEGATE_WORK, "task-b", 1);
    ward_tell(ctx, ref, DELEGATE_WORK, "bad", 2);    /* worker-2 fails, is restarted */
    ward_tell(ctx, ref, DELEGATE_WORK, "task-c", 2); /* and handles this one */
    result = ward_settle(sys, PATIENCE_MS);
    if (result < 0)
        return result;
    result = ward_ask(ctx, ref, &reply, PATIENCE_MS, GET_REPORT);
    if (result < 0)
        return result;
    if (ward_get(reply, &report) == 0)
        printf("  %s\n", report);
    ward_message_free(reply);
    return 0;
}

int
main(void)
{
    ward_system *sys = NULL;
    int result = ward_early();

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (result == 0)
        result = ward_system_new(&sys, NULL);
    if (result == 0)
        result = basic_supervision(sys);
    if (result == 0)
        result = selective_strategy(sys);
    if (result == 0)
        result = supervision_tree(sys);
    if (result == 0) {
        ward_system_stop(sys);
        result = ward_run(sys);
    }
    ward_system_free(sys);
    if (result < 0)
        fprintf(stderr, "guide: %s\n", ward_strerror(result));
    return result < 0;
}

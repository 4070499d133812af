/*
 * An unreliable worker: a message makes it crash, its strategy restarts it, and the next
 * message finds it recovered.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ward/ward.h>

enum { CRASH, SAY };

static ward_next
unreliable_receive(ward_ctx *ctx, const ward_message *msg)
{
    const char *text;

    (void)ctx;
    if (ward_message_type(msg) == CRASH)
        abort(); /* something went wrong */
    if (ward_get(msg, &text) < 0)
        return WARD_UNHANDLED;
    printf("Processed: %s\n", text);
    return WARD_SAME;
}

static const ward_behavior unreliable_worker = {.name = "unreliable-worker",
                                                .receive = unreliable_receive};
WARD_REGISTER(unreliable_worker);

static ward_directive
always(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_RESTART;
}

static const ward_strategy strategy = {
    .name = "one-for-one", .decider = always, .max_restarts = 3, .within_ms = 60000};
WARD_REGISTER(strategy);

int
main(void)
{
    ward_system *sys = NULL;
    ward_ctx *ctx;
    ward_ref ref;
    int result = ward_system_new(&sys, NULL);

    if (result < 0) {
        fprintf(stderr, "concept: %s\n", ward_strerror(result));
        return 1;
    }
    ctx = ward_system_ctx(sys);
    result = ward_spawn(ctx, &ref,
                        &(ward_spec){.id = "worker",
                                     .behavior = &unreliable_worker,
                                     .strategy = &strategy});
    if (result == 0) {
        ward_tell(ctx, ref, CRASH);        /* fails, its supervisor restarts it */
        ward_tell(ctx, ref, SAY, "hello"); /* succeeds: the actor has recovered */
        result = ward_settle(sys, 5000);
    }
    ward_system_free(sys);
    return result < 0;
}

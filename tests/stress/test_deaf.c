/*
 * A worker that does not read: it asks for ten thousand large answers and then waits for a byte
 * that never comes, while the host and other workers tell it all they can. What that costs the
 * host is bounded by what is said in spec.h and system.h, and by the answers that are kept (verbs.h).
 */
#include "scene.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BE_DEAF = 1, GIVE, FILL, NOISE };
enum { TELLERS = 4 };
enum {
    MIB = 1 << 20,
    ANSWER = MIB,
    FRAME = 2 * MIB,
    BOX = MIB,
    CREDIT = 64 * 1024,
    ANSWERS = 64 * MIB,
    NOTICES = 64 * MIB,
    SLACK = 32 * MIB, /* of allocators, and for what is on its way */
};

static char payload[ANSWER];

/* ---- the workers ---- */

static ward_next
ignore(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)ctx;
    (void)status;
    (void)reply;
    (void)user;
    return WARD_SAME;
}

/* It asks, and never listens. */
static ward_next
be_deaf(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref giver;
    int64_t asks;
    char byte;

    if (ward_get(msg, &giver, &asks) < 0)
        return WARD_UNHANDLED;
    for (int64_t i = 0; i < asks; i++)
        if (ward_ask_then(ctx, giver, WARD_INFINITE, ignore, NULL, GIVE, 0) < 0)
            break;
    ward_flush(ctx);
    return read(3, &byte, 1) == 1 ? WARD_SAME : -EIO;
}

/* All that is taken, and once more. */
static ward_next
fill(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref to;

    if (ward_get(msg, &to) < 0)
        return WARD_UNHANDLED;
    while (ward_tell(ctx, to, NOISE, ((ward_bytes){payload, 5000})) == 0)
        ;
    return ward_tell(ctx, ward_self(ctx), FILL, to);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    switch (ward_message_type(msg)) {
    case BE_DEAF:
        return be_deaf(ctx, msg);
    case GIVE:
        return ward_reply(ctx, ((ward_bytes){payload, sizeof payload - 1000}));
    case FILL:
        return fill(ctx, msg);
    case NOISE:
        return WARD_SAME;
    }
    return WARD_UNHANDLED;
}

static const ward_behavior someone = {.name = "someone", .receive = receive};
WARD_REGISTER(someone);

/* ---- the host ---- */

struct host {
    ward_system *sys;
    ward_ctx *ctx;
    ward_ref deaf, giver;
    int64_t letters, failures;
    int64_t most; /* resident, of what was seen */
};

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct host *h = user;

    (void)ctx;
    h->letters += event->kind == WARD_EVENT_DEAD_LETTER;
    h->failures += event->kind == WARD_EVENT_FAILED;
}

static ward_ref
spawn(struct host *h, ward_spec spec)
{
    ward_ref ref;

    spec.behavior = &someone;
    spec.strategy = &scene_stubborn;
    spec.frame_bytes = FRAME;
    scene_ok(ward_spawn(h->ctx, &ref, &spec));
    scene_ok(ward_wait_up(h->sys, ref, SCENE_PATIENCE_MS));
    return ref;
}

static void
look(struct host *h)
{
    int64_t now = scene_resident(getpid());

    if (now > h->most)
        h->most = now;
}

static void
burden(struct host *h, int64_t asks)
{
    static const char *const ids[TELLERS] = {"a", "b", "c", "d"};
    int64_t end = scene_now_ms() + scene_rounds(20) * 500;

    scene_ok(ward_tell(h->ctx, h->deaf, BE_DEAF, h->giver, asks));
    for (int i = 0; i < TELLERS; i++)
        scene_ok(ward_tell(h->ctx, spawn(h, (ward_spec){.id = ids[i]}), FILL, h->deaf));
    while (scene_now_ms() < end) {
        while (ward_tell(h->ctx, h->deaf, NOISE, ((ward_bytes){payload, 1000})) == 0)
            ;
        ward_run_for(h->sys, 5);
        look(h);
    }
}

static void
measure(int64_t asks, int64_t bound)
{
    struct host h = {0};
    int ends[2];
    int64_t before;

    assert_int_equal(pipe(ends), 0);
    scene_ok(ward_system_new(
        &h.sys,
        &(ward_system_options){.on_event = note, .user = &h, .credit.bytes = CREDIT}));
    h.ctx = ward_system_ctx(h.sys);
    h.giver = spawn(&h, (ward_spec){.id = "giver"});
    h.deaf = spawn(
        &h,
        (ward_spec){.id = "deaf", .fds = ends, .fd_count = 1, .mailbox = {.bytes = BOX}});
    before = scene_resident(getpid());
    burden(&h, asks);
    print_message("%ld asks: the host grew by %ld KiB of %ld; %ld dead letters, %ld "
                  "failures\n",
                  (long)asks, (long)((h.most - before) / 1024), (long)(bound / 1024),
                  (long)h.letters, (long)h.failures);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(h.most - before <= bound); /* theirs keep what was freed */
#endif
    ward_system_free(h.sys);
    close(ends[0]);
    close(ends[1]);
}

/* What the tellers may have in hand, each with its credit and one frame beyond it, and what the
 * host reads of each. */
static int64_t
bound_of_tells(void)
{
    return BOX + TELLERS * (CREDIT + FRAME) + SLACK;
}

static void
told_by_all_it_costs_its_mailbox_and_their_credit(void **state)
{
    (void)state;
    measure(0, bound_of_tells());
}

static void
answers_to_it_cost_no_more_than_its_lane(void **state)
{
    (void)state;
    measure(10000, bound_of_tells() + 2 * (int64_t)ANSWERS + NOTICES);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_by_all_it_costs_its_mailbox_and_their_credit),
        cmocka_unit_test(answers_to_it_cost_no_more_than_its_lane),
    };

    memset(payload, 'x', sizeof payload);
    if (ward_early() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

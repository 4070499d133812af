/*
 * A random network: twenty actors that tell, ask and flood one another and the host, with small
 * windows and small mailboxes of all kinds, while they are killed, restarted and stopped. It
 * never stands still, and no message is lost, doubled or overtaken.
 *
 * WARD_SEED=number runs one of them again.
 */
#include "ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORK = 1 };
enum { GATE_RUN_MS = 1500, SOAK_RUN_MS = 10000 };
/* Longer than any ask of a handler's, and what else may hold one up on a busy machine. */
enum { STILL_MS = 15000 };
enum { LONGEST_ASK_MS = 300, LARGEST = 60000 };

/* What is random of a run. Workers get it as their arguments. */
struct plan {
    uint32_t seed;
    int slot;
    uint32_t ask_percent;   /* of what is sent */
    uint32_t crash_one_in;  /* handlers; 0: none crashes */
    uint32_t meddle_one_in; /* handlers that kill, restart or stop others */
    bool is_threaded;
    bool may_end;          /* some end for good, and are spawned anew */
    uint32_t kill_percent; /* of the host's turns */
    ward_credit credit;
    int64_t mailbox_bytes;
};

static char payload[LARGEST];

/* ---- in the workers ---- */

struct actor {
    struct plan plan;
    uint32_t random;
    bool has_sent;
};

static uint32_t
below(uint32_t *random, uint32_t limit)
{
    return scene_random(random) % limit;
}

static bool
one_in(uint32_t *random, uint32_t many)
{
    return many > 0 && below(random, many) == 0;
}

static ward_bytes
any_payload(uint32_t *random)
{
    static const uint32_t sizes[] = {16, 64, 64, 64, 200, 200, 600, 5000};
    uint32_t size = sizes[below(random, sizeof sizes / sizeof sizes[0])];

    if (ledger->is_calm)
        return (ward_bytes){payload, 0};
    if (one_in(random, 500))
        size = LARGEST;
    return (ward_bytes){payload, below(random, size)};
}

static ward_next act(ward_ctx *ctx, int64_t hops);

static ward_next
answered(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    (void)reply;
    ledger_answered((uint32_t)(uintptr_t)user, status);
    if (ledger_me() == LEDGER_HOST)
        return WARD_SAME;
    return act(ctx, 0);
}

static int
send_one(ward_ctx *ctx, uint32_t *random, int to, enum ledger_kind kind, int64_t hops)
{
    ward_bytes bytes = any_payload(random);
    ward_message *reply = NULL;
    int timeout_ms = 1 + (int)below(random, LONGEST_ASK_MS);
    uint32_t number = ledger_open(to, kind);
    ward_ref ref = ledger_ref(to);
    int result = 0;

    if (number == 0)
        return 0;
    switch (kind) {
    case LEDGER_TELL:
        result = ward_tell(ctx, ref, WORK, number, hops, bytes);
        break;
    case LEDGER_ASK:
        result = ward_ask(ctx, ref, &reply, timeout_ms, WORK, number, hops, bytes);
        ward_message_free(reply);
        break;
    case LEDGER_ASK_THEN:
        result = ward_ask_then(ctx, ref, timeout_ms, answered, (void *)(uintptr_t)number,
                               WORK, number, hops, bytes);
        break;
    }
    ledger_sent(number, result);
    return result;
}

static void
flood(ward_ctx *ctx, struct actor *self, int to)
{
    for (uint32_t i = 10 + below(&self->random, 50); i > 0; i--)
        send_one(ctx, &self->random, to, LEDGER_TELL, 0);
}

static void
meddle(ward_ctx *ctx, struct actor *self, int to)
{
    if (below(&self->random, 2))
        ward_restart(ctx, ledger_ref(to));
    else
        ward_kill(ctx, ledger_ref(to));
    if (self->plan.may_end && one_in(&self->random, 10))
        ward_stop(ctx, ledger_ref(to));
}

static ward_next
act(ward_ctx *ctx, int64_t hops)
{
    struct actor *self = ward_state(ctx);
    int to = (int)below(&self->random, LEDGER_SLOTS);
    uint32_t what = below(&self->random, 100);

    if (ledger->is_calm || ledger_ref(to).id == 0) /* not spawned yet */
        return WARD_SAME;
    if (one_in(&self->random, self->plan.meddle_one_in) && to != LEDGER_HOST)
        meddle(ctx, self, to);
    else if (one_in(&self->random, 40))
        flood(ctx, self, to);
    else if (one_in(&self->random, 40))
        return ward_flush(ctx);
    else if (what >= self->plan.ask_percent)
        send_one(ctx, &self->random, to, LEDGER_TELL, hops);
    else
        send_one(ctx, &self->random, to, what % 2 ? LEDGER_ASK : LEDGER_ASK_THEN, hops);
    return WARD_SAME;
}

static void
maybe_crash(ward_ctx *ctx, struct actor *self)
{
    if (!one_in(&self->random, self->plan.crash_one_in) || ledger->is_calm)
        return;
    switch (below(&self->random, 4)) {
    case 0:
        kill(getpid(), SIGKILL);
        break;
    case 1:
        ward_raise(ctx, "Any", "one in %d", (int)self->plan.crash_one_in);
        break;
    default:
        scene_fault();
    }
}

static ward_next
ending(struct actor *self)
{
    if (ledger->is_calm || !one_in(&self->random, self->plan.meddle_one_in))
        return WARD_SAME;
    if (self->plan.may_end && one_in(&self->random, 4))
        return WARD_STOP;
    return below(&self->random, 2) ? WARD_RESTART : WARD_UNHANDLED;
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    struct actor *self = ward_state(ctx);
    int64_t hops = 0;
    uint32_t number;
    ward_next next = WARD_SAME;

    if (ward_get(msg, &number, &hops) < 0)
        return WARD_UNHANDLED;
    ledger_receive(number, ward_message_attempt(msg));
    maybe_crash(ctx, self);
    if (ward_sender(msg).id != 0 && !one_in(&self->random, 50))
        next = ward_reply(ctx, number);
    for (uint32_t i = hops > 0 ? 1 + below(&self->random, 3) : 0; i > 0 && next == 0; i--)
        next = act(ctx, hops - 1);
    maybe_crash(ctx, self);
    return next == WARD_SAME ? ending(self) : next;
}

static int
start(ward_ctx *ctx)
{
    struct actor *self = ward_state(ctx);

    memcpy(&self->plan, ward_args(ctx).data, sizeof self->plan);
    ledger_i_am(self->plan.slot);
    self->random = (self->plan.seed ^ (ledger->lives * 2654435761u)) | 1;
    act(ctx, 1);
    maybe_crash(ctx, self);
    return 0;
}

static void
stop(ward_ctx *ctx)
{
    struct actor *self = ward_state(ctx);

    if (self->random == 0)
        return; /* a fresh process, which is nobody */
    ledger_step();
    act(ctx, 0);
}

static const ward_behavior node = {.name = "node",
                                   .state_size = sizeof(struct actor),
                                   .receive = receive,
                                   .pre_start = start,
                                   .post_stop = stop};
WARD_REGISTER(node);

/* ---- the host ---- */

struct host {
    ward_system *sys;
    ward_ctx *ctx;
    struct plan plan;
    uint32_t random;
    ward_spec specs[LEDGER_WORKERS];
    struct plan plans[LEDGER_WORKERS];
    char ids[LEDGER_WORKERS][12];
    bool is_gone[LEDGER_SLOTS];     /* to be spawned again */
    bool wants_room[LEDGER_SLOTS];  /* on_room is owed */
    uint32_t beats[LEDGER_SLOTS];   /* when it was looked at last */
    int64_t moved_at[LEDGER_SLOTS]; /* it had made progress, or nothing to do */
    uint32_t failures, ends;
};

static int
slot_of(ward_ref ref)
{
    int slot = 0;

    while (slot < LEDGER_WORKERS && !ward_ref_equal(ledger_ref(slot), ref))
        slot++;
    return slot;
}

static void
heard(ward_ctx *ctx, const ward_message *msg, void *user)
{
    struct host *h = user;
    uint32_t number = 0;

    scene_ok(ward_get(msg, &number));
    ledger_receive(number, ward_message_attempt(msg));
    if (ward_sender(msg).id != 0 && !one_in(&h->random, 50))
        scene_ok(ward_reply(ctx, number));
}

static void
note(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct host *h = user;
    uint32_t number = 0;
    int slot = slot_of(event->actor);

    (void)ctx;
    switch (event->kind) {
    case WARD_EVENT_DEAD_LETTER:
        if (ward_message_type(event->message) == WARD_REPLY)
            return;
        scene_ok(ward_get(event->message, &number));
        ledger_letter(number, event->letter);
        break;
    case WARD_EVENT_FAILED:
        atomic_fetch_add(&ledger->actors[slot].deaths, 1);
        h->failures++;
        break;
    case WARD_EVENT_STOPPED:
        assert_int_not_equal(slot, LEDGER_HOST);
        atomic_fetch_add(&ledger->actors[slot].ends, 1);
        h->is_gone[slot] = true;
        h->wants_room[slot] = false;
        h->ends++;
        break;
    case WARD_EVENT_EVENTS_LOST:
        ledger_complain(0, "events were lost");
        break;
    default:
        break;
    }
}

static void
has_room(ward_ctx *ctx, ward_ref ref, void *user)
{
    struct host *h = user;

    (void)ctx;
    h->wants_room[slot_of(ref)] = false;
}

static void
spawn(struct host *h, int slot)
{
    ward_ref ref;

    scene_ok(ward_spawn(h->ctx, &ref, &h->specs[slot]));
    atomic_store(&ledger->actors[slot].nonce, ref.nonce); /* first: see act */
    atomic_store(&ledger->actors[slot].id, ref.id);
    h->is_gone[slot] = false;
}

static void
revive(struct host *h)
{
    for (int i = 0; i < LEDGER_WORKERS; i++)
        if (h->is_gone[i])
            spawn(h, i);
}

static void
send_some(struct host *h)
{
    for (uint32_t i = below(&h->random, 12); i > 0; i--) {
        int to = (int)below(&h->random, LEDGER_WORKERS);
        enum ledger_kind kind = LEDGER_TELL;

        if (one_in(&h->random, 20))
            kind = LEDGER_ASK_THEN;
        else if (one_in(&h->random, 200))
            kind = LEDGER_ASK;
        if (send_one(h->ctx, &h->random, to, kind, 3) == -EAGAIN &&
            !ledger->actors[to].drops)
            h->wants_room[to] = true;
    }
}

static void
harm_one(struct host *h)
{
    int slot = (int)below(&h->random, LEDGER_WORKERS);
    ward_ref ref = ledger_ref(slot);
    int64_t pid;

    if (below(&h->random, 100) >= h->plan.kill_percent)
        return;
    switch (below(&h->random, 8)) {
    case 0:
        ward_kill(h->ctx, ref);
        break;
    case 1:
        ward_restart(h->ctx, ref);
        break;
    case 2:
        if (h->plan.may_end && below(&h->random, 2))
            ward_stop(h->ctx, ref);
        else if (h->plan.may_end)
            ward_drain(h->ctx, ref);
        break;
    default:
        pid = ward_process_id(h->sys, ref);
        if (pid > 0)
            kill((pid_t)pid, SIGKILL);
    }
}

static void
give_up(struct host *h, const char *why)
{
    static char tree[16384];

    ward_dump(h->sys, tree, sizeof tree);
    print_error("seed %u: %s\n%s", h->plan.seed, why, tree);
    fail();
}

/* Nobody stands still while there is something to do. */
static void
look_around(struct host *h)
{
    int64_t now = scene_now_ms();
    char why[64];

    for (int i = 0; i < LEDGER_WORKERS; i++) {
        uint32_t beats = ledger->actors[i].beats;
        if (beats != h->beats[i] || ward_mailbox_count(h->sys, ledger_ref(i)) <= 0 ||
            h->moved_at[i] == 0)
            h->moved_at[i] = now;
        h->beats[i] = beats;
        if (now - h->moved_at[i] > STILL_MS) {
            snprintf(why, sizeof why, "actor %d stands still", i);
            give_up(h, why);
        }
    }
}

/* ---- a run ---- */

static void
plan_actor(struct host *h, int slot)
{
    static const ward_when_full policies[] = {WARD_REJECT, WARD_DROP_NEW,
                                              WARD_DROP_OLDEST, WARD_WAIT};
    ward_spec *spec = &h->specs[slot];
    ward_when_full policy = policies[below(&h->random, 4)];

    h->plans[slot] = h->plan;
    h->plans[slot].slot = slot;
    snprintf(h->ids[slot], sizeof h->ids[slot], "%d", slot);
    *spec = (ward_spec){
        .id = h->ids[slot],
        .behavior = &node,
        .strategy = &scene_stubborn,
        .args = {&h->plans[slot], sizeof h->plans[slot]},
        .redeliver = (int)below(&h->random, 3) / 2,
        .mailbox = {.messages = 1 + below(&h->random, 8), .when_full = policy}};
    if (one_in(&h->random, 4))
        spec->mailbox.bytes = 300 + below(&h->random, 2000);
    if (one_in(&h->random, 10))
        spec->mailbox.messages = 0;
    ledger->actors[slot].redeliver = spec->redeliver;
    ledger->actors[slot].drops = policy == WARD_DROP_NEW || policy == WARD_DROP_OLDEST;
}

static struct plan
plan_run(uint32_t seed)
{
    uint32_t random = seed * 2654435761u | 1;
    bool is_calm;

    scene_random(&random);
    is_calm = one_in(&random, 4);
    return (struct plan){
        .seed = seed,
        .ask_percent = below(&random, 3) * 20,
        .crash_one_in = is_calm ? 0 : 100 + below(&random, 2000),
        .meddle_one_in = is_calm ? 0 : 200 + below(&random, 2000),
        .is_threaded = one_in(&random, 3),
        .may_end = below(&random, 2),
        .kill_percent = is_calm ? 0 : below(&random, 20),
        .credit = {.messages = 1 + below(&random, 8), .bytes = 1 + below(&random, 2000)},
        .mailbox_bytes = one_in(&random, 3) ? 2000 + below(&random, 100000) : 0,
    };
}

static void
open_system(struct host *h)
{
    ward_system_options options = {
        .on_event = note,
        .on_message = heard,
        .on_room = has_room,
        .user = h,
        .threaded = h->plan.is_threaded,
        .mailbox_bytes = h->plan.mailbox_bytes,
        .credit = h->plan.credit,
        .mailbox = {.messages = below(&h->random, 8),
                    .when_full = (ward_when_full)below(&h->random, 4)},
    };
    ward_ref self;

    ledger->actors[LEDGER_HOST].drops = options.mailbox.when_full == WARD_DROP_NEW ||
                                        options.mailbox.when_full == WARD_DROP_OLDEST;
    ledger->credit = options.credit.messages;
    scene_ok(ward_system_new(&h->sys, &options));
    h->ctx = ward_system_ctx(h->sys);
    self = ward_self(h->ctx);
    atomic_store(&ledger->actors[LEDGER_HOST].id, self.id);
    atomic_store(&ledger->actors[LEDGER_HOST].nonce, self.nonce);
    for (int i = 0; i < LEDGER_WORKERS; i++) {
        plan_actor(h, i);
        spawn(h, i);
    }
}

static void
go_on(struct host *h, int timeout_ms)
{
    int result = ward_run_for(h->sys, timeout_ms);

    assert_int_equal(result, -ETIMEDOUT);
    revive(h);
    look_around(h);
}

static void
settle(struct host *h)
{
    int result;

    do
        result = ward_settle(h->sys, 2 * STILL_MS);
    while (result == 0 && h->ends > 0 && (revive(h), h->ends = 0, true));
    if (result < 0)
        give_up(h, ward_error_name(result));
}

/* The host asks for nothing more; what was asked runs out, and each is told one thing more,
 * which shows that it had done with all before. */
static void
calm_down(struct host *h)
{
    atomic_store(&ledger->is_calm, 1);
    settle(h);
    go_on(h, LONGEST_ASK_MS + 100);
    settle(h);
    for (int i = 0; i < LEDGER_WORKERS; i++) {
        if (send_one(h->ctx, &h->random, i, LEDGER_TELL, 0) < 0)
            give_up(h, "one is full for ever");
        settle(h);
    }
    for (int i = 0; i < LEDGER_WORKERS; i++)
        if (h->wants_room[i])
            ledger_complain(0, "the host was not told of room");
}

static void
run(uint32_t seed, int64_t run_ms)
{
    struct host *h = calloc(1, sizeof *h);
    int64_t end = scene_now_ms() + run_ms;

    assert_non_null(h);
    h->plan = plan_run(seed);
    h->random = seed | 1;
    print_message("seed %u: %s, asks %u %%, crash 1/%u, kill %u %%, credit %" PRId64
                  " and %" PRId64 " bytes, in all %" PRId64 "\n",
                  seed, h->plan.is_threaded ? "threaded" : "plain", h->plan.ask_percent,
                  h->plan.crash_one_in, h->plan.kill_percent, h->plan.credit.messages,
                  h->plan.credit.bytes, h->plan.mailbox_bytes);
    ledger_clear();
    ledger_i_am(LEDGER_HOST);
    open_system(h);
    while (scene_now_ms() < end && !ledger->is_calm) {
        send_some(h);
        harm_one(h);
        go_on(h, (int)below(&h->random, 3));
    }
    calm_down(h);
    ledger_audit();
    ward_system_free(h->sys);
    free(h);
}

static void
nothing_is_lost_and_nobody_stands_still(void **state)
{
    bool is_soak = scene_rounds(20) == 20;
    const char *seed = getenv("WARD_SEED");
    uint32_t first = is_soak ? (uint32_t)scene_now_ms() : 1;

    (void)state;
    if (seed != NULL) {
        run((uint32_t)strtoul(seed, NULL, 10), is_soak ? SOAK_RUN_MS : GATE_RUN_MS);
        return;
    }
    for (int i = 0; i < scene_rounds(60); i++)
        run(first + (uint32_t)i, is_soak ? SOAK_RUN_MS : GATE_RUN_MS);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_and_nobody_stands_still),
    };

    ledger_make();
    if (ward_early() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

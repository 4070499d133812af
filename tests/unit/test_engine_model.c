/*
 * Random histories, played against the engine and against a slow model of it. Here are the
 * worker processes: they start, answer, raise, die, get lost, are late. After every event
 * engine and model must agree (engine_play.h).
 *
 * WARD_SEED=n replays one history, WARD_TRACE=1 prints it.
 */
#include "tests/unit/engine_play.h"

#include <string.h>

#include <ward/export.h>

enum { NODES_MOST = 40, PLAIN_MOST = 13, DEPTH_MOST = 4 };
enum {
    EVENTS_MOST = 200,
    STUBBORN_MOST = 3,
    STUBBORN_EVENTS = 300,
    ANSWERS_MOST = 40000
};

enum { SOAK_ROUNDS = 5000000, GATE_ROUNDS = 25000 };

/* ---- what the worker processes do ---- */

static bool
is_alive(const struct play *p, int n)
{
    return play_is(p, n, WARD__NODE_UP) || play_is(p, n, WARD__NODE_STARTING);
}

/* A child of the host or of an actor, which goes about its work. */
static void
spawn(struct play *p, int parent)
{
    const struct ward__node *node = p->actors[parent].node;
    struct ward__node_options options;

    if (p->count == p->most || p->actors[parent].depth == DEPTH_MOST ||
        !is_alive(p, parent) || node->options.kind == WARD__KIND_SUPERVISOR)
        return;
    if (parent > 0 && p->actors[parent].stage != BORN && p->actors[parent].stage != UP)
        return;
    options = play_options(p, p->actors[parent].depth < 3);
    play_birth(p, parent, &options, ward__engine_spawn, model_spawn);
}

static bool
is_governed(const struct play *p, int n)
{
    return n > 0 && p->actors[p->actors[n].parent].node != NULL &&
           p->actors[p->actors[n].parent].node->options.policy.is_supervisor;
}

/* Somebody calls a supervisor, about one of its children or for a new one. */
static void
manage(struct play *p, int n)
{
    unsigned dice = random_below(&p->random, 4);

    if (dice == 0 && play_is(p, n, WARD__NODE_UP) && p->count < p->most &&
        p->actors[n].node->options.policy.is_supervisor) {
        struct ward__node_options options = play_options(p, p->actors[n].depth < 3);
        play_birth(p, n, &options, ward__engine_start_child, model_start_child);
    }
    if (!is_governed(p, n) || !is_alive(p, p->actors[n].parent))
        return;
    if (dice == 1)
        play_terminate_child(p, n);
    else if (dice == 2 && play_is(p, n, WARD__NODE_ABSENT) &&
             play_is(p, p->actors[n].parent, WARD__NODE_UP))
        play_restart_child(p, n);
    else if (dice == 3 && play_is(p, n, WARD__NODE_ABSENT))
        play_delete_child(p, n);
}

/* It does as it should: starts, becomes quiet when told, goes when told. */
static void
behave(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    if (play_is(p, n, WARD__NODE_DELAYED)) {
        play_expire(p, n);
    } else if (actor->stage == BORN && !actor->is_doomed) {
        play_ready(p, n);
    } else if (actor->stage == UP && actor->was_told &&
               play_is(p, n, WARD__NODE_HALTING)) {
        play_quiet(p, n, WARD__SAYS_ASKED);
    } else if (actor->is_doomed || actor->stage == LAST || actor->stage == GONE ||
               actor->stage == CLEANUP || play_is(p, n, WARD__NODE_EXITING)) {
        play_die(p, n, false);
    }
}

static bool
can_raise(const struct play *p, int n)
{
    enum stage stage = p->actors[n].stage;

    return stage == BORN || stage == UP;
}

static void
misbehave(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];
    unsigned dice = random_below(&p->random, 10);

    if (actor->stage == NONE)
        return;
    if (dice < 2 && can_raise(p, n))
        play_failed(p, n, true);
    else if (dice == 2 && actor->stage == BORN)
        play_ignored(p, n);
    else if (dice == 3 && actor->stage == BORN)
        play_spawn_error(p, n);
    else if (dice < 6 && actor->stage == UP)
        play_quiet(p, n, dice < 5 ? WARD__SAYS_STOP : WARD__SAYS_RESTART);
    else if (dice == 6)
        play_die(p, n, true);
    else if (dice == 7 && n > 0)
        actor->is_doomed |= play_is(p, n, WARD__NODE_HALTING) || actor->stage == LAST;
    else
        play_die(p, n, false);
}

/* Nearly every start fails, and in a history nearly always in the same way. */
static void
fail_to_start(struct play *p, int n)
{
    unsigned dice = random_below(&p->random, 100);

    if (dice < 3)
        play_ready(p, n);
    else if ((dice < 10) != (p->goodness < 70))
        play_spawn_error(p, n);
    else
        play_failed(p, n, dice % 2 == 0);
}

/* ---- histories ---- */

static void
happen(struct play *p)
{
    int n = (int)random_below(&p->random, (unsigned)p->count);
    unsigned dice = random_below(&p->random, 1000);
    struct actor *actor = &p->actors[n];

    if (actor->node == NULL)
        return;
    if (dice < 100) {
        spawn(p, n);
    } else if (dice < 130) {
        if (n > 0 || dice == 100)
            play_stop(p, n);
    } else if (dice < 150) {
        play_restart(p, n);
    } else if (dice < 190) {
        manage(p, n);
    } else if (n > 0 && dice < 200) {
        play_expire(p, n);
    } else if (p->is_stubborn && actor->stage == BORN) {
        fail_to_start(p, n);
    } else if (n > 0 && random_is(&p->random, p->goodness)) {
        behave(p, n);
    } else if (n > 0) {
        misbehave(p, n);
    }
}

/* After a stop of the root all of them end, if all processes answer. */
static void
close_down(struct play *p)
{
    p->is_closing = true;
    play_stop(p, 0);
    for (int i = 0; i < ANSWERS_MOST && p->actors[0].node != NULL; i++) {
        int n = i % p->count;
        play_pump(p);
        if (n > 0 && p->actors[n].node != NULL)
            behave(p, n);
        play_compare(p);
    }
    for (int n = 0; n < p->count; n++)
        CHECK(p->actors[n].node == NULL, "node %d is %s for ever", n,
              ward__node_state_name(p->actors[n].node->state));
}

static void
begin(struct play *p, uint64_t seed)
{
    p->random.state = seed;
    p->count = 1;
    p->now = 1000;
    p->is_closing = false;
    p->patience = random_is(&p->random, 70) ? 100 : 50;
    p->is_stubborn = random_is(&p->random, 15);
    p->is_plain = random_is(&p->random, 15);
    p->goodness = 50 + random_below(&p->random, 45);
    p->most = p->is_stubborn ? STUBBORN_MOST : p->is_plain ? PLAIN_MOST : NODES_MOST;
    p->actors[0] = (struct actor){.node = calloc(1, sizeof *p->actors[0].node)};
    assert_non_null(p->actors[0].node);
    ward__engine_init(&p->engine, p->actors[0].node);
    model_init(&p->model);
}

static void
play(uint64_t seed)
{
    static struct play p;
    int events;

    begin(&p, seed);
    events = p.is_stubborn ? STUBBORN_EVENTS : EVENTS_MOST;
    for (int i = 0; i < events && p.actors[0].node != NULL; i++) {
        happen(&p);
        play_compare(&p);
        if (random_is(&p.random, p.patience))
            play_pump(&p);
        p.now += random_below(&p.random, 4);
    }
    play_pump(&p);
    if (p.actors[0].node != NULL)
        close_down(&p);
}

static void
engine_and_model_agree_on_random_histories(void **state)
{
    uint64_t rounds = random_rounds(SOAK_ROUNDS), first = 0;

    (void)state;
    if (rounds < SOAK_ROUNDS)
        rounds = GATE_ROUNDS;
    if (random_replay(&first))
        rounds = 1;
    play_is_traced = getenv("WARD_TRACE") != NULL;
    for (play_seed = first; play_seed < first + rounds; play_seed++)
        play(play_seed);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_and_model_agree_on_random_histories),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (failed != 0)
        print_error("replay with WARD_SEED=%llu\n", (unsigned long long)play_seed);
    return failed;
}

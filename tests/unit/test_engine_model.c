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

enum { NODES_MOST = 13, DEPTH_MOST = 4, EVENTS_MOST = 160, ANSWERS_MOST = 20000 };
enum { STUBBORN_MOST = 3, STUBBORN_EVENTS = 300 };

/* ---- what the worker processes do ---- */

static void
spawn(struct play *p, int parent)
{
    static const ward_restart_type types[] = {WARD_PERMANENT, WARD_TRANSIENT,
                                              WARD_TRANSIENT, WARD_TEMPORARY};
    static const int maxima[] = {WARD_ZERO, WARD_INFINITE, WARD_INFINITE, 1, 2, 3, 30};
    static const int within[] = {WARD_ZERO, WARD_INFINITE, 1, 5, 20, 20, 100};
    struct random *random = &p->random;
    struct ward__node_options options = {
        .kind = WARD__KIND_ACTOR,
        .restart = types[random_below(random, 4)],
        .has_post_stop = random_is(random, 60),
        .is_brutal = random_is(random, 15),
        .max_restarts = maxima[random_below(random, 7)],
        .within_ms = within[random_below(random, 7)],
        .on_limit = random_is(random, 60) ? WARD_DIRECTIVE_STOP : WARD_DIRECTIVE_ESCALATE,
    };
    struct actor *actor = &p->actors[p->count];

    if (p->is_stubborn) {
        options.restart = WARD_TRANSIENT;
        options.max_restarts = WARD_INFINITE;
    }
    if (p->count == (p->is_stubborn ? STUBBORN_MOST : NODES_MOST) ||
        p->actors[parent].depth == DEPTH_MOST)
        return;
    if (!play_is(p, parent, WARD__NODE_UP) && !play_is(p, parent, WARD__NODE_STARTING))
        return;
    play_trace("  %d: spawn of %d\n", parent, p->count);
    *actor = (struct actor){.parent = parent, .depth = p->actors[parent].depth + 1};
    actor->node = malloc(sizeof *actor->node);
    assert_non_null(actor->node);
    assert_int_equal(ward__node_init(actor->node, &options), 0);
    ward__engine_spawn(&p->engine, p->actors[parent].node, actor->node);
    assert_int_equal(model_spawn(&p->model, parent, &options), p->count);
    p->count++;
}

static void
ready(struct play *p, int n)
{
    play_trace("  %d: ready\n", n);
    p->actors[n].stage = UP;
    ward__engine_ready(&p->engine, p->actors[n].node);
    model_ready(&p->model, n);
}

static void
ignored(struct play *p, int n)
{
    play_trace("  %d: ignored\n", n);
    p->actors[n].stage = GONE;
    ward__engine_ignored(&p->engine, p->actors[n].node);
    model_ignored(&p->model, n);
}

/* The delay of a node is over, or a timer fires that should have been cancelled. */
static void
expire(struct play *p, int n)
{
    play_trace("  %d: expired\n", n);
    ward__engine_expired(&p->engine, p->actors[n].node);
    model_expired(&p->model, n);
}

/* It does as it should: starts, becomes quiet when told, goes when told. */
static void
behave(struct play *p, int n)
{
    struct actor *actor = &p->actors[n];

    if (play_is(p, n, WARD__NODE_DELAYED)) {
        expire(p, n);
    } else if (actor->stage == BORN && !actor->is_doomed) {
        ready(p, n);
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
        ignored(p, n);
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
        ready(p, n);
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
    if (dice < 120) {
        if (n == 0 || actor->stage == BORN || actor->stage == UP)
            spawn(p, n);
    } else if (dice < 150) {
        if (n > 0 || dice == 120)
            play_stop(p, n);
    } else if (dice < 180) {
        play_trace("  %d: restart\n", n);
        ward__engine_restart(&p->engine, actor->node);
        model_restart(&p->model, n);
    } else if (n > 0 && dice < 200) {
        expire(p, n);
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
play(uint64_t seed)
{
    static struct play p;
    int events;

    p.random.state = seed;
    p.count = 1;
    p.now = 1000;
    p.is_closing = false;
    p.patience = random_is(&p.random, 70) ? 100 : 50;
    p.is_stubborn = random_is(&p.random, 15);
    p.goodness = 50 + random_below(&p.random, 45);
    events = p.is_stubborn ? STUBBORN_EVENTS : EVENTS_MOST;
    p.actors[0] = (struct actor){.node = calloc(1, sizeof *p.actors[0].node)};
    assert_non_null(p.actors[0].node);
    ward__engine_init(&p.engine, p.actors[0].node);
    model_init(&p.model);
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
    uint64_t rounds = random_rounds(1000000), first = 0;

    (void)state;
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

/* Children changed by hand at random while they start, fail and end: nothing crashes, hangs or is
 * left behind. WARD_SEED repeats one run, as far as the clock lets it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "member.h"

enum { TURNS = 300, SEEDS = 40, KINDS = 10 };

#define PARTS                                                                            \
    MEMBER(.id = "a"), MEMBER(.id = "b", .restart = WARD_TRANSIENT),                     \
        MEMBER(.id = "c", .backoff = {.first_ms = 5, .max_ms = 20})

TREE(one, RULES(.intensity = WARD_INFINITE), PARTS);
TREE(all, RULES(.group = WARD_ONE_FOR_ALL, .intensity = WARD_INFINITE), PARTS);
TREE(rest, RULES(.group = WARD_REST_FOR_ONE, .intensity = WARD_INFINITE), PARTS);
TREE(pool, RULES(.group = WARD_SIMPLE_ONE_FOR_ONE, .intensity = WARD_INFINITE),
     MEMBER(.id = "p", .backoff = {.first_ms = 5, .max_ms = 20}));

/* Some starts go wrong, not for ever; some ends take a while. */
static void
plan_at_random(char letter, unsigned *seed)
{
    if (rand_r(seed) % 8 == 0)
        plan(letter)->starts[rand_r(seed) % (PLANNED_STARTS - 1)] =
            (unsigned char)(rand_r(seed) % START_HANGS);
    plan(letter)->end_ms = rand_r(seed) % 8 == 0 ? 10 : 0;
}

static void
change_at_random(struct harness *h, ward_ref s, const char *id, bool is_dynamic,
                 unsigned *seed)
{
    ward_spec plain = {.id = id};
    ward_spec full = MEMBER(.id = id, .restart = (ward_restart_type)(rand_r(seed) % 4));
    ward_child child = {0};
    ward_ref ref;
    bool is_there = ward_which_child(h->ctx, s, id, &child) == 0 && child.ref.id != 0;

    switch (rand_r(seed) % (is_there ? KINDS : 5)) {
    case 0:
        ward_start_child(h->ctx, s, is_dynamic ? &plain : &full, &ref);
        break;
    case 1:
        ward_terminate_child(h->ctx, s, id);
        break;
    case 2:
        ward_restart_child(h->ctx, s, id, &ref);
        break;
    case 3:
        ward_delete_child(h->ctx, s, id);
        break;
    case 4:
        linger(h, rand_r(seed) % 12);
        break;
    case 5:
        ward_restart(h->ctx, child.ref);
        break;
    case 6:
        ward_tell(h->ctx, child.ref, LEAVE);
        break;
    case 7:
        ward_tell(h->ctx, child.ref, CRASH);
        break;
    case 8:
        ward_kill(h->ctx, child.ref);
        break;
    case 9:
        ward_stop(h->ctx, child.ref);
        break;
    }
}

static bool
is_quiet(struct harness *h, const void *supervisor)
{
    ward_child children[8];
    int count = ward_which_children(h->ctx, *(const ward_ref *)supervisor, children, 8);

    for (int i = 0; i < count && i < 8; i++)
        if (children[i].state != WARD_CHILD_UP && children[i].state != WARD_CHILD_ABSENT)
            return false;
    return true;
}

static void
churn(struct harness *h, const ward_supervisor *supervisor, unsigned first)
{
    unsigned seed = first;
    ward_ref s;

    for (char letter = 'a'; letter <= 'p'; letter++)
        memset(plan(letter), 0, sizeof *plan(letter));
    s = start_tree(h, supervisor);
    for (int i = 0; i < TURNS; i++) {
        char id[2] = {(char)('a' + rand_r(&seed) % 6)};

        plan_at_random(id[0], &seed);
        change_at_random(h, s, id, supervisor == &pool, &seed);
    }
    await_true(h, is_quiet, &s, "every child up or absent");
    stop_tree(h, s);
    if (!workers_end())
        fail_with_log(h, "seed %u left a process", first);
}

/* A new system for each seed, so that a teardown finds what one has left. */
static void
churn_all(void **state, const ward_supervisor *supervisor)
{
    const char *text = getenv("WARD_SEED");
    unsigned first = text == NULL ? 1 : (unsigned)strtoul(text, NULL, 10);

    for (unsigned seed = first; seed < first + (text == NULL ? SEEDS : 1); seed++) {
        struct harness *h = *state;

        fprintf(stderr, "WARD_SEED=%u\n", seed);
        churn(h, supervisor, seed);
        assert_int_equal(harness_teardown(state), 0);
        assert_int_equal(member_setup(state), 0);
    }
}

static void
one_for_one_is_changed_at_random(void **state)
{
    churn_all(state, &one);
}

static void
one_for_all_is_changed_at_random(void **state)
{
    churn_all(state, &all);
}

static void
rest_for_one_is_changed_at_random(void **state)
{
    churn_all(state, &rest);
}

static void
dynamic_supervisor_is_changed_at_random(void **state)
{
    churn_all(state, &pool);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        ROW(one_for_one_is_changed_at_random),
        ROW(one_for_all_is_changed_at_random),
        ROW(rest_for_one_is_changed_at_random),
        ROW(dynamic_supervisor_is_changed_at_random),
    };

    member_begin();
    return harness_main("otp_churn", tests, sizeof tests / sizeof tests[0]);
}

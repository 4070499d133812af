/* What an idle worker keeps of its own: a crowd of them shares what none of them writes. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

enum { WORKERS = 4, SMALL = 200, LARGE = 100000 };

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)msg;
    return ward_reply(ctx, (int64_t)(ward_state(ctx) != NULL));
}

static const ward_behavior modest = {
    .name = "modest", .state_size = SMALL, .receive = receive};
WARD_REGISTER(modest);
static const ward_behavior lavish = {
    .name = "lavish", .state_size = LARGE, .receive = receive};
WARD_REGISTER(lavish);

/* Pages of the heap that no other process has, in KiB; -1: it has no heap (a sanitizer has one
 * of its own). */
static long
own_heap(ward_system *sys, ward_ref ref)
{
    char path[64], line[256];
    bool is_heap = false;
    long own = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps", (int)ward_process_id(sys, ref));
    file = fopen(path, "re");
    assert_non_null(file);
    while (own < 0 && fgets(line, sizeof line, file) != NULL) {
        is_heap |= strstr(line, "[heap]") != NULL;
        if (is_heap)
            sscanf(line, "Private_Dirty: %ld", &own);
    }
    fclose(file);
    return own;
}

/* None of them was made ahead: those have touched their heap for whoever they become. */
static void
start_all(struct harness *h, const ward_behavior *behavior, ward_ref refs[WORKERS])
{
    static const char args[] = "with a few words to keep";

    for (int i = 0; i < WORKERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%s-%d", behavior->name, i);
        refs[i] = spawn_up(h, &(ward_spec){.id = id,
                                           .behavior = behavior,
                                           .args = {args, sizeof args},
                                           .frame_bytes = 2 << 20});
        assert_int_equal(ask_number(h, refs[i], 1), 1);
    }
}

static void
workers_that_keep_little_share_their_heap(void **state)
{
    struct harness *h = *state;
    ward_ref refs[WORKERS];

    start_all(h, &modest, refs);
    for (int i = 0; i < WORKERS; i++)
        assert_in_range(own_heap(h->sys, refs[i]) + 1, 0, 1);
}

/* The test would find it. */
static void
workers_that_keep_much_have_pages_of_their_own(void **state)
{
    struct harness *h = *state;
    ward_ref refs[WORKERS];

    start_all(h, &lavish, refs);
    for (int i = 0; i < WORKERS; i++)
        assert_true(own_heap(h->sys, refs[i]) != 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(workers_that_keep_little_share_their_heap),
        TEST(workers_that_keep_much_have_pages_of_their_own),
    };

    return harness_main("footprint", tests, sizeof tests / sizeof tests[0]);
}

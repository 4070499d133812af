/* How far a mailbox, all together, and the host are bounded, whoever sends. */
#include "noter.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- over the bounds ---- */

static void
one_that_fills_and_crashes_again_and_again_is_bounded(void **state)
{
    enum { CREDIT = 20, LIVES = 30 };
    struct harness *h = *state;
    struct gated a;
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.credit = {.messages = CREDIT}});
    a = spawn_gated(h, "a", (ward_mailbox_options){.messages = 1});
    b = spawn_noter(h, "b");
    for (int i = 0; i < LIVES; i++) {
        assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, CREDIT), 0);
        await_mail(h, FILLED);
        assert_result(ward_tell(h->ctx, b, CRASH), 0);
        await_event(h, WARD_EVENT_RESTARTED, "/b");
        assert_in_range(ward_mailbox_count(h->sys, a.ref), 0, 2 + 2 * CREDIT);
    }
    assert_true(count_letters(h, WARD_LETTER_MAILBOX_FULL, "/a") > 0);
    open_gate(&a);
    settle(h);
}

static void
all_mailboxes_together_are_bounded(void **state)
{
    enum { LIMIT = 100000, EACH = 10000 };
    struct harness *h = *state;
    struct gated a, b;
    char *bytes = calloc(1, EACH);
    int sent = 0;

    harness_reopen(h, &(ward_system_options){.mailbox_bytes = LIMIT});
    a = spawn_gated(h, "a", (ward_mailbox_options){0});
    b = spawn_gated(h, "b", (ward_mailbox_options){0});
    while (sent < 100 && ward_tell(h->ctx, sent % 2 ? a.ref : b.ref, NUMBER, sent,
                                   ((ward_bytes){bytes, EACH})) == 0)
        sent++;
    assert_in_range(sent, 7, 9);
    assert_result(ward_tell(h->ctx, a.ref, NUMBER, 0, ((ward_bytes){bytes, EACH})),
                  -EAGAIN);
    free(bytes);
    /* What one of them frees is room for the other. */
    open_gate(&b);
    while (h->room_count == 0)
        ward_run_for(h->sys, 1);
    assert_true(ward_ref_equal(h->room, a.ref));
    open_gate(&a);
    settle(h);
    assert_int_equal(h->room_count, 1);
}

/* Tells bytes until not one more has room. */
static void
fill_up(struct harness *h, ward_ref to)
{
    static char bytes[40000];
    size_t size = sizeof bytes;

    while (size > 0)
        if (ward_tell(h->ctx, to, NUMBER, 0, ((ward_bytes){bytes, size})) < 0)
            size = size * 3 / 4;
}

static void
a_worker_goes_on_when_another_mailbox_makes_room(void **state)
{
    struct harness *h = *state;
    struct gated a;
    ward_ref b, c;

    harness_reopen(
        h, &(ward_system_options){.mailbox_bytes = 50000, .credit = {.messages = 1}});
    a = spawn_gated(h, "a", (ward_mailbox_options){0});
    b = spawn_noter(h, "b");
    c = spawn_noter(h, "c");
    fill_up(h, a.ref);
    /* To tell b is -EAGAIN, also for the host; so c is told when there is room. */
    assert_result(ward_tell(h->ctx, c, FILL, b, 0, 100), -EAGAIN);
    open_gate(&a);
    settle(h);
    assert_result(ward_tell(h->ctx, c, FILL, b, 0, 100), 0);
    assert_int_equal(await_mail(h, FILLED)->number, 100);
}

static void
who_waits_is_refused_when_others_take_all_the_room(void **state)
{
    enum { OTHERS = 3, CREDIT = 8 };
    struct harness *h = *state;
    struct gated a, others[OTHERS];
    const char *const ids[OTHERS] = {"x", "y", "z"};
    ward_ref b;

    harness_reopen(h, &(ward_system_options){.mailbox_bytes = 50000,
                                             .credit = {.messages = CREDIT}});
    a = spawn_gated(h, "a",
                    (ward_mailbox_options){.messages = 1, .when_full = WARD_WAIT});
    b = spawn_noter(h, "b");
    for (int i = 0; i < OTHERS; i++) {
        others[i] = spawn_gated(h, ids[i], (ward_mailbox_options){0});
        assert_result(ward_tell(h->ctx, others[i].ref, FILL, b, 0, CREDIT), 0);
    }
    assert_result(ward_tell(h->ctx, b, FILL, a.ref, 0, 100), 0);
    linger(h, 50);
    fill_up(h, b);
    for (int i = 0; i < OTHERS; i++) { /* on credit, beyond the bounds */
        open_gate(&others[i]);
        assert_int_equal(await_mail(h, FILLED)->number, CREDIT);
    }
    /* Now a has room, but all is taken by what b has not handled. */
    open_gate(&a);
    assert_string_equal(await_mail(h, FILLED)->text, "EAGAIN");
}

static void
no_more_actors_than_the_system_allows(void **state)
{
    struct harness *h = *state;
    ward_ref ref;

    harness_reopen(h, &(ward_system_options){.max_actors = 2});
    spawn_noter(h, "a");
    ref = spawn_noter(h, "b");
    assert_result(ward_spawn(h->ctx, &ref, &(ward_spec){.id = "c", .behavior = &noter}),
                  -ENOBUFS);
    assert_result(ward_stop(h->ctx, ref), 0);
    await_event(h, WARD_EVENT_STOPPED, "/b");
    spawn_noter(h, "c");
}

/* ---- the host's own mailbox ---- */

static void
workers_are_refused_by_a_host_that_does_not_listen(void **state)
{
    struct harness *h = *state;
    ward_ref b;
    int told;

    harness_reopen(h, &(ward_system_options){.mailbox = {.messages = 5},
                                             .credit = {.messages = 10}});
    b = spawn_noter(h, "b");
    assert_result(ward_tell(h->ctx, b, FILL, h->self, 0, 1000), 0);
    while (count_mails(h, FILLED) + count_events(h, WARD_EVENT_LOG, "/b") == 0)
        ward_run_for(h->sys, 1);
    told = count_mails(h, FILLED) > 0 ? (int)await_mail(h, FILLED)->number
                                      : atoi(await_event(h, WARD_EVENT_LOG, "/b")->text);
    assert_in_range(told, 5, 1000);
    settle(h);
    assert_int_equal(count_mails(h, NUMBER), told);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 0);
    /* It has listened, and may be told again. */
    assert_result(ward_tell(h->ctx, b, FILL, h->self, 0, 3), 0);
    assert_string_equal(await_mail(h, FILLED)->text, "");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(one_that_fills_and_crashes_again_and_again_is_bounded),
        TEST(all_mailboxes_together_are_bounded),
        TEST(a_worker_goes_on_when_another_mailbox_makes_room),
        TEST(who_waits_is_refused_when_others_take_all_the_room),
        TEST(no_more_actors_than_the_system_allows),
        TEST(workers_are_refused_by_a_host_that_does_not_listen),
    };

    return harness_main("flow_bounds", tests, sizeof tests / sizeof tests[0]);
}

/* Who has spawned whom, as the spawned one sees it. */
#include <errno.h>

#include "harness.h"

enum { SPAWN, TELL_PARENT };
enum { HEARD = 100 };

static ward_next receive(ward_ctx *ctx, const ward_message *msg);

static const ward_behavior relative = {.name = "relative", .receive = receive};
WARD_REGISTER(relative);

/* Tells its parent where it is; what a child tells goes on to the parent's parent. */
static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    const char *path = ward_path(ctx);
    ward_ref child;

    switch (ward_message_type(msg)) {
    case SPAWN:
        return ward_spawn(ctx, &child,
                          &(ward_spec){.id = "child", .behavior = &relative});
    case HEARD:
        if (ward_get(msg, &path) < 0)
            return WARD_UNHANDLED;
        break;
    }
    return ward_tell(ctx, ward_parent(ctx), HEARD, path);
}

static void
parent_of_what_the_host_spawns_is_the_host(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &relative});

    ward_tell(h->ctx, ref, TELL_PARENT);
    assert_string_equal(await_mail(h, HEARD)->text, "/a");
    assert_true(ward_parent(h->ctx).id == 0);
}

static void
parent_of_a_child_is_who_spawned_it(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(h, &(ward_spec){.id = "a", .behavior = &relative});

    ward_tell(h->ctx, ref, SPAWN);
    settle(h);
    ward_tell(h->ctx, find(h, "/a/child"), TELL_PARENT);
    assert_string_equal(await_mail(h, HEARD)->text, "/a/child");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(parent_of_what_the_host_spawns_is_the_host),
        TEST(parent_of_a_child_is_who_spawned_it),
    };

    return harness_main("parent", tests, sizeof tests / sizeof tests[0]);
}

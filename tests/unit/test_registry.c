#include "ipc/registry.h"

#include <errno.h>

#include "tests/unit/support.h"

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    (void)msg;
    return WARD_SAME;
}

static const ward_behavior first = {.name = "first", .receive = receive};
static const ward_behavior late = {.name = "late", .receive = receive};
static const ward_behavior stranger = {.name = "stranger", .receive = receive};
static const ward_strategy strategy = {.name = "strategy"};

WARD_REGISTER(first);
WARD_REGISTER(strategy);

/* The registry is one for the process, so these run in this order. */

static void
what_the_file_scope_registers_has_a_number(void **state)
{
    int index = ward__registry_index(WARD_REGISTERED_BEHAVIOR, &first);

    (void)state;
    assert_true(index >= 0);
    assert_ptr_equal(ward__registry_object(WARD_REGISTERED_BEHAVIOR, index), &first);
    index = ward__registry_index(WARD_REGISTERED_STRATEGY, &strategy);
    assert_true(index >= 0);
    assert_ptr_equal(ward__registry_object(WARD_REGISTERED_STRATEGY, index), &strategy);
    assert_int_equal(ward__registry_index(WARD_REGISTERED_STRATEGY, &first), -ENOENT);
    assert_int_equal(ward__registry_index(WARD_REGISTERED_BEHAVIOR, &stranger), -ENOENT);
}

static void
registering_twice_is_fine(void **state)
{
    int index = ward__registry_index(WARD_REGISTERED_BEHAVIOR, &first);

    (void)state;
    assert_int_equal(ward_register(WARD_REGISTERED_BEHAVIOR, &first), 0);
    assert_int_equal(ward__registry_index(WARD_REGISTERED_BEHAVIOR, &first), index);
    assert_null(ward__registry_object(WARD_REGISTERED_BEHAVIOR, index + 1));
}

static void
what_is_incomplete_is_refused(void **state)
{
    static const ward_behavior no_name = {.receive = receive};
    static const ward_behavior no_receive = {.name = "no receive"};
    static const ward_strategy nameless = {.max_restarts = 1};

    (void)state;
    assert_int_equal(ward_register(WARD_REGISTERED_BEHAVIOR, NULL), -EINVAL);
    assert_int_equal(ward_register(WARD_REGISTERED_BEHAVIOR, &no_name), -EINVAL);
    assert_int_equal(ward_register(WARD_REGISTERED_BEHAVIOR, &no_receive), -EINVAL);
    assert_int_equal(ward_register(WARD_REGISTERED_STRATEGY, &nameless), -EINVAL);
    assert_int_equal(ward_register((enum ward_registered)7, &first), -EINVAL);
}

static void
a_wild_number_is_nobody(void **state)
{
    static const int64_t wild[] = {-1, INT64_MIN, 2, WARD__REGISTRY_MAX, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wild); i++) {
        assert_null(ward__registry_object(WARD_REGISTERED_BEHAVIOR, wild[i]));
        assert_null(ward__registry_object(WARD_REGISTERED_STRATEGY, wild[i]));
    }
}

static void
what_comes_after_the_freeze_has_no_number(void **state)
{
    (void)state;
    ward__registry_freeze();
    assert_int_equal(ward_register(WARD_REGISTERED_BEHAVIOR, &late), 0);
    assert_int_equal(ward__registry_index(WARD_REGISTERED_BEHAVIOR, &late), -ENOENT);
    ward__registry_freeze(); /* the first one counts */
    assert_int_equal(ward__registry_index(WARD_REGISTERED_BEHAVIOR, &late), -ENOENT);
    assert_true(ward__registry_index(WARD_REGISTERED_BEHAVIOR, &first) >= 0);
}

static void
a_full_registry_refuses(void **state)
{
    static ward_strategy many[WARD__REGISTRY_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i].name = "one of many";
        assert_int_equal(ward_register(WARD_REGISTERED_STRATEGY, &many[i]),
                         i + 1 < COUNT_OF(many) ? 0 : -ENOSPC);
    }
    assert_int_equal(ward_register(WARD_REGISTERED_STRATEGY, &many[0]), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_file_scope_registers_has_a_number),
        cmocka_unit_test(registering_twice_is_fine),
        cmocka_unit_test(what_is_incomplete_is_refused),
        cmocka_unit_test(a_wild_number_is_nobody),
        cmocka_unit_test(what_comes_after_the_freeze_has_no_number),
        cmocka_unit_test(a_full_registry_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

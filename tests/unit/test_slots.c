#include "ipc/slots.h"

#include <errno.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

enum { PLACES = 100 };

static char items[PLACES];

static void
what_is_added_is_found_until_it_is_removed(void **state)
{
    struct ward__slots table = {0};
    uint64_t handles[PLACES];

    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        assert_int_equal(ward__slots_add(&table, &items[i], &handles[i]), 0);
        assert_true(handles[i] != 0);
    }
    assert_int_equal(table.count, PLACES);
    for (size_t i = 0; i < PLACES; i++)
        assert_ptr_equal(ward__slots_find(&table, handles[i]), &items[i]);
    for (size_t i = 0; i < PLACES; i += 2)
        ward__slots_remove(&table, handles[i]);
    assert_int_equal(table.count, PLACES / 2);
    for (size_t i = 0; i < PLACES; i++)
        assert_ptr_equal(ward__slots_find(&table, handles[i]),
                         i % 2 == 0 ? NULL : &items[i]);
    ward__slots_done(&table);
    assert_null(ward__slots_find(&table, handles[1]));
    ward__slots_done(&table);
}

static void
a_handle_given_back_never_finds_a_later_item(void **state)
{
    struct ward__slots table = {0};
    uint64_t old[1000];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(old); i++) {
        assert_int_equal(ward__slots_add(&table, &items[i % PLACES], &old[i]), 0);
        assert_int_equal(table.size, 1);
        for (size_t before = 0; before < i; before++) {
            assert_null(ward__slots_find(&table, old[before]));
            ward__slots_remove(&table, old[before]);
        }
        assert_ptr_equal(ward__slots_find(&table, old[i]), &items[i % PLACES]);
        ward__slots_remove(&table, old[i]);
        ward__slots_remove(&table, old[i]);
        assert_int_equal(table.count, 0);
    }
    ward__slots_done(&table);
}

static void
wild_handles_find_nothing(void **state)
{
    static const uint64_t wild[] = {
        0, 2, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX, (UINT64_C(2) << 32) | 1};
    struct ward__slots table = {0};
    uint64_t handle;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wild); i++)
        assert_null(ward__slots_find(&table, wild[i]));
    assert_int_equal(ward__slots_add(&table, &items[0], &handle), 0);
    for (size_t i = 0; i < COUNT_OF(wild); i++) {
        assert_null(ward__slots_find(&table, wild[i]));
        ward__slots_remove(&table, wild[i]);
    }
    assert_ptr_equal(ward__slots_find(&table, handle), &items[0]);
    ward__slots_done(&table);
}

static void
each_gives_every_item_once_while_they_are_removed(void **state)
{
    struct ward__slots table = {0};
    uint64_t handles[PLACES];
    bool seen[PLACES] = {false};
    uint32_t at = 0;
    char *item;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < PLACES; i++)
        assert_int_equal(ward__slots_add(&table, &items[i], &handles[i]), 0);
    for (size_t i = 0; i < PLACES; i += 3)
        ward__slots_remove(&table, handles[i]);
    while ((item = ward__slots_each(&table, &at)) != NULL) {
        size_t i = (size_t)(item - items);
        assert_false(seen[i]);
        assert_int_not_equal(i % 3, 0);
        seen[i] = true;
        count++;
        ward__slots_remove(&table, handles[i]);
    }
    assert_int_equal(count, PLACES - (PLACES + 2) / 3);
    assert_int_equal(table.count, 0);
    assert_null(ward__slots_each(&table, &at));
    ward__slots_done(&table);
}

static void
random_use_agrees_with_a_plain_list(void **state)
{
    struct ward__slots table = {0};
    uint64_t handles[PLACES] = {0};
    uint64_t random = 61;

    (void)state;
    for (int step = 0; step < 50000; step++) {
        size_t i = random_below(&random, PLACES);
        if (handles[i] == 0) {
            assert_int_equal(ward__slots_add(&table, &items[i], &handles[i]), 0);
        } else {
            assert_ptr_equal(ward__slots_find(&table, handles[i]), &items[i]);
            ward__slots_remove(&table, handles[i]);
            assert_null(ward__slots_find(&table, handles[i]));
            handles[i] = 0;
        }
    }
    assert_true(table.size <= PLACES);
    ward__slots_done(&table);
}

static void
without_memory_nothing_has_changed(void **state)
{
    struct ward__slots table = {0};
    uint64_t handle = 4711, first = 0;

    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        uint32_t count = table.count;
        ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
        if (ward__slots_add(&table, &items[i], &handle) < 0) {
            assert_int_equal(table.count, count);
            assert_true(i == 0 ? handle == 4711 : handle != 4711);
            assert_int_equal(ward__slots_add(&table, &items[i], &handle), 0);
        }
        ward__fault_disarm();
        if (i == 0)
            first = handle;
        assert_ptr_equal(ward__slots_find(&table, first), &items[0]);
    }
    ward__slots_done(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_found_until_it_is_removed),
        cmocka_unit_test(a_handle_given_back_never_finds_a_later_item),
        cmocka_unit_test(wild_handles_find_nothing),
        cmocka_unit_test(each_gives_every_item_once_while_they_are_removed),
        cmocka_unit_test(random_use_agrees_with_a_plain_list),
        cmocka_unit_test(without_memory_nothing_has_changed),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

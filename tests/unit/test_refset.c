#include "ipc/refset.h"

#include <errno.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

static ward_ref
ref_of(uint64_t i)
{
    return (ward_ref){i / 2 + 1, i % 2}; /* pairs differ by their nonce only */
}

static void
a_reference_is_in_once_however_often_it_is_added(void **state)
{
    struct ward__refset set = {0};

    (void)state;
    assert_false(ward__refset_remove(&set, ref_of(0)));
    for (int again = 0; again < 3; again++)
        assert_int_equal(ward__refset_add(&set, ref_of(0)), 0);
    assert_int_equal(set.count, 1);
    assert_true(ward__refset_remove(&set, ref_of(0)));
    assert_false(ward__refset_remove(&set, ref_of(0)));
    ward__refset_done(&set);
    ward__refset_done(&set);
}

static void
random_use_agrees_with_a_plain_list(void **state)
{
    struct ward__refset set = {0};
    bool is_in[100] = {false};
    uint64_t random = 71;

    (void)state;
    for (int step = 0; step < 50000; step++) {
        size_t i = random_below(&random, COUNT_OF(is_in));
        if (random_below(&random, 2) == 0) {
            assert_int_equal(ward__refset_add(&set, ref_of(i)), 0);
            is_in[i] = true;
        } else {
            assert_int_equal(ward__refset_remove(&set, ref_of(i)), is_in[i]);
            is_in[i] = false;
        }
    }
    for (size_t i = 0; i < COUNT_OF(is_in); i++)
        assert_int_equal(ward__refset_remove(&set, ref_of(i)), is_in[i]);
    assert_int_equal(set.count, 0);
    ward__refset_done(&set);
}

static void
without_memory_nothing_has_changed(void **state)
{
    struct ward__refset set = {0};

    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
        if (ward__refset_add(&set, ref_of(i)) < 0) {
            assert_int_equal(set.count, i);
            assert_false(ward__refset_remove(&set, ref_of(i)));
            assert_int_equal(ward__refset_add(&set, ref_of(i)), 0);
        }
        ward__fault_disarm();
        assert_int_equal(set.count, i + 1);
    }
    ward__refset_done(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_is_in_once_however_often_it_is_added),
        cmocka_unit_test(random_use_agrees_with_a_plain_list),
        cmocka_unit_test(without_memory_nothing_has_changed),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

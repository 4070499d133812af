/* Patience: when it pays to look before sleeping. */
#include "ipc/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* So many short sleeps until it is tried again. */
static unsigned
sleeps_until_it_pays(struct ward__patience *patience)
{
    unsigned count = 0;

    while (!ward__patience_pays(patience)) {
        ward__patience_slept_shortly(patience);
        count++;
    }
    return count;
}

static unsigned
looks_until_it_stops(struct ward__patience *patience)
{
    unsigned count = 0;

    while (ward__patience_pays(patience)) {
        ward__patience_lost(patience);
        count++;
    }
    return count;
}

static void
one_short_sleep_is_enough_at_first(void **state)
{
    struct ward__patience patience = {0};

    (void)state;
    assert_false(ward__patience_pays(&patience));
    assert_int_equal(sleeps_until_it_pays(&patience), 1);
}

static void
four_looks_in_vain_end_the_best_luck(void **state)
{
    struct ward__patience patience = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        ward__patience_won(&patience);
    assert_int_equal(looks_until_it_stops(&patience), 4);
}

static void
where_it_never_pays_it_is_tried_more_and_more_seldom(void **state)
{
    static const unsigned expected[] = {1,  2,   4,   8,   16,   32,
                                        64, 128, 256, 512, 1024, 1024};
    struct ward__patience patience = {0};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(sleeps_until_it_pays(&patience), expected[i]);
        assert_int_equal(looks_until_it_stops(&patience), 1);
    }
}

static void
full_luck_forgets_the_doubt(void **state)
{
    struct ward__patience patience = {0};

    (void)state;
    for (int i = 0; i < 5; i++) {
        sleeps_until_it_pays(&patience);
        looks_until_it_stops(&patience);
    }
    sleeps_until_it_pays(&patience);
    for (int i = 0; i <= WARD__PATIENCE_MOST; i++)
        ward__patience_won(&patience);
    looks_until_it_stops(&patience);
    assert_int_equal(sleeps_until_it_pays(&patience), 2);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_short_sleep_is_enough_at_first),
        cmocka_unit_test(four_looks_in_vain_end_the_best_luck),
        cmocka_unit_test(where_it_never_pays_it_is_tried_more_and_more_seldom),
        cmocka_unit_test(full_luck_forgets_the_doubt),
    };

    return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}

#include "ipc/pool.h"

#include <errno.h>
#include <string.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

enum { SIZE = 48, MOST = 4 };

static void
each_piece_is_one_of_its_own(void **state)
{
    struct ward__pool pool;
    char *pieces[3 * MOST];

    (void)state;
    ward__pool_init(&pool, SIZE, MOST);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3 * MOST; i++) {
            pieces[i] = ward__pool_take(&pool);
            assert_non_null(pieces[i]);
            memset(pieces[i], i + 1, SIZE);
        }
        for (int i = 0; i < 3 * MOST; i++)
            for (int j = 0; j < SIZE; j++)
                assert_int_equal(pieces[i][j], i + 1);
        for (int i = 0; i < 3 * MOST; i++)
            ward__pool_give(&pool, pieces[i]);
        assert_true(pool.count <= MOST);
    }
    ward__pool_done(&pool);
    assert_int_equal(pool.count, 0);
    assert_null(pool.first);
    ward__pool_done(&pool);
}

static void
what_is_kept_needs_no_memory(void **state)
{
    struct ward__pool pool;
    void *piece;

    (void)state;
    ward__pool_init(&pool, SIZE, MOST);
    piece = ward__pool_take(&pool);
    ward__pool_give(&pool, piece);
    if (pool.most == 0) { /* under a sanitizer nothing is */
        print_message("skipped: this build keeps nothing\n");
        return;
    }
    ward__fault_arm(WARD__ROLE_HOST, 1, ENOMEM);
    assert_ptr_equal(ward__pool_take(&pool), piece);
    assert_null(ward__pool_take(&pool));
    ward__fault_disarm();
    ward__pool_give(&pool, NULL);
    ward__pool_give(&pool, piece);
    assert_int_equal(pool.count, 1);
    ward__pool_done(&pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_piece_is_one_of_its_own),
        cmocka_unit_test(what_is_kept_needs_no_memory),
    };

    if (ward__fault_plan_share() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

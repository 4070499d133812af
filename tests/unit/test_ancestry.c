#include "supervisor/ancestry.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/fault.h"
#include "tests/unit/support.h"

enum { PAGE = 4096, BYTES = 8 * PAGE, EACH_OF = 200 };

/* Each case is a process of its own: what it moves is its memory. Its number is the line that failed. */
#define CHECK(truth)                                                                     \
    do {                                                                                 \
        if (!(truth))                                                                    \
            _exit(__LINE__ % 255 + 1);                                                   \
    } while (0)

static void
in_a_process(void (*run)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static uint8_t *
map(size_t size, int flags)
{
    uint8_t *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

static void
fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&seed);
}

static bool
is_filled(const uint8_t *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)random_next(&seed))
            return false;
    return true;
}

/* ---- what the kernel shows ---- */

struct shown {
    unsigned long begin, end, inode;
    char protection[5];
};

static struct shown
show(const void *address)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    struct shown shown = {.inode = 0};
    char line[512];
    bool is_found = false;

    CHECK(maps != NULL);
    while (!is_found && fgets(line, sizeof line, maps) != NULL)
        is_found = sscanf(line, "%lx-%lx %4s %*s %*s %lu", &shown.begin, &shown.end,
                          shown.protection, &shown.inode) == 4 &&
                   shown.begin <= (uintptr_t)address && (uintptr_t)address < shown.end;
    fclose(maps);
    CHECK(is_found);
    return shown;
}

/* ---- cases ---- */

static uint8_t in_data[BYTES] = {1};
static uint8_t in_bss[BYTES];
/* Written once, by the dynamic linker, and never again. */
static void (*const in_relro)(void) = ward__ancestry_leave;

static void
move_all(void)
{
    uint8_t *on_heap = malloc(BYTES), *more;
    struct shown data, relro;

    fill(in_data, sizeof in_data, 1);
    fill(in_bss, sizeof in_bss, 2);
    fill(on_heap, BYTES, 3);
    CHECK(show(in_data).inode != 0 &&
          show(in_data).begin != show(&in_bss[BYTES - 1]).begin);
    ward__ancestry_leave();
    data = show(in_data);
    relro = show((const void *)&in_relro);
    CHECK(data.inode == 0 && strcmp(data.protection, "rw-p") == 0);
    CHECK(data.begin == show(&in_bss[BYTES - 1]).begin);
    CHECK(relro.inode == 0 && strcmp(relro.protection, "r--p") == 0);
    CHECK(in_relro == ward__ancestry_leave);
    CHECK(is_filled(in_data, sizeof in_data, 1) && is_filled(in_bss, sizeof in_bss, 2));
    CHECK(is_filled(on_heap, BYTES, 3));
    more = malloc(4 * BYTES);
    fill(more, 4 * BYTES, 4);
    CHECK(is_filled(more, 4 * BYTES, 4) && is_filled(on_heap, BYTES, 3));
    free(more);
    free(on_heap);
}

static void
its_memory_is_its_own_and_as_it_was(void **state)
{
    (void)state;
    in_a_process(move_all);
}

/* To the heap belongs what sbrk takes behind it. */
static void
grow_the_heap(void)
{
    uint8_t *before = sbrk(PAGE), *behind;

    fill(before, PAGE, 1);
    ward__ancestry_leave();
    behind = sbrk(4 * PAGE);
    CHECK(behind == before + PAGE);
    fill(behind, 4 * PAGE, 2);
    CHECK(is_filled(before, PAGE, 1) && is_filled(behind, 4 * PAGE, 2));
    CHECK(sbrk(-4 * PAGE) == behind + 4 * PAGE);
    CHECK(is_filled(before, PAGE, 1));
}

static void
the_heap_still_grows_and_shrinks(void **state)
{
    (void)state;
    in_a_process(grow_the_heap);
}

/* Secrets and counters that a child must not have are marked so. */
static void
keep_wiped(void)
{
    uint8_t *wiped = map(PAGE, MAP_PRIVATE);
    pid_t pid;
    int status;

    CHECK(madvise(wiped, PAGE, MADV_WIPEONFORK) == 0);
    wiped[0] = 1;
    ward__ancestry_leave();
    CHECK(wiped[0] == 1);
    pid = fork();
    if (pid == 0)
        _exit(wiped[0]);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
what_a_child_must_not_have_it_does_not_get(void **state)
{
    (void)state;
    in_a_process(keep_wiped);
}

/* Whoever has no right to what lies under the key still dies of it. */
static void
keep_locked(void)
{
    uint8_t *locked = map(PAGE, MAP_PRIVATE);
    int key = pkey_alloc(0, 0), status;
    pid_t pid;

    CHECK(key >= 0 && pkey_mprotect(locked, PAGE, PROT_READ | PROT_WRITE, key) == 0);
    locked[0] = 1;
    ward__ancestry_leave();
    CHECK(locked[0] == 1);
    pid = fork();
    if (pid == 0) {
        pkey_set(key, PKEY_DISABLE_ACCESS);
        signal(SIGSEGV, SIG_DFL);
        _exit(*(volatile uint8_t *)locked);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void
a_key_still_protects(void **state)
{
    int key = pkey_alloc(0, 0);

    (void)state;
    if (key < 0) {
        print_message("no protection keys here: %s\n", strerror(errno));
        skip();
    }
    pkey_free(key);
    in_a_process(keep_locked);
}

static void
keep_shared(void)
{
    uint8_t *shared = map(PAGE, MAP_SHARED);
    pid_t pid;

    ward__ancestry_leave();
    pid = fork();
    if (pid == 0) {
        shared[0] = 7;
        _exit(0);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(shared[0] == 7);
}

static void
what_is_shared_stays_shared(void **state)
{
    (void)state;
    in_a_process(keep_shared);
}

/* Three pages, private, the second one changed, of a file that has so many of them. */
static uint8_t *
map_file(size_t pages)
{
    int file = memfd_create("some", MFD_CLOEXEC);
    uint8_t *mapped;

    CHECK(file >= 0 && ftruncate(file, (off_t)pages * PAGE) == 0);
    CHECK(pwrite(file, "other", 5, 0) == 5);
    mapped = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    CHECK(mapped != MAP_FAILED);
    mapped[PAGE] = 9;
    return mapped;
}

static bool
is_file(const uint8_t *mapped)
{
    return memcmp(mapped, "other", 5) == 0 && mapped[PAGE] == 9;
}

static void
keep_file(void)
{
    uint8_t *mapped = map_file(2);

    ward__ancestry_leave();
    CHECK(show(mapped).inode != 0);
    CHECK(is_file(mapped));
}

static void
what_its_file_does_not_reach_to_stays_as_it_is(void **state)
{
    (void)state;
    in_a_process(keep_file);
}

static void
move_file(void)
{
    uint8_t *mapped = map_file(3);

    ward__ancestry_leave();
    CHECK(show(mapped).inode == 0);
    CHECK(is_file(mapped) && mapped[2 * PAGE] == 0);
    mapped[2 * PAGE] = 1;
    CHECK(is_file(mapped));
}

static void
pages_that_nobody_wrote_come_with_those_that_somebody_did(void **state)
{
    (void)state;
    in_a_process(move_file);
}

/* ---- errors ---- */

/* True: the n-th call of all failed. */
static bool
leave_with_fault(long n)
{
    bool has_failed;

    ward__fault_arm(WARD__ROLE_HOST, n, ENOMEM);
    ward__ancestry_leave();
    has_failed = atomic_load(&ward__faults->failed) > 0;
    ward__fault_disarm();
    return has_failed;
}

/* Each of the first calls, then ever fewer: a sanitizer has thousands of pages. */
static void
fail_many(void)
{
    size_t fds = count_open_fds();
    uint8_t *on_heap = malloc(BYTES);
    long n = 1;

    fill(in_data, sizeof in_data, 1);
    fill(on_heap, BYTES, 2);
    while (leave_with_fault(n)) {
        CHECK(is_filled(in_data, sizeof in_data, 1) && is_filled(on_heap, BYTES, 2));
        CHECK(count_open_fds() == fds);
        n += n < EACH_OF ? 1 : n / 8;
    }
    CHECK(n > 10);
    free(on_heap);
}

static void
whatever_fails_nothing_is_lost(void **state)
{
    (void)state;
    assert_non_null(ward__fault_plan_share());
    in_a_process(fail_many);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_memory_is_its_own_and_as_it_was),
        cmocka_unit_test(the_heap_still_grows_and_shrinks),
        cmocka_unit_test(what_a_child_must_not_have_it_does_not_get),
        cmocka_unit_test(a_key_still_protects),
        cmocka_unit_test(what_is_shared_stays_shared),
        cmocka_unit_test(what_its_file_does_not_reach_to_stays_as_it_is),
        cmocka_unit_test(pages_that_nobody_wrote_come_with_those_that_somebody_did),
        cmocka_unit_test(whatever_fails_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

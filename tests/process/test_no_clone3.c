/* A machine without clone3: containers commonly answer it with ENOSYS, as their filter cannot
 * look at its flags. */
#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ANSWER, CRASH };
enum { SKIPPED = 77 };

static ward_next
without_receive(ward_ctx *ctx, const ward_message *msg)
{
    return ward_message_type(msg) == CRASH ? *(volatile int *)0 : ward_reply(ctx, 1);
}

static const ward_behavior without = {.name = "without", .receive = without_receive};
WARD_REGISTER(without);

static const ward_strategy without_again = {.name = "without_again"};
WARD_REGISTER(without_again);

static int
forbid_clone3(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0],
                                 .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return -errno;
    return 0;
}

static void
actors_live_and_are_restarted_without_clone3(void **state)
{
    struct harness *h = *state;
    ward_ref ref = spawn_up(
        h, &(ward_spec){.id = "a", .behavior = &without, .strategy = &without_again});

    ward_tell(h->ctx, ref, CRASH);
    await_event(h, WARD_EVENT_RESTARTED, "/a");
    assert_int_equal(ask_number(h, ref, ANSWER), 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(actors_live_and_are_restarted_without_clone3),
    };

    if (forbid_clone3() < 0) {
        printf("skipped: no system call can be forbidden here\n");
        return SKIPPED;
    }
    return harness_main("no_clone3", tests, sizeof tests / sizeof tests[0]);
}

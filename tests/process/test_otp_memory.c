/* G9: the kernel ends a worker because its memory cgroup has no more. The test runs in a cgroup of
 * its own; where none can be made it says so and skips. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EAT = 1 };
enum { LIMIT_MIB = 256, EATEN_MIB = 4 * LIMIT_MIB };

static char group[512]; /* its folder; "": there is none */
static char why_not[128] = "no memory cgroup is mounted";

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    if (ward_message_type(msg) != EAT)
        return WARD_UNHANDLED;
    for (size_t i = 0; i < EATEN_MIB; i++) {
        char *piece = malloc(1 << 20);
        if (piece != NULL)
            memset(piece, 1, 1 << 20);
        ward_breadcrumb(ctx, "%zu MiB at %p", i, (void *)piece);
    }
    return WARD_SAME;
}

static const ward_behavior eater = {.name = "eater", .receive = receive};
WARD_REGISTER(eater);

static const ward_spec parts[] = {
    {.id = "a", .behavior = &eater},
    {.id = "b", .behavior = &eater},
    {0},
};
static const ward_supervisor pair = {.intensity = 3, .children = parts};
WARD_REGISTER(pair);

/* ---- the cgroup ---- */

static bool
write_to(const char *file, long value)
{
    char path[600], text[32];
    FILE *out;
    bool is_good;

    snprintf(path, sizeof path, "%s/%s", group, file);
    snprintf(text, sizeof text, "%ld\n", value);
    out = fopen(path, "we");
    is_good = out != NULL && fputs(text, out) >= 0;
    if (out != NULL)
        is_good = fclose(out) == 0 && is_good;
    return is_good;
}

/* The folder of our own group, of version 1 or 2. */
static bool
find_own(char *own, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[400];
    bool is_found = false;

    while (file != NULL && !is_found && fgets(line, sizeof line, file) != NULL) {
        char *at = strstr(line, ":memory:/");
        line[strcspn(line, "\n")] = '\0';
        if (at != NULL)
            snprintf(own, size, "/sys/fs/cgroup/memory%s", at + strlen(":memory:"));
        else if (strncmp(line, "0::/", 4) == 0)
            snprintf(own, size, "/sys/fs/cgroup%s", line + 3);
        is_found =
            (at != NULL || strncmp(line, "0::/", 4) == 0) && access(own, F_OK) == 0;
        if (is_found && at == NULL)
            is_found = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    }
    if (file != NULL)
        fclose(file);
    return is_found;
}

static bool
make_group(void)
{
    char own[450];

    if (!find_own(own, sizeof own))
        return false;
    snprintf(group, sizeof group, "%s/ward-test-%d", own, (int)getpid());
    if (mkdir(group, 0755) < 0) {
        snprintf(why_not, sizeof why_not, "a cgroup cannot be made: %s", strerror(errno));
        group[0] = '\0';
        return false;
    }
    if (write_to("memory.limit_in_bytes", (long)LIMIT_MIB << 20) ||
        write_to("memory.max", (long)LIMIT_MIB << 20))
        return true;
    snprintf(why_not, sizeof why_not, "the cgroup takes no limit of memory");
    rmdir(group);
    group[0] = '\0';
    return false;
}

/* ---- the row ---- */

static void
G9_out_of_memory(void **state)
{
    struct harness *h = *state;
    const struct record *failed;
    ward_child a, b;
    ward_ref s;
    int64_t sibling;

    if (group[0] == '\0') {
        print_message("skipped: %s\n", why_not);
        skip();
    }
    s = spawn(h, &(ward_spec){.id = "s", .supervisor = &pair});
    assert_result(ward_wait_up(h->sys, s, DEADLINE_MS), 0);
    assert_result(ward_which_child(h->ctx, s, "a", &a), 0);
    assert_result(ward_which_child(h->ctx, s, "b", &b), 0);
    sibling = ward_process_id(h->sys, b.ref);
    ward_tell(h->ctx, a.ref, EAT);
    failed = await_event(h, WARD_EVENT_FAILED, "/s/a");
    assert_int_equal(failed->failure.cause, WARD_CAUSE_MEMORY);
    assert_int_equal(failed->failure.signal, 9);
    await_event(h, WARD_EVENT_RESTARTED, "/s/a");
    assert_int_equal(ward_process_id(h->sys, b.ref), sibling);
    ward_kill(h->ctx, a.ref); /* another SIGKILL is none of the kernel's */
    assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/s/a")->failure.cause,
                     WARD_CAUSE_KILLED);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {TEST(G9_out_of_memory)};
    bool has_group = make_group();
    pid_t pid = fork();
    int status = 1;

    if (pid == 0) { /* all of the test lives in the group, and is gone before it */
        if (has_group && !write_to("cgroup.procs", (long)getpid()))
            return 1;
        return harness_main("otp_memory", tests, sizeof tests / sizeof tests[0]);
    }
    waitpid(pid, &status, 0);
    for (int i = 0; has_group && i < 1000 && rmdir(group) < 0 && errno == EBUSY; i++)
        poll(NULL, 0, 5); /* the zygote dies a moment after its host */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

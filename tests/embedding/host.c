/* The guest, continued: the process around it, and what there is of everything in it. */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/zygote.h"

enum { HOST_MS = 3000000 };

/* ---- in the test ---- */

pid_t
host_start(void (*program)(void *arg), void *arg, int *held)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        program(arg);
        _exit(0);
    }
    close(ends[1]);
    *held = ends[0];
    return pid;
}

int
host_status(pid_t host)
{
    struct pollfd polled = {.events = POLLIN};
    int status = 0;

    polled.fd = (int)syscall(SYS_pidfd_open, host, 0U);
    assert_true(polled.fd >= 0);
    if (poll(&polled, 1, HOST_MS) != 1)
        kill(host, SIGKILL);
    close(polled.fd);
    assert_int_equal(waitpid(host, &status, 0), host);
    return status;
}

void
host_runs(void (*program)(void *arg), void *arg)
{
    int held;
    pid_t host = host_start(program, arg, &held);

    assert_int_equal(host_status(host), 0);
    assert_true(scene_pipe_ends(held, SCENE_GONE_MS));
    close(held);
}

/* ---- in the host ---- */

void
host_begin(void)
{
    int null;

    must(ward_early() == 0);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    must(null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO);
    close(null);
}

pid_t
host_own_child(int exit_code)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(exit_code);
    must(pid > 0);
    return pid;
}

static size_t
children_of_thread(const char *thread)
{
    size_t count = 0;
    char path[100];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/self/task/%.40s/children", thread);
    file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%d", &child) == 1)
        count++;
    if (file != NULL)
        fclose(file);
    return count;
}

size_t
host_children(void)
{
    DIR *threads = opendir("/proc/self/task");
    struct dirent *entry;
    size_t count = 0;

    must(threads != NULL);
    while ((entry = readdir(threads)) != NULL)
        if (entry->d_name[0] != '.')
            count += children_of_thread(entry->d_name);
    closedir(threads);
    return count;
}

/* With no system left it buries the last fork server and goes back to waiting. */
static bool
zygote_rests(void)
{
    char path[64], state = '?';
    FILE *file;

    if (scene_children(ward__zygote_pid()) > 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)ward__zygote_pid());
    file = fopen(path, "re");
    must(file != NULL);
    must(fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
    fclose(file);
    return state == 'S';
}

/* It may look so for a moment, where the kernel has it wait for something. */
static void
await_rest(void)
{
    enum { TIMES = 5 };
    int64_t deadline = scene_now_ms() + SCENE_PATIENCE_MS;

    for (int times = 0; times < TIMES;) {
        times = zygote_rests() ? times + 1 : 0;
        must(scene_now_ms() < deadline);
        poll(NULL, 0, 1);
    }
}

struct host_state
host_look(void)
{
    pid_t zygote = ward__zygote_pid();

    await_rest();
    return (struct host_state){.descriptors = scene_descriptors(getpid()),
                               .descriptors_of_zygote = scene_descriptors(zygote),
                               .children = host_children(),
                               .resident = scene_resident(getpid()),
                               .resident_of_zygote = scene_resident(zygote)};
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KEEPS_WHAT_WAS_FREED = 1 };
#else
enum { KEEPS_WHAT_WAS_FREED = 0 };
#endif

void
host_must_be_as(const struct host_state *before, int64_t slack)
{
    struct host_state now = host_look();

    dprintf(STDOUT_FILENO,
            "more: %d descriptors, %d in the zygote, %d children, %lld and %lld bytes\n",
            now.descriptors - before->descriptors,
            now.descriptors_of_zygote - before->descriptors_of_zygote,
            (int)now.children - (int)before->children,
            (long long)(now.resident - before->resident),
            (long long)(now.resident_of_zygote - before->resident_of_zygote));
    must(now.descriptors == before->descriptors);
    must(now.descriptors_of_zygote == before->descriptors_of_zygote);
    must(now.children == before->children);
    must(KEEPS_WHAT_WAS_FREED || now.resident <= before->resident + slack);
    must(KEEPS_WHAT_WAS_FREED ||
         now.resident_of_zygote <= before->resident_of_zygote + slack);
}

void
host_life(struct guest *g, int round)
{
    guest_open(g);
    guest_live(g);
    if (round % 2 == 0)
        guest_stop(g);
    guest_free(g);
}

void
host_lives(struct guest *g, int rounds)
{
    int warm = rounds / 5 + 1;
    struct host_state before;

    for (int i = 0; i < warm; i++)
        host_life(g, i);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        host_life(g, i);
    host_must_be_as(&before, HOST_SLACK);
}

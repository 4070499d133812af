#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/fault.h"
#include "worker/entry.h"

/* ---- the steps, in their order; each returns 0 or a negative code ---- */

/* Its descriptor is closed with all others. */
static int
map_page(struct ward__spawn_record *record)
{
    off_t size = WARD__SYS(lseek(record->page_fd, 0, SEEK_END));
    void *memory;

    if (size < 0 || ward__fault_due())
        return -errno;
    memory =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, record->page_fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    record->page = memory;
    return 0;
}

/* The session is the zygote's, which has no terminal. One for each worker would be a scheduling
 * group for each, too, where the kernel has such (autogroup): it takes time and memory for every
 * processor, and against a thousand groups of workers the host would have one share of a
 * thousand. */
static int
new_group(struct ward__spawn_record *record)
{
    (void)record;
    return WARD__SYS(setpgid(0, 0)) < 0 ? -errno : 0;
}

/* The fork server has one thread, so "the thread that forked us ends" is its death. */
static int
die_with_parent(struct ward__spawn_record *record)
{
    if (WARD__SYS(prctl(PR_SET_PDEATHSIG, SIGKILL)) < 0)
        return -errno;
    if (getppid() != record->parent)
        _exit(0);
    return 0;
}

/* Away from the numbers that are promised to the actor, if it has one of them. */
static int
lift(int *fd, int lowest)
{
    int lifted;

    if (*fd >= lowest)
        return 0;
    lifted = WARD__SYS(fcntl(*fd, F_DUPFD_CLOEXEC, lowest));
    if (lifted < 0)
        return -errno;
    close(*fd);
    *fd = lifted;
    return 0;
}

/* The actor's descriptors get their numbers, the channel the one behind them; every other
 * one is closed. */
static int
arrange_descriptors(struct ward__spawn_record *record)
{
    int first = 3;
    int behind = first + (int)record->fd_count;
    int result = lift(&record->channel, behind + 1);

    for (size_t i = 0; result == 0 && i < record->fd_count; i++)
        result = lift(&record->fds[i], behind + 1);
    if (result < 0)
        return result;
    for (size_t i = 0; i < record->fd_count; i++)
        if (WARD__SYS(dup2(record->fds[i], first + (int)i)) < 0)
            return -errno;
    if (WARD__SYS(dup3(record->channel, behind, O_CLOEXEC)) < 0)
        return -errno;
    record->channel = behind;
    return WARD__SYS(close_range((unsigned)behind + 1, ~0U, 0)) < 0 ? -errno : 0;
}

/* Until it learns whose it is. */
static int
set_name(struct ward__spawn_record *record)
{
    (void)record;
    return WARD__SYS(prctl(PR_SET_NAME, "ward-spare")) < 0 ? -errno : 0;
}

/* Not by libc, whose function for it lies where a new worker needs nothing else: a page fault less. The
 * kernel reads only its part of the set. */
static int
open_mask(struct ward__spawn_record *record)
{
    static const sigset_t none; /* zeroed it is empty */
    long result =
        WARD__SYS(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, _NSIG / 8));

    (void)record;
    return result < 0 ? -errno : 0;
}

static int
leave_setup(struct ward__spawn_record *record)
{
    return ward__setup_leave(record->setup);
}

struct step {
    const char *name;
    int (*run)(struct ward__spawn_record *record);
};

static const struct step steps[] = {
    {"map the page", map_page},
    {"new process group", new_group},
    {"die with the parent", die_with_parent},
    {"arrange descriptors", arrange_descriptors},
    {"set the name", set_name},
    {"open the signal mask", open_mask},
    {"leave the setup", leave_setup},
};

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

const char *
ward__spawn_step_name(int step)
{
    return step >= 1 && step <= STEP_COUNT ? steps[step - 1].name : "";
}

void
ward__spawn_become(struct ward__spawn_record *record)
{
    ward__role = WARD__ROLE_WORKER;
    for (int i = 0; i < STEP_COUNT; i++) {
        int result = steps[i].run(record);
        if (result == 0)
            continue;
        ward__setup_failed(record->setup, i + 1, result);
        _exit(127);
    }
    ward__worker_main(record->channel, record->page);
}

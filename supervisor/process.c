#include "supervisor/process.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/context.h"
#include "ipc/fault.h"

int
ward__pidfd_open(pid_t pid)
{
    return (int)WARD__SYS(syscall(SYS_pidfd_open, pid, 0U));
}

int
ward__pidfd_kill(int pidfd, int signal)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0U) < 0 ? -errno : 0;
}

/* Filters of containers answer clone3 with ENOSYS, as they cannot look at its flags; clone can
 * do the same, with the exit signal in the lowest byte of its flags. s390 has its first two
 * arguments the other way round. */
static long
clone_with_pidfd(int *pidfd)
{
    struct clone_args arguments = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = 0};
    long pid = WARD__SYS(syscall(SYS_clone3, &arguments, sizeof arguments));

#ifndef __s390__
    if (pid < 0 && errno == ENOSYS)
        pid = WARD__SYS(
            syscall(SYS_clone, (unsigned long)CLONE_PIDFD, NULL, pidfd, NULL, NULL));
#endif
    return pid;
}

pid_t
ward__clone_silent(int *pidfd)
{
    int opened = -1;
    long pid = clone_with_pidfd(&opened);

    if (pid < 0)
        return (pid_t)-errno;
    if (pid == 0)
        ward__fork_generation++; /* libc's fork handlers did not run */
    else
        *pidfd = opened;
    return (pid_t)pid;
}

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int
ward__reap_silent(int pidfd)
{
    siginfo_t info = {0};

    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL) < 0)
        return -errno;
    return info.si_pid != 0;
}

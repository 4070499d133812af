#include "supervisor/reap.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/fault.h"
#include "ipc/fds.h"

struct round {
    ward__is_known is_known; /* NULL: nobody is */
    void *user;
    int strangers;
};

static void
visit(pid_t pid, struct round *round)
{
    if (round->is_known != NULL && round->is_known(pid, round->user))
        return;
    round->strangers++;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, WNOHANG | __WALL);
}

/* The kernel's own list of the children of one thread: numbers between blanks, read in
 * pieces. False where the kernel has none. */
static bool
visit_listed(struct round *round)
{
    char path[64], bytes[4096];
    pid_t pid = 0;
    ssize_t got;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%ld/children", syscall(SYS_gettid));
    fd = WARD__SYS(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return false;
    while ((got = WARD__SYS(read(fd, bytes, sizeof bytes))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (isdigit((unsigned char)bytes[i])) {
                pid = pid * 10 + (bytes[i] - '0');
                continue;
            }
            if (pid != 0)
                visit(pid, round);
            pid = 0;
        }
    }
    ward__fd_close(&fd);
    return got == 0;
}

/* The parent in /proc/PID/stat: the second field behind the last ")". */
static pid_t
parent_of(const char *pid)
{
    char path[64], bytes[512];
    const char *behind;
    ssize_t got;
    int fd, parent = -1;

    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    fd = WARD__SYS(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return -1;
    got = read(fd, bytes, sizeof bytes - 1);
    ward__fd_close(&fd);
    if (got <= 0)
        return -1;
    bytes[got] = '\0';
    behind = strrchr(bytes, ')');
    if (behind == NULL || sscanf(behind + 1, " %*c %d", &parent) != 1)
        return -1;
    return parent;
}

/* For kernels without that list: all processes there are. False if they cannot be seen. */
static bool
visit_all_processes(struct round *round)
{
    DIR *proc = WARD__NEW(opendir("/proc"));
    pid_t self = getpid();
    struct dirent *entry;

    if (proc == NULL)
        return false;
    while ((entry = readdir(proc)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == self)
            visit((pid_t)atoi(entry->d_name), round);
    closedir(proc);
    return true;
}

int
ward__reap_strangers(ward__is_known is_known, void *user)
{
    struct round round = {.is_known = is_known, .user = user};

    if (!visit_listed(&round) && !visit_all_processes(&round))
        round.strangers++;
    return round.strangers;
}

void
ward__reap_all(void)
{
    for (;;) {
        ward__reap_strangers(NULL, NULL);
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD)
            return;
        poll(NULL, 0, 1); /* the dying take their time; nothing tells when */
    }
}

#include "bench/raw_reaper.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

long
raw_reaper_add(struct raw_reaper *reaper, pid_t pid)
{
    if (reaper->count == reaper->capacity) {
        reaper->capacity = reaper->capacity * 2 + 64;
        reaper->pids =
            realloc(reaper->pids, (size_t)reaper->capacity * sizeof *reaper->pids);
    }
    if (reaper->pids == NULL || pid < 0)
        _exit(1);
    reaper->pids[reaper->count] = pid;
    return reaper->count++;
}

/* True: it is dead, and that was said. */
static bool
reap(struct raw_reaper *reaper, long number)
{
    if (reaper->pids[number] == 0)
        return true;
    if (!reaper->bury(reaper, number))
        return false;
    reaper->pids[number] = 0;
    return true;
}

/* In the order in which they were forked, for one signal may stand for many. True: there may be more. */
static bool
reap_oldest(struct raw_reaper *reaper)
{
    enum { ROW_MOST = 64 }; /* then the host is listened to: else both could wait */
    int row = 0;

    while (row < ROW_MOST && reaper->oldest < reaper->count &&
           reap(reaper, reaper->oldest)) {
        reaper->oldest++;
        row++;
    }
    return row == ROW_MOST;
}

static bool
reap_signalled(struct raw_reaper *reaper)
{
    struct signalfd_siginfo info;
    long number = reaper->count;

    if (read(reaper->signals, &info, sizeof info) == sizeof info) {
        while (--number >= 0 && reaper->pids[number] != (pid_t)info.ssi_pid)
            ;
        if (number >= 0)
            reap(reaper, number);
    }
    return reap_oldest(reaper);
}

/* Until there are no more requests, and no children. */
static void
serve(struct raw_reaper *reaper)
{
    struct pollfd polled[2] = {{.fd = reaper->control, .events = POLLIN},
                               {.events = POLLIN}};
    bool is_more = false;
    int result = 0;
    sigset_t deaths;

    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    sigprocmask(SIG_BLOCK, &deaths, NULL);
    reaper->signals = polled[1].fd = signalfd(-1, &deaths, SFD_NONBLOCK | SFD_CLOEXEC);
    while (result == 0 && poll(polled, 2, is_more ? 0 : -1) >= 0) {
        if (is_more || polled[1].revents != 0)
            is_more = reap_signalled(reaper);
        if (polled[0].revents == 0)
            continue;
        while ((result = reaper->take_request(reaper)) > 0)
            ;
    }
    while (wait(NULL) > 0)
        ;
}

void
raw_reaper_serve_below(struct raw_reaper *reaper)
{
    pid_t pid = fork();

    if (pid == 0) {
        serve(reaper);
        _exit(0);
    }
    close(reaper->control);
    waitpid(pid, NULL, 0);
}

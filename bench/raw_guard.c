#include "bench/raw_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/raw_packet.h"
#include "bench/raw_reaper.h"

/* ---- the child ---- */

static struct raw_page *own_page;

static void
note_fault(int signal, siginfo_t *info, void *context)
{
    (void)context;
    atomic_store(&own_page->address, (uintptr_t)info->si_addr);
    atomic_store(&own_page->signal, signal);
}

/* Before any fork, for all children. */
static void
watch_faults(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGABRT, SIGTRAP, SIGSYS};
    struct sigaction action = {.sa_sigaction = note_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    stack_t stack = {.ss_sp = malloc(32768), .ss_size = 32768};

    if (stack.ss_sp != NULL)
        sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigaction(faults[i], &action, NULL);
}

static bool
set_up(int channel, int page, pid_t parent)
{
    static const sigset_t none;
    off_t size = lseek(page, 0, SEEK_END);

    own_page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    return own_page != MAP_FAILED && setpgid(0, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
           dup3(channel, 3, O_CLOEXEC) == 3 && close_range(4, ~0U, 0) == 0 &&
           prctl(PR_SET_NAME, "raw-spare") == 0 &&
           sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* It waits until it is told whose it is; then it echoes a byte, or dies of it. */
static _Noreturn void
be_guarded(void)
{
    char told[RAW_TOLD_BYTES], byte;

    if (!raw_read_all(3, told, sizeof told, 0) || prctl(PR_SET_NAME, told) < 0)
        _exit(0);
    atomic_store(&own_page->phase, 1);
    while (raw_read_all(3, &byte, 1, 0)) {
        if (byte == '!')
            *(volatile int *)0 = 1;
        atomic_fetch_add(&own_page->done, 1);
        raw_write_all(3, &byte, 1);
    }
    _exit(0);
}

/* ---- the server ---- */

static pid_t
fork_one(int channel, int page)
{
    pid_t self = getpid();
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (!set_up(channel, page, self))
        _exit(127);
    be_guarded();
}

static int
take_request(struct raw_reaper *reaper)
{
    struct raw_news news = {.is_death = false};
    int fds[RAW_FDS_MOST], pidfd;
    char byte;
    int result = raw_packet_receive(reaper->control, &byte, 1, fds);

    if (result <= 0)
        return result;
    news.pid = fork_one(fds[0], fds[1]);
    news.number = raw_reaper_add(reaper, news.pid);
    pidfd = (int)syscall(SYS_pidfd_open, news.pid, 0U);
    if (pidfd < 0 || !raw_packet_send(reaper->control, &news, sizeof news, &pidfd, 1))
        _exit(1); /* the host is gone */
    close(pidfd);
    close(fds[0]);
    close(fds[1]);
    return 1;
}

/* While it is a zombie its number is its own. */
static bool
bury(struct raw_reaper *reaper, long number)
{
    struct raw_news news = {
        .number = number, .pid = reaper->pids[number], .is_death = true};
    siginfo_t info = {0};

    if (syscall(SYS_waitid, P_PID, news.pid, &info, WEXITED | WNOHANG | WNOWAIT,
                &news.usage) < 0 ||
        info.si_pid != news.pid)
        return false;
    kill(-news.pid, SIGKILL);
    news.status = info.si_code;
    if (!raw_packet_send(reaper->control, &news, sizeof news, NULL, 0))
        _exit(1);
    waitpid(news.pid, NULL, 0);
    return true;
}

/* ---- for the host ---- */

static int host_end, server_end;

/* Between the host and its server. */
static void
be_zygote(int fd)
{
    struct raw_reaper reaper = {
        .control = server_end, .take_request = take_request, .bury = bury};

    (void)fd;
    close(host_end);
    watch_faults();
    raw_reaper_serve_below(&reaper);
}

int
raw_guard_start(struct raw_child *server, int *control)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    host_end = *control = ends[0];
    server_end = ends[1];
    if (raw_child_start(server, be_zygote) < 0)
        return -1;
    close(server_end);
    return 0;
}

void
raw_guard_end(struct raw_child *server, int control)
{
    close(control);
    raw_child_end(server);
}

int
raw_guard_fork(int control, int channel, int page)
{
    int fds[RAW_FDS_MOST] = {channel, page};
    char byte = 'f';

    return raw_packet_send(control, &byte, 1, fds, RAW_FDS_MOST)
               ? 0
               : bench_fail("sendmsg", errno);
}

int
raw_guard_hear(int control, struct raw_news *news, int *pidfd)
{
    int fds[RAW_FDS_MOST];
    int result = raw_packet_receive(control, news, sizeof *news, fds);

    *pidfd = fds[0];
    return result >= 0 ? result : bench_fail("the server is gone", 0);
}

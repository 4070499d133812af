#include "doomed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char doomed_word[] = "doomed";

bool
doomed_main(int argc, char **argv, doom begin)
{
    void *state = NULL;

    if (argc != 2 || strcmp(argv[1], doomed_word) != 0)
        return false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    member_begin();
    if (ward_early() < 0 || member_setup(&state) != 0)
        return true;
    begin(state);
    puts("ready");
    fflush(stdout);
    linger(state, 2 * DEADLINE_MS);
    return true;
}

static pid_t
start_host(int output)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(output, STDOUT_FILENO);
        execl("/proc/self/exe", "process_otp", doomed_word, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* What comes within the deadline: bytes read, 0 at the end of file, -1: nothing did. */
static ssize_t
read_within(int fd, char *buffer, size_t size, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t left = deadline - now_ms();

    if (poll(&p, 1, left > 0 ? (int)left : 0) != 1)
        return -1;
    return read(fd, buffer, size);
}

/* All of them are our children by now. */
static void
reap_all(int64_t deadline)
{
    int pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
        if (now_ms() > deadline)
            fail_msg("a process was left behind");
        if (pid == 0)
            pass(5);
    }
    assert_int_equal(errno, ECHILD);
}

/* Each process of that host has its standard output, so its end of file is the end of all. */
void
kill_a_host(void)
{
    int64_t deadline = now_ms() + 2 * DEADLINE_MS;
    char line[16];
    ssize_t got;
    pid_t pid;
    int ends[2];

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = start_host(ends[1]);
    close(ends[1]);
    got = read_within(ends[0], line, sizeof line, deadline);
    kill(pid, SIGKILL);
    if (got < 5 || memcmp(line, "ready", 5) != 0)
        fail_msg("the host was not ready: %zd", got);
    deadline = now_ms() + DEADLINE_MS;
    got = read_within(ends[0], line, sizeof line, deadline);
    close(ends[0]);
    if (got != 0)
        fail_msg("the host is dead, and something lives: %zd", got);
    reap_all(deadline);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* All that a host has set up for itself is as it was after a system has lived in it, with crashes
 * and a lost fork server: signals, children, files, environment, locale, streams, threads, loop. */
#include "guest.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

enum { TEXT_MOST = 4096, FDS_MOST = 64 };

/* libc leaves what it likes behind the signals that there are. */
struct disposition {
    void (*handler)(int signal);
    uint64_t mask;
    uint64_t flags;
};

/* Zeroed before it is filled, so that two can be compared by their bytes. */
struct state {
    struct disposition dispositions[NSIG];
    sigset_t mask, pending;
    char **environ_at;
    char environment[TEXT_MOST];
    char locale[TEXT_MOST];
    char directory[TEXT_MOST];
    mode_t umask;
    size_t out_size, out_pending, err_size;
    int is_out_by_line, is_err_by_line;
    int threads;
    char thread_name[32];
    int fd_flags[FDS_MOST], fd_status[FDS_MOST];
    size_t children;
    pid_t pid, parent, group, session;
    int priority, is_subreaper, death_signal, is_dumpable;
    struct rlimit limits[RLIM_NLIMITS];
    struct itimerval timers[3];
    stack_t signal_stack;
};

static void
look_at_disposition(struct disposition *d, int number)
{
    struct sigaction action;

    if (sigaction(number, NULL, &action) < 0)
        return; /* libc's own */
    d->handler = action.sa_handler;
    d->flags = (uint64_t)action.sa_flags;
    for (int i = 1; i < NSIG; i++)
        if (sigismember(&action.sa_mask, i) == 1)
            d->mask |= UINT64_C(1) << (i - 1);
}

static void
look_at_signals(struct state *s)
{
    for (int i = 1; i < NSIG; i++)
        look_at_disposition(&s->dispositions[i], i);
    must(sigprocmask(SIG_SETMASK, NULL, &s->mask) == 0);
    must(sigpending(&s->pending) == 0);
    must(sigaltstack(NULL, &s->signal_stack) == 0);
}

static void
look_at_surroundings(struct state *s)
{
    size_t at = 0;

    s->environ_at = environ;
    for (char **line = environ; *line != NULL; line++) {
        must(at + strlen(*line) + 1 < TEXT_MOST);
        strcpy(s->environment + at, *line);
        at += strlen(*line) + 1;
    }
    must(strlen(setlocale(LC_ALL, NULL)) < TEXT_MOST);
    strcpy(s->locale, setlocale(LC_ALL, NULL));
    must(getcwd(s->directory, TEXT_MOST) != NULL);
    s->umask = umask(0);
    umask(s->umask);
}

static void
look_at_files(struct state *s)
{
    s->out_size = __fbufsize(stdout);
    s->out_pending = __fpending(stdout);
    s->err_size = __fbufsize(stderr);
    s->is_out_by_line = __flbf(stdout);
    s->is_err_by_line = __flbf(stderr);
    for (int fd = 0; fd < FDS_MOST; fd++) {
        s->fd_flags[fd] = fcntl(fd, F_GETFD);
        s->fd_status[fd] = fcntl(fd, F_GETFL);
    }
}

static int
count_threads(void)
{
    struct stat status;

    must(stat("/proc/self/task", &status) == 0);
    return (int)status.st_nlink - 2;
}

static void
look_at_process(struct state *s)
{
    s->threads = count_threads();
    s->children = host_children();
    s->pid = getpid();
    s->parent = getppid();
    s->group = getpgrp();
    s->session = getsid(0);
    s->priority = getpriority(PRIO_PROCESS, 0);
    prctl(PR_GET_NAME, s->thread_name);
    prctl(PR_GET_CHILD_SUBREAPER, &s->is_subreaper);
    prctl(PR_GET_PDEATHSIG, &s->death_signal);
    s->is_dumpable = prctl(PR_GET_DUMPABLE);
    for (int i = 0; i < RLIM_NLIMITS; i++)
        must(getrlimit((__rlimit_resource_t)i, &s->limits[i]) == 0);
    for (int i = 0; i < 3; i++)
        must(getitimer((__itimer_which_t)i, &s->timers[i]) == 0);
}

static struct state *
look(void)
{
    struct state *s = calloc(1, sizeof *s);

    must(s != NULL);
    look_at_signals(s);
    look_at_surroundings(s);
    look_at_files(s);
    look_at_process(s);
    return s;
}

/* One by one, so that a failure says what it was. */
static void
compare(const struct state *was, const struct state *is)
{
    for (int i = 1; i < NSIG; i++)
        must(memcmp(&was->dispositions[i], &is->dispositions[i],
                    sizeof was->dispositions[i]) == 0);
    must(memcmp(&was->mask, &is->mask, sizeof was->mask) == 0);
    must(memcmp(&was->pending, &is->pending, sizeof was->pending) == 0);
    must(was->environ_at == is->environ_at);
    must(memcmp(was->environment, is->environment, TEXT_MOST) == 0);
    must(strcmp(was->locale, is->locale) == 0);
    must(strcmp(was->directory, is->directory) == 0);
    must(was->umask == is->umask);
    must(was->out_size == is->out_size && was->is_out_by_line == is->is_out_by_line);
    must(was->err_size == is->err_size && was->is_err_by_line == is->is_err_by_line);
    must(was->out_pending == is->out_pending);
    must(was->threads == is->threads && was->children == is->children);
    must(strcmp(was->thread_name, is->thread_name) == 0);
    for (int fd = 0; fd < FDS_MOST; fd++) {
        must(was->fd_flags[fd] == is->fd_flags[fd]);
        must(was->fd_status[fd] == is->fd_status[fd]);
    }
    must(was->group == is->group && was->session == is->session);
    must(was->priority == is->priority && was->is_subreaper == is->is_subreaper);
    must(was->death_signal == is->death_signal && was->is_dumpable == is->is_dumpable);
    must(memcmp(was, is, sizeof *was) == 0);
}

/* ---- a host with habits ---- */

static atomic_uint signalled;

static void
count_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&signalled, 1);
}

static void
have_habits(void)
{
    struct sigaction counting = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    struct sigaction ignoring = {.sa_handler = SIG_IGN};
    sigset_t some;

    sigemptyset(&counting.sa_mask);
    sigaddset(&counting.sa_mask, SIGUSR2);
    sigemptyset(&ignoring.sa_mask);
    must(sigaction(SIGCHLD, &counting, NULL) == 0);
    must(sigaction(SIGSEGV, &counting, NULL) == 0);
    must(sigaction(SIGUSR1, &counting, NULL) == 0);
    must(sigaction(SIGPIPE, &counting, NULL) == 0);
    must(sigaction(SIGHUP, &ignoring, NULL) == 0);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigaddset(&some, SIGTERM);
    must(sigprocmask(SIG_SETMASK, &some, NULL) == 0);
    must(raise(SIGUSR1) == 0); /* and so it stays pending */
    must(clearenv() == 0 && setenv("LC_ALL", "C.UTF-8", 1) == 0);
    must(setenv("TZ", "Asia/Tokyo", 1) == 0 && setenv("EMPTY", "", 1) == 0);
    must(setlocale(LC_ALL, "") != NULL);
    must(chdir("/tmp") == 0);
    umask(031);
    must(prctl(PR_SET_NAME, "habitual") == 0);
}

/* A stream that keeps what is written until it is told otherwise. */
static int
redirect_output(void)
{
    int ends[2];

    must(pipe2(ends, O_CLOEXEC) == 0);
    must(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    must(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
    close(ends[1]);
    must(setvbuf(stdout, NULL, _IOFBF, TEXT_MOST) == 0);
    return ends[0];
}

/* Nobody but the host has written what it had not flushed. */
static void
assert_lines(int fd, const char *line, int count)
{
    size_t size = strlen(line);
    char got[100];

    for (int i = 0; i < count; i++)
        must(read(fd, got, size) == (ssize_t)size && memcmp(got, line, size) == 0);
    must(read(fd, got, 1) < 0 && errno == EAGAIN);
}

static void
assert_loop_is_free(void)
{
    must(ev_default_loop(EVFLAG_NOENV) != NULL);
    must(ev_iteration(EV_DEFAULT) == 0); /* it was made now, and by nobody before */
    must(ev_pending_count(EV_DEFAULT) == 0);
    ev_loop_destroy(EV_DEFAULT);
}

/* ward_early costs a socket, a pidfd and a child, and writes out what was buffered. */
static void
assert_early_is_cheap(void)
{
    struct state *was = look(), *is;
    int opened = 0;

    host_begin();
    is = look();
    was->children++;
    was->out_pending = 0;
    was->fd_status[STDIN_FILENO] = is->fd_status[STDIN_FILENO]; /* that was the test */
    for (int fd = 0; fd < FDS_MOST; fd++) {
        if (was->fd_flags[fd] == is->fd_flags[fd])
            continue;
        must(was->fd_flags[fd] < 0 && is->fd_flags[fd] == FD_CLOEXEC);
        was->fd_flags[fd] = is->fd_flags[fd];
        was->fd_status[fd] = is->fd_status[fd];
        opened++;
    }
    must(opened == 2);
    compare(was, is);
    free(was);
    free(is);
}

static void
live_unnoticed(struct guest *g, int round)
{
    struct state *was = look(), *is;

    guest_open(g);
    guest_live(g);
    if (round % 2 == 0)
        guest_stop(g);
    guest_free(g);
    is = look();
    compare(was, is);
    free(was);
    free(is);
}

static void
host_with_habits(void *arg)
{
    struct guest g = {.sys = NULL};
    int out, rounds = scene_rounds(100);

    (void)arg;
    have_habits();
    out = redirect_output();
    fputs("early\n", stdout);
    assert_early_is_cheap();
    assert_lines(out, "early\n", 1);
    for (int i = 0; i < rounds; i++) {
        fputs("late\n", stdout);
        live_unnoticed(&g, i);
    }
    assert_lines(out, "", 0);
    fflush(stdout);
    assert_lines(out, "late\n", rounds);
    must(atomic_load(&signalled) == 0);
    assert_loop_is_free();
}

static void
nothing_of_the_host_is_touched(void **state)
{
    (void)state;
    host_runs(host_with_habits, NULL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_host_is_touched),
    };

    return cmocka_run_group_tests_name("untouched", tests, NULL, NULL);
}

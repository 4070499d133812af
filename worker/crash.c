#include "worker/crash.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct ward__page *crash_page; /* a handler has no other way to know it */
static char crash_stack[32768] __attribute__((aligned(16)));

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

/*
 * Returning from a fault runs the faulting instruction again, now with the default
 * disposition (SA_RESETHAND). A signal that somebody sent does not come again by itself, so
 * it is sent again; it is blocked until the handler returns.
 */
static void
note_fault(int signal, siginfo_t *info, void *context)
{
    struct ward__fault_note *note = &crash_page->fault;
    int saved = errno;

    (void)context;
    note->code = info->si_code;
    if (info->si_code <= 0)
        note->sender = info->si_pid;
    else
        note->address = (uint64_t)(uintptr_t)info->si_addr;
    atomic_store(&note->signal, signal);
    if (info->si_code <= 0)
        syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), signal);
    errno = saved;
}

void
ward__crash_watch(struct ward__page *page)
{
    stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
    struct sigaction action = {.sa_sigaction = note_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};

    crash_page = page;
    sigemptyset(&action.sa_mask);
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigaction(faults[i], &action, NULL);
}

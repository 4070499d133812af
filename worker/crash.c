#include "worker/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A handler has no other way to know it; NULL: this is no worker (yet). */
static struct ward__page *crash_page;
enum { CRASH_STACK = 32768 };
/* Owned, for ever. It is not an array here: what a worker writes would lie in pages between others, and
 * each has to copy what it writes. */
static void *crash_stack;

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

static void
note_in(struct ward__fault_note *note, int signal, const siginfo_t *info)
{
    note->code = info->si_code;
    if (info->si_code <= 0)
        note->sender = info->si_pid;
    else
        note->address = (uint64_t)(uintptr_t)info->si_addr;
    atomic_store(&note->signal, signal);
}

/*
 * Returning from a fault runs the faulting instruction again, now with the default
 * disposition (SA_RESETHAND). A signal that somebody sent does not come again by itself, so
 * it is sent again; it is blocked until the handler returns.
 */
static void
note_fault(int signal, siginfo_t *info, void *context)
{
    int saved = errno;

    (void)context;
    if (crash_page != NULL)
        note_in(&crash_page->fault, signal, info);
    if (info->si_code <= 0)
        syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), signal);
    errno = saved;
}

void
ward__crash_prepare(void)
{
    stack_t stack = {.ss_size = CRASH_STACK};
    struct sigaction action = {.sa_sigaction = note_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};

    if (crash_stack == NULL)
        crash_stack = malloc(CRASH_STACK);
    stack.ss_sp = crash_stack;
    sigemptyset(&action.sa_mask);
    if (stack.ss_sp != NULL) /* else an overflow is not noted */
        sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigaction(faults[i], &action, NULL);
}

void
ward__crash_watch(struct ward__page *page)
{
    crash_page = page;
}

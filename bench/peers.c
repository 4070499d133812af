#include "bench/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 3 }; /* that a program has before the figure's name, at most */

static _Noreturn void
become(const struct bench_size *size, const char *const *program, int output)
{
    const char *arguments[ARGUMENTS + 3];
    char count[32];
    size_t i = 0;

    for (; i < ARGUMENTS && program[i] != NULL; i++)
        arguments[i] = program[i];
    snprintf(count, sizeof count, "%ld", size->count);
    arguments[i] = size->figure->lines[0].name;
    arguments[i + 1] = count;
    arguments[i + 2] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    bench_fail(arguments[0], errno);
    _exit(1);
}

/* One positive number a line, as many as the figure has lines, and nothing else. */
static int
read_values(const struct bench_size *size, FILE *input, double *values)
{
    char line[128], *end;
    int count = 0;

    for (; fgets(line, sizeof line, input) != NULL; count++) {
        double value = strtod(line, &end);
        if (count == BENCH_LINES || size->figure->lines[count].name == NULL ||
            end == line || *end != '\n' || !(value > 0))
            return bench_fail(line, 0);
        values[count] = value;
    }
    return size->figure->lines[count].name == NULL ? 0 : bench_fail("too few values", 0);
}

static int
run(const struct bench_size *size, const char *const *program, double *values)
{
    int ends[2], status, result;
    FILE *input;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return bench_fail("pipe", errno);
    pid = fork();
    if (pid < 0)
        return bench_fail("fork", errno);
    if (pid == 0)
        become(size, program, ends[1]);
    close(ends[1]);
    input = fdopen(ends[0], "r");
    if (input == NULL)
        return bench_fail("fdopen", errno);
    result = read_values(size, input, values);
    fclose(input);
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        return bench_fail("a peer's program failed", 0);
    return result;
}

int
peer_zeromq(const struct bench_size *size, double *values)
{
    return run(size, (const char *const[]){BENCH_ZEROMQ, NULL}, values);
}

int
peer_nng(const struct bench_size *size, double *values)
{
    return run(size, (const char *const[]){BENCH_NNG, NULL}, values);
}

int
peer_erlang(const struct bench_size *size, double *values)
{
    return run(size, (const char *const[]){BENCH_ERLANG, NULL}, values);
}

int
peer_python(const struct bench_size *size, double *values)
{
    return run(size, (const char *const[]){BENCH_PYTHON, NULL}, values);
}

/* ---- of a tenth ---- */

static int
less(const struct bench_size *size, bench_measure measure, double *values)
{
    struct bench_size tenth = {size->count / 10, size->is_tiny, size->figure};

    return measure(&tenth, values);
}

int
peer_nng_less(const struct bench_size *size, double *values)
{
    return less(size, peer_nng, values);
}

int
peer_python_less(const struct bench_size *size, double *values)
{
    return less(size, peer_python, values);
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/bench.h"

double
bench_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double
bench_quantile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)((double)(count - 1) * share + 0.5)];
}

int
bench_fail(const char *what, int error)
{
    fprintf(stderr, "bench: %s%s%s\n", what, error != 0 ? ": " : "",
            error != 0 ? strerror(error) : "");
    return -1;
}

int
bench_grow(const struct bench_size *size)
{
    size_t bytes = size->is_tiny ? (size_t)64 << 20 : (size_t)4 << 30;
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return bench_fail("4 GB", errno);
    madvise(memory, bytes, MADV_NOHUGEPAGE); /* as a heap of small things is */
    memset(memory, 1, bytes);
    return 0;
}

int
bench_descriptors(long count)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return bench_fail("the limit of descriptors", errno);
    if (limit.rlim_max < (rlim_t)count)
        return bench_fail("too low a hard limit of descriptors (ulimit -Hn)", 0);
    limit.rlim_cur = (rlim_t)count;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return bench_fail("the limit of descriptors", errno);
    return 0;
}

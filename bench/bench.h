/*
 * Bench: what a figure is. A figure has contenders, ward first, which do the same work. Each
 * measurement runs in a process of its own, forked from a small one, so that no contender
 * lives in what another one left behind; contenders take turns, round by round, because the
 * machine drifts; and only the medians' ratios are worth comparing.
 *
 * Used by: the files of figures and of peers. Uses: nothing of ward's.
 */
#ifndef WARD_BENCH_BENCH_H
#define WARD_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_LINES = 4, BENCH_CONTENDERS = 10, BENCH_PAYLOAD = 64 };
/* Between two restarts or spawns that are measured alone, of whatever contender: time for what is
 * made ahead, and all have slept. */
enum { BENCH_PAUSE_MS = 5 };

struct bench_figure;

/* How much is to be done: the figure's own number, or very little to see that it works. */
struct bench_size {
    long count;
    bool is_tiny;
    const struct bench_figure *figure; /* of which this is a measurement */
};

/* Does the work and measures it: one value for each line of the figure. 0, or -1 when it could not
 * be done, said on standard error. It runs in a process of its own and need not clean up what
 * ends with that. */
typedef int (*bench_measure)(const struct bench_size *size, double *values);

struct bench_contender {
    const char *name; /* as in the table's column `against` */
    bench_measure measure;
};

/* One line of the table; a figure that gives median and 99th percentile has two. */
struct bench_line {
    const char *name;
    const char *unit;
    double goal; /* of the ratio to the second contender, 1 if both are 0; 0: none */
    bool more_is_good; /* then the ratio is to be at least the goal */
};

struct bench_figure {
    struct bench_line lines[BENCH_LINES]; /* ends with a name of NULL */
    long count, tiny_count;
    struct bench_contender
        contenders[BENCH_CONTENDERS]; /* ours, the one of the goal, others */
};

/* ---- for those who measure; in tools.c ---- */

double bench_now_us(void);

/* The value below which `share` (0 to 1) of them lie; sorts them. */
double bench_quantile(double *values, size_t count, double share);

/* Makes this process one of 4 GB, all of it resident (of 64 MB where little is to be done). 0, or -1. */
int bench_grow(const struct bench_size *size);

/* Lets this process have so many descriptors, and no more. 0, or -1. */
int bench_descriptors(long count);

/* Says on standard error what went wrong, with errno's text if `error` is not 0. -1. */
int bench_fail(const char *what, int error);

#endif

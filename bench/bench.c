#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/figures.h"

/*
 * bench [--tiny] [--rounds N] [FIGURE...]: measures the figures, or all, and prints a line for
 * each and each contender but ours: figure, ours, unit, against, theirs, ratio; tabs between.
 * bench --list: for each figure against whom, "at least", "at most" or "none", and the goal.
 */

enum { ROUNDS = 5, ROUNDS_MOST = 101, SECONDS = 600, TINY_SECONDS = 20 };

struct plan {
    bool is_tiny;
    int rounds;
};

/* ---- one measurement ---- */

static _Noreturn void
measure_here(const struct bench_contender *contender, const struct bench_size *size,
             int to)
{
    double values[BENCH_LINES] = {0};

    alarm(size->is_tiny ? TINY_SECONDS : SECONDS); /* who hangs has failed */
    if (contender->measure(size, values) < 0 ||
        write(to, values, sizeof values) != (ssize_t)sizeof values)
        _exit(1);
    _exit(0);
}

static int
measure(const struct bench_contender *contender, const struct bench_size *size,
        double *values)
{
    int ends[2], status;
    ssize_t got;
    pid_t pid;

    if (pipe(ends) < 0)
        return bench_fail("pipe", errno);
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return bench_fail("fork", errno);
    if (pid == 0) {
        close(ends[0]);
        measure_here(contender, size, ends[1]);
    }
    close(ends[1]);
    got = read(ends[0], values, sizeof *values * BENCH_LINES);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0 || got != (ssize_t)(sizeof *values * BENCH_LINES))
        return bench_fail(contender->name, 0);
    return 0;
}

/* ---- one figure ---- */

struct samples {
    double of[BENCH_CONTENDERS][BENCH_LINES][ROUNDS_MOST];
};

static size_t
count_contenders(const struct bench_figure *figure)
{
    size_t count = 0;

    while (count < BENCH_CONTENDERS && figure->contenders[count].measure != NULL)
        count++;
    return count;
}

/* Two that are 0 are as good as one another. */
static double
ratio(double ours, double theirs)
{
    return ours == theirs ? 1 : ours / theirs;
}

static void
print_figure(const struct bench_figure *figure, struct samples *samples, int rounds)
{
    size_t contenders = count_contenders(figure);
    double medians[BENCH_CONTENDERS];

    for (int i = 0; i < BENCH_LINES && figure->lines[i].name != NULL; i++) {
        const struct bench_line *line = &figure->lines[i];
        for (size_t who = 0; who < contenders; who++)
            medians[who] = bench_quantile(samples->of[who][i], (size_t)rounds, 0.5);
        for (size_t who = 1; who < contenders; who++)
            printf("%s\t%.4g\t%s\t%s\t%.4g\t%.3g\n", line->name, medians[0], line->unit,
                   figure->contenders[who].name, medians[who],
                   ratio(medians[0], medians[who]));
    }
    fflush(stdout);
}

static int
run_figure(const struct bench_figure *figure, const struct plan *plan)
{
    static struct samples samples;
    size_t contenders = count_contenders(figure);
    struct bench_size size = {plan->is_tiny ? figure->tiny_count : figure->count,
                              plan->is_tiny, figure};

    fprintf(stderr, "bench: %s\n", figure->lines[0].name);
    for (int round = 0; round < plan->rounds; round++)
        for (size_t who = 0; who < contenders; who++) {
            double values[BENCH_LINES];
            if (measure(&figure->contenders[who], &size, values) < 0)
                return bench_fail(figure->lines[0].name, 0);
            for (int i = 0; i < BENCH_LINES; i++)
                samples.of[who][i][round] = values[i];
        }
    print_figure(figure, &samples, plan->rounds);
    return 0;
}

/* ---- which ---- */

static const struct bench_figure *
find_figure(const char *name)
{
    for (size_t i = 0; bench_figures[i] != NULL; i++)
        if (strcmp(bench_figures[i]->lines[0].name, name) == 0)
            return bench_figures[i];
    return NULL;
}

static int
list_lines(void)
{
    for (size_t i = 0; bench_figures[i] != NULL; i++)
        for (int k = 0; k < BENCH_LINES && bench_figures[i]->lines[k].name != NULL; k++) {
            const struct bench_line *line = &bench_figures[i]->lines[k];
            const char *sense = line->more_is_good ? "at least" : "at most";
            printf("%s\t%s\t%s\t%g\n", line->name, bench_figures[i]->contenders[1].name,
                   line->goal != 0 ? sense : "none", line->goal);
        }
    return 0;
}

static int
run_all(const struct plan *plan)
{
    for (size_t i = 0; bench_figures[i] != NULL; i++)
        if (run_figure(bench_figures[i], plan) < 0)
            return 1;
    return 0;
}

static int
run_named(const struct plan *plan, char **names)
{
    for (; *names != NULL; names++) {
        const struct bench_figure *figure = find_figure(*names);
        if (figure == NULL) {
            fprintf(stderr, "bench: no figure is called %s; --list names them\n", *names);
            return 2;
        }
        if (run_figure(figure, plan) < 0)
            return 1;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    struct plan plan = {.rounds = ROUNDS};
    int next = 1;

    (void)argc;
    for (; argv[next] != NULL && argv[next][0] == '-'; next++) {
        if (strcmp(argv[next], "--list") == 0)
            return list_lines();
        if (strcmp(argv[next], "--tiny") == 0) {
            plan = (struct plan){.is_tiny = true, .rounds = 1};
        } else if (strcmp(argv[next], "--rounds") == 0 && argv[next + 1] != NULL) {
            plan.rounds = atoi(argv[++next]);
        } else {
            fprintf(stderr, "bench: what is %s?\n", argv[next]);
            return 2;
        }
    }
    if (plan.rounds < 1 || plan.rounds > ROUNDS_MOST)
        return bench_fail("between 1 and 101 rounds", 0) + 3;
    return argv[next] == NULL ? run_all(&plan) : run_named(&plan, argv + next);
}

#include "bench/tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

/* The number behind a word at the beginning of a line, or -1. */
static double
number_in(pid_t pid, const char *name, const char *word)
{
    char path[64], line[256];
    double number = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "re");
    if (file == NULL)
        return bench_fail(path, errno);
    while (number < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, word, strlen(word)) == 0)
            sscanf(line + strlen(word), "%lf", &number);
    fclose(file);
    return number >= 0 ? number : bench_fail(word, 0);
}

double
tree_memory(pid_t pid)
{
    double pss = number_in(pid, "smaps_rollup", "Pss:");
    double tables = number_in(pid, "status", "VmPTE:");

    return pss < 0 || tables < 0 ? -1 : pss + tables;
}

double
tree_sleeps(pid_t pid)
{
    return number_in(pid, "status", "voluntary_ctxt_switches:");
}

double
tree_one(pid_t pid)
{
    (void)pid;
    return 1;
}

static int
add(pid_t pid, int generation, tree_read read, double *sums)
{
    char path[64];
    FILE *children;
    double number = read(pid);
    int child, result = 0;

    if (number < 0)
        return -1;
    if (generation == TREE_GENERATIONS)
        return bench_fail("more generations than there should be", 0);
    sums[generation] += number;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    children = fopen(path, "re");
    if (children == NULL)
        return bench_fail(path, errno);
    while (result == 0 && fscanf(children, "%d", &child) == 1)
        result = add((pid_t)child, generation + 1, read, sums);
    fclose(children);
    return result;
}

int
tree_add_up(pid_t pid, tree_read read, double sums[TREE_GENERATIONS])
{
    memset(sums, 0, sizeof *sums * TREE_GENERATIONS);
    return add(pid, 0, read, sums);
}

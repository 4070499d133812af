#include "remains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

enum { MOST = 4096 };

struct pids {
    pid_t pids[MOST];
    size_t count;
};

static struct pids expected; /* the zygote */

static bool
is_expected(pid_t pid)
{
    for (size_t i = 0; i < expected.count; i++)
        if (expected.pids[i] == pid)
            return true;
    return false;
}

/* Adds the children of one process, of all its threads. */
static void
add_children(struct pids *all, pid_t parent)
{
    char path[300];
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    tasks = opendir(path);
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        FILE *file;
        int pid;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.200s/children", (int)parent,
                 entry->d_name);
        file = fopen(path, "re");
        while (file != NULL && fscanf(file, "%d", &pid) == 1 && all->count < MOST)
            all->pids[all->count++] = pid;
        if (file != NULL)
            fclose(file);
    }
    if (tasks != NULL)
        closedir(tasks);
}

/* All below us, parents before their children. */
static void
add_descendants(struct pids *all)
{
    add_children(all, getpid());
    for (size_t i = 0; i < all->count; i++)
        add_children(all, all->pids[i]);
}

void
remains_begin(void)
{
    expected.count = 0;
    add_children(&expected, getpid());
}

size_t
processes_below(void)
{
    static struct pids all;
    size_t count = 0;

    all.count = 0;
    add_descendants(&all);
    for (size_t i = 0; i < all.count; i++)
        count += !is_expected(all.pids[i]);
    return count;
}

/* One that lives: the dead have their names until somebody has waited for them. */
static bool
is_spare(pid_t pid)
{
    char path[64], name[32] = "", status = 'X';
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    (void)!fscanf(file, "%*d (%31[^)]) %c", name, &status);
    fclose(file);
    return strcmp(name, "ward-spare") == 0 && status != 'Z' && status != 'X';
}

size_t
spares_below(pid_t *pids, size_t most)
{
    static struct pids all;
    size_t count = 0;

    all.count = 0;
    add_descendants(&all);
    for (size_t i = 0; i < all.count && count < most; i++)
        if (!is_expected(all.pids[i]) && is_spare(all.pids[i]))
            pids[count++] = all.pids[i];
    return count;
}

bool
workers_end(void)
{
    int64_t deadline = now_ms() + 2000;
    pid_t pids[8];
    bool is_so;

    do
        is_so = processes_below() == 1 + spares_below(pids, 8);
    while (!is_so && now_ms() < deadline);
    return is_so;
}

static void
print_process(pid_t pid)
{
    char path[64], line[200];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file != NULL && fgets(line, sizeof line, file) != NULL)
        fprintf(stderr, "left behind: %.80s\n", line);
    if (file != NULL)
        fclose(file);
}

/* Waits until that process has ended; one that is no more has. */
static bool
ends(pid_t pid, int64_t deadline)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t left = deadline - now_ms();
    bool is_gone = fd < 0 || poll(&p, 1, left > 0 ? (int)left : 0) == 1;

    if (!is_gone)
        print_process(pid);
    if (fd >= 0)
        close(fd);
    return is_gone;
}

/* A process that has ended but was not reaped yet is still listed; so we look again. */
bool
processes_end(void)
{
    static struct pids all;
    int64_t deadline = now_ms() + 2000;
    size_t others;

    do {
        others = 0;
        all.count = 0;
        add_descendants(&all);
        for (size_t i = 0; i < all.count; i++) {
            if (is_expected(all.pids[i]))
                continue;
            others++;
            if (!ends(all.pids[i], deadline))
                return false;
        }
    } while (others > 0 && now_ms() < deadline);
    for (size_t i = 0; others > 0 && i < all.count; i++)
        if (!is_expected(all.pids[i]))
            print_process(all.pids[i]);
    return others == 0;
}

/* ---- descriptors ---- */

int
open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1; /* not the directory itself */
}

void
print_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char target[200];
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (size >= 0)
            fprintf(stderr, "open: %s -> %.*s\n", entry->d_name, (int)size, target);
    }
    if (dir != NULL)
        closedir(dir);
}

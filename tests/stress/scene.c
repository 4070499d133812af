#include "scene.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const ward_strategy scene_stubborn = {
    .name = "stubborn", .max_restarts = WARD_INFINITE, .within_ms = 60000};
WARD_REGISTER(scene_stubborn);

int
scene_rounds(int soak)
{
    const char *wanted = getenv("WARD_SOAK");

    return wanted != NULL && strcmp(wanted, "1") == 0 ? soak : soak / 20;
}

int64_t
scene_now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

uint32_t
scene_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* ---- looking at a process ---- */

int
scene_descriptors(pid_t pid)
{
    struct dirent *entry;
    char path[64];
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    if (dir == NULL)
        return -1;
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return pid == getpid() ? count - 1 : count; /* not the one that looks */
}

size_t
scene_children(pid_t pid)
{
    size_t count = 0;
    char path[80];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fscanf(file, "%d", &child) == 1)
        count++;
    fclose(file);
    return count;
}

int64_t
scene_resident(pid_t pid)
{
    char path[64], line[200];
    long long kb, total = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Shared_Dirty: %lld", &kb) == 1 ||
            sscanf(line, "Private_Dirty: %lld", &kb) == 1)
            total = (total < 0 ? 0 : total) + kb;
    fclose(file);
    return total < 0 ? -1 : total * 1024;
}

/* ---- gone ---- */

bool
scene_pipe_ends(int fd, int timeout_ms)
{
    int64_t deadline = scene_now_ms() + timeout_ms;
    char byte;

    for (;;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - scene_now_ms();
        if (left <= 0 || poll(&polled, 1, (int)left) == 0)
            return false;
        if (read(fd, &byte, 1) == 0)
            return true;
    }
}

void
scene_leave_daemon(void)
{
    sigset_t all;
    pid_t pid = fork();

    if (pid != 0)
        return; /* the one between stays a zombie of ours: we have better to do */
    setsid();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    if (fork() != 0)
        _exit(0);
    setsid();
    for (;;)
        pause();
}

void
scene_fault(void)
{
    static int *volatile nowhere;

    *nowhere = 1;
}

/* ---- the host's side ---- */

void
scene_turn(ward_system *sys, int64_t deadline)
{
    struct pollfd polled = {.fd = ward_system_fd(sys), .events = POLLIN};
    int64_t left = deadline - scene_now_ms();

    assert_true(left > 0);
    if (poll(&polled, 1, (int)left) > 0)
        scene_ok(ward_system_dispatch(sys));
}

void
scene_ok_at(int64_t result, const char *file, int line)
{
    if (result >= 0)
        return;
    print_error("%s\n", ward_error_name((int)result));
    _fail(file, line);
}

#include "supervisor/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/fds.h"

/* "6:memory:/a/b" is version 1, "0::/a/b" version 2. True if the line tells of memory. */
static bool
take_line(char *line, char *path, size_t size)
{
    char *controllers = strchr(line, ':');
    const char *below;
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (group == NULL)
        return false;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    below = strcmp(group, "/") != 0 ? group : "";
    if (strcmp(controllers, ":memory") == 0)
        snprintf(path, size, "/sys/fs/cgroup/memory%s/memory.oom_control", below);
    else if (strcmp(controllers, ":") == 0)
        snprintf(path, size, "/sys/fs/cgroup%s/memory.events", below);
    else
        return false;
    return true;
}

/* The kernel's count of "oom_kill"; -1: it cannot be read. */
static int64_t
read_count(int fd)
{
    static const char word[] = "oom_kill ";
    char text[512];
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    const char *line;

    text[got > 0 ? got : 0] = '\0';
    for (line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, sizeof word - 1) == 0)
            return strtoll(line + sizeof word - 1, NULL, 10);
    }
    return -1;
}

void
ward__oom_begin(struct ward__oom *oom)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[512], path[512];

    *oom = (struct ward__oom){.fd = -1, .seen = -1};
    while (file != NULL && oom->seen < 0 && fgets(line, sizeof line, file) != NULL) {
        if (!take_line(line, path, sizeof path))
            continue;
        ward__fd_close(&oom->fd);
        oom->fd = open(path, O_RDONLY | O_CLOEXEC);
        oom->seen = read_count(oom->fd);
    }
    if (file != NULL)
        fclose(file);
}

bool
ward__oom_has_killed(struct ward__oom *oom)
{
    if (oom->seen < 0 || read_count(oom->fd) <= oom->seen)
        return false;
    oom->seen++;
    return true;
}

void
ward__oom_end(struct ward__oom *oom)
{
    ward__fd_close(&oom->fd);
}

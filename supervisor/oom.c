#include "supervisor/oom.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
read_count(const char *path)
{
    FILE *file = path[0] != '\0' ? fopen(path, "re") : NULL;
    char line[128];
    int64_t count = -1;

    while (file != NULL && count < 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "oom_kill %" SCNd64, &count) != 1)
            count = -1;
    if (file != NULL)
        fclose(file);
    return count;
}

void
ward__oom_begin(struct ward__oom *oom)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[512];

    oom->path[0] = '\0';
    oom->seen = -1;
    while (file != NULL && oom->seen < 0 && fgets(line, sizeof line, file) != NULL)
        if (take_line(line, oom->path, sizeof oom->path))
            oom->seen = read_count(oom->path);
    if (file != NULL)
        fclose(file);
}

bool
ward__oom_has_killed(struct ward__oom *oom)
{
    if (oom->seen < 0 || read_count(oom->path) <= oom->seen)
        return false;
    oom->seen++;
    return true;
}

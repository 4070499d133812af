#include "bench/raw_crowd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/tree.h"

/* ---- children ---- */

struct child {
    pid_t pid;
    int fd;
};

static bool
put(int fd)
{
    return send(fd, "", 1, MSG_NOSIGNAL) == 1;
}

static bool
get(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 1;
}

/* Says that it is there, and a byte for each that it is sent. It keeps what it was born with of
 * its siblings' descriptors: closing them would take time. */
static _Noreturn void
be_child(int fd)
{
    do
        if (!put(fd))
            break;
    while (get(fd));
    _exit(0);
}

static int
start(struct child *child)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    child->pid = fork();
    if (child->pid < 0)
        return bench_fail("fork", errno);
    if (child->pid == 0)
        be_child(ends[1]);
    close(ends[1]);
    child->fd = ends[0];
    return 0;
}

static int
hear_all(const struct child *children, long count)
{
    for (long i = 0; i < count; i++)
        if (!get(children[i].fd))
            return bench_fail("a byte of a child's", errno);
    return 0;
}

static int
start_all(struct child *children, long count)
{
    for (long i = 0; i < count; i++)
        if (start(&children[i]) < 0)
            return -1;
    return hear_all(children, count);
}

static void
kill_all(const struct child *children, long count)
{
    for (long i = 0; i < count; i++)
        kill(children[i].pid, SIGKILL);
}

static void
end_all(struct child *children, long count)
{
    kill_all(children, count);
    for (long i = 0; i < count; i++)
        waitpid(children[i].pid, NULL, 0);
    free(children);
}

static struct child *
make_room(long count)
{
    if (bench_descriptors(count + 64) < 0)
        return NULL;
    return calloc((size_t)count, sizeof(struct child));
}

/* ---- all at once ---- */

int
raw_crowd_start(const struct bench_size *size, double *values)
{
    struct child *children = make_room(size->count);
    double begun = bench_now_us();

    if (children == NULL || start_all(children, size->count) < 0)
        return -1;
    values[0] = (bench_now_us() - begun) / 1e3;
    end_all(children, size->count);
    return 0;
}

int
raw_crowd_memory(const struct bench_size *size, double *values)
{
    struct child *children = make_room(size->count);
    double before[TREE_GENERATIONS], after[TREE_GENERATIONS];

    if (children == NULL || tree_add_up(getpid(), tree_memory, before) < 0 ||
        start_all(children, size->count) < 0 ||
        tree_add_up(getpid(), tree_memory, after) < 0)
        return -1;
    values[1] = after[1] / (double)size->count;
    values[2] = (after[0] - before[0]) / (double)size->count;
    values[0] = values[1] + values[2];
    end_all(children, size->count);
    return 0;
}

int
raw_crowd_sit(long count, int channel)
{
    struct child *children = make_room(count);

    if (children == NULL || start_all(children, count) < 0 || !put(channel))
        return -1;
    get(channel);
    end_all(children, count);
    return 0;
}

/* ---- all dead at once ---- */

static int
revive_all(struct child *children, long count)
{
    kill_all(children, count);
    for (long i = 0; i < count; i++) {
        if (waitpid(children[i].pid, NULL, 0) < 0)
            return bench_fail("waitpid", errno);
        close(children[i].fd);
        if (start(&children[i]) < 0)
            return -1;
    }
    if (hear_all(children, count) < 0)
        return -1;
    for (long i = 0; i < count; i++)
        put(children[i].fd);
    return hear_all(children, count);
}

/* One of the parents: says that its children are there, and again that they are. */
static _Noreturn void
be_parent(int channel, long count)
{
    struct child *children = make_room(count);

    if (children == NULL || start_all(children, count) < 0 || !put(channel) ||
        !get(channel) || revive_all(children, count) < 0 || !put(channel))
        _exit(1);
    get(channel);
    end_all(children, count);
    _exit(0);
}

static int
start_parent(struct child *parent, long count)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return bench_fail("socketpair", errno);
    parent->pid = fork();
    if (parent->pid < 0)
        return bench_fail("fork", errno);
    if (parent->pid == 0)
        be_parent(ends[1], count);
    close(ends[1]);
    parent->fd = ends[0];
    return 0;
}

static int
storm(long count, long parents_count, double *took_ms)
{
    struct child parents[64] = {0};
    double begun;

    for (long i = 0; i < parents_count; i++)
        if (start_parent(&parents[i], count / parents_count) < 0)
            return -1;
    if (hear_all(parents, parents_count) < 0)
        return -1;
    begun = bench_now_us();
    for (long i = 0; i < parents_count; i++)
        put(parents[i].fd);
    if (hear_all(parents, parents_count) < 0)
        return -1;
    *took_ms = (bench_now_us() - begun) / 1e3;
    for (long i = 0; i < parents_count; i++)
        put(parents[i].fd);
    for (long i = 0; i < parents_count; i++)
        waitpid(parents[i].pid, NULL, 0);
    return 0;
}

int
raw_storm(const struct bench_size *size, double *values)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return storm(size->count, cores < 1 ? 1 : cores < 64 ? cores : 64, values);
}

int
raw_storm_one(const struct bench_size *size, double *values)
{
    return storm(size->count, 1, values);
}

#include "bench/raw_crowd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/raw_child.h"
#include "bench/tree.h"

/* ---- children ---- */

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
static void
be_child(int fd)
{
    do
        if (!put(fd))
            break;
    while (get(fd));
}

static int
hear_all(const struct raw_child *children, long count)
{
    for (long i = 0; i < count; i++)
        if (!get(children[i].fd))
            return bench_fail("a byte of a child's", errno);
    return 0;
}

static int
start_all(struct raw_child *children, long count)
{
    for (long i = 0; i < count; i++)
        if (raw_child_start(&children[i], be_child) < 0)
            return -1;
    return hear_all(children, count);
}

static void
kill_all(const struct raw_child *children, long count)
{
    for (long i = 0; i < count; i++)
        kill(children[i].pid, SIGKILL);
}

static void
end_all(struct raw_child *children, long count)
{
    kill_all(children, count);
    for (long i = 0; i < count; i++)
        waitpid(children[i].pid, NULL, 0);
    free(children);
}

static struct raw_child *
make_room(long count)
{
    if (bench_descriptors(count + 64) < 0)
        return NULL;
    return calloc((size_t)count, sizeof(struct raw_child));
}

/* ---- all at once ---- */

int
raw_crowd_start(const struct bench_size *size, double *values)
{
    struct raw_child *children = make_room(size->count);
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
    struct raw_child *children = make_room(size->count);
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
    struct raw_child *children = make_room(count);

    if (children == NULL || start_all(children, count) < 0 || !put(channel))
        return -1;
    get(channel);
    end_all(children, count);
    return 0;
}

/* ---- all dead at once ---- */

static int
revive_all(struct raw_child *children, long count)
{
    kill_all(children, count);
    for (long i = 0; i < count; i++) {
        if (waitpid(children[i].pid, NULL, 0) < 0)
            return bench_fail("waitpid", errno);
        close(children[i].fd);
        if (raw_child_start(&children[i], be_child) < 0)
            return -1;
    }
    if (hear_all(children, count) < 0)
        return -1;
    for (long i = 0; i < count; i++)
        put(children[i].fd);
    return hear_all(children, count);
}

static long children_of_each;

/* One of the parents: says that its children are there, and again that they are. */
static void
be_parent(int channel)
{
    struct raw_child *children = make_room(children_of_each);

    if (children == NULL || start_all(children, children_of_each) < 0 || !put(channel) ||
        !get(channel) || revive_all(children, children_of_each) < 0 || !put(channel))
        _exit(1);
    get(channel);
    end_all(children, children_of_each);
}

static int
storm(long count, long parents_count, double *took_ms)
{
    struct raw_child parents[64] = {0};
    double begun;

    children_of_each = count / parents_count;
    for (long i = 0; i < parents_count; i++)
        if (raw_child_start(&parents[i], be_parent) < 0)
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

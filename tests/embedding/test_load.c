/* Hosts that are large and busy: twenty threads that hold mutexes and churn malloc, and gigabytes of
 * memory. Workers come from a copy that was made before all this, and neither hang nor wait. */
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ---- threads ---- */

enum { THREADS = 20, BLOCKS = 16, BLOCK_MOST = 4096, STEADY = 3000 };
enum { BUSY_SLACK = 4 * 1024 * 1024 };

static atomic_bool is_over;
static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;

struct busy {
    pthread_t thread;
    pthread_mutex_t held; /* from its beginning to its end */
    atomic_uint turns;
    uint32_t seed;
};

static void *
churn(void *arg)
{
    struct busy *busy = arg;
    void *blocks[BLOCKS] = {NULL};

    pthread_mutex_lock(&busy->held);
    while (!atomic_load(&is_over)) {
        size_t at = scene_random(&busy->seed) % BLOCKS;
        size_t size = 1 + scene_random(&busy->seed) % BLOCK_MOST;

        pthread_mutex_lock(&shared);
        free(blocks[at]);
        blocks[at] = malloc(size);
        must(blocks[at] != NULL);
        memset(blocks[at], 1, size);
        pthread_mutex_unlock(&shared);
        free(realloc(malloc(size), 2 * size));
        atomic_fetch_add(&busy->turns, 1);
        sched_yield(); /* the host has something to do, too */
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    pthread_mutex_unlock(&busy->held);
    return NULL;
}

static void
start_churning(struct busy all[THREADS])
{
    for (int i = 0; i < THREADS; i++) {
        all[i].seed = (uint32_t)i + 1;
        must(pthread_mutex_init(&all[i].held, NULL) == 0);
        must(pthread_create(&all[i].thread, NULL, churn, &all[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        while (atomic_load(&all[i].turns) < STEADY)
            sched_yield();
}

static void
host_with_threads(void *arg)
{
    static struct busy all[THREADS];
    struct guest g = {.sys = NULL};
    struct host_state before;
    int rounds = scene_rounds(100);

    (void)arg;
    host_begin();
    start_churning(all);
    for (int i = 0; i < rounds / 5 + 1; i++)
        host_life(&g, i);
    before = host_look();
    for (int i = 0; i < rounds; i++)
        host_life(&g, i);
    host_must_be_as(&before, BUSY_SLACK); /* the threads' own blocks vary */
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        must(pthread_join(all[i].thread, NULL) == 0);
}

static void
workers_never_hang_however_many_threads_hold_locks(void **state)
{
    (void)state;
    host_runs(host_with_threads, NULL);
}

/* ---- memory ---- */

enum { SAMPLES = 201, MEGABYTE = 1024 * 1024, LARGE_MB = 256, LARGE_SOAK_MB = 4096 };
enum { SPARE_MB = 1024, CRASH_EACH = 10 };
enum order { GO_ON = 'g', END = 'e' };

/* A host that is told to spawn, one actor at a time, and says how long each took to be up. */
struct probe {
    int megabytes;
    int orders[2], answers[2];
    pid_t host;
    int held;
};

static int64_t
now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int64_t
time_one(struct guest *g)
{
    ward_ref ref;
    int64_t begun = now_us(), ready;

    must(guest_spawn(g, "one", NULL, &ref) == 0);
    must(ward_wait_up(g->sys, ref, SCENE_PATIENCE_MS) == 0);
    ready = now_us();
    must(ward_stop(ward_system_ctx(g->sys), ref) == 0);
    must(ward_wait_down(g->sys, ref, SCENE_PATIENCE_MS) == 0);
    return ready - begun;
}

static void
swell(int megabytes)
{
    size_t size = (size_t)megabytes * MEGABYTE;
    char *memory;

    if (megabytes == 0)
        return;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED);
    for (size_t at = 0; at < size; at += 4096)
        memory[at] = 1;
}

static void
probed_host(void *arg)
{
    struct probe *probe = arg;
    struct guest g = {.sys = NULL};
    struct host_state before;
    int64_t took;
    int count = 0;
    char order = GO_ON;

    close(probe->orders[1]);
    close(probe->answers[0]);
    host_begin();
    swell(probe->megabytes);
    host_life(&g, 0);
    host_life(&g, 1);
    before = host_look();
    must(before.resident >= (int64_t)probe->megabytes * MEGABYTE);
    guest_open(&g);
    guest_work(&g);
    while (read(probe->orders[0], &order, 1) == 1 && order == GO_ON) {
        took = time_one(&g);
        if (++count % CRASH_EACH == 0)
            guest_crash(&g);
        must(write(probe->answers[1], &took, sizeof took) == sizeof took);
    }
    must(order == END);
    guest_lose_server(&g);
    guest_stop(&g);
    guest_free(&g);
    host_must_be_as(&before, HOST_SLACK);
}

static void
begin_probe(struct probe *probe, int megabytes)
{
    probe->megabytes = megabytes;
    assert_int_equal(pipe2(probe->orders, O_CLOEXEC), 0);
    assert_int_equal(pipe2(probe->answers, O_CLOEXEC), 0);
    probe->host = host_start(probed_host, probe, &probe->held);
    close(probe->orders[0]);
    close(probe->answers[1]);
}

static void
order_probe(struct probe *probe, enum order order)
{
    char byte = (char)order;

    assert_int_equal(write(probe->orders[1], &byte, 1), 1);
}

static int64_t
ask_probe(struct probe *probe)
{
    int64_t took = 0;

    order_probe(probe, GO_ON);
    assert_int_equal(read(probe->answers[0], &took, sizeof took), sizeof took);
    return took;
}

static void
end_probe(struct probe *probe)
{
    order_probe(probe, END);
    assert_int_equal(host_status(probe->host), 0);
    assert_true(scene_pipe_ends(probe->held, SCENE_GONE_MS));
    close(probe->orders[1]);
    close(probe->answers[0]);
    close(probe->held);
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t
median(int64_t *samples, int count)
{
    qsort(samples, (size_t)count, sizeof samples[0], compare);
    return samples[count / 2];
}

static long
available_mb(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[200];
    long kb = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %ld", &kb) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kb / 1024;
}

/* By turns, so that the machine's moods hit both. */
static void
spawn_into_a_large_host_takes_no_longer_than_into_an_empty_one(void **state)
{
    static int64_t into_empty[SAMPLES], into_large[SAMPLES];
    struct probe empty, large;
    bool is_soak = scene_rounds(20) == 20;
    int megabytes = is_soak ? LARGE_SOAK_MB : LARGE_MB, samples = is_soak ? SAMPLES : 21;
    double ratio;

    (void)state;
    if (available_mb() < megabytes + SPARE_MB) {
        print_message("skipped: %d MB are wanted, %ld MB are there\n",
                      megabytes + SPARE_MB, available_mb());
        skip();
    }
    begin_probe(&empty, 0);
    begin_probe(&large, megabytes);
    for (int i = 0; i < samples; i++) {
        into_empty[i] = ask_probe(&empty);
        into_large[i] = ask_probe(&large);
    }
    end_probe(&empty);
    end_probe(&large);
    ratio = (double)median(into_large, samples) / (double)median(into_empty, samples);
    print_message("a spawn into %d MB: %ld us, into an empty host: %ld us, ratio %.2f\n",
                  megabytes, (long)into_large[samples / 2], (long)into_empty[samples / 2],
                  ratio);
    if (is_soak)
        assert_true(ratio < 1.5);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_never_hang_however_many_threads_hold_locks),
        cmocka_unit_test(spawn_into_a_large_host_takes_no_longer_than_into_an_empty_one),
    };

    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}

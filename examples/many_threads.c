/*
 * A host of many threads: eight of them ask one pool of workers at once, each waits for its own
 * answers. One request crashes its worker; the others do not notice. What ward has to tell comes
 * to the main thread.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <ward/ward.h>

enum { SQUARE };
enum { CLIENTS = 8, WORKERS = 3, REQUESTS = 100, ANSWER_MS = 30000 };
enum { UNLUCKY = 513 };

/* ---- the worker ---- */

static ward_next
squarer_receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t number;

    if (ward_message_type(msg) != SQUARE || ward_get(msg, &number) < 0)
        return WARD_UNHANDLED;
    if (number == UNLUCKY)
        abort(); /* a bug that one request in many meets */
    return ward_reply(ctx, number * number);
}

static const ward_behavior squarer = {.name = "squarer", .receive = squarer_receive};
WARD_REGISTER(squarer);

static const ward_strategy always_restart = {.name = "always-restart",
                                             .max_restarts = WARD_INFINITE};
WARD_REGISTER(always_restart);

/* ---- the host ---- */

struct host {
    ward_system *sys;
    ward_ref workers[WORKERS];
    atomic_int at_work; /* clients that have not finished */
};

struct client {
    struct host *host;
    pthread_t thread;
    int64_t first; /* of the numbers that it asks for */
    int64_t sum;
    int lost; /* requests without an answer */
};

/* In the main thread, one at a time, while it is in ward_run. */
static void
on_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    (void)ctx;
    (void)user;
    if (event->kind == WARD_EVENT_FAILED)
        printf("%s failed: signal %d\n", event->path, event->failure->signal);
    if (event->kind == WARD_EVENT_RESTARTED)
        printf("%s is up again\n", event->path);
}

/* On the thread of the client, and nobody else waits. */
static int
ask_square(struct host *host, int64_t number, int64_t *square)
{
    ward_ref worker = host->workers[number % WORKERS];
    ward_message *reply;
    int result =
        ward_ask(ward_system_ctx(host->sys), worker, &reply, ANSWER_MS, SQUARE, number);

    if (result < 0)
        return result; /* -WARD_ECRASHED: the worker died of this request */
    result = ward_get(reply, square);
    ward_message_free(reply);
    return result;
}

static void *
run_client(void *user)
{
    struct client *client = user;

    for (int i = 0; i < REQUESTS; i++) {
        int64_t square;
        if (ask_square(client->host, client->first + i, &square) == 0)
            client->sum += square;
        else
            client->lost++;
    }
    if (atomic_fetch_sub(&client->host->at_work, 1) == 1)
        ward_system_stop(client->host->sys); /* the last one; ward_run returns */
    return NULL;
}

static int
start_workers(struct host *host)
{
    int result = 0;

    for (int i = 0; i < WORKERS && result == 0; i++) {
        char id[32];
        snprintf(id, sizeof id, "worker-%d", i);
        result = ward_spawn(
            ward_system_ctx(host->sys), &host->workers[i],
            &(ward_spec){.id = id, .behavior = &squarer, .strategy = &always_restart});
    }
    return result;
}

/* All clients, from their first request to the last. */
static int
serve(struct host *host, struct client clients[CLIENTS])
{
    int started = 0, result;

    atomic_store(&host->at_work, CLIENTS);
    for (; started < CLIENTS; started++) {
        struct client *client = &clients[started];
        *client = (struct client){.host = host, .first = (int64_t)started * REQUESTS};
        if (pthread_create(&client->thread, NULL, run_client, client) != 0)
            break;
    }
    if (started < CLIENTS)
        ward_system_stop(host->sys);
    result = ward_run(host->sys);
    for (int i = 0; i < started; i++)
        pthread_join(clients[i].thread, NULL);
    return result;
}

static int
print_sums(const struct client clients[CLIENTS])
{
    int64_t sum = 0;
    int lost = 0;

    for (int i = 0; i < CLIENTS; i++) {
        printf("client %d: sum %" PRId64 ", lost %d\n", i, clients[i].sum,
               clients[i].lost);
        sum += clients[i].sum;
        lost += clients[i].lost;
    }
    printf("all: sum %" PRId64 ", lost %d\n", sum, lost);
    return lost == 1 ? 0 : 1;
}

int
main(void)
{
    static struct client clients[CLIENTS];
    struct host host = {.sys = NULL};
    int result = ward_early(); /* before there are threads */

    if (result == 0)
        result = ward_system_new(
            &host.sys, &(ward_system_options){.threaded = true, .on_event = on_event});
    if (result == 0)
        result = start_workers(&host);
    if (result == 0)
        result = serve(&host, clients);
    ward_system_free(host.sys); /* nobody is in a call any more */
    if (result < 0) {
        fprintf(stderr, "many_threads: %s\n", ward_strerror(result));
        return 1;
    }
    return print_sums(clients);
}

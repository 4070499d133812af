/*
 * A service as a tree that is declared as data:
 *
 *   /service        rest_for_one: who fails takes along those that were started after it
 *     store         one_for_all
 *       cache         digests that are known
 *       reader-1      clients of the cache, each with a session there
 *       reader-2
 *     pool          dynamic: workers, each told at its start which reader to use
 *       worker-1
 *       worker-2
 *     listener      takes requests and gives them to the workers
 *     report        writes now and then how much was done
 *
 * The order is that of dependence: workers need readers, the listener needs workers, the report
 * needs both ends. So nobody has to be told that another one was replaced: a reference stays good
 * over restarts of its actor, and when there is a new actor, because a supervisor gave up, those
 * that held the reference to the old one are started again, too, and look it up in pre_start.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

enum { CACHE_SIZE = 64, TEXT_SIZE = 64, WORKER_COUNT = 2 };

static ward_next
crash(void)
{
    *(volatile int *)0 = 1;
    return WARD_SAME;
}

/* ---- the cache ---- */

struct entry {
    char text[TEXT_SIZE];
    uint32_t digest;
};

struct cache {
    struct entry entries[CACHE_SIZE];
    uint32_t count;    /* ever kept: the oldest is overwritten */
    uint32_t sessions; /* given out by this process */
};

static const struct entry *
find_entry(const struct cache *self, const char *text)
{
    for (uint32_t i = 0; i < self->count && i < CACHE_SIZE; i++)
        if (strcmp(self->entries[i].text, text) == 0)
            return &self->entries[i];
    return NULL;
}

/* The state dies with the process, and with it the sessions: a reader that lived on would hold
 * one that the next cache never gave out. This is why the store is one_for_all. */
static ward_next
cache_fetch(ward_ctx *ctx, const ward_message *msg)
{
    const struct cache *self = ward_state(ctx);
    const struct entry *entry;
    const char *text;
    uint32_t session;
    bool is_there;

    if (ward_get(msg, &session, &text) < 0 || session > self->sessions)
        return WARD_UNHANDLED;
    entry = find_entry(self, text);
    is_there = entry != NULL;
    return ward_reply(ctx, is_there, is_there ? entry->digest : 0);
}

static ward_next
cache_keep(ward_ctx *ctx, const ward_message *msg)
{
    struct cache *self = ward_state(ctx);
    struct entry *entry = &self->entries[self->count % CACHE_SIZE];
    const char *text;
    uint32_t session, digest;

    if (ward_get(msg, &session, &text, &digest) < 0 || session > self->sessions)
        return WARD_UNHANDLED;
    if (strlen(text) < TEXT_SIZE && find_entry(self, text) == NULL) {
        strcpy(entry->text, text);
        entry->digest = digest;
        self->count++;
    }
    return ward_done(ctx);
}

static ward_next
cache_receive(ward_ctx *ctx, const ward_message *msg)
{
    struct cache *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case SERVICE_ATTACH:
        return ward_reply(ctx, ++self->sessions);
    case SERVICE_FETCH:
        return cache_fetch(ctx, msg);
    case SERVICE_KEEP:
        return cache_keep(ctx, msg);
    case SERVICE_COUNT:
        return ward_reply(ctx, self->count);
    case SERVICE_CRASH:
        return crash();
    }
    return WARD_UNHANDLED;
}

static const ward_behavior cache = {
    .name = "cache", .state_size = sizeof(struct cache), .receive = cache_receive};
WARD_REGISTER(cache);

/* ---- its clients ---- */

struct reader {
    ward_ref cache;
    uint32_t session;
};

static int
reader_start(ward_ctx *ctx)
{
    struct reader *self = ward_state(ctx);
    ward_message *reply;
    int result = ward_lookup(ctx, "/service/store/cache", &self->cache);

    if (result == 0)
        result = ward_ask(ctx, self->cache, &reply, SERVICE_ANSWER_MS, SERVICE_ATTACH);
    if (result < 0)
        return result;
    result = ward_get(reply, &self->session);
    ward_message_free(reply);
    return result;
}

static ward_next
reader_fetch(ward_ctx *ctx, const char *text)
{
    const struct reader *self = ward_state(ctx);
    ward_message *reply;
    uint32_t digest;
    bool is_there;
    int result = ward_ask(ctx, self->cache, &reply, SERVICE_ANSWER_MS, SERVICE_FETCH,
                          self->session, text);

    if (result < 0)
        return result;
    result = ward_get(reply, &is_there, &digest);
    ward_message_free(reply);
    return result < 0 ? result : ward_reply(ctx, is_there, digest);
}

static ward_next
reader_keep(ward_ctx *ctx, const char *text, uint32_t digest)
{
    const struct reader *self = ward_state(ctx);
    ward_message *reply;
    int result = ward_ask(ctx, self->cache, &reply, SERVICE_ANSWER_MS, SERVICE_KEEP,
                          self->session, text, digest);

    if (result < 0)
        return result;
    ward_message_free(reply);
    return ward_done(ctx);
}

static ward_next
reader_receive(ward_ctx *ctx, const ward_message *msg)
{
    const char *text;
    uint32_t digest;

    switch (ward_message_type(msg)) {
    case SERVICE_FETCH:
        return ward_get(msg, &text) < 0 ? WARD_UNHANDLED : reader_fetch(ctx, text);
    case SERVICE_KEEP:
        return ward_get(msg, &text, &digest) < 0 ? WARD_UNHANDLED
                                                 : reader_keep(ctx, text, digest);
    case SERVICE_CRASH:
        return crash();
    }
    return WARD_UNHANDLED;
}

static const ward_behavior reader = {.name = "reader",
                                     .state_size = sizeof(struct reader),
                                     .pre_start = reader_start,
                                     .receive = reader_receive};
WARD_REGISTER(reader);

/* Three failures within a minute, and the store as a whole is to blame. */
static const ward_spec store_parts[] = {
    {.id = "cache", .behavior = &cache},
    {.id = "reader-1", .behavior = &reader},
    {.id = "reader-2", .behavior = &reader},
    {0},
};
static const ward_supervisor store = {.group = WARD_ONE_FOR_ALL,
                                      .intensity = 2,
                                      .period_ms = 60000,
                                      .children = store_parts};
WARD_REGISTER(store);

/* ---- the workers ---- */

struct worker {
    ward_ref reader;
};

/* Which reader is its own it was told by whoever started it. */
static int
worker_start(ward_ctx *ctx)
{
    struct worker *self = ward_state(ctx);
    const char *path;
    ward_iter args;
    int result = ward_args_iter(ctx, &args);

    if (result == 0)
        result = ward_iter_next(&args, &path) == 1 ? 0 : -EINVAL;
    return result < 0 ? result : ward_lookup(ctx, path, &self->reader);
}

/* FNV-1a, in the place of what would be worth a process and a cache. */
static uint32_t
digest_of(const char *text)
{
    uint32_t digest = 2166136261U;

    for (; *text != '\0'; text++)
        digest = (digest ^ (unsigned char)*text) * 16777619U;
    return digest;
}

/* A store that cannot answer is no reason to fail: then nothing was cached. */
static bool
is_cached(ward_ctx *ctx, const char *text, uint32_t *digest)
{
    const struct worker *self = ward_state(ctx);
    ward_message *reply;
    bool is_there = false;

    if (ward_ask(ctx, self->reader, &reply, SERVICE_ANSWER_MS, SERVICE_FETCH, text) < 0)
        return false;
    if (ward_get(reply, &is_there, digest) < 0)
        is_there = false;
    ward_message_free(reply);
    return is_there;
}

/* Told, it might reach the cache behind a request that comes after this one was answered: order
 * is promised between two actors, not along different ways. Asked, it is kept by then. */
static void
keep(ward_ctx *ctx, const char *text, uint32_t digest)
{
    const struct worker *self = ward_state(ctx);
    ward_message *reply;

    if (ward_ask(ctx, self->reader, &reply, SERVICE_ANSWER_MS, SERVICE_KEEP, text,
                 digest) == 0)
        ward_message_free(reply);
}

static ward_next
work(ward_ctx *ctx, const char *text)
{
    uint32_t digest;
    bool was_cached = is_cached(ctx, text, &digest);

    if (strcmp(text, "bug") == 0) /* every program has one */
        return crash();
    if (!was_cached) {
        digest = digest_of(text);
        keep(ctx, text, digest);
    }
    return ward_reply(ctx, digest, was_cached, ward_path(ctx));
}

static ward_next
worker_receive(ward_ctx *ctx, const ward_message *msg)
{
    const char *text;

    switch (ward_message_type(msg)) {
    case SERVICE_WORK:
        return ward_get(msg, &text) < 0 ? WARD_UNHANDLED : work(ctx, text);
    case SERVICE_CRASH:
        return crash();
    }
    return WARD_UNHANDLED;
}

static const ward_behavior worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .pre_start = worker_start,
                                     .receive = worker_receive};
WARD_REGISTER(worker);

static const ward_spec pool_template[] = {{.id = "worker", .behavior = &worker}, {0}};
static const ward_supervisor pool = {.group = WARD_SIMPLE_ONE_FOR_ONE,
                                     .intensity = 5,
                                     .period_ms = 60000,
                                     .children = pool_template};
WARD_REGISTER(pool);

/* ---- the listener ---- */

struct listener {
    ward_ref workers[WORKER_COUNT];
    uint32_t requests; /* since this process began */
};

/* The pool may have that worker already: it is the listener alone that was restarted. */
static int
start_worker(ward_ctx *ctx, ward_ref in, int number, ward_ref *ref)
{
    ward_builder *args = ward_builder_new();
    char id[32], path[64];
    ward_child child;
    int result;

    snprintf(id, sizeof id, "worker-%d", number);
    snprintf(path, sizeof path, "/service/store/reader-%d", number);
    result = ward_add(args, path);
    if (result == 0)
        result = ward_start_child(
            ctx, in, &(ward_spec){.id = id, .args = ward_builder_bytes(args)}, ref);
    ward_builder_free(args);
    if (result == -WARD_EALREADY_STARTED)
        return 0;
    if (result != -WARD_EALREADY_PRESENT)
        return result;
    result = ward_which_child(ctx, in, id, &child); /* it is being restarted */
    if (result == 0)
        *ref = child.ref;
    return result;
}

/* A dynamic supervisor starts without children, each time: who needs them has them made. */
static int
listener_start(ward_ctx *ctx)
{
    struct listener *self = ward_state(ctx);
    ward_ref in;
    int result = ward_lookup(ctx, "/service/pool", &in);

    for (int i = 0; i < WORKER_COUNT && result == 0; i++)
        result = start_worker(ctx, in, i + 1, &self->workers[i]);
    return result;
}

/* The worker's answer is passed on to who asked us, or what became of it. */
static ward_next
on_worked(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    ward_ref *client = user;
    const char *path;
    uint32_t digest;
    bool was_cached;
    int result;

    if (status == 0)
        status = ward_get(reply, &digest, &was_cached, &path);
    result = status == 0 ? ward_reply_to(ctx, *client, status, digest, was_cached, path)
                         : ward_reply_to(ctx, *client, status);
    free(client);
    return result;
}

/* It does not wait for the worker: the next request may go to the other one meanwhile. */
static ward_next
listener_work(ward_ctx *ctx, const ward_message *msg)
{
    struct listener *self = ward_state(ctx);
    ward_ref to = self->workers[self->requests++ % WORKER_COUNT];
    ward_ref *client;
    const char *text;
    int result;

    if (ward_get(msg, &text) < 0)
        return WARD_UNHANDLED;
    client = malloc(sizeof *client);
    if (client == NULL)
        return -ENOMEM;
    *client = ward_sender(msg);
    result =
        ward_ask_then(ctx, to, SERVICE_ANSWER_MS, on_worked, client, SERVICE_WORK, text);
    if (result < 0)
        free(client);
    return result;
}

static ward_next
listener_receive(ward_ctx *ctx, const ward_message *msg)
{
    const struct listener *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case SERVICE_WORK:
        return listener_work(ctx, msg);
    case SERVICE_COUNT:
        return ward_reply(ctx, self->requests);
    case SERVICE_CRASH:
        return crash();
    }
    return WARD_UNHANDLED;
}

static const ward_behavior listener = {.name = "listener",
                                       .state_size = sizeof(struct listener),
                                       .pre_start = listener_start,
                                       .receive = listener_receive};
WARD_REGISTER(listener);

/* ---- the report ---- */

static int
count_of(ward_ctx *ctx, const char *path, uint32_t *count)
{
    ward_message *reply;
    ward_ref ref;
    int result = ward_lookup(ctx, path, &ref);

    if (result == 0)
        result = ward_ask(ctx, ref, &reply, SERVICE_ANSWER_MS, SERVICE_COUNT);
    if (result < 0)
        return result;
    result = ward_get(reply, count);
    ward_message_free(reply);
    return result;
}

/* An error ends in a failure, and that in a restart: there is nothing better to do about it. */
static ward_next
report_receive(ward_ctx *ctx, const ward_message *msg)
{
    uint32_t requests, cached;
    int result;

    if (ward_message_type(msg) == SERVICE_CRASH)
        return crash();
    if (ward_message_type(msg) != SERVICE_REPORT)
        return WARD_UNHANDLED;
    result = count_of(ctx, "/service/listener", &requests);
    if (result == 0)
        result = count_of(ctx, "/service/store/cache", &cached);
    if (result == 0)
        result = ward_log(ctx, "%" PRIu32 " requests, %" PRIu32 " digests cached",
                          requests, cached);
    return result < 0 ? result : ward_done(ctx);
}

static const ward_behavior report = {.name = "report", .receive = report_receive};
WARD_REGISTER(report);

/* ---- all of it ---- */

static const ward_spec service_parts[] = {
    {.id = "store", .supervisor = &store},
    {.id = "pool", .supervisor = &pool},
    {.id = "listener", .behavior = &listener},
    {.id = "report", .behavior = &report},
    {0},
};
const ward_supervisor service = {.group = WARD_REST_FOR_ONE,
                                 .intensity = 3,
                                 .period_ms = 60000,
                                 .children = service_parts};
WARD_REGISTER(service);

/* When the service itself gives up, the host shall know why and end. */
static ward_directive
escalate(const ward_failure *failure)
{
    (void)failure;
    return WARD_DIRECTIVE_ESCALATE;
}

const ward_strategy service_strategy = {.name = "service", .decider = escalate};
WARD_REGISTER(service_strategy);

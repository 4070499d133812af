/*
 * The pool of line_server.c: workers that understand the requests, and the host's side, which
 * gives each request to the least busy of them and turns a death into an answer.
 *
 * What one request can break is one process. The request in hand is answered with an error at
 * once; those queued behind it stay in the worker's mailbox and are handled by its next
 * incarnation, so nothing has to be sent again here.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_server.h"

enum { REQUEST };
/* A worker that is longer at one request is killed; one that waits longer gets an error. */
enum { REQUEST_MS = 10000, ANSWER_MS = 600000 };
enum { SLOW_MAX_MS = 60000, MAILBOX_MESSAGES = 1000 };

/* ---- the worker ---- */

/* An error is an answer, too: the worker goes on. */
static ward_next
refuse(ward_ctx *ctx, const char *why)
{
    return ward_reply(ctx, false, why);
}

static ward_next
obey_crash(ward_ctx *ctx, char *argument)
{
    (void)argument;
    *(volatile int *)0 = 1;
    return refuse(ctx, "this machine has something at address 0");
}

/* It is the worker that waits here, and nobody but who stands in its queue. */
static ward_next
obey_slow(ward_ctx *ctx, char *argument)
{
    char *end;
    long ms = strtol(argument, &end, 10);

    if (end == argument || *end != '\0' || ms < 0 || ms > SLOW_MAX_MS)
        return refuse(ctx, "slow needs a number of milliseconds, at most 60000");
    (void)poll(NULL, 0, (int)ms);
    return ward_reply(ctx, true, "slept");
}

static ward_next
obey_sum(ward_ctx *ctx, char *argument)
{
    int64_t sum = 0;
    char text[24];

    for (char *at = argument; *at != '\0';) {
        char *end;
        long long number;
        errno = 0;
        number = strtoll(at, &end, 10);
        if (end == at || (*end != ' ' && *end != '\0'))
            return refuse(ctx, "sum needs numbers");
        if (errno != 0 || __builtin_add_overflow(sum, (int64_t)number, &sum))
            return refuse(ctx, "the sum is too large");
        at = end + strspn(end, " ");
    }
    snprintf(text, sizeof text, "%" PRId64, sum);
    return ward_reply(ctx, true, text);
}

static ward_next
obey_upper(ward_ctx *ctx, char *argument)
{
    for (char *at = argument; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    return ward_reply(ctx, true, argument);
}

static const struct command {
    const char *name;
    ward_next (*obey)(ward_ctx *ctx, char *argument);
} commands[] = {
    {"crash", obey_crash},
    {"slow", obey_slow},
    {"sum", obey_sum},
    {"upper", obey_upper},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static ward_next
worker_receive(ward_ctx *ctx, const ward_message *msg)
{
    char text[LINE_SIZE], *argument;
    ward_bytes line;

    if (ward_message_type(msg) != REQUEST || ward_get(msg, &line) < 0 ||
        line.size >= sizeof text)
        return WARD_UNHANDLED;
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    if (strlen(text) != line.size)
        return refuse(ctx, "a line has no zero bytes");
    ward_breadcrumb(ctx, "%s", text);
    argument = text + strcspn(text, " ");
    if (*argument != '\0')
        *argument++ = '\0';
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, text) == 0)
            return commands[i].obey(ctx, argument);
    return refuse(ctx, "commands: upper TEXT, sum NUMBER..., slow MS, crash, quit");
}

static const ward_behavior worker = {.name = "worker", .receive = worker_receive};
WARD_REGISTER(worker);

/* ---- the supervisor ---- */

/* Requests come from anybody: no number of them may be enough to end the pool, so neither a
 * worker's restarts nor the supervisor's are limited. */
static const ward_strategy always_restart = {.name = "always-restart",
                                             .max_restarts = WARD_INFINITE};
WARD_REGISTER(always_restart);

static const ward_spec template[] = {
    {.id = "worker",
     .behavior = &worker,
     .strategy = &always_restart,
     .message_ms = REQUEST_MS,
     .mailbox = {.messages = MAILBOX_MESSAGES}},
    {0},
};
static const ward_supervisor rules = {
    .group = WARD_SIMPLE_ONE_FOR_ONE,
    .intensity = WARD_INFINITE,
    .children = template,
};
WARD_REGISTER(rules);

int
pool_start(struct pool *pool, ward_system *sys, int worker_count)
{
    ward_ctx *ctx = ward_system_ctx(sys);
    ward_ref supervisor;
    int result =
        ward_spawn(ctx, &supervisor, &(ward_spec){.id = "pool", .supervisor = &rules});

    pool->sys = sys;
    while (result == 0 && pool->worker_count < worker_count) {
        struct pool_worker *next = &pool->workers[pool->worker_count];
        result = ward_start_child(ctx, supervisor, &(ward_spec){0}, &next->ref);
        if (result == 0)
            pool->worker_count++;
    }
    return result;
}

/* ---- the host ---- */

static struct pool_worker *
find_worker(struct pool *pool, ward_ref ref)
{
    for (int i = 0; i < pool->worker_count; i++)
        if (ward_ref_equal(pool->workers[i].ref, ref))
            return &pool->workers[i];
    return NULL;
}

/* The event of a failure comes before the answers that fail by it, so `death` is there when
 * they come. */
void
pool_note(struct pool *pool, const ward_event *event)
{
    struct pool_worker *about = find_worker(pool, event->actor);

    if (about == NULL)
        return;
    if (event->kind == WARD_EVENT_FAILED) {
        pool->deaths++;
        about->is_up = false;
        ward_failure_format(event->failure, about->death, sizeof about->death);
        fprintf(stderr, "line_server: %s\n", about->death);
    } else if (event->kind == WARD_EVENT_STARTED || event->kind == WARD_EVENT_RESTARTED) {
        about->is_up = true;
    }
}

static ward_next
on_reply(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct job *job = user;
    char why[sizeof job->worker->death + 32];
    const char *text = why;
    bool is_ok = false;

    (void)ctx;
    job->worker->unanswered--;
    if (status == 0)
        status = ward_get(reply, &is_ok, &text);
    if (status == -WARD_ECRASHED)
        snprintf(why, sizeof why, "the worker died: %s", job->worker->death);
    else if (status < 0)
        snprintf(why, sizeof why, "no answer: %s", ward_strerror(status));
    job->on_answer(job, is_ok, text);
    return WARD_SAME;
}

/* One that is up before one that is being restarted, then the one with the shortest queue. */
static bool
is_better(const struct pool_worker *a, const struct pool_worker *b)
{
    return a->is_up != b->is_up ? a->is_up : a->unanswered < b->unanswered;
}

int
pool_ask(struct pool *pool, struct job *job, ward_bytes line)
{
    struct pool_worker *best = &pool->workers[0];
    int result;

    for (int i = 1; i < pool->worker_count; i++)
        if (is_better(&pool->workers[i], best))
            best = &pool->workers[i];
    job->worker = best;
    result = ward_ask_then(ward_system_ctx(pool->sys), best->ref, ANSWER_MS, on_reply,
                           job, REQUEST, line);
    if (result == 0)
        best->unanswered++;
    return result;
}

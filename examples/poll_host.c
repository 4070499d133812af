/*
 * A host on plain poll(): its own descriptors, standard input and a clock, stand beside ward's in
 * one loop. Each line of the input is a question to one of two workers, by turns; the line
 * "crash" kills the worker that gets it. The host never waits for a worker, so lines and clock
 * are served while one is down.
 *
 * Look at run(): three descriptors, one poll(). At ask(): a question does not block, it has an
 * owner until its answer comes, and a full mailbox means that no more input is read until
 * on_room. At on_event(): what the host learns of a crash, and that its clock went on meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <ward/ward.h>

enum { COUNT_LETTERS };
enum { WORKER_COUNT = 2, LINE_SIZE = 128, ANSWER_MS = 60000 };
enum { TICK_MS = 10, PAUSE_MS = 300 };

/* ---- the worker ---- */

static ward_next
counter_receive(ward_ctx *ctx, const ward_message *msg)
{
    const char *text;

    if (ward_message_type(msg) != COUNT_LETTERS || ward_get(msg, &text) < 0)
        return WARD_UNHANDLED;
    if (strcmp(text, "crash") == 0)
        *(volatile int *)0 = 1;
    return ward_reply(ctx, strlen(text));
}

static const ward_behavior counter = {.name = "counter", .receive = counter_receive};
WARD_REGISTER(counter);

static const ward_strategy always_restart = {.name = "always-restart",
                                             .max_restarts = WARD_INFINITE};
WARD_REGISTER(always_restart);

/* ---- the host ---- */

struct worker {
    const char *id;
    ward_ref ref;
    uint64_t failed_at; /* in ticks */
};

/* Owned by the host while it waits for room, then by the ask: on_letters frees it. */
struct question {
    struct host *host;     /* borrowed */
    struct worker *worker; /* borrowed */
    char text[LINE_SIZE];
};

struct host {
    ward_system *sys;
    struct worker workers[WORKER_COUNT];
    int next_worker;
    struct question *waiting; /* owned: its worker's mailbox was full */
    int unanswered;

    char input[LINE_SIZE];
    size_t input_size;
    bool has_input_ended;

    int clock_fd;
    uint64_t ticks;
};

static struct worker *
find_worker(struct host *host, ward_ref ref)
{
    for (int i = 0; i < WORKER_COUNT; i++)
        if (ward_ref_equal(host->workers[i].ref, ref))
            return &host->workers[i];
    return NULL;
}

static void
on_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct host *host = user;
    struct worker *worker = find_worker(host, event->actor);

    (void)ctx;
    if (worker == NULL)
        return;
    printf("[%s] #%" PRIu32 " %s", worker->id, event->incarnation,
           ward_event_name(event->kind));
    if (event->kind == WARD_EVENT_FAILED) {
        worker->failed_at = host->ticks;
        printf(", %s: %s", ward_directive_name(event->directive), event->failure->text);
    }
    if (event->kind == WARD_EVENT_RESTARTED)
        printf("; the clock %s", host->ticks > worker->failed_at ? "went on" : "stood");
    putchar('\n');
}

/* ---- questions ---- */

/* Comes exactly once for each question that was asked. */
static ward_next
on_letters(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct question *question = user;
    size_t letters = 0;

    (void)ctx;
    question->host->unanswered--;
    if (status == 0)
        status = ward_get(reply, &letters);
    if (status == 0)
        printf("[%s] %s: %zu letters\n", question->worker->id, question->text, letters);
    else
        printf("[%s] %s: %s\n", question->worker->id, question->text,
               ward_strerror(status));
    free(question);
    return WARD_SAME;
}

/* Asks what waits, without blocking: the answer comes to on_letters. */
static void
ask(struct host *host)
{
    struct question *question = host->waiting;
    int result =
        ward_ask_then(ward_system_ctx(host->sys), question->worker->ref, ANSWER_MS,
                      on_letters, question, COUNT_LETTERS, question->text);

    if (result == -EAGAIN)
        return; /* until on_room */
    host->waiting = NULL;
    if (result == 0) {
        host->unanswered++;
        return;
    }
    printf("[%s] %s: %s\n", question->worker->id, question->text, ward_strerror(result));
    free(question);
}

static int
ask_line(struct host *host, const char *line, size_t size)
{
    struct question *question = calloc(1, sizeof *question);

    if (question == NULL)
        return -ENOMEM;
    question->host = host;
    question->worker = &host->workers[host->next_worker];
    memcpy(question->text, line, size);
    host->next_worker = (host->next_worker + 1) % WORKER_COUNT;
    host->waiting = question;
    ask(host);
    return 0;
}

/* All lines that are there, as long as there is room for their questions. */
static int
ask_lines(struct host *host)
{
    char *end;
    int result = 0;

    while (result == 0 && host->waiting == NULL &&
           (end = memchr(host->input, '\n', host->input_size)) != NULL) {
        size_t size = (size_t)(end - host->input);
        result = ask_line(host, host->input, size);
        host->input_size -= size + 1;
        memmove(host->input, end + 1, host->input_size);
    }
    return result;
}

static void
on_room(ward_ctx *ctx, ward_ref ref, void *user)
{
    struct host *host = user;

    (void)ctx;
    if (host->waiting != NULL && ward_ref_equal(host->waiting->worker->ref, ref))
        ask(host);
}

/* ---- the host's own descriptors ---- */

/* poll() has said that read() will not block; stdio would hide lines from poll(). */
static int
read_input(struct host *host)
{
    ssize_t size = read(STDIN_FILENO, host->input + host->input_size,
                        sizeof host->input - host->input_size);

    if (size < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    host->has_input_ended = size == 0;
    if (size == 0 && host->input_size > 0) /* a last line without its end */
        host->input[host->input_size++] = '\n';
    host->input_size += (size_t)size;
    if (host->input_size == sizeof host->input &&
        memchr(host->input, '\n', host->input_size) == NULL)
        return -EMSGSIZE;
    return 0;
}

static int
read_clock(struct host *host)
{
    uint64_t expirations;

    if (read(host->clock_fd, &expirations, sizeof expirations) == sizeof expirations)
        host->ticks += expirations;
    return 0;
}

static int
start_clock(struct host *host)
{
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
    struct itimerspec every = {.it_interval = tick, .it_value = tick};

    host->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (host->clock_fd < 0 || timerfd_settime(host->clock_fd, 0, &every, NULL) < 0)
        return -errno;
    return 0;
}

/* ---- the loop ---- */

static bool
is_done(const struct host *host)
{
    return host->has_input_ended && host->waiting == NULL && host->unanswered == 0;
}

/* 0; 1: the system has stopped. */
static int
take_turn(struct host *host)
{
    bool is_input_wanted = !host->has_input_ended && host->waiting == NULL;
    enum { CLOCK, INPUT, WARD, FD_COUNT };
    struct pollfd polled[FD_COUNT] = {
        [CLOCK] = {.fd = host->clock_fd, .events = POLLIN},
        [INPUT] = {.fd = is_input_wanted ? STDIN_FILENO : -1, .events = POLLIN},
        [WARD] = {.fd = ward_system_fd(host->sys), .events = POLLIN},
    };
    int result = 0;

    if (poll(polled, FD_COUNT, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    if (polled[CLOCK].revents != 0)
        result = read_clock(host);
    if (result == 0 && polled[INPUT].revents != 0)
        result = read_input(host);
    if (result == 0 && polled[WARD].revents != 0)
        result = ward_system_dispatch(host->sys);
    return result;
}

static int
start_workers(struct host *host)
{
    static const char *const ids[WORKER_COUNT] = {"left", "right"};
    int result = 0;

    for (int i = 0; i < WORKER_COUNT && result == 0; i++) {
        host->workers[i].id = ids[i];
        result = ward_spawn(ward_system_ctx(host->sys), &host->workers[i].ref,
                            &(ward_spec){.id = ids[i],
                                         .behavior = &counter,
                                         .strategy = &always_restart,
                                         .backoff = {.first_ms = PAUSE_MS},
                                         .mailbox = {.messages = 2}});
    }
    return result;
}

static int
run(struct host *host)
{
    int result = ward_system_new(
        &host->sys,
        &(ward_system_options){.on_event = on_event, .on_room = on_room, .user = host});

    if (result == 0)
        result = start_clock(host);
    if (result == 0)
        result = start_workers(host);
    while (result == 0) {
        result = ask_lines(host);
        if (is_done(host))
            ward_system_stop(host->sys); /* once is enough, more do no harm */
        if (result == 0)
            result = take_turn(host);
    }
    return result;
}

int
main(void)
{
    static struct host host = {.clock_fd = -1};
    int result = ward_early();

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (result == 0)
        result = run(&host);
    if (result < 0)
        fprintf(stderr, "poll_host: %s\n", ward_strerror(result));
    ward_system_free(host.sys);
    free(host.waiting);
    if (host.clock_fd >= 0)
        close(host.clock_fd);
    return result < 0;
}

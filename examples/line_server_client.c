/*
 * One connection of line_server.c: lines in, answers out, in order, and nothing without a bound.
 *
 *   socket -> input -> request -> pool -> answer, kept in its request -> output -> socket
 *
 * Each arrow waits when what is behind it is full, so a client that does not take its answers
 * is, in the end, not read from. Look at turn(), which does all that can be done now, whatever
 * has happened, and at update_watcher(), where what is waited for follows from the state.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line_server.h"

enum { REQUESTS_MAX = 64, OUTPUT_SIZE = 16384, ANSWER_SIZE = LINE_SIZE + 16 };

/* It goes when its answer has. `client` is NULL when the client has gone first: then the answer
 * is awaited only to free this. */
struct request {
    struct job job;
    TAILQ_ENTRY(request) next;
    struct client *client; /* borrowed */
    bool is_answered;
    size_t answer_size;
    char answer[ANSWER_SIZE];
};

enum phase {
    TAKING,    /* lines are taken */
    ANSWERING, /* no more, but what was taken is answered */
    LINGERING, /* all is said; what the client still sends is thrown away: to close with
                * something unread would take the last answers from it, too */
    BROKEN,    /* to be closed */
};

struct client {
    TAILQ_ENTRY(client) next;
    struct server *server; /* borrowed */
    enum phase phase;
    ev_io io;
    ev_timer patience; /* until when something must have moved */
    char input[LINE_SIZE];
    size_t input_size;
    bool has_input_ended;
    bool is_skipping;               /* the rest of a line that is too long */
    bool is_held;                   /* the next line waits for room in the pool */
    TAILQ_HEAD(, request) requests; /* owned, in the order in which they came */
    int request_count;
    char output[OUTPUT_SIZE];
    size_t output_size;
};

static void turn(struct client *c);

/* ---- answers ---- */

static void
set_answer(struct request *request, bool is_ok, const char *text)
{
    int size = snprintf(request->answer, sizeof request->answer, "%s %s",
                        is_ok ? "ok" : "error", text);

    if ((size_t)size >= sizeof request->answer)
        size = sizeof request->answer - 1;
    request->answer[size] = '\n';
    request->answer_size = (size_t)size + 1;
    request->is_answered = true;
}

static void
on_answer(struct job *job, bool is_ok, const char *text)
{
    struct request *request =
        (struct request *)(void *)((char *)job - offsetof(struct request, job));

    if (request->client == NULL) {
        free(request);
        return;
    }
    set_answer(request, is_ok, text);
    turn(request->client);
}

/* Moves answers to the output, in order, as far as there is room. */
static void
collect_answers(struct client *c)
{
    struct request *request;

    while ((request = TAILQ_FIRST(&c->requests)) != NULL && request->is_answered &&
           request->answer_size <= sizeof c->output - c->output_size) {
        memcpy(c->output + c->output_size, request->answer, request->answer_size);
        c->output_size += request->answer_size;
        TAILQ_REMOVE(&c->requests, request, next);
        c->request_count--;
        c->server->lines_answered++;
        free(request);
    }
}

static void
send_answers(struct client *c)
{
    ssize_t size = 1;

    while (collect_answers(c), size > 0 && c->output_size > 0) {
        size = send(c->io.fd, c->output, c->output_size, MSG_NOSIGNAL);
        if (size > 0) {
            c->output_size -= (size_t)size;
            memmove(c->output, c->output + size, c->output_size);
            ev_timer_again(c->server->loop, &c->patience);
        } else if (errno == EINTR) {
            size = 1;
        } else if (errno != EAGAIN) {
            c->phase = BROKEN;
        }
    }
}

/* ---- requests ---- */

static struct request *
add_request(struct client *c)
{
    struct request *request = malloc(sizeof *request);

    if (request == NULL) {
        c->phase = BROKEN;
        return NULL;
    }
    request->job.on_answer = on_answer;
    request->client = c;
    request->is_answered = false;
    TAILQ_INSERT_TAIL(&c->requests, request, next);
    c->request_count++;
    return request;
}

static void
answer_at_once(struct client *c, bool is_ok, const char *text)
{
    struct request *request = add_request(c);

    if (request != NULL)
        set_answer(request, is_ok, text);
}

/* False: the pool has no room, the line is to be kept. */
static bool
ask_pool(struct client *c, ward_bytes line)
{
    struct request *request = add_request(c);
    int result;

    if (request == NULL)
        return true;
    result = pool_ask(&c->server->pool, &request->job, line);
    if (result == -EAGAIN) {
        TAILQ_REMOVE(&c->requests, request, next);
        c->request_count--;
        free(request);
        return false;
    }
    if (result < 0)
        set_answer(request, false, ward_strerror(result));
    return true;
}

/* False: it is to be taken again. */
static bool
take_line(struct client *c, char *line, size_t size)
{
    if (size > 0 && line[size - 1] == '\r')
        size--;
    if (c->is_skipping) {
        c->is_skipping = false; /* it was answered when it became too long */
    } else if (size == strlen("quit") && memcmp(line, "quit", size) == 0) {
        answer_at_once(c, true, "bye");
        c->phase = ANSWERING;
    } else if (!ask_pool(c, ward_bytes_of(line, size))) {
        c->is_held = true;
    }
    return !c->is_held;
}

/* What is left is no whole line. */
static void
take_rest(struct client *c)
{
    if (c->has_input_ended) {
        if (c->input_size > 0 && !c->is_skipping)
            answer_at_once(c, false, "the input ended within a line");
        c->input_size = 0;
        c->phase = ANSWERING;
    } else if (c->input_size == sizeof c->input) {
        if (!c->is_skipping)
            answer_at_once(c, false, "the line is too long");
        c->is_skipping = true;
        c->input_size = 0;
    }
}

static bool
has_room(const struct client *c)
{
    return c->phase == TAKING && !c->is_held && c->request_count < REQUESTS_MAX;
}

/* True: some, so there may be answers already. */
static bool
take_lines(struct client *c)
{
    char *at = c->input, *end = NULL;
    size_t left = c->input_size;
    int before = c->request_count;

    while (has_room(c) && (end = memchr(at, '\n', left)) != NULL) {
        if (!take_line(c, at, (size_t)(end - at)))
            break;
        left -= (size_t)(end + 1 - at);
        at = end + 1;
    }
    memmove(c->input, at, left);
    c->input_size = left;
    if (has_room(c) && end == NULL)
        take_rest(c);
    return c->request_count > before;
}

/* ---- what can be done now ---- */

static void
update_watcher(struct client *c)
{
    struct ev_loop *loop = c->server->loop;
    int events = c->output_size > 0 ? EV_WRITE : 0;

    if (c->phase == LINGERING || (has_room(c) && !c->has_input_ended))
        events |= EV_READ;
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    if (events != 0)
        ev_io_start(loop, &c->io);
}

/* Whatever has happened, this does what can be done now; it may free the client. */
static void
turn(struct client *c)
{
    do
        send_answers(c);
    while (take_lines(c));

    if (c->phase == ANSWERING && c->request_count == 0 && c->output_size == 0) {
        shutdown(c->io.fd, SHUT_WR);
        c->phase = c->has_input_ended ? BROKEN : LINGERING;
    }
    if (c->phase == BROKEN)
        client_free(c);
    else
        update_watcher(c);
}

static void
read_input(struct client *c)
{
    ssize_t size;

    if (c->phase == LINGERING)
        c->input_size = 0;
    size = recv(c->io.fd, c->input + c->input_size, sizeof c->input - c->input_size, 0);
    if (size > 0) {
        c->input_size += (size_t)size;
        if (c->phase != LINGERING) /* which is not to last as long as the client likes */
            ev_timer_again(c->server->loop, &c->patience);
    } else if (size == 0) {
        c->has_input_ended = true;
        if (c->phase == LINGERING)
            c->phase = BROKEN;
    } else if (errno != EAGAIN && errno != EINTR) {
        c->phase = BROKEN;
    }
}

static void
on_client(EV_P_ ev_io *watcher, int events)
{
    (void)EV_A;
    if (events & EV_READ)
        read_input(watcher->data);
    turn(watcher->data);
}

/* Nothing has moved for long. That is the client's fault, unless it waits for us. */
static void
on_patience_over(EV_P_ ev_timer *watcher, int events)
{
    struct client *c = watcher->data;

    (void)events;
    if ((c->request_count > 0 || c->is_held) && c->output_size == 0)
        ev_timer_again(EV_A_ watcher);
    else
        client_free(c);
}

/* ---- beginning and end ---- */

struct client *
client_new(struct server *server, int fd)
{
    struct client *c = calloc(1, sizeof *c);

    if (c == NULL) {
        close(fd);
        return NULL;
    }
    c->server = server;
    TAILQ_INIT(&c->requests);
    TAILQ_INSERT_TAIL(&server->clients, c, next);
    ev_io_init(&c->io, on_client, fd, EV_READ);
    ev_timer_init(&c->patience, on_patience_over, 0, server->patience_ms / 1000.0);
    c->io.data = c->patience.data = c;
    ev_timer_again(server->loop, &c->patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    update_watcher(c);
    return c;
}

struct client *
client_next(const struct client *c)
{
    return TAILQ_NEXT(c, next);
}

void
client_end(struct client *c)
{
    if (c->phase == TAKING)
        c->phase = ANSWERING;
    turn(c);
}

void
client_resume(struct client *c)
{
    if (!c->is_held)
        return;
    c->is_held = false;
    turn(c);
}

void
client_free(struct client *c)
{
    struct server *server = c->server;
    struct request *request;

    while ((request = TAILQ_FIRST(&c->requests)) != NULL) {
        TAILQ_REMOVE(&c->requests, request, next);
        request->client = NULL;
        if (request->is_answered)
            free(request);
    }
    TAILQ_REMOVE(&server->clients, c, next);
    ev_io_stop(server->loop, &c->io);
    ev_timer_stop(server->loop, &c->patience);
    close(c->io.fd);
    free(c);
    server_client_gone(server);
}

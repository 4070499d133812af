/*
 * Clients of examples/line_server.c, many at once, which believe no answer.
 *
 *   line_client load PORT CLIENTS REQUESTS WINDOW
 *       each sends so many requests, at most WINDOW unanswered, every 50th a crash, and then by
 *       turns `quit` or half a line and the end; it wants each answer, in order, and the end
 *   line_client flood PORT REQUESTS
 *       one that sends long lines and does not read until the server stops reading; then it reads
 *       all
 *
 * 0 if all was as it should be.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 1000, LINE_SIZE = 4096, OUTPUT_SIZE = 2 * LINE_SIZE };
enum { LONG_TEXT = 3900 };
enum { CRASH_EACH = 50, DEADLINE_MS = 60000, BLOCKED_MS = 500 };

struct client {
    int number;
    int fd; /* -1: it is done */
    int requests, window;
    int padding;        /* so many bytes more in every other request */
    int sent, answered; /* in lines, but for the goodbye */
    bool says_quit;
    bool has_said_goodbye;
    char output[OUTPUT_SIZE];
    size_t output_size;
    char input[LINE_SIZE];
    size_t input_size;
};

static unsigned crashes;
static char small[LONG_TEXT], large[LONG_TEXT];

static void
fail(const struct client *c, const char *what, const char *text)
{
    fprintf(stderr, "client %d, answer %d: %s: %s\n", c->number, c->answered, what, text);
    exit(1);
}

static bool
is_crash(int request)
{
    return request % CRASH_EACH == CRASH_EACH - 1;
}

static size_t
write_request(const struct client *c, int request, char *text, size_t size)
{
    int length;

    if (is_crash(request))
        length = snprintf(text, size, "crash\n");
    else if (request % 2 == 0)
        length = snprintf(text, size, "upper client %d line %d %.*s\n", c->number,
                          request, c->padding, small);
    else
        length = snprintf(text, size, "sum %d %d -7\r\n", c->number, request);
    return (size_t)length;
}

static void
check_answer(struct client *c, const char *line)
{
    static const char death[] = "error the worker died: /pool/worker-";
    char expected[LINE_SIZE];

    if (c->answered == c->requests) {
        snprintf(expected, sizeof expected, "%s",
                 c->says_quit ? "ok bye" : "error the input ended within a line");
        if (!c->has_said_goodbye || strcmp(line, expected) != 0)
            fail(c, expected, line);
    } else if (is_crash(c->answered)) {
        if (strncmp(line, death, sizeof death - 1) != 0 ||
            strstr(line, "SIGSEGV") == NULL)
            fail(c, "not how a worker dies", line);
        crashes++;
    } else {
        if (c->answered % 2 == 0)
            snprintf(expected, sizeof expected, "ok CLIENT %d LINE %d %.*s", c->number,
                     c->answered, c->padding, large);
        else
            snprintf(expected, sizeof expected, "ok %d", c->number + c->answered - 7);
        if (strcmp(line, expected) != 0)
            fail(c, expected, line);
    }
    c->answered++;
}

static void
check_end(struct client *c)
{
    if (c->answered != c->requests + 1 || !c->has_said_goodbye || c->input_size > 0)
        fail(c, "the server closed it", "too early");
    close(c->fd);
    c->fd = -1;
}

static void
receive(struct client *c)
{
    ssize_t size =
        recv(c->fd, c->input + c->input_size, sizeof c->input - c->input_size, 0);
    char *end;

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0)
        fail(c, "recv", strerror(errno));
    if (size == 0) {
        check_end(c);
        return;
    }
    c->input_size += (size_t)size;
    while ((end = memchr(c->input, '\n', c->input_size)) != NULL) {
        *end = '\0';
        check_answer(c, c->input);
        c->input_size -= (size_t)(end + 1 - c->input);
        memmove(c->input, end + 1, c->input_size);
    }
}

static void
fill_output(struct client *c)
{
    while (c->sent < c->requests && c->sent - c->answered < c->window &&
           c->output_size < sizeof c->output - LINE_SIZE)
        c->output_size +=
            write_request(c, c->sent++, c->output + c->output_size, LINE_SIZE);
    if (c->sent == c->requests && !c->has_said_goodbye &&
        c->output_size < sizeof c->output - LINE_SIZE) {
        const char *goodbye = c->says_quit ? "quit\n" : "upper half a li";
        memcpy(c->output + c->output_size, goodbye, strlen(goodbye));
        c->output_size += strlen(goodbye);
        c->has_said_goodbye = true;
    }
}

/* True: some were sent. */
static bool
send_some(struct client *c)
{
    ssize_t size = send(c->fd, c->output, c->output_size, MSG_NOSIGNAL);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (size < 0)
        fail(c, "send", strerror(errno));
    c->output_size -= (size_t)size;
    memmove(c->output, c->output + size, c->output_size);
    return size > 0;
}

static void
transmit(struct client *c)
{
    while (fill_output(c), c->output_size > 0)
        if (!send_some(c))
            return;
    if (c->has_said_goodbye && !c->says_quit)
        shutdown(c->fd, SHUT_WR); /* once is enough, more do no harm */
}

static void
start(struct client *c, int number, int port, int requests, int window)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *c = (struct client){.number = number,
                         .requests = requests,
                         .window = window,
                         .says_quit = number % 2 == 0};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Or the kernel would keep megabytes for a server that does not read. */
    setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &(int){8192}, sizeof(int));
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
        fail(c, "connect", strerror(errno));
}

/* Until all are done. */
static void
serve(struct client *clients, int count)
{
    static struct pollfd polled[CLIENTS_MAX];
    int open = count;

    while (open > 0) {
        open = 0;
        for (int i = 0; i < count; i++) {
            struct client *c = &clients[i];
            if (c->fd >= 0)
                transmit(c);
            polled[i] = (struct pollfd){
                .fd = c->fd, .events = c->output_size > 0 ? POLLIN | POLLOUT : POLLIN};
            open += c->fd >= 0;
        }
        if (open > 0 && poll(polled, (nfds_t)count, DEADLINE_MS) <= 0)
            fail(&clients[0], "nothing moves", "poll");
        for (int i = 0; i < count; i++)
            if (polled[i].fd >= 0 && polled[i].revents & ~POLLOUT)
                receive(&clients[i]);
    }
}

static int
load(int port, int count, int requests, int window)
{
    struct client *clients = calloc((size_t)count, sizeof *clients);

    if (clients == NULL)
        return 1;
    for (int i = 0; i < count; i++)
        start(&clients[i], i, port, requests, window);
    serve(clients, count);
    free(clients);
    printf("%d clients, %d requests, %u crashes\n", count, count * requests, crashes);
    return 0;
}

static int
flood(int port, int requests)
{
    static struct client client;
    struct pollfd polled;

    memset(small, 'x', sizeof small);
    memset(large, 'X', sizeof large);
    start(&client, 0, port, requests, requests);
    client.padding = LONG_TEXT;
    polled = (struct pollfd){.fd = client.fd, .events = POLLOUT};
    do
        transmit(&client);
    while (poll(&polled, 1, BLOCKED_MS) > 0 && client.sent < requests);
    if (client.sent == requests)
        fail(&client, "never blocked", "the server keeps all of it");
    serve(&client, 1);
    printf("%d requests, %u crashes\n", requests, crashes);
    return 0;
}

int
main(int argc, char **argv)
{
    int number[4] = {0};

    for (int i = 2; i < argc && i < 6; i++)
        number[i - 2] = atoi(argv[i]);
    if (argc == 6 && strcmp(argv[1], "load") == 0 && number[1] <= CLIENTS_MAX)
        return load(number[0], number[1], number[2], number[3]);
    if (argc == 4 && strcmp(argv[1], "flood") == 0)
        return flood(number[0], number[1]);
    fprintf(stderr, "usage: line_client load PORT CLIENTS REQUESTS WINDOW\n"
                    "       line_client flood PORT REQUESTS\n");
    return 2;
}

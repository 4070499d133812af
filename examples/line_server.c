/*
 * A TCP server on libev's default loop whose requests may crash: every line is handled by a
 * worker of a pool. A request that kills its worker costs its client an error line, and nobody
 * else anything.
 *
 *   line_server [--port N] [--workers N] [--patience MS]
 *
 * A request is a line: `upper TEXT`, `sum NUMBER...`, `slow MS`, `crash`, `quit`. Its answer is
 * a line `ok ...` or `error ...`; answers come in the order of the requests, so a client need
 * not wait for one before it sends the next.
 *
 * The host never blocks and keeps nothing without a bound. Look here at on_ward(), which is all
 * that ward needs of a loop; at accept_client() and most_clients(), for what happens when there
 * are no descriptors left, of which ward needs some for new workers, too; and at begin_end():
 * what was begun is answered before the server ends. line_server_client.c is one connection,
 * line_server_pool.c the workers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line_server.h"

enum {
    DEFAULT_WORKERS = 4,
    DEFAULT_PATIENCE_MS = 60000,
    GRACE_MS = 5000,
    RETRY_MS = 100
};
/* Descriptors that are never given to clients: the first for ward and this file, the others for
 * each worker, also while one takes the place of another. */
enum { SPARE_FDS = 16, SPARE_FDS_EACH = 4 };

/* ---- clients ---- */

/* The one place that decides whether clients are accepted, and whether all is over. */
static void
update_listener(struct server *server)
{
    bool is_wanted = !server->is_ending && !ev_is_active(&server->retry) &&
                     server->client_count < server->client_max;

    if (is_wanted)
        ev_io_start(server->loop, &server->listener);
    else
        ev_io_stop(server->loop, &server->listener);
    if (server->is_ending && server->client_count == 0)
        ward_system_stop(server->sys);
}

void
server_client_gone(struct server *server)
{
    server->client_count--;
    ev_timer_stop(server->loop, &server->retry); /* there is a descriptor again */
    update_listener(server);
}

/* A client that cannot be accepted stays in the queue, and the listener stays readable: to try
 * again at once would burn the processor. */
static void
accept_client(EV_P_ ev_io *watcher, int events)
{
    struct server *server = watcher->data;
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd >= 0 && client_new(server, fd) != NULL) {
        server->client_count++;
        server->clients_served++;
    } else if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                          errno == ENOMEM)) {
        fprintf(stderr, "line_server: a client has to wait: %s\n", strerror(errno));
        ev_timer_set(&server->retry, RETRY_MS / 1000.0, 0);
        ev_timer_start(EV_A_ & server->retry);
    }
    update_listener(server);
}

static void
on_retry(EV_P_ ev_timer *watcher, int events)
{
    (void)EV_A;
    (void)events;
    update_listener(watcher->data);
}

/* ---- ward ---- */

static void
on_ward(EV_P_ ev_io *watcher, int events)
{
    struct server *server = watcher->data;

    (void)events;
    if (ward_system_dispatch(server->sys) != 0) /* stopped or failed */
        ev_break(EV_A_ EVBREAK_ALL);
}

static void
on_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct server *server = user;

    (void)ctx;
    pool_note(&server->pool, event);
}

static void
on_room(ward_ctx *ctx, ward_ref ref, void *user)
{
    struct server *server = user;
    struct client *client, *next;

    (void)ctx;
    (void)ref;
    for (client = TAILQ_FIRST(&server->clients); client != NULL; client = next) {
        next = client_next(client);
        client_resume(client);
    }
}

/* ---- the end ---- */

/* What was taken is answered; who does not take the answers has GRACE_MS for it. */
static void
begin_end(struct server *server)
{
    struct client *client, *next;

    server->is_ending = true;
    ev_timer_start(server->loop, &server->grace);
    for (client = TAILQ_FIRST(&server->clients); client != NULL; client = next) {
        next = client_next(client);
        client_end(client);
    }
    update_listener(server);
}

static void
drop_all(struct server *server)
{
    while (!TAILQ_EMPTY(&server->clients))
        client_free(TAILQ_FIRST(&server->clients));
}

/* The second signal says: at once. */
static void
on_signal(EV_P_ ev_signal *watcher, int events)
{
    struct server *server = watcher->data;

    (void)EV_A;
    (void)events;
    if (server->is_ending)
        drop_all(server);
    else
        begin_end(server);
}

static void
on_grace_over(EV_P_ ev_timer *watcher, int events)
{
    (void)EV_A;
    (void)events;
    drop_all(watcher->data);
}

/* ---- the beginning ---- */

/* As many clients as leave ward the descriptors that it needs. */
static int
most_clients(int worker_count)
{
    struct rlimit limit;
    int lowest_free = dup(STDERR_FILENO);
    int most = 1 << 20;

    if (lowest_free < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1;
    close(lowest_free);
    if (limit.rlim_cur < (rlim_t)most)
        most = (int)limit.rlim_cur;
    most -= lowest_free + SPARE_FDS + SPARE_FDS_EACH * worker_count;
    return most > 1 ? most : 1;
}

/* A listening descriptor, or a negative code. */
static int
open_listener(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    return fd;
}

static void
start_watchers(struct server *server, int listener)
{
    ev_io_init(&server->listener, accept_client, listener, EV_READ);
    ev_io_init(&server->ward, on_ward, ward_system_fd(server->sys), EV_READ);
    ev_timer_init(&server->retry, on_retry, 0, 0);
    ev_timer_init(&server->grace, on_grace_over, GRACE_MS / 1000.0, 0);
    ev_signal_init(&server->interrupt, on_signal, SIGINT);
    ev_signal_init(&server->terminate, on_signal, SIGTERM);
    server->listener.data = server->ward.data = server->retry.data = server->grace.data =
        server->interrupt.data = server->terminate.data = server;
    ev_io_start(server->loop, &server->ward);
    ev_signal_start(server->loop, &server->interrupt);
    ev_signal_start(server->loop, &server->terminate);
    update_listener(server);
}

static int
run(struct server *server)
{
    int listener = -1;
    int result = ward_system_new(
        &server->sys,
        &(ward_system_options){.on_event = on_event, .on_room = on_room, .user = server});

    server->client_max = most_clients(server->worker_count);
    if (result == 0)
        result = pool_start(&server->pool, server->sys, server->worker_count);
    if (result == 0)
        result = listener = open_listener(server->port);
    if (result < 0)
        return result;
    start_watchers(server, listener);
    ev_run(server->loop, 0);

    drop_all(server); /* none is left, unless ward has failed */
    close(listener);
    result = ward_system_failure(server->sys) != NULL ? -WARD_EFAILED : 0;
    printf("%u clients, %u lines answered, %u workers died\n", server->clients_served,
           server->lines_answered, server->pool.deaths);
    return result;
}

static bool
parse_number(const char *text, int least, int most, int *number)
{
    char *end;
    long parsed = strtol(text, &end, 10);

    if (end == text || *end != '\0' || parsed < least || parsed > most)
        return false;
    *number = (int)parsed;
    return true;
}

static bool
parse_options(struct server *server, int argc, char **argv)
{
    static const struct option options[] = {{"patience", required_argument, NULL, 't'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {NULL, 0, NULL, 0}};
    bool is_good = true;
    int option;

    while (is_good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            is_good = parse_number(optarg, 0, 65535, &server->port);
        else if (option == 'w')
            is_good = parse_number(optarg, 1, POOL_MAX, &server->worker_count);
        else
            is_good =
                option == 't' && parse_number(optarg, 1, 86400000, &server->patience_ms);
    }
    return is_good && optind == argc;
}

int
main(int argc, char **argv)
{
    static struct server server = {.worker_count = DEFAULT_WORKERS,
                                   .patience_ms = DEFAULT_PATIENCE_MS};
    int result = ward_early();

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse_options(&server, argc, argv)) {
        fprintf(stderr,
                "usage: line_server [--port N] [--workers N] [--patience MS]\n"
                "       at most %d workers; without a port the system chooses one\n",
                POOL_MAX);
        return 2;
    }
    TAILQ_INIT(&server.clients);
    server.loop = ev_default_loop(0);
    if (result == 0)
        result = server.loop != NULL ? run(&server) : -ENOSYS;
    if (result < 0)
        fprintf(stderr, "line_server: %s\n", ward_strerror(result));
    ward_system_free(server.sys);
    if (server.loop != NULL)
        ev_loop_destroy(server.loop);
    return result < 0;
}

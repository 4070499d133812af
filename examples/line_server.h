/* What the three parts of the server know of each other: line_server.c (loop, listener, the
 * end), line_server_client.c (one connection) and line_server_pool.c (the workers). */
#ifndef LINE_SERVER_H
#define LINE_SERVER_H

#include <ev.h>
#include <sys/queue.h>
#include <ward/ward.h>

enum { LINE_SIZE = 4096 }; /* the longest line, its end counted */
enum { POOL_MAX = 64 };

/* ---- the pool ---- */

/* One request under way, to be made a part of yours. After a successful pool_ask it must stay
 * where it is until on_answer, which comes exactly once, and never inside pool_ask. */
struct job {
    void (*on_answer)(struct job *job, bool is_ok, const char *text);
    struct pool_worker *worker; /* borrowed; for the pool only */
};

struct pool_worker {
    ward_ref ref;
    bool is_up;
    int unanswered;
    char death[256]; /* how it died last, in a line */
};

struct pool {
    ward_system *sys; /* borrowed */
    struct pool_worker workers[POOL_MAX];
    int worker_count;
    unsigned deaths;
};

/* Starts so many workers, and waits for none. 0 or a negative code. */
int pool_start(struct pool *pool, ward_system *sys, int worker_count);

/* 0: on_answer will come; -EAGAIN: try again after the system's on_room; or another code. */
int pool_ask(struct pool *pool, struct job *job, ward_bytes line);

/* To be called with every event of the system. */
void pool_note(struct pool *pool, const ward_event *event);

/* ---- the server and its clients ---- */

struct client;

struct server {
    struct ev_loop *loop; /* borrowed: libev's default loop */
    ward_system *sys;     /* owned */
    struct pool pool;
    TAILQ_HEAD(, client) clients; /* owned, in the order in which they came */
    int client_count, client_max;
    int worker_count, port, patience_ms; /* as the command line says */
    unsigned clients_served, lines_answered;
    ev_io listener, ward;
    ev_timer retry; /* accepting again after it failed */
    ev_timer grace;
    ev_signal interrupt, terminate;
    bool is_ending;
};

/* Takes the descriptor, which is closed if there is no memory: then NULL. */
struct client *client_new(struct server *server, int fd);

/* The client to be visited after this one; NULL: it is the last. */
struct client *client_next(const struct client *client);

/* Takes no more lines; closes it when all is answered, which may be at once. */
void client_end(struct client *client);

/* There may be room in the pool again. */
void client_resume(struct client *client);

/* At once. Answers that come later find nobody. */
void client_free(struct client *client);

/* Tells the server that there is one less. */
void server_client_gone(struct server *server);

#endif

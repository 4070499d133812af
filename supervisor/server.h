/*
 * Link: the host's side of its fork server. Requests to spawn and to reap go out in order and
 * have a deadline; answers find their incarnation by number. When the fork server is lost, by
 * death or because it does not answer, every worker is killed by its pidfd and another fork
 * server is asked of the zygote. What a lost worker means for its actor is for actor.c.
 *
 * Used by: system.c, incarnation.c. Uses: zygote.h, control.h, loop.h.
 */
#ifndef WARD_SUPERVISOR_SERVER_H
#define WARD_SUPERVISOR_SERVER_H

#include <bsd/sys/queue.h>

#include "ipc/slots.h"
#include "supervisor/loop.h"
#include "supervisor/window.h"
#include "supervisor/zygote.h"

struct ward__incarnation;

struct ward__link {
    struct ward_system *sys; /* borrowed */
    struct ward__server server;
    bool is_up;
    struct ward__io control_watcher;
    struct ward__io death_watcher;
    struct ward__io zygote_watcher;
    struct ward__slots incarnations; /* all there are, by the number of their request */
    TAILQ_HEAD(ward__link_queue, ward__incarnation) queue; /* have something to ask */
    size_t unborn;                    /* requests to make a process without an answer */
    int64_t heard_at;                 /* when it last answered anything */
    struct ward__incarnation *asking; /* borrowed: the request being made */
    int refusal;                      /* its result */
    struct ward__window losses;
    struct ward__timer retry;
    int64_t retry_ms; /* the pause before the next try */
};

/* Has a fork server forked. 0; as ward__zygote_serve; -ENOMEM. */
int ward__link_open(struct ward__link *link, struct ward_system *sys);
/* The fork server ends, and with it all its workers; waits for it, two seconds at most. */
void ward__link_close(struct ward__link *link);

/* Asks for a process; ward__incarnation_spawned or _spawn_failed follows. 0; -ENOMEM. */
int ward__link_spawn(struct ward__link *link, struct ward__incarnation *inc);
/* Asks how a process ended that its pidfd says is dead; ward__incarnation_exited follows. */
void ward__link_reap(struct ward__link *link, struct ward__incarnation *inc);
/* Is it up, and is at most one request on its way? */
bool ward__link_is_calm(const struct ward__link *link);

/* Forgets it; an answer that comes later kills the process. */
void ward__link_forget(struct ward__link *link, struct ward__incarnation *inc);

#endif

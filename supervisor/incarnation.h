/*
 * Incarnation: one process of an actor, from the request to the fork server until it is known
 * to be dead and its last words are read. Its socket and its pidfd are watched here, and what it is to
 * read is written. What it says is for intake.c, why it ended for blame.c, and what that means for
 * the tree for death.c. Without an actor it is a spare, whose death alone matters (spare.h).
 *
 * Used by: life.c, server.c, spare.c, intake.c, poll.c, death.c, and all who hold one. Uses: channel.h,
 * conduct.h, server.h.
 */
#ifndef WARD_SUPERVISOR_INCARNATION_H
#define WARD_SUPERVISOR_INCARNATION_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "supervisor/channel.h"
#include "supervisor/conduct.h"
#include "supervisor/control.h"
#include "supervisor/loop.h"
#include "supervisor/stall.h"

struct ward__actor;
struct ward__credit;
struct ward_system;

RB_HEAD(ward__credit_tree, ward__credit);

/* Why ward ended a process by SIGKILL. */
enum ward__doom {
    WARD__DOOM_NONE,
    WARD__DOOM_KILL,    /* ward_kill */
    WARD__DOOM_START,   /* the start deadline */
    WARD__DOOM_MESSAGE, /* the deadline of a message */
    WARD__DOOM_STALL,   /* a frame stays half way */
    WARD__DOOM_STOP,    /* the stop deadline, or a brutal stop */
    WARD__DOOM_PROTOCOL,
    WARD__DOOM_MEMORY, /* the host has no memory to go on with it */
    WARD__DOOM_SERVER, /* its fork server is lost */
};

struct ward__incarnation {
    struct ward_system *sys;   /* borrowed */
    struct ward__actor *actor; /* borrowed; NULL: a spare */
    bool is_cleanup;           /* only runs post_stop */
    enum ward__stage stage;
    struct ward__channel channel;
    struct ward__credit_tree credits;   /* owned: with those it sends to */
    struct ward__credit *recent_credit; /* the one of them that was looked for last */
    size_t unwritten;                   /* bytes posted since it was tried to write */
    bool is_write_due;                  /* when this turn ends, or the loop turns next */
    bool is_in_turn;                    /* it is the former */
    TAILQ_ENTRY(ward__incarnation) due;
    uint64_t done_before;   /* messages, when it began */
    bool is_busy, may_poll; /* poll.c, with the next two */
    TAILQ_ENTRY(ward__incarnation) busy;
    TAILQ_ENTRY(ward__incarnation) polling;
    bool is_owed_grants;   /* it did not read: they wait */
    bool awaits_room;      /* in some mailbox; its message is not to blame */
    bool is_asking;        /* it blocks on `request` */
    uint64_t request;      /* the last that it blocked on */
    uint64_t answered_at;  /* so far the lane is written when the answer begins */
    uint64_t ends_watched; /* answers to watches of nobody that it may not have read, */
    uint64_t ends_watched_from; /* since its mailbox was at that number */
    struct ward__io channel_watcher;
    struct ward__io death_watcher;
    int pidfd;        /* owned; -1: not known yet */
    pid_t pid;        /* 0: not known yet */
    int64_t ready_at; /* 0: it is not ready */

    enum ward__doom doom;
    const char *doom_step; /* which rule, which deadline; static */
    bool has_raised;
    bool is_judged; /* and the verdict was said */
    bool is_dead;   /* the pidfd says so */
    bool has_exit;  /* the fork server said how */
    struct ward__control exit;
    bool is_over_reported;

    /* server.c: the request that is under way, and its deadline */
    uint64_t id;
    int worker_end, page_fd; /* owned until they are sent; -1 */
    bool is_spawning;
    bool is_unsent;  /* the request to make it */
    bool is_reaping; /* REAP is to be sent, or was */
    bool is_queued;
    TAILQ_ENTRY(ward__incarnation) queued;
    struct ward__timer answer_deadline;
    uint8_t answer_delays; /* how often that was put off */
    struct ward__stall stall;
};

/* A process is asked for, or a spare is taken, and its first frame laid ready. 0; or a negative
 * code, and there is none. */
int ward__incarnation_new(struct ward__actor *actor, bool is_cleanup,
                          const struct ward__go *go);
/* A process is asked for that has no actor yet. 0; or a negative code, and there is none. */
int ward__incarnation_new_spare(struct ward_system *sys, struct ward__incarnation **made);
void ward__incarnation_free(struct ward__incarnation *inc);
/* It is dead and not its actor's any more. What it had is given back later (burial.h). */
void ward__incarnation_bury(struct ward__incarnation *inc);
/* Frees it, when nothing refers to it any more. */
void ward__incarnation_give_back(struct ward__incarnation *inc);

/* The fork server's answers. */
void ward__incarnation_spawned(struct ward__incarnation *inc, pid_t pid, int pidfd);
void ward__incarnation_spawn_failed(struct ward__incarnation *inc, int error);
void ward__incarnation_exited(struct ward__incarnation *inc,
                              const struct ward__control *exit);
/* The fork server is gone: kill it; its end is known by the pidfd alone. */
void ward__incarnation_lost(struct ward__incarnation *inc);

/* It is dead: did it die before it read GO? Then it never was its actor's. */
bool ward__incarnation_is_untouched(struct ward__incarnation *inc);

/* SIGKILL, with a reason that stays with it; the first reason counts. */
void ward__incarnation_kill(struct ward__incarnation *inc, enum ward__doom doom,
                            const char *step);

/* Watches for what matters now: after channel.is_blocked was changed. */
void ward__incarnation_watch(struct ward__incarnation *inc);

/* What is laid ready is written when this turn ends; between two turns, when the loop finds that the
 * socket can be written. */
void ward__incarnation_write_soon(struct ward__incarnation *inc);
/* The turn ends. */
void ward__incarnations_write_due(struct ward_system *sys);

/* Writes lane and mailbox as far as possible; messages only while it is up. */
void ward__incarnation_write(struct ward__incarnation *inc);

/* What it said is handled, or it is due: now its turn. */
void ward__incarnation_go_on(struct ward__incarnation *inc);

/* Is what it says still listened to? */
static inline bool
ward__incarnation_is_trusted(const struct ward__incarnation *inc)
{
    return inc->doom != WARD__DOOM_PROTOCOL && inc->doom != WARD__DOOM_MEMORY;
}

/* Its socket is closed; a process that lives on without it is made to end. */
void ward__incarnation_await_death(struct ward__incarnation *inc);

#endif

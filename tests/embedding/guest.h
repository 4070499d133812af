/*
 * Guest: what the tests of difficult hosts share. A host is a process of its own, forked before
 * anything of ward's is in it, so that a test may spoil it to its liking. In it lives a guest: a
 * small system whose workers crash, whose fork server is killed, and which must leave as little
 * behind as it found.
 *
 *   test                    host (one function of the test)        zygote, fork server, workers
 *   pipe, read end -------- closes its standard input ------------ pipe, write end, as theirs
 *                           mark, a named pipe, read end --------- workers: write end
 *
 *   static void
 *   program(void *arg)
 *   {
 *       struct guest g = {.sys = NULL};
 *       spoil();
 *       host_begin();
 *       host_lives(&g, 100);
 *   }
 *   host_runs(program, NULL);                      in the test
 *
 * Inside a host nothing of cmocka's is used: what must be true and is not ends the host.
 *
 * Used by: every test_*.c of this folder. Uses: tests/stress/scene.h, ward.
 */
#ifndef WARD_TESTS_EMBEDDING_GUEST_H
#define WARD_TESTS_EMBEDDING_GUEST_H

#include "tests/stress/scene.h"

enum { GUEST_ACTORS = 3, GUEST_STEPS = 5 };

/* Messages to an actor. The host gets GUEST_DONE with a number for each that is answered. */
enum guest_message {
    GUEST_WORK, /* allocates, formats, flushes: what a lock taken by nobody would stop */
    GUEST_PARENT, /* forks a child that exits with 5; the number is its wait status */
    GUEST_CRASH,  /* writes to address 0 */
    GUEST_DONE,
};

struct guest {
    /* By the test, before guest_open. */
    void (*meanwhile)(struct guest *g); /* between any two steps of guest_live; or NULL */
    /* One turn of the host's loop; NULL: poll. */
    void (*turn)(struct guest *g, int64_t deadline);
    void (*on_event)(struct guest *g, const ward_event *event);
    void *user;

    ward_system *sys; /* owned */
    ward_ref refs[GUEST_ACTORS];
    int result;                      /* of the last dispatch */
    unsigned told, arrived, letters; /* messages that are no crashes */
    int64_t last_number;             /* of GUEST_DONE */
    unsigned starts, losses, retries, stops;
    unsigned crashes, orphans, unborn, oddities; /* failures: died, lost with the fork
                                                    server, never made, anything else */
    unsigned crashes_due;                        /* crashes that were asked for */
    char mark[64];
    int marked; /* owned: ends when no worker is left */
};

/* ---- in the test ---- */

/* Runs a host and asserts that it ends well, and that nobody is left when it has. */
void host_runs(void (*program)(void *arg), void *arg);

/* The same by hand: the host, and a pipe that ends when all that came of ward_early has. */
pid_t host_start(void (*program)(void *arg), void *arg, int *held);
int host_status(pid_t host);

/* ---- in the host ---- */

#define must(condition) must_at((condition), #condition, __FILE__, __LINE__)
void must_at(bool is_true, const char *condition, const char *file, int line);

/* ward_early, which must succeed; before it what belongs to the test is let go. */
void host_begin(void);

/* One guest from its beginning to its end. */
void host_life(struct guest *g, int round);
/* That many guests one after the other; then nothing may be left: see host_look. */
void host_lives(struct guest *g, int rounds);

/* What a host has of everything. */
struct host_state {
    int descriptors, descriptors_of_zygote;
    size_t children; /* of all threads, zombies too */
    int64_t resident, resident_of_zygote;
};

enum { HOST_SLACK = 64 * 1024 };

/* While there is no system: waits until the zygote has buried what was. */
struct host_state host_look(void);
/* Nothing may have grown; memory by `slack` bytes at most. */
void host_must_be_as(const struct host_state *before, int64_t slack);

size_t host_children(void);

/* A child of the host's own that ends at once with that exit code. */
pid_t host_own_child(int exit_code);

/* ---- the guest ---- */

void guest_open(struct guest *g);
/* In order: until the system has stopped. */
void guest_stop(struct guest *g);
/* Frees the system, and nobody of it must be left. */
void guest_free(struct guest *g);

/* Work, crashes, the loss of the fork server, and all that once more. */
void guest_live(struct guest *g);

/* One actor more. */
int guest_spawn(struct guest *g, const char *id, const ward_strategy *strategy,
                ward_ref *ref);

/* One message to each actor. */
void guest_tell(struct guest *g, enum guest_message type);
/* Turns until all that was told has been answered or is a dead letter. */
void guest_settle(struct guest *g);
void guest_work(struct guest *g);
void guest_crash(struct guest *g);
/* Kills the fork server while its workers are at work. */
void guest_lose_server(struct guest *g);
void guest_kill_server(struct guest *g);
pid_t guest_server(const struct guest *g);

/* Turns until that count is reached. */
void guest_await(struct guest *g, const unsigned *count, unsigned wanted);

#endif

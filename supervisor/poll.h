/*
 * Poll: looks at the pages of busy workers for a moment before the host goes to sleep, and says which
 * workers may do the same with their sockets. Two that exchange messages then need no wake-ups,
 * which take longer than everything else. It costs a core each, so only as many poll as there
 * are cores, and only where it has paid lately: who looks in vain a few times stops.
 *
 * Used by: run.c, incarnation.c. Uses: patience.h, page.h.
 */
#ifndef WARD_SUPERVISOR_POLL_H
#define WARD_SUPERVISOR_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "ipc/patience.h"

struct ward_system;
struct ward__incarnation;

TAILQ_HEAD(ward__poll_list, ward__incarnation);

struct ward__poll {
    uint32_t limit_us; /* so long; 0: never */
    unsigned cores;
    struct ward__poll_list busy; /* with a message in flight */
    unsigned busy_count;
    struct ward__poll_list polling; /* workers that may; the latest first */
    unsigned polling_count;
    struct ward__patience patience;
    struct ward__incarnation *expected; /* borrowed; NULL: nobody, or a crowd */
    int64_t expected_until;             /* in microseconds; from then on it is not */
    bool has_favoured;                  /* whom the host waits for, before another one */
    int64_t turned_at; /* when the loop last had its turn, in microseconds */
};

void ward__poll_init(struct ward__poll *poll, uint32_t limit_us);

/* Has it a message in flight? After each change; and once more before it is freed. */
void ward__poll_note(struct ward__incarnation *inc);
void ward__poll_forget(struct ward__incarnation *inc);

/* A word about a death, or the first words of who was just born, are due any moment: where that is one
 * process alone, the host stays awake for them, twice as long as it looks. And the word came. */
void ward__poll_expect(struct ward__incarnation *inc);
void ward__poll_came(struct ward__incarnation *inc);

/* Whom the host waits for in an ask, if that is somebody else and soon there; or NULL. */
struct ward__incarnation *ward__poll_awaited_beside(const struct ward__incarnation *inc);
/* True: what is there of that one was handled instead, and this one may be gone. */
bool ward__poll_looks_elsewhere(struct ward__incarnation *inc);

/* Waits until something is due and does it: looks first, if that may pay, then turns the loop.
 * Not where a thread of ward's own does. */
void ward__poll_turn(struct ward_system *sys);

#endif

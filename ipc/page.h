/*
 * Page: the one piece of memory that a worker and the supervisor share, and that outlives
 * the worker: its black box, and behind it its outbox. A sealed memfd, one for each
 * incarnation.
 *
 *   offset 0          the words below, each written by one side only
 *   WARD__PAGE_SIZE   outbox: the bytes [base, tail) of the stream from worker to host
 *
 * The commit word holds the low halves of two counts that change together: how far the
 * stream is committed, and how many messages are done. One release store of it makes a
 * message and everything it sent happen. The supervisor believes none of these words: it
 * reads each once and checks it (channel.h).
 *
 * Used by: outbox (worker), channel (supervisor). Uses: nothing.
 */
#ifndef WARD_IPC_PAGE_H
#define WARD_IPC_PAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define WARD__PAGE_VERSION 1
#define WARD__PAGE_SIZE 512
/* Where its second page of memory begins. The first one has the words and the beginning of the outbox,
 * which is all that a worker of few words ever needs. */
#define WARD__PAGE_REST 4096
#define WARD__BREADCRUMB_SIZE 128

/* How a fault looked from inside: written by a signal handler. */
struct ward__fault_note {
    _Atomic int32_t signal; /* written last; 0: none */
    int32_t code;           /* si_code */
    int32_t sender;         /* si_pid, if somebody sent it */
    uint64_t address;       /* si_addr */
};

struct ward__page {
    /* By the host, before the worker runs. */
    uint32_t version;
    uint32_t outbox_size;
    uint32_t has_time; /* it is made ahead, and nobody waits for it yet */
    /* By the host: ring the doorbell when something is done. */
    _Atomic uint32_t want;
    /* By the host: begin no message any more. HALT, which says it too, may be behind some. */
    _Atomic uint32_t halt;
    /* By the host: look for more so long before you sleep, in microseconds; 0: sleep. */
    _Atomic uint32_t poll_us;

    /* By the worker. Message numbers and positions are low halves, see ward__extend. */
    _Atomic uint64_t commit;   /* tail << 32 | done */
    _Atomic uint64_t base;     /* position in the stream of the outbox's first byte */
    _Atomic uint32_t handling; /* number of the message in hand; equal to done: none */
    _Atomic uint32_t early;    /* number of the last message that published early */
    _Atomic uint32_t heard;    /* frames of the lane that were dealt with */
    _Atomic int32_t phase;     /* enum ward_phase */
    struct ward__fault_note fault;
    char breadcrumb[WARD__BREADCRUMB_SIZE];
};

static inline uint64_t
ward__commit_pack(uint32_t tail, uint32_t done)
{
    return (uint64_t)tail << 32 | done;
}

static inline uint32_t
ward__commit_tail(uint64_t commit)
{
    return (uint32_t)(commit >> 32);
}

static inline uint32_t
ward__commit_done(uint64_t commit)
{
    return (uint32_t)commit;
}

/* The 64-bit count nearest to `near` whose low half is `low`. */
static inline uint64_t
ward__extend(uint64_t near, uint32_t low)
{
    return near + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)near);
}

static inline uint8_t *
ward__page_outbox(struct ward__page *page)
{
    return (uint8_t *)page + WARD__PAGE_SIZE;
}

_Static_assert(sizeof(struct ward__page) <= WARD__PAGE_SIZE, "the words fit the page");

#endif

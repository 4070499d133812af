/*
 * Stall: a worker that leaves a frame half written, or does not take the rest of one though it
 * has nothing else to do, is ended by a deadline: a byte a second is no progress. One that has
 * a message in hand may take its time; that is for the deadline of the message. Nothing is
 * timed while no frame is half way.
 *
 * Used by: incarnation.c. Uses: channel.h, loop.h.
 */
#ifndef WARD_SUPERVISOR_STALL_H
#define WARD_SUPERVISOR_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/loop.h"

struct ward__incarnation;

/* How things stood when the timer was set. */
struct ward__stall {
    struct ward__timer timer;
    bool is_receiving, is_sending; /* half a frame is here; some cannot be written */
    bool is_idle;                  /* nothing keeps it from reading */
    uint64_t received, written, frames;
    uint64_t commit;
    uint32_t heard;
};

/* Times what is half way, if anything is and was not timed. */
void ward__stall_watch(struct ward__incarnation *inc);
void ward__stall_forget(struct ward__incarnation *inc);

#endif

/*
 * Conduct: which frames a worker may send when. A pure table: every kind of frame has a cell
 * in every stage of an incarnation, so whatever a worker sends has an answer. What the frames
 * do is decided elsewhere.
 *
 *   BORN --READY--> UP --QUIET--> QUIET --(FINISH)--> LAST --BYE--> GONE
 *     |              |                                  ^
 *     +---RAISED-----+----RAISED--> RAISED --(FINISH)---+
 *
 * Used by: intake.c, incarnation.h. Uses: wire.h.
 */
#ifndef WARD_SUPERVISOR_CONDUCT_H
#define WARD_SUPERVISOR_CONDUCT_H

#include "ipc/wire.h"

#define WARD__STAGES(X) X(BORN) X(UP) X(RAISED) X(QUIET) X(LAST) X(GONE)

enum ward__stage {
#define WARD__STAGE_ENUM(name) WARD__STAGE_##name,
    WARD__STAGES(WARD__STAGE_ENUM)
#undef WARD__STAGE_ENUM
        WARD__STAGE_COUNT
};

/* The stage after that frame, or -1: it breaks the protocol. `is_cleanup`: a process that only
 * runs post_stop, which may tell and log, and nothing else. */
int ward__conduct(enum ward__stage stage, const struct ward__frame *frame,
                  bool is_cleanup);

const char *ward__stage_name(enum ward__stage stage);

#endif

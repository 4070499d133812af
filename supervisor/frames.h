/*
 * Frames: what a worker says, carried out. A frame has been scanned and the conduct table has
 * let it pass; what it names (references, numbers) is checked here. Nothing a worker says can
 * fail the host: what cannot be done is answered with a code or becomes a dead letter.
 *
 * Used by: intake.c. Uses: actor.h, post.h, ask.h, watch.h, blame.h.
 */
#ifndef WARD_SUPERVISOR_FRAMES_H
#define WARD_SUPERVISOR_FRAMES_H

#include "ipc/wire.h"
#include "supervisor/incarnation.h"
#include "supervisor/post.h"

void ward__frame_handle(struct ward__incarnation *inc, const struct ward__frame *frame);

/* The usual, of one that is up: another message to the same actor, in a frame of `size` bytes. False: it is
 * to be handled as any other. */
bool ward__frame_tell_again(struct ward__incarnation *inc, const struct ward__tell *tell,
                            size_t size);

#endif

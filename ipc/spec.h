/*
 * Spec: its check, as a code.
 *
 * Used by: context.c, supervisor. Uses: registry.h.
 */
#ifndef WARD_IPC_SPEC_H
#define WARD_IPC_SPEC_H

#include <ward/spec.h>

/* Of the largest message that an actor takes and sends. */
enum { WARD__FRAME_LEAST = 4096, WARD__FRAME_MOST = 64 << 20 };

/* What ward_spec_error says as a code: 0; -EINVAL; -ENOENT: something is not registered. */
int ward__spec_check(const ward_spec *spec);

/* What is wrong with these bounds: which field, and what was expected; NULL: nothing. */
const char *ward__mailbox_error(const ward_mailbox_options *mailbox, const char **field);

#endif

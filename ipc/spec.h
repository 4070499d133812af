/*
 * Spec: its check, as a code.
 *
 * Used by: context.c, supervisor. Uses: registry.h.
 */
#ifndef WARD_IPC_SPEC_H
#define WARD_IPC_SPEC_H

#include <ward/spec.h>

/* What ward_spec_error says as a code: 0; -EINVAL; -ENOENT: something is not registered. */
int ward__spec_check(const ward_spec *spec);

#endif

/*
 * Results.
 *
 * Every call returns 0 (some a positive count) or a negative code. The system's codes are
 * -errno; ward's own begin at -4096 and are listed below. An out parameter is written only
 * on success. Codes compare as numbers and travel between processes unchanged.
 */
#ifndef WARD_ERROR_H
#define WARD_ERROR_H

#include <ward/export.h>

WARD_BEGIN

/* One table makes the codes, their names and their texts. */
#define WARD_ERRORS(X)                                                                   \
    X(EFAILED, 4096, "the system failed: a failure escalated past the root")             \
    X(ETYPE, 4097, "a value has another type than the one asked for")                    \
    X(EUNHANDLED, 4098, "the actor did not handle this message")                         \
    X(EUNKNOWN, 4099, "no such actor: the reference was never valid or has ended")       \
    X(ESTOPPED, 4100, "the actor stopped before it answered")                            \
    X(ECRASHED, 4101, "the actor failed while it owed the answer")                       \
    X(ERAISED, 4102, "a failure was raised")                                             \
    X(EPROTOCOL, 4103, "bytes that break the protocol")                                  \
    X(EIGNORED, 4104, "pre_start answered WARD_START_IGNORE: nothing was started")       \
    X(ESTART, 4105, "the actor failed to start")                                         \
    X(EALREADY_STARTED, 4106, "a child with this id is running already")                 \
    X(EALREADY_PRESENT, 4107, "there is a child spec with this id already")              \
    X(ERUNNING, 4108, "the child is running")                                            \
    X(ERESTARTING, 4109, "the child, or its supervisor, is starting or restarting")      \
    X(EDYNAMIC, 4110, "not for the children of a dynamic supervisor")

enum {
#define WARD_ERROR_CODE(name, number, text) WARD_##name = number,
    WARD_ERRORS(WARD_ERROR_CODE)
#undef WARD_ERROR_CODE
};

/*
 * [any process] The text for a result of ward's: of ours from the table above, of the
 * system's as strerror says it. `code` may be given negative, as returned, or positive.
 * The text is static; never NULL.
 */
WARD_API const char *ward_strerror(int code);

/*
 * [any process] The name of a code, for logs: "WARD_ETYPE", "EAGAIN"; "?" for an unknown
 * one. Static; never NULL.
 */
WARD_API const char *ward_error_name(int code);

WARD_END

#endif

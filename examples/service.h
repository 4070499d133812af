/* What the service and the host that runs it know of each other. */
#ifndef SERVICE_H
#define SERVICE_H

#include <ward/ward.h>

enum {
    SERVICE_WORK, /* text: answered with its digest, was it cached, the worker's path; by the
                     * listener with a status in front, and no more if that is no 0 */
    SERVICE_FETCH,  /* [session,] text: answered with is it there, its digest */
    SERVICE_KEEP,   /* [session,] text, digest: answered when it is kept */
    SERVICE_ATTACH, /* answered with a session */
    SERVICE_COUNT,  /* answered with a number */
    SERVICE_REPORT, /* answered when the report is written */
    SERVICE_CRASH,  /* dereferences null, whoever gets it */
};

enum { SERVICE_ANSWER_MS = 5000 };

/* The tree below /service, to be spawned under this very id: its actors look each other up by
 * path. */
extern const ward_supervisor service;
/* How to spawn it: its failures are escalated. */
extern const ward_strategy service_strategy;

#endif

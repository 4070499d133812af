#include "supervisor/burial.h"

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/system.h"

enum { BURY_AFTER_MS = 2, WAITING_MOST = 1 };

void
ward__burial_init(struct ward__burial *burial)
{
    *burial = (struct ward__burial){.count = 0};
    TAILQ_INIT(&burial->queue);
}

static void
bury_all_but(struct ward_system *sys, size_t count)
{
    struct ward__burial *burial = &sys->burial;

    while (burial->count > count) {
        struct ward__incarnation *inc = TAILQ_FIRST(&burial->queue);
        TAILQ_REMOVE(&burial->queue, inc, queued);
        burial->count--;
        ward__incarnation_give_back(inc);
    }
}

static void
is_due(struct ward__timer *timer)
{
    ward__burial_finish(
        (struct ward_system *)(void *)((char *)timer -
                                       offsetof(struct ward_system, burial.due)));
}

void
ward__burial_add(struct ward__incarnation *inc)
{
    struct ward_system *sys = inc->sys;
    struct ward__burial *burial = &sys->burial;

    TAILQ_INSERT_TAIL(&burial->queue, inc, queued);
    burial->count++;
    if (!burial->due.is_armed)
        ward__timer_set(&sys->loop, &burial->due, ward__clock_ms() + BURY_AFTER_MS,
                        is_due);
}

void
ward__burial_bound(struct ward_system *sys)
{
    bury_all_but(sys, WAITING_MOST);
}

bool
ward__burial_finish(struct ward_system *sys)
{
    bool is_any = sys->burial.count > 0;

    bury_all_but(sys, 0);
    ward__timer_cancel(&sys->loop, &sys->burial.due);
    return is_any;
}

#include "supervisor/poll.h"

#include <sched.h>

#include "ipc/clock.h"
#include "supervisor/incarnation.h"
#include "supervisor/intake.h"
#include "supervisor/system.h"

/* So often between two looks at the clock. */
enum { LOOKS = 32 };

static unsigned
count_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

void
ward__poll_init(struct ward__poll *poll, uint32_t limit_us)
{
    *poll = (struct ward__poll){.limit_us = limit_us};
    poll->cores = limit_us > 0 ? count_cores() : 1;
    TAILQ_INIT(&poll->busy);
    TAILQ_INIT(&poll->polling);
}

static struct ward__poll *
poll_of(const struct ward__incarnation *inc)
{
    return &inc->sys->poll;
}

/* ---- who is expected ---- */

/* In a crowd there is always one more, and they need the cores more than the host does. */
void
ward__poll_expect(struct ward__incarnation *inc)
{
    struct ward__poll *poll = poll_of(inc);
    bool is_crowd;
    int64_t now;

    if (poll->cores < 2)
        return;
    now = ward__clock_us();
    is_crowd = now < poll->expected_until || inc->sys->link.unborn > 0;
    poll->expected = is_crowd ? NULL : inc;
    poll->expected_until = now + 2 * (int64_t)poll->limit_us;
}

void
ward__poll_came(struct ward__incarnation *inc)
{
    struct ward__poll *poll = poll_of(inc);

    if (poll->expected != inc)
        return;
    poll->expected = NULL;
    poll->expected_until = 0;
}

/* It has done the first message that was there for it. */
static bool
has_settled(const struct ward__incarnation *inc)
{
    const struct ward__mailbox *box = &inc->actor->mailbox;

    return inc->stage == WARD__STAGE_UP && !inc->is_dead &&
           (box->done_number > inc->done_before || box->sent_number == box->done_number);
}

/* ---- which workers may ---- */

static void
allow(struct ward__incarnation *inc, bool may_poll)
{
    struct ward__poll *poll = poll_of(inc);

    if (may_poll == inc->may_poll)
        return;
    inc->may_poll = may_poll;
    poll->polling_count += may_poll ? 1 : -1U;
    if (may_poll)
        TAILQ_INSERT_HEAD(&poll->polling, inc, polling);
    else
        TAILQ_REMOVE(&poll->polling, inc, polling);
    if (inc->channel.page != NULL)
        atomic_store_explicit(&inc->channel.page->poll_us, may_poll ? poll->limit_us : 0,
                              memory_order_relaxed);
}

static void
set_busy(struct ward__incarnation *inc, bool is_busy)
{
    struct ward__poll *poll = poll_of(inc);

    if (is_busy == inc->is_busy)
        return;
    inc->is_busy = is_busy;
    poll->busy_count += is_busy ? 1 : -1U;
    if (is_busy)
        TAILQ_INSERT_TAIL(&poll->busy, inc, busy);
    else
        TAILQ_REMOVE(&poll->busy, inc, busy);
}

/* Are there cores for all that run, and for the host? */
static bool
has_cores(const struct ward__poll *poll)
{
    return poll->busy_count < poll->cores;
}

/* Will it be done soon? Who has yet to do a first message takes longer, and may wait for the host's
 * own core. */
static bool
is_brisk(const struct ward__incarnation *inc)
{
    const struct ward__mailbox *box = &inc->actor->mailbox;

    return inc->stage == WARD__STAGE_UP && !inc->is_dead && !inc->channel.is_eof &&
           inc->doom == WARD__DOOM_NONE && box->sent_number > box->done_number &&
           box->done_number > inc->done_before;
}

void
ward__poll_note(struct ward__incarnation *inc)
{
    struct ward__poll *poll = poll_of(inc);

    if (poll->cores < 2)
        return;
    if (poll->expected == inc && has_settled(inc))
        ward__poll_came(inc);
    set_busy(inc, is_brisk(inc));
    if (!has_cores(poll))
        while (!TAILQ_EMPTY(&poll->polling))
            allow(TAILQ_FIRST(&poll->polling), false);
    else if (inc->is_busy)
        allow(inc, true);
    if (poll->polling_count >= poll->cores)
        allow(TAILQ_LAST(&poll->polling, ward__poll_list), false);
}

void
ward__poll_forget(struct ward__incarnation *inc)
{
    ward__poll_came(inc);
    set_busy(inc, false);
    allow(inc, false);
}

/* ---- whom the host waits for ---- */

/* With so many messages before the question nobody waits for this very moment. */
enum { NEAR = 8 };

/* One that was handled without a word is answered some other time. */
static bool
is_near(const struct ward__incarnation *asked, uint64_t question)
{
    uint64_t done = ward__channel_done(&asked->channel, &asked->actor->mailbox);

    if (done >= question)
        return !ward__channel_is_read(&asked->channel); /* this may be the answer */
    return question <= done + NEAR;
}

struct ward__incarnation *
ward__poll_awaited_beside(const struct ward__incarnation *inc)
{
    const struct ward__actor *host = inc->sys->root;
    struct ward__incarnation *awaited =
        host->waits_for != NULL ? host->waits_for->now : NULL;

    if (awaited == NULL || awaited == inc || awaited->stage != WARD__STAGE_UP ||
        !is_near(awaited, host->waits_number))
        return NULL;
    return awaited;
}

bool
ward__poll_looks_elsewhere(struct ward__incarnation *inc)
{
    struct ward__incarnation *awaited = ward__poll_awaited_beside(inc);
    struct ward__poll *poll = poll_of(inc);

    /* Every second time at most: else who never stops talking would have all the time. */
    poll->has_favoured = !poll->has_favoured && awaited != NULL &&
                         !ward__channel_is_read(&awaited->channel);
    if (poll->has_favoured)
        (void)ward__intake_look(awaited);
    return poll->has_favoured;
}

/* ---- the host ---- */

static bool
is_worth_it(const struct ward__poll *poll)
{
    return poll->busy_count > 0 && has_cores(poll);
}

/* What the page says already, and the socket repeats, is taken from there while the worker is at
 * work. */
static void
read_known(struct ward__poll *poll)
{
    struct ward__incarnation *inc;

    TAILQ_FOREACH (inc, &poll->busy, busy)
        ward__intake_read_known(inc);
}

/* One that has committed something. */
static struct ward__incarnation *
find_news(struct ward__poll *poll)
{
    struct ward__incarnation *inc;

    TAILQ_FOREACH (inc, &poll->busy, busy)
        if (ward__channel_has_news(&inc->channel, &inc->actor->mailbox))
            return inc;
    return NULL;
}

static struct ward__incarnation *
look_for_news(struct ward__poll *poll, int64_t end)
{
    struct ward__incarnation *inc;

    do {
        sched_yield(); /* to the worker, where it was woken on this very core */
        for (int i = 0; i < LOOKS; i++) {
            inc = find_news(poll);
            if (inc != NULL)
                return inc;
            ward__patience_pause();
        }
    } while (ward__clock_us() < end);
    return NULL;
}

/* True: something has been done. */
static bool
look(struct ward_system *sys)
{
    struct ward__poll *poll = &sys->poll;
    int64_t end = ward__clock_us() + poll->limit_us;
    struct ward__incarnation *inc;
    bool is_soon, is_any;

    read_known(poll);
    inc = look_for_news(poll, end);
    /* Who yields a core may get it back much later. */
    is_soon = inc != NULL && ward__clock_us() < end + poll->limit_us;
    is_any = inc != NULL && ward__intake_look(inc);
    if (is_soon && is_any)
        ward__patience_won(&poll->patience);
    else
        ward__patience_lost(&poll->patience);
    return is_any;
}

/* How long it slept. */
static int64_t
sleep_once(struct ward_system *sys)
{
    int64_t begun = ward__clock_us();

    ward__loop_turn(&sys->loop, true);
    sys->poll.turned_at = ward__clock_us();
    return sys->poll.turned_at - begun;
}

static void
sleep_and_learn(struct ward_system *sys)
{
    if (sleep_once(sys) < sys->poll.limit_us)
        ward__patience_slept_shortly(&sys->poll.patience);
}

/* Who answers at once, again and again, does not keep the loop from all others for longer than one
 * look takes. */
static bool
is_turn_due(struct ward__poll *poll)
{
    int64_t now = ward__clock_us();

    if (now - poll->turned_at < poll->limit_us)
        return false;
    poll->turned_at = now;
    return true;
}

static bool
is_expecting(const struct ward__poll *poll)
{
    return poll->expected != NULL && has_cores(poll) &&
           ward__clock_us() < poll->expected_until;
}

static void
stay_awake(struct ward_system *sys)
{
    sched_yield(); /* to whom the word comes from */
    ward__loop_turn(&sys->loop, false);
}

void
ward__poll_turn(struct ward_system *sys)
{
    if (is_expecting(&sys->poll))
        stay_awake(sys);
    else if (!is_worth_it(&sys->poll))
        ward__loop_turn(&sys->loop, true);
    else if (!ward__patience_pays(&sys->poll.patience))
        sleep_and_learn(sys);
    else if (is_turn_due(&sys->poll))
        ward__loop_turn(&sys->loop, false);
    else if (!look(sys))
        (void)sleep_once(sys); /* it was in vain, however short the rest is */
}

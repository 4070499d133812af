#include "supervisor/incarnation.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/fds.h"
#include "supervisor/credit.h"
#include "supervisor/deadline.h"
#include "supervisor/death.h"
#include "supervisor/intake.h"
#include "supervisor/life.h"
#include "supervisor/poll.h"
#include "supervisor/post.h"
#include "supervisor/process.h"
#include "supervisor/system.h"

/* A worker whose socket ends is dying; if it is not dead after this, it is made to. */
enum { SILENCE_MS = 1000 };

static void death_ready(struct ward__io *watcher, int events);

static struct ward__loop *
loop_of(struct ward__incarnation *inc)
{
    return &inc->sys->loop;
}

/* Outside of a turn, where a host tells many things to one that is busy, it stays watched for room when
 * all is written: it soon is again, and the next turn finds that nothing is due. */
static bool
stays_watched(const struct ward__incarnation *inc, int events)
{
    const struct ward__turn *turn = &inc->sys->turn;

    return turn->depth == 0 && !turn->is_ending && events == WARD__READABLE &&
           inc->channel_watcher.events == (WARD__READABLE | WARD__WRITABLE);
}

/* Which events of the socket matter now. */
void
ward__incarnation_watch(struct ward__incarnation *inc)
{
    /* What is owed is said when it can write again, whoever wrote the last of the lane. */
    bool is_due = inc->is_write_due && !inc->is_in_turn;
    bool is_writing = inc->channel.is_blocked || is_due || inc->is_owed_grants;
    int events = 0;

    if (inc->actor != NULL && inc->pidfd >= 0 && !inc->is_dead && !inc->channel.is_eof &&
        inc->doom != WARD__DOOM_PROTOCOL)
        events = WARD__READABLE | (is_writing ? WARD__WRITABLE : 0);
    if (!stays_watched(inc, events))
        ward__loop_watch(loop_of(inc), &inc->channel_watcher, inc->channel.fd, events,
                         ward__intake_ready);
}

void
ward__incarnation_write_soon(struct ward__incarnation *inc)
{
    struct ward__turn *turn = &inc->sys->turn;

    if (inc->is_write_due)
        return;
    inc->is_write_due = true;
    inc->is_in_turn = turn->depth > 0;
    if (inc->is_in_turn)
        TAILQ_INSERT_TAIL(&turn->due, inc, due);
    else
        ward__incarnation_watch(inc);
}

static void
forget_write(struct ward__incarnation *inc)
{
    if (inc->is_in_turn)
        TAILQ_REMOVE(&inc->sys->turn.due, inc, due);
    inc->is_in_turn = inc->is_write_due = false;
}

/* ---- birth ---- */

static void
pack_go(struct ward__sink *sink, const void *what)
{
    ward__wire_go(sink, what);
}

static struct ward__incarnation *
make(struct ward_system *sys)
{
    struct ward__incarnation *inc = WARD__NEW(calloc(1, sizeof *inc));

    if (inc == NULL)
        return NULL;
    inc->sys = sys;
    inc->pidfd = inc->worker_end = inc->page_fd = -1;
    RB_INIT(&inc->credits);
    ward__channel_init(&inc->channel);
    inc->channel_watcher.owner = inc;
    inc->death_watcher.owner = inc;
    return inc;
}

/* There is a process, and it is its actor's. */
static void
begin(struct ward__incarnation *inc)
{
    inc->done_before = inc->actor->mailbox.done_number;
    if (!inc->is_cleanup) {
        inc->actor->lives++;
        ward__actor_is_born(inc->actor);
    }
    if (inc->doom != WARD__DOOM_NONE)
        ward__pidfd_kill(inc->pidfd, SIGKILL); /* it was doomed before it was born */
    ward__incarnation_write(inc);
}

int
ward__incarnation_new(struct ward__actor *actor, bool is_cleanup,
                      const struct ward__go *go)
{
    struct ward__incarnation *spare = ward__spares_take(actor->sys, actor);
    struct ward__incarnation *inc = spare != NULL ? spare : make(actor->sys);
    int result;

    if (inc == NULL)
        return -ENOMEM;
    inc->actor = actor;
    inc->is_cleanup = is_cleanup;
    inc->stage = is_cleanup ? WARD__STAGE_LAST : WARD__STAGE_BORN;
    result = ward__channel_say(&inc->channel, pack_go, go);
    if (result == 0 && spare == NULL)
        result = ward__link_spawn(&actor->sys->link, inc);
    if (result < 0) {
        ward__incarnation_free(inc);
        return result;
    }
    actor->now = inc;
    if (inc->channel.page != NULL)
        ward__channel_begin(&inc->channel, actor->mailbox.done_number);
    if (inc->pidfd >= 0)
        begin(inc);
    if (spare != NULL) {
        ward__poll_expect(inc);
        ward__spares_taken(actor->sys);
    }
    return 0;
}

int
ward__incarnation_new_spare(struct ward_system *sys, struct ward__incarnation **made)
{
    struct ward__incarnation *inc = make(sys);
    int result;

    if (inc == NULL)
        return -ENOMEM;
    result = ward__link_spawn(&sys->link, inc);
    if (result < 0)
        ward__incarnation_free(inc);
    else
        *made = inc;
    return result;
}

/* Nothing refers to it any more. */
static void
detach(struct ward__incarnation *inc)
{
    struct ward__loop *loop = loop_of(inc);

    ward__credits_end_sender(inc);
    ward__stall_forget(inc);
    ward__poll_forget(inc);
    forget_write(inc);
    ward__link_forget(&inc->sys->link, inc);
    ward__loop_watch(loop, &inc->channel_watcher, -1, 0, ward__intake_ready);
    ward__loop_watch(loop, &inc->death_watcher, -1, 0, death_ready);
    if (inc->actor != NULL && inc->actor->now == inc)
        inc->actor->now = NULL;
}

void
ward__incarnation_give_back(struct ward__incarnation *inc)
{
    ward__channel_close(&inc->channel);
    ward__fd_close(&inc->pidfd);
    ward__fd_close(&inc->worker_end);
    ward__fd_close(&inc->page_fd);
    free(inc);
}

void
ward__incarnation_free(struct ward__incarnation *inc)
{
    if (inc == NULL)
        return;
    detach(inc);
    ward__incarnation_give_back(inc);
}

void
ward__incarnation_bury(struct ward__incarnation *inc)
{
    detach(inc);
    ward__burial_add(inc);
}

void
ward__incarnation_spawned(struct ward__incarnation *inc, pid_t pid, int pidfd)
{
    inc->pid = pid;
    inc->pidfd = pidfd;
    ward__loop_watch(loop_of(inc), &inc->death_watcher, pidfd, WARD__READABLE,
                     death_ready);
    if (inc->actor == NULL) {
        ward__spares_refill(inc->sys);
        return;
    }
    ward__spares_want(inc->sys);
    ward__poll_expect(inc);
    begin(inc);
}

void
ward__incarnation_spawn_failed(struct ward__incarnation *inc, int error)
{
    struct ward__actor *actor = inc->actor;

    if (actor == NULL)
        ward__spares_lose(inc);
    ward__incarnation_free(inc);
    if (actor != NULL)
        ward__actor_spawn_failed(actor, error, "fork");
}

/* ---- death ---- */

void
ward__incarnation_kill(struct ward__incarnation *inc, enum ward__doom doom,
                       const char *step)
{
    if (inc->doom == WARD__DOOM_NONE) {
        inc->doom = doom;
        inc->doom_step = step;
    }
    if (inc->pidfd >= 0 && !inc->is_dead)
        ward__pidfd_kill(inc->pidfd, SIGKILL);
    ward__incarnation_watch(inc);
}

/* It is over when it is dead and, as long as there is somebody who knows, it is known how. */
static void
report_if_over(struct ward__incarnation *inc)
{
    bool nobody_knows = inc->doom == WARD__DOOM_SERVER && !inc->has_exit;

    if (inc->actor == NULL) {
        ward__spares_lose(inc);
        if (inc->has_exit || nobody_knows)
            ward__incarnation_free(inc);
        return;
    }
    if (inc->is_over_reported)
        return;
    if (inc->has_exit || (nobody_knows && (inc->is_dead || inc->pidfd < 0))) {
        inc->is_over_reported = true;
        ward__timer_cancel(loop_of(inc), &inc->answer_deadline);
        ward__actor_over(inc->actor);
    }
}

static void
death_ready(struct ward__io *watcher, int events)
{
    struct ward__incarnation *inc = watcher->owner;
    struct ward_system *sys = inc->sys;

    (void)events;
    inc->is_dead = true;
    ward__loop_watch(loop_of(inc), &inc->death_watcher, -1, 0, death_ready);
    ward__incarnation_watch(inc);
    if (!inc->has_exit)
        ward__link_reap(&sys->link, inc);
    if (inc->actor != NULL) {
        ward__poll_note(inc);
        if (!inc->has_exit)
            ward__poll_expect(inc);
    }
    report_if_over(inc);
    ward__system_pump(sys);
}

void
ward__incarnation_exited(struct ward__incarnation *inc, const struct ward__control *exit)
{
    if (inc->pidfd < 0 && inc->actor != NULL && !inc->is_cleanup)
        inc->actor->lives++; /* the news of its birth was overtaken */
    inc->has_exit = true;
    inc->is_dead = true;
    ward__poll_came(inc);
    inc->exit = *exit;
    inc->pid = (pid_t)exit->pid;
    ward__loop_watch(loop_of(inc), &inc->death_watcher, -1, 0, death_ready);
    ward__incarnation_watch(inc);
    report_if_over(inc);
}

void
ward__incarnation_lost(struct ward__incarnation *inc)
{
    enum ward__doom before = inc->doom;

    ward__incarnation_kill(inc, WARD__DOOM_SERVER, "");
    if (before != WARD__DOOM_NONE)
        inc->doom = WARD__DOOM_SERVER; /* how it ended will never be known */
    report_if_over(inc);
}

/* Who ends by a call of its own has read GO, though not the messages behind it. */
bool
ward__incarnation_is_untouched(struct ward__incarnation *inc)
{
    bool has_ended_itself = inc->has_exit && WIFEXITED(inc->exit.status);

    return inc->doom == WARD__DOOM_NONE && !has_ended_itself &&
           ward__channel_is_untouched(&inc->channel);
}

static void
silence_over(struct ward__timer *timer)
{
    struct ward__incarnation *inc =
        (struct ward__incarnation *)(void *)((char *)timer -
                                             offsetof(struct ward__incarnation,
                                                      answer_deadline));

    ward__incarnation_kill(inc, WARD__DOOM_PROTOCOL, "a closed socket");
}

void
ward__incarnation_await_death(struct ward__incarnation *inc)
{
    if (!inc->is_dead && !inc->answer_deadline.is_armed)
        ward__timer_set(loop_of(inc), &inc->answer_deadline,
                        ward__clock_ms() + SILENCE_MS, silence_over);
}

/* ---- writing ---- */

/* A mailbox that sends one by one: is the one before done? If not, the worker rings when it is. */
static bool
is_next_due(struct ward__incarnation *inc)
{
    struct ward__mailbox *box = &inc->actor->mailbox;

    if (!box->sends_one_by_one || box->sent == box->tail || inc->channel.is_blocked ||
        !ward__incarnation_is_trusted(inc) || inc->has_raised)
        return false;
    return ward__channel_await(&inc->channel, box);
}

/*
 * One without a hook to run is sent its messages right behind GO: nobody waits for READY then. It says
 * READY before any code of its actor's runs, so who has said nothing never was its actor's, even where
 * what it left unread is a message.
 */
static bool
is_ready_at_once(const struct ward__incarnation *inc)
{
    const ward_behavior *behavior = inc->actor->behavior;

    return inc->stage == WARD__STAGE_BORN && inc->doom == WARD__DOOM_NONE &&
           inc->actor->node.state == WARD__NODE_STARTING && behavior->pre_start == NULL &&
           behavior->pre_restart == NULL && behavior->post_restart == NULL;
}

void
ward__incarnation_write(struct ward__incarnation *inc)
{
    bool is_up = inc->stage == WARD__STAGE_UP || is_ready_at_once(inc);

    if (inc->pidfd < 0 || inc->is_dead || inc->channel.is_eof) {
        ward__poll_note(inc); /* the loop shows all that is to be seen of it */
        return;
    }
    forget_write(inc);
    inc->unwritten = 0;
    /* A torn message has to be ended even when no other may follow. */
    if (!is_up && ward__mailbox_is_torn(&inc->actor->mailbox))
        is_up = true;
    do
        /* That nobody reads any more is no death; the pidfd will say, or the silence be too long. */
        if (ward__channel_write(&inc->channel, is_up ? &inc->actor->mailbox : NULL) < 0)
            ward__incarnation_await_death(inc);
    while (is_up && is_next_due(inc));
    ward__actor_watch_progress(inc->actor);
    ward__stall_watch(inc);
    ward__poll_note(inc);
    ward__incarnation_watch(inc);
}

void
ward__incarnation_go_on(struct ward__incarnation *inc)
{
    struct ward_system *sys = inc->sys;

    ward__actor_room(inc->actor);
    ward__incarnation_write(inc);
    ward__credits_say(inc);
    ward__system_pump(sys);
}

void
ward__incarnations_write_due(struct ward_system *sys)
{
    struct ward__incarnation *inc;
    size_t count = 0;

    TAILQ_FOREACH (inc, &sys->turn.due, due)
        count++;
    /* Who becomes due meanwhile is due the next time. */
    for (; count > 0 && (inc = TAILQ_FIRST(&sys->turn.due)) != NULL; count--) {
        forget_write(inc);
        ward__incarnation_go_on(inc);
    }
}

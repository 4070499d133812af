#include "supervisor/blame.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <ward/error.h>

#include "ipc/frame.h"
#include "supervisor/system.h"

/* ---- what every record has ---- */

static ward_phase
phase_of(const struct ward__incarnation *inc)
{
    int32_t phase;

    if (inc->is_cleanup)
        return WARD_PHASE_RECOVERY;
    if (inc->channel.page == NULL || inc->stage == WARD__STAGE_BORN)
        return WARD_PHASE_START;
    phase = atomic_load(&inc->channel.page->phase);
    return phase >= WARD_PHASE_START && phase <= WARD_PHASE_STOP ? (ward_phase)phase
                                                                 : WARD_PHASE_IDLE;
}

static void
copy_breadcrumb(struct ward__blame *blame, const struct ward__incarnation *inc)
{
    blame->breadcrumb[0] = '\0';
    if (inc->channel.page == NULL)
        return;
    memcpy(blame->breadcrumb, inc->channel.page->breadcrumb, sizeof blame->breadcrumb);
    blame->breadcrumb[sizeof blame->breadcrumb - 1] = '\0';
}

static void
begin(struct ward__blame *blame, const struct ward__actor *actor)
{
    blame->text[0] = '\0';
    blame->breadcrumb[0] = '\0';
    blame->failure = (ward_failure){.actor = actor->ref,
                                    .path = actor->path,
                                    .origin = actor->ref,
                                    .origin_path = actor->path,
                                    .incarnation = actor->incarnation,
                                    .step = "",
                                    .raised = "",
                                    .text = blame->text,
                                    .breadcrumb = blame->breadcrumb};
}

static void
begin_incarnation(struct ward__blame *blame, const struct ward__incarnation *inc,
                  int64_t now)
{
    begin(blame, inc->actor);
    blame->failure.phase = phase_of(inc);
    blame->failure.uptime_ms = inc->ready_at != 0 ? now - inc->ready_at : 0;
    blame->failure.user_us = inc->exit.user_us;
    blame->failure.system_us = inc->exit.system_us;
    blame->failure.max_rss_kb = inc->exit.max_rss_kb;
    blame->failure.restarts_used = ward__window_used(&inc->actor->node.budget.fast, now);
    copy_breadcrumb(blame, inc);
}

/* ---- deaths ---- */

/* Signals that a process brings upon itself where nobody has noted a sender. */
static bool
is_own_signal(int signal)
{
    switch (signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGABRT:
    case SIGTRAP:
    case SIGSYS:
    case SIGPIPE:
    case SIGALRM:
    case SIGXCPU:
    case SIGXFSZ:
        return true;
    default:
        return false;
    }
}

static void
blame_signal(struct ward__blame *blame, const struct ward__incarnation *inc, int signal)
{
    const struct ward__fault_note *note = &inc->channel.page->fault;
    ward_failure *f = &blame->failure;
    bool is_sent = false;

    f->cause = WARD_CAUSE_SIGNAL;
    f->signal = signal;
    if (atomic_load(&note->signal) == signal) {
        f->signal_code = note->code;
        is_sent = note->code <= 0;
        if (!is_sent)
            f->fault_address = note->address;
    }
    if (is_sent)
        f->by = note->sender == inc->pid ? WARD_BY_SELF : WARD_BY_OUTSIDER;
    else
        f->by = is_own_signal(signal) ? WARD_BY_SELF : WARD_BY_OUTSIDER;
    snprintf(blame->text, sizeof blame->text, "%s", strsignal(signal));
    if (signal == SIGKILL && ward__oom_has_killed(&inc->sys->oom)) {
        f->cause = WARD_CAUSE_MEMORY;
        f->by = WARD_BY_SELF;
        snprintf(blame->text, sizeof blame->text, "the kernel ended it: out of memory");
    }
}

static void
blame_status(struct ward__blame *blame, const struct ward__incarnation *inc)
{
    ward_failure *f = &blame->failure;

    if (!inc->has_exit) {
        f->cause = WARD_CAUSE_UNKNOWN;
        f->by = WARD_BY_OUTSIDER;
    } else if (WIFSIGNALED(inc->exit.status)) {
        blame_signal(blame, inc, WTERMSIG(inc->exit.status));
    } else {
        f->cause = WARD_CAUSE_EXIT;
        f->by = WARD_BY_SELF;
        f->exit_code = WEXITSTATUS(inc->exit.status);
        snprintf(blame->text, sizeof blame->text, "exit code %d", f->exit_code);
    }
}

struct doom_record {
    ward_cause cause;
    ward_by by;
    const char *text;
};

/* What ward's own kills say. By whom: a worker that broke a deadline or the protocol did it
 * itself. */
static const struct doom_record dooms[] = {
    [WARD__DOOM_KILL] = {WARD_CAUSE_KILLED, WARD_BY_WARD, "ward_kill"},
    [WARD__DOOM_START] = {WARD_CAUSE_TIMEOUT, WARD_BY_SELF, "it was not ready in time"},
    [WARD__DOOM_MESSAGE] = {WARD_CAUSE_TIMEOUT, WARD_BY_SELF,
                            "a message was not finished in time"},
    [WARD__DOOM_STALL] = {WARD_CAUSE_TIMEOUT, WARD_BY_SELF,
                          "half a frame was not followed by the rest in time"},
    [WARD__DOOM_STOP] = {WARD_CAUSE_TIMEOUT, WARD_BY_SELF, "it did not stop in time"},
    [WARD__DOOM_PROTOCOL] = {WARD_CAUSE_PROTOCOL, WARD_BY_SELF, "it broke the protocol"},
    [WARD__DOOM_MEMORY] = {WARD_CAUSE_MEMORY, WARD_BY_WARD, "the host has no memory"},
    [WARD__DOOM_SERVER] = {WARD_CAUSE_FORKSERVER, WARD_BY_OUTSIDER,
                           "the fork server was lost"},
};

/* Did it die of what ward did, or of something else just before? */
static bool
is_doomed(const struct ward__incarnation *inc)
{
    if (inc->doom == WARD__DOOM_NONE)
        return false;
    if (inc->doom == WARD__DOOM_PROTOCOL || !inc->has_exit)
        return true;
    return WIFSIGNALED(inc->exit.status) && WTERMSIG(inc->exit.status) == SIGKILL;
}

void
ward__blame_death(struct ward__blame *blame, const struct ward__incarnation *inc,
                  int64_t now)
{
    begin_incarnation(blame, inc, now);
    if (!is_doomed(inc)) {
        blame_status(blame, inc);
        return;
    }
    blame->failure.cause = dooms[inc->doom].cause;
    blame->failure.by = dooms[inc->doom].by;
    blame->failure.step = inc->doom_step;
    snprintf(blame->text, sizeof blame->text, "%s", dooms[inc->doom].text);
}

void
ward__blame_raise(struct ward__blame *blame, const struct ward__incarnation *inc,
                  const struct ward__raised *raised, int64_t now)
{
    ward_failure *f = &blame->failure;

    begin_incarnation(blame, inc, now);
    f->cause = (ward_cause)raised->cause;
    f->phase = (ward_phase)raised->phase;
    f->by = WARD_BY_SELF;
    f->error = (int)raised->error;
    f->user_us = raised->user_us;
    f->system_us = raised->system_us;
    f->max_rss_kb = raised->max_rss_kb;
    f->raised = raised->raised;
    f->text = raised->text;
}

void
ward__blame_spawn(struct ward__blame *blame, const struct ward__actor *actor, int error,
                  const char *step)
{
    begin(blame, actor);
    blame->failure.cause = WARD_CAUSE_SPAWN;
    blame->failure.phase = WARD_PHASE_START;
    blame->failure.by = WARD_BY_WARD;
    blame->failure.error = error;
    blame->failure.step = step;
    snprintf(blame->text, sizeof blame->text, "no process could be made: %s",
             ward_strerror(error));
}

void
ward__blame_message(struct ward__blame *blame, const uint8_t *frame, size_t size)
{
    struct ward_arena arena = {NULL};
    struct ward__frame read;
    ward_bytes bytes = {frame + WARD__FRAME_PREFIX, size - WARD__FRAME_PREFIX};
    ward_failure *f = &blame->failure;

    if (ward__wire_read(bytes, false, &read, &arena) == 0) {
        f->has_message = true;
        f->message_type = read.as.message.type;
        f->attempt = read.as.message.attempt;
        f->message.data = read.as.message.values.data;
        f->message.size = read.as.message.values.size;
    }
    ward__arena_done(&arena);
}

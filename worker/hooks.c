#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/clock.h"
#include "ipc/text.h"
#include "worker/worker.h"

void
ward__worker_exit(struct ward__worker *w)
{
    (void)w;
    fflush(NULL);
    _exit(0);
}

/* ---- the start ---- */

void
ward__hooks_returned(struct ward__worker *w, const char *who, int code)
{
    struct ward__text text = ward__text_in(w->raise.text, sizeof w->raise.text);

    w->raise.is_set = true;
    w->raise.cause = WARD_CAUSE_ERROR;
    w->raise.error = code < 0 ? code : -EINVAL;
    ward__say(&text, "%s returned ", who);
    if (code < 0)
        ward__say_error(&text, code);
    else
        ward__say(&text, "%d", code);
}

static int
run_pre_start(struct ward__worker *w)
{
    int result = w->behavior->pre_start != NULL ? w->behavior->pre_start(&w->ctx) : 0;

    if (result < 0 && !w->raise.is_set)
        ward__hooks_returned(w, "pre_start", result);
    return result;
}

static void
run_restart_hook(struct ward__worker *w,
                 void (*hook)(ward_ctx *ctx, const ward_failure *cause))
{
    if (hook != NULL)
        hook(&w->ctx, w->failure);
}

int
ward__hooks_start(struct ward__worker *w, enum ward__go_mode mode)
{
    bool is_restart = mode == WARD__GO_RESTART;
    int result = 0;

    ward__phase_set(w, WARD_PHASE_START);
    if (is_restart)
        run_restart_hook(w, w->behavior->pre_restart);
    if (!w->raise.is_set)
        result = run_pre_start(w);
    if (!w->raise.is_set && result == 0 && is_restart)
        run_restart_hook(w, w->behavior->post_restart);
    if (w->raise.is_set)
        return -WARD_ERAISED;
    return result == WARD_START_IGNORE ? WARD_START_IGNORE : 0;
}

/* ---- the end ---- */

static void
pack_bye(struct ward__sink *sink, const void *what)
{
    (void)what;
    ward__wire_bye(sink);
}

static void
pack_raised(struct ward__sink *sink, const void *what)
{
    ward__wire_raised(sink, what);
}

static void
note_usage(struct ward__raised *raised)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return;
    raised->user_us = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
    raised->system_us = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
    raised->max_rss_kb = usage.ru_maxrss;
}

/* What the handler sent is forgotten; the report takes its place. */
static void
report(struct ward__worker *w)
{
    struct ward__raised raised = {.cause = w->raise.cause,
                                  .phase = atomic_load(&w->page->phase),
                                  .error = w->raise.error,
                                  .raised = w->raise.raised,
                                  .text = w->raise.text};

    note_usage(&raised);
    fflush(NULL);
    ward__outbox_rollback(&w->outbox);
    ward__outbox_put(&w->outbox, pack_raised, &raised);
    ward__outbox_commit(&w->outbox, w->outbox.done);
    ward__outbox_flush(&w->outbox);
}

void
ward__hooks_finish(struct ward__worker *w, const struct ward__finish *finish)
{
    w->stop_reason = finish->reason;
    w->failure = finish->failure;
    w->is_halting = w->is_ending = true;
    w->raise.is_set = false;
    w->hand = NULL;
    ward__phase_set(w, w->is_cleanup ? WARD_PHASE_RECOVERY : WARD_PHASE_STOP);
    if (w->behavior->post_stop != NULL)
        w->behavior->post_stop(&w->ctx);
    if (w->raise.is_set)
        report(w);
    ward__outbox_put(&w->outbox, pack_bye, NULL);
    ward__outbox_commit(&w->outbox, w->outbox.done);
    ward__outbox_flush(&w->outbox);
    ward__worker_exit(w);
}

void
ward__hooks_fail(struct ward__worker *w)
{
    bool is_judged = false;
    int64_t deadline = ward__clock_ms() + w->shutdown_ms;
    struct ward__frame frame;

    report(w);
    ward__inbox_resume(w);
    while (ward__inbox_next(w, &frame, is_judged ? -1 : deadline) == 1) {
        if (frame.kind == WARD__FINISH)
            ward__hooks_finish(w, &frame.as.finish);
        if (frame.kind == WARD__VERDICT) {
            if (frame.as.verdict == WARD_DIRECTIVE_RESTART)
                break;
            is_judged = true;
        }
    }
    ward__worker_exit(w);
}

/* An event in one line, and as a report of several. */
#include <inttypes.h>
#include <stdio.h>

#include <ward/event.h>

#include "ipc/text.h"

static const char *
path_of(const ward_event *event)
{
    return event->path != NULL && event->path[0] != '\0' ? event->path : "?";
}

int
ward_event_format(const ward_event *event, char *buffer, size_t size)
{
    const char *name = ward_event_name(event->kind);
    const char *text = event->text != NULL ? event->text : "";
    char failure[512] = "";

    if (event->failure != NULL)
        ward_failure_format(event->failure, failure, sizeof failure);
    switch (event->kind) {
    case WARD_EVENT_FAILED:
        return snprintf(buffer, size, "%s %s, %s: %s", path_of(event), name,
                        ward_directive_name(event->directive), failure);
    case WARD_EVENT_DEAD_LETTER:
        return snprintf(buffer, size, "%s %s, %s: message %" PRId64 "%s%s",
                        path_of(event), name, ward_letter_name(event->letter),
                        ward_message_type(event->message), text[0] != '\0' ? " of " : "",
                        text);
    case WARD_EVENT_STOPPED:
    case WARD_EVENT_EXITED:
    case WARD_EVENT_BUDGET_LOW:
    case WARD_EVENT_CHANGED:
    case WARD_EVENT_LOG:
        return snprintf(buffer, size, "%s #%" PRIu32 " %s: %s", path_of(event),
                        event->incarnation, name, text);
    case WARD_EVENT_EVENTS_LOST:
        return snprintf(buffer, size, "%s: %" PRIu64, name, event->count);
    default:
        return snprintf(buffer, size, "%s #%" PRIu32 " %s%s%s", path_of(event),
                        event->incarnation, name, failure[0] != '\0' ? ": " : "",
                        failure);
    }
}

/* ---- several lines ---- */

static void
say_use(struct ward__text *text, const char *whose, const ward_window_use *use)
{
    if (!use->is_limited)
        return;
    ward__say(text, "  %s: %d of %d restarts used", whose, use->used, use->max_restarts);
    if (use->frees_in_ms > 0)
        ward__say(text, ", the next is free in %" PRId64 " ms", use->frees_in_ms);
    ward__say(text, "\n");
}

static void
say_failure(struct ward__text *text, const char *what, const ward_failure *failure)
{
    char line[512];

    if (failure == NULL)
        return;
    ward_failure_format(failure, line, sizeof line);
    ward__say(text, "  %s: %s\n", what, line);
    if (failure->text != NULL && failure->text[0] != '\0')
        ward__say(text, "    %s\n", failure->text);
    if (failure->breadcrumb != NULL && failure->breadcrumb[0] != '\0')
        ward__say(text, "    last breadcrumb: %s\n", failure->breadcrumb);
}

int
ward_event_report(const ward_event *event, char *buffer, size_t size)
{
    struct ward__text text = ward__text_in(buffer, size);
    const char *report = ward_report_name(event->report);

    ward__say(&text, "%s: %s #%" PRIu32 "\n",
              report[0] != '\0' ? report : ward_event_name(event->kind), path_of(event),
              event->incarnation);
    if (event->text != NULL && event->text[0] != '\0')
        ward__say(&text, "  %s\n", event->text);
    say_failure(&text, "failure", event->failure);
    if (event->failure != NULL)
        say_failure(&text, "after", event->failure->last);
    if (event->kind == WARD_EVENT_FAILED)
        ward__say(&text, "  decided: %s\n", ward_directive_name(event->directive));
    if (event->kind == WARD_EVENT_DEAD_LETTER)
        ward__say(&text, "  %s: message %" PRId64 "\n", ward_letter_name(event->letter),
                  ward_message_type(event->message));
    if (event->attempt > 0)
        ward__say(&text, "  attempt: %" PRIu32 "\n", event->attempt);
    if (event->retry_ms >= 0 && event->report != WARD_REPORT_NONE)
        ward__say(&text, "  next start: in %" PRId64 " ms\n", event->retry_ms);
    say_use(&text, "its own", &event->budget.own);
    say_use(&text, "its own, slow", &event->budget.own_slow);
    say_use(&text, "its supervisor's", &event->budget.supervisor);
    say_use(&text, "its supervisor's, slow", &event->budget.supervisor_slow);
    return (int)text.at;
}

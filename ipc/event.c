/* An event in one line, and as a report of several. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <ward/event.h>

static const char *
path_of(const ward_event *event)
{
    return event->path != NULL && event->path[0] != '\0' ? event->path : "?";
}

int
ward_event_format(const ward_event *event, char *buffer, size_t size)
{
    const char *name = ward_event_name(event->kind);
    char failure[512] = "";

    if (event->failure != NULL)
        ward_failure_format(event->failure, failure, sizeof failure);
    switch (event->kind) {
    case WARD_EVENT_FAILED:
        return snprintf(buffer, size, "%s %s, %s: %s", path_of(event), name,
                        ward_directive_name(event->directive), failure);
    case WARD_EVENT_DEAD_LETTER:
        return snprintf(buffer, size, "%s %s, %s: message %" PRId64, path_of(event), name,
                        ward_letter_name(event->letter),
                        ward_message_type(event->message));
    case WARD_EVENT_STOPPED:
    case WARD_EVENT_EXITED:
    case WARD_EVENT_BUDGET_LOW:
    case WARD_EVENT_CHANGED:
    case WARD_EVENT_LOG:
        return snprintf(buffer, size, "%s #%" PRIu32 " %s: %s", path_of(event),
                        event->incarnation, name, event->text);
    case WARD_EVENT_EVENTS_LOST:
        return snprintf(buffer, size, "%s: %" PRIu64, name, event->count);
    default:
        return snprintf(buffer, size, "%s #%" PRIu32 " %s%s%s", path_of(event),
                        event->incarnation, name, failure[0] != '\0' ? ": " : "",
                        failure);
    }
}

/* ---- several lines ---- */

struct text {
    char *buffer;
    size_t size;
    size_t at; /* may be beyond `size` */
};

static void __attribute__((format(printf, 2, 3)))
say(struct text *text, const char *format, ...)
{
    size_t left = text->at < text->size ? text->size - text->at : 0;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length =
        vsnprintf(left > 0 ? text->buffer + text->at : NULL, left, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->at += (size_t)length;
}

static void
say_use(struct text *text, const char *whose, const ward_window_use *use)
{
    if (!use->is_limited)
        return;
    say(text, "  %s: %d of %d restarts used", whose, use->used, use->max_restarts);
    if (use->frees_in_ms > 0)
        say(text, ", the next is free in %" PRId64 " ms", use->frees_in_ms);
    say(text, "\n");
}

static void
say_failure(struct text *text, const char *what, const ward_failure *failure)
{
    char line[512];

    if (failure == NULL)
        return;
    ward_failure_format(failure, line, sizeof line);
    say(text, "  %s: %s\n", what, line);
    if (failure->text != NULL && failure->text[0] != '\0')
        say(text, "    %s\n", failure->text);
    if (failure->breadcrumb != NULL && failure->breadcrumb[0] != '\0')
        say(text, "    last breadcrumb: %s\n", failure->breadcrumb);
}

int
ward_event_report(const ward_event *event, char *buffer, size_t size)
{
    struct text text = {buffer, size, 0};
    const char *report = ward_report_name(event->report);

    if (size > 0)
        buffer[0] = '\0';
    say(&text, "%s: %s #%" PRIu32 "\n",
        report[0] != '\0' ? report : ward_event_name(event->kind), path_of(event),
        event->incarnation);
    if (event->text != NULL && event->text[0] != '\0')
        say(&text, "  %s\n", event->text);
    say_failure(&text, "failure", event->failure);
    if (event->failure != NULL)
        say_failure(&text, "after", event->failure->last);
    if (event->kind == WARD_EVENT_FAILED)
        say(&text, "  decided: %s\n", ward_directive_name(event->directive));
    if (event->kind == WARD_EVENT_DEAD_LETTER)
        say(&text, "  %s: message %" PRId64 "\n", ward_letter_name(event->letter),
            ward_message_type(event->message));
    if (event->attempt > 0)
        say(&text, "  attempt: %" PRIu32 "\n", event->attempt);
    if (event->retry_ms >= 0 && event->report != WARD_REPORT_NONE)
        say(&text, "  next start: in %" PRId64 " ms\n", event->retry_ms);
    say_use(&text, "its own", &event->budget.own);
    say_use(&text, "its own, slow", &event->budget.own_slow);
    say_use(&text, "its supervisor's", &event->budget.supervisor);
    say_use(&text, "its supervisor's, slow", &event->budget.supervisor_slow);
    return (int)text.at;
}

/* An event in one line. */
#include <inttypes.h>
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

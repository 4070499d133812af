#include "ipc/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ward/error.h>

struct ward__text
ward__text_in(char *buffer, size_t size)
{
    if (size > 0)
        buffer[0] = '\0';
    return (struct ward__text){buffer, size, 0};
}

void
ward__say(struct ward__text *text, const char *format, ...)
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

void
ward__say_error(struct ward__text *text, int code)
{
    const char *name = ward_error_name(code);

    if (strcmp(name, "?") != 0)
        ward__say(text, "%s", name);
    else
        ward__say(text, "%d", code);
}

/*
 * Text: snprintf at the end of what is there, into a buffer that may be too small.
 *
 * Used by: whatever formats for people. Uses: nothing.
 */
#ifndef WARD_IPC_TEXT_H
#define WARD_IPC_TEXT_H

#include <stddef.h>

#include <ward/export.h>

struct ward__text {
    char *buffer; /* borrowed */
    size_t size;
    size_t at; /* counts on when the buffer is full */
};

/* An empty text. */
struct ward__text ward__text_in(char *buffer, size_t size);

void ward__say(struct ward__text *text, const char *format, ...) WARD_PRINTF(2, 3);
/* The name of an error, or its number if it has none. */
void ward__say_error(struct ward__text *text, int code);

#endif

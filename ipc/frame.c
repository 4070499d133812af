#include "ipc/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/fault.h"

void
ward__framebuf_init(struct ward__framebuf *buf, size_t maximum)
{
    *buf = (struct ward__framebuf){.maximum = maximum};
}

void
ward__framebuf_lend(struct ward__framebuf *buf, uint8_t *room, size_t size)
{
    assert(buf->data == NULL);
    buf->data = room;
    buf->capacity = size;
    buf->is_lent = true;
}

void
ward__framebuf_done(struct ward__framebuf *buf)
{
    if (!buf->is_lent)
        free(buf->data);
    *buf = (struct ward__framebuf){.maximum = buf->maximum};
}

/* How many bytes are missing to the end of the frame that has begun; 0 if none has, or if
 * its length is one that the next call will refuse. */
static size_t
missing(const struct ward__framebuf *buf)
{
    size_t held = ward__framebuf_held(buf);
    size_t whole;

    if (held < WARD__FRAME_PREFIX)
        return 0;
    whole = ward__frame_load_length(buf->data + buf->head);
    if (whole > buf->maximum)
        return 0;
    whole += WARD__FRAME_PREFIX;
    return whole > held ? whole - held : 0;
}

/* What is held has been moved to the front. */
static uint8_t *
grow(struct ward__framebuf *buf, size_t size)
{
    uint8_t *data = WARD__NEW(realloc(buf->is_lent ? NULL : buf->data, size));

    if (data != NULL && buf->is_lent)
        memcpy(data, buf->data, buf->tail);
    return data;
}

static int
reserve(struct ward__framebuf *buf, size_t size)
{
    size_t held = ward__framebuf_held(buf);
    uint8_t *data;

    if (buf->capacity - buf->tail >= size)
        return 0;
    if (held > 0 && buf->head > 0)
        memmove(buf->data, buf->data + buf->head, held);
    buf->head = 0;
    buf->tail = held;
    if (buf->capacity - held >= size)
        return 0;
    data = grow(buf, held + size);
    if (data == NULL)
        return -ENOMEM;
    buf->data = data;
    buf->is_lent = false;
    buf->capacity = held + size;
    return 0;
}

int
ward__framebuf_room(struct ward__framebuf *buf, size_t wish, uint8_t **to, size_t *size)
{
    size_t need = missing(buf);
    int result = reserve(buf, need > wish ? need : wish);

    if (result < 0)
        return result;
    *to = buf->data + buf->tail;
    *size = buf->capacity - buf->tail;
    return 0;
}

void
ward__framebuf_filled(struct ward__framebuf *buf, size_t size)
{
    buf->tail += size;
}

int
ward__framebuf_feed(struct ward__framebuf *buf, const void *data, size_t size)
{
    int result = reserve(buf, size);

    if (result < 0)
        return result;
    if (size > 0)
        memcpy(buf->data + buf->tail, data, size);
    buf->tail += size;
    return 0;
}

void
ward__framebuf_shrink(struct ward__framebuf *buf)
{
    if (ward__framebuf_held(buf) == 0)
        ward__framebuf_done(buf);
}

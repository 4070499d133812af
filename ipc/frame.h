/*
 * Frames: four bytes of length, little endian, then that many bytes. A frame buffer takes the
 * bytes of a stream as they come and gives back whole frames. Its hard maximum is checked
 * before anything is allocated. An empty frame is legal: the doorbell. What is inside a
 * frame is for wire.h.
 *
 * Used by: worker loop, channel. Uses: nothing.
 */
#ifndef WARD_IPC_FRAME_H
#define WARD_IPC_FRAME_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ward/error.h>
#include <ward/value.h>

enum { WARD__FRAME_PREFIX = 4 };

static inline void
ward__frame_store_length(uint8_t prefix[WARD__FRAME_PREFIX], uint32_t length)
{
    uint32_t little = htole32(length);

    memcpy(prefix, &little, sizeof little);
}

static inline uint32_t
ward__frame_load_length(const uint8_t prefix[WARD__FRAME_PREFIX])
{
    uint32_t little;

    memcpy(&little, prefix, sizeof little);
    return le32toh(little);
}

struct ward__framebuf {
    uint8_t *data; /* owned unless lent; NULL while nothing is held */
    size_t head;   /* first byte not yet taken */
    size_t tail;   /* behind the last byte received */
    size_t capacity;
    size_t maximum; /* of one frame, prefix not counted */
    bool is_lent;
};

void ward__framebuf_init(struct ward__framebuf *buf, size_t maximum);
void ward__framebuf_done(struct ward__framebuf *buf);
/* A new one's first memory is lent to it; it is left for another when it is too small. */
void ward__framebuf_lend(struct ward__framebuf *buf, uint8_t *room, size_t size);

/*
 * Room for more bytes, at least one: for the whole of a frame that has begun, else for
 * `wish`. Sets where and how much; frames taken before are overwritten. 0; -ENOMEM.
 */
int ward__framebuf_room(struct ward__framebuf *buf, size_t wish, uint8_t **to,
                        size_t *size);

/* So many bytes were put there. */
void ward__framebuf_filled(struct ward__framebuf *buf, size_t size);

/* Appends bytes. 0; -ENOMEM. */
int ward__framebuf_feed(struct ward__framebuf *buf, const void *data, size_t size);

/* Bytes held that are not taken yet. */
static inline size_t
ward__framebuf_held(const struct ward__framebuf *buf)
{
    return buf->tail - buf->head;
}

/* The next whole frame, without its prefix, valid until room is asked for: 1; 0: there is
 * none yet; -WARD_EPROTOCOL: its length is above the maximum. */
static inline int
ward__framebuf_next(struct ward__framebuf *buf, ward_bytes *frame)
{
    size_t held = ward__framebuf_held(buf);
    uint32_t length;

    *frame = (ward_bytes){NULL, 0};
    if (held < WARD__FRAME_PREFIX)
        return 0;
    length = ward__frame_load_length(buf->data + buf->head);
    if (length > buf->maximum)
        return -WARD_EPROTOCOL;
    if (held - WARD__FRAME_PREFIX < length)
        return 0;
    *frame = (ward_bytes){buf->data + buf->head + WARD__FRAME_PREFIX, length};
    buf->head += WARD__FRAME_PREFIX + (size_t)length;
    return 1;
}

/* Gives the memory back if nothing is held. */
void ward__framebuf_shrink(struct ward__framebuf *buf);

#endif

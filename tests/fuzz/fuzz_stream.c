/*
 * A stream of frames, cut where the fuzzer says, beside the same stream in one piece: both
 * give the same frames, the buffer never grows beyond what one frame may need, and each frame
 * is read. The input: 32 bytes of sizes, then the stream.
 */
#include <ward/error.h>

#include "ipc/frame.h"
#include "ipc/wire.h"
#include "tests/fuzz/fuzz.h"

enum { MAXIMUM = 1000, SIZES = 32 };

static void
read_frame(ward_bytes bytes)
{
    uint8_t *exact = fuzz_exact(bytes.data, bytes.size);
    struct ward_arena arena = {NULL};
    struct ward__frame frame;

    for (int from = 0; bytes.size > 0 && from <= 1; from++) {
        int result =
            ward__wire_read((ward_bytes){exact, bytes.size}, from, &frame, &arena);
        MUST(result == 0 || result == -WARD_EPROTOCOL);
    }
    ward__arena_done(&arena);
    free(exact);
}

/* The frame that begins at `at` of the stream: as next would say, and where it ends. */
static int
expected(const struct fuzz_input *in, size_t at, size_t filled, size_t *length)
{
    if (filled - at < WARD__FRAME_PREFIX)
        return 0;
    *length = ward__frame_load_length(in->data + at);
    if (*length > MAXIMUM)
        return -WARD_EPROTOCOL;
    return filled - at - WARD__FRAME_PREFIX >= *length;
}

/* Takes what is whole, and compares it with the stream; -1 if it ends in a bad length. */
static int
take_frames(struct ward__framebuf *buf, const struct fuzz_input *in, size_t *at,
            size_t filled)
{
    for (;;) {
        ward_bytes frame;
        size_t length = 0;
        int more = ward__framebuf_next(buf, &frame);
        MUST(more == expected(in, *at, filled, &length));
        if (more <= 0)
            return more;
        MUST(frame.size == length);
        MUST(memcmp(frame.data, in->data + *at + WARD__FRAME_PREFIX, length) == 0);
        *at += WARD__FRAME_PREFIX + length;
        read_frame(frame);
    }
}

/* Puts the next bytes in, as a reader of a socket or as a writer of memory does. */
static size_t
put(struct ward__framebuf *buf, const uint8_t *data, size_t size, uint8_t how)
{
    uint8_t *to;
    size_t room;

    if (how & 0x80) {
        size = size < (how & 0x7f) ? size : how & 0x7f;
        MUST(ward__framebuf_feed(buf, data, size) == 0);
        return size;
    }
    MUST(ward__framebuf_room(buf, (size_t)how + 1, &to, &room) == 0);
    MUST(room > 0);
    room = room < (size_t)how + 1 ? room : (size_t)how + 1;
    size = size < room ? size : room;
    memcpy(to, data, size);
    ward__framebuf_filled(buf, size);
    return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct ward__framebuf buf;
    const uint8_t *sizes;
    size_t count = fuzz_bytes(&in, SIZES, &sizes);
    size_t at = 0, filled = 0;

    ward__framebuf_init(&buf, MAXIMUM);
    for (size_t turn = 0; filled < in.size && turn < 4 * in.size + SIZES; turn++) {
        filled += put(&buf, in.data + filled, in.size - filled, sizes[turn % count]);
        MUST(ward__framebuf_held(&buf) == filled - at);
        MUST(buf.capacity <= 2 * (WARD__FRAME_PREFIX + MAXIMUM + 256));
        if (take_frames(&buf, &in, &at, filled) < 0)
            break;
        if (sizes[turn % count] % 5 == 0)
            ward__framebuf_shrink(&buf);
    }
    ward__framebuf_done(&buf);
    return 0;
}

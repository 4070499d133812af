/*
 * A hostile worker on one channel: it writes what it likes into the socket and the page. The
 * host reads, recovers and looks at progress and the message in hand; it takes at most what
 * an outbox can hold beyond what the socket gave, and frees no message that it did not send.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <ward/error.h>

#include "ipc/fds.h"
#include "ipc/wire.h"
#include "supervisor/channel.h"
#include "tests/fuzz/fuzz.h"

enum { FRAME_BYTES = 4096, DONE = 100, MESSAGES = 5, CALLS = 64 };

static struct ward__channel channel;
static struct ward__mailbox box;
static int worker;

static void
open_channel(uint64_t position)
{
    int memory = -1;

    ward__channel_init(&channel);
    MUST(ward__channel_open(&channel, FRAME_BYTES, &worker, &memory) == 0);
    ward__channel_begin(&channel, DONE);
    ward__fd_close(&memory);
    channel.received = position;
    atomic_store(&channel.page->base, position);
    atomic_store(&channel.page->commit, ward__commit_pack((uint32_t)position, DONE));
    ward__mailbox_init(&box, &(ward_mailbox_options){0, 0, WARD_REJECT});
    box.done_number = box.sent_number = box.tail_number = DONE;
    for (int i = 0; i < MESSAGES; i++)
        MUST(ward__mailbox_append(&box, "\3\0\0\0abc", 7) == 0);
    for (int i = 0; i + 1 < MESSAGES; i++)
        ward__mailbox_wrote(&box, 7);
}

static void
take_frames(void)
{
    struct ward_arena arena = {NULL};
    struct ward__frame frame;
    ward_bytes bytes;

    while (ward__channel_next(&channel, &bytes) == 1) {
        MUST(bytes.size <= FRAME_BYTES);
        if (bytes.size > 0)
            (void)ward__wire_read(bytes, true, &frame, &arena);
    }
    ward__arena_done(&arena);
}

static void
write_page(struct fuzz_input *in)
{
    struct ward__page *page = channel.page;
    const uint8_t *bytes;
    size_t size, at;

    switch (fuzz_byte(in) % 6) {
    case 0:
        atomic_store(&page->commit, fuzz_number(in, 8));
        break;
    case 1: /* a commit that is nearly right */
        atomic_store(&page->commit,
                     ward__commit_pack((uint32_t)(channel.received + fuzz_number(in, 2)),
                                       DONE + fuzz_byte(in) % 8));
        break;
    case 2:
        atomic_store(&page->base, fuzz_byte(in) & 1 ? fuzz_number(in, 8)
                                                    : channel.received - fuzz_byte(in));
        break;
    case 3:
        atomic_store(&page->handling, fuzz_byte(in) & 1
                                          ? (uint32_t)fuzz_number(in, 4)
                                          : (uint32_t)DONE + fuzz_byte(in) % 8);
        break;
    case 4:
        at = (size_t)fuzz_number(in, 2) % channel.outbox_size;
        size = fuzz_bytes(in, fuzz_byte(in), &bytes);
        size = size < channel.outbox_size - at ? size : channel.outbox_size - at;
        memcpy(ward__page_outbox(page) + at, bytes, size);
        break;
    default: /* anything at all, wherever the words lie */
        at = fuzz_byte(in);
        size = fuzz_bytes(in, fuzz_byte(in), &bytes);
        memcpy((char *)page + at, bytes, size);
        break;
    }
}

static void
look_at_messages(void)
{
    uint64_t before = box.done_number;
    struct ward__hand hand;

    if (ward__channel_progress(&channel, &box) < 0)
        MUST(box.done_number == before);
    MUST(box.done_number >= before && box.done_number <= box.sent_number);
    MUST(box.sent_number == DONE + MESSAGES - 1 && box.tail_number == DONE + MESSAGES);
    if (ward__channel_hand(&channel, &box, &hand) == 0 && hand.is_in_hand)
        MUST(box.done_number < box.sent_number);
    (void)ward__channel_is_idle(&channel, &box);
}

static int64_t
step(struct fuzz_input *in)
{
    const uint8_t *bytes;
    size_t size;

    switch (fuzz_byte(in) % 5) {
    case 0:
        size = fuzz_bytes(in, fuzz_byte(in), &bytes);
        if (size > 0)
            MUST(send(worker, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) <= (ssize_t)size);
        return 0;
    case 1:
    case 2:
        write_page(in);
        return 0;
    case 3:
        look_at_messages();
        return 0;
    default:
        return ward__channel_read(&channel, 1 + (size_t)fuzz_byte(in));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint64_t before;
    int64_t result = 0;

    open_channel(fuzz_byte(&in) & 1 ? fuzz_number(&in, 8) >> 1 : 0);
    for (int i = 0; result >= 0 && in.size > 0 && i < CALLS; i++) {
        result = step(&in);
        MUST(result >= 0 || result == -WARD_EPROTOCOL);
        take_frames();
    }
    ward__fd_close(&worker);
    if (result >= 0) {
        before = channel.received;
        result = ward__channel_recover(&channel);
        MUST(result == 0 || result == -WARD_EPROTOCOL);
        MUST(channel.received >= before);
        MUST(channel.received - before <= channel.outbox_size + CALLS * UINT8_MAX);
        take_frames();
    }
    look_at_messages();
    ward__channel_close(&channel);
    ward__mailbox_done(&box);
    return 0;
}

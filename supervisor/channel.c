#include "supervisor/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ward/error.h>

#include "ipc/fault.h"
#include "ipc/fds.h"
#include "ipc/wire.h"

/* The lane holds what ward itself says; a start may carry arguments and a failure with the
 * message that led to it, so it is bounded by a few frames of the largest size. */
enum { LANE_MAXIMUM = 256 << 20, LANE_MUCH = 64 * 1024, WRITE_SIZE = 64 * 1024 };
/* More than a socket holds. */
enum { SOCKET_MOST = 16 << 20 };

void
ward__channel_init(struct ward__channel *channel)
{
    *channel = (struct ward__channel){.fd = -1};
    ward__sink_init(&channel->lane, LANE_MAXIMUM);
}

/* ---- opening ---- */

/* Sealed, so that nobody can make it shorter below our feet. */
static int
make_memory(size_t size, int *made)
{
    int fd = WARD__SYS(memfd_create("ward", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int error;

    if (fd < 0)
        return -errno;
    if (WARD__SYS(ftruncate(fd, (off_t)size)) == 0 &&
        WARD__SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) ==
            0) {
        *made = fd;
        return 0;
    }
    error = -errno;
    ward__fd_close(&fd);
    return error;
}

static int
map_page(struct ward__channel *channel, int fd, size_t size)
{
    void *memory = ward__fault_due()
                       ? MAP_FAILED
                       : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return -errno;
    channel->page = memory;
    channel->outbox_size = size - WARD__PAGE_SIZE;
    atomic_store(&channel->page->halt, channel->is_halting);
    channel->page->version = WARD__PAGE_VERSION;
    channel->page->outbox_size = (uint32_t)channel->outbox_size;
    return 0;
}

/* Room for one frame of the largest size, and some small ones beside it. */
static size_t
page_bytes(size_t frame_bytes)
{
    size_t outbox = frame_bytes + 64 * 1024;

    return (WARD__PAGE_SIZE + outbox + 4095) & ~(size_t)4095;
}

static void
unmap_page(struct ward__channel *channel)
{
    if (channel->page != NULL)
        munmap(channel->page, WARD__PAGE_SIZE + channel->outbox_size);
    channel->page = NULL;
}

int
ward__channel_open(struct ward__channel *channel, size_t frame_bytes, int *worker_end,
                   int *page_fd)
{
    int ends[2] = {-1, -1};
    int memory = -1;
    size_t size = page_bytes(frame_bytes);
    int result = make_memory(size, &memory);

    if (result == 0)
        result = map_page(channel, memory, size);
    if (result == 0 &&
        WARD__SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) < 0)
        result = -errno;
    if (result == 0 && WARD__SYS(fcntl(ends[0], F_SETFL, O_NONBLOCK)) < 0)
        result = -errno;
    if (result < 0) {
        ward__fd_close(&memory);
        ward__fd_close(&ends[0]);
        ward__fd_close(&ends[1]);
        unmap_page(channel);
        return result;
    }
    ward__framebuf_init(&channel->in, frame_bytes);
    channel->fd = ends[0];
    *worker_end = ends[1];
    *page_fd = memory;
    return 0;
}

void
ward__channel_begin(struct ward__channel *channel, uint64_t done)
{
    struct ward__page *page = channel->page;

    atomic_store(&page->commit, ward__commit_pack(0, (uint32_t)done));
    atomic_store(&page->handling, (uint32_t)done);
    atomic_store(&page->early, (uint32_t)done);
}

void
ward__channel_close(struct ward__channel *channel)
{
    ward__fd_close(&channel->fd);
    unmap_page(channel);
    ward__framebuf_done(&channel->in);
    ward__sink_done(&channel->lane);
    ward__channel_init(channel);
}

/* ---- writing ---- */

/* Moves what is not written to the front when half of it all is: to a worker that is always a little
 * behind the lane is never empty. */
static void
close_up(struct ward__channel *channel)
{
    struct ward__sink *lane = &channel->lane;
    size_t written = channel->lane_written;

    if (written <= LANE_MUCH || written < lane->size - written)
        return;
    memmove(lane->data, lane->data + written, lane->size - written);
    lane->size -= written;
    channel->lane_written = 0;
}

int
ward__channel_say(struct ward__channel *channel,
                  void (*pack)(struct ward__sink *sink, const void *what),
                  const void *what)
{
    size_t begun;
    int result;

    close_up(channel);
    begun = ward__wire_begin(&channel->lane);
    pack(&channel->lane, what);
    result = ward__wire_end(&channel->lane, begun, UINT32_MAX);
    if (result == 0) {
        channel->lane_frames++;
        channel->lane_said += channel->lane.size - begun;
    }
    return result;
}

bool
ward__channel_has_unsent(const struct ward__channel *channel,
                         const struct ward__mailbox *box)
{
    return ward__channel_unsaid(channel) > 0 || ward__mailbox_is_torn(box);
}

size_t
ward__channel_unsaid(const struct ward__channel *channel)
{
    return channel->lane.size - channel->lane_written;
}

bool
ward__channel_is_backed_up(const struct ward__channel *channel)
{
    return ward__channel_unsaid(channel) > LANE_MUCH;
}

/* What comes next: the lane and messages behind it, or, before the lane, the rest of a torn
 * message alone. So many bytes are of the lane. */
static int
next_pieces(struct ward__channel *channel, struct ward__mailbox *box,
            struct iovec pieces[3], size_t *of_lane)
{
    size_t unsaid = ward__channel_unsaid(channel);
    bool waits = box != NULL && ward__mailbox_is_torn(box) && unsaid > 0;
    int count = 0;

    *of_lane = waits ? 0 : unsaid;
    if (*of_lane > 0)
        pieces[count++] =
            (struct iovec){channel->lane.data + channel->lane_written, *of_lane};
    if (box != NULL)
        count += ward__mailbox_unsent(box, waits ? 0 : WRITE_SIZE, pieces + count);
    return count;
}

static void
lane_wrote(struct ward__channel *channel, size_t size)
{
    channel->lane_written += size;
    channel->lane_told += size;
    if (channel->lane_written < channel->lane.size)
        return;
    ward__sink_done(&channel->lane);
    channel->lane_written = 0;
}

int
ward__channel_write(struct ward__channel *channel, struct ward__mailbox *box)
{
    struct iovec pieces[3];
    size_t of_lane;
    int count;

    channel->is_blocked = false;
    while ((count = next_pieces(channel, box, pieces, &of_lane)) > 0) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
        ssize_t sent = WARD__SYS(sendmsg(channel->fd, &message, MSG_NOSIGNAL));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            channel->is_blocked = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
            return channel->is_blocked ? 0 : -EPIPE;
        }
        channel->written += (uint64_t)sent;
        if (of_lane > (size_t)sent)
            of_lane = (size_t)sent;
        if (of_lane > 0)
            lane_wrote(channel, of_lane);
        if ((size_t)sent > of_lane)
            ward__mailbox_wrote(box, (size_t)sent - of_lane);
    }
    return 0;
}

/* ---- reading ---- */

/* How far the stream is committed, in 64 bits. */
static uint64_t
committed(const struct ward__channel *channel, uint64_t commit)
{
    return ward__extend(channel->received, ward__commit_tail(commit));
}

/* Bytes from the socket, as they come. */
static int64_t
receive(struct ward__channel *channel, uint8_t *to, size_t size)
{
    struct iovec part = {to, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t got;

    do
        got = WARD__SYS(recvmsg(channel->fd, &message, 0));
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == ENOMEM || errno == ENOBUFS))
        return -ENOBUFS;
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0) {
        channel->is_eof = true;
        channel->is_cut = got < 0 && errno == ECONNRESET;
        return 0;
    }
    channel->arrived += (uint64_t)got;
    if (message.msg_flags & MSG_CTRUNC)
        return -WARD_EPROTOCOL;
    if (committed(channel, atomic_load(&channel->page->commit)) < channel->arrived)
        return -WARD_EPROTOCOL;
    return got;
}

int64_t
ward__channel_read(struct ward__channel *channel, size_t budget)
{
    uint64_t known = channel->received - channel->arrived;
    int64_t got;
    uint8_t *to;
    size_t size;

    if (ward__framebuf_room(&channel->in, budget, &to, &size) < 0)
        return -ENOMEM;
    got = receive(channel, to, size);
    if (got <= 0 || (uint64_t)got <= known)
        return got;
    if (known > 0) /* from the page */
        memmove(to, to + known, (size_t)got - (size_t)known);
    ward__framebuf_filled(&channel->in, (size_t)got - (size_t)known);
    channel->received = channel->arrived;
    return got;
}

int64_t
ward__channel_read_known(struct ward__channel *channel)
{
    uint64_t known = channel->received - channel->arrived;
    uint8_t bytes[4096];

    return receive(channel, bytes, known < sizeof bytes ? (size_t)known : sizeof bytes);
}

/* What is read behind it was not read before it. The compiler's thread sanitizer knows no fences; what
 * it looks at are threads, and this is for a process. */
static void
read_in_order(void)
{
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_acquire);
#endif
}

int64_t
ward__channel_glance(struct ward__channel *channel, size_t budget)
{
    uint64_t tail = committed(channel, atomic_load(&channel->page->commit));
    uint64_t base = atomic_load(&channel->page->base);
    size_t size =
        tail - channel->received < budget ? (size_t)(tail - channel->received) : budget;
    uint8_t *to;
    size_t room;

    if (tail <= channel->received || base > channel->received ||
        tail - base > channel->outbox_size)
        return 0;
    if (ward__framebuf_room(&channel->in, size, &to, &room) < 0)
        return -ENOMEM;
    memcpy(to, ward__page_outbox(channel->page) + (channel->received - base), size);
    read_in_order();
    if (atomic_load(&channel->page->base) != base)
        return 0; /* it may have been overwritten meanwhile */
    ward__framebuf_filled(&channel->in, size);
    channel->received += size;
    return (int64_t)size;
}

bool
ward__channel_has_news(const struct ward__channel *channel,
                       const struct ward__mailbox *box)
{
    uint64_t commit = atomic_load_explicit(&channel->page->commit, memory_order_acquire);

    return ward__commit_tail(commit) != (uint32_t)channel->received ||
           ward__commit_done(commit) == (uint32_t)box->sent_number;
}

bool
ward__channel_is_read(const struct ward__channel *channel)
{
    return ward__commit_tail(atomic_load(&channel->page->commit)) ==
           (uint32_t)channel->received;
}

int
ward__channel_next(struct ward__channel *channel, ward_bytes *frame)
{
    int more = ward__framebuf_next(&channel->in, frame);

    if (more == 0)
        ward__framebuf_shrink(&channel->in);
    channel->frames += more == 1;
    return more;
}

/* Copies [received, tail) out of the outbox. */
static int
take_outbox(struct ward__channel *channel, uint64_t tail)
{
    uint64_t base = atomic_load(&channel->page->base);
    int result;

    if (tail < channel->received)
        return -WARD_EPROTOCOL;
    if (tail == channel->received)
        return 0;
    if (base > channel->received || tail - base > channel->outbox_size)
        return -WARD_EPROTOCOL;
    result = ward__framebuf_feed(
        &channel->in, ward__page_outbox(channel->page) + (channel->received - base),
        (size_t)(tail - channel->received));
    if (result == 0)
        channel->received = tail;
    return result;
}

int
ward__channel_recover(struct ward__channel *channel)
{
    /* Looked at once and first: a grandchild may still write into socket and page, and what
     * was committed at this moment bounds what is read. */
    uint64_t tail = committed(channel, atomic_load(&channel->page->commit));
    int64_t got = 1;

    if (tail < channel->received ||
        tail - channel->received > channel->outbox_size + SOCKET_MOST)
        return -WARD_EPROTOCOL;
    while (!channel->is_eof && channel->received < tail && got > 0) {
        uint64_t left = tail - channel->received;
        got = ward__channel_read(channel, left < WRITE_SIZE ? (size_t)left : WRITE_SIZE);
    }
    return got < 0 ? (int)got : take_outbox(channel, tail);
}

/* A stream socket that is closed with unread bytes in it says ECONNRESET to its other end. With
 * nothing said but the first frame, that one is unread. */
bool
ward__channel_is_untouched(struct ward__channel *channel)
{
    if (!channel->is_eof)
        (void)ward__channel_read(channel, 1);
    return channel->lane_frames == 1 && channel->received == 0 &&
           (channel->is_cut || ward__channel_unsaid(channel) > 0);
}

/* ---- what the page says of messages ---- */

uint64_t
ward__channel_done(const struct ward__channel *channel, const struct ward__mailbox *box)
{
    return ward__extend(box->done_number,
                        ward__commit_done(atomic_load(&channel->page->commit)));
}

int
ward__channel_progress(const struct ward__channel *channel, struct ward__mailbox *box)
{
    uint64_t done = ward__channel_done(channel, box);

    if (done < box->done_number || done > box->sent_number)
        return -WARD_EPROTOCOL;
    ward__mailbox_free_to(box, done);
    return 0;
}

int
ward__channel_hand(const struct ward__channel *channel, const struct ward__mailbox *box,
                   struct ward__hand *hand)
{
    uint32_t done = (uint32_t)box->done_number;
    uint32_t handling = atomic_load(&channel->page->handling);

    *hand = (struct ward__hand){0};
    if (handling == done)
        return 0;
    if (handling != done + 1 || box->sent_number == box->done_number)
        return -WARD_EPROTOCOL;
    hand->is_in_hand = true;
    hand->was_early = atomic_load(&channel->page->early) == handling;
    return 0;
}

bool
ward__channel_is_idle(const struct ward__channel *channel,
                      const struct ward__mailbox *box)
{
    uint64_t commit = atomic_load(&channel->page->commit);

    return ward__commit_done(commit) == (uint32_t)box->tail_number &&
           ward__commit_tail(commit) == (uint32_t)channel->received &&
           atomic_load(&channel->page->heard) == channel->lane_frames &&
           ward__framebuf_held(&channel->in) == 0;
}

void
ward__channel_want(struct ward__channel *channel)
{
    atomic_exchange(&channel->page->want, 1);
}

bool
ward__channel_await(struct ward__channel *channel, struct ward__mailbox *box)
{
    uint64_t before = box->done_number;

    ward__channel_want(channel);
    return ward__channel_progress(channel, box) == 0 && box->done_number > before;
}

void
ward__channel_halt(struct ward__channel *channel)
{
    channel->is_halting = true;
    if (channel->page != NULL)
        atomic_store(&channel->page->halt, 1);
}

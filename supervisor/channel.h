/*
 * Channel: the host's end of one incarnation: a stream socket and the shared page. It writes
 * the lane (answers, verdicts, HALT and FINISH, which overtake) and the mailbox, reads frames,
 * and after a death takes from the page what the socket did not get. It believes nothing: each
 * word of the page is read once and checked against what the host itself has counted.
 * What frames mean is not its business.
 *
 * Used by: incarnation.c. Uses: mailbox.h, frame.h, page.h.
 */
#ifndef WARD_SUPERVISOR_CHANNEL_H
#define WARD_SUPERVISOR_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/frame.h"
#include "ipc/pack.h"
#include "ipc/page.h"
#include "supervisor/mailbox.h"

struct ward__channel {
    int fd;                  /* owned; -1: none */
    struct ward__page *page; /* owned mapping; NULL: none */
    size_t outbox_size;
    bool is_halting; /* HALT was said, maybe before it was open */
    struct ward__framebuf in;
    uint64_t frames;   /* of the worker's that were taken */
    uint64_t written;  /* bytes that the socket took */
    uint64_t received; /* bytes of the worker's stream, whether by socket or by page */
    uint64_t
        arrived; /* bytes that came by socket; fewer while it repeats what the page said */
    struct ward__sink lane; /* frames not yet written */
    size_t lane_written;
    uint32_t lane_frames;          /* given to the lane so far */
    uint64_t lane_said, lane_told; /* bytes ever given to the lane, and to the socket */
    bool is_blocked; /* the socket takes no more: wait until it can be written */
    bool is_eof;
    bool is_cut; /* it ended with bytes in it that nobody will read */
};

/* What the page says of the message in hand, checked. */
struct ward__hand {
    bool is_in_hand;
    bool was_early; /* it published part of what it sent */
};

void ward__channel_init(struct ward__channel *channel);

/* Opens both ends. The worker's, a socket and a memfd, are the caller's to close. 0; -EMFILE,
 * -ENFILE, -ENOMEM, and then it is as it was. */
int ward__channel_open(struct ward__channel *channel, size_t frame_bytes, int *worker_end,
                       int *page_fd);
/* The number of the last message that is done: before anything is written. */
void ward__channel_begin(struct ward__channel *channel, uint64_t done);
void ward__channel_close(struct ward__channel *channel);

/* Appends one frame to the lane. 0; -ENOMEM. */
int ward__channel_say(struct ward__channel *channel,
                      void (*pack)(struct ward__sink *sink, const void *what),
                      const void *what);

/* Writes what the socket takes: the lane first, at a frame boundary, then messages if
 * `box` is not NULL. 0; -EPIPE: nobody reads. */
int ward__channel_write(struct ward__channel *channel, struct ward__mailbox *box);

/* Reads at most about `budget` bytes. Their number; 0: nothing now, or is_eof; -ENOMEM; -ENOBUFS:
 * the kernel has no memory just now;
 * -WARD_EPROTOCOL: descriptors came along, or more than was committed. */
int64_t ward__channel_read(struct ward__channel *channel, size_t budget);

/* Reads from the socket, of which some is waited for, what the page said before and nothing else. As
 * ward__channel_read, but for -ENOMEM. */
int64_t ward__channel_read_known(struct ward__channel *channel);

/* Takes, at most `budget` bytes, what is committed straight from the page; the socket will repeat it,
 * which is not heard again. Their number; 0: there is none, or it is in the socket only; -ENOMEM. */
int64_t ward__channel_glance(struct ward__channel *channel, size_t budget);

/* Has the worker said something that the host has not read, or done all that was sent to it? That it has
 * done a part of that can wait. */
bool ward__channel_has_news(const struct ward__channel *channel,
                            const struct ward__mailbox *box);

/* The number of the last message that is done, as the page says now; it is not believed yet. */
uint64_t ward__channel_done(const struct ward__channel *channel,
                            const struct ward__mailbox *box);

/* Is all read that was committed? */
bool ward__channel_is_read(const struct ward__channel *channel);

/* The next frame that was read: 1; 0; -WARD_EPROTOCOL: too long. */
int ward__channel_next(struct ward__channel *channel, ward_bytes *frame);

/* The worker is dead: reads the socket to its end and the rest out of the page, up to what was
 * committed. 0; -ENOMEM; -WARD_EPROTOCOL: the page contradicts itself, nothing was taken
 * from it. */
int ward__channel_recover(struct ward__channel *channel);

/* The worker is dead: did it die without having read the first frame? The kernel says so, and a
 * worker cannot make it: what it has read is read. */
bool ward__channel_is_untouched(struct ward__channel *channel);

/* Frees what is done. 0; -WARD_EPROTOCOL: the page claims what cannot be. */
int ward__channel_progress(const struct ward__channel *channel,
                           struct ward__mailbox *box);

/* The message in hand, after ward__channel_progress. 0; -WARD_EPROTOCOL. */
int ward__channel_hand(const struct ward__channel *channel,
                       const struct ward__mailbox *box, struct ward__hand *hand);

/* True if nothing is in hand or under way in either direction. */
bool ward__channel_is_idle(const struct ward__channel *channel,
                           const struct ward__mailbox *box);

/* Asks the worker to begin no message any more; HALT wakes it if it sleeps. */
void ward__channel_halt(struct ward__channel *channel);

/* Is there anything of the lane, or of a message that has begun, that the socket has not taken? */
bool ward__channel_has_unsent(const struct ward__channel *channel,
                              const struct ward__mailbox *box);

/* Bytes of the lane that the socket has not taken. */
size_t ward__channel_unsaid(const struct ward__channel *channel);

/* Does much of the lane wait for the worker to read? */
bool ward__channel_is_backed_up(const struct ward__channel *channel);

/* Asks the worker to ring when it has done something. */
void ward__channel_want(struct ward__channel *channel);

/* The same; true: it has done something already, which is freed, and may not ring for it. */
bool ward__channel_await(struct ward__channel *channel, struct ward__mailbox *box);

#endif

#include "worker/outbox.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/fault.h"
#include "ipc/frame.h"

/* From this size on the memory of an outbox that was emptied is given back. */
enum { OUTBOX_KEEP = 256 * 1024 };

void
ward__outbox_init(struct ward__outbox *box, struct ward__page *page, int channel,
                  size_t frame_bytes, uint64_t done)
{
    *box = (struct ward__outbox){.page = page,
                                 .channel = channel,
                                 .capacity = page->outbox_size,
                                 .frame_bytes = frame_bytes,
                                 .done = done};
}

void
ward__outbox_publish(struct ward__outbox *box)
{
    if (box->committed == box->size)
        return;
    /* Outside of a message, in pre_start or a callback, there is none to mark. */
    if (atomic_load_explicit(&box->page->handling, memory_order_relaxed) ==
        (uint32_t)(box->done + 1))
        atomic_store_explicit(&box->page->early, (uint32_t)(box->done + 1),
                              memory_order_release);
    box->committed = box->size;
    ward__outbox_store(box);
}

void
ward__outbox_publish_question(struct ward__outbox *box)
{
    box->committed = box->size;
    ward__outbox_store(box);
}

void
ward__outbox_rollback(struct ward__outbox *box)
{
    box->size = box->committed;
}

/* All is written: the next byte goes to the front. `base` is stored first. */
static void
rewind_box(struct ward__outbox *box)
{
    size_t used = box->size;

    box->base += used;
    /* A host that copies from here looks at `base` once more afterwards: nothing that is stored
     * behind an exchange is seen before it. */
    (void)atomic_exchange_explicit(&box->page->base, box->base, memory_order_acq_rel);
    box->written = box->committed = box->size = 0;
    if (used > OUTBOX_KEEP)
        madvise((uint8_t *)box->page + WARD__PAGE_REST,
                WARD__PAGE_SIZE + box->capacity - WARD__PAGE_REST, MADV_REMOVE);
}

void
ward__outbox_flush(struct ward__outbox *box)
{
    const uint8_t *data = ward__page_outbox(box->page);

    while (box->written < box->committed) {
        ssize_t sent = WARD__SYS(send(box->channel, data + box->written,
                                      box->committed - box->written, MSG_NOSIGNAL));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) /* mostly the host is gone: nobody is left to be told */
            _exit(errno == EPIPE || errno == ECONNRESET ? 0 : errno);
        box->written += (size_t)sent;
    }
    if (box->written == box->size && box->size > 0)
        rewind_box(box);
}

/*
 * So often for each step of a clock that is cheap to read: who sends once in some milliseconds always
 * does, and a flood of short handlers hardly ever.
 */
enum { HURRIES = 16 };

bool
ward__outbox_hurries(struct ward__outbox *box)
{
    int64_t now = ward__clock_roughly_ms();

    if (now != box->hurried_at) {
        box->hurried_at = now;
        box->hurries = HURRIES;
    }
    if (box->hurries == 0)
        return false;
    box->hurries--;
    return true;
}

/* How long the frame is, or what is wrong with it. */
static int
measure(struct ward__outbox *box, void (*pack)(struct ward__sink *sink, const void *what),
        const void *what)
{
    struct ward__sink sink;

    ward__sink_counting(&sink);
    pack(&sink, what);
    if (sink.error < 0)
        return sink.error;
    return sink.size <= box->frame_bytes ? 0 : -EMSGSIZE;
}

static int
append(struct ward__outbox *box, void (*pack)(struct ward__sink *sink, const void *what),
       const void *what)
{
    struct ward__sink sink;
    size_t begun;
    int result;

    ward__sink_fixed(&sink, ward__page_outbox(box->page) + box->size,
                     box->capacity - box->size);
    begun = ward__wire_begin(&sink);
    pack(&sink, what);
    result = ward__wire_end(&sink, begun, box->frame_bytes);
    if (result == 0) {
        box->size += sink.size;
        box->last_size = sink.size - WARD__FRAME_PREFIX;
    }
    return result;
}

int
ward__outbox_put(struct ward__outbox *box,
                 void (*pack)(struct ward__sink *sink, const void *what),
                 const void *what)
{
    int result = append(box, pack, what);

    if (result != -EMSGSIZE || box->size == 0)
        return result;
    result = measure(box, pack, what);
    if (result < 0)
        return result;
    ward__outbox_publish(box);
    ward__outbox_flush(box);
    return append(box, pack, what);
}

static void
pack_bell(struct ward__sink *sink, const void *what)
{
    (void)sink;
    (void)what;
}

void
ward__outbox_ring(struct ward__outbox *box)
{
    int result;

    assert(box->size == box->committed);
    result = ward__outbox_put(box, pack_bell, NULL);
    assert(result == 0);
    (void)result;
    box->committed = box->size;
    ward__outbox_store(box);
    ward__outbox_flush(box);
}

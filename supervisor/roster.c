#include "supervisor/roster.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PIECE_BYTES = 64 * 1024 };

void
ward__roster_init(struct ward__roster *roster, size_t record_size)
{
    size_t unit = sizeof(max_align_t);

    *roster =
        (struct ward__roster){.record_size = (record_size + unit - 1) / unit * unit};
}

void
ward__roster_give(struct ward__roster *roster, void *record)
{
    if (record == NULL)
        return;
    memcpy(record, &roster->first_unused, sizeof roster->first_unused);
    roster->first_unused = record;
}

static void
add_piece(struct ward__roster *roster)
{
    uint8_t *piece = mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t count = PIECE_BYTES / roster->record_size;

    if (piece == MAP_FAILED)
        return;
    madvise(piece, PIECE_BYTES,
            MADV_DONTFORK); /* without it all works, and takes longer */
    while (count-- > 0)     /* the first one is taken first */
        ward__roster_give(roster, piece + count * roster->record_size);
}

void *
ward__roster_take(struct ward__roster *roster)
{
    void *record;

    if (roster->first_unused == NULL)
        add_piece(roster);
    record = roster->first_unused;
    if (record == NULL)
        return NULL;
    memcpy(&roster->first_unused, record, sizeof roster->first_unused);
    return memset(record, 0, roster->record_size);
}

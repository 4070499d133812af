#include "ipc/scan.h"

#include <ward/error.h>

#include "ipc/read.h"

/* How many values a head owes: none for a scalar. */
static uint64_t
owes(const struct ward__head *head)
{
    if (head->kind == WARD__ARRAY)
        return head->length;
    if (head->kind == WARD__MAP)
        return 2 * (uint64_t)head->length;
    return 0;
}

int64_t
ward__scan(const uint8_t *data, size_t size)
{
    return ward__scan_within(data, size, WARD__SCAN_DEPTH);
}

/* The usual: a short list of values without others inside. 0: it is no such list, or a bad one. */
static int64_t
scan_flat(const uint8_t *data, size_t size)
{
    struct ward__cursor in = {data, data + size};
    struct ward__head head;
    uint32_t left;

    if (size == 0 || (*data & 0xf0) != 0x90)
        return 0;
    left = *in.at++ & 0x0f;
    for (; left > 0; left--)
        if (ward__read_head(&in, &head) < 0 || head.kind >= WARD__ARRAY)
            return 0;
    return in.at - data;
}

static int64_t
scan_deep(const uint8_t *data, size_t size, unsigned levels)
{
    struct ward__cursor in = {data, data + size};
    uint64_t left[WARD__SCAN_DEPTH]; /* values owed by each open level */
    uint64_t owed = 1;               /* by all of them together */
    uint32_t nodes = 0;
    unsigned depth = 0;

    left[0] = 1;
    while (owed > 0) {
        struct ward__head head;
        uint64_t inner;

        while (left[depth] == 0)
            depth--;
        if (++nodes > WARD__SCAN_NODES || ward__read_head(&in, &head) < 0)
            return -WARD_EPROTOCOL;
        left[depth]--;
        inner = owes(&head);
        owed = owed - 1 + inner;
        if (owed > (uint64_t)(in.end - in.at))
            return -WARD_EPROTOCOL;
        if (inner == 0)
            continue;
        if (++depth == levels)
            return -WARD_EPROTOCOL;
        left[depth] = inner;
    }
    return in.at - data;
}

int64_t
ward__scan_within(const uint8_t *data, size_t size, unsigned levels)
{
    int64_t used = levels > 1 ? scan_flat(data, size) : 0;

    return used > 0 ? used : scan_deep(data, size, levels);
}

int64_t
ward__scan_all(const uint8_t *data, size_t size)
{
    int64_t count = 0;

    while (size > 0) {
        int64_t used = ward__scan(data, size);
        if (used < 0)
            return used;
        data += used;
        size -= (size_t)used;
        count++;
    }
    return count;
}

/*
 * Scanner: decides, before anything is believed, whether bytes are well-formed msgpack within
 * bounds. It is iterative, allocates nothing and looks at each byte head once. Every
 * array and map that it meets owes values; what all open levels owe together must fit into
 * the bytes that are left, so five bytes cannot promise four thousand million values.
 * It does not convert anything: the reader (read.h) does.
 *
 * Used by: frame readers of both sides, ward_iter_init. Uses: read.h.
 */
#ifndef WARD_IPC_SCAN_H
#define WARD_IPC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levels: the user's own (WARD_MAX_DEPTH), the envelope, its list, and the value itself. */
#define WARD__SCAN_DEPTH 35
/* More than the largest frame has bytes: what was packed within its limit is never refused. */
#define WARD__SCAN_NODES (UINT32_C(1) << 27)

/*
 * Scans one value at the front of `data`. Its length, or -WARD_EPROTOCOL: cut short, not
 * msgpack, too deep or too many nodes.
 */
int64_t ward__scan(const uint8_t *data, size_t size);
/* The same, with fewer levels allowed: at most WARD__SCAN_DEPTH. */
int64_t ward__scan_within(const uint8_t *data, size_t size, unsigned levels);

/* Are these bytes, at least one, exactly one list of fewer than 16 values? Of those most are a few bytes in
 * an array of one. False: it may still be a list, longer or in a longer form. */
static inline bool
ward__scan_is_short_list(const uint8_t *data, size_t size)
{
    if (size >= 3 && data[0] == 0x91 && data[1] == 0xc4 && size == 3 + (size_t)data[2])
        return true;
    return (data[0] & 0xf0) == 0x90 &&
           ward__scan_within(data, size, WARD__SCAN_DEPTH - 1) == (int64_t)size;
}

/* Scans a sequence of values that fills `data` exactly: how many, or -WARD_EPROTOCOL. */
int64_t ward__scan_all(const uint8_t *data, size_t size);

#endif

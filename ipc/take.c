#include "ipc/take.h"

#include <errno.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/scan.h"

bool
ward__take_bool(struct ward__taker *in)
{
    struct ward__head head;

    if (in->error == 0)
        in->error = ward__read_head(&in->cursor, &head);
    if (in->error == 0 && head.kind != WARD__BOOL)
        in->error = -WARD_ETYPE;
    return in->error == 0 && head.as.boolean;
}

ward_bytes
ward__take_bytes(struct ward__taker *in)
{
    ward_bytes bytes = {NULL, 0};

    if (in->error == 0)
        in->error = ward__read_bytes(&in->cursor, &bytes);
    return bytes;
}

void
ward__take_array(struct ward__taker *in, uint32_t count)
{
    uint32_t found;

    if (in->error == 0 && (ward__read_array(&in->cursor, &found) < 0 || found != count))
        ward__taker_fail(in, -WARD_EPROTOCOL);
}

ward_raw
ward__take_list(struct ward__taker *in)
{
    const uint8_t *begun = in->cursor.at; /* see read.c on copies of a cursor */
    ward_raw list = {NULL, 0};
    uint32_t count;

    if (in->error == 0)
        in->error = ward__read_array(&in->cursor, &count);
    if (in->error < 0)
        return list;
    list = (ward_raw){begun, (size_t)(in->cursor.end - begun)};
    if (!in->is_trusted &&
        ward__scan_within(list.data, list.size, WARD__SCAN_DEPTH - 1) !=
            (int64_t)list.size) {
        ward__taker_fail(in, -WARD_EPROTOCOL);
        return (ward_raw){NULL, 0};
    }
    in->cursor.at = in->cursor.end;
    return list;
}

const char *
ward__take_string(struct ward__taker *in, size_t max)
{
    ward_bytes bytes = {NULL, 0};
    char *copy;

    if (in->error < 0 || ward__read_nil(&in->cursor) == 0)
        return "";
    bytes = ward__take_bytes(in);
    if (in->error == 0 &&
        (bytes.size > max || memchr(bytes.data, '\0', bytes.size) != NULL))
        in->error = -WARD_EPROTOCOL;
    if (in->error < 0)
        return "";
    copy = ward__arena_take(in->arena, bytes.size + 1);
    if (copy == NULL) {
        in->error = -ENOMEM;
        return "";
    }
    memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return copy;
}

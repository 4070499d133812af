#include "ipc/read.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <ward/error.h>

#include "ipc/scan.h"

/* A big-endian number of `width` bytes. */
static uint64_t
big_endian(const uint8_t *at, unsigned width)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < width; i++)
        number = number << 8 | at[i];
    return number;
}

static uint64_t
load_64(const uint8_t *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof number);
    return be64toh(number);
}

static void
set_signed(struct ward__head *head, int64_t number)
{
    head->kind = number < 0 ? WARD__INT : WARD__UINT;
    head->as.i = number;
}

/* How the bytes from 0xc0 to 0xdf begin a value. */
enum form {
    FORM_BAD,
    FORM_NIL,
    FORM_FALSE,
    FORM_TRUE,
    FORM_BODY, /* `width` bytes of length, then a body, for ext with a type before it */
    FORM_FIXEXT,
    FORM_FLOAT,
    FORM_UINT,
    FORM_INT,
    FORM_OPEN, /* `width` bytes of length, then elements */
};

struct lead {
    enum form form;
    enum ward__kind kind;
    unsigned width;
};

static const struct lead leads[32] = {
    [0x00] = {FORM_NIL, WARD__NIL, 0},      [0x01] = {FORM_BAD, WARD__NIL, 0},
    [0x02] = {FORM_FALSE, WARD__BOOL, 0},   [0x03] = {FORM_TRUE, WARD__BOOL, 0},
    [0x04] = {FORM_BODY, WARD__BIN, 1},     [0x05] = {FORM_BODY, WARD__BIN, 2},
    [0x06] = {FORM_BODY, WARD__BIN, 4},     [0x07] = {FORM_BODY, WARD__EXT, 1},
    [0x08] = {FORM_BODY, WARD__EXT, 2},     [0x09] = {FORM_BODY, WARD__EXT, 4},
    [0x0a] = {FORM_FLOAT, WARD__DOUBLE, 4}, [0x0b] = {FORM_FLOAT, WARD__DOUBLE, 8},
    [0x0c] = {FORM_UINT, WARD__UINT, 1},    [0x0d] = {FORM_UINT, WARD__UINT, 2},
    [0x0e] = {FORM_UINT, WARD__UINT, 4},    [0x0f] = {FORM_UINT, WARD__UINT, 8},
    [0x10] = {FORM_INT, WARD__INT, 1},      [0x11] = {FORM_INT, WARD__INT, 2},
    [0x12] = {FORM_INT, WARD__INT, 4},      [0x13] = {FORM_INT, WARD__INT, 8},
    [0x14] = {FORM_FIXEXT, WARD__EXT, 1},   [0x15] = {FORM_FIXEXT, WARD__EXT, 2},
    [0x16] = {FORM_FIXEXT, WARD__EXT, 4},   [0x17] = {FORM_FIXEXT, WARD__EXT, 8},
    [0x18] = {FORM_FIXEXT, WARD__EXT, 16},  [0x19] = {FORM_BODY, WARD__STR, 1},
    [0x1a] = {FORM_BODY, WARD__STR, 2},     [0x1b] = {FORM_BODY, WARD__STR, 4},
    [0x1c] = {FORM_OPEN, WARD__ARRAY, 2},   [0x1d] = {FORM_OPEN, WARD__ARRAY, 4},
    [0x1e] = {FORM_OPEN, WARD__MAP, 2},     [0x1f] = {FORM_OPEN, WARD__MAP, 4},
};

/* Takes the body of str, bin and ext; `length` is known. */
static int
take_body(struct ward__cursor *in, const uint8_t *at, struct ward__head *head,
          enum ward__kind kind, uint64_t length)
{
    size_t left = (size_t)(in->end - at);

    if (kind == WARD__EXT) {
        if (left == 0)
            return -WARD_EPROTOCOL;
        left--;
    }
    if (length > left)
        return -WARD_EPROTOCOL;
    if (kind == WARD__EXT)
        head->ext_type = (int8_t)*at++;
    head->kind = kind;
    head->length = (uint32_t)length;
    head->body = at;
    in->at = at + length;
    return 0;
}

static void
take_number(struct ward__head *head, const struct lead *lead, uint64_t bits)
{
    unsigned unused = 64 - 8 * lead->width;
    uint32_t single = (uint32_t)bits;
    float narrow;

    if (lead->form == FORM_UINT) {
        head->as.u = bits;
    } else if (lead->form == FORM_INT) {
        set_signed(head, (int64_t)(bits << unused) >> unused);
    } else if (lead->width == 8) {
        memcpy(&head->as.d, &bits, sizeof bits);
    } else {
        memcpy(&narrow, &single, sizeof narrow);
        head->as.d = (double)narrow;
    }
}

int
ward__read_led(struct ward__cursor *in, struct ward__head *head)
{
    const uint8_t *at = in->at + 1;
    const struct lead *lead = &leads[*in->at - 0xc0];
    uint64_t number;

    if (lead->form == FORM_BAD)
        return -WARD_EPROTOCOL;
    if (lead->form == FORM_FIXEXT)
        return take_body(in, at, head, WARD__EXT, lead->width);
    if (lead->width > (size_t)(in->end - at))
        return -WARD_EPROTOCOL;
    number = big_endian(at, lead->width);
    at += lead->width;
    if (lead->form == FORM_BODY)
        return take_body(in, at, head, lead->kind, number);
    head->kind = lead->kind;
    if (lead->form == FORM_OPEN)
        head->length = (uint32_t)number;
    else if (lead->kind == WARD__BOOL)
        head->as.boolean = lead->form == FORM_TRUE;
    else if (lead->form != FORM_NIL)
        take_number(head, lead, number);
    in->at = at;
    return 0;
}

int
ward__read_short(struct ward__cursor *in, struct ward__head *head)
{
    uint8_t first = *in->at;

    if (first >= 0xa0)
        return take_body(in, in->at + 1, head, WARD__STR, first & 0x1f);
    head->kind = first >= 0x90 ? WARD__ARRAY : WARD__MAP;
    head->length = first & 0x0f;
    in->at++;
    return 0;
}

/* Where it began, if the value is not what was wanted. A cursor is not copied: two pointers at once
 * wait in the processor for the one that was written last. */
static int
refuse(struct ward__cursor *in, const uint8_t *begun, int error)
{
    in->at = begun;
    return error;
}

int
ward__read_long_uint(struct ward__cursor *in, uint64_t max, uint64_t *out)
{
    const uint8_t *begun = in->at;
    struct ward__head head;
    int result = ward__read_head(in, &head);

    if (result < 0)
        return result;
    if (head.kind == WARD__INT)
        return refuse(in, begun, -ERANGE);
    if (head.kind != WARD__UINT)
        return refuse(in, begun, -WARD_ETYPE);
    if (head.as.u > max)
        return refuse(in, begun, -ERANGE);
    *out = head.as.u;
    return 0;
}

int
ward__read_long_int(struct ward__cursor *in, int64_t min, int64_t max, int64_t *out)
{
    const uint8_t *begun = in->at;
    struct ward__head head;
    int result = ward__read_head(in, &head);

    if (result < 0)
        return result;
    if (head.kind != WARD__UINT && head.kind != WARD__INT)
        return refuse(in, begun, -WARD_ETYPE);
    if (head.kind == WARD__UINT && head.as.u > INT64_MAX)
        return refuse(in, begun, -ERANGE);
    if (head.as.i < min || head.as.i > max)
        return refuse(in, begun, -ERANGE);
    *out = head.as.i;
    return 0;
}

int
ward__read_bytes(struct ward__cursor *in, ward_bytes *out)
{
    const uint8_t *begun = in->at;
    struct ward__head head;
    int result = ward__read_head(in, &head);

    if (result < 0)
        return result;
    if (head.kind != WARD__STR && head.kind != WARD__BIN)
        return refuse(in, begun, -WARD_ETYPE);
    *out = (ward_bytes){head.body, head.length};
    return 0;
}

int
ward__read_other_ref(struct ward__cursor *in, ward_ref *out)
{
    const uint8_t *begun = in->at;
    struct ward__head head;
    int result;

    if (ward__read_nil(in) == 0) {
        *out = (ward_ref){0, 0};
        return 0;
    }
    result = ward__read_head(in, &head);
    if (result < 0)
        return result;
    /* The same in another msgpack form, from a program that packs its own way. */
    if (head.kind != WARD__EXT || head.ext_type != WARD__EXT_REF || head.length != 16)
        return refuse(in, begun, -WARD_ETYPE);
    *out = (ward_ref){load_64(head.body), load_64(head.body + 8)};
    return 0;
}

int
ward__read_long_array(struct ward__cursor *in, uint32_t *count)
{
    const uint8_t *begun = in->at;
    struct ward__head head;
    int result = ward__read_head(in, &head);

    if (result < 0)
        return result;
    if (head.kind != WARD__ARRAY)
        return refuse(in, begun, -WARD_ETYPE);
    *count = head.length;
    return 0;
}

int
ward__skip(struct ward__cursor *in)
{
    ward_raw skipped;

    return ward__read_raw(in, &skipped);
}

int
ward__read_raw(struct ward__cursor *in, ward_raw *out)
{
    int64_t used;

    if (in->at == in->end)
        return -ENODATA;
    used = ward__scan(in->at, (size_t)(in->end - in->at));
    if (used < 0)
        return (int)used;
    *out = (ward_raw){in->at, (size_t)used};
    in->at += used;
    return 0;
}

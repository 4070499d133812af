#include "tests/unit/documents.h"

#include "tests/unit/support.h"

enum { BODY_MOST = 70000 };

/* Lengths around those where the form changes; long ones are rare. */
static size_t
random_length(uint64_t *random)
{
    static const size_t edges[] = {0,  1,  2,  3,  4,   5,   7,   8,   9, 15, 16,
                                   17, 31, 32, 33, 255, 256, 257, 300, 0, 1,  2};
    static const size_t large[] = {65535, 65536, 65537};

    if (random_below(random, 200) == 0)
        return large[random_below(random, COUNT_OF(large))];
    return edges[random_below(random, COUNT_OF(edges))];
}

static const uint8_t *
random_body(uint64_t *random)
{
    static uint8_t body[BODY_MOST];

    for (size_t i = 0; i < 64; i++)
        body[random_below(random, BODY_MOST)] = (uint8_t)random_next(random);
    for (size_t i = 0; i < 16; i++)
        body[i] = (uint8_t)random_next(random);
    return body;
}

static void
pack_body(msgpack_packer *packer, uint64_t *random)
{
    size_t length = random_length(random);
    const uint8_t *body = random_body(random);

    switch (random_below(random, 3)) {
    case 0:
        msgpack_pack_str(packer, length);
        msgpack_pack_str_body(packer, body, length);
        break;
    case 1:
        msgpack_pack_bin(packer, length);
        msgpack_pack_bin_body(packer, body, length);
        break;
    default:
        msgpack_pack_ext(packer, length, (int8_t)random_next(random));
        msgpack_pack_ext_body(packer, body, length);
        break;
    }
}

/* An integer of a fixed width, whatever its value. */
static void
pack_wide(msgpack_packer *packer, uint64_t *random)
{
    uint64_t number = random_next(random) >> random_below(random, 64);

    switch (random_below(random, 8)) {
    case 0:
        msgpack_pack_fix_uint8(packer, (uint8_t)number);
        break;
    case 1:
        msgpack_pack_fix_uint16(packer, (uint16_t)number);
        break;
    case 2:
        msgpack_pack_fix_uint32(packer, (uint32_t)number);
        break;
    case 3:
        msgpack_pack_fix_uint64(packer, number);
        break;
    case 4:
        msgpack_pack_fix_int8(packer, (int8_t)number);
        break;
    case 5:
        msgpack_pack_fix_int16(packer, (int16_t)number);
        break;
    case 6:
        msgpack_pack_fix_int32(packer, (int32_t)number);
        break;
    default:
        msgpack_pack_fix_int64(packer, (int64_t)number);
        break;
    }
}

static void
pack_scalar(msgpack_packer *packer, uint64_t *random)
{
    uint64_t number = random_next(random) >> random_below(random, 64);

    switch (random_below(random, 9)) {
    case 0:
        msgpack_pack_nil(packer);
        break;
    case 1:
        msgpack_pack_true(packer);
        break;
    case 2:
        msgpack_pack_false(packer);
        break;
    case 3:
        msgpack_pack_uint64(packer, number);
        break;
    case 4:
        msgpack_pack_int64(packer, -(int64_t)(number >> 1) - 1);
        break;
    case 5:
        msgpack_pack_float(packer, (float)(int64_t)number / 3.0F);
        break;
    case 6:
        msgpack_pack_double(packer, (double)(int64_t)number / 7.0);
        break;
    case 7:
        pack_wide(packer, random);
        break;
    default:
        pack_body(packer, random);
        break;
    }
}

void
document_pack(msgpack_sbuffer *out, uint64_t *random, unsigned depth)
{
    static const size_t counts[] = {0, 1, 2, 3, 5, 15, 16, 17};
    msgpack_packer packer;
    size_t count;

    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    if (depth == 0 || random_below(random, 3) == 0) {
        pack_scalar(&packer, random);
        return;
    }
    count = counts[random_below(random, depth > 2 ? 5 : COUNT_OF(counts))];
    if (depth == 1 && random_below(random, 1000) == 0)
        count = 65536;
    if (random_below(random, 2) == 0) {
        msgpack_pack_map(&packer, count);
        count *= 2;
    } else {
        msgpack_pack_array(&packer, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (count > 100)
            msgpack_pack_fix_uint8(&packer, (uint8_t)i);
        else
            document_pack(out, random, depth - 1);
    }
}

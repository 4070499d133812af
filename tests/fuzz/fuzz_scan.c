/* What the scanner accepts can be walked to its end with every getter, within its bounds. */
#include <errno.h>

#include <ward/error.h>

#include "ipc/message.h"
#include "ipc/scan.h"
#include "tests/fuzz/fuzz.h"

/* Every getter on the value where the iterator stands; each answers as it may. */
static void
try_getters(const ward_iter *it)
{
    for (int tag = WARD_SLOT_BOOL; tag <= WARD_SLOT_ITER; tag++) {
        uint64_t cell[8];
        const ward_slot slot = {(enum ward_slot_tag)tag, cell};
        ward_iter copy = *it;
        int result = ward_iter_slots(&copy, &slot, 1);
        MUST(result == 1 || result == -WARD_ETYPE || result == -ERANGE ||
             result == -EILSEQ);
        MUST(copy.at <= copy.end);
        MUST(copy.left == it->left - (result == 1));
        if (result == 1 && tag == WARD_SLOT_STRING) {
            const char *string;
            memcpy(&string, cell, sizeof string);
            MUST(string == NULL || strlen(string) <= (size_t)(it->end - it->at));
        }
    }
}

static void
walk(ward_iter *it, unsigned depth)
{
    MUST(depth <= WARD__SCAN_DEPTH);
    while (ward_iter_left(it) > 0) {
        ward_iter inner, before = *it;
        int kind = ward_iter_peek(it);
        MUST(kind >= 0);
        if (ward_iter_left(it) < 64)
            try_getters(it);
        MUST(ward_iter_skip(it) == 1);
        MUST(it->at > before.at && it->at <= it->end);
        if (kind != WARD_VALUE_BUILT)
            continue;
        MUST(ward_iter_next(&before, &inner) == 1);
        walk(&inner, depth + 1);
        MUST(inner.at == it->at);
    }
    MUST(ward_iter_peek(it) == -ENODATA);
    MUST(ward_iter_skip(it) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_exact(data, size);
    struct ward_arena arena = {NULL};
    struct ward__cursor in = {exact, exact + size};
    int64_t used = ward__scan(exact, size);
    ward_raw raw;
    ward_iter it;

    MUST(used == -WARD_EPROTOCOL || (used > 0 && (uint64_t)used <= size));
    MUST((ward__read_raw(&in, &raw) == 0) == (used > 0));
    MUST(in.at == exact + (used > 0 ? used : 0));
    if (used > 0)
        MUST(ward__scan(exact, (size_t)used - 1) < 0);
    if (ward_iter_init(&it, (ward_bytes){exact, size}) == 0) {
        it.arena = &arena;
        walk(&it, 0);
        MUST(it.at == exact + size);
    }
    ward__arena_done(&arena);
    free(exact);
    return 0;
}

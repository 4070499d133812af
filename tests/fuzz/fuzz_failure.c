/* A failure record that is taken can be copied, said in a line, and packed again as it is. */
#include <ward/error.h>

#include "ipc/failure.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 1 << 20 };

static void
check_again(const ward_failure *f)
{
    struct ward__sink first, second;
    struct ward_arena arena = {NULL};
    struct ward__taker in;
    ward_failure *copy = ward__failure_copy(f);
    const ward_failure *again;

    MUST(copy != NULL);
    ward__sink_init(&first, MOST);
    ward__sink_init(&second, MOST);
    ward__pack_failure(&first, copy);
    MUST(first.error == 0);
    in = (struct ward__taker){.cursor = {first.data, first.data + first.size},
                              .arena = &arena};
    again = ward__take_failure(&in);
    MUST(in.error == 0 && again != NULL && in.cursor.at == in.cursor.end);
    ward__pack_failure(&second, again);
    MUST(second.size == first.size);
    MUST(memcmp(second.data, first.data, first.size) == 0);
    ward__sink_done(&first);
    ward__sink_done(&second);
    ward__arena_done(&arena);
    free(copy);
}

/* The rest of the input through the single takes, in an order that the input says. */
static void
take_singly(struct ward__taker *in, struct fuzz_input *order)
{
    while (in->error == 0 && order->size > 0) {
        const uint8_t *before = in->cursor.at;
        switch (fuzz_byte(order) % 8) {
        case 0:
            (void)ward__take_uint(in, UINT64_MAX);
            break;
        case 1:
            (void)ward__take_int(in, INT64_MIN, INT64_MAX);
            break;
        case 2:
            (void)ward__take_bool(in);
            break;
        case 3:
            (void)ward__take_ref(in);
            break;
        case 4:
            MUST(ward__take_bytes(in).size <= (size_t)(in->cursor.end - before));
            break;
        case 5:
            MUST(ward__take_list(in).size <= (size_t)(in->cursor.end - before));
            break;
        case 6:
            MUST(strlen(ward__take_string(in, 100)) <= 100);
            break;
        default:
            (void)ward__take_failure(in);
            break;
        }
        MUST(in->cursor.at >= before && in->cursor.at <= in->cursor.end);
        MUST(in->error != 0 || in->cursor.at > before);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_exact(data, size);
    struct ward_arena arena = {NULL};
    struct ward__taker in = {.cursor = {exact, exact + size}, .arena = &arena};
    struct fuzz_input order = {data, size};
    const ward_failure *f = ward__take_failure(&in);
    char line[128];

    if (in.error == 0 && f != NULL) {
        MUST(ward_failure_format(f, line, sizeof line) > 0);
        MUST(strlen(line) < sizeof line);
        check_again(f);
    }
    in = (struct ward__taker){.cursor = {exact, exact + size}, .arena = &arena};
    take_singly(&in, &order);
    ward__arena_done(&arena);
    free(exact);
    return 0;
}

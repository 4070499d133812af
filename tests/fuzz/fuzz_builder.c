/* A sequence of calls on a builder: as long as none fails, what it holds is msgpack. */
#include <errno.h>

#include <ward/builder.h>

#include "ipc/scan.h"
#include "tests/fuzz/fuzz.h"

enum { CALLS = 4096 };

/* What we know of the builder without looking at it. */
struct model {
    unsigned depth;
    int error;
    size_t alone; /* values outside of everything */
    /* A value that was encoded elsewhere stands inside: together with what is around it, it
     * may nest deeper than the scanner goes, and then the verbs refuse it. */
    bool may_be_too_deep;
};

static ward_value
value_of(struct fuzz_input *in, const ward_builder *other)
{
    const uint8_t *bytes;
    size_t size;

    switch (fuzz_byte(in) % 9) {
    case 0:
        return ward_value_nil();
    case 1:
        return ward_value_bool(fuzz_byte(in) & 1);
    case 2:
        return ward_value_int((int64_t)fuzz_number(in, 8));
    case 3:
        return ward_value_uint(fuzz_number(in, fuzz_byte(in) % 9));
    case 4:
        return ward_value_double((double)fuzz_number(in, 8));
    case 5:
        return ward_value_ref((ward_ref){fuzz_number(in, 8), fuzz_number(in, 8)});
    case 6:
        size = fuzz_bytes(in, fuzz_byte(in), &bytes);
        return ward_value_bytes((ward_bytes){bytes, size});
    case 7:
        size = fuzz_bytes(in, fuzz_byte(in), &bytes);
        return ward_value_raw((ward_raw){bytes, size});
    default:
        return ward_value_built(other);
    }
}

static void
add(ward_builder *b, struct fuzz_input *in, const ward_builder *other,
    struct model *model)
{
    ward_value value = value_of(in, other);
    int result = ward_add_values(b, &value, 1);

    MUST(result == 0 || model->error != 0 || value.tag == WARD_VALUE_RAW ||
         value.tag == WARD_VALUE_BUILT);
    if (result == 0)
        model->alone += model->depth == 0;
    if (value.tag == WARD_VALUE_RAW || value.tag == WARD_VALUE_BUILT)
        model->may_be_too_deep |= model->depth > 0;
}

static void
call(ward_builder *b, struct fuzz_input *in, const ward_builder *other,
     struct model *model)
{
    int before = model->error;
    int result = 0;

    switch (fuzz_byte(in) % 8) {
    case 0:
    case 1:
        result = fuzz_byte(in) & 1 ? ward_open_array(b) : ward_open_map(b);
        MUST(before != 0 || (result == 0) == (model->depth < WARD_MAX_DEPTH));
        if (result == 0)
            model->alone += model->depth++ == 0;
        break;
    case 2:
    case 3:
        result = ward_close(b);
        MUST(before != 0 || model->depth > 0 || result == -EINVAL);
        model->depth -= result == 0;
        break;
    case 4:
        if (fuzz_byte(in) % 16 == 0) {
            ward_builder_clear(b);
            *model = (struct model){0};
            return;
        }
        break;
    default:
        add(b, in, other, model);
        break;
    }
    MUST(before == 0 || result == before || result == 0);
    result = ward_builder_error(b);
    MUST(before == 0 || result == before);
    model->error = result == -EINVAL && model->depth > 0 ? model->error : result;
}

/* An error that hides behind an open level shows by a call that does nothing. */
static int
error_of(ward_builder *b)
{
    return ward_add_values(b, NULL, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct model model = {0}, other_model = {0};
    ward_builder *b = ward_builder_new();
    ward_builder *other = ward_builder_new();
    ward_bytes bytes;
    int64_t count;

    MUST(b != NULL && other != NULL);
    for (int i = 0; in.size > 0 && i < CALLS; i++) {
        if (fuzz_byte(&in) % 4 == 0)
            call(other, &in, NULL, &other_model);
        else
            call(b, &in, other, &model);
        model.error = error_of(b);
        other_model.error = error_of(other);
        if (ward_builder_bytes(b).size > 1 << 16)
            break;
    }
    while (model.error == 0 && model.depth > 0) {
        if (ward_close(b) < 0)
            model.error = error_of(b);
        model.depth--;
    }
    bytes = ward_builder_bytes(b);
    if (model.error == 0) {
        MUST(ward_builder_error(b) == 0);
        count = ward__scan_all(bytes.data, bytes.size);
        MUST(count == (int64_t)model.alone || (count < 0 && model.may_be_too_deep));
    }
    ward_builder_free(b);
    ward_builder_free(other);
    return 0;
}

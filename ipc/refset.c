#include "ipc/refset.h"

#include <errno.h>
#include <stdlib.h>

#include "ipc/fault.h"

static bool
find(const struct ward__refset *set, ward_ref ref, size_t *at)
{
    for (*at = 0; *at < set->count; (*at)++)
        if (ward_ref_equal(set->refs[*at], ref))
            return true;
    return false;
}

int
ward__refset_add(struct ward__refset *set, ward_ref ref)
{
    size_t at;

    if (find(set, ref, &at))
        return 0;
    if (set->count == set->capacity) {
        size_t capacity = set->capacity != 0 ? 2 * set->capacity : 8;
        ward_ref *refs = WARD__NEW(realloc(set->refs, capacity * sizeof *refs));
        if (refs == NULL)
            return -ENOMEM;
        set->refs = refs;
        set->capacity = capacity;
    }
    set->refs[set->count++] = ref;
    return 0;
}

bool
ward__refset_remove(struct ward__refset *set, ward_ref ref)
{
    size_t at;

    if (!find(set, ref, &at))
        return false;
    set->refs[at] = set->refs[--set->count];
    return true;
}

void
ward__refset_done(struct ward__refset *set)
{
    free(set->refs);
    *set = (struct ward__refset){0};
}

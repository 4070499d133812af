#include "ipc/fault.h"

#include <errno.h>
#include <sys/mman.h>

struct ward__fault_plan *ward__faults;
enum ward__role ward__role = WARD__ROLE_HOST;

bool
ward__fault_hit(void)
{
    struct ward__fault_plan *plan = ward__faults;
    long due = atomic_load(&plan->due);

    if (due == 0 || atomic_load(&plan->role) != (int)ward__role)
        return false;
    if (atomic_fetch_add(&plan->seen, 1) + 1 != due)
        return false;
    atomic_fetch_add(&plan->failed, 1);
    errno = atomic_load(&plan->error);
    return true;
}

struct ward__fault_plan *
ward__fault_plan_share(void)
{
    void *memory = mmap(NULL, sizeof(struct ward__fault_plan), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    ward__faults = memory;
    return ward__faults;
}

void
ward__fault_arm(enum ward__role role, long n, int error)
{
    atomic_store(&ward__faults->due, 0);
    atomic_store(&ward__faults->role, (int)role);
    atomic_store(&ward__faults->error, error);
    atomic_store(&ward__faults->seen, 0);
    atomic_store(&ward__faults->failed, 0);
    atomic_store(&ward__faults->due, n);
}

void
ward__fault_disarm(void)
{
    atomic_store(&ward__faults->due, 0);
}
